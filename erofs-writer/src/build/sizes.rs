//! The part of an image that each entry of the root takes.

use std::collections::HashSet;

use crate::encode::Stored;
use crate::event::EntrySize;
use crate::shape::files;
use crate::tree::{Kind, Tree};
use crate::write::Job;

/// The entries of the root, in the order of their names.
pub(super) fn entry_sizes(job: &Job<'_>) -> Vec<EntrySize> {
    let own = own_sizes(job);
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
fn own_sizes(job: &Job<'_>) -> Vec<u64> {
    let block_len = job.options.block_size.len();
    let mut own = vec![0; job.reader.tree.arena_len()];
    for id in &job.inodes.order.ids {
        own[id.index()] = job.placement.inode_len(*id) + job.placement.own_blocks(*id) * block_len;
    }
    for run in &job.plan.runs {
        own[run.id.index()] += run.len.next_multiple_of(block_len);
    }
    let packed = job.placement.bodies.encoded.packed.as_ref();
    let packed = packed.map(|(file, len)| (u64::from(file.own_blocks) * block_len, *len));
    let mut fragments = HashSet::new();
    for (id, _) in files(job.reader.tree, job.inodes.order) {
        let fragment = match job.placement.bodies.encoded.file(id) {
            None => None,
            Some(Stored::Pclusters(file)) => {
                own[id.index()] += u64::from(file.own_blocks) * block_len;
                file.fragment().map(|fragment| (fragment.at, fragment.len))
            }
            Some(Stored::Fragment(at)) => Some((at, job.inodes.size(id))),
        };
        if let (Some((at, fragment_len)), Some((stored, len))) = (fragment, packed) {
            if fragments.insert(at) {
                own[id.index()] += share(stored, fragment_len, len);
            }
        }
    }
    own
}

/// The part of `stored` that `part` of `whole` bytes takes.
fn share(stored: u64, part: u64, whole: u64) -> u64 {
    let share = u128::from(stored) * u128::from(part) / u128::from(whole);
    u64::try_from(share).expect("a part is no more than the whole")
}
