//! A small tree with a bit of everything, and images of it by `mkfs.erofs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use tempfile::TempDir;
use testdata::{host, tools};

/// Files of edge sizes, many names, links, xattrs; on a fresh folder.
pub(crate) fn sample_tree() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for size in [0, 1, 4000, 4064, 4065, 4095, 4096, 4097, 8192, 20_000] {
        fs::write(at(&format!("size-{size}")), noise(size)).unwrap();
    }
    fs::write(at("zeros"), vec![0; 100_000]).unwrap();
    fs::write(at("text"), text(110_000)).unwrap();
    let mut mixed = text(60_000);
    mixed.extend(noise(30_000));
    mixed.extend(text(47_111));
    fs::write(at("mixed"), &mixed).unwrap();
    fs::create_dir(at("many")).unwrap();
    for number in 0..400 {
        let name = format!("many/a rather long name so that blocks fill up, {number:04}");
        fs::write(at(&name), text(number)).unwrap();
    }
    fs::create_dir(at("many/sub")).unwrap();
    fs::hard_link(at("text"), at("many/sub/link")).unwrap();
    for name in [" first", "-dash", ".dot", "~last"] {
        fs::create_dir(at("many").join(name)).unwrap();
    }
    symlink("text", at("short")).unwrap();
    symlink("t/".repeat(1500), at("long")).unwrap();
    add_xattrs(dir.path());
    for path in host::snapshot(dir.path()).unwrap().keys() {
        set_time(&host::host_path(dir.path(), path), 1_700_000_000);
    }
    set_time(&at("size-1"), -77);
    set_time(&at("size-0"), 1 << 33);
    dir
}

/// Whole seconds: `mkfs.erofs` drops the rest.
fn set_time(path: &Path, sec: i64) {
    let time = Timespec { tv_sec: sec, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn add_xattrs(root: &Path) {
    let set = |path: &Path, name: &str, value: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::lsetxattr(path, name, value, flags).is_ok()
    };
    // Not every file system of a test machine has them; the tree then has none.
    for number in 0..20 {
        let name = format!("many/a rather long name so that blocks fill up, {number:04}");
        let path = root.join(name);
        let common = set(&path, "user.common", b"the same for all");
        let _ = common && set(&path, "user.own", format!("{number}").as_bytes());
        let _ = common && number % 3 == 0 && set(&path, "user.long.prefix.x", b"1");
    }
    set(root, "user.root", &[7; 300]);
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state: u32 = 12345;
    let step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// Bytes that do.
fn text(len: usize) -> Vec<u8> {
    let lines = (0..).flat_map(|n: u32| format!("line {n}, and some more words\n").into_bytes());
    lines.take(len).collect()
}

/// An image made by `mkfs.erofs`, in a folder of its own.
pub(crate) struct PeerImage {
    folder: TempDir,
}

impl PeerImage {
    pub(crate) fn new(source: &Path, args: &[&str]) -> Self {
        let image = Self { folder: tempfile::tempdir().unwrap() };
        let mut words: Vec<PathBuf> = args.iter().map(PathBuf::from).collect();
        words.push(image.path());
        words.push(source.to_path_buf());
        tools::mkfs(words).unwrap();
        image
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("image.erofs")
    }
}
