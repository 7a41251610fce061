_mkfs__erofs() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="mkfs__erofs"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        mkfs__erofs)
            opts="-x -b -z -C -E -m -T -L -U -d -h -V --nix-closure --store-paths --add-file --tar --aufs --ovlfs-strip --sort --gzip --ungzip --unlzma --unxz --exclude-path --exclude-regex --hard-dereference --keep-hard-links --strip-case-hack --file-contexts --strict-xattrs --manifest --manifest-format --nar --binary-cache --trusted-public-key --registration --max-extent-bytes --compress-hints --target-kernel --small --zD --MZ --chunksize --dsunit --fsalignblks --offset --root-xattr-isize --xattr-prefix --mount-point --clean --all-root --keep-owners --root-mode --force-uid --force-gid --uid-offset --gid-offset --all-time --mkfs-time --ignore-mtime --preserve-mtime --order --base --rebuildable --trust-store-names --verity --verity-hash --verity-salt --verity-data-block-size --verity-hash-block-size --verity-no-superblock --roothash-file --fsverity-digests --quiet --json --no-progress --sync --verify --async-queue-limit --workers --list --extract --overwrite --no-preserve-owner --no-same-owner --no-xattrs --help --version"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --store-paths)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --nix-closure)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --add-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tar)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ovlfs-strip)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --sort)
                    COMPREPLY=($(compgen -W "path none" -- "${cur}"))
                    return 0
                    ;;
                --ungzip)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --gzip)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unxz)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unlzma)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exclude-path)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --exclude-regex)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --file-contexts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -x)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --manifest)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --manifest-format)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --binary-cache)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --trusted-public-key)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --registration)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -b)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -z)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -C)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-extent-bytes)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --compress-hints)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --target-kernel)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -E)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -m)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --zD)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --MZ)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --chunksize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --dsunit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fsalignblks)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --offset)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --root-xattr-isize)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --xattr-prefix)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --mount-point)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --clean)
                    COMPREPLY=($(compgen -W "data" -- "${cur}"))
                    return 0
                    ;;
                --root-mode)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --force-uid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --force-gid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uid-offset)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --gid-offset)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -T)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -L)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -U)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --order)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --base)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --verity)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --verity-hash)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --verity-salt)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --verity-data-block-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --verity-hash-block-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --roothash-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --fsverity-digests)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -d)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --async-queue-limit)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --workers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --list)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --extract)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _mkfs__erofs -o nosort -o bashdefault -o default mkfs-erofs
else
    complete -F _mkfs__erofs -o bashdefault -o default mkfs-erofs
fi
