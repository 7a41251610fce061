//! Files that are stored as a whole in the packed inode.

use crate::format::fragment::HEADER_LEN;
use crate::format::{SLOT_LEN, round_up};
use crate::options::{Fragments, Options};
use crate::plan::{Codecs, DataPlan, Layout, Order, files, lclusters_max};
use crate::tree::{InodeId, Tree};

/// Decides which files these are: those that a pcluster would hold, or all
/// that are compressed; but none that takes less room behind its inode.
pub(crate) fn plan(
    plan: &mut DataPlan,
    tree: &Tree,
    order: &Order,
    codecs: &Codecs,
    options: &Options,
    head_len: &dyn Fn(InodeId) -> u64,
) {
    for (id, content) in files(tree, order) {
        let Some(codec) = codecs.of(id).filter(|_| plan.is_open(id)) else { continue };
        let len = content.len();
        let fits = options.fragments == Fragments::All || len <= codec.pcluster_len;
        if fits && len <= lclusters_max(options) && pays(options, head_len(id), len) {
            plan.set(id, Layout::Fragment);
        }
    }
}

/// How long such files are at most.
pub(crate) fn len_max(options: &Options) -> u64 {
    let pcluster_len = options.file_codecs().map(|codec| codec.pcluster_len).max().unwrap_or(0);
    match options.fragments {
        Fragments::None => 0,
        Fragments::Tails => pcluster_len,
        Fragments::All => u64::MAX,
    }
}

/// Whether a file of `len` bytes takes less room as a fragment, if that
/// becomes half as long.
fn pays(options: &Options, head: u64, len: u64) -> bool {
    let block_size = options.block_size;
    let tail = block_size.tail(len);
    let is_inline = options.may_have_inline_tails() && head + tail <= block_size.len();
    let flat = match is_inline {
        true => len - tail + round_up(head + tail, SLOT_LEN),
        false => round_up(len, block_size.len()) + round_up(head, SLOT_LEN),
    };
    round_up(round_up(head, 8) + HEADER_LEN, SLOT_LEN) + len / 2 < flat
}
