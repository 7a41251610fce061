# Helpers of the scripts beside this file. They are sourced in the root of the repository.

die() {
    echo "$0: $*" >&2
    exit 1
}

# say WORD...: what begins now. Nothing that takes minutes begins without it.
say() {
    echo "-> $*"
}

# needed_rust FOLDER: the oldest Rust that builds the crate in FOLDER, or what a crate may
# ask for that says nothing else (".").
needed_rust() {
    sed -n 's/^rust-version = "\(.*\)"/\1/p' "$1/Cargo.toml"
}

# found_rust: the version of cargo and rustc on the PATH, or of the older one; nothing if
# one of them is missing.
found_rust() {
    cargo=$(cargo --version 2>/dev/null) && rustc=$(rustc --version 2>/dev/null) || return 0
    printf '%s\n' "$cargo" "$rustc" | cut -d ' ' -f 2 | sort -V | head -n 1
}

# is_rust VERSION: is the toolchain on the PATH that new?
is_rust() {
    found=$(found_rust)
    [ -n "$found" ] && [ "$(printf '%s\n' "$1" "$found" | sort -V | head -n 1)" = "$1" ]
}

# need_rust [FOLDER]: puts a toolchain on the PATH that builds the crate in FOLDER; without
# it one that also builds the tests. If neither the PATH nor rustup has one that is new
# enough, it is fetched into target/rust, where apt can do that.
need_rust() {
    need_build_tools
    needed=$(needed_rust "${1:-testdata}")
    fetched=$PWD/target/rust/bin
    if ! is_rust "$needed"; then
        here=$(found_rust)
        here=${here:+Rust $here}
        here=${here:-no Rust}
        if (PATH=${HOME:-}/.cargo/bin:$PATH && is_rust "$needed"); then
            PATH=$HOME/.cargo/bin:$PATH
        else
            (PATH=$fetched:$PATH && is_rust "$needed") || fetch_rust
            PATH=$fetched:$PATH
        fi
        export PATH
        is_rust "$needed" || no_rust
        say "using Rust $found of $(dirname "$(command -v cargo)")"
    fi
}

fetch_rust() {
    command -v apt-get >/dev/null || no_rust
    say "here is $here, and $needed or later is needed: fetching that of Debian 13 into" \
        "target/rust (a minute; 190 MB to download, 750 MB of disk; nothing is installed)"
    sh testdata/fetch-rust.sh >/dev/null || no_rust
}

no_rust() {
    die "Rust $needed or later is needed, and here is $here: get it by rustup, https://rustup.rs"
}

# links: can programs be linked?
links() {
    echo 'int main(void) { return 0; }' | cc -x c -o /dev/null - 2>/dev/null
}

# need_build_tools: what cargo needs besides a compiler.
need_build_tools() {
    links || install_packages gcc libc6-dev
    links || die "a C compiler that links is needed (Debian: apt-get install gcc libc6-dev)"
    # Whom cargo trusts when it downloads crates.
    [ -n "${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] ||
        install_packages ca-certificates
}

# build_command: builds the command, and sets $command to its path.
build_command() {
    say "building the command: about 3 minutes on 2 cores the first time"
    cargo build --release --locked -p erofs-cli
    command=${CARGO_TARGET_DIR:-$PWD/target}/release/mkfs-erofs
    case $command in
    /*) ;;
    *) command=$PWD/$command ;;
    esac
}

# need_command: the same, unless $MKFS_EROFS is the path of one.
need_command() {
    command=${MKFS_EROFS:-}
    [ -z "$command" ] || return 0
    need_rust .
    build_command
}

# missing_packages NAME...: those of the Debian packages that are not installed.
missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            echo "$package"
    done
}

# quiet_apt COMMAND [WORD...]: prints something only if it fails, or has to wait for another.
quiet_apt() {
    apt_log=$(mktemp)
    apt_end=$(($(date +%s) + 300))
    apt_waits=
    while ! DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y \
        -o DPkg::Lock::Timeout=300 "$@" >"$apt_log" 2>&1 </dev/null; do
        # The lock of the lists is one that apt does not wait for.
        if ! grep -q '^E: Could not get lock' "$apt_log" || [ "$(date +%s)" -ge "$apt_end" ]; then
            cat "$apt_log" >&2
            rm -f "$apt_log"
            return 1
        fi
        [ -n "$apt_waits" ] || say "another apt is running: waiting for it, 5 minutes at most"
        apt_waits=1
        sleep 2
    done
    rm -f "$apt_log"
}

# can_install NAMES: can packages be installed here? If not, it says so.
can_install() {
    [ "$(id -u)" != 0 ] || return 0
    echo "$0: not root, so these packages stay missing: $1" >&2
    return 1
}

# install_packages NAME...: installs the Debian packages of these names that are missing,
# where that is possible.
install_packages() {
    command -v dpkg-query >/dev/null || return 0
    missing=$(missing_packages "$@" | paste -s -d ' ' -)
    [ -n "$missing" ] || return 0
    can_install "$missing" || return 0
    say "installing $missing"
    quiet_apt update
    # shellcheck disable=SC2086 # a list of names
    quiet_apt install --no-install-recommends $missing
}

# offer_packages NAME...: the same for packages that some tests need. On a terminal it asks
# before it installs them, if $assume_yes is empty.
offer_packages() {
    command -v dpkg-query >/dev/null || return 0
    missing=$(missing_packages "$@" | paste -s -d ' ' -)
    [ -n "$missing" ] || return 0
    can_install "$missing" || return 0
    say "reading the lists of packages"
    quiet_apt update || return 0
    echo "Some tests need packages that are not installed:"
    echo "    $missing"
    # shellcheck disable=SC2086 # a list of names
    apt-get install --print-uris -qq -y --no-install-recommends $missing 2>/dev/null |
        awk '{ size += $3 } END { printf "    With what they depend on: %d packages, %.1f MB to download\n", NR, size / 1e6 }'
    if [ -z "${assume_yes:-}" ] && [ -t 0 ]; then
        printf 'Install them? [Y/n] '
        read -r answer || answer=n
        case $answer in
        [nN]*)
            echo "Not installed. What needs them is reported as skipped."
            return 0
            ;;
        esac
    fi
    say "installing them"
    # shellcheck disable=SC2086 # a list of names
    quiet_apt install --no-install-recommends $missing ||
        echo "They cannot be installed. What needs them is reported as skipped."
}
