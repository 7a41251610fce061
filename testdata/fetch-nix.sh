#!/bin/sh
# Fetches Nix of Debian 13 into DIR, static programs to build with, and the program that
# makes mounts of an fstab in the initrd, for scripts/nix.sh:
#
#     testdata/fetch-nix.sh [DIR]          default: target/nix
#     DIR/bin/{nix-build,...,systemd-fstab-generator}
#     DIR/programs/{bash,busybox}
#
# Debian 12 is too old: its Nix does not know unsafeDiscardReferences, and its systemd
# does not find the source of a bind mount in the initrd. The system is not changed,
# there is no daemon and no /nix. Does nothing when DIR/bin works already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/fetch-lib.sh"

dir=${1:-$here/../target/nix}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

works() {
    "$dir/bin/nix-build" --version 2>/dev/null | grep -q '^nix-build (Nix) 2\.' &&
        [ -x "$dir/bin/systemd-fstab-generator" ] &&
        "$dir/programs/busybox" true && "$dir/programs/bash" -c true
}

if works; then
    exit 0
fi
fetch_debian "$dir" trixie nix-bin bash-static busybox-static systemd
mkdir -p "$dir/bin" "$dir/programs"
# Run by the dynamic linker, it cannot find out where it lies: tell it.
wrap_env="export NIX_BIN_DIR=\"$dir/bin\"
"
for tool in nix nix-build nix-instantiate nix-store; do
    wrap "$dir/bin/$tool" "$dir/root" "$dir/root/usr/bin/$tool"
done
# Where no other library lies.
for file in "$dir"/root/usr/lib/*/systemd/libsystemd-shared-*.so; do
    ln -s "systemd/${file##*/}" "${file%/*/*}/${file##*/}"
done
generator=systemd-fstab-generator
wrap "$dir/bin/$generator" "$dir/root" "$dir/root/usr/lib/systemd/system-generators/$generator"
for folder in usr/bin bin; do
    for tool in bash busybox; do
        for file in "$dir/root/$folder/$tool" "$dir/root/$folder/$tool-static"; do
            [ ! -f "$file" ] || cp "$file" "$dir/programs/$tool"
        done
    done
done
works || die "the fetched programs do not run; see $dir/bin"
"$dir/bin/nix-build" --version
