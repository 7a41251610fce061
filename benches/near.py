#!/usr/bin/env python3
"""The sizes of images of trees whose files are nearly the same, next to mkfs.erofs.

    near.py [--trees FOLDER] [--peer MKFS.EROFS] [--quick] [--each] OURS...

Each of OURS is a build of mkfs-erofs. Trees are those of `testdata`'s example `near`,
which are made if they are not there. For each form: the sum of the sizes over all trees,
as a ratio to the peer's, and the largest ratio with its tree. --each also has the ratio of
each tree. What the peer needs more than 20 seconds for is left out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAILS = [
    "", "fragments", "all-fragments", "dedupe", "fragments,dedupe", "all-fragments,dedupe",
    "ztailpacking",
]


def forms(quick):
    for algorithm in ["lz4"] if quick else ["lz4", "lz4hc", "zstd"]:
        for pcluster in ["", "-C65536"]:
            for tails in TAILS:
                yield [f"-z{algorithm}", *([pcluster] if pcluster else []), *([f"-E{tails}"] if tails else [])]


def size(program, form, tree):
    """Returns the length of the image, or None if that took too long."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image"
        extra = ["--workers=1"] if "mkfs-erofs" in str(program) else []
        command = [program, *form, *extra, "-T0", "--quiet", image, tree]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=20)
        except subprocess.TimeoutExpired:
            return None
        return image.stat().st_size


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--trees", type=Path, default=ROOT / "target/near")
    parser.add_argument("--peer", type=Path, default=ROOT / "target/peers/bin/mkfs.erofs")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("ours", type=Path, nargs="+")
    args = parser.parse_args()
    if not args.trees.exists():
        example = ["cargo", "run", "--release", "-q", "-p", "testdata", "--example", "near", "--"]
        subprocess.run([*example, args.trees], cwd=ROOT, check=True)
    trees = sorted(args.trees.iterdir())
    # Sizes of the peer's do not change.
    cache = args.trees.with_suffix(".json")
    known = json.loads(cache.read_text()) if cache.exists() else {}
    ours = {}
    print("form | KB of the peer | " + " | ".join("ours: sum, worst" for _ in args.ours))
    for form in forms(args.quick):
        name = " ".join(form)
        for tree in trees:
            key = f"{name} {tree.name}"
            if key not in known:
                known[key] = size(args.peer, form, tree)
                cache.write_text(json.dumps(known))
        within = [tree for tree in trees if known[f"{name} {tree.name}"]]
        peer = [known[f"{name} {tree.name}"] for tree in within]
        row = [name, f"{sum(peer) // 1000}"]
        for program in args.ours:
            mine = [size(program, form, tree) for tree in within]
            ours.update({(program, name, tree.name): len for tree, len in zip(within, mine)})
            ratios = [(a / b, tree.name) for a, b, tree in zip(mine, peer, within)]
            worst = max(ratios)
            row.append(f"{sum(mine) / sum(peer):.3f}, {worst[0]:.3f} {worst[1]}")
            if args.each:
                row += [f"\n  {tree} {ratio:.3f}" for ratio, tree in ratios]
        print(" | ".join(row), flush=True)
    # No form takes more than the same without it.
    for program in args.ours:
        for (_, name, tree), mine in ours.items():
            head, _, tails = name.partition(" -E")
            for less in ["dedupe"] if "fragments,dedupe" in tails else []:
                before = ours.get((program, f"{head} -E{less}", tree))
                if before and mine > before:
                    print(f"{program}: {tree} {name} is {mine / before:.3f} of -E{less}")


main()
