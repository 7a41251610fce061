//! Files with the same contents, which share blocks.

use erofs_writer::{Content, Metadata, Node, Timestamp, Tree};

use super::{Builder, noise};
use crate::num::wide;

/// Groups of identical files: of 2, 3 and 100 copies, with tails of 0, 1, 100 and 4095
/// bytes after no, one and three blocks.
#[must_use]
pub fn identical_files() -> Tree {
    let mut tree = Builder::new();
    for copies in [2, 3, 100] {
        for blocks in [0, 1, 3] {
            for tail in [0, 1, 100, 4095] {
                let len = blocks * 4096 + tail;
                if len == 0 {
                    continue;
                }
                let bytes = noise(wide(len * 1000 + copies), len);
                let dir = format!("{copies} of {blocks}+{tail}");
                tree.dir(&dir);
                for copy in 0..copies {
                    tree.file(format!("{dir}/{copy:03}"), bytes.clone());
                }
            }
        }
    }
    // The same length and the same start, but another end.
    let mut other = noise(1, 100_000);
    tree.file("start 1", other.clone());
    other[99_999] ^= 1;
    tree.file("start 2", other.clone());
    tree.file("start 3", other);
    tree.done()
}

/// Identical files whose inodes differ in length, and with hard links among
/// them.
#[must_use]
pub fn identical_with_other_heads() -> Tree {
    let mut tree = Builder::new();
    for tail in [0, 1, 100, 3900, 4000, 4030, 4060, 4095] {
        let len = 4096 + tail;
        let content = Content::from_bytes(noise(wide(len), len));
        let dir = format!("tail {tail}");
        tree.dir(&dir);
        let mut add = |name: &str, metadata: Metadata| {
            let content = content.clone();
            tree.node(format!("{dir}/{name}"), metadata, Node::File(content))
        };
        let plain = || Metadata::new(0o644);
        let id = add("plain", plain());
        add("owner", plain().with_owner(70_000, 0));
        add("time", plain().with_mtime(Timestamp::from_sec(7)));
        let mut attributes = plain();
        attributes.xattrs.set("user.own", format!("{tail}").repeat(10));
        add("xattr", attributes.clone());
        attributes.xattrs.set("user.more", vec![b'x'; 300]);
        add("xattrs", attributes);
        tree.link(format!("{dir}/link"), id);
        tree.link(format!("{dir}/a link"), id);
    }
    tree.done()
}
