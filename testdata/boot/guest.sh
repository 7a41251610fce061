# The beginning of the first process of a guest: sourced from its initrd by init-kernels
# and init-store. Its output goes to the second serial line.
/bin/busybox --install -s /bin
export PATH=/bin LC_ALL=C TZ=UTC
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec >/dev/ttyS1 2>/dev/console </dev/null

for module in $(cat /modules/order); do
    insmod "/modules/$module"
done
kernel=$(uname -r)
echo "KERNEL $kernel"

# device NAME: the drive of this serial number.
device() {
    for disk in /sys/block/vd*; do
        [ "$(cat "$disk/serial")" != "$1" ] || echo "/dev/${disk##*/}"
    done
}
