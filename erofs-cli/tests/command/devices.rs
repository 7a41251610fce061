//! Block devices as the output, and images after other data in a file.

use std::fs;

use testdata::entry::{Compare, diff};
use testdata::host;
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};

use crate::disks::{Disk, Mounted};
use crate::place::{Place, Run};

fn on(place: &Place, words: &[&str], disk: &Disk) -> Run {
    Run::of(place.command().args(words).arg(disk.path()).arg("source"))
}

#[test]
fn an_image_is_written_to_a_device_and_mounted_from_it() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    place.file("source/large", (0..300_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    let disk = Disk::new(4 << 20);
    on(&place, &["-T0", "-L", "on-device"], &disk).succeeded();
    let image = place.image("-T0 -L on-device IMG source", "IMG");
    let after = disk.bytes();
    assert_eq!(after[..image.len()], image, "the same image as in a file");
    // Where others look for old signatures.
    assert!(after[image.len()..].iter().all(|byte| *byte == 0), "and nothing behind it");

    let device = disk.path().to_str().expect("is ASCII");
    let mounted = Mounted::new(&["-t", "erofs", "-o", "ro", device]).expect("is an image");
    let actual = host::snapshot(mounted.path()).expect("is readable");
    let expected = host::snapshot(&place.path("source")).expect("is readable");
    let compare = Compare { mtime: false, dir_nlink: false, ..Compare::ALL };
    diff(&expected, &actual, compare).unwrap_or_else(|text| panic!("{text}"));

    // While it is mounted it is not touched.
    let run = on(&place, &["-T0"], &disk);
    let message =
        format!("mkfs-erofs: {device}: cannot be written: Device or resource busy (os error 16)\n");
    assert_eq!((run.code(), run.stderr), (Some(1), message));
    drop(mounted);
    assert!(disk.bytes() == after, "the mounted image is as it was");
}

#[test]
fn a_device_that_is_too_small_is_refused_and_left_as_it_is() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    place.file("source/large", (0..300_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    let len = place.image("IMG source", "IMG").len();
    assert_eq!(len % 4096, 0);
    for (words, missing) in [(&[][..], 4096), (&["--offset=8192"], 0), (&["--offset=512"], 0)] {
        let disk = Disk::new(len - missing);
        let before = disk.bytes();
        let run = on(&place, words, &disk);
        let start = format!("mkfs-erofs: {}: the image needs ", disk.path().display());
        assert!(run.code() == Some(1) && run.stderr.starts_with(&start), "{run:?}");
        assert!(run.stderr.contains(&format!("the device has {}", len - missing)), "{run:?}");
        assert!(disk.bytes() == before, "{words:?}");
    }
    on(&place, &[], &Disk::new(len)).succeeded();
}

#[test]
fn a_device_that_is_read_only_is_refused() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    place.file("file", vec![0; 1 << 20]);
    let disk = Disk::of_file(&place.path("file"), 0);
    let run = on(&place, &[], &disk);
    let start = format!("mkfs-erofs: {}: cannot be written: ", disk.path().display());
    assert!(run.code() == Some(1) && run.stderr.starts_with(&start), "{run:?}");
}

#[test]
fn what_is_before_the_offset_is_kept() {
    let place = Place::with_source();
    let plain = place.image("-T0 -Uclear IMG source", "IMG");
    for offset in [1_usize, 512, 4096, 65_536, 1_000_003] {
        for existing in [0_usize, 3, offset, offset + 10_000] {
            let before: Vec<u8> = (1..=255).cycle().take(existing).collect();
            place.file("IMG", &before);
            let image = place.image(&format!("-T0 -Uclear --offset={offset} IMG source"), "IMG");
            let kept = existing.min(offset);
            let what = format!("offset {offset}, {existing} bytes before");
            assert_eq!(image[..kept], before[..kept], "{what}");
            assert!(image[kept..offset].iter().all(|byte| *byte == 0), "{what}");
            assert_eq!(image[offset..], plain, "{what}");
        }
        fs::remove_file(place.path("IMG")).expect("was written");
        let image = place.image(&format!("-T0 -Uclear --offset={offset} IMG source"), "IMG");
        assert_eq!(image[offset..], plain, "{offset}");
    }
}

#[test]
fn what_is_before_the_offset_of_a_device_is_kept() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    let plain = place.image("-T0 IMG source", "IMG");
    let disk = Disk::new(1 << 20);
    let before = disk.bytes();
    on(&place, &["-T0", "--offset=12288"], &disk).succeeded();
    let after = disk.bytes();
    assert_eq!(after[..12_288], before[..12_288]);
    assert_eq!(after[12_288..12_288 + plain.len()], plain);
    assert!(after[12_288 + plain.len()..].iter().all(|byte| *byte == 0));
}

#[test]
fn an_image_at_an_offset_can_be_mounted() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::with_source();
    place.file("IMG", vec![7; 1 << 20]);
    place.run("-T0 -L behind --offset=1048576 IMG source").succeeded();
    let expected = host::snapshot(&place.path("source")).expect("is readable");
    let compare = Compare { mtime: false, dir_nlink: false, ..Compare::ALL };

    let disk = Disk::of_file(&place.path("IMG"), 1 << 20);
    let device = disk.path().to_str().expect("is ASCII");
    let mounted = Mounted::new(&["-t", "erofs", "-o", "ro", device]).expect("is an image");
    let actual = host::snapshot(mounted.path()).expect("is readable");
    diff(&expected, &actual, compare).unwrap_or_else(|text| panic!("{text}"));
    drop((mounted, disk));

    let image = place.path("IMG");
    let image = image.to_str().expect("is ASCII");
    let words = ["-t", "erofs", "-o", "ro,loop,offset=1048576", image];
    let mounted = Mounted::new(&words).expect("is an image");
    let actual = host::snapshot(mounted.path()).expect("is readable");
    diff(&expected, &actual, compare).unwrap_or_else(|text| panic!("{text}"));
    KernelMount::new(&place.path("IMG")).expect_err("there is none at the start");
}
