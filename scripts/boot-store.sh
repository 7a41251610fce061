#!/bin/bash
# Boots virtual machines from store images:
#
#     scripts/boot-store.sh [SUITE...]     default: bookworm trixie testing
#
# which are Debian suites with Linux 6.1, 6.12 and a current one. An initrd finds the
# image by its label (testdata/boot/init-store) and the system in it checks everything
# else (testdata/boot/stage-2). Neither root nor KVM is needed. Fails unless each
# machine reports each step as right. Exit status 3: kernels or qemu are not available
# here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/boot-lib.sh

# A name and flags.
images='
plain
lz4         -zlz4
microvm     -zlz4hc -Eztailpacking,fragments
dedupe      -zlz4hc -C65536 -Ededupe
'
steps="label mount stage-2 program contents owners overlay unchanged"

dir=target/boot-store
started=$SECONDS
[ $# -gt 0 ] || set -- bookworm trixie testing

make_images() {
    start_afresh
    python3 testdata/boot/make_store.py "$PWD/$dir/closure" "$busybox"
    with_busybox describe_store "$dir/closure/nix/store" >"$dir/store.list"
    while read -r name flags; do
        [ -n "$name" ] || continue
        # shellcheck disable=SC2086 # flags are words
        target/release/mkfs-erofs --quiet $flags \
            --store-paths "$dir/closure/store-paths" "$dir/$name.erofs"
        names+=("$name")
    done <<<"$images"
    # Drives that must be passed over: an empty one, and one with a similar label.
    truncate -s 1M "$dir/empty"
    target/release/mkfs-erofs --quiet -L nix-store2 "$dir/other.erofs" testdata/boot
}

# boot_image SUITE-NAME: a machine with this kernel and image.
boot_image() {
    drives=()
    add_drive empty "$dir/empty"
    add_drive other "$dir/other.erofs"
    add_drive nix-store "$dir/${1#*-}.erofs"
    boot_twice "$1" "${1%%-*}" "init=$(cat "$dir/closure/init")"
}

names=()
fetch_machines "$@"
need_rust
cargo build --quiet --release --locked -p erofs-cli
make_images
machines=()
for suite in "$@"; do
    make_initrd "$suite" testdata/boot/init-store "$dir/store.list"
    machines+=("${names[@]/#/$suite-}")
done
use_kvm "$1"
echo "made ${#names[@]} images in $((SECONDS - started)) s; booting with $accel"
run_machines "$(nproc)" boot_image "${machines[@]}"
failed=
for machine in "${machines[@]}"; do
    # shellcheck disable=SC2086 # words
    judge "$machine" $steps || failed="$failed $machine"
done
echo "${#machines[@]} machines in $((SECONDS - started)) s"
[ -z "$failed" ] || die "failed on:$failed"
