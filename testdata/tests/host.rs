//! Directories of the host, read by the library and compared with the host's own view.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![expect(clippy::print_stderr, reason = "what a host cannot hold is told")]

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use erofs_writer::source::Directory;
use erofs_writer::{HardLinks, ImageWriter, Options, Tree};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, makedev, mknodat};
use rustix::io::Errno;
use testdata::entry::Compare;
use testdata::host;
use testdata::verify::{self, verify_image};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn set(path: &Path, name: &str, value: &[u8]) {
    match lsetxattr(path, name, value, XattrFlags::empty()) {
        Ok(()) => {}
        // Not every file system has every kind, nor room for each.
        Err(Errno::NOTSUP | Errno::NOSPC | Errno::TOOBIG) => {
            eprintln!("SKIPPED: {name} cannot be set here");
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

/// An access ACL that gives user 1000 more than the group has.
const ACL: [u8; 44] = {
    let mut acl = [0; 44];
    acl[0] = 2;
    let entries = [(1, 6, -1), (2, 7, 1000), (4, 4, -1), (0x10, 7, -1), (0x20, 4, -1)];
    let mut at = 0;
    while at < entries.len() {
        let (tag, permissions, id): (u8, u8, i32) = entries[at];
        acl[4 + at * 8] = tag;
        acl[6 + at * 8] = permissions;
        let id = id.to_le_bytes();
        let mut byte = 0;
        while byte < 4 {
            acl[8 + at * 8 + byte] = id[byte];
            byte += 1;
        }
        at += 1;
    }
    acl
};

fn make_xattrs(root: &Path) {
    let file = root.join("attributes");
    fs::write(&file, b"x").unwrap();
    set(&file, "user.short", b"value");
    // On files of their own, as ext4 has one block for those of a file.
    let long = root.join("long-value");
    fs::write(&long, b"x").unwrap();
    set(&long, "user.long", &[b'v'; 3000]);
    // The list of these names is longer than one look at it expects.
    let many = root.join("many-names");
    fs::write(&many, b"x").unwrap();
    for number in 0..40 {
        set(&many, &format!("user.attribute.number.{number}.{}", "n".repeat(30)), b"1");
    }
    for name in ["shared-1", "shared-2", "shared-3", "shared-4"] {
        fs::write(root.join(name), name).unwrap();
        set(&root.join(name), "user.common", b"the same everywhere");
    }
    set(&file, "system.posix_acl_access", &ACL);
    let dir = root.join("defaults");
    fs::create_dir(&dir).unwrap();
    set(&dir, "system.posix_acl_default", &ACL);
    if is_root() {
        set(&file, "trusted.overlay.opaque", b"y");
        set(&file, "security.test", b"label");
    }
}

fn make_special_files(root: &Path) {
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let make = |name: &str, kind, dev| {
        mknodat(CWD, root.join(name), kind, Mode::from_raw_mode(0o640), dev).unwrap();
    };
    make("fifo", FileType::Fifo, 0);
    if is_root() {
        make("null", FileType::CharacterDevice, makedev(1, 3));
        make("disk", FileType::BlockDevice, makedev(259, 70_000));
        make("whiteout", FileType::CharacterDevice, makedev(0, 0));
    }
}

fn make(root: &Path) {
    make_xattrs(root);
    make_special_files(root);
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::write(root.join("a/b/c/file"), vec![7; 100_000]).unwrap();
    fs::hard_link(root.join("a/b/c/file"), root.join("a/second-name")).unwrap();
    symlink("a/b/c/file", root.join("link")).unwrap();
    symlink("dangling", root.join("broken")).unwrap();
    fs::set_permissions(root.join("a/b"), PermissionsExt::from_mode(0o3751)).unwrap();
    fs::set_permissions(root.join("shared-1"), PermissionsExt::from_mode(0o4755)).unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    // A name that is no UTF-8.
    let odd = CString::new(b"odd\xff\x01name".to_vec()).unwrap();
    mknodat(CWD, odd_path(root, &odd), FileType::RegularFile, Mode::RUSR, 0).unwrap();
}

fn odd_path(root: &Path, name: &CString) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt;
    root.join(std::ffi::OsStr::from_bytes(name.as_bytes()))
}

fn check(tree: &Tree, root: &Path, compare: Compare) {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.erofs");
    ImageWriter::new(Options::new()).write_path(tree, &image).unwrap();
    let options = verify::Options { compare, ..verify::Options::default() };
    verify_image(&image, &host::snapshot(root).unwrap(), &options)
        .unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn a_directory_comes_back_as_the_host_has_it() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let tree = Tree::from_dir(dir.path()).unwrap();
    let attributes = tree.get("attributes").unwrap().metadata();
    assert_eq!(attributes.xattrs.get("user.short"), Some(&b"value"[..]));
    check(&tree, dir.path(), Compare::ALL);
}

#[test]
fn hard_links_become_files_of_their_own_if_they_are_to_be_ignored() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let tree = Directory::new(dir.path()).hard_links(HardLinks::Ignore).read().unwrap();
    let id = |path| tree.get(path).unwrap().id();
    assert_ne!(id("a/second-name"), id("a/b/c/file"));
    check(&tree, dir.path(), Compare { hard_links: false, nlink: false, ..Compare::ALL });
}

#[test]
fn attributes_stay_behind_if_they_are_not_wanted() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let tree = Directory::new(dir.path()).xattrs(false).read().unwrap();
    assert!(tree.walk().all(|entry| entry.metadata().xattrs.is_empty()));
    check(&tree, dir.path(), Compare { xattrs: false, ..Compare::ALL });
}
