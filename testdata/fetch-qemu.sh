#!/bin/sh
# Fetches the machine emulator of Debian 13 into DIR, for
# scripts/boot-kernels.sh and boot-store.sh:
#
#     testdata/fetch-qemu.sh [DIR]         default: target/kernels/qemu
#     DIR/bin/qemu-system-x86_64 ...
#
# Version 7.2 of Debian 12 will not do: without KVM its guests crash now and
# then. The system is not changed. Does nothing when DIR/bin works already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch-lib.sh"

dir=${1:-$here/../target/kernels/qemu}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
emulator=$dir/bin/qemu-system-x86_64

if "$emulator" --version >/dev/null 2>&1; then
    exit 0
fi
fetch_debian "$dir" trixie qemu-system-x86
mkdir -p "$dir/bin"
# It looks for its firmware where it was installed: tell it where that is.
share=$dir/root/usr/share
wrap "$emulator" "$dir/root" "$dir/root/usr/bin/qemu-system-x86_64" \
    -L "$share/qemu" -L "$share/seabios"
"$emulator" --version | head -n 1
