# Sourced by scripts/boot-kernels.sh and scripts/boot-store.sh on the host, and
# by what reads their images in the guest, both times with applets of the same
# busybox, so that equal trees give equal text.

# random_reads FILE...: hashes of reads at odd offsets, each FILE's in one line.
random_reads() {
    x=1
    for file in "$@"; do
        size=$(stat -c %s "$file")
        reads=0
        while [ $reads -lt 12 ]; do
            x=$(((x * 1103515245 + 12345) & 0x7fffffff))
            dd if="$file" bs=4099 skip=$((x % (size / 4099))) count=$((x % 5 + 1)) 2>/dev/null
            reads=$((reads + 1))
        done | md5sum | sed "s|-|random reads of $file|"
    done
}

# describe_contents DIR: names, contents and targets. MD5, as it takes half the
# time of SHA-256 in an emulated machine; of the thousands of files in wide/,
# which open slowly there, only some.
describe_contents() (
    cd "$1" || return
    find . -type l -print0 | sort -z | xargs -0 stat -c '%N'
    find . -type f ! -path './wide/*[0-8]' -print0 | sort -z | xargs -0 md5sum
    find . -type d -print0 | sort -z | tr '\0' '\n'
)

# describe DIR: everything of a tree as make_tree.py makes it. The random reads
# come first, when nothing is cached.
describe() {
    (
        cd "$1" || return
        random_reads big/*
        # What stat says of a directory's size and links is the file system's
        # own affair.
        find . -type d -print0 | sort -z | xargs -0 stat -c '%f %u:%g %y %n'
        find . ! -type d -print0 | sort -z |
            xargs -0 stat -c '%f %u:%g %h %s %t:%T %y %n'
        for file in xattr/*; do
            getfattr -d "$file" | sort
        done
    ) && describe_contents "$1"
}

# describe_store DIR: what a store image keeps of its store paths.
describe_store() {
    (
        cd "$1" || return
        find . ! -type l -print0 | sort -z | xargs -0 stat -c '%f %n'
    ) && describe_contents "$1"
}

# differs LIST LIST: some lines that differ, in one line.
differs() {
    diff "$1" "$2" | grep '^[-+][^-+]' | head -n 4 | tr '\n' ' '
}
