//! The layout of Linux 6.15, beside that of mkfs.erofs.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use testdata::archive::{Archive, Header};
use testdata::entry::{Compare, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, tools};

use crate::callers::UUID;
use crate::place::{PROGRAM, Place};
use crate::refusal::refusal_of;
use crate::tar::{piped, place_with_archive, tar};

/// The bits of `feature_incompat`.
fn features(place: &Place) -> u32 {
    let image = fs::read(place.path("IMG")).expect("was written");
    u32::from_le_bytes(image[1024 + 0x50..1024 + 0x54].try_into().expect("4 bytes"))
}

#[test]
fn trees_are_those_that_mkfs_erofs_makes() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let place = place_with_archive();
    // In such images mkfs.erofs leaves out fractions of a second.
    tar(&place, &["--format=gnu", "--sort=name"]);
    let archive = fs::read(place.path("TAR")).expect("was written");
    let peer = tools::program("mkfs.erofs").expect("is there");
    for line in [
        "--tar=f -E48bit",
        "--tar=f -E48bit -T1700000000",
        "--tar=f -E48bit -zlz4hc,9",
        "--tar=f -E48bit -zlz4 -C65536",
        "--tar=f -E48bit,fragments -zlz4hc,9 -C65536",
        "--tar=i -E48bit",
    ] {
        let line = format!("{line} --quiet -U {UUID} IMG");
        let [ours, theirs] = [Path::new(PROGRAM), &peer].map(|program| {
            let run = piped(&place, program, &line, &archive);
            assert_eq!(run.code(), Some(0), "{line}: {run:?}");
            assert_eq!(features(&place) & 0x80, 0x80, "{line}");
            let archive = place.path("TAR");
            let devices: &[&Path] = if line.contains("=i") { &[&archive] } else { &[] };
            let mount = KernelMount::with_devices(&place.path("IMG"), devices);
            let tree = host::snapshot(mount.expect("is an image").path()).expect("is readable");
            let len = fs::metadata(place.path("IMG")).expect("was written").len();
            fs::remove_file(place.path("IMG")).expect("is mine");
            (tree, len)
        });
        diff(&theirs.0, &ours.0, Compare::ALL).unwrap_or_else(|text| panic!("{line}: {text}"));
        // Here the packed inode begins a block.
        let packed = if line.contains("fragments") { 4096 } else { 0 };
        assert!(ours.1 <= theirs.1 + packed, "{line}: {} and {} bytes", ours.1, theirs.1);
    }
}

#[test]
fn the_layout_is_not_for_old_kernels() {
    let place = place_with_archive();
    let message = refusal_of(&place, 2, "--tar=f -E48bit --target-kernel=6.12 IMG TAR");
    assert_eq!(message, "Linux 6.12 cannot mount addresses of 48 bits: they need 6.15");
    assert!(refusal_of(&place, 2, "-E48bit=1 IMG TAR").contains("'48bit' takes no value"));
    place.run("--quiet --tar=f -E48bit,^48bit --target-kernel=6.12 IMG TAR").succeeded();
    assert_eq!(features(&place) & 0x80, 0);
}

/// An archive of more than 2 TiB, nearly all of it a hole on the host: mkfs.erofs
/// takes it without a word.
#[test]
fn long_archives_have_it_by_themselves() {
    const LEN: u64 = 3 << 40;
    // It lies elsewhere, as the place is looked through.
    let (place, elsewhere) = (Place::new(), Place::new());
    let archive = elsewhere.path("TAR");
    let mut header = Header::new(b'0', "long", 0);
    header.set(124, &[&[0x80, 0, 0, 0][..], &LEN.to_be_bytes()].concat());
    let long = Archive::default().file("first", b"1").member(&header, &[]);
    fs::write(&archive, long.unfinished()).expect("there is room");
    let file = OpenOptions::new().write(true).open(&archive).expect("is there");
    let at = file.metadata().expect("is there").len() + LEN;
    if file.write_all_at(&Archive::default().file("last", b"2").finish(), at).is_err() {
        // Few file systems have files so long.
        return;
    }
    let index = |flags: &str| format!("--tar=i {flags} IMG {}", archive.display());
    for flags in ["-E^48bit", "--target-kernel=6.12"] {
        let message = refusal_of(&place, 1, &index(flags));
        assert!(message.contains("only wide addresses, for Linux 6.15"), "{message}");
    }
    let run = place.run(&index(""));
    run.succeeded();
    assert!(run.stdout.contains("Linux 6.15 or later"), "{run:?}");
    assert_eq!(features(&place) & 0x80, 0x80);
    // Linux before 6.15 does not know it.
    if have(Oracle::KernelMount) {
        let Ok(mount) = KernelMount::with_devices(&place.path("IMG"), &[&archive]) else { return };
        let read = |name: &str| fs::read(mount.path().join(name)).expect("can be read");
        assert_eq!((read("first"), read("last")), (b"1".to_vec(), b"2".to_vec()));
        let long = fs::metadata(mount.path().join("long")).expect("is there");
        assert_eq!(long.len(), LEN);
    }
}
