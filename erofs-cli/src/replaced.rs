//! A look at the file that the image would replace. Who gives the arguments in the order of
//! other programs, the source first, would lose an archive.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use erofs_writer::source::ArchiveFormat;

use crate::exit::Failure;
use crate::job::Job;

/// How many bytes tell what an archive is.
const START_LEN: u64 = 512;

/// Checks that the output of `job` is no archive, unless that is to be replaced.
pub(crate) fn check(job: &Job) -> Result<(), Failure> {
    // Behind an offset, what is there stays.
    if job.replaces_archives || job.options.get_offset() != 0 {
        return Ok(());
    }
    match format(&job.output) {
        None => Ok(()),
        Some(format) => Err(Failure::Invalid {
            path: job.output.clone(),
            why: format!(
                "is {format}, and the first of the arguments is the image to make; \
                 --force replaces it"
            ),
        }),
    }
}

/// What the regular file `path` is, if it is known to be an archive or compressed.
pub(crate) fn format(path: &Path) -> Option<ArchiveFormat> {
    // Opening a fifo would wait.
    if !fs::metadata(path).is_ok_and(|found| found.is_file()) {
        return None;
    }
    let mut start = Vec::new();
    File::open(path).ok()?.take(START_LEN).read_to_end(&mut start).ok()?;
    ArchiveFormat::of(&start)
}
