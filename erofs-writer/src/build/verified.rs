//! Reading an image back before its superblock makes it valid.
//!
//! The superblock is still the last write of all, so that nobody sees an image that was
//! not verified. Until then the reader gets the first bytes from memory. Those are read
//! back when they are written.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use super::superblock::Sealed;
use super::whole::Whole;
use crate::error::{Error, Result, VerifyErrorKind};
use crate::event::Phase;
use crate::image::{Input, Part};
use crate::observer::Observer;
use crate::pool::Threads;
use crate::verify::{self, Check};

impl Whole<'_> {
    /// Writes the superblock. If the image is to be read back from a file, it is verified
    /// before. The build began at the time that is given.
    pub(super) fn conclude(
        &self,
        sealed: &Sealed,
        read_back: Option<(&File, SystemTime)>,
        observer: &Observer<'_>,
        threads: &Threads,
    ) -> Result<()> {
        let Some((file, began)) = read_back else {
            return self.finish(sealed);
        };
        self.verify(file, sealed, observer, threads, began)?;
        self.finish(sealed)?;
        self.verify_head(file, sealed)
    }

    /// Compares what `output` has with the tree. The build began at `began`.
    fn verify(
        &self,
        output: &File,
        sealed: &Sealed,
        observer: &Observer<'_>,
        threads: &Threads,
        began: SystemTime,
    ) -> Result<()> {
        observer.phase(Phase::Verify)?;
        let file = output.try_clone().map_err(|source| Error::Write { path: None, source })?;
        let input = Input::Part(Part {
            file: Arc::new(file),
            start: self.job.options.offset,
            len: self.len(),
            head: sealed.head.clone(),
        });
        let check = Check {
            reader: self.job.reader,
            options: self.job.options,
            devices: verify::devices_of(self.job.reader.tree),
            uuid: sealed.uuid,
            began,
            workers: threads.workers(),
        };
        let total = verify::weight(self.job.reader.tree);
        observer.watch(threads, total, |report| check.run(input, report))
    }

    /// Compares the first bytes, which are written last.
    fn verify_head(&self, output: &File, sealed: &Sealed) -> Result<()> {
        let mut head = vec![0; sealed.head.len()];
        let read = output.read_exact_at(&mut head, self.job.options.offset);
        read.map_err(|source| Error::Write { path: None, source })?;
        match head == sealed.head {
            true => Ok(()),
            false => {
                let invalid = self.job.sink.unfinish();
                invalid.map_err(|source| Error::Write { path: None, source })?;
                Err(Error::Verify { path: b"/".to_vec(), kind: VerifyErrorKind::Head })
            }
        }
    }
}

#[cfg(test)]
mod tests;
