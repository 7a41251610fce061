#!/usr/bin/env python3
"""Makes the closure that scripts/boot-store.sh packs: make_store.py DIR BUSYBOX

DIR/nix/store has the store paths of a small system that is a shell: its names,
modes and links as Nix makes them, so that what runs in it finds its parts in
/nix/store. DIR/store-paths lists them, DIR/init is the name of its first program
in there. The same in every run, but for the busybox of this machine."""

import hashlib
import os
import shutil
import subprocess
import sys

from make_tree import Maker

HERE = os.path.dirname(os.path.abspath(__file__))
# Nix's digits: no e, o, t, u.
DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"
STORE = "/nix/store"


def store_name(name):
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:20], "big")
    return "".join(DIGITS[number >> bits & 31] for bits in range(155, -5, -5)) + "-" + name


class Store(Maker):
    def __init__(self, root):
        super().__init__(root)
        # Scripts name store paths this way: @hello@ is the path of hello-1.0.
        self.words = {}

    def new(self, name):
        """A store path's name, to put before those of its files."""
        path = store_name(name)
        self.words[f"@{name.split('-')[0]}@"] = f"{STORE}/{path}"
        return path

    def script(self, name, text):
        for word, path in self.words.items():
            text = text.replace(word, path)
        self.file(name, text.encode(), 0o755)

    def link(self, name, target):
        os.symlink(target, self.path(name))


def programs(store, busybox):
    package = store.new("busybox-1.37")
    farm = store.new("path-system")
    shutil.copy(busybox, store.path(f"{package}/bin/busybox"))
    applets = subprocess.run([busybox, "--list"], capture_output=True, check=True, text=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            store.link(f"{package}/bin/{applet}", "busybox")
        store.link(f"{farm}/bin/{applet}", f"{STORE}/{package}/bin/{applet}")


def system(store):
    checks, hello, greeting = (store.new(f"{n}-1.0") for n in ("checks", "hello", "greeting"))
    with open(os.path.join(HERE, "describe.sh"), "rb") as describe:
        store.file(f"{checks}/share/describe.sh", describe.read())
    store.file(f"{greeting}/share/greeting", b"Hello from another store path\n")
    store.script(f"{hello}/bin/hello",
                 "#!@busybox@/bin/sh\nexec @busybox@/bin/cat @greeting@/share/greeting\n")
    package = store.new("system-25.11")
    store.link(f"{package}/sw", store.words["@path@"])
    with open(os.path.join(HERE, "stage-2"), encoding="utf-8") as stage_2:
        store.script(f"{package}/init", stage_2.read())
    return store.words["@system@"] + "/init"


def contents(store):
    """What compressors, deduplication and directories have to cope with."""
    pages = [store.mixed(length * 37) for length in range(1, 400)]
    for version, changed in (("doc-1.0", 400), ("doc-1.1", 19)):
        package = store.new(version)
        for number, page in enumerate(pages):
            front = b"new\n" if number % changed == 18 else b""
            store.file(f"{package}/share/{number:03}.html", front + page)
        store.file(f"{package}/long", b"".join(b"%d\n" % line for line in range(30_000)))
        for name in ("changed", "deleted", "renamed", "folder/below"):
            store.file(f"{package}/{name}", f"this will be {name}\n".encode())
    package = store.new("libs-1.0")
    shared = store.mixed(900_000)
    store.file(f"{package}/lib/large.so", store.mixed(8_000_003))
    store.file(f"{package}/lib/noise", store.bytes("random", 1_000_001))
    store.file(f"{package}/lib/sparse", b"<" + bytes(3 << 20) + b">")
    for number in range(4):
        store.file(f"{package}/lib/{number}.so", store.mixed(number * 4111) + shared)
    for name in ("a b", "ünïcode", "~nix~case~hack~1", "n" * 255):
        store.file(f"{package}/share/names/{name}", name.encode())
    os.makedirs(store.path(f"{package}/share/empty/dir"))
    for number in range(600):
        # Store paths that are files.
        text = store.bytes("text", number * 7)
        store.file(store.new(f"unit-{number}.service"), text)
    store.link(store.new("link-1.0"), store.words["@hello@"])


def seal(store):
    """Modes of Nix; the root may be written, so that it can be deleted."""
    for folder, _, files in os.walk(store.root, topdown=False):
        for path in (os.path.join(folder, name) for name in files):
            if not os.path.islink(path):
                os.chmod(path, 0o555 if os.access(path, os.X_OK) else 0o444)
        os.chmod(folder, 0o555 if folder != store.root else 0o755)


def main():
    out, busybox = sys.argv[1:]
    store = Store(out + STORE)
    os.makedirs(store.root)
    programs(store, busybox)
    first = system(store)
    contents(store)
    seal(store)
    with open(os.path.join(out, "store-paths"), "w", encoding="utf-8") as paths:
        paths.writelines(f"{out}{STORE}/{name}\n" for name in sorted(os.listdir(out + STORE)))
    with open(os.path.join(out, "init"), "w", encoding="utf-8") as init:
        print(first, file=init)


if __name__ == "__main__":
    main()
