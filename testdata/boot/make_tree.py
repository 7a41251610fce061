#!/usr/bin/env python3
"""Makes the tree that scripts/boot-kernels.sh packs: make_tree.py DIR BUSYBOX

Some 45 MB of all kinds of contents, sizes and names, the same in every run but
for a few programs of this machine. What only root may make is left out for
others."""

import contextlib
import os
import random
import shutil
import sys

KINDS = ("text", "random", "zeros", "repeat")
WORDS = "the of erofs block inode extent cluster tree store path and a to in is".split()
LAST_TIME = 1_700_000_000


class Maker:
    def __init__(self, root):
        self.root = root.encode()
        self.random = random.Random(7)

    def path(self, name):
        name = name if isinstance(name, bytes) else name.encode()
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def file(self, name, data, mode=0o644):
        path = self.path(name)
        with open(path, "wb") as out:
            out.write(data)
        os.chmod(path, mode)

    def bytes(self, kind, length):
        if kind == "zeros":
            return bytes(length)
        if kind == "random":
            return self.random.randbytes(length)
        if kind == "repeat":
            unit = self.random.randbytes(self.random.randint(1, 9000))
            return (unit * (length // len(unit) + 1))[:length]
        lines = []
        left = length
        while left > 0:
            words = self.random.choices(WORDS, k=self.random.randint(2, 12))
            line = f"{self.random.randint(0, 99999)}: {' '.join(words)}\n".encode()
            lines.append(line)
            left -= len(line)
        return b"".join(lines)[:length]

    def mixed(self, length):
        """Pieces of all kinds, so that compressed and plain clusters alternate."""
        parts = []
        while length > 0:
            size = min(length, int(2 ** self.random.uniform(5, 19)))
            parts.append(self.bytes(self.random.choices(KINDS, (5, 1, 1, 2))[0], size))
            length -= size
        return b"".join(parts)


def contents(make):
    make.file("big/mixed", make.mixed(20_000_003))
    # One run that is longer than the largest extent and than a distance in an
    # index can say, between bytes that keep the file from being a hole.
    make.file("big/zeros", b"<" + bytes(13 << 20) + b">")
    make.file("big/text", make.bytes("text", 3_000_000))
    make.file("big/random", make.bytes("random", 2_000_001))
    # Bytes that other files have too, at other places, and twice in one file.
    shared = make.mixed(700_000)
    for front in (0, 1, 4096, 70_001):
        for cut in (0, 5000, 123_456):
            data = make.mixed(front) + shared[cut:] + make.mixed(front)
            make.file(f"repeats/{front}-{cut}", data)
    make.file("repeats/inside", b"".join(make.mixed(9_999) + shared[:60_000] for _ in range(12)))
    for size in (0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 12289, 65535, 65536, 65537,
                 262143, 262144, 262145):
        make.file(f"sizes/text-{size}", make.bytes("text", size))
        make.file(f"sizes/mixed-{size}", make.mixed(size))
    # The number of index entries decides how they are grouped.
    for blocks in (*range(1, 40), 63, 64, 65):
        make.file(f"blocks/{blocks}", make.mixed(blocks * 4096 - 17))
    for number in range(2500):
        # Most differ, some are the same, one in ten is empty.
        seed = number if number % 5 else number // 50
        make.file(f"wide/{number:05}-{seed * 7919 % 1000}", b"%d\n" % seed * (seed % 10))


def names(make):
    for name in (b" ", b"-n", b".hidden", b"..2", b"a b", b"\x01", b"tab\t", b"line\nend",
                 b"back\\slash", b"quote'\"", b"\x7f", b"\x80", b"\xff\xfe", "ünïcode".encode(),
                 b"n" * 255, b"n" * 254, b"*", b"$(x)", b"%s"):
        make.file(b"names/" + name, name + b"\n")
    deep = "deep"
    for level in range(60):
        deep += f"/level-{level}"
        make.file(f"{deep}/here", deep.encode())
    os.makedirs(make.path("empty/dir"))


def links(make):
    for number, target in enumerate(("../big/text", ".", "nowhere", "/", "x" * 4095,
                                     "a/" * 2000 + "b", "spaces and 'quotes'")):
        os.symlink(target, make.path(f"links/symlink-{number}"))
    make.file("links/hard-1", make.mixed(10_000))
    os.link(make.path("links/hard-1"), make.path("links/hard-2"))
    os.link(make.path("links/hard-1"), make.path("deep/hard-3"))
    os.mkfifo(make.path("links/fifo"))


def programs(make, busybox):
    shutil.copy(busybox, make.path("bin/busybox"))
    os.chmod(make.path("bin/busybox"), 0o755)
    os.symlink("busybox", make.path("bin/sh"))
    total = 0
    for entry in sorted(os.scandir("/usr/bin"), key=lambda entry: entry.name)[::5]:
        if not entry.is_file(follow_symlinks=False) or not os.access(entry.path, os.R_OK):
            continue
        size = entry.stat().st_size
        if 20_000 < size < 2_000_000 and total + size < 3_000_000:
            total += size
            shutil.copyfile(entry.path, make.path(f"bin/host/{entry.name}"))


def attributes(make):
    """Xattrs, modes and owners, as far as this user and file system allow."""
    for number in range(8):
        make.file(f"xattr/{number}", make.mixed(number * 3000))
        with contextlib.suppress(OSError):
            path = make.path(f"xattr/{number}")
            os.setxattr(path, "user.same", b"in all of them")
            for attribute in range(number):
                os.setxattr(path, f"user.own{attribute}", b"v" * attribute * 11)
            os.setxattr(path, "trusted.overlay.note", b"y")
    unreadable = (0o000, 0o111) if os.geteuid() == 0 else ()
    for mode in (*unreadable, 0o400, 0o755, 0o1777, 0o2755, 0o4755):
        make.file(f"modes/{mode:04o}", make.mixed(5000), mode)
    os.chmod(make.path("empty/dir"), 0o1777)
    with contextlib.suppress(PermissionError):
        for owner in (1, 65535, 65536, 4_000_000_000):
            make.file(f"owners/{owner}", make.mixed(5000))
            os.chown(make.path(f"owners/{owner}"), owner, owner)
        os.mknod(make.path("links/null"), 0o20666, os.makedev(1, 3))


def times(make):
    """Most files have one time, as in a store; some their own."""
    for folder, folders, files in os.walk(make.root, topdown=False):
        for number, name in enumerate(sorted(folders + files)):
            time = LAST_TIME if number % 10 else LAST_TIME - number * 86_399
            os.utime(os.path.join(folder, name), ns=(0, time * 10**9 + number % 3),
                     follow_symlinks=False)
    os.utime(make.root, (0, 1))


def main():
    root, busybox = sys.argv[1:]
    make = Maker(root)
    contents(make)
    names(make)
    links(make)
    programs(make, busybox)
    attributes(make)
    times(make)


if __name__ == "__main__":
    main()
