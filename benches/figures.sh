#!/bin/sh
# Measures what an image of a corpus costs in the modes that are recommended and with the
# peers: bytes, time to build it, memory, time to read it where Linux has mounted it and
# nothing is cached, and the oldest Linux that can mount it. Then it draws the picture and
# the tables of the documents:
#
#     benches/figures.sh [CORPUS] [OPTION]...     default: small, 5 rounds
#     benches/figures.sh --draw                   measures nothing
#
# --rounds N, --only WORD and --without WORD say what is measured how often; --help has all.
# What was measured goes to docs/figures/CORPUS.json. Needs root, and room for all images in
# /dev/shm (2 GB for small). A program that is missing is left out with a line.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

corpus=small
case ${1:-} in
"" | -*) ;;
*) corpus=$1 && shift ;;
esac
need_rust
cargo build --quiet --release --locked -p benches --bin figures
for option; do
    case $option in --draw | -h | --help) exec target/release/figures "$@" ;; esac
done
[ "$(id -u)" = 0 ] || die "root is needed to mount"

install_packages e2fsprogs squashfs-tools tar util-linux mount
sh testdata/fetch-peers.sh || echo "current erofs-utils cannot be fetched" >&2
# The current mksquashfs, too, where it can be had.
squashfs=target/squashfs
[ -x $squashfs/bin/mksquashfs ] || (
    . testdata/fetch-lib.sh
    mkdir -p $squashfs/bin
    dir=$(cd $squashfs && pwd)
    fetch_debian "$dir" testing squashfs-tools
    wrap "$dir/bin/mksquashfs" "$dir/root" "$dir/root/usr/bin/mksquashfs"
) || echo "current squashfs-tools cannot be fetched" >&2
[ ! -x $squashfs/bin/mksquashfs ] || set -- --mksquashfs $squashfs/bin/mksquashfs "$@"

cargo build --quiet --release --locked -p erofs-cli
sh benches/corpus.sh "$corpus"
suite=${CORPUS_SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")}
work=$(mktemp -d /dev/shm/figures.XXXXXX)
trap 'umount "$work"/*.mnt 2>/dev/null || true; rm -rf "$work"' EXIT
# Where mke2fs lies.
PATH=$PATH:/usr/sbin:/sbin
target/release/figures "$corpus" --suite "$suite" --work "$work" "$@"
