//! Devices with other contents before: only the image is found on them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;

use testdata::skip::{Oracle, have};
use testdata::tools::{program, run};

use crate::disks::{Disk, Mounted, told};
use crate::place::{Place, Run};

const LEN: usize = 80 << 20;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Bytes that are written at places, to look like something.
type Marks = Vec<(u64, Vec<u8>)>;

/// Signatures at the end of a device of `end` bytes.
fn at_end(end: u64) -> Vec<(&'static str, Marks)> {
    let zfs_label = |start: u64| {
        let uberblock = [0x00BA_B10C_u64.to_le_bytes(), 5000_u64.to_le_bytes()].concat();
        (0..64).map(move |slot| (start + 128 * KIB + slot * KIB, uberblock.clone()))
    };
    let zfs = [0, 256 * KIB, end - 512 * KIB, end - 256 * KIB].into_iter().flat_map(zfs_label);
    let sectors = |back: u64| end - back * 512;
    vec![
        ("ZFS", zfs.collect()),
        ("MD 0.90", vec![(end - 64 * KIB, md_090())]),
        ("MD 1.0", vec![(end - 8 * KIB, md_1(end - 8 * KIB))]),
        ("DDF", vec![(sectors(1), b"\xDE\x11\xDE\x11".to_vec())]),
        ("Intel RAID", vec![(sectors(2), b"Intel Raid ISM Cfg Sig. 1.2.00".to_vec())]),
        ("Promise RAID", vec![(sectors(3087), b"Promise Technology, Inc.".to_vec())]),
        ("DRBD", vec![(end - 4 * KIB + 60, b"\x83\x74\x02\x67".to_vec())]),
    ]
}

/// Signatures near the start, after an image of a few blocks.
fn at_start() -> Vec<(&'static str, Marks)> {
    let mut iso = vec![0; 2048];
    iso[..6].copy_from_slice(b"\x01CD001");
    let mut lvm = b"LABELONE".to_vec();
    lvm.resize(512, 0);
    lvm[24..32].copy_from_slice(b"LVM2 001");
    vec![
        ("ISO 9660", vec![(32 * KIB, iso)]),
        ("UDF", vec![(32 * KIB + 1, b"BEA01".to_vec()), (34 * KIB + 1, b"NSR02".to_vec())]),
        ("btrfs", vec![(64 * KIB + 64, b"_BHRfS_M".to_vec())]),
        ("reiserfs", vec![(64 * KIB + 52, b"ReIsEr2Fs".to_vec())]),
        ("JFS", vec![(32 * KIB, b"JFS1".to_vec())]),
        ("VMFS", vec![(MIB, b"\x0d\xd0\x01\xc0".to_vec())]),
        ("LUKS2", vec![(16 * KIB, b"SKUL\xba\xbe\x00\x02".to_vec())]),
        ("LUKS2, far", vec![(4 * MIB, b"SKUL\xba\xbe\x00\x02".to_vec())]),
        ("swap of 64 KiB pages", vec![(64 * KIB - 10, b"SWAPSPACE2".to_vec())]),
        ("LVM", vec![(512, lvm)]),
    ]
}

fn md_090() -> Vec<u8> {
    let words: [u32; 3] = [0xa92b_4efc, 0, 90];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn md_1(place: u64) -> Vec<u8> {
    let mut block = vec![0; 256];
    block[..4].copy_from_slice(&0xa92b_4efc_u32.to_le_bytes());
    block[4..8].copy_from_slice(&1_u32.to_le_bytes());
    block[144..152].copy_from_slice(&(place / 512).to_le_bytes());
    block
}

fn mark(disk: &Disk, marks: &Marks) {
    let device = File::options().write(true).open(disk.path()).expect("is a device of ours");
    for (place, bytes) in marks {
        device.write_all_at(bytes, *place).expect("is a device of ours");
    }
    device.sync_all().expect("is a device of ours");
}

/// Writes an image, after which others find nothing else, also by its label.
#[track_caller]
fn only_the_image_is_found(place: &Place, disk: &Disk, before: &str) {
    let mut command = place.command();
    command.args(["--quiet", "-Lfresh"]).arg(disk.path()).arg("source");
    Run::of(&mut command).succeeded();
    let shown = disk.path().to_str().expect("is ASCII");
    let found = run(Command::new(program("blkid").expect("asked before")).args(["-p", shown]));
    let found = found.unwrap_or_else(|error| panic!("{before}: {error}"));
    assert!(found.contains(" TYPE=\"erofs\"") && found.contains(" LABEL=\"fresh\""), "{found}");
    assert!(!found.contains("PTTYPE"), "{before}: {found}");
    if let Ok(wipefs) = program("wipefs") {
        let listed = run(Command::new(wipefs).args(["-n", "-i", shown])).expect("can be read");
        // Some versions have a line of titles.
        let found = listed.lines().filter(|line| line.contains(" 0x"));
        assert_eq!(found.count(), 1, "{before}: {listed}");
    }
    // Without its type, which has to be found as well.
    Mounted::new(&["-o", "ro", shown]).unwrap_or_else(|error| panic!("{before}: {error}"));
}

#[test]
fn what_a_device_held_before_is_not_found_on_it() {
    if !have(Oracle::KernelMount) || !have(Oracle::Blkid) {
        return;
    }
    let place = Place::with_source();
    let disk = Disk::new(LEN);
    let end = u64::try_from(LEN).expect("is small");
    let all = at_end(end).into_iter().chain(at_start()).collect::<Vec<_>>();
    for (name, marks) in &all {
        mark(&disk, marks);
        only_the_image_is_found(&place, &disk, name);
    }
    // All at once, and where somebody looks there is nothing left of them.
    all.iter().for_each(|(_, marks)| mark(&disk, marks));
    only_the_image_is_found(&place, &disk, "all");
    let bytes = disk.bytes();
    for (name, marks) in &all {
        for (pos, mark) in marks.iter().filter(|(pos, _)| *pos >= 4096) {
            let pos = usize::try_from(*pos).expect("is small");
            assert_eq!(bytes[pos..pos + mark.len()], vec![0; mark.len()], "{name}");
        }
    }
}

#[test]
fn what_real_tools_made_is_not_found_any_more() {
    if !have(Oracle::KernelMount) || !have(Oracle::Blkid) {
        return;
    }
    let place = Place::with_source();
    let disk = Disk::new(LEN);
    let device = disk.path().to_str().expect("is ASCII");
    for line in [
        "mkfs.ext4 -q -F",
        "mkswap -f",
        "mkfs.btrfs -q -f",
        "mkfs.xfs -q -f",
        "pvcreate -q -ff -y",
        "wipefs -a",
    ] {
        let mut words = line.split(' ');
        let name = words.next().expect("has a name");
        let made = || run(Command::new(program(name)?).args(words).arg(device));
        // Those that a machine has; two of them are needed for other tests, too.
        if made().is_ok() || name == "mkfs.ext4" {
            only_the_image_is_found(&place, &disk, line);
        }
    }
    let script = format!("printf 'label: gpt\\n,8M\\n' | sfdisk -q --no-reread {device}");
    if told("sfdisk", run(Command::new("sh").args(["-c", &script]))).is_some() {
        only_the_image_is_found(&place, &disk, "GPT");
    }
}

#[test]
fn what_is_before_the_offset_stays_and_other_partitions_do() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    let end = u64::try_from(LEN).expect("is small");
    let marks: Marks = at_end(end).into_iter().chain(at_start()).flat_map(|(_, m)| m).collect();
    for has_table in [false, true] {
        let disk = Disk::new(LEN);
        mark(&disk, &marks);
        let entry = if has_table { vec![0x80; 66] } else { vec![0; 66] };
        let table = [&entry[..64], if has_table { b"\x55\xaa" } else { b"\0\0" }].concat();
        mark(&disk, &vec![(446, table)]);
        let before = disk.bytes();
        let mut command = place.command();
        command.args(["--quiet", "--offset=1048576"]).arg(disk.path()).arg("source");
        Run::of(&mut command).succeeded();
        let after = disk.bytes();
        assert!(after[..1 << 20] == before[..1 << 20], "what is before the offset");
        assert_eq!(after[(1 << 20) + 1024..][..4], [0xe2, 0xe1, 0xf5, 0xe0]);
        // Other partitions, or signatures.
        let behind = LEN - (256 << 10)..LEN;
        let is_same = after[behind.clone()] == before[behind.clone()];
        assert_eq!(is_same, has_table);
        assert_eq!(after[behind].iter().all(|byte| *byte == 0), !has_table);
    }
}

#[test]
fn behind_the_offset_nothing_is_cleared_where_any_table_of_partitions_is() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    let disk = Disk::new(8 << 20);
    let end = 8 * MIB - 4 * KIB;
    let tables: [(u64, &[u8]); 10] = [
        (512, b"EFI PART"),
        (4096, b"EFI PART"),
        (0, b"ER"),
        (512, b"PM\0\0"),
        (508, b"\xda\xbe"),
        (0, b"\x0b\xe5\xa9\x41"),
        (64, b"\x57\x45\x56\x82"),
        (1024, b"RDSK"),
        (8192, b"\xe5\xd6\xd3\xf1"),
        (0, b"none"),
    ];
    for (pos, table) in tables {
        let other = b"another partition".to_vec();
        mark(&disk, &vec![(0, vec![0; 64 << 10]), (pos, table.to_vec()), (end, other.clone())]);
        let mut command = place.command();
        command.args(["--quiet", "--offset=1048576"]).arg(disk.path()).arg("source");
        Run::of(&mut command).succeeded();
        let left = disk.bytes()[usize::try_from(end).expect("is small")..].starts_with(&other);
        assert_eq!(left, table != b"none", "{table:?} at {pos}");
    }
}
