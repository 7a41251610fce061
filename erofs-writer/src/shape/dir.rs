//! Directories: the order of their entries, and how long they are.
//!
//! Entries are in the order of their names' bytes across the whole directory,
//! `.` and `..` among them: a name that starts with a byte below 0x2e comes
//! before both.

use crate::format::dirent::DIRENT_LEN;
use crate::format::to_u64;
use crate::tree::{Children, InodeId};

/// The target of a directory entry.
#[derive(Clone, Copy)]
pub(crate) enum DirentTarget {
    This,
    Parent,
    Child(InodeId),
}

/// All entries in their order, with `.` or without.
pub(crate) fn entries(
    children: &Children,
    omits_dot: bool,
) -> impl Iterator<Item = (&[u8], DirentTarget)> {
    let dots = [(&b"."[..], DirentTarget::This), (&b".."[..], DirentTarget::Parent)];
    let mut dots = dots.into_iter().skip(usize::from(omits_dot)).peekable();
    let mut children =
        children.iter().map(|(name, id)| (&**name, DirentTarget::Child(*id))).peekable();
    std::iter::from_fn(move || match (dots.peek(), children.peek()) {
        (Some((dot, _)), Some((name, _))) if name < dot => children.next(),
        (Some(_), _) => dots.next(),
        (None, _) => children.next(),
    })
}

/// The length of a directory: full blocks count whole, the last one up to
/// its last name.
pub(crate) fn len(children: &Children, omits_dot: bool, block_len: u64) -> u64 {
    let (mut full, mut used) = (0, 0);
    for (name, _) in entries(children, omits_dot) {
        let entry = DIRENT_LEN + to_u64(name.len());
        if used + entry > block_len {
            full += block_len;
            used = 0;
        }
        used += entry;
    }
    full + used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Metadata, Node, Tree};

    #[test]
    fn dots_stand_where_their_bytes_put_them() {
        let mut tree = Tree::new(Metadata::new(0o755));
        for name in [&b"a"[..], b" x", b"-", b".!", b".a", b"...", b"\xff"] {
            tree.insert(name, Metadata::new(0o644), Node::Fifo).expect("valid and free");
        }
        let children = tree.children(Tree::ROOT).expect("the root is a directory");
        let names = |omits_dot| -> Vec<&[u8]> {
            entries(children, omits_dot).map(|(name, _)| name).collect()
        };
        let expected: [&[u8]; 9] = [b" x", b"-", b".", b".!", b"..", b"...", b".a", b"a", b"\xff"];
        assert_eq!(names(false), expected);
        assert_eq!(names(true), [&expected[..2], &expected[3..]].concat());
    }
}
