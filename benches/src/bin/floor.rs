//! The floor of a build: reads every file below the given paths and writes
//! the same bytes to one file.

#![expect(clippy::print_stdout, reason = "the summary of a command")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use benches::floor::copy::{How, copy};
use benches::floor::walk::walk;
use clap::Parser;

/// Reads every file below the given paths and writes the same bytes to one file
#[derive(Debug, Parser)]
struct Args {
    /// Threads to use [default: one for each core]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// KiB read before each write, by each thread
    #[arg(long, default_value = "1024")]
    buffer: NonZeroUsize,
    /// Let the kernel copy files of at least this many KiB
    #[arg(long, value_name = "KIB")]
    copy_file_range: Option<u64>,
    /// Allocate the output's blocks before the first write
    #[arg(long)]
    allocate: bool,
    /// Read the paths to walk from a file, one a line
    #[arg(long, value_name = "FILE")]
    store_paths: Option<PathBuf>,
    /// Print nothing
    #[arg(long)]
    quiet: bool,
    /// The file to write; it is replaced
    out: PathBuf,
    /// Directories to walk
    roots: Vec<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut roots = args.roots;
    if let Some(list) = &args.store_paths {
        let text = fs::read_to_string(list).with_context(|| format!("{}", list.display()))?;
        roots.extend(text.lines().map(PathBuf::from));
    }
    ensure!(!roots.is_empty(), "nothing to read: name a directory or use --store-paths");
    rayon::ThreadPoolBuilder::new()
        // For rayon 0 means all cores.
        .num_threads(args.threads.map_or(0, NonZeroUsize::get))
        .build_global()?;
    let how = How {
        buffer: args.buffer.get() << 10,
        in_kernel: args.copy_file_range.map(|kib| kib << 10),
        allocate: args.allocate,
    };
    let dirs = walk(&roots)?;
    let bytes = copy(&dirs, &args.out, how)?;
    if !args.quiet {
        let files: usize = dirs.iter().map(|dir| dir.files.len()).sum();
        println!("{files} files, {bytes} bytes");
    }
    Ok(())
}
