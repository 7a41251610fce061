#!/bin/sh
# Makes a store image:
#
#     scripts/store-image.sh                       of real packages, in target/demo
#     scripts/store-image.sh STORE_PATHS IMAGE     of your own store paths
#
# Builds the command first. Without arguments it unpacks some Debian packages as
# store paths, and as root it mounts the image by its label and runs a program
# from it.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_rust
cargo build --release --locked -p erofs-cli
command=${CARGO_TARGET_DIR:-target}/release/mkfs-erofs

if [ $# -eq 2 ]; then
    exec "$command" --store-paths "$1" "$2"
fi
[ $# -eq 0 ] || die "usage: scripts/store-image.sh [STORE_PATHS IMAGE]"

demo=target/demo
mkdir -p "$demo"
install_packages util-linux mount apt dpkg xz-utils
sh benches/corpus.sh small "$demo"
"$command" --store-paths "$demo/small/store-paths" "$demo/store.erofs"
command -v blkid >/dev/null && blkid -p "$demo/store.erofs"
echo "made $demo/store.erofs"

if [ "$(id -u)" != 0 ]; then
    echo "not root: the image is not mounted"
    exit 0
fi
device=$(losetup --find --show --read-only "$demo/store.erofs")
store=$(mktemp -d)
cleanup() {
    umount "$store" 2>/dev/null || true
    losetup --detach "$device"
    rmdir "$store"
}
trap cleanup EXIT
# By label, as a virtual machine would; on a machine without udev, mount asks
# the devices themselves.
mount -t erofs -o ro "LABEL=nix-store" "$store" 2>/dev/null ||
    mount -t erofs -o ro "$(blkid -l -o device -t LABEL=nix-store)" "$store"
echo "mounted by its label: $(ls "$store" | wc -l) store paths"
ls "$store" | head -n 5
