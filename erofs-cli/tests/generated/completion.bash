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
        local words="@WORDS@" done="${value%"${value##*,}"}"
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
