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
            opts="-x -E -T -L -d -b -z -C -m -U -h -V --nix-closure --store-paths --add-file --aufs --sort --gzip --ungzip --unlzma --unxz --exclude-path --exclude-regex --hard-dereference --keep-hard-links --strip-case-hack --file-contexts --strict-xattrs --manifest --manifest-format --nar --binary-cache --trusted-public-key --registration --max-extent-bytes --compress-hints --target-kernel --small --chunksize --dsunit --fsalignblks --offset --root-xattr-isize --xattr-prefix --mount-point --clean --all-root --keep-owners --root-mode --force-uid --force-gid --uid-offset --gid-offset --all-time --mkfs-time --ignore-mtime --preserve-mtime --order --base --rebuildable --trust-store-names --verity --verity-data-block-size --verity-hash-block-size --verity-no-superblock --roothash-file --fsverity-digests --quiet --json --no-progress --force --sync --verify --async-queue-limit --workers --extract --overwrite --no-preserve-owner --no-same-owner --no-xattrs --tar --list --verity-hash --verity-salt --ovlfs-strip --zD --MZ --help --version"
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
                --extract)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                -b)
                    COMPREPLY=($(compgen -W "4096 512 1024 2048 8192 16384 32768 65536" -- "${cur}"))
                    return 0
                    ;;
                -z)
                    COMPREPLY=($(compgen -W "lz4 lz4hc zstd deflate libdeflate lzma none" -- "${cur}"))
                    return 0
                    ;;
                -C)
                    COMPREPLY=($(compgen -W "4096 16384 32768 65536 131072 262144 524288 1048576" -- "${cur}"))
                    return 0
                    ;;
                -m)
                    COMPREPLY=($(compgen -W "4096 16384 65536" -- "${cur}"))
                    return 0
                    ;;
                --tar)
                    COMPREPLY=($(compgen -W "f i" -- "${cur}"))
                    return 0
                    ;;
                --list)
                    COMPREPLY=($(compgen -W "files table" -- "${cur}"))
                    return 0
                    ;;
                -U)
                    COMPREPLY=($(compgen -W "clear random" -- "${cur}"))
                    return 0
                    ;;
                --verity-hash)
                    COMPREPLY=($(compgen -W "sha256 sha512" -- "${cur}"))
                    return 0
                    ;;
                --verity-salt)
                    COMPREPLY=($(compgen -W "uuid -" -- "${cur}"))
                    return 0
                    ;;
                --ovlfs-strip)
                    COMPREPLY=($(compgen -W "0 1" -- "${cur}"))
                    return 0
                    ;;
                --zD)
                    COMPREPLY=($(compgen -W "0 1" -- "${cur}"))
                    return 0
                    ;;
                --MZ)
                    COMPREPLY=($(compgen -W "0 i id" -- "${cur}"))
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

# The words of lists, and of values that are joined to their flag.
_mkfs__erofs__all() {
    local cur="$2" prev="$3" value="" flag=""
    # Bash takes = for a word of its own.
    if [[ "$cur" == "=" ]]; then
        cur=""
    elif [[ "$prev" == "=" && $COMP_CWORD -ge 2 ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    case "$cur" in
        -E*|-z*) flag="${cur:0:2}" value="${cur:2}" ;;
    esac
    case "$prev" in
        -E|-z) flag="" value="$cur" ;;
    esac
    if [[ "$prev" == -E || "$flag" == -E ]]; then
        local words="ztailpacking fragments all-fragments fragdedupe dedupe ^dedupe dot-omitted 48bit ^inline_data force-inode-compact force-inode-extended force-chunk-indexes force-inode-blockmap legacy-compress nosbcrc ^xattr-name-filter plain-xattr-prefixes" done="${value%"${value##*,}"}"
        COMPREPLY=($(compgen -P "$flag$done" -W "$words" -- "${value##*,}"))
        return 0
    fi
    if [[ "$flag" == -z ]]; then
        COMPREPLY=($(compgen -P "$flag" -W "lz4 lz4hc zstd deflate libdeflate lzma none" -- "$value"))
        return 0
    fi
    _mkfs__erofs "$1" "$cur" "$prev"
}

complete -F _mkfs__erofs__all -o nosort -o bashdefault -o default mkfs-erofs mkfs.erofs 2>/dev/null ||
    complete -F _mkfs__erofs__all -o bashdefault -o default mkfs-erofs mkfs.erofs
