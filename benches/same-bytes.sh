#!/bin/sh
# Compares the images of two builds of the command, in every mode that lays out
# bytes in a way of its own, on corpora of corpus.sh:
#
#     benches/same-bytes.sh OLD NEW [CORPUS...]        default: small
#
# Exit 0: all are the same. Modes that OLD refuses are named and left out.
set -eu
cd "$(dirname "$0")/.."

[ $# -ge 2 ] || { sed -n '2,8p' "$0"; exit 2; }
old=$1 new=$2
shift 2
[ $# -gt 0 ] || set -- small
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Of a mode whose name ends in "tar" the source is an archive; one that begins with
# "derived" has the UUID that is derived from all bytes, the others have none.
modes() {
    cat <<'MODES'
plain
derived
derived -zlz4hc -Efragments
-zlz4
-zlz4hc
-zlz4hc,12 -C65536
-zlz4hc -C1048576 -Efragments,dedupe
-zlz4 -Eztailpacking
-zlz4hc -Eztailpacking,dedupe -C16384
-zlz4 -Efragments
-zlz4hc -Efragments=65536 -C65536
-zlz4 -Eall-fragments
-zlz4hc -Eall-fragments,dedupe
-zlz4hc -C1048576 -Eall-fragments,dedupe
-zlz4 -Ededupe
-zlz4 -Elegacy-compress
-zlz4 -Enoinline_data
-zlz4 -E48bit
-zlz4hc -E48bit,fragments,dedupe -C65536
-zlz4 -Eforce-inode-extended --max-extent-bytes=65536
-zzstd
-zzstd,1 -C65536 -Eztailpacking
-zzstd,9 -C131072 -Eall-fragments,dedupe
-zzstd,15 -C65536 -Efragments
-zdeflate
-zdeflate,6 -C65536 -Efragments
-zlibdeflate,10 -C16384 -Ededupe
-zlzma,1 -C65536 -Eztailpacking
-zlz4 -b512
-zlz4 -b16384
-zlz4hc -b65536 -Eztailpacking
-zlz4 --chunksize=65536
--chunksize=4096
--chunksize=65536 -E48bit
-Ededupe --chunksize=4096
-b512
-b65536
-Eforce-inode-compact -T1
-Enosbcrc -x-1
-Eforce-chunk-indexes --chunksize=4096
--tar=f tar
--tar=f -zlz4hc -Efragments tar
--tar=i tar
MODES
}

digest() {
    command=$1 options=$2 source=$3
    # shellcheck disable=SC2086 # Options are words.
    "$command" --quiet $options "$scratch/image" "$source" 2>"$scratch/why" || return 1
    sha256sum <"$scratch/image" | cut -c1-16
    rm -f "$scratch/image"
}

different=0
for corpus; do
    tree=target/corpus/$corpus/nix
    [ -d "$tree" ] || { echo "make the corpus first: benches/corpus.sh $corpus" >&2; exit 2; }
    tar --sort=name -C "$tree" -cf "$scratch/source.tar" .
    modes >"$scratch/modes"
    while IFS= read -r mode; do
        case $mode in
            derived*) options=${mode#derived} ;;
            *) options="-Uclear ${mode#plain}" ;;
        esac
        source=$tree
        case $mode in *tar) source=$scratch/source.tar options=${options% tar} ;; esac
        if ! before=$(digest "$old" "$options" "$source"); then
            echo "refused    $corpus $mode: $(head -n 1 "$scratch/why")"
        elif ! after=$(digest "$new" "$options" "$source"); then
            echo "FAILS NOW  $corpus $mode: $(head -n 1 "$scratch/why")"
            different=1
        elif [ "$before" = "$after" ]; then
            echo "same       $corpus $mode $after"
        else
            echo "DIFFERENT  $corpus $mode: $before, $after"
            different=1
        fi
    done <"$scratch/modes"
done
exit "$different"
