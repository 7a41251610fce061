//! The bytes of directories: blocks of entries followed by their names.

use zerocopy::IntoBytes;

use crate::format::dirent::{
    DIRENT_LEN, Dirent, FT_BLKDEV, FT_CHRDEV, FT_DIR, FT_FIFO, FT_REG_FILE, FT_SOCK, FT_SYMLINK,
};
use crate::format::{Nid, round_up, to_u64, to_usize};
use crate::shape::dir::{DirentTarget, entries};
use crate::tree::{Children, InodeId, Kind};

/// Appends a directory to `out`, which is empty or ends with a whole block.
///
/// `lookup` gives the nid and the `file_type` of a child.
pub(super) fn write(
    out: &mut Vec<u8>,
    children: &Children,
    (this, parent): (Nid, Nid),
    lookup: impl Fn(InodeId) -> (Nid, u8),
    omits_dot: bool,
    block_len: u64,
) {
    let mut block: Vec<(&[u8], DirentTarget)> = Vec::new();
    let mut used = 0;
    let mut flush = |block: &mut Vec<(&[u8], DirentTarget)>| {
        out.resize(to_usize(round_up(to_u64(out.len()), block_len)), 0);
        let mut nameoff = DIRENT_LEN * to_u64(block.len());
        for (name, target) in block.iter() {
            let (nid, file_type) = match target {
                DirentTarget::This => (this, FT_DIR),
                DirentTarget::Parent => (parent, FT_DIR),
                DirentTarget::Child(id) => lookup(*id),
            };
            let dirent = Dirent {
                nid: nid.0.into(),
                nameoff: u16::try_from(nameoff).expect("blocks have at most 65536 bytes").into(),
                file_type,
                reserved: 0,
            };
            out.extend_from_slice(dirent.as_bytes());
            nameoff += to_u64(name.len());
        }
        let start = out.len() - to_usize(DIRENT_LEN) * block.len();
        for (name, _) in block.drain(..) {
            out.extend_from_slice(name);
        }
        let (written, named) = (to_u64(out.len() - start), nameoff);
        assert!(written == named && named <= block_len, "names end at {named}, not {written}");
    };
    for (name, target) in entries(children, omits_dot) {
        let entry = DIRENT_LEN + to_u64(name.len());
        if used + entry > block_len {
            flush(&mut block);
            used = 0;
        }
        used += entry;
        block.push((name, target));
    }
    flush(&mut block);
}

/// The `file_type` of a dirent for an inode of this kind.
pub(super) fn file_type(kind: &Kind) -> u8 {
    match kind {
        Kind::Directory(_) => FT_DIR,
        Kind::File(_) => FT_REG_FILE,
        Kind::Symlink(_) => FT_SYMLINK,
        Kind::CharDevice(_) => FT_CHRDEV,
        Kind::BlockDevice(_) => FT_BLKDEV,
        Kind::Fifo => FT_FIFO,
        Kind::Socket => FT_SOCK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::dir::len;
    use crate::tree::{Metadata, Node, Tree};

    fn children(names: &[&[u8]]) -> Children {
        let mut tree = Tree::new(Metadata::new(0o755));
        for name in names {
            tree.insert(name, Metadata::new(0o644), Node::Fifo).expect("valid and free");
        }
        tree.children(Tree::ROOT).expect("the root is a directory").clone()
    }

    #[test]
    fn length_and_bytes_agree_at_every_fill_of_a_block() {
        for last in 1..=255 {
            let filler: Vec<Vec<u8>> =
                (0..14).map(|n| [vec![b'a' + n], vec![b'x'; 254]].concat()).collect();
            let last = vec![b'z'; last];
            let mut all: Vec<&[u8]> = filler.iter().map(Vec::as_slice).collect();
            all.push(&last);
            let children = children(&all);
            let mut out = Vec::new();
            write(&mut out, &children, (Nid(1), Nid(2)), |_| (Nid(3), FT_FIFO), false, 4096);
            assert_eq!(to_u64(out.len()), len(&children, false, 4096));
        }
    }

    #[test]
    fn a_full_block_is_padded_and_the_last_is_not() {
        let many: Vec<Vec<u8>> =
            (0..100_u8).map(|n| vec![b'a', n + 1, b'c']).filter(|name| name[1] != b'/').collect();
        let all: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
        let children = children(&all);
        let mut out = Vec::new();
        write(&mut out, &children, (Nid(1), Nid(2)), |_| (Nid(3), FT_FIFO), false, 512);
        // 34 entries of 15 bytes fit into 512 bytes; the two dots are shorter.
        assert_eq!(&out[510..512], [0, 0]);
        assert_eq!(out.last(), Some(&b'c'));
    }
}
