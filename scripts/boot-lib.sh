# Shared by boot-kernels.sh, boot-store.sh and order.sh: real Linux kernels of Debian in virtual
# machines that need neither root nor KVM. Sourced after lib.sh, with $dir set to the
# folder for all files.
#
# A machine has a name. Its guest reports in lines OK NAME, REFUSED NAME or FAIL NAME
# and ends with DONE; these are then in $dir/result-MACHINE.

kernels=target/kernels
# Everything has to end, also if a guest hangs.
guest_seconds=${BOOT_SECONDS:-500}
# Mitigations are off: there are no secrets, and they take a sixth of the time. So are
# checks of timers: on a busy host a guest stands still for longer than they allow. A
# guest that hangs is found by the time limit.
arguments='console=ttyS0 panic=-1 oops=panic mitigations=off'
arguments="$arguments no_timer_check nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
# The kernel's modules for read-only drives, with what they need before them.
modules="virtio_pci virtio_blk crc32c_generic erofs overlay"
# Programs of this machine that guests need besides busybox.
programs=
# With more threads the emulator itself is not reliable.
accel="-accel tcg,thread=single"

# unavailable REASON: the end of a script that cannot run here.
unavailable() {
    echo "$0: $*" >&2
    exit 3
}

# fetch_machines SUITE...: the machine and the kernels of these Debian suites.
fetch_machines() {
    install_packages cpio xz-utils python3 || unavailable "packages cannot be installed"
    for tool in cpio xz python3; do
        command -v "$tool" >/dev/null || unavailable "$tool is not here"
    done
    sh testdata/fetch-qemu.sh || unavailable "no qemu"
    qemu=$kernels/qemu/bin/qemu-system-x86_64
    for suite in testing "$@"; do
        sh testdata/fetch-kernel.sh "$suite" || unavailable "no kernel of $suite"
    done
    # One for all kernels: that of bookworm cannot show xattrs.
    busybox=$PWD/$kernels/testing/busybox
}

# start_afresh: an empty $dir with the applets of the guest in bin/.
start_afresh() {
    [ ! -d "$dir" ] || chmod -R u+w "$dir"
    rm -rf "$dir"
    mkdir -p "$dir/bin"
    "$busybox" --install -s "$dir/bin"
}

# with_busybox FUNCTION DIR: as the guest will run it.
with_busybox() {
    env -i LC_ALL=C TZ=UTC PATH="$PWD/$dir/bin" "$busybox" sh -c \
        '. testdata/boot/describe.sh; "$@"' sh "$@"
}

# add_module SUITE NAME TO: copies the module after those that it depends on, and lists
# them in this order. A missing one is built into the kernel; if it is not, the guest
# has no drives and fails.
add_module() {
    local file needed
    file=$(find "$kernels/$1/modules" -name "${2//-/_}.ko*" -o -name "${2//_/-}.ko*")
    [ -n "$file" ] || return 0
    ! grep -qx "$2" "$3/order" || return 0
    case $file in
    *.xz) xz -dc "$file" ;;
    *) cat "$file" ;;
    esac >"$3/$2"
    for needed in $(tr '\0' '\n' <"$3/$2" | sed -n 's/^depends=//p' | tr ',' ' '); do
        add_module "$1" "$needed" "$3"
    done
    echo "$2" >>"$3/order"
}

# add_program PROGRAM TO: with the libraries that it needs, at the same paths.
add_program() {
    local file
    for file in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
        mkdir -p "$2/${file%/*}"
        cp -L "$file" "$2/$file"
    done
}

# make_initrd SUITE INIT FILE...: the kernel's modules, busybox and the programs, INIT as
# the first process, and the files beside it.
make_initrd() {
    local suite=$1 init=$2 root=$dir/initrd-$1
    shift 2
    mkdir -p "$root"/{bin,dev,mnt,modules,proc,sys,sysroot,tmp}
    : >"$root/modules/order"
    for module in $modules; do
        add_module "$suite" "$module" "$root/modules"
    done
    cp "$busybox" "$root/bin/busybox"
    for program in $programs; do
        add_program "$program" "$root"
    done
    cp "$init" "$root/init"
    cp testdata/boot/guest.sh "$@" "$root/"
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$root.gz"
}

# use_kvm SUITE: if it runs this kernel. /dev/kvm may be there and yet run nothing.
use_kvm() {
    [ -w /dev/kvm ] || return 0
    # The outer shell would report that it was aborted.
    if (timeout 20 "$qemu" -accel kvm -cpu max -m 256 -nodefaults -display none \
        -kernel "$kernels/$1/vmlinuz" -append panic=-1 -no-reboot || exit 1) >/dev/null 2>&1; then
        accel="-accel kvm"
    fi
}

# add_drive NAME FILE [OPTION]: one more of the array drives, for the next boot. The
# options are those of store images in NixOS; the guest can read the name. An id
# must begin with a letter. Eight drives share a slot of the bus, which has 32.
add_drive() {
    local number=$((${#drives[@]} / 4))
    local address
    address=$(printf '%x.%x' $((16 + number / 8)) $((number % 8)))
    drives+=(-drive "file=$2,format=raw,if=none,id=image-$1,read-only=on,werror=report${3:+,$3}"
        -device "virtio-blk-pci,drive=image-$1,serial=$1,addr=$address,multifunction=on")
}

# boot MACHINE SUITE [ARGUMENT...]: with the kernel of the suite and the array
# drives.
boot() {
    local machine=$1 suite=$2
    shift 2
    # shellcheck disable=SC2086 # two words
    timeout --kill-after=10 "$guest_seconds" "$qemu" $accel -cpu max -m "${memory:-512}" -smp 2 \
        -nodefaults -display none -no-reboot -kernel "$kernels/$suite/vmlinuz" \
        -initrd "$dir/initrd-$suite.gz" -append "$arguments $*" \
        -serial "file:$dir/console-$machine" -serial "file:$dir/result-$machine" \
        "${drives[@]}" 2>"$dir/qemu-$machine"
}

# boot_twice MACHINE SUITE [ARGUMENT...]: boots again if the emulator died. A failure
# caused by an image happens again, so this hides none.
boot_twice() {
    boot "$@" && grep -q DONE "$dir/result-$1" && return
    mv "$dir/console-$1" "$dir/console-$1.first"
    echo "$1: the machine did not get to its end, see $dir/console-$1.first; once more"
    boot "$@"
}

# run_machines COUNT FUNCTION MACHINE...: FUNCTION MACHINE boots one. COUNT of them
# run at once, which keeps the processors busy.
run_machines() {
    local count=$1 function=$2 machine status
    shift 2
    for machine in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge "$count" ]; do
            wait -n || true
        done
        { status=0; "$function" "$machine" || status=$?; echo $status >"$dir/status-$machine"; } &
    done
    wait
}

# judge MACHINE NAME...: prints the guest's report; fails unless it has every NAME and
# ended.
judge() {
    local bad=0 machine=$1 name result=$dir/result-$1 status
    shift
    status=$(cat "$dir/status-$machine")
    # Lines of a terminal end in two characters.
    sed -i 's/\r$//' "$result"
    sed "s/^/$machine: /" "$result"
    for name in "$@"; do
        grep -qE "^(OK|REFUSED) $name( |\$)" "$result" ||
            { echo "$machine: no word of $name"; bad=1; }
    done
    [ "$status" = 0 ] || { echo "$machine: the machine ended with status $status"; bad=1; }
    grep -qx DONE "$result" || { echo "$machine: the guest did not get to its end"; bad=1; }
    ! grep -E 'BUG:|WARNING:|Oops|Call Trace|Kernel panic|blocked for more' \
        "$dir/console-$machine" || bad=1
    [ $bad = 0 ] || tail -n 20 "$dir/qemu-$machine" "$dir/console-$machine"
    echo "$machine: $(grep -c '^OK' "$result") right, $(grep -c '^REFUSED' "$result") refused"
    return $bad
}
