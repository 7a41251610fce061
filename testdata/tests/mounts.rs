//! Mounts go away with their value, whatever happens.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs;
use std::path::Path;

use testdata::mount::{KernelMount, Overlay};
use testdata::skip::{Oracle, have};
use testdata::{dump, raw, tools};

use common::{PeerImage, sample_tree};

fn is_mounted(point: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    mounts.contains(point.to_str().unwrap())
}

/// The file of a loop device; None if it is free.
fn backing_file(device: &Path) -> Option<String> {
    let name = device.file_name().unwrap();
    let path = Path::new("/sys/block").join(name).join("loop/backing_file");
    fs::read_to_string(path).ok()
}

#[test]
fn a_panic_leaves_neither_mount_nor_loop_device() {
    if !have(Oracle::KernelMount) || !have(Oracle::Mkfs) {
        return;
    }
    let source = sample_tree();
    let image = PeerImage::new(source.path(), &[]);
    let mount = KernelMount::new(&image.path()).unwrap();
    let (point, device) = (mount.path().to_path_buf(), mount.device().to_path_buf());
    assert!(is_mounted(&point));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _mount = mount;
        panic!("expected by the test");
    }));
    assert!(result.is_err());
    assert!(!is_mounted(&point) && !point.exists());
    let file = backing_file(&device).unwrap_or_default();
    assert!(!file.contains(image.path().to_str().unwrap()));
}

#[test]
fn an_image_can_be_mounted_by_its_label() {
    if !have(Oracle::KernelMount) || !have(Oracle::Mkfs) || !have(Oracle::Blkid) {
        return;
    }
    let source = sample_tree();
    let label = format!("t-{}", std::process::id());
    let image = PeerImage::new(source.path(), &["-L", &label]);
    let found = tools::blkid(&image.path()).unwrap();
    assert_eq!(found["LABEL"], label);
    assert_eq!(found["TYPE"], "erofs");
    let mount = KernelMount::by_label(&image.path(), &label).unwrap();
    assert_eq!(fs::read(mount.path().join("size-1")).unwrap().len(), 1);
}

#[test]
fn an_overlay_over_an_image_can_be_written() {
    if !have(Oracle::Overlay) || !have(Oracle::Mkfs) {
        return;
    }
    let source = sample_tree();
    let image = PeerImage::new(source.path(), &[]);
    let mount = KernelMount::new(&image.path()).unwrap();
    let overlay = Overlay::new(&[mount.path()]).unwrap();
    fs::write(overlay.path().join("size-1"), b"changed").unwrap();
    assert_eq!(fs::read(overlay.upper().join("size-1")).unwrap(), b"changed");
    assert_eq!(fs::read(mount.path().join("size-1")).unwrap().len(), 1);
}

#[test]
fn dump_erofs_and_the_own_decoder_agree_on_the_superblock() {
    if !have(Oracle::Dump) || !have(Oracle::Mkfs) {
        return;
    }
    let source = sample_tree();
    let image = PeerImage::new(source.path(), &["-L", "agreed"]);
    let theirs = tools::dump_superblock(&image.path()).unwrap();
    let ours = dump::dump(&raw::Image::open(&image.path()).unwrap());
    assert!(ours.contains("volume_name             \"agreed\""), "{ours}");
    let inodes = theirs.iter().find(|(name, _)| name.contains("inode count"));
    let (_, count) = inodes.unwrap_or_else(|| panic!("{theirs:?}"));
    assert!(ours.contains(&format!("inos                    {count}")), "{count}");
}
