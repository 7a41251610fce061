//! The work, cut into tasks that touch disjoint parts of the image.

use crate::error::Result;
use crate::meta::Ends;
use crate::tree::InodeId;
use crate::write::job::Job;
use crate::write::piece::{self, Piece};
use crate::write::window::{self, Window};

/// One thing for a worker to do.
pub(super) enum Task {
    Window(Window),
    Pieces(Vec<Piece>),
}

impl Task {
    /// All tasks.
    pub(super) fn all(job: &Job<'_>, ends: &Ends) -> Vec<Task> {
        let windows = window::cut(job, ends).into_iter().map(Task::Window);
        windows.chain(piece::cut(job, ends).into_iter().map(Task::Pieces)).collect()
    }

    /// Does the task. The one with the head of the image returns it unwritten.
    pub(super) fn perform(&self, job: &Job<'_>, ends: &Ends) -> Result<Option<Vec<u8>>> {
        match self {
            Task::Window(window) => window.write(job, ends),
            Task::Pieces(pieces) => piece::write(job, pieces).map(|()| None),
        }
    }

    /// The files it may read.
    pub(super) fn files(&self, job: &Job<'_>) -> Vec<InodeId> {
        match self {
            Task::Window(window) => window.inodes(job).to_vec(),
            Task::Pieces(pieces) => pieces.iter().filter_map(|piece| piece.id).collect(),
        }
    }

    pub(super) fn weight(&self) -> u64 {
        match self {
            Task::Window(window) => window.weight,
            Task::Pieces(pieces) => pieces.iter().map(|piece| piece.len).sum(),
        }
    }
}
