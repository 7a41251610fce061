//! Pieces of large files and of the chunk area, and gaps.

use crate::error::Result;
use crate::format::to_usize;
use crate::meta::Ends;
use crate::tree::{InodeId, Kind};
use crate::write::buffer::Buffer;
use crate::write::job::Job;

/// From this many bytes in blocks on, a file is not written with its
/// metadata but in pieces of its own.
pub(super) const LARGE: u64 = 512 * 1024;
/// How long a piece is at most, so that one large file keeps all workers busy.
const PIECE_LEN: u64 = 16 * 1024 * 1024;
/// The most pieces of one file. A longer file has longer pieces.
const PIECES_MAX: u64 = 1 << 20;
/// Small pieces are gathered into tasks of this size.
const TASK_LEN: u64 = 4 * 1024 * 1024;

/// Bytes of a file, and where they go.
pub(super) struct Piece {
    /// The file, or `None` for zeros.
    pub(super) id: Option<InodeId>,
    offset: u64,
    pub(super) len: u64,
    pos: u64,
}

/// Cuts everything that windows leave out into tasks of pieces.
pub(super) fn cut(job: &Job<'_>, ends: &Ends) -> Vec<Vec<Piece>> {
    let block_len = job.options.block_size.len();
    let mut pieces = Vec::new();
    for (block, count) in job.placement.gaps.iter().chain([&ends.padding]) {
        push(&mut pieces, None, 0, count * block_len, block * block_len);
    }
    for id in job.placement.by_pos() {
        if let Some(len) = large_len(job, *id) {
            push(&mut pieces, Some(*id), 0, len, job.placement.data_pos(*id));
        }
    }
    for run in &job.plan.runs {
        let pos = (job.placement.chunk_area + run.block) * block_len;
        push(&mut pieces, Some(run.id), run.offset, run.len, pos);
    }
    gather(pieces)
}

/// How many bytes of the file `id` are written as pieces, if it is large.
pub(super) fn large_len(job: &Job<'_>, id: InodeId) -> Option<u64> {
    let Kind::File(content) = &job.reader.tree.inode(id).kind else {
        return None;
    };
    if job.placement.own_blocks(id) * job.options.block_size.len() < LARGE {
        return None;
    }
    let tail = job.options.block_size.tail(content.len());
    let inline = job.placement.has_inline_tail(id);
    Some(if inline { content.len() - tail } else { content.len() })
}

fn push(pieces: &mut Vec<Piece>, id: Option<InodeId>, offset: u64, len: u64, pos: u64) {
    let piece_len = PIECE_LEN.max((len / PIECES_MAX).next_power_of_two());
    let starts = (0..len).step_by(to_usize(piece_len));
    pieces.extend(starts.map(|start| Piece {
        id,
        offset: offset + start,
        len: piece_len.min(len - start),
        pos: pos + start,
    }));
}

fn gather(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut tasks: Vec<Vec<Piece>> = Vec::new();
    let mut len = TASK_LEN;
    for piece in pieces {
        if len >= TASK_LEN {
            tasks.push(Vec::new());
            len = 0;
        }
        len = len.saturating_add(piece.len);
        tasks.last_mut().expect("pushed above").push(piece);
    }
    tasks
}

/// Writes the pieces of one task.
pub(super) fn write(job: &Job<'_>, pieces: &[Piece]) -> Result<()> {
    let mut buffer = Buffer::new(job);
    for same_file in pieces.chunk_by(|a, b| a.id == b.id) {
        let Some(id) = same_file[0].id else {
            write_zeros(&mut buffer, same_file)?;
            continue;
        };
        let Kind::File(content) = &job.reader.tree.inode(id).kind else {
            panic!("only files are cut into pieces");
        };
        let open = job.reader.open(id, content)?;
        for piece in same_file {
            buffer.seek(piece.pos)?;
            buffer.add_range(&open, id, piece.offset, piece.len)?;
            buffer.pad()?;
        }
        // Not every task has the last piece of a file, but a file whose length has
        // changed is an error everywhere.
        job.reader.named(id, open.check_end())?;
    }
    buffer.finish()
}

fn write_zeros(buffer: &mut Buffer<'_>, gaps: &[Piece]) -> Result<()> {
    for gap in gaps {
        buffer.seek(gap.pos)?;
        buffer.add_zeros(gap.len)?;
    }
    Ok(())
}
