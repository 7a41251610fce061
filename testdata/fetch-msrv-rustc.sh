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

works() {
    "$dir/bin/rustc" --version 2>/dev/null | grep -q '^rustc 1\.85\.' &&
        "$dir/bin/cargo" --version 2>/dev/null | grep -q '^cargo 1\.85\.'
}

if works; then
    exit 0
fi
fetch_debian "$dir" trixie rustc cargo
mkdir -p "$dir/bin"
# Run by the dynamic linker, a program cannot find out where it lies: tell it.
for tool in rustc rustdoc; do
    wrap "$dir/bin/$tool" "$dir/root" "$dir/root/usr/bin/$tool" --sysroot "$dir/root/usr"
done
wrap_env="export RUSTC=\"\${RUSTC:-$dir/bin/rustc}\" RUSTDOC=\"\${RUSTDOC:-$dir/bin/rustdoc}\" CARGO=\"$dir/bin/cargo\"
"
wrap "$dir/bin/cargo" "$dir/root" "$dir/root/usr/bin/cargo"
works || die "the fetched compiler does not run; see $dir/bin"
"$dir/bin/rustc" --version
