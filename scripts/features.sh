#!/bin/sh
# Checks the library with every combination of its features: each has to compile
# without a warning, so without code that nothing uses.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_rust
check() {
    echo "features: ${1:-none}"
    cargo clippy --quiet --locked -p erofs-writer --lib --no-default-features --features "$1" \
        -- -D warnings
}

# decoders has tar in it, so that of these two there is one at most.
for archives in "" tar decoders; do
    for labels in "" selinux; do
        for reports in "" serde; do
            check "$(echo lz4 "$archives $labels $reports" | xargs | tr ' ' ',')"
        done
    done
done
# Algorithms share code with each other, and with the decoders.
for algorithms in "" deflate lzma zstd deflate,lz4 deflate,zstd lz4,zstd lz4,lzma \
    decoders,lzma deflate,lz4,lzma,zstd image decoders,image,lzma nar nar,tar decoders,nar \
    verity serde,verity image,verity; do
    check "$algorithms"
done
# Tests and examples that need a feature say so. All need LZ4.
cargo clippy --quiet --locked -p erofs-writer --all-targets --no-default-features --features lz4 \
    -- -D warnings

# The command names the algorithm that its build does not have.
echo "the command: lz4"
run_command() {
    cargo run --quiet --locked -p erofs-cli --no-default-features --features lz4 -- "$@" 2>&1
}
said=$(run_command -z zstd IMG DIR) && exit 1
case "$said" in
    "mkfs-erofs: -z zstd: this build has no zstd"*) ;;
    *)
        echo "$0: $said" >&2
        exit 1
        ;;
esac

run_command --version | grep -qx "available compressors: lz4, lz4hc" || {
    echo "$0: --version lists other compressors than those of the build" >&2
    exit 1
}

# A feature that is not among these is not checked.
known="decoders default deflate image lz4 lzma nar selinux serde tar verity zstd"
there=$(sed -n '/^\[features\]/,/^\[dependencies\]/s/^\([a-z][a-z0-9_-]*\) = .*/\1/p' \
    erofs-writer/Cargo.toml | sort | xargs)
[ "$there" = "$known" ] || {
    echo "$0: checks '$known', and there are '$there'" >&2
    exit 1
}
