//! Checks that the command does not write to what it reads.

use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use erofs_writer::{Error, OutputErrorKind, Tree};

use crate::excludes::Excludes;
use crate::job::{Job, Registration, Source};

/// The identity of a file, whatever its name is. A device is known by its number.
fn identity(stat: &Metadata) -> (bool, u64, u64) {
    match stat.file_type().is_block_device() {
        true => (true, stat.rdev(), 0),
        false => (false, stat.dev(), stat.ino()),
    }
}

/// Checks that no output is one of the single files that `job` reads. This is checked
/// before anything is read.
pub(crate) fn check(job: &Job) -> Result<(), Error> {
    check_output(job, &job.output)?;
    job.hashes.files().try_for_each(|file| check_output(job, file))
}

fn check_output(job: &Job, path: &Path) -> Result<(), Error> {
    // If there is an error here, it occurs again, and is reported, when the file is
    // opened.
    let Ok(output) = fs::metadata(path) else { return Ok(()) };
    let is_output =
        |stat: io::Result<Metadata>| stat.is_ok_and(|stat| identity(&stat) == identity(&output));
    let (list, reads_input) = match &job.source {
        Source::Store { list, .. } | Source::Cached { list, .. } => {
            (Some(list), list == Path::new("-"))
        }
        Source::Manifest { file, .. } => (Some(file), file == Path::new("-")),
        Source::Tar { file, .. } | Source::Nar(file) => {
            (file.as_ref(), file.as_deref().is_none_or(|file| file == Path::new("-")))
        }
        Source::Layers { .. } => (None, false),
    };
    let hints = job.hints.iter().map(|hints| &hints.file);
    let labels = job.labels.iter().map(|labels| &labels.file);
    let order = job.order.iter();
    let added = job.added.iter().map(|added| &added.file);
    let told = job.registration.iter().filter_map(|registration| match registration {
        Registration::OfFile(file) => Some(file),
        Registration::OfSource => None,
    });
    let mut files: Vec<&PathBuf> =
        hints.chain(labels).chain(order).chain(added).chain(told).collect();
    files.extend(list.filter(|_| !reads_input));
    if let Source::Layers { paths, .. } = &job.source {
        // A directory is no output, and so this finds images alone.
        files.extend(paths);
    }
    let is_regular = output.is_file() || output.file_type().is_block_device();
    let clash = files.into_iter().any(|file| is_output(fs::metadata(file)))
        || (reads_input && is_output(standard_input()));
    match clash && is_regular {
        true => Err(inside_source(path)),
        false => Ok(()),
    }
}

/// Checks that the file `path` can be read.
pub(crate) fn check_readable(path: &Path) -> Result<(), Error> {
    let read = File::open(path).and_then(|mut file| file.read(&mut [0]));
    read.map(drop).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// Whether `job` reads standard input, and that is a terminal.
pub(crate) fn is_typed(job: &Job) -> bool {
    let is_stdin = |file: &Path| file == Path::new("-");
    let reads = match &job.source {
        Source::Store { list, .. } | Source::Cached { list, .. } => is_stdin(list),
        Source::Manifest { file, .. } => is_stdin(file),
        Source::Tar { file, .. } | Source::Nar(file) => file.as_deref().is_none_or(is_stdin),
        Source::Layers { .. } => false,
    };
    reads && io::stdin().is_terminal()
}

fn standard_input() -> io::Result<Metadata> {
    File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()
}

/// Checks that the output is no part of `tree`, and would not become one the next time,
/// when it exists.
pub(crate) fn check_tree(job: &Job, excludes: &Excludes, tree: &Tree) -> Result<(), Error> {
    // If its place cannot be examined, it cannot be written either, and that error is
    // reported later.
    let Ok(Some(path)) = tree.host_path_in_tree(&job.output) else { return Ok(()) };
    match tree.get(&path).is_some() || excludes.keep(&path[1..]) {
        true => Err(inside_source(&job.output)),
        false => Ok(()),
    }
}

fn inside_source(path: &Path) -> Error {
    Error::Output { path: path.into(), kind: OutputErrorKind::InsideSource }
}
