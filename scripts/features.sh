#!/bin/sh
# Checks the library with every combination of its features: each has to compile
# without a warning, so without code that nothing uses.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_rust
# decoders has tar in it, so that of these two there is one at most.
for archives in "" tar decoders; do
    for labels in "" selinux; do
        for reports in "" serde; do
            features=$(echo "$archives $labels $reports" | xargs | tr ' ' ',')
            echo "features: ${features:-none}"
            cargo clippy --quiet --locked -p erofs-writer --lib --no-default-features \
                --features "$features" -- -D warnings
        done
    done
done
# Tests and examples that need a feature say so.
cargo clippy --quiet --locked -p erofs-writer --all-targets --no-default-features -- -D warnings

# A feature that is not among these is not checked.
known="decoders default selinux serde tar"
there=$(sed -n '/^\[features\]/,/^\[dependencies\]/s/^\([a-z][a-z0-9_-]*\) = .*/\1/p' \
    erofs-writer/Cargo.toml | sort | xargs)
[ "$there" = "$known" ] || {
    echo "$0: checks '$known', and there are '$there'" >&2
    exit 1
}
