#!/bin/sh
# Prints a table of modes in Markdown, on one corpus of corpus.sh: the bytes of the image,
# the time to build it, the times to walk all names and to read all of it where the kernel
# has mounted it and nothing is cached, and the oldest kernel that can mount it.
#
#     benches/modes.sh [CORPUS [FLAGS]...]     default: small, and the modes below
#
# Needs root. mksquashfs, of Debian's squashfs-tools, is beside them.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

corpus=${1:-small}
[ $# -eq 0 ] || shift
[ "$(id -u)" = 0 ] || { echo "$0: root is needed to mount" >&2; exit 1; }
need_rust
install_packages squashfs-tools util-linux mount
cargo build --quiet --release --locked -p erofs-cli
sh benches/corpus.sh "$corpus"
list=target/corpus/$corpus/store-paths
dir=$(mktemp -d /dev/shm/modes.XXXXXX)
mkdir "$dir/mount"
trap 'umount "$dir/mount" 2>/dev/null || true; rm -rf "$dir"' EXIT

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }'; }
drop() { sync; echo 3 >/proc/sys/vm/drop_caches; }

# row NAME TYPE KERNEL BUILD-SECONDS: one line about the image.
row() {
    drop
    mount -t "$2" -o loop,ro "$dir/image" "$dir/mount"
    start=$(now)
    find "$dir/mount" -ls >/dev/null
    walk=$(since "$start")
    umount "$dir/mount"
    drop
    mount -t "$2" -o loop,ro "$dir/image" "$dir/mount"
    start=$(now)
    find "$dir/mount" -type f -exec cat {} + | wc -c >/dev/null
    read=$(since "$start")
    umount "$dir/mount"
    echo "| $1 | $(stat -c %s "$dir/image") | $4 | $walk | $read | $3 |"
    rm -f "$dir/image"
}

ours() {
    start=$(now)
    # shellcheck disable=SC2086
    kernel=$(target/release/mkfs-erofs $1 --no-progress --store-paths "$list" "$dir/image" \
        2>/dev/null | sed -n 's/^Kernel *Linux \([0-9.]*\).*/\1/p')
    row "\`$1\`" erofs "$kernel" "$(since "$start")"
}

squashfs() {
    start=$(now)
    # shellcheck disable=SC2086,SC2046
    mksquashfs $(cat "$list") "$dir/image" $1 -all-root -all-time 0 -noappend -quiet \
        -no-progress >/dev/null
    row "\`mksquashfs $1\`" squashfs "" "$(since "$start")"
}

echo "$(nproc) processors, Linux $(uname -r), $corpus"
echo
echo "| mode | bytes | build s | \`find -ls\` s | read all s | Linux |"
echo "| --- | ---: | ---: | ---: | ---: | --- |"
if [ $# -gt 0 ]; then
    for flags; do ours "$flags"; done
    exit
fi
ours ""
ours "-zlz4"
ours "-zlz4hc -Eztailpacking,fragments"
ours "-zlz4hc -Eztailpacking,fragments -m4096"
ours "-zzstd,3 -C65536"
ours "-zzstd,9 -C65536 -Eall-fragments,dedupe"
ours "-zzstd,9 -C65536 -Eall-fragments,dedupe -m4096"
ours "-zzstd,9 -C65536 -Eall-fragments,dedupe --zD -m16384"
ours "-zzstd,19 -C1048576 -Eall-fragments,dedupe --zD -m65536 -Edot-omitted"
ours "--small --target-kernel=6.12"
ours "--small"
squashfs "-comp zstd -Xcompression-level 19 -b 1M"
squashfs "-comp xz -b 1M"
