//! Copies files into one, with many threads.
//!
//! The work is cut into jobs of one buffer each: a run of small files, which
//! are read into the buffer one after the other and written with one call, or
//! a piece of a big file. Threads take jobs in order, so that the output grows
//! nearly from front to back.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use rustix::fs::{FallocateFlags, copy_file_range, fallocate};

use super::walk::Dir;

/// How to copy.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Bytes read before each write; each thread has one such buffer.
    pub buffer: usize,
    /// Files of at least this many bytes are copied by the kernel, without a
    /// buffer.
    pub in_kernel: Option<u64>,
    /// Allocates the output's blocks before the first write.
    pub allocate: bool,
}

#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    dir: &'a Dir,
    /// Index in `dir.files`.
    file: usize,
    len: u64,
}

#[derive(Debug)]
enum Job<'a> {
    Run { files: Vec<Source<'a>>, to: u64 },
    Piece { file: Source<'a>, from: u64, len: u64, to: u64, in_kernel: bool },
}

/// Copies all files of `dirs` to `out` with all threads of rayon's pool.
/// Returns the bytes written.
pub fn copy(dirs: &[Dir], out: &Path, how: How) -> Result<u64> {
    let (jobs, total) = cut(dirs, how)?;
    let out = File::create(out).with_context(|| format!("{}", out.display()))?;
    if how.allocate && total > 0 {
        fallocate(&out, FallocateFlags::empty(), 0, total)?;
    }
    let next = AtomicUsize::new(0);
    let results = rayon::broadcast(|_| -> Result<()> {
        let mut buffer = vec![0; how.buffer];
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            run(job, &out, &mut buffer)?;
        }
        Ok(())
    });
    results.into_iter().collect::<Result<()>>()?;
    Ok(total)
}

fn cut(dirs: &[Dir], how: How) -> Result<(Vec<Job<'_>>, u64)> {
    let buffer = u64::try_from(how.buffer)?;
    let (mut jobs, mut files) = (Vec::new(), Vec::new());
    // `files` goes to `start..at`.
    let (mut start, mut at) = (0, 0);
    for dir in dirs {
        for (file, &(_, len)) in dir.files.iter().enumerate() {
            let source = Source { dir, file, len };
            let in_kernel = how.in_kernel.is_some_and(|least| len >= least);
            let alone = in_kernel || len > buffer;
            if !files.is_empty() && (alone || at - start + len > buffer) {
                let files = std::mem::take(&mut files);
                jobs.push(Job::Run { files, to: start });
            }
            if alone {
                jobs.extend(pieces(source, at, buffer, in_kernel));
            } else {
                if files.is_empty() {
                    start = at;
                }
                files.push(source);
            }
            at += len;
        }
    }
    if !files.is_empty() {
        jobs.push(Job::Run { files, to: start });
    }
    Ok((jobs, at))
}

fn pieces(
    file: Source<'_>,
    to: u64,
    buffer: u64,
    in_kernel: bool,
) -> impl Iterator<Item = Job<'_>> {
    (0..file.len.div_ceil(buffer)).map(move |n| {
        let from = n * buffer;
        Job::Piece { file, from, len: buffer.min(file.len - from), to: to + from, in_kernel }
    })
}

fn run(job: &Job<'_>, out: &File, buffer: &mut [u8]) -> Result<()> {
    match job {
        Job::Run { files, to } => {
            let mut fill = 0;
            for file in files {
                let end = fill + usize::try_from(file.len)?;
                with(file, |input| Ok((&*input).read_exact(&mut buffer[fill..end])?))?;
                fill = end;
            }
            out.write_all_at(&buffer[..fill], *to)?;
        }
        &Job::Piece { file, from, len, to, in_kernel } => with(&file, |input| {
            if in_kernel {
                return copy_in_kernel(input, from, out, to, len);
            }
            let piece = &mut buffer[..usize::try_from(len)?];
            input.read_exact_at(piece, from)?;
            Ok(out.write_all_at(piece, to)?)
        })?,
    }
    Ok(())
}

fn with(file: &Source<'_>, f: impl FnOnce(&File) -> Result<()>) -> Result<()> {
    let path = file.dir.path.join(&file.dir.files[file.file].0);
    File::open(&path)
        .map_err(Into::into)
        .and_then(|input| f(&input))
        .with_context(|| format!("{}", path.display()))
}

fn copy_in_kernel(input: &File, mut from: u64, out: &File, mut to: u64, len: u64) -> Result<()> {
    let end = from + len;
    while from < end {
        let rest = usize::try_from(end - from)?;
        let copied = copy_file_range(input, Some(&mut from), out, Some(&mut to), rest)?;
        ensure!(copied > 0, "became shorter while it was read");
    }
    Ok(())
}
