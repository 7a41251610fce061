#!/bin/bash
# Boots virtual machines from store images:
#
#     scripts/boot-store.sh [SUITE...]     default: bookworm trixie testing
#
# which are Debian suites with Linux 6.1, 6.12 and a current one. An initrd finds the
# image by its label (testdata/boot/init-store) and the system in it checks everything
# else (testdata/boot/stage-2). A sealed image is mounted through dm-verity, and one of which
# a byte was changed has to be refused. Neither root nor KVM is needed. Fails unless each
# machine reports each step as right. With MKFS_EROFS=FILE that command makes the images.
# Exit status 3: kernels or qemu are not available here.
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
# Those with a hash tree. One of them is changed afterwards.
sealed="sealed broken"
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
        "$command" --quiet $flags \
            --store-paths "$dir/closure/store-paths" "$dir/$name.erofs"
        names+=("$name")
    done <<<"$images"
    for name in $sealed; do
        seal "$name"
        names+=("$name")
    done
    # Drives that must be passed over: an empty one, and one with a similar label.
    truncate -s 1M "$dir/empty"
    "$command" --quiet -L nix-store2 "$dir/other.erofs" testdata/boot
}

# seal NAME: an image with a hash tree, and the table of it for the device mapper, as one
# word.
seal() {
    local image=$dir/$1.erofs
    "$command" --verity --store-paths "$dir/closure/store-paths" "$image" |
        sed -n 's/^Table *//p' | tr ' ' ',' >"$dir/$1.table"
    [ -s "$dir/$1.table" ] || die "a sealed image has no table"
    [ "$1" = broken ] || return 0
    # In the middle there are contents of files.
    printf 'x' | dd of="$image" bs=1 seek=$(($(stat -c %s "$image") / 2)) conv=notrunc status=none
    ! cmp -s "$image" "$dir/sealed.erofs" || die "the image that should be broken is not"
}

# boot_image SUITE-NAME: a machine with this kernel and image.
boot_image() {
    drives=()
    add_drive empty "$dir/empty"
    add_drive other "$dir/other.erofs"
    add_drive nix-store "$dir/${1#*-}.erofs"
    local table=$dir/${1#*-}.table
    # shellcheck disable=SC2046 # a word, or none
    boot_twice "$1" "${1%%-*}" "init=$(cat "$dir/closure/init")" \
        $([ ! -e "$table" ] || echo "table=$(cat "$table")") "image=${1#*-}"
}

names=()
fetch_machines "$@"
install_packages dmsetup
if dmsetup=$(PATH=$PATH:/usr/sbin:/sbin command -v dmsetup); then
    programs=$dmsetup
    modules="$modules dm-mod dm-verity sha256_generic sha256"
else
    echo "SKIPPED: $0: no dmsetup, so no sealed image is booted"
    sealed=
fi
need_command
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
    case $machine in
    *-sealed) wanted="sealed $steps" ;;
    *-broken) wanted="sealed label mount block" ;;
    *) wanted=$steps ;;
    esac
    # shellcheck disable=SC2086 # words
    judge "$machine" $wanted || failed="$failed $machine"
done
echo "${#machines[@]} machines in $((SECONDS - started)) s"
[ -z "$failed" ] || die "failed on:$failed"
