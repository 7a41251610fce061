#!/bin/sh
# Runs each fuzz target for a bounded time:
#
#     scripts/fuzz.sh [SECONDS]        default: 20 each
#
# Their findings are left in fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

seconds=${1:-20}
need_rust
# libFuzzer itself is C++.
install_packages g++
PATH="$PWD/target/tools/bin:$PATH"
cargo fuzz --version >/dev/null 2>&1 ||
    cargo install --quiet --locked --debug --root target/tools cargo-fuzz
# Coverage feedback is a nightly flag of the compiler; this lets a stable one
# take it. The code under test has no unsafe part, so the address sanitizer,
# for which the standard library would have to be built again, is left out.
export RUSTC_BOOTSTRAP=1
for target in store_paths options ere codecs compressed tar nar manifest images base decoders tree_roundtrip; do
    echo "fuzzing $target for $seconds s"
    mkdir -p "fuzz/corpus/$target"
    cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1
done
