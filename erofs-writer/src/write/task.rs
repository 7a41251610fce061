//! The work, cut into tasks that touch disjoint parts of the image.

use crate::error::Result;
use crate::format::to_u64;
use crate::meta::packed_inode;
use crate::tree::InodeId;
use crate::write::buffer::Buffer;
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

impl Task {
    /// All tasks.
    pub(super) fn all(job: &Job<'_>) -> Vec<Task> {
        let windows = window::cut(job).into_iter().map(Task::Window);
        let packed = packed_inode(job.placement).map(Task::Packed);
        windows.chain(packed).chain(piece::cut(job).into_iter().map(Task::Pieces)).collect()
    }

    /// Does the task. The one with the head of the image returns it unwritten.
    pub(super) fn perform(&self, job: &Job<'_>) -> Result<Option<Vec<u8>>> {
        match self {
            Task::Window(window) => window.write(job),
            Task::Packed(bytes) => {
                let mut buffer = Buffer::new(job);
                buffer.seek(job.placement.packed_pos())?;
                buffer.add(bytes)?;
                buffer.pad()?;
                buffer.finish().map(|()| None)
            }
            Task::Pieces(pieces) => piece::write(job, pieces).map(|()| None),
        }
    }

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
