#!/bin/bash
# Boots real Linux kernels in virtual machines and has them read our images:
#
#     scripts/boot-kernels.sh [SUITE...]     default: bookworm trixie testing
#
# which are Debian suites with Linux 6.1, 6.12 and a current one. Every image of
# the table below is a read-only drive, as in a virtual machine of its users;
# testdata/boot/init is what runs in there. Neither root nor KVM is needed.
# Fails unless each kernel has told of every image that it read it right, or
# refused it being too old. Exit status 3: kernels or qemu cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# A name (of at most 15 characters), the oldest kernel that has to read it, and
# flags. Plain images hold long runs of zeros as chunks, which 5.15 brought.
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
'
# The whole is to end, also where a guest hangs.
guest_seconds=${BOOT_SECONDS:-500}
# Nothing in there has secrets to guard, which takes a sixth of the time.
arguments='console=ttyS0 panic=-1 oops=panic mitigations=off'
# The kernel's modules for read-only drives, with what they need before them.
modules="virtio_pci virtio_blk crc32c_generic erofs overlay"

dir=target/boot
kernels=target/kernels
started=$SECONDS
[ $# -gt 0 ] || set -- bookworm trixie testing

unavailable() {
    echo "$0: $*" >&2
    exit 3
}

fetch() {
    install_packages cpio xz-utils python3 || unavailable "packages cannot be installed"
    for tool in cpio xz python3; do
        command -v "$tool" >/dev/null || unavailable "$tool is not here"
    done
    sh testdata/fetch-qemu.sh || unavailable "no qemu"
    qemu=$kernels/qemu/bin/qemu-system-x86_64
    for suite in testing "$@"; do
        sh testdata/fetch-kernel.sh "$suite" || unavailable "no kernel of $suite"
    done
    # One for all kernels: that of bookworm cannot show xattrs.
    busybox=$PWD/$kernels/testing/busybox
}

# with_busybox FUNCTION DIR: as the guest will run it.
with_busybox() {
    env -i LC_ALL=C TZ=UTC PATH="$PWD/$dir/bin" "$busybox" sh -c \
        '. testdata/boot/describe.sh; "$@"' sh "$@"
}

# The store paths of the store scenario, listed in $dir/store-paths.
make_store() {
    local hash=00000000000000000000000000000000 path
    path=$PWD/$dir/store/$hash
    mkdir -p "$path-busybox/bin" "$path-system-path/bin" "$path-doc/folder"
    cp "$busybox" "$path-busybox/bin/busybox"
    ln -s busybox "$path-busybox/bin/sh"
    ln -s "/nix/store/$hash-busybox/bin/sh" "$path-system-path/bin/sh"
    seq 30000 >"$path-doc/long"
    for name in changed deleted renamed folder/below; do
        echo "this will be $name" >"$path-doc/$name"
    done
    echo "a store path that is a file" >"$path-config"
    chmod -R a=rX "$dir/store/"*
    ls -d "$PWD/$dir/store/"* >"$dir/store-paths"
    with_busybox describe_contents "$dir/store" >"$dir/store.list"
}

make_images() {
    [ ! -d "$dir" ] || chmod -R u+w "$dir"
    rm -rf "$dir"
    mkdir -p "$dir/bin"
    "$busybox" --install -s "$dir/bin"
    python3 testdata/boot/make_tree.py "$dir/tree" "$busybox"
    with_busybox describe "$dir/tree" >"$dir/tree.list"
    make_store
    : >"$dir/images"
    while read -r name oldest flags; do
        [ -n "$name" ] || continue
        # shellcheck disable=SC2086 # flags are words
        target/release/mkfs-erofs --quiet -L "$name" $flags "$dir/$name.erofs" "$dir/tree"
        echo "$name $oldest" >>"$dir/images"
    done <<<"$modes"
    target/release/mkfs-erofs --quiet -zlz4hc -C65536 --store-paths "$dir/store-paths" \
        "$dir/nix-store.erofs"
}

# add_module SUITE NAME TO: copies it behind what it depends on, and lists them
# in this order. One that is missing is built into the kernel; if it is not,
# the guest has no drives and fails.
add_module() {
    local file needed
    file=$(find "$kernels/$1/modules" -name "${2//-/_}.ko*" -o -name "${2//_/-}.ko*")
    [ -n "$file" ] || return 0
    ! grep -qx "$2" "$3/order" || return 0
    case $file in
    *.xz) xz -dc "$file" ;;
    *) cat "$file" ;;
    esac >"$3/$2"
    for needed in $(tr '\0' '\n' <"$3/$2" | sed -n 's/^depends=//p' | tr ',' ' '); do
        add_module "$1" "$needed" "$3"
    done
    echo "$2" >>"$3/order"
}

make_initrd() {
    local root=$dir/initrd-$1
    mkdir -p "$root"/{bin,dev,mnt,modules,proc,sys,tmp}
    : >"$root/modules/order"
    for module in $modules; do
        add_module "$1" "$module" "$root/modules"
    done
    cp "$busybox" "$root/bin/busybox"
    cp testdata/boot/init testdata/boot/describe.sh "$dir/images" "$dir"/*.list "$root/"
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$dir/initrd-$1.gz"
}

# kvm_works: /dev/kvm may be there and yet run nothing.
kvm_works() {
    [ -w /dev/kvm ] || return 1
    # The outer shell would tell that it was aborted.
    (timeout 20 "$qemu" -accel kvm -cpu max -m 256 -nodefaults -display none \
        -kernel "$kernels/$1/vmlinuz" -append panic=-1 -no-reboot || exit 1) >/dev/null 2>&1
}

# boot SUITE: leaves what the guest said in $dir/result-SUITE.
boot() {
    local drives=() name
    for name in $(cut -d ' ' -f 1 "$dir/images") nix-store; do
        drives+=(-drive "file=$dir/$name.erofs,format=raw,if=none,id=$name,readonly=on"
            -device "virtio-blk-pci,drive=$name,serial=$name")
    done
    # shellcheck disable=SC2086 # two words
    timeout --kill-after=10 "$guest_seconds" "$qemu" $accel -cpu max -m 512 -smp 2 \
        -nodefaults -display none -no-reboot -kernel "$kernels/$1/vmlinuz" \
        -initrd "$dir/initrd-$1.gz" -append "$arguments" \
        -serial "file:$dir/console-$1" -serial "file:$dir/result-$1" "${drives[@]}" \
        2>"$dir/qemu-$1"
}

# boot_twice SUITE: an emulator may die of itself. What an image does to a
# kernel it does again, so this hides no failure of ours.
boot_twice() {
    boot "$1" && grep -q DONE "$dir/result-$1" && return
    mv "$dir/console-$1" "$dir/console-$1.first"
    echo "$1: the machine did not get to its end, see $dir/console-$1.first; once more"
    boot "$1"
}

# judge SUITE STATUS: prints the result, fails unless every image is accounted for.
judge() {
    local bad=0 name result=$dir/result-$1
    # Lines of a terminal end in two characters.
    sed -i 's/\r$//' "$result"
    sed "s/^/$1: /" "$result"
    for name in $(cut -d ' ' -f 1 "$dir/images") nix-store; do
        grep -qE "^(OK|REFUSED) $name( |\$)" "$result" || { echo "$1: $name was not read"; bad=1; }
    done
    [ "$2" = 0 ] || { echo "$1: the machine ended with status $2"; bad=1; }
    grep -qx DONE "$result" || { echo "$1: the guest did not get to its end"; bad=1; }
    ! grep -E 'BUG:|WARNING:|Oops|Call Trace|Kernel panic|blocked for more' "$dir/console-$1" ||
        bad=1
    [ $bad = 0 ] || tail -n 20 "$dir/qemu-$1" "$dir/console-$1"
    echo "$1: $(grep -c '^OK' "$result") right, $(grep -c '^REFUSED' "$result") refused"
    return $bad
}

fetch "$@"
need_rust
cargo build --quiet --release --locked -p erofs-cli
make_images
for suite in "$@"; do
    make_initrd "$suite"
done
# One thread for a machine: with more the emulator itself is not reliable, and
# there are several machines to keep the processors busy.
accel="-accel tcg,thread=single"
! kvm_works "$1" || accel="-accel kvm"
echo "made $(wc -l <"$dir/images") images and a store in $((SECONDS - started)) s; booting with $accel"
running=()
for suite in "$@"; do
    boot_twice "$suite" &
    running+=($!)
done
failed=
for suite in "$@"; do
    status=0
    wait "${running[0]}" || status=$?
    running=("${running[@]:1}")
    judge "$suite" "$status" || failed="$failed $suite"
done
echo "$# kernels in $((SECONDS - started)) s"
[ -z "$failed" ] || die "failed on:$failed"
