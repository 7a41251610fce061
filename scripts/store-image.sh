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
caller=$PWD
cd "$(dirname "$0")/.."
. scripts/lib.sh

build() {
    need_rust .
    build_command
}

# What to do with a command that is built now.
what_next() {
    cat <<NEXT

The command is $command
    cargo install --path erofs-cli      puts it into cargo's folder; docs/install.md has more ways
    mkfs-erofs root.erofs DIR           makes an image of a directory
    mkfs-erofs --list=table IMAGE       shows what fills an image
    mkfs-erofs --help                   tells the rest
NEXT
}

if [ $# -eq 2 ]; then
    cd "$caller"
    [ "$1" = - ] || [ -r "$1" ] || die "$1: no such list of store paths"
    cd "$OLDPWD"
    build
    # Paths are those of the caller.
    cd "$caller"
    "$command" --store-paths "$1" "$2"
    what_next
    exit 0
fi
[ $# -eq 0 ] || die "usage: scripts/store-image.sh [STORE_PATHS IMAGE]"
for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null ||
        die "there is no $tool, so no packages to pack; give a list: $0 STORE_PATHS IMAGE"
done

demo=target/demo
image=$demo/store.erofs
echo "This takes about 6 minutes on 2 cores the first time, and 1 GB of disk in target/,"
echo "750 MB more if Rust has to be fetched."
build
mkdir -p "$demo"
say "unpacking git of Debian, and all it depends on, as store paths in target/corpus/small"
sh benches/corpus.sh small
say "packing them"
"$command" --store-paths target/corpus/small/store-paths "$image"

# mounted_by_label DEVICE FOLDER: by label, as a virtual machine would do it. On a machine
# without udev, mount asks the devices themselves.
mounted_by_label() {
    mount -t erofs -o ro LABEL=nix-store "$2" 2>/dev/null ||
        mount -t erofs -o ro "$(blkid -l -o device -t LABEL=nix-store)" "$2"
}

# run_git STORE: runs git of the image with the libraries of the image.
run_git() {
    git=$(find "$1" -path '*/usr/bin/git' -type f)
    loader=$(find "$1" -name 'ld-linux*.so.*' -type f | head -n 1)
    libraries=$(find "$1" -name '*.so.*' ! -type d | sed 's:/[^/]*$::' | sort -u | paste -s -d :)
    "$loader" --library-path "$libraries" "$git" --version
}

mount_and_run() {
    if [ "$(id -u)" != 0 ]; then
        echo "not root: the image is not mounted"
        return
    fi
    install_packages util-linux mount
    if ! device=$(losetup --find --show --read-only "$image"); then
        echo "no loop device here: the image is not mounted"
        return
    fi
    store=$(mktemp -d)
    trap 'umount "$store" 2>/dev/null || true; losetup --detach "$device"; rmdir "$store"' EXIT
    if ! mounted_by_label "$device" "$store"; then
        echo "this kernel does not mount it (has it erofs?)"
        return
    fi
    echo "mounted by its label: $(find "$store" -mindepth 1 -maxdepth 1 | wc -l) store paths"
    version=$(run_git "$store") || die "git of the image does not run"
    echo "a program of the image says: $version"
}

mount_and_run
echo "made $PWD/$image, $(du -h "$image" | cut -f 1)"
what_next
