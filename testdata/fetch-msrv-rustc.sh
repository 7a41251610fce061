#!/bin/sh
# Fetches the Rust compiler of Debian 13 (1.85, the oldest that the workspace
# promises to build with) into DIR:
#
#     testdata/fetch-msrv-rustc.sh [DIR]   default: target/msrv
#     DIR/bin/cargo check -p erofs-writer
#
# Cargo finds rustc and rustdoc beside it. The system's own `cc` links, so
# build scripts and procedural macros work too. The system is not changed.
# Does nothing when DIR/bin works already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch-lib.sh"

dir=${1:-$here/../target/msrv}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

if rust_works "$dir" '1\.85\.'; then
    exit 0
fi
fetch_debian "$dir" trixie rustc cargo
wrap_rust "$dir"
rust_works "$dir" '1\.85\.' || die "the fetched compiler does not run; see $dir/bin"
"$dir/bin/rustc" --version
