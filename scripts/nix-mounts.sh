#!/bin/bash
# Mounts the stores of guests as their initrds do:
#
#     unshare --mount scripts/nix-mounts.sh GUESTS IMAGE PATH GENERATOR
#
# GUESTS has lines of fstab, each with the words "NAME systemd|scripted FILE-SYSTEM
# writable|read-only" before it: nix/tests/guests.nix makes them. IMAGE is a store image
# of erofs, which has the store path PATH. GENERATOR is systemd-fstab-generator. Each
# line has to become a mount that systemd makes in the initrd. Where the file system of
# the image is erofs, all is mounted: PATH has to be there, and the store has to be
# writable if the line says so. Needs root.
set -euo pipefail
guests=$1 image=$2 path=$3 generator=$4
work=$(mktemp -d)
device=

die() {
    echo "$0: $*" >&2
    exit 1
}

cleanup() {
    status=$?
    trap - EXIT
    unmount_all
    [ -z "$device" ] || losetup --detach "$device"
    rm -rf "$work"
    exit "$status"
}

unmount_all() {
    while mountpoint -q "$work/root"; do umount --recursive "$work/root"; done
}

# field NAME FILE: of a unit, where a percent sign is written as two.
field() {
    sed -n -e 's/%%/%/g' -e "s/^$1=//p" "$2"
}

# systemd's initrd: from the units that the generator makes of the lines. systemd_mounts
# NAME: prints "DEVICE PLACE TYPE OPTIONS" for each.
systemd_mounts() {
    rm -rf "$work/units"
    mkdir "$work/units"
    env -i SYSTEMD_IN_INITRD=1 SYSTEMD_PROC_CMDLINE=root=fstab SYSTEMD_LOG_TARGET=console \
        SYSTEMD_FSTAB=/dev/null SYSTEMD_SYSROOT_FSTAB="$work/fstab" \
        "$generator" "$work/units" "$work/units" "$work/units" 2>"$work/log" ||
        die "$1: systemd-fstab-generator refuses its fstab: $(cat "$work/log")"
    local place unit needed
    while read -r _ place _; do
        place=/sysroot${place%/}
        unit=$(grep -lFx "Where=$place" "$work"/units/*.mount || true)
        [ -n "$unit" ] || die "$1: systemd does not mount $place: $(cat "$work/log")"
        needed=$(echo "$work"/units/initrd*-fs.target.requires/"${unit##*/}")
        [ -e "${needed%% *}" ] || die "$1: the initrd does not wait for $place"
        echo "$(field What "$unit") $place $(field Type "$unit") $(field Options "$unit")"
    done <"$work/fstab"
}

# The initrd of scripts puts the root before paths, and leaves out options that
# begin with x-.
scripted_mounts() {
    sed -E -e 's/,?\bx-[^, ]*//g' \
        -e 's:^(/[^ ]* [^ ]* [^ ]* ([^ ]*,)?bind\b):/sysroot\1:' \
        -e 's:(lowerdir|upperdir|workdir)=:\1=/sysroot:g' \
        -e 's:^([^ ]*) ([^ ]*) ([^ ]*) ,?([^ ]*) .*:\1 /sysroot\2 \3 \4:' "$work/fstab"
}

# mount_all NAME: below $work/root, all that "$work/mounts" has.
mount_all() {
    local device_ place type options dir
    while read -r device_ place type options; do
        place=${place//\/sysroot/$work/root}
        options=${options//\/sysroot/$work/root}
        case $device_ in
        /dev/disk/by-label/nix-store) device_=$device ;;
        # Files on other devices do not matter.
        /dev/disk/*) device_=none type=tmpfs options=defaults ;;
        /sysroot/*) device_=$work/root${device_#/sysroot} ;;
        esac
        [ "$type" != 9p ] || continue
        mkdir -p "$place"
        # These are made by a service, or by the script.
        for dir in upperdir workdir; do
            dir=$(sed -nE "s/.*$dir=([^,]*).*/\1/p" <<<"$options")
            [ -z "$dir" ] || mkdir -p "$dir"
        done
        # Paths that begin with ../ are found from the initrd's root.
        (cd "$work/initrd/root" &&
            mount -t "$type" -o "${options:-defaults}" "$device_" "$place" 2>"$work/log") ||
            die "$1: $place is not mounted with $options: $(cat "$work/log")"
    done <"$work/mounts"
}

# check_store NAME writable|read-only: checks the store that a guest finds.
check_store() {
    local store=$work/root/nix/store found=read-only
    [ -e "$store/$path" ] || die "$1: the store is not there"
    if touch "$store/new" 2>/dev/null; then found=writable; fi
    [ "$found" = "$2" ] || die "$1: the store is $found, and not $2"
}

mkdir -p "$work/root" "$work/initrd/root"
trap cleanup EXIT
device=$(losetup --find --show --read-only "$image")
ln "$image" "$work/initrd/nix-store.squashfs" 2>/dev/null ||
    cp "$image" "$work/initrd/nix-store.squashfs"
count=0 mounted=0
declare -A seen
while read -r name initrd type writable; do
    awk -v name="$name" '$1 == name' "$guests" | cut -d ' ' -f 5- >"$work/fstab"
    # Some options change nothing here.
    key="$initrd $type $writable $(cat "$work/fstab")"
    [ -z "${seen[$key]:-}" ] || continue
    seen[$key]=1
    "${initrd}_mounts" "$name" >"$work/mounts"
    count=$((count + 1))
    [ "$type" = erofs ] || continue
    mount_all "$name"
    check_store "$name" "$writable"
    unmount_all
    mounted=$((mounted + 1))
done < <(cut -d ' ' -f 1-4 "$guests" | uniq)
[ "$mounted" -gt 10 ] || die "only $mounted guests have a store"
echo "$count guests mount their stores, $mounted of them from a real image"
