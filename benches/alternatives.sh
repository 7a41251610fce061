#!/bin/sh
# Compares the ways in which Nix projects make an image of a store today with
# ours, on one corpus of corpus.sh, and prints a table in Markdown:
#
#     benches/alternatives.sh [CORPUS [OPTION...]]     default: small
#
# Options, such as --rounds 3, are those of side_by_side. As root it also mounts the
# images and reads them. A way whose programs are missing is left out with a line.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

corpus=${1:-small}
[ $# -eq 0 ] || shift
need_rust
install_packages e2fsprogs squashfs-tools tar util-linux mount
sh testdata/fetch-peers.sh || echo "current erofs-utils cannot be fetched" >&2
# Where mke2fs lies, also for users other than root.
PATH=$PATH:/usr/sbin:/sbin
cargo build --quiet --release --locked -p erofs-cli
cargo build --quiet --release --locked -p benches --bins
sh benches/corpus.sh "$corpus"

date +%F
echo "$(nproc) processors, Linux $(uname -r)"
target/peers/bin/mkfs.erofs --version 2>/dev/null | head -n 1 || true
mksquashfs -version 2>/dev/null | head -n 1 || true
mke2fs -V 2>&1 | head -n 1 || true
exec target/release/side_by_side alternatives --flags-corpus "$corpus" "$@"
