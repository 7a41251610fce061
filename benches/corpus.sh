#!/bin/sh
# Builds the corpora that the benches measure:
#
#     benches/corpus.sh small|system|toolchains|tiny|paths10k|all [DIR]
#
# DIR is target/corpus unless given; corpus NAME goes to DIR/NAME. A corpus
# that is there already is left alone. The first three are made of packages
# of the Debian suite that this machine is set up for (CORPUS_SUITE=... takes
# another one), through an apt of their own, so the system is not touched.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# write_apt_config, run_apt and die.
. "$here/../testdata/fetch-lib.sh"

target=${CARGO_TARGET_DIR:-$here/../target}
what=${1:-}
# Not below CARGO_TARGET_DIR: gigabytes should be made once.
out=${2:-$here/../target/corpus}
mkdir -p "$out"
out=$(cd "$out" && pwd)

# Each list is closed over dependencies by apt. Only names that do not carry
# a version, so that the lists outlive the suite.
small="git"
system="systemd linux-image-amd64 linux-headers-amd64 firmware-linux-free udev dbus
gcc g++ gfortran gdb valgrind cmake autoconf automake libtool
perl python3-dev python3-doc python3-numpy python3-sphinx python3-requests
ruby nodejs php-cli lua5.4 sqlite3 git git-doc vim emacs-nox man-db manpages-dev groff
openssh-server nginx postgresql postgresql-doc mariadb-client qemu-system-x86
ghostscript imagemagick texlive-latex-base fonts-noto-core fonts-dejavu fonts-liberation
bash-completion zsh fish tmux rsync curl wget htop strace tcpdump nftables iproute2
btrfs-progs xfsprogs hwdata tzdata locales"

toolchains="golang-go golang-src rustc rust-src libboost-dev libeigen3-dev openjdk-17-jdk-headless
node-typescript npm ruby-dev python3-django python3-pip"

# Raise it when a list or make_corpus changes what a corpus holds.
recipe=1

# stamped NAME: is the corpus there, whole and of this recipe?
stamped() {
    [ "$(cat "$out/$1/.stamp" 2>/dev/null)" = "$recipe" ]
}

# start NAME: an empty folder for the corpus. Its directories are read-only,
# which stops rm for everyone but root.
start() {
    if [ -e "$out/$1" ]; then
        chmod -R u+w "$out/$1"
        rm -rf "${out:?}/$1"
    fi
    mkdir -p "$out/$1"
}

finish() {
    echo "$recipe" >"$out/$1/.stamp"
    printf '%s: ' "$1"
    cat "$out/$1/counts"
}

make_corpus() {
    "$target/release/make_corpus" "$@"
}

# from_packages NAME ONE-FILE-PATHS PACKAGE...
from_packages() {
    name=$1
    one_file_paths=$2
    shift 2
    suite=${CORPUS_SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")}
    apt=$out/.debs/$name
    mkdir -p "$apt"
    write_apt_config "$apt" "$suite"
    echo "downloading packages of Debian $suite"
    run_apt "$apt" update >"$apt/log" 2>&1 ||
        die "cannot read the package lists of '$suite'; see $apt/log"
    run_apt "$apt" -y --download-only install "$@" >>"$apt/log" 2>&1 ||
        die "cannot download the packages; see $apt/log"
    echo "unpacking $(find "$apt/apt/cache/archives" -name '*.deb' | wc -l) packages"
    start "$name"
    make_corpus store --one-file-paths "$one_file_paths" \
        "$apt/apt/cache/archives" "$out/$name"
    rm -rf "$apt"
}

build() {
    if stamped "$1"; then
        finish "$1"
        return
    fi
    case $1 in
    # The lists are meant to be split into words.
    # shellcheck disable=SC2086
    small) from_packages small 60 $small ;;
    # shellcheck disable=SC2086
    system) from_packages system 3000 $system ;;
    # shellcheck disable=SC2086
    toolchains) from_packages toolchains 500 $toolchains ;;
    tiny | paths10k)
        start "$1"
        make_corpus "$1" "$out/$1"
        ;;
    esac
    finish "$1"
}

case $what in
small | system | toolchains | tiny | paths10k) corpora=$what ;;
all) corpora="small system toolchains tiny paths10k" ;;
*) die "usage: corpus.sh small|system|toolchains|tiny|paths10k|all [DIR]" ;;
esac
is_there() {
    for corpus in $corpora; do
        stamped "$corpus" || return 1
    done
}
if ! is_there; then
    for tool in cargo dpkg-deb; do
        command -v "$tool" >/dev/null || die "needs $tool, which is not here"
    done
    echo "building what makes corpora: about a minute"
    # Without what needs a newer compiler than the command does.
    cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml" \
        --no-default-features --bin make_corpus
fi
for corpus in $corpora; do
    build "$corpus"
done
