#!/bin/sh
# Fetches a current Rust toolchain into DIR, for scripts on machines that have none, or one
# that is too old:
#
#     testdata/fetch-rust.sh [DIR]         default: target/rust
#     DIR/bin/{cargo,rustc,rustdoc}
#
# It is the one that Debian builds browsers with, which its stable suite keeps current.
# The system's own `cc` links. The system is not changed. Does nothing when DIR/bin works
# already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch-lib.sh"

dir=${1:-$here/../target/rust}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

if rust_works "$dir" '1\.'; then
    exit 0
fi
fetch_debian "$dir" trixie rustc-web cargo-web
wrap_rust "$dir"
rust_works "$dir" '1\.' || die "the fetched compiler does not run; see $dir/bin"
"$dir/bin/rustc" --version
