//! Old signatures on a block device.
//!
//! libblkid and the kernel recognise the contents of a device by magic numbers at known
//! places. If an older file system, RAID, volume manager or partition table has left
//! one outside of the image, the device is ambiguous: it has no label, and `mount`
//! refuses it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use crate::cancel::Stop;
use crate::format::{to_u64, to_usize};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Nearly all signatures are in the first part of a device: those at its start, ISO
/// 9660 and UDF (32 KiB to 1 MiB), btrfs and reiserfs (64 KiB), the first two labels of
/// ZFS (to 512 KiB), VMFS and bcachefs (1 and 2 MiB), second headers of LUKS2 (16 KiB
/// to 4 MiB).
const START: u64 = 5 * MIB;
/// Second superblocks of btrfs.
const MIRRORS: [u64; 2] = [64 * MIB, 256 * GIB];
const MIRROR_LEN: u64 = 64 * KIB;
/// Signatures at the end of a device: GPT (with sectors of 4 KiB, 132 KiB), the last
/// two labels of ZFS (768 KiB), MD 0.90 and 1.0, DRBD, DDF, NILFS2, and RAIDs of
/// firmware, of which one is 3,087 sectors before the end.
const END: u64 = 4 * MIB;

/// How much the device is asked to discard at once, and for how long.
const DISCARD_LEN: u64 = 256 * MIB;
const DISCARD_TIME: Duration = Duration::from_secs(1);
/// A multiple of the sectors of every device.
const DISCARD_ALIGN: u64 = 64 * KIB;

/// Clears the bytes after `image` on a device of `len` bytes, at least where others
/// look for signatures. Nothing before the image is changed. If there is a table of
/// partitions, nothing after the image is changed either: it may be another partition.
pub(super) fn clear(device: &File, image: Range<u64>, len: u64, stop: &dyn Stop) -> io::Result<()> {
    if image.start == 0 {
        discard(device, image.end, len, stop);
    } else if has_partitions(device)? {
        return Ok(());
    }
    // Discarded bytes are checked as well: not every device reads them as zeros.
    for place in places(&image, len) {
        clear_range(device, place)?;
    }
    Ok(())
}

/// The places where others look, who may take the device or the image for the start.
fn places(image: &Range<u64>, len: u64) -> Vec<Range<u64>> {
    let clip = |place: Range<u64>| place.start.max(image.end)..place.end.min(len);
    let mut places = Vec::new();
    places.push(len.saturating_sub(END)..len);
    for base in [0, image.start] {
        places.push(base..base.saturating_add(START));
        for mirror in MIRRORS {
            let start = base.saturating_add(mirror);
            places.push(start..start.saturating_add(MIRROR_LEN));
        }
    }
    places.into_iter().map(clip).filter(|place| place.start < place.end).collect()
}

/// Discards the bytes after the image, if the device can do that and reads them as
/// zeros afterwards. Stops at the first failure, and when it takes long.
fn discard(device: &File, from: u64, to: u64, stop: &dyn Stop) {
    let began = Instant::now();
    let mut start = from.next_multiple_of(DISCARD_ALIGN);
    let to = to - to % DISCARD_ALIGN;
    while start < to && began.elapsed() < DISCARD_TIME && !stop.is_set() {
        let len = DISCARD_LEN.min(to - start);
        if !punch(device, start, len) {
            return;
        }
        start += len;
    }
}

/// Whether the device has discarded these bytes. Only a way after which they read as
/// zeros is asked for.
#[cfg(target_os = "linux")]
fn punch(device: &File, start: u64, len: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::io::retry_on_intr(|| fallocate(device, flags, start, len)).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn punch(_: &File, _: u64, _: u64) -> bool {
    false
}

/// Writes zeros to `range` where it is not zeros.
fn clear_range(device: &File, range: Range<u64>) -> io::Result<()> {
    let mut buf = vec![0; to_usize(MIB.min(range.end - range.start))];
    let zeros = vec![0; buf.len()];
    let mut pos = range.start;
    while pos < range.end {
        let step = to_usize((range.end - pos).min(to_u64(buf.len())));
        device.read_exact_at(&mut buf[..step], pos)?;
        if buf[..step] != zeros[..step] {
            device.write_all_at(&zeros[..step], pos)?;
        }
        pos += to_u64(step);
    }
    Ok(())
}

/// Magic numbers of partition tables at the start of a device, with their places, as
/// libblkid and the kernel know them.
const TABLES: [(usize, &[u8]); 14] = [
    // GPT, for each length of sectors, also if its protective MBR is gone.
    (512, b"EFI PART"),
    (4096, b"EFI PART"),
    // Apple.
    (0, b"ER"),
    (512, b"PM\0\0"),
    // Sun, SGI, and BSD at three places, in both orders of bytes.
    (508, b"\xda\xbe"),
    (0, b"\x0b\xe5\xa9\x41"),
    (512, b"\x57\x45\x56\x82"),
    (64, b"\x57\x45\x56\x82"),
    (128, b"\x57\x45\x56\x82"),
    (512, b"\x82\x56\x45\x57"),
    (64, b"\x82\x56\x45\x57"),
    (128, b"\x82\x56\x45\x57"),
    // DASD, "VOL1" in EBCDIC, by the length of blocks.
    (4096, b"\xe5\xd6\xd3\xf1"),
    (8192, b"\xe5\xd6\xd3\xf1"),
];
/// Amiga: in one of the first sectors.
const AMIGA: &[u8] = b"RDSK";
const AMIGA_SECTORS: usize = 16;

/// Whether the device begins with a table of partitions: an MBR, which a GPT has as
/// well, or another one.
fn has_partitions(device: &File) -> io::Result<bool> {
    let mut start = [0; 8200];
    let mut len = 0;
    while len < start.len() {
        match device.read_at(&mut start[len..], to_u64(len)) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let is_of_pc = start[510..512] == [0x55, 0xaa] && start[446..510].iter().any(|byte| *byte != 0);
    let mut sectors = start.chunks(512).take(AMIGA_SECTORS);
    Ok(is_of_pc
        || TABLES.iter().any(|(place, magic)| start[*place..].starts_with(magic))
        || sectors.any(|sector| sector.starts_with(AMIGA)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_looked_at(places: &[Range<u64>], place: Range<u64>) -> bool {
        places.iter().any(|range| range.start <= place.start && place.end <= range.end)
    }

    #[test]
    fn places_are_behind_the_image_and_on_the_device() {
        let lens = [4096, 4097, 100_000, 3 * MIB, 4 * MIB + 1, 64 * MIB, 300 * GIB, u64::MAX];
        for len in lens {
            for image in [0..4096, 0..3 * MIB, 4096..8192, MIB..2 * MIB, 70 * MIB..71 * MIB] {
                for place in places(&image, len) {
                    assert!(image.end <= place.start && place.end <= len, "{image:?} on {len}");
                }
            }
        }
    }

    #[test]
    fn what_is_known_is_looked_at() {
        let len = 300 * GIB + 12_345 * 512;
        let places = places(&(0..8192), len);
        let zfs = len - len % (256 * KIB);
        for (start, size) in [
            (32 * KIB, 2 * KIB),
            (64 * KIB, 4 * KIB),
            (256 * KIB, 256 * KIB),
            (4 * MIB, 4 * KIB),
            (64 * MIB, 4 * KIB),
            (256 * GIB, 4 * KIB),
            (zfs - 512 * KIB, 512 * KIB),
            (len - len % (64 * KIB) - 64 * KIB, 4 * KIB),
            (len - 3087 * 512, 512),
            (len - 33 * 4096, 33 * 4096),
        ] {
            assert!(is_looked_at(&places, start..start + size), "{start}");
        }
        let total: u64 = places.iter().map(|place| place.end - place.start).sum();
        assert!(total < 32 * MIB, "{total}");
    }
}
