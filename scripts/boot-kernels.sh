#!/bin/bash
# Boots real Linux kernels in virtual machines and has them read our images:
#
#     scripts/boot-kernels.sh [SUITE...]     default: bookworm trixie testing
#
# which are Debian suites with Linux 6.1, 6.12 and a current one. Every image of the
# table below is a read-only drive, as in a virtual machine of its users;
# testdata/boot/init-kernels is what runs in there. Neither root nor KVM is needed.
# Fails unless each kernel reports for every image that it was read right, or refused
# because the kernel is too old. With MKFS_EROFS=FILE that command makes the images. Exit
# status 3: kernels or qemu are not available here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/boot-lib.sh

# A name (of at most 15 characters), the oldest kernel that has to read it, and flags.
# Plain images store long runs of zeros as holes in chunk maps, which need 5.15. That LZMA
# (5.16) and deflate (6.6) have to be read only later is due to the configuration of the
# older kernels, not to their age.
modes='
plain           5.15
plain-b1024     6.4   -b1024
plain-extended  5.15  -Eforce-inode-extended,noinline_data
chunks          5.15  --chunksize=4096
xattr-prefix    6.4   --xattr-prefix=user.own
lz4             5.4   -zlz4
lz4-b1024       6.8   -zlz4 -b1024
lz4-b2048-C8k   6.8   -zlz4 -b2048 -C8192
lz4hc-C1M       5.13  -zlz4hc -C1048576
lz4hc12-C64k    5.13  -zlz4hc,12 -C65536
lz4hc-full      5.4   -zlz4hc -Elegacy-compress
lz4-full-C64k   5.13  -zlz4 -C65536 -Elegacy-compress,force-inode-extended
ztailpacking    5.17  -zlz4hc -C65536 -Eztailpacking
ztail-full      5.17  -zlz4 -Eztailpacking,legacy-compress
fragments       6.1   -zlz4hc -C65536 -Eztailpacking,fragments,^dedupe
all-fragments   6.1   -zlz4hc -C262144 -Eall-fragments=65536,^dedupe
dedupe          6.1   -zlz4hc -Ededupe
dedupe-C64k     6.1   -zlz4 -C65536 -Ededupe,ztailpacking
dedupe-frags    6.1   -zlz4hc -Efragments,dedupe
dedupe-all-1M   6.1   -zlz4hc -C1048576 -Eall-fragments,dedupe
dedupe-flat     5.15  -Ededupe
48bit           6.15  -E48bit
48bit-chunks    6.15  -E48bit,force-chunk-indexes --chunksize=4096
48bit-C64k      6.15  -zlz4hc -C65536 -E48bit
48bit-frags     6.15  -zlz4hc -C65536 -E48bit,fragments
48bit-zstd      6.15  -zzstd -C65536 -E48bit,ztailpacking
metabox         6.17  -m4096:lz4
metabox-frags   6.17  -zlz4hc -m16384 -Efragments
metabox-all     6.17  -zzstd,9 -C65536 -m65536 -Eall-fragments,dedupe,dot-omitted --zD
dir-fragments   6.1   -zlz4hc --zD
dots            6.15  -zlz4 -Edot-omitted
zstd            6.12  -zzstd
zstd-C64k       6.12  -zzstd,9 -C65536 -Eztailpacking,fragments
zstd-all-1M     6.12  -zzstd,15 -C1048576 -Eall-fragments,dedupe
deflate         6.13  -zdeflate
deflate-C64k    6.13  -zdeflate,9 -C65536 -Eztailpacking,dedupe
lzma            6.13  -zlzma,1
lzma-all-1M     6.13  -zlzma,1 -C1048576 -Eall-fragments,dedupe
'

dir=target/boot
started=$SECONDS
[ $# -gt 0 ] || set -- bookworm trixie testing

make_images() {
    start_afresh
    python3 testdata/boot/make_tree.py "$dir/tree" "$busybox"
    with_busybox describe "$dir/tree" >"$dir/tree.list"
    : >"$dir/images"
    while read -r name oldest flags; do
        [ -n "$name" ] || continue
        # shellcheck disable=SC2086 # flags are words
        "$command" --quiet -L "$name" $flags "$dir/$name.erofs" "$dir/tree"
        echo "$name $oldest" >>"$dir/images"
    done <<<"$modes"
}

boot_kernel() {
    boot_twice "$1" "$1"
}

fetch_machines "$@"
need_command
make_images
drives=()
while read -r name oldest; do
    add_drive "$name" "$dir/$name.erofs"
done <"$dir/images"
for suite in "$@"; do
    make_initrd "$suite" testdata/boot/init-kernels testdata/boot/describe.sh \
        "$dir/images" "$dir/tree.list"
done
use_kvm "$1"
echo "made $(wc -l <"$dir/images") images in $((SECONDS - started)) s; booting with $accel"
run_machines $# boot_kernel "$@"
failed=
for suite in "$@"; do
    # shellcheck disable=SC2046 # words
    judge "$suite" $(cut -d ' ' -f 1 "$dir/images") || failed="$failed $suite"
done
echo "$# kernels in $((SECONDS - started)) s"
[ -z "$failed" ] || die "failed on:$failed"
