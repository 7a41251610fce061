# Helpers of the scripts beside this file.

die() {
    echo "$0: $*" >&2
    exit 1
}

# need_rust: is there a Rust toolchain that is new enough?
need_rust() {
    command -v cargo >/dev/null && return
    [ ! -x "$HOME/.cargo/bin/cargo" ] || { PATH=$HOME/.cargo/bin:$PATH; return; }
    # Debian 13 and later have a compiler that is new enough.
    install_packages cargo
    command -v cargo >/dev/null || die "Rust 1.85 or later is needed: https://rustup.rs"
}

# install_packages NAME...: installs the Debian packages of these names that
# are missing, where that is possible.
install_packages() {
    command -v dpkg-query >/dev/null || return 0
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "$0: not root, so these packages stay missing:$missing" >&2
        return 0
    fi
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing
}
