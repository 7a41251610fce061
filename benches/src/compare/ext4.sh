# Makes an ext4 image of store paths: sh -c "$this" sh STORE-PATHS IMAGE
#
# By the steps of make-ext4-fs.nix in nixpkgs: a copy of the closure, a file that
# is large enough for it, mke2fs, a check, as small as it gets and 16 MiB more.
# Left out are faketime and fakeroot, which only cost time here. The copy stays,
# IMAGE.tree.
set -eu
list=$1
image=$2
tree=$image.tree
mkdir -p "$tree/nix/store"
xargs -I % cp -a --reflink=auto % -t "$tree/nix/store/" <"$list"

inodes=$(find "$tree" | wc -l)
blocks=$(du -s -B 4096 --apparent-size "$tree" | cut -f 1)
bytes=$((2 * 4096 * inodes + 4096 * (blocks * 120 / 100)))
truncate -s $((bytes / 1048576 + 1))M "$image"
mke2fs -q -t ext4 -L nix-store -U eb176051-bd15-49b7-9e6b-462e0b467019 -d "$tree" "$image"
e2fsck -n -f "$image"
resize2fs -M "$image"
# Its size was a count of blocks, which may be of 1 or 4 KiB.
grown=$(dumpe2fs -h "$image" 2>/dev/null | awk -F : '
    /^Block count/ { count = $2 }
    /^Block size/ { size = $2 }
    END { print count + 16 * 1048576 / size }')
resize2fs "$image" "$grown"
