#!/bin/sh
# Runs all tests:
#
#     scripts/test.sh [--yes] [WORD...]        WORDs are for `cargo test`
#
# As root it installs Debian packages that they need, after a question on a terminal;
# --yes is the answer. The current erofs-utils are fetched into target/ to test against.
# As root every image is also mounted. What the machine lacks is reported as skipped.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

assume_yes=
if [ "${1:-}" = --yes ]; then
    assume_yes=1
    shift
fi
echo "All tests take about 20 minutes on 2 cores, and 4 GB of disk in target/."
need_rust testdata
offer_packages util-linux mount e2fsprogs btrfs-progs xfsprogs attr acl gzip bzip2 xz-utils \
    zstd lzip libarchive-tools squashfs-tools-ng mtree-netbsd cryptsetup-bin fsverity fakeroot \
    python3 strace fdisk
say "fetching the current erofs-utils into target/peers: half a minute the first time"
sh testdata/fetch-peers.sh ||
    echo "$0: no current erofs-utils, so what they check is skipped" >&2
say "building the tests, about 6 minutes on 2 cores the first time, and running them"
exec cargo test --locked --workspace "$@"
