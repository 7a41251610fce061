//! Files that are stored as a whole in the packed inode.

use crate::format::compression::MAP_HEADER_LEN;
use crate::format::{SLOT_LEN, round_up};
use crate::options::{Options, Tails};
use crate::plan::codecs::Codecs;
use crate::plan::layout::{DataPlan, Layout};
use crate::shape::{Inodes, compressed_len_max, files};
use crate::tree::{InodeId, Kind, Tree};

/// Decides which files these are: files that fit into one pcluster, or with
/// [`Tails::AllFragments`] all that are compressed. Files that would not take less room
/// than flat ones are left out.
pub(super) fn plan(plan: &mut DataPlan, inodes: &Inodes<'_>, codecs: &Codecs, options: &Options) {
    for (id, content) in files(inodes.tree, inodes.order) {
        let Some(codec) = codecs.of(id).filter(|_| plan.is_open(id)) else { continue };
        let len = content.len();
        let fits = options.tails == Tails::AllFragments || len <= codec.pcluster_len;
        if fits && len <= compressed_len_max(options) && pays(inodes, id, len) {
            plan.set(id, Layout::Fragment);
        }
    }
}

/// Decides which directories are. The root of an image without a metabox is not, as it is
/// placed first of all.
pub(super) fn plan_directories(plan: &mut DataPlan, inodes: &Inodes<'_>, options: &Options) {
    if !options.may_compress_directory(0) {
        return;
    }
    for id in &inodes.order.ids {
        let is_directory = matches!(inodes.tree.inode(*id).kind, Kind::Directory(_));
        if !is_directory || *id == Tree::ROOT && !options.has_metabox() {
            continue;
        }
        let len = inodes.size(*id);
        // In the metabox, what lies after an inode is compressed with it.
        let pays = || match options.has_metabox() {
            true => inodes.flat(*id).blocks > 0,
            false => pays(inodes, *id, len),
        };
        if options.may_compress_directory(len) && pays() {
            plan.set(*id, Layout::Fragment);
        }
    }
}

/// Whether a file of `len` bytes takes less room as a fragment than flat, if compression
/// halves the fragment.
fn pays(inodes: &Inodes<'_>, id: InodeId, len: u64) -> bool {
    let inode_len = round_up(inodes.head_len(id), MAP_HEADER_LEN) + MAP_HEADER_LEN;
    round_up(inode_len, SLOT_LEN) + len / 2 < inodes.flat(id).stored_len()
}
