//! The work, cut into tasks that touch disjoint parts of the image.

use crate::format::to_u64;
use crate::meta::packed_inode;
use crate::tree::InodeId;
use crate::write::job::Job;
use crate::write::piece::{self, Piece};
use crate::write::window::{self, Window};

/// One thing for a worker to do.
pub(super) enum Task {
    Window(Window),
    /// The packed inode.
    Packed(Vec<u8>),
    Pieces(Vec<Piece>),
}

/// All tasks. They depend on the tree alone, as the derived UUID depends on
/// their order.
pub(super) fn tasks(job: &Job<'_>) -> Vec<Task> {
    let windows = window::cut(job).into_iter().map(Task::Window);
    let packed = packed_inode(job.placement).map(Task::Packed);
    windows.chain(packed).chain(piece::cut(job).into_iter().map(Task::Pieces)).collect()
}

impl Task {
    /// The files it may read.
    pub(super) fn files(&self, job: &Job<'_>) -> Vec<InodeId> {
        match self {
            Task::Window(window) => window.inodes(job).to_vec(),
            Task::Packed(_) => Vec::new(),
            Task::Pieces(pieces) => pieces.iter().filter_map(|piece| piece.id).collect(),
        }
    }

    pub(super) fn weight(&self) -> u64 {
        match self {
            Task::Window(window) => window.weight,
            Task::Packed(bytes) => to_u64(bytes.len()),
            Task::Pieces(pieces) => pieces.iter().map(|piece| piece.len).sum(),
        }
    }
}
