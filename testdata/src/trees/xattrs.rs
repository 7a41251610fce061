//! Extended attributes: names, values, bodies of all lengths, sharing.

use erofs_writer::{Metadata, Node, Tree, Xattrs};

use super::{Builder, noise};

fn with(pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Metadata {
    Metadata::new(0o755).with_xattrs(pairs.into_iter().collect())
}

fn pair(name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value.into())
}

/// A name of `len` bytes in all.
fn name(prefix: &str, len: usize) -> Vec<u8> {
    let mut name = prefix.as_bytes().to_vec();
    name.resize(len, b'n');
    name
}

/// Every namespace, on every kind of inode that can have it.
#[must_use]
pub fn xattr_namespaces() -> Tree {
    let mut tree = Builder::new();
    let everywhere = || {
        [
            pair("trusted.overlay.opaque", "y"),
            pair("trusted.t", "1"),
            pair("security.test", "label\0"),
        ]
    };
    let user = || [pair("user.comment", "text"), pair(b"user.\xff", b"\0\xff"), pair("user.e", "")];
    let all = || with(everywhere().into_iter().chain(user()));
    tree.file_with("file", all(), "content");
    tree.file_with("empty", all(), "");
    tree.file_with("blocks", all(), noise(1, 10_000));
    tree.node("dir", all(), Node::Directory);
    // The kernel shows attributes of users on files and directories only.
    let some = || with(everywhere());
    tree.node("symlink", some(), Node::Symlink(b"file".to_vec()));
    tree.node("fifo", some(), Node::Fifo);
    tree.node("socket", some(), Node::Socket);
    tree.node("char", some(), Node::CharDevice(erofs_writer::Rdev { major: 1, minor: 3 }));
    tree.done()
}

/// An ACL in the form of the kernel's xattr: the owner, one user, the group,
/// a mask and the others.
#[must_use]
fn acl_value(owner: u16, user: (u32, u16), group: u16, mask: u16, other: u16) -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    let none = u32::MAX;
    let entries = [
        (0x01, owner, none),
        (0x02, user.1, user.0),
        (0x04, group, none),
        (0x10, mask, none),
        (0x20, other, none),
    ];
    for (tag, permissions, id) in entries {
        let tag: u16 = tag;
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

/// ACLs of files and directories, alone and with other attributes.
#[must_use]
pub fn acl() -> Tree {
    let mut tree = Builder::new();
    let access = || pair("system.posix_acl_access", acl_value(7, (1000, 5), 5, 5, 5));
    let default = || pair("system.posix_acl_default", acl_value(7, (1001, 6), 4, 6, 0));
    tree.file_with("file", with([access()]), "content");
    tree.file_with("file too", with([access(), pair("user.x", "y")]), "content");
    tree.node("dir", with([access(), default()]), Node::Directory);
    tree.node("default only", with([default()]), Node::Directory);
    tree.node("fifo", with([access()]), Node::Fifo);
    tree.done()
}

/// Values and names of all lengths, each on a file of its own.
#[must_use]
pub fn xattr_values() -> Tree {
    let mut tree = Builder::new();
    for len in (0..=8).chain([255, 256, 4000, 4075, 4076, 4077, 4096, 8192, 65_534, 65_535]) {
        let value = noise(7, len);
        // A tail of a few bytes after it moves with the body's length.
        tree.file_with(format!("value {len}"), with([pair("user.v", value)]), "tail");
    }
    for len in 1..=4 {
        let attributes = with([pair(name("user.", 5 + len), "v")]);
        tree.file_with(format!("name {len}"), attributes, "tail");
    }
    // The longest name that Linux has.
    for prefix in ["user.", "trusted.", "security."] {
        let attributes = with([pair(name(prefix, 255), "v"), pair(name(prefix, 254), "")]);
        tree.file_with(format!("long {prefix}"), attributes, "tail");
    }
    tree.done()
}

/// Bodies that cross blocks, up to the longest that the format has.
#[must_use]
pub fn large_xattr_bodies() -> Tree {
    let mut tree = Builder::new();
    // Header and name take 4 + 1 bytes, and the whole is a multiple of 4.
    let body = |parts: &[usize]| {
        let names = (b'a'..=b'z').map(|letter| vec![letter]);
        let pairs = names.zip(parts).map(|(letter, len)| {
            pair([&b"user."[..], &letter].concat(), noise(u64::from(letter[0]), *len))
        });
        with(pairs)
    };
    // The entries of the longest body have 262,136 bytes.
    let longest = [65_535, 65_535, 65_535, 65_511];
    tree.file_with("longest", body(&longest), "tail");
    tree.file_with("longest with data", body(&longest), noise(3, 10_000));
    tree.node("longest dir", body(&longest), Node::Directory);
    for len in [3990, 4000, 4010, 4011, 4012, 4020, 4040, 4050, 4060, 8100, 20_000] {
        tree.file_with(format!("body {len}"), body(&[len]), "tail");
        tree.node(format!("link {len}"), body_on_symlink(len), Node::Symlink(b"tail".to_vec()));
    }
    let many: Vec<_> =
        (0..1000).map(|n| pair(format!("user.attribute number {n}"), format!("{n}"))).collect();
    tree.file_with("many", with(many), noise(4, 5000));
    tree.done()
}

fn body_on_symlink(len: usize) -> Metadata {
    with([pair("trusted.a", noise(5, len))])
}

/// One pair on 1, 2, 3 and 300 inodes; pairs of one name or one value.
#[must_use]
pub fn shared_xattrs() -> Tree {
    let mut tree = Builder::new();
    let value = "a value that is worth sharing";
    for (group, count) in [("one", 1), ("two", 2), ("three", 3), ("many", 300)] {
        for number in 0..count {
            let mut own = vec![pair(format!("user.{group}"), value)];
            if number % 2 == 0 {
                own.push(pair("user.number", number.to_string()));
            }
            if number % 3 == 0 {
                own.push(pair("trusted.overlay.opaque", "y"));
                own.push(pair(format!("trusted.overlay.{group}"), ""));
            }
            let content = format!("{group} {number}");
            tree.file_with(format!("{group}-{number}"), with(own), content);
        }
    }
    tree.done()
}

/// More shared pairs on one inode than it can refer to.
#[must_use]
pub fn many_shared_xattrs() -> Tree {
    let mut tree = Builder::new();
    let pairs = |count: u32| {
        let pairs = (0..count).map(|n| pair(format!("user.n{n:03}"), format!("value {n}")));
        with(pairs.collect::<Vec<_>>())
    };
    for (group, count) in [("few", 254), ("most", 255), ("over", 256), ("far over", 300)] {
        for number in 0..4 {
            tree.file_with(format!("{group} {number}"), pairs(count), "content");
        }
    }
    // A shared area of hundreds of blocks; half of it is what one inode may
    // have if nothing is shared.
    for number in 0..6_u64 {
        let half = number % 2 * 1000;
        let large = (half..half + 80).map(|n| pair(format!("user.large.{n}"), noise(n, 3000)));
        tree.file_with(format!("large {number}"), with(large.collect::<Vec<_>>()), "content");
    }
    tree.done()
}

/// Attributes on the root, shared and not.
#[must_use]
pub fn root_xattrs() -> Tree {
    let mut tree = Builder::new();
    for number in 0..5 {
        let own = [pair("user.common", "common"), pair("user.own", number.to_string())];
        tree.file_with(format!("f{number}"), with(own), "content");
    }
    let mut tree = tree.done();
    let mut first = true;
    tree.update_metadata(|metadata| {
        if std::mem::take(&mut first) {
            assert!(metadata.xattrs.is_empty(), "the root comes first");
            metadata.xattrs = root_attributes();
        }
    });
    tree
}

fn root_attributes() -> Xattrs {
    [pair("user.common", "common"), pair("user.root", noise(6, 500)), pair("trusted.r", "")]
        .into_iter()
        .collect()
}
