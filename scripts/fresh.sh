#!/bin/bash
# Does what a new user does, in Debian systems that have nothing but what every Debian has:
#
#     scripts/fresh.sh WHAT [SUITE...] [-- WORD...]      default: bookworm trixie
#
#     packages    what scripts/package.sh made: the static binary runs where there is nothing
#                 else, and the Debian package is installed; its manual page and completions
#                 are found
#     setup       scripts/store-image.sh in a clone; on bookworm with its own Rust, which is
#                 too old, and on trixie without one. With WORDs, tests as below follow in
#                 that system
#     tests       scripts/test.sh in a clone, which takes a quarter of an hour for each suite; with
#                 WORDs for cargo, such as `--test cli`, a part of the tests
#
# Needs root. The systems are made by debootstrap and kept in target/fresh as archives.
# Exit status 3: they cannot be made here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. testdata/fetch-lib.sh

fresh=$PWD/target/fresh

unavailable() {
    echo "SKIPPED: $0: $*"
    exit 3
}

# Mounts are in a namespace that ends with this script.
[ "$(id -u)" = 0 ] || unavailable "not root"
if [ -z "${FRESH_NAMESPACE:-}" ]; then
    FRESH_NAMESPACE=1 exec unshare --mount scripts/fresh.sh "$@"
fi

cleanup() {
    status=$?
    trap - EXIT
    umount -R --lazy "$root" 2>/dev/null || true
    rm -rf --one-file-system "$root" "$log"
    exit "$status"
}

# base SUITE: the archive of a system, with the machine's own ways to reach the mirror.
base() {
    local suite=$1
    [ ! -e "$fresh/$suite.tar" ] || return 0
    say "making a fresh Debian $suite: about a minute"
    write_apt_config "$fresh/$suite" "$suite"
    rm -rf "$root"
    debootstrap --variant=minbase ${keyring:+--keyring="$keyring"} "$suite" "$root" "$mirror" \
        >"$log" 2>&1 || { tail -n 5 "$log"; rm -rf "${fresh:?}/$suite"; unavailable "debootstrap fails"; }
    cp "$fresh/$suite/apt/own.conf" "$root/etc/apt/apt.conf.d/99own"
    rm -rf "${fresh:?}/$suite" "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" -cf "$fresh/$suite.tar.new" .
    mv "$fresh/$suite.tar.new" "$fresh/$suite.tar"
}

# enter SUITE: a new system in $root, as it comes.
enter() {
    umount -R --lazy "$root" 2>/dev/null || true
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    base "$1"
    tar -C "$root" -xf "$fresh/$1.tar"
    cp /etc/hosts /etc/resolv.conf "$root/etc/"
    # Certificates that the machine trusts besides those of Debian.
    if [ -d /usr/local/share/ca-certificates ]; then
        mkdir -p "$root/usr/local/share/ca-certificates"
        cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    fi
    # The root of a system is a mount.
    mount --bind "$root" "$root"
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
}

# inside COMMAND...: with nothing of the environment but what the network needs, and how
# cargo is to build.
inside() {
    local variable kept=()
    for variable in $(compgen -e); do
        case $variable in
        *_proxy | *_PROXY | CARGO_PROFILE_* | CARGO_INCREMENTAL | CARGO_REGISTR* | CARGO_NET_*)
            kept+=("$variable=${!variable}")
            ;;
        esac
    done
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        TERM=dumb LANG=C.UTF-8 ${kept[@]+"${kept[@]}"} \
        chroot "$root" "$@" </dev/null
}

# The repository as it is committed, for a user of the system.
clone() {
    inside useradd --create-home new
    git clone --quiet --no-hardlinks "file://$PWD" "$root/home/new/erofs-writer"
    inside chown -R new: /home/new/erofs-writer
    local config=${CARGO_HOME:-$HOME/.cargo}/config.toml
    if [ -e "$config" ]; then
        mkdir -p "$root/root/.cargo"
        cp "$config" "$root/root/.cargo/"
    fi
}

# expect TEXT FILE
expect() {
    grep -qF -- "$1" "$2" || { cat "$2"; die "it does not say: $1"; }
}

# refused: without root and without what builds there is one sentence for what is missing.
refused() {
    ! inside su new -c 'cd && erofs-writer/scripts/store-image.sh' >"$log" 2>&1 ||
        die "the command is built without a compiler"
    expect "a C compiler that links is needed" "$log"
    ! inside env DEBIAN_MIRROR=file:///none sh -c 'cd /home/new/erofs-writer && . scripts/lib.sh &&
        need_build_tools() { :; } && need_rust .' >"$log" 2>&1 ||
        die "a compiler comes from nowhere"
    expect "Rust 1.85 or later is needed, and here is no Rust: get it by rustup" "$log"
}

setup() {
    local suite=$1
    enter "$suite"
    clone
    refused
    if [ "$suite" = bookworm ]; then
        say "installing Rust 1.63 of bookworm"
        inside apt-get update -qq
        inside apt-get install -qq -y --no-install-recommends cargo >"$log" 2>&1
    fi
    inside sh -c 'cd /home && new/erofs-writer/scripts/store-image.sh' 2>&1 | tee "$log"
    if [ "$suite" = bookworm ]; then
        expect "here is Rust 1.63.0, and 1.85 or later is needed" "$log"
    else
        expect "here is no Rust, and 1.85 or later is needed" "$log"
    fi
    expect "mounted by its label" "$log"
    expect "a program of the image says: git version" "$log"
    say "the same again, with a list: paths are those of the caller"
    head -n 3 "$root/home/new/erofs-writer/target/corpus/small/store-paths" >"$root/home/list"
    inside sh -c 'cd /home && new/erofs-writer/scripts/store-image.sh list small.erofs' >"$log" 2>&1 ||
        { cat "$log"; die "a list of store paths is not packed"; }
    [ -s "$root/home/small.erofs" ] || die "the image is not where the caller wants it"
    echo "the first command works on a fresh $suite"
    [ ${#words[@]} -eq 0 ] || run_tests "$suite"
}

tests() {
    enter "$1"
    clone
    run_tests "$1"
}

run_tests() {
    inside sh -c 'cd /home/new/erofs-writer && scripts/test.sh --yes "$@"' sh \
        ${words[@]+"${words[@]}"} 2>&1 | tee "$log"
    expect "test result: ok" "$log"
    echo "the second command works on a fresh $1"
}

# The static binary, in a root that has nothing else: no library, no /proc, no /dev.
alone() {
    local flags
    rm -rf "$root"
    mkdir -p "$root/input"
    cp "$1" "$root/mkfs-erofs"
    cp -r docs "$root/input/"
    for flags in -b4096 -zlz4hc -zdeflate -zlzma "-zzstd -C65536 -Eztailpacking,fragments"; do
        # shellcheck disable=SC2086 # words
        inside /mkfs-erofs --quiet $flags --verify /image /input
        inside /mkfs-erofs --list /image >"$log"
        expect flags.md "$log"
        inside /mkfs-erofs --quiet --extract=/output --no-same-owner /image
        diff -r docs "$root/output/docs" || die "the extracted files differ"
        rm -rf "$root/output" "$root/image"
    done
    echo "the static binary makes, lists and extracts images where there is nothing else"
}

# shells: what Debian's shells complete, and where man finds the page.
shells() {
    inside man --where mkfs-erofs >"$log"
    expect /usr/share/man/man1/mkfs-erofs.1.gz "$log"
    inside man mkfs-erofs >"$log" 2>&1
    expect --store-paths "$log"
    # Newer versions load by another function.
    inside bash -c '. /usr/share/bash-completion/bash_completion
        _comp_load mkfs-erofs 2>/dev/null || _completion_loader mkfs-erofs || true
        COMP_WORDS=(mkfs-erofs --store) COMP_CWORD=1
        _mkfs__erofs mkfs-erofs --store mkfs-erofs
        complete -p mkfs-erofs
        echo "${COMPREPLY[@]}"' >"$log"
    expect _mkfs__erofs "$log"
    expect --store-paths "$log"
    inside zsh -fc 'autoload -U compinit && compinit -u -D && echo "$_comps[mkfs-erofs]" &&
        autoload +X _mkfs-erofs' >"$log"
    expect _mkfs-erofs "$log"
    inside zsh -n /usr/share/zsh/vendor-completions/_mkfs-erofs
    inside fish -c 'complete -C "mkfs-erofs --store"; complete -C "mkfs-erofs -E dedupe,ztail"' >"$log"
    expect --store-paths "$log"
    expect dedupe,ztailpacking "$log"
}

packages() {
    local suite=$1
    say "the Debian package on $suite: a minute"
    enter "$suite"
    cp target/package/*.deb "$root/tmp/"
    inside apt-get update -qq
    inside sh -c 'apt-get install -qq -y --no-install-recommends man-db bash-completion zsh fish \
        erofs-utils /tmp/*.deb' >"$log" 2>&1 || { cat "$log"; die "it is not installed"; }
    shells
    inside mkfs-erofs --version
    # That of erofs-utils keeps its name.
    inside sh -c '[ "$(dpkg -S "$(command -v mkfs.erofs)" | cut -d : -f 1)" = erofs-utils ]' ||
        die "mkfs.erofs is not that of erofs-utils"
    [ "$(inside /usr/lib/mkfs-erofs/mkfs.erofs --version)" = "$(inside mkfs-erofs --version)" ] ||
        die "mkfs.erofs beside it is another command"
    inside mkfs-erofs --quiet -zlz4hc /tmp/image /usr/share/doc
    inside fsck.erofs /tmp/image >"$log" 2>&1 || { cat "$log"; die "not an image"; }
    inside apt-get purge -qq -y mkfs-erofs >"$log" 2>&1
    [ -z "$(find "$root/usr" -name '*mkfs-erofs*')" ] || die "it is not removed"
    echo "the Debian package is installed, found by man and three shells, and removed on $suite"
}

what=${1:-}
case $what in
packages | setup | tests) shift ;;
*) die "usage: scripts/fresh.sh packages|setup|tests [SUITE...]" ;;
esac
suites=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    suites+=("$1")
    shift
done
words=("${@:2}")
[ ${#suites[@]} -gt 0 ] || suites=(bookworm trixie)
mkdir -p "$fresh"
install_packages debootstrap util-linux
root=$(mktemp -d "$fresh/root-XXXXXX")
log=$root.log
trap cleanup EXIT
if [ "$what" = packages ]; then
    binary=$(find target/package -name 'mkfs-erofs-*' | sort | tail -n 1)
    [ -n "$binary" ] || die "run scripts/package.sh before"
    alone "$binary"
fi
for suite in "${suites[@]}"; do
    "$what" "$suite"
done
