#!/bin/sh
# Fetches the Linux kernel of a Debian suite, with its modules and a static
# busybox, for scripts/boot-kernels.sh and boot-store.sh:
#
#     testdata/fetch-kernel.sh SUITE [DIR]     default: target/kernels/SUITE
#
# It is the kernel for virtual machines, which is half the size of the other.
# DIR then holds vmlinuz, modules/ (the kernel's own folder) and busybox. The
# system is not changed. Does nothing when they are there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch-lib.sh"

suite=${1:?usage: fetch-kernel.sh SUITE [DIR]}
dir=${2:-$here/../target/kernels/$suite}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

if [ -r "$dir/vmlinuz" ] && [ -d "$dir/modules" ] && [ -x "$dir/busybox" ]; then
    exit 0
fi
# The package without a version depends on the one that has the files; since
# 2026 on several of them.
fetch_debian_matching "$dir" "$suite" \
    'linux-(image|binary|modules)-[0-9].*-cloud-amd64|busybox-static' \
    linux-image-cloud-amd64 busybox-static
modules=$(find "$dir/root" -path '*/lib/modules/*/kernel' ! -path '*/kernel/*' -type d)
vmlinuz=$(find "$dir/root" \( -name vmlinuz -o -name 'vmlinuz-*' \) -type f)
busybox=$(find "$dir/root" -path '*bin/busybox' -type f)
for found in "$modules" "$vmlinuz" "$busybox"; do
    [ "$(printf '%s\n' "$found" | grep -c .)" = 1 ] || die "not what was expected: '$found'"
done
rm -rf "$dir/modules"
mv "$modules" "$dir/modules"
mv "$busybox" "$dir/busybox"
mv "$vmlinuz" "$dir/vmlinuz"
rm -rf "$dir/root"
