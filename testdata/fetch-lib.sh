# Shared by the fetch scripts beside it; sourced, not run.
#
# fetch_debian DIR SUITE PACKAGE... downloads the packages and all they depend
# on from a Debian suite, and unpacks them into DIR/root; fetch_debian_matching
# DIR SUITE REGEX PACKAGE... takes only those of them whose names match. apt
# gets a private sources list, state and cache below DIR/apt, so nothing of the
# system is read but the mirror and the keyring of its own apt configuration,
# and nothing is written. A user without root can run it.

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Prints "URI SOURCES-FILE" of the first source that is Debian's main archive.
# Origin and Label are only known while the lists are; a container that has
# thrown them away is recognised by the path of its mirror.
own_mirror() {
    apt-get indextargets 'Created-By: Packages' 2>/dev/null | awk '
        function flush() {
            main = (origin == "Debian" && label == "Debian") ||
                (origin == "" && uri ~ /\/debian\/?$/)
            if (uri != "" && main && !found) {
                sub(/:[0-9]+$/, "", entry)
                print uri, entry
                found = 1
            }
            uri = entry = origin = label = ""
        }
        /^Repo-URI: /     { uri = $2 }
        /^Sourcesentry: / { entry = $2 }
        /^Origin: /       { origin = $2 }
        /^Label: /        { label = $2 }
        /^$/              { flush() }
        END               { flush() }'
}

# Writes DIR/apt/{sources.list,apt.conf}. DEBIAN_MIRROR and DEBIAN_KEYRING
# replace what the machine's configuration says.
write_apt_config() {
    apt_dir=$1/apt
    suite=$2
    found=$(own_mirror) || true
    mirror=${DEBIAN_MIRROR:-${found%% *}}
    [ -n "$mirror" ] ||
        die "apt here knows no Debian mirror; set DEBIAN_MIRROR (and DEBIAN_KEYRING)"
    keyring=${DEBIAN_KEYRING:-}
    entry=${found#* }
    if [ -z "$keyring" ] && [ -r "$entry" ]; then
        keyring=$(grep -oiE 'signed-by *[:=] *[^] ]+' "$entry" | head -n 1 |
            sed 's/^[^:=]*[:=] *//') || true
    fi
    mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial" "$apt_dir/state"
    # An empty status file: apt then thinks that nothing is installed, and
    # downloads the whole closure.
    : >"$apt_dir/state/status"
    case $keyring in
    /*) printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" ;;
    *) printf 'deb %s %s main\n' "$mirror" "$suite" ;;
    esac >"$apt_dir/sources.list"
    # The machine's own configuration may run hooks on its own cache; only what
    # it says about reaching mirrors is taken over. No drop to apt's sandbox
    # user, who may not be allowed to enter DIR.
    mkdir -p "$apt_dir/none"
    apt-config dump | grep '^Acquire::' |
        grep -vE '^Acquire::(Languages|IndexTargets|Changelogs)' >"$apt_dir/own.conf" || true
    cat >"$apt_dir/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt_dir/sources.list";
Dir::Etc::sourceparts "$apt_dir/none";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$apt_dir/none";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$apt_dir/none";
Dir::State "$apt_dir/state";
Dir::State::lists "$apt_dir/lists";
Dir::State::status "$apt_dir/state/status";
Dir::Cache "$apt_dir/cache";
Dir::Log "$apt_dir/state";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "2";
Debug::NoLocking "true";
CONF
    cat "$apt_dir/own.conf" >>"$apt_dir/apt.conf"
}

run_apt() {
    conf=$1/apt/apt.conf
    shift
    APT_CONFIG=$conf DEBIAN_FRONTEND=noninteractive apt-get -q "$@"
}

# read_lists DIR SUITE: a private apt that knows the packages of the suite.
read_lists() {
    for tool in apt-get dpkg-deb awk; do
        command -v "$tool" >/dev/null || die "needs $tool, which is not here"
    done
    write_apt_config "$1" "$2"
    run_apt "$1" update >"$1/apt/log" 2>&1 || {
        tail -n 5 "$1/apt/log" >&2
        die "cannot read the package lists of '$2' from the mirror; offline?"
    }
}

# unpack_debs DIR FOLDER: unpacks the packages in FOLDER into DIR/root, and
# throws the private apt away.
unpack_debs() {
    rm -rf "$1/root.new"
    mkdir -p "$1/root.new"
    for deb in "$2"/*.deb; do
        dpkg-deb -x "$deb" "$1/root.new" || die "cannot unpack $deb"
    done
    rm -rf "$1/root"
    mv "$1/root.new" "$1/root"
    rm -rf "$1/apt"
}

fetch_debian() {
    dir=$1
    suite=$2
    shift 2
    read_lists "$dir" "$suite"
    run_apt "$dir" -y --download-only install "$@" >>"$dir/apt/log" 2>&1 || {
        tail -n 5 "$dir/apt/log" >&2
        die "cannot download: $*"
    }
    unpack_debs "$dir" "$dir/apt/cache/archives"
}

fetch_debian_matching() {
    dir=$1
    suite=$2
    regex=$3
    shift 3
    read_lists "$dir" "$suite"
    names=$(APT_CONFIG=$dir/apt/apt.conf apt-cache depends --recurse --no-suggests \
        --no-conflicts --no-breaks --no-replaces "$@" | grep -xE "$regex" | sort -u)
    [ -n "$names" ] || die "'$suite' has no package like $regex"
    # shellcheck disable=SC2086 # a list of names
    (cd "$dir/apt/cache/archives" && run_apt "$dir" download $names) >>"$dir/apt/log" 2>&1 || {
        tail -n 5 "$dir/apt/log" >&2
        die "cannot download:" $names
    }
    unpack_debs "$dir" "$dir/apt/cache/archives"
}

# find_loader ROOT: the dynamic linker of an unpacked root.
find_loader() {
    find "$1" -name 'ld-linux*.so.*' ! -type d | head -n 1
}

# library_path ROOT: the folders that hold its shared libraries.
library_path() {
    find "$1/lib" "$1/usr/lib" -maxdepth 3 -name '*.so.[0-9]*' ! -type d 2>/dev/null |
        sed 's:/[^/]*$::' | sort -u | paste -s -d : -
}

# wrap BIN ROOT PROGRAM [WORD...]: write BIN, which runs PROGRAM of ROOT by
# that root's own dynamic linker and libraries, with the words put first.
wrap() {
    bin=$1
    root=$2
    program=$3
    shift 3
    loader=$(find_loader "$root")
    [ -n "$loader" ] || die "no dynamic linker below $root"
    [ -x "$program" ] || die "no program $program"
    {
        # Not sh, which in Debian drops variables with a hyphen in their names, and with them
        # that by which cargo tells tests where a program is.
        echo '#!/bin/bash'
        printf '%s' "${wrap_env:-}"
        printf 'exec "%s" --library-path "%s" "%s"' \
            "$loader" "$(library_path "$root")" "$program"
        for word in "$@"; do printf ' "%s"' "$word"; done
        printf ' "$@"\n'
    } >"$bin.new"
    chmod 755 "$bin.new"
    mv "$bin.new" "$bin"
}

# wrap_rust DIR: write DIR/bin/{cargo,rustc,rustdoc}, which run those of DIR/root.
wrap_rust() {
    mkdir -p "$1/bin"
    mv "$1/root/usr/bin/rustc" "$1/root/usr/bin/rustc.own"
    # rustdoc compiles examples by the compiler below its sysroot, of which it tells it.
    wrap "$1/root/usr/bin/rustc" "$1/root" "$1/root/usr/bin/rustc.own"
    # Run by the dynamic linker, a program cannot find out where it lies: tell it.
    wrap "$1/bin/rustc" "$1/root" "$1/root/usr/bin/rustc.own" --sysroot "$1/root/usr"
    wrap "$1/bin/rustdoc" "$1/root" "$1/root/usr/bin/rustdoc" --sysroot "$1/root/usr"
    wrap_env="export RUSTC=\"\${RUSTC:-$1/bin/rustc}\" RUSTDOC=\"\${RUSTDOC:-$1/bin/rustdoc}\" CARGO=\"$1/bin/cargo\"
"
    wrap "$1/bin/cargo" "$1/root" "$1/root/usr/bin/cargo"
}

# rust_works DIR VERSION: do these run, and does the version begin so? (a pattern of grep)
rust_works() {
    for tool in rustc cargo; do
        "$1/bin/$tool" --version 2>/dev/null | grep -q "^$tool $2" || return 1
    done
}
