#!/bin/bash
# Lets system calls of a small build fail, one after the other, and ends builds by signals
# at any time: for longer than the tests of that, an hour or so.
#
#     scripts/fault-sweep.sh [COMMAND]     default: target/debug/mkfs-erofs
#
# Whatever happens, the file is the complete new image or the old file, and there is
# nothing beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

command=$(realpath "${1:-target/debug/mkfs-erofs}")
install_packages strace
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source" "$work/out"
seq 200000 >"$work/source/numbers"
seq 100000 300000 >"$work/source/others"
head -c 3000000 /dev/urandom >"$work/source/noise"
failures=0

# check WHAT CODE: is there the old image or the new one, and nothing else?
check() {
    local left
    left=$(ls -A "$work/out")
    if [ "$2" = 0 ] && cmp -s "$work/out/IMG" "$work/new"; then return; fi
    if [ "$2" != 0 ] && [ -z "$left" ] && [ ! -e "$work/old" ]; then return; fi
    if [ "$2" != 0 ] && [ "$left" = IMG ]; then
        cmp -s "$work/out/IMG" "$work/new" && return
        [ -e "$work/old" ] && cmp -s "$work/out/IMG" "$work/old" && return
    fi
    echo "WRONG: $1: exit code $2, left: $left" >&2
    failures=$((failures + 1))
}

# prepare: the folder as it is before a run.
prepare() {
    rm -f "$work"/out/* "$work"/out/.[!.]*
    if [ -e "$work/old" ]; then cp "$work/old" "$work/out/IMG"; fi
}

calls="pwrite64 write read pread64 fsync fdatasync ftruncate fallocate linkat rename close
    fchmod fchown open openat flock fstat newfstatat statx lseek getdents64 copy_file_range
    clone3 fadvise64 unlink"
for flags in "" "-zlz4hc -Ededupe" "-zlz4 -Efragments" "--chunksize=4096" "--sync"; do
    # shellcheck disable=SC2086 # several flags
    run() { "$@" --quiet -Uclear $flags "$work/out/IMG" "$work/source" >/dev/null 2>&1; }
    rm -f "$work/old"
    prepare
    run "$command"
    cp "$work/out/IMG" "$work/new"
    for old in "" "from before"; do
        if [ -n "$old" ]; then echo "$old" >"$work/old"; fi
        for call in $calls; do
            for error in EIO ENOSPC EINTR; do
                if [ "$call-$error" = clone3-EINTR ]; then continue; fi
                for count in $(seq 60); do
                    prepare
                    code=0
                    run timeout 60 strace -f -qq -o "$work/trace" -e trace="$call" \
                        -e inject="$call:error=$error:when=$count" "$command" || code=$?
                    grep -q INJECTED "$work/trace" || break
                    check "$flags, $call number $count: $error" "$code"
                done
            done
        done
        for round in $(seq 100); do
            for signal in HUP INT QUIT TERM KILL; do
                prepare
                code=0
                run timeout -s "$signal" "$(printf '0.%03d' $((round * 7)))" "$command" || code=$?
                check "$flags, $signal after $((round * 7)) ms" "$code"
            done
        done
    done
    echo "done: ${flags:-no flags}, $failures wrong so far"
done
[ "$failures" = 0 ]
