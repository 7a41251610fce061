//! Fields of inodes other than data: type, mode, owner, times, names.

use erofs_writer::{Metadata, Node, Rdev, Timestamp, Tree};

use super::Builder;

fn dev(major: u32, minor: u32) -> Rdev {
    Rdev { major, minor }
}

/// Every type of file with every special mode bit, and devices at the limits
/// of their numbers.
#[must_use]
pub fn file_types() -> Tree {
    let mut tree = Builder::new();
    let modes = [0, 0o001, 0o644, 0o1777, 0o2755, 0o4755, 0o7777];
    for mode in modes {
        let metadata = || Metadata::new(mode);
        tree.node(format!("dir {mode:o}"), metadata(), Node::Directory);
        tree.file_with(format!("file {mode:o}"), metadata(), "content");
        tree.node(format!("link {mode:o}"), metadata(), Node::Symlink(b"to".to_vec()));
        tree.node(format!("fifo {mode:o}"), metadata(), Node::Fifo);
        tree.node(format!("socket {mode:o}"), metadata(), Node::Socket);
        tree.node(format!("char {mode:o}"), metadata(), Node::CharDevice(dev(1, 3)));
        tree.node(format!("block {mode:o}"), metadata(), Node::BlockDevice(dev(259, 0x12345)));
    }
    tree.device("whiteout", 0, 0);
    for major in [0, 1, 255, 256, 4095] {
        for minor in [0, 1, 255, 256, 0xf_ffff] {
            let name = format!("{major} {minor}");
            let rdev = dev(major, minor);
            tree.node(format!("c {name}"), Metadata::new(0o600), Node::CharDevice(rdev));
            tree.node(format!("b {name}"), Metadata::new(0o600), Node::BlockDevice(rdev));
        }
    }
    tree.done()
}

/// Owners and groups around the 16 bits of a compact inode.
#[must_use]
pub fn owners() -> Tree {
    let mut tree = Builder::new();
    let ids = [0, 1, 65_534, 65_535, 65_536, u32::MAX - 1];
    for uid in ids {
        for gid in ids {
            let metadata = Metadata::new(0o640).with_owner(uid, gid);
            tree.file_with(format!("{uid} {gid}"), metadata.clone(), format!("{uid}{gid}"));
            tree.node(format!("d {uid} {gid}"), metadata, Node::Directory);
        }
    }
    tree.done()
}

/// The largest owner, for which the kernel shows another.
#[must_use]
pub fn owner_without_number() -> Tree {
    let mut tree = Builder::new();
    // For the kernel not even root owns it.
    let metadata = Metadata::new(0o644).with_owner(u32::MAX, u32::MAX);
    tree.file_with("f", metadata, "content");
    tree.done()
}

fn at(sec: i64, nsec: u32) -> Metadata {
    Metadata::new(0o644).with_mtime(Timestamp { sec, nsec })
}

/// One time, with nanoseconds, for all.
#[must_use]
pub fn equal_times() -> Tree {
    let mut tree = Builder::new();
    for name in ["a", "b", "c"] {
        tree.file(name, name);
        tree.dir(format!("d{name}"));
    }
    let mut tree = tree.done();
    tree.update_metadata(|metadata| {
        metadata.mtime = Timestamp { sec: 1_700_000_000, nsec: 987_654_321 };
    });
    tree
}

/// A time of its own for each, all of which a host can keep.
#[must_use]
pub fn different_times() -> Tree {
    let mut tree = Builder::new();
    // ext4 keeps times up to 2446.
    for sec in [-2_000_000_000, -1, 0, 1, 1 << 31, (1 << 32) - 1, 1 << 32, 15_000_000_000] {
        for nsec in [0, 1, 999_999_999] {
            tree.file_with(format!("{sec} {nsec}"), at(sec, nsec), "content");
        }
    }
    // Most have this one.
    for number in 0..30 {
        tree.file_with(format!("usual {number}"), at(1_700_000_000, 5), "content");
    }
    tree.done()
}

/// The first and the last time that the format has.
#[must_use]
pub fn extreme_times() -> Tree {
    let mut tree = Builder::new();
    for sec in [i64::MIN, i64::MIN + 1, -(1 << 40), 1 << 40, i64::MAX] {
        for nsec in [0, 1, 999_999_999] {
            tree.file_with(format!("{sec} {nsec}"), at(sec, nsec), "content");
        }
    }
    tree.done()
}

/// Files of each kind with two names, in one directory and in two.
#[must_use]
pub fn hard_links() -> Tree {
    let mut tree = Builder::new();
    for dir in ["a", "b", "b/c"] {
        tree.dir(dir);
    }
    let kinds = [
        ("empty", Node::File(erofs_writer::Content::from_bytes(*b""))),
        ("small", Node::File(erofs_writer::Content::from_bytes(*b"small"))),
        ("blocks", Node::File(erofs_writer::Content::from_bytes(super::noise(9, 70_000)))),
        ("symlink", Node::Symlink(b"small".to_vec())),
        ("char", Node::CharDevice(dev(1, 3))),
        ("block", Node::BlockDevice(dev(7, 0))),
        ("fifo", Node::Fifo),
        ("socket", Node::Socket),
    ];
    for (name, node) in kinds {
        let id = tree.node(format!("b/{name}"), Metadata::new(0o600), node);
        tree.link(format!("b/{name} again"), id);
        // Earlier and later in the order of directories than the first name.
        tree.link(format!("a/{name}"), id);
        tree.link(format!("b/c/{name}"), id);
        tree.link(format!("{name} in root"), id);
    }
    tree.done()
}

/// More names than a compact inode counts.
#[must_use]
pub fn many_hard_links() -> Tree {
    let mut tree = Builder::new();
    tree.dir("many");
    let id = tree.file("first", "content");
    for number in 0..70_000 {
        tree.link(format!("many/{number}"), id);
    }
    // Exactly as many as fit.
    let id = tree.file("other", "content");
    for number in 1..65_535 {
        tree.link(format!("many/o{number}"), id);
    }
    tree.done()
}
