#!/bin/sh
# Runs all tests. Installs what they need (as root), and fetches the current
# erofs-utils into target/ to test against. As root every image is also mounted;
# elsewhere those checks are reported as skipped.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_rust
install_packages util-linux mount e2fsprogs btrfs-progs xfsprogs attr acl gzip xz-utils zstd lzip libarchive-tools squashfs-tools-ng mtree-netbsd cryptsetup-bin fsverity fakeroot python3 strace fdisk
sh testdata/fetch-peers.sh ||
    echo "$0: no current erofs-utils, so what they check is skipped" >&2
exec cargo test --locked --workspace "$@"
