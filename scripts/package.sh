#!/bin/sh
# Makes what is handed to others, in target/package:
#
#     scripts/package.sh [TARGET]
#
#     mkfs-erofs-VERSION-TARGET           a static binary, for every Linux of the processor
#     mkfs-erofs_VERSION-1_ARCH.deb       a Debian package of it, with manual page and completions
#
# TARGET is a processor and a C library, such as aarch64-unknown-linux-musl. Without it it is
# that of this machine: with musl if the toolchain has its standard library (`rustup target
# add`), else with a static glibc, whose allocator is the faster one. What a static glibc
# cannot do, names of users and hosts, the command does not use: the linker would warn of it.
#
# The package is made by dpkg-deb, not by cargo-deb: it is a page of shell without a
# dependency, where cargo-deb takes minutes to build. The binary in it is the static one, so
# that one package is for all suites. With the same sources and compiler both are the same
# bytes on every machine.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

# has_std TARGET: has the toolchain its standard library?
has_std() {
    [ -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ]
}

# Sets $target.
choose_target() {
    host=$(rustc -vV | sed -n 's/^host: //p')
    target=${1:-$(echo "$host" | sed 's/-gnu$/-musl/')}
    case $target in
    *-linux-*) ;;
    *) die "$target is no Linux; name one, such as x86_64-unknown-linux-musl" ;;
    esac
    if [ $# -eq 0 ] && ! has_std "$target"; then
        echo "the toolchain has no standard library for $target: with glibc in its place"
        target=$host
    fi
    has_std "$target" || die "the toolchain has no standard library for $target: rustup target add $target"
}

# Debian's name of the processor.
architecture() {
    case $1 in
    x86_64-*) echo amd64 ;;
    aarch64-*) echo arm64 ;;
    *) die "what does Debian call the processor of $1? Add it to $0" ;;
    esac
}

# Paths of this machine stay out of messages about panics.
flags() {
    printf '%s\037' -Ctarget-feature=+crt-static
    printf '%s\037' "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
    printf '%s' "--remap-path-prefix=$PWD=."
}

build_static() {
    say "building a static command for $target: about 4 minutes on 2 cores"
    CARGO_ENCODED_RUSTFLAGS=$(flags) \
        cargo build --locked --profile dist -p erofs-cli --target "$target"
    # Those of other versions.
    rm -f "$out"/mkfs-erofs-*-"$target"
    binary=$out/mkfs-erofs-$version-$target
    cp "${CARGO_TARGET_DIR:-target}/$target/dist/mkfs-erofs" "$binary"
    # A program with an interpreter is not static.
    if LC_ALL=C readelf --program-headers "$binary" | grep -q INTERP; then
        die "$binary is not static"
    fi
}

# put MODE FILE PATH: a file of the package.
put() {
    mkdir -p "$(dirname "$root/$3")"
    install -m "$1" "$2" "$root/$3"
}

copyright() {
    cat <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: erofs-writer
Source: $repository

Files: *
$(sed -n 's/^Copyright (c) /Copyright: /p' LICENSE-MIT)
License: Apache-2.0 or MIT
Comment: The crates in the program are listed with their licences in the file crates.

License: Apache-2.0
 See /usr/share/common-licenses/Apache-2.0.

License: MIT
$(sed -e 1,4d -e 's/^$/./; s/^/ /' LICENSE-MIT)
TEXT
}

control() {
    cat <<TEXT
Package: mkfs-erofs
Version: $version-1
Architecture: $arch
Maintainer: $(sed -n 's/^Copyright (c) [0-9]* //p' LICENSE-MIT) <$repository>
Installed-Size: $(du -sk "$root" | cut -f 1)
Suggests: erofs-utils
Section: admin
Priority: optional
Homepage: $repository
Description: $(sed -n 's/^description = "\(.*\)"/\1/p' erofs-cli/Cargo.toml)
 Takes directories, archives, store paths of Nix, manifests and images, and the flags of
 mkfs.erofs. The same source gives the same bytes on every machine.
 .
 mkfs.erofs of erofs-utils is left alone; /usr/lib/mkfs-erofs has the command by that
 name.
TEXT
}

# Where Debian's shells and man look.
fill() {
    generated=erofs-cli/generated
    put 755 "$binary" usr/bin/mkfs-erofs
    put 644 $generated/mkfs-erofs.1 usr/share/man/man1/mkfs-erofs.1
    put 644 $generated/mkfs-erofs.bash usr/share/bash-completion/completions/mkfs-erofs
    put 644 $generated/_mkfs-erofs usr/share/zsh/vendor-completions/_mkfs-erofs
    put 644 $generated/mkfs-erofs.fish usr/share/fish/vendor_completions.d/mkfs-erofs.fish
    put 644 CHANGELOG.md usr/share/doc/mkfs-erofs/changelog
    gzip -9n "$root/usr/share/man/man1/mkfs-erofs.1" "$root/usr/share/doc/mkfs-erofs/changelog"
    copyright >"$root/usr/share/doc/mkfs-erofs/copyright"
    cargo tree --locked -p erofs-cli -e normal --target "$target" --prefix none \
        --format '{p}: {l}' | sed 's: ([^)]*)::g' | sort -u >"$root/usr/share/doc/mkfs-erofs/crates"
    mkdir -p "$root/usr/lib/mkfs-erofs" "$root/DEBIAN"
    ln -s ../../bin/mkfs-erofs "$root/usr/lib/mkfs-erofs/mkfs.erofs"
    control >"$root/DEBIAN/control"
    (cd "$root" && find usr -type f -exec md5sum {} + | sort -k 2) >"$root/DEBIAN/md5sums"
    chmod -R u=rwX,go=rX "$root"
}

build_deb() {
    if ! command -v dpkg-deb >/dev/null; then
        echo "there is no dpkg-deb: no Debian package"
        return
    fi
    arch=$(architecture "$target")
    work=$(mktemp -d "$out/deb-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    root=$work/root
    fill
    rm -f "$out"/mkfs-erofs_*_"$arch.deb"
    deb=$out/mkfs-erofs_$version-1_$arch.deb
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)} \
        dpkg-deb -Zxz --root-owner-group --build "$root" "$deb" >/dev/null
}

need_rust .
choose_target "$@"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
repository=$(sed -n 's/^repository = "\(.*\)"/\1/p' Cargo.toml)
out=$PWD/target/package
mkdir -p "$out"
build_static
build_deb
ls -l "$binary" ${deb:+"$deb"}
cat <<NEXT
    install -m 755 $binary /usr/local/bin/mkfs-erofs
    ${deb:+apt-get install $deb}
NEXT
