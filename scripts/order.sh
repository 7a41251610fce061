#!/bin/bash
# Measures what --order brings: how long a virtual machine takes to start the programs of a
# store image from a drive that gives 500 requests and 50 MiB a second.
#
#     scripts/order.sh [CORPUS [RUNS [MODE...]]]   default: target/corpus/system, 3 runs,
#                                                  plain lz4hc zstd
#
# CORPUS is made by benches/corpus.sh. The first boot is traced: which inodes the kernel
# reads, in their order. This makes the list. Each image is then made without and with it,
# and both are booted in turn. Prints medians: requests and KB that are read; the seconds
# that the drive needs for these at least; and the seconds from the mount to the end of the
# last program.
#
# Without KVM an emulated processor takes some 20 times as long as a real one, and would
# hide the drive. So the drive is slowed down by 25, and the seconds are divided by this.
# ORDER_TIMES=N takes another number: a larger one where the host has much else to do.
#
# Neither root nor KVM is needed. Exit status 3: kernels or qemu are not available here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/boot-lib.sh

corpus=${1:-target/corpus/system}
runs=${2:-3}
modes=("${@:3}")
[ ${#modes[@]} -gt 0 ] || modes=(plain lz4hc zstd)
suite=trixie
dir=target/order
mkfs=${CARGO_TARGET_DIR:-target}/release/mkfs-erofs

# flags MODE: of an image.
flags() {
    case $1 in
    plain) ;;
    lz4hc) echo -zlz4hc ;;
    microvm) echo -zlz4hc -Eztailpacking,fragments ;;
    zstd) echo -zzstd,3 -C65536 ;;
    zstd-all) echo -zzstd,3 -C65536 -Eall-fragments ;;
    *) die "no such mode: $1" ;;
    esac
}

# make_image NAME FLAG...
make_image() {
    local name=$1
    shift
    "$mkfs" --quiet "$@" --store-paths "$corpus/store-paths" "$dir/$name.erofs"
}

# boot_image MACHINE IMAGE [OPTION-OF-DRIVE [ARGUMENT]]: everything has to be right.
boot_image() {
    drives=()
    add_drive nix-store "$dir/$2.erofs" "${3:-}"
    boot_twice "$1" "$suite" "farm=$farm" ${4:+"$4"}
    echo 0 >"$dir/status-$1"
    judge "$1" mount programs >"$dir/judged-$1" && return
    grep -v NID "$dir/judged-$1"
    die "$1 failed"
}

# paths IMAGE: the list, from the numbers of inodes on standard input.
paths() {
    "$mkfs" --list --json "$1" | python3 -c '
import json, sys
numbers = [int(line.split()[1]) for line in open(sys.argv[1]) if line.startswith("NID ")]
paths = {}
for line in sys.stdin:
    found = json.loads(line)
    paths.setdefault(found["nid"], found["path"])
for number in numbers:
    if number in paths:
        print(paths[number])
' "$2"
}

# median FIELD WORD IMAGE: of what the guests report in their lines WORD.
median() {
    for run in $(seq "$runs"); do
        awk -v field="$1" -v word="$2" '$1 == word { print $field }' "$dir/result-$3-$run"
    done | sort -n | sed -n "$(((runs + 1) / 2))p"
}

# drive IMAGE: the seconds that the drive needs at least.
drive() {
    awk -v requests="$(median 2 READ "$1")" -v kilobytes="$(median 3 READ "$1")" 'BEGIN {
        by_count = requests / 500; by_length = kilobytes / 51200
        printf "%.2f\n", (by_count > by_length ? by_count : by_length) }'
}

# seconds IMAGE: as they would be if nothing was slowed down.
seconds() {
    awk -v all="$(median 2 START "$1")" -v times="$times" 'BEGIN { printf "%.2f\n", all / times }'
}

for mode in "${modes[@]}"; do flags "$mode" >/dev/null; done
fetch_machines "$suite"
need_rust
cargo build --quiet --release --locked -p erofs-cli
[ -r "$corpus/store-paths" ] || die "no corpus in $corpus: benches/corpus.sh makes one"
farm=$(basename "$(head -n 1 <(grep -- '-system-path$' "$corpus/store-paths"))")
start_afresh
make_initrd "$suite" testdata/boot/init-order testdata/boot/programs-order
use_kvm "$suite"

memory=1024
make_image traced
boot_image trace traced "" trace
paths "$dir/traced.erofs" "$dir/result-trace" >"$dir/order"
rm "$dir/traced.erofs"
echo "traced $(wc -l <"$dir/order") inodes; booting with $accel"

times=1
case $accel in *tcg*) times=25 ;; esac
times=${ORDER_TIMES:-$times}
limits=throttling.iops-total=$((500 / times)),throttling.bps-total=$((52428800 / times))

printf '%-16s %9s %9s %9s %9s\n' image requests KB drive seconds
for mode in "${modes[@]}"; do
    flags=$(flags "$mode")
    # shellcheck disable=SC2086 # words
    make_image "$mode" $flags --rebuildable
    # shellcheck disable=SC2086
    make_image "$mode-order" $flags --rebuildable --base "$dir/$mode.erofs" --order "$dir/order"
    for run in $(seq "$runs"); do
        for image in "$mode" "$mode-order"; do
            boot_image "$image-$run" "$image" "$limits"
        done
    done
    for image in "$mode" "$mode-order"; do
        printf '%-16s %9s %9s %9s %9s\n' "$image" "$(median 2 READ "$image")" \
            "$(median 3 READ "$image")" "$(drive "$image")" "$(seconds "$image")"
    done
    for what in drive seconds; do
        awk -v mode="$mode" -v what=$what -v without="$("$what" "$mode")" \
            -v with="$("$what" "$mode-order")" \
            'BEGIN { printf "%s, %s: %.2f of the time\n", mode, what, with / without }'
    done
    rm "$dir/$mode.erofs" "$dir/$mode-order.erofs"
done
