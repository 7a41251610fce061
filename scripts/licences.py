"""Checks what the library and the command depend on: that every licence is on
the list of deny.toml, and that nothing compiles C."""

import json
import re
import subprocess
import sys
import tomllib

# Build dependencies of crates that compile C. blake3 names `cc` too, but calls it only
# without its feature `pure`.
C_BUILDERS = {"cc", "cmake", "bindgen", "pkg-config"}
PURE_IF = {"blake3": "pure"}


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met: `/` is an old way to write OR."""
    alternatives = re.split(r"\s+OR\s+|/", expression.replace("(", "").replace(")", ""))
    return any(
        all(part.strip() in allowed for part in re.split(r"\s+AND\s+", alternative))
        for alternative in alternatives
    )


def reachable(metadata, roots):
    """The packages that the roots need to be built and run."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, pending = set(), list(roots)
    while pending:
        package = pending.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            if kinds != {"dev"}:
                pending.append(dependency["pkg"])
    return found, nodes


def main():
    command = ["cargo", "metadata", "--locked", "--format-version", "1",
               "--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.check_output(command))
    with open("deny.toml", "rb") as file:
        allowed = set(tomllib.load(file)["licenses"]["allow"])
    packages = {package["id"]: package for package in metadata["packages"]}
    roots = [id for id, package in packages.items()
             if package["name"] in ("erofs-writer", "erofs-cli")]
    found, nodes = reachable(metadata, roots)
    problems = []
    for id in sorted(found):
        package = packages[id]
        if not is_allowed(package["license"] or "none", allowed):
            problems.append(f"{package['name']}: licence {package['license']}")
        builders = {packages[dep["pkg"]]["name"] for dep in nodes[id]["deps"]} & C_BUILDERS
        pure = PURE_IF.get(package["name"])
        if builders and pure not in nodes[id]["features"]:
            problems.append(f"{package['name']}: builds with {', '.join(builders)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(found)} packages looked at, {len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
