//! The part of an image that each entry of the root takes.

use crate::build::whole::Whole;
use crate::encode::Stored;
use crate::event::EntrySize;
use crate::ranges::{Ranges, share};
use crate::tree::{Kind, Tree};
use crate::write::Job;

/// The entries of the root, in the order of their names.
pub(super) fn entry_sizes(whole: &Whole<'_>) -> Vec<EntrySize> {
    let own = own_sizes(whole);
    let job = whole.job;
    let mut counted = vec![false; job.reader.tree.arena_len()];
    let entries = job.reader.tree.children(Tree::ROOT).into_iter().flatten();
    entries
        .map(|(name, id)| {
            let mut size = EntrySize { name: name.to_vec(), bytes_in: 0, bytes_out: 0 };
            let mut pending = vec![*id];
            while let Some(id) = pending.pop() {
                // An inode with several names counts at its first one.
                if std::mem::replace(&mut counted[id.index()], true) {
                    continue;
                }
                size.bytes_out += own[id.index()];
                match &job.reader.tree.inode(id).kind {
                    Kind::File(content) => {
                        size.bytes_in = size.bytes_in.saturating_add(content.len());
                    }
                    Kind::Directory(children) => pending.extend(children.values()),
                    _ => {}
                }
            }
            size
        })
        .collect()
}

/// By arena index: the bytes of an inode, and of those blocks that hold bytes
/// of no earlier one.
fn own_sizes(whole: &Whole<'_>) -> Vec<u64> {
    let Job { options, placement, plan, inodes, reader, .. } = whole.job;
    let block_len = options.block_size.len();
    let metabox = whole.ends.metabox.as_ref().map(|at| &at.metabox);
    let metabox = metabox.map(|metabox| (metabox.blocks * block_len, metabox.len));
    let mut own = vec![0; reader.tree.arena_len()];
    for id in &inodes.order.ids {
        let len = placement.inode_len(*id);
        let len = metabox.map_or(len, |(stored, whole)| share(stored, len, whole));
        own[id.index()] = len + placement.own_blocks(*id) * block_len;
    }
    for run in &plan.runs {
        own[run.id.index()] += run.len.next_multiple_of(block_len);
    }
    let packed = placement.bodies.encoded.packed.as_ref();
    let packed = packed.map(|(file, len)| (u64::from(file.own_blocks) * block_len, *len));
    let mut fragments = Ranges::default();
    for id in &inodes.order.ids {
        let fragment = match placement.bodies.encoded.file(*id) {
            None => None,
            Some(Stored::Pclusters(file)) => {
                own[id.index()] += u64::from(file.own_blocks) * block_len;
                file.fragment().map(|fragment| (fragment.at, fragment.len))
            }
            Some(Stored::Fragment(at)) => Some((at, inodes.size(*id))),
        };
        if let (Some((at, len)), Some((stored, whole))) = (fragment, packed) {
            own[id.index()] += share(stored, fragments.add(at..at + len), whole);
        }
    }
    own
}
