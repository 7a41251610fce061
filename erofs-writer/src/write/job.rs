//! The data that all parts of the work need.

use crate::error::{Error, Result};
use crate::format::to_usize;
use crate::meta::Placement;
use crate::options::{BlockSize, Options};
use crate::plan::DataPlan;
use crate::shape::Inodes;
use crate::sink::Sink;
use crate::tree::Reader;

/// The results of all stages before, and where to write.
pub(crate) struct Job<'a> {
    /// Its `stop` is set when the work is to end early.
    pub(crate) reader: Reader<'a>,
    pub(crate) inodes: &'a Inodes<'a>,
    pub(crate) plan: &'a DataPlan,
    pub(crate) placement: &'a Placement<'a>,
    pub(crate) options: &'a Options,
    pub(crate) sink: &'a Sink<'a>,
    /// Whether contents are read again when all is written.
    pub(crate) keeps_spools: bool,
}

/// The length of the part of the image that is written last: the superblock with all
/// bytes that its checksum covers.
pub(super) fn head_len(block_size: BlockSize) -> usize {
    to_usize(match block_size.len() {
        len if len > 1024 => len,
        len => 1024 + len,
    })
}

impl Job<'_> {
    pub(super) fn write_at(&self, buf: &[u8], pos: u64) -> Result<()> {
        self.sink.write(buf, pos).map_err(|source| Error::Write { path: None, source })
    }
}
