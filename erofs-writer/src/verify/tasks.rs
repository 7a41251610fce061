//! The contents, cut into tasks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::check::Check;
use super::contents::Buffers;
use super::inodes::Stored;
use super::part::Part;
use super::{contents, devices, staying};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::pool;
use crate::tree::{Content, InodeId, Kind, Tree};

/// Parts are gathered until they have so many bytes, or are so many.
const TASK_LEN: u64 = 4 << 20;
const TASK_PARTS: usize = 1024;
/// A file is cut into parts of this length, or into so many if it is longer. To find a part
/// in the middle of a file can take as long as to read what maps the bytes before it.
const PART_LEN: u64 = 16 << 20;
const PARTS_MAX: u64 = 256;

/// Compares the contents of `files`, by so many at a time as there are workers. Of several
/// errors, that of the first task counts, so that it is the same each time.
pub(super) fn compare(
    check: &Check<'_>,
    image: &Image,
    files: Vec<Stored>,
    report: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let tasks = &cut(check.reader.tree, &files);
    drop(files);
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    let failed_first = || failed.lock().unwrap_or_else(PoisonError::into_inner);
    pool::crew(check.workers, || {
        let buffers = &mut Buffers::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { break };
            if let Err(error) = task.iter().try_for_each(|part| one(check, image, part, buffers)) {
                let mut failed = failed_first();
                if failed.as_ref().is_none_or(|(first, _)| number < *first) {
                    *failed = Some((number, error));
                }
                // Those before it go on.
                next.fetch_max(tasks.len(), Ordering::Relaxed);
                break;
            }
            report(
                task.iter()
                    .fold(0, |sum, part| sum.saturating_add(part.bytes.end - part.bytes.start)),
            );
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), |(_, error)| Err(error))
}

fn content(tree: &Tree, id: InodeId) -> &Content {
    match &tree.inode(id).kind {
        Kind::File(content) => content,
        _ => panic!("only files have contents"),
    }
}

/// Cuts files into parts, and gathers these into tasks.
fn cut(tree: &Tree, files: &[Stored]) -> Vec<Vec<Part>> {
    let mut tasks: Vec<Vec<Part>> = Vec::new();
    let mut len = TASK_LEN;
    for Stored { id, nid, .. } in files {
        let content = content(tree, *id);
        let file_len = content.len();
        let part_len = match content.stays_on() {
            // Hardly anything is read.
            Some(_) => file_len,
            None => PART_LEN.max(file_len.div_ceil(PARTS_MAX)),
        };
        let mut start = 0;
        while start < file_len {
            let end = start.saturating_add(part_len).min(file_len);
            let is_full = tasks.last().is_none_or(|task| task.len() >= TASK_PARTS);
            if len >= TASK_LEN || is_full {
                tasks.push(Vec::new());
                len = 0;
            }
            len = len.saturating_add(end - start);
            let part = Part { id: *id, nid: *nid, bytes: start..end };
            tasks.last_mut().expect("pushed above").push(part);
            start = end;
        }
    }
    tasks
}

fn one(check: &Check<'_>, image: &Image, part: &Part, buffers: &mut Buffers) -> Result<()> {
    let content = content(check.reader.tree, part.id);
    if let Some((device, runs)) = content.device() {
        return devices::compare(check, image, part, device, &runs);
    }
    match content.stored().and_then(|file| Some((file, file.device()?))) {
        Some((file, device)) => staying::compare(check, image, part, file, device),
        None => contents::compare(check, image, part, content, buffers),
    }
}
