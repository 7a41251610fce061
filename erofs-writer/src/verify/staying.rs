//! Comparing files that stay compressed in their images: how they are stored.

use std::sync::Arc;

use super::check::Check;
use super::part::Part;
use crate::error::{Result, VerifyErrorKind};
use crate::format::{to_u64, to_usize};
use crate::image::{Contents, Home, Image, Run};
use crate::tree::device::Device;
use crate::tree::{InodeId, StoredAt, StoredExtent, StoredFile};

/// So many bytes are compared at a time, of those that are in the image itself.
const STEP: u64 = 256 << 10;

/// Compares how the image stores a part with how the image does that it comes from. Only
/// bytes that are not in blocks there are read, and those for which there was no room where
/// they were.
pub(super) fn compare(
    check: &Check<'_>,
    image: &Image,
    part: &Part,
    file: &dyn StoredFile,
    device: &Arc<Device>,
) -> Result<()> {
    let number = check.devices.iter().position(|other| Arc::ptr_eq(other, device));
    let comparing = Comparing { check, image, id: part.id, device: number, packed: file.packed() };
    let inode = check.found(part.id, image.inode(part.nid))?;
    let contents = check.found(part.id, image.contents(&inode))?;
    let range = Range { found: part.bytes.start, source: part.bytes.start };
    let len = part.bytes.end - part.bytes.start;
    match comparing.range((contents, false), file, range, len)? {
        None => Ok(()),
        Some(at) => {
            let kind = VerifyErrorKind::Place { offset: part.bytes.start + at };
            Err(check.wrong(part.id, kind))
        }
    }
}

/// Where some bytes begin in a file of the image, and in that of the source.
#[derive(Clone, Copy)]
struct Range {
    found: u64,
    source: u64,
}

impl Range {
    fn plus(self, len: u64) -> Self {
        let Range { found, source } = self;
        Range { found: found.saturating_add(len), source: source.saturating_add(len) }
    }
}

/// The comparison of one file.
struct Comparing<'a> {
    check: &'a Check<'a>,
    image: &'a Image,
    id: InodeId,
    /// The place of its image in the device table.
    device: Option<usize>,
    /// The file with fragments of its image.
    packed: Option<Box<dyn StoredFile>>,
}

impl Comparing<'_> {
    /// Compares `len` bytes of a file, which may be the packed inode. Returns after how many
    /// there is a difference.
    fn range(
        &self,
        (mut contents, is_packed): (Contents<'_>, bool),
        file: &dyn StoredFile,
        range: Range,
        len: u64,
    ) -> Result<Option<u64>> {
        let mut done = 0;
        while done < len {
            self.check.go_on()?;
            let at = range.plus(done);
            let run = self.check.found(self.id, contents.run(at.found))?;
            let stored = self.check.reader.named(self.id, file.stored_at(at.source))?;
            let (start, StoredExtent { len: stored_len, at: stored }) = stored;
            let found_end = run.end() - at.found;
            let source_end = start.saturating_add(stored_len) - at.source;
            let both = found_end.min(source_end).min(len - done);
            let is_same = match (contents.home(run), stored) {
                (Home::Packed(found), StoredAt::Fragment { offset }) if !is_packed => {
                    let found = found.saturating_add(at.found - run.start());
                    let source = offset.saturating_add(at.source - start);
                    self.fragment(Range { found, source }, both)?
                }
                (Home::Packed(_), _) => false,
                (Home::Device(device, found), stored) => {
                    let starts = Range { found: run.start(), source: start };
                    let is_whole = at.found - starts.found == at.source - starts.source
                        && found_end == source_end;
                    Some(device) == self.device
                        && self.is_same((found, stored), (starts, at), is_whole)
                }
                (Home::Image, _) => self.bytes(&contents, run, file, (at, both))?,
            };
            if !is_same {
                return Ok(Some(done));
            }
            done += both;
        }
        Ok(None)
    }

    /// Compares bytes of the packed inodes.
    fn fragment(&self, range: Range, len: u64) -> Result<bool> {
        let (Some(found), Some(source)) = (self.image.packed(), &self.packed) else {
            return Ok(false);
        };
        let is_inside = range.found.checked_add(len).is_some_and(|end| end <= found.size);
        let contents = self.check.found(self.id, self.image.contents(found))?;
        match is_inside {
            true => Ok(self.range((contents, true), &**source, range, len)?.is_none()),
            false => Ok(false),
        }
    }

    /// Whether a run on the device is what the source has from `at` on. Both begin at
    /// `starts`, and `is_whole` says whether they are the same bytes.
    fn is_same(
        &self,
        (found, stored): (StoredAt, StoredAt),
        (starts, at): (Range, Range),
        is_whole: bool,
    ) -> bool {
        let block_len = self.check.options.block_size.len();
        let source_pos = |pos: u64| pos.saturating_add(at.source - starts.source);
        match (found, stored) {
            (StoredAt::Plain { pos }, StoredAt::Plain { pos: source }) => {
                pos.saturating_add(at.found - starts.found) == source_pos(source)
            }
            // Nothing is turned in a block that begins where one of the file does.
            (StoredAt::Interlaced { pos, len }, StoredAt::Plain { pos: source }) => {
                let is_aligned = starts.found % block_len == 0 && at.found == starts.found;
                is_aligned && len == block_len && pos == source_pos(source)
            }
            (found, stored) => is_whole && found == stored,
        }
    }

    /// Whether `len` bytes from `at` on, which the image itself has, are those of the source.
    fn bytes(
        &self,
        contents: &Contents<'_>,
        run: Run,
        file: &dyn StoredFile,
        (at, len): (Range, u64),
    ) -> Result<bool> {
        let (mut found, mut source) = (Vec::new(), Vec::new());
        let mut done = 0;
        while done < len {
            let step = to_usize(STEP.min(len - done));
            let now = at.plus(done);
            found.resize(step, 0);
            source.resize(step, 0);
            let read = contents.read(run, now.found, &mut found);
            self.check.found(self.id, read)?;
            let mut read = 0;
            while read < step {
                let next = now.source + to_u64(read);
                let more = file.reader().read_at(&mut source[read..], next);
                match self.check.reader.named(self.id, more)? {
                    0 => return Ok(false),
                    more => read += more,
                }
            }
            if found != source {
                return Ok(false);
            }
            done += to_u64(step);
        }
        Ok(true)
    }
}
