#!/usr/bin/env python3
"""The speed of our zstd encoder, of that of libzstd where it reaches the same ratio.

    equal-ratio.py FILE ROOM [LEVEL...]

Builds `encoder`, and needs Debian's `zstd`. libzstd compresses inputs as long as those
that one of our outputs takes on average, at levels 1 to 19. Between two of its levels, its
speed at our ratio is interpolated.
"""

import math
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command):
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def ours(file, room, level):
    """Returns MB/s, the ratio, and the bytes that an output takes."""
    said = run("target/release/encoder", file, f"zstd,{level}", room, "3")
    found = re.search(r"([\d.]+) MB/s, ratio ([\d.]+), (\d+) bytes taken", said)
    return float(found[1]), float(found[2]), found[3]


def theirs(file, level, taken):
    """Returns MB/s and the ratio."""
    said = run("zstd", f"-b{level}", "-i2", f"-B{taken}", file)
    found = re.findall(r"\(x([\d.]+)\),\s+([\d.]+) MB/s", said)[-1]
    return float(found[1]), float(found[0])


def speed_at(ratio, curve):
    """Returns the highest speed of libzstd at `ratio`, or None if it does not reach it."""
    speeds = [speed for speed, reached in curve if reached >= ratio]
    for (fast, low), (slow, high) in zip(curve, curve[1:]):
        if low < ratio <= high:
            part = (ratio - low) / (high - low)
            speeds.append(math.exp((1 - part) * math.log(fast) + part * math.log(slow)))
    return max(speeds, default=None)


def main():
    file, room, *levels = sys.argv[1:]
    file = str(Path(file).resolve())
    run("cargo", "build", "--release", "-q", "--locked", "-p", "benches")
    levels = levels or [str(level) for level in range(1, 20)]
    measured = {level: ours(file, room, level) for level in levels}
    taken = sorted(int(row[2]) for row in measured.values())[len(levels) // 2]
    curve = [theirs(file, level, taken) for level in range(1, 20)]
    print(f"outputs of {room} bytes, inputs of {taken}; libzstd at the same level, and ratio")
    for level, (speed, ratio, _) in measured.items():
        same_speed, same_ratio = curve[int(level) - 1]
        there = speed_at(ratio, curve)
        equal = f"{speed / there:.2f}" if there else "not reached"
        print(
            f"zstd,{level}: {speed:.1f} MB/s, ratio {ratio:.3f}; level {speed / same_speed:.2f},"
            f" size {same_ratio / ratio:.3f}; equal ratio {equal}"
        )


main()
