#!/bin/sh
# Fetches current erofs-utils (mkfs.erofs, fsck.erofs, dump.erofs, erofsfuse) and composefs
# (mkcomposefs, composefs-info) from Debian's testing suite into DIR, for the tests to
# compare with:
#
#     testdata/fetch-peers.sh [DIR]        default: $EROFS_PEERS or target/peers
#
# DIR/bin/ then holds wrappers that run them with their own C library. The
# system is not changed. Does nothing when DIR/bin works already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch-lib.sh"

dir=${1:-${EROFS_PEERS:-$here/../target/peers}}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

works() {
    for tool in mkfs fsck dump; do
        "$dir/bin/$tool.erofs" --version 2>/dev/null | grep -q 'erofs-utils) 1\.' || return 1
    done
    [ -x "$dir/bin/mkcomposefs" ] && [ -x "$dir/bin/composefs-info" ]
}

if works; then
    exit 0
fi
fetch_debian "$dir" testing erofs-utils erofsfuse composefs
mkdir -p "$dir/bin"
for tool in mkfs.erofs fsck.erofs dump.erofs erofsfuse mkcomposefs composefs-info; do
    for folder in usr/bin usr/sbin bin sbin; do
        if [ -x "$dir/root/$folder/$tool" ]; then
            wrap "$dir/bin/$tool" "$dir/root" "$dir/root/$folder/$tool"
        fi
    done
done
works || die "the fetched programs do not run; see $dir/bin"
"$dir/bin/mkfs.erofs" --version | head -n 1
