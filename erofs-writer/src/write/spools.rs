//! Spools are emptied as soon as what is in them has been written.
//!
//! They are as large as the image. If too much in memory is not yet on the disk, the
//! kernel makes writers wait; the bytes of an emptied file do not count any more.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::tree::{InodeId, Kind};
use crate::write::job::Job;
use crate::write::task::Task;

/// Which tasks read which spools.
#[derive(Default)]
pub(super) struct Spools<'a> {
    files: Vec<(&'a File, AtomicUsize)>,
    /// For each task, the places of its spools in `files`.
    of_tasks: Vec<Vec<usize>>,
}

impl<'a> Spools<'a> {
    pub(super) fn new(job: &Job<'a>, tasks: &[Task]) -> Self {
        let spools = &job.reader.tree.spools;
        if job.keeps_spools
            || spools.is_empty()
            || job.inodes.order.ids.iter().any(|id| is_opaque(job, *id))
        {
            return Spools::default();
        }
        let by_address: HashMap<_, _> =
            spools.iter().enumerate().map(|(index, file)| (Arc::as_ptr(file), index)).collect();
        let files: Vec<(&File, _)> =
            spools.iter().map(|file| (&**file, AtomicUsize::new(0))).collect();
        let of_task = |task: &Task| {
            let files = task.files(job).into_iter().filter_map(|id| spool(job, id));
            let spools: BTreeSet<_> =
                files.filter_map(|file| by_address.get(&Arc::as_ptr(file)).copied()).collect();
            spools.into_iter().collect::<Vec<_>>()
        };
        let of_tasks: Vec<_> = tasks.iter().map(of_task).collect();
        for index in of_tasks.iter().flatten() {
            files[*index].1.fetch_add(1, Ordering::Relaxed);
        }
        Spools { files, of_tasks }
    }

    /// All tasks; those that need the earliest spools come first.
    pub(super) fn order(&self, tasks: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..tasks).collect();
        if !self.of_tasks.is_empty() {
            order.sort_by_key(|task| self.of_tasks[*task].first());
        }
        order
    }

    /// Empties the spools that only this task and earlier ones needed.
    pub(super) fn done(&self, task: usize) {
        for index in self.of_tasks.get(task).into_iter().flatten() {
            let (file, readers) = &self.files[*index];
            if readers.fetch_sub(1, Ordering::AcqRel) == 1 {
                // The file goes away in any case, with the tree.
                let _ = file.set_len(0);
            }
        }
    }
}

/// The file that contents are in, if they are a part of one.
fn spool<'a>(job: &Job<'a>, id: InodeId) -> Option<&'a Arc<File>> {
    match &job.reader.tree.inode(id).kind {
        Kind::File(content) => content.shared_file(),
        _ => None,
    }
}

/// Whether nobody can know which files are read for these contents.
fn is_opaque(job: &Job<'_>, id: InodeId) -> bool {
    matches!(&job.reader.tree.inode(id).kind, Kind::File(content) if content.is_custom())
}
