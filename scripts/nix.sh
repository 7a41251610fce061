#!/bin/bash
# Tests what is in nix/ with a real Nix:
#
#     scripts/nix.sh
#
# Every file is evaluated; then packages, and images of their closure, are built by the
# functions that users call, in a store of its own that is thrown away. Images are built
# again from a store whose equal files are hard links: the bytes have to be the same, as
# they are with a base. One image is merged of two others. Binary caches, exports and NARs of
# that Nix give the image of its store. A guest's Nix then checks the
# hash of every path in the mounted image against what the image registers. The mounts
# that the modules ask of an initrd are given to systemd and made. There is no Nixpkgs:
# nix/tests has as much of it as is called. With MKFS_EROFS=FILE the images are built by that
# static binary, such as one of scripts/package.sh. With NIXPKGS_LIB=FOLDER the module system is
# that of Nixpkgs. Exit status 3: Nix is not available here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

dir=$PWD/target/nix
images="plain compressed merged microvm isolation"

unavailable() {
    echo "SKIPPED: $0: $*"
    exit 3
}

cleanup() {
    status=$?
    trap - EXIT
    if mountpoint -q "$work/mounted"; then umount "$work/mounted"; fi
    # Files of a store cannot be written.
    chmod -R u+w "$work"
    rm -rf "$work"
    exit "$status"
}

# nix COMMAND...: without the machine's configuration, on the store of this run.
nix() {
    local command=$1
    shift
    env -i HOME="$work/home" PATH=/usr/bin:/bin TMPDIR="$work" NIX_CONF_DIR="$work/home" \
        timeout --kill-after=10 600 "$dir/bin/$command" --store "$store" "$@"
}

# build ATTRIBUTE [WORD...]: prints the path that Nix knows it by.
build() {
    nix nix-build --no-out-link --arg tools "$work/tools" "${@:2}" -A "$1" nix/tests/build.nix \
        2>"$work/log" || { cat "$work/log" >&2; return 1; }
}

# try SANDBOX STORE REAL: whether a build runs that way. REAL is where the
# machine finds the paths of the store.
try() {
    store=$2 real=$3
    cat >"$work/home/nix.conf" <<CONF
sandbox = $1
sandbox-fallback = false
sandbox-paths =
build-users-group =
builders =
substituters =
experimental-features = nix-command flakes
CONF
    build shell >/dev/null 2>&1
}

make_store() {
    mkdir -p "$work/home" "$work/tools" "$work/mounted"
    cp "$dir/programs/"* "$work/tools/"
    # The first is a store as everybody has it, below another root.
    try true "$work/root" "$work/root/nix/store" && return
    echo "no build in a sandbox here: $(tail -n 1 "$work/log")"
    local plain=$work/plain
    try false "local?store=$plain/store&state=$plain/var&log=$plain/log" "$plain/store" ||
        unavailable "no build without a sandbox either: $(tail -n 1 "$work/log")"
}

# Built from the sources of the package, so that all of them have to be there; linked
# statically, as nothing else is in the store.
build_command() {
    local source host
    source=$(nix nix-instantiate --eval --read-write-mode --arg tools "$work/tools" -A source \
        nix/tests/build.nix | tr -d '"')
    source=$real/${source##*/}
    [ -e "$source/Cargo.lock" ] || die "the package has no source"
    if ! diff -rq "$source" "$dir/source" >/dev/null 2>&1; then
        [ ! -d "$dir/source" ] || chmod -R u+w "$dir/source"
        rm -rf "$dir/source"
        cp -r "$source" "$dir/source"
        chmod -R u+w "$dir/source"
    fi
    host=$(rustc -vV | sed -n 's/^host: //p')
    local how=build built=$dir/build/$host/release/mkfs-erofs
    # That nothing is missing is known without code for it.
    [ -z "${MKFS_EROFS:-}" ] || { how=check; built=$MKFS_EROFS; }
    # Fully optimised it would take minutes.
    (cd "$dir/source" &&
        CARGO_TARGET_DIR=$dir/build RUSTFLAGS="-C target-feature=+crt-static" \
            CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
            CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo "$how" --quiet --release --locked -p erofs-cli --target "$host")
    cp "$built" "$work/tools/mkfs-erofs"
}

evaluate() {
    local file failures
    for file in flake.nix nix/*.nix nix/*/*.nix; do
        nix nix-instantiate --parse "$file" >/dev/null || die "$file cannot be parsed"
    done
    failures=$(nix nix-instantiate --eval --strict --json --expr \
        "import $PWD/nix/tests/eval.nix { ${NIXPKGS_LIB:+lib = import $NIXPKGS_LIB;} }")
    [ "$failures" = "[]" ] || die "not as it should be: $failures"
    echo "$(grep -cE '^    "[^"]*" =' nix/tests/eval.nix) statements about the Nix files hold"
}

# place PATH: where the machine finds the file that Nix knows by PATH.
place() {
    echo "$real/${1##*/}"
}

# The flake, as users have it but for its input.
check_flake() {
    local flake=$work/flake
    mkdir "$flake" "$flake/nixpkgs"
    cp -r "$dir/source" "$flake/own"
    cp -r flake.nix nix "$flake/own/"
    cp -r nix/tests/lib.nix nix/tests/pkgs.nix "$work/tools" "$flake/nixpkgs/"
    cp nix/tests/nixpkgs.nix "$flake/nixpkgs/flake.nix"
    nix nix flake check --no-build --no-write-lock-file \
        --override-input nixpkgs "path:$flake/nixpkgs" "path:$flake/own" 2>"$work/log" ||
        { cat "$work/log"; die "the flake is not as Nix wants it"; }
    echo "nix flake check: $(grep -c '^checking' "$work/log") outputs"
}

# image_of ATTRIBUTE: the file, which may lie in a folder.
image_of() {
    local image
    image=$(place "$(cat "$work/$1.path")")
    [ ! -d "$image" ] || image=$(echo "$image"/*)
    echo "$image"
}

build_images() {
    local image found
    for image in $images; do
        build "$image" >"$work/$image.path"
        found=$(nix nix-store --query --references "$(cat "$work/$image.path")")
        [ -z "$found" ] || die "$image keeps its contents alive: $found"
    done
    [ "$(image_of compressed)" = "$(place "$(cat "$work/compressed.path")")/store image.erofs" ] ||
        die "the image has not the name that was asked for"
}

# check_base WITHOUT WITH: a base makes a build shorter, and changes no byte.
check_base() {
    local taken
    build "$1" >"$work/$1.path"
    build "$2" >"$work/$2.path"
    taken=$(sed -n 's/.*"taken_bytes":\([0-9]*\).*/\1/p' "$work/log")
    [ "${taken:-0}" -gt 100000 ] || die "only ${taken:-0} bytes are taken from the base"
    cmp "$(image_of "$1")" "$(image_of "$2")" || die "an image differs if it has a base"
    echo "the same image $2 as $1, with $taken bytes that are taken"
}

# The kernel's own program finds that each block has the hash of the second output.
check_sealed() {
    local image offset
    install_packages cryptsetup-bin
    command -v veritysetup >/dev/null ||
        { echo "SKIPPED: $0: no veritysetup, so no hash tree is checked"; return; }
    image=$(place "$(build sealed)")
    offset=$(sed -n 's/.*"hash_offset":\([0-9]*\).*/\1/p' "$work/log")
    veritysetup verify "$image" "$image" --hash-offset="$offset" \
        "$(cat "$(place "$(build sealed.roothash)")")" || die "the sealed image is not what its hash says"
    echo "a sealed image has its hash tree at byte $offset"
}

# Merged images keep what their parts have: compressed data, and times. Nor do they have
# that of the build.
check_merged() {
    local image list
    image=$(image_of merged)
    list=$("$work/tools/mkfs-erofs" --list "$image")
    grep -q ' lz4+packed ' <<<"$list" || die "parts are not copied as they are stored"
    ! grep -v ' 1970-01-01 00:00:00 ' <<<"$list" || die "merged files have other times"
    [ "$(od -An -t u4 -j 1132 -N 4 "$image" | tr -d ' ')" = 0 ] ||
        die "the merged image has the time of its build"
}

# build_again HOW: Nix compares the result with the one that is there.
build_again() {
    local image
    for image in $images; do
        build "$image" --check >/dev/null || die "$image differs $1"
    done
    echo "the same images $1"
}

# The package, and the tools among which it replaces mkfs.erofs.
check_tool() {
    local tool name man
    tool=$(place "$(build tool)")
    for name in mkfs.erofs mkfs-erofs; do
        case $(readlink "$tool/bin/$name") in
        *-erofs-writer-*/bin/"$name") ;;
        *) die "$name among the tools is not ours" ;;
        esac
    done
    case $(readlink "$tool/bin/fsck.erofs") in
    *-erofs-utils-*/bin/fsck.erofs) ;;
    *) die "fsck.erofs is not among the tools" ;;
    esac
    man=$(cd "$tool/share/man/man1" && echo *)
    [ "$man" = "dump.erofs.1.gz fsck.erofs.1.gz mkfs-erofs.1 mkfs.erofs.1" ] ||
        die "these are the manual pages: $man"
    name=$(place "$(build wrapped)")/bin
    grep -q '^SOURCE_DATE_EPOCH=0 ' "$name/mkfs.erofs" && [ -L "$name/.mkfs.erofs-wrapped" ] ||
        die "mkfs.erofs is not wrapped as an overlay asks for"
    for name in man/man1/mkfs.erofs.1 bash-completion/completions/mkfs-erofs.bash \
        bash-completion/completions/mkfs.erofs.bash fish/vendor_completions.d/mkfs.erofs.fish \
        zsh/site-functions/_mkfs-erofs fish/vendor_completions.d/mkfs-erofs.fish; do
        [ -s "$(place "$(readlink "$tool/bin/mkfs.erofs" | sed 's:/bin/.*::')")/share/$name" ] ||
            die "the package has no share/$name"
    done
}

# Equal files become hard links.
optimise() {
    nix nix-store --optimise 2>/dev/null
    local numbers
    numbers=$(echo "$real"/*-doc/share/copy/numbers)
    [ "$(stat -c %h "$numbers")" -gt 2 ] || die "the store has no hard links: $numbers"
}

# guest COMMAND...: Nix of a machine whose store is in $work/guest.
guest() {
    local logical
    logical=$(dirname "$(cat "$work/plain.path")")
    store="local?store=$logical&real=$work/guest/store&state=$work/guest/var&log=$work/guest/log" \
        nix nix-store "$@"
}

# check_contents ATTRIBUTE [NAME...]: a guest that has only the mounted image, and the
# paths that the image registers, checks every path. NAMEs are the other files at the
# root.
check_contents() {
    local list=$work/$1.list registration
    sed 's:.*/::' "$(place "$(build "$1.closure")")/store-paths" | sort >"$list"
    mount -t erofs -o loop,ro "$(image_of "$1")" "$work/mounted"
    diff <(cat "$list" <(printf '%s\n' "${@:2}") | grep . | sort) <(ls "$work/mounted" | sort) ||
        die "$1: these paths are in the closure and not in the image, or the other way round"
    rm -rf "$work/guest"
    mkdir -p "$work/guest/store"
    cp -a "$work/mounted/." "$work/guest/store/"
    umount "$work/mounted"
    chmod -R u+w "$work/guest"
    registration=$work/guest/store/nix-path-registration
    [ -e "$registration" ] || registration=$(echo "$work"/guest/store/*-closure-info/registration)
    guest --load-db <"$registration"
    guest --verify --check-contents 2>"$work/log" || { cat "$work/log"; die "$1: a path differs"; }
    echo "$1: $(wc -l <"$list") paths, all as registered"
}

check_all_contents() {
    local toplevel paths
    toplevel=$(build toplevel)
    check_contents compressed nix-path-registration extra
    check_contents merged nix-path-registration extra
    mapfile -t paths <"$(place "$(build merged.closure)")/store-paths"
    guest --query --hash "${paths[@]}" >/dev/null || die "merged: not all paths are registered"
    check_contents microvm
    check_contents isolation
    check_contents plain nix-path-registration
    diff "$work/plain.list" <(nix nix-store --query --requisites "$toplevel" | sed 's:.*/::' | sort) ||
        die "the list of paths is not the closure"
    [ "$(guest --query --requisites "$toplevel" | wc -l)" = 6 ] || die "the guest knows less"
    # It has to notice.
    echo >>"$(echo "$work"/guest/store/*-greeting/bin/greet)"
    ! guest --verify --check-contents 2>/dev/null || die "the guest does not look at its store"
}

# mount_as_guests FILE IMAGE
mount_as_guests() {
    TMPDIR=$work unshare --mount scripts/nix-mounts.sh "$1" "$(image_of "$2")" \
        "$(basename "$(build toplevel)")" "$dir/bin/systemd-fstab-generator"
}

# The stores that guests find, for all combinations of options.
check_mounts() {
    local wrong
    nix nix-instantiate --eval --raw --arg tools "$work/tools" -A guests \
        nix/tests/build.nix >"$work/guests"
    mount_as_guests "$work/guests" plain
    # It has to notice an option of squashfs, and lines that systemd ignores.
    for wrong in s/loop,/loop,threads=multi,/ '/ erofs ro/s/,x-initrd.mount//g'; do
        sed "$wrong" "$work/guests" >"$work/guests.wrong"
        ! mount_as_guests "$work/guests.wrong" plain 2>/dev/null ||
            die "mounts that cannot be made are not noticed: $wrong"
    done
}

# Binary caches, exports and NARs that Nix writes give the image that its store gives, and
# with what Nix knows about the paths, a guest's Nix has them.
check_caches() {
    local mkfs=$work/tools/mkfs-erofs list=$work/cache.list toplevel compression cache from
    local identity=(-L nix-store -U eb176051-bd15-49b7-9e6b-462e0b467019 -T0)
    toplevel=$(build toplevel)
    nix nix-store --query --requisites "$toplevel" >"$list"
    nix nix-store --generate-binary-cache-key test-1 "$work/secret" "$work/public"
    "$mkfs" --quiet --store-paths "$list" "$work/wanted" "$real"
    for compression in none xz zstd bzip2 gzip; do
        cache=$work/cache-$compression
        nix nix copy --no-check-sigs "$toplevel" \
            --to "file://$cache?compression=$compression&secret-key=$work/secret" 2>"$work/log" ||
            { cat "$work/log"; die "nix copy fails"; }
        "$mkfs" --quiet --store-paths "$list" --binary-cache "$cache" \
            --trusted-public-key "$(cat "$work/public")" "$work/cached"
        cmp "$work/wanted" "$work/cached" || die "the image of a cache by $compression differs"
    done
    # shellcheck disable=SC2046
    nix nix-store --export $(cat "$list") | "$mkfs" --quiet "${identity[@]}" --nar "$work/cached"
    cmp "$work/wanted" "$work/cached" || die "the image of an export differs"
    nix nix-store --dump "$(place "$toplevel")" >"$work/toplevel.nar"
    "$mkfs" --quiet -T0 --nar "$work/cached" "$work/toplevel.nar"
    "$mkfs" --quiet -T0 --all-root "$work/direct" "$(place "$toplevel")"
    cmp "$work/direct" "$work/cached" || die "the image of a NAR differs"

    nix nix path-info --json --recursive "$toplevel" >"$work/facts.json"
    # shellcheck disable=SC2046
    nix nix-store --dump-db $(cat "$list") >"$work/facts.db"
    "$mkfs" --quiet --store-paths "$list" --binary-cache "$cache" --registration "$work/wanted"
    for from in json db; do
        "$mkfs" --quiet --store-paths "$list" "--registration=$work/facts.$from" "$work/cached" \
            "$real"
        cmp "$work/wanted" "$work/cached" || die "the registration from $from differs"
    done
    rm -rf "$work/guest"
    mkdir -p "$work/guest"
    "$mkfs" --quiet --extract="$work/guest/store" --no-same-owner "$work/wanted"
    chmod -R u+w "$work/guest"
    guest --load-db <"$work/guest/store/nix-path-registration"
    guest --verify --check-contents 2>"$work/log" || { cat "$work/log"; die "a path differs"; }
    [ "$(guest --query --requisites "$toplevel" | wc -l)" = "$(wc -l <"$list")" ] ||
        die "not all paths are registered"
    echo "caches, an export, a NAR and registrations of $(wc -l <"$list") paths give one image"
}

sh testdata/fetch-nix.sh || unavailable "no Nix"
need_rust
mkdir -p target
work=$(mktemp -d "$PWD/target/nix-XXXXXX")
trap cleanup EXIT
make_store
evaluate
build_command
check_flake
check_tool
build_images
check_base rebuildable based
check_base trustable trusted
check_merged
check_sealed
build_again "when built again"
check_caches
optimise
build_again "of a store that is optimised"
build random >/dev/null
! build random --check >/dev/null 2>&1 || die "Nix does not notice an image that differs"
if [ "$(id -u)" = 0 ]; then
    check_mounts
    check_all_contents
else
    echo "not root: no image is mounted"
fi
echo "done in $SECONDS s"
