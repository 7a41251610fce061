//! Cutting files into parts, and putting these together into tasks.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use crate::codec::lz4::{Encoder, Level};
use crate::encode::Job;
use crate::encode::packed::Packed;
use crate::encode::part::{Part, Source};
use crate::encode::repeats::Repeats;
use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::options::{FileCodec, Fragments};
use crate::plan::{ContentChunk, PART_LEN, content_chunks, lclusters_max};
use crate::pool;
use crate::tree::{Content, InodeId};

/// Parts are put together, and large files cut, to about this many bytes.
pub(super) const TASK_LEN: u64 = PART_LEN;
/// The packed inode is cut into no more parts than this, unless they would be
/// longer than the longest: a pcluster ends with each part, and the next one
/// knows nothing of what was before.
const PACKED_PARTS: u64 = 64;
const PACKED_PART_MAX: u64 = 32 << 20;
/// A file of more than a part is looked at in so many places ...
const PROBES: u64 = 16;
/// ... of so many bytes, to see whether it can be compressed.
const PROBE_LEN: u64 = 32 * 1024;
/// What is shorter saves nothing even if it is compressed behind its inode:
/// its header and index take 16 bytes, and inodes start at multiples of 32.
const INLINE_MIN: u64 = 128;

/// A file to encode.
#[derive(Clone, Copy)]
struct File<'a> {
    id: InodeId,
    content: &'a Content,
    codec: FileCodec,
}

/// What there is to do, and what repeats.
pub(crate) struct Tasks {
    pub(super) tasks: Vec<Vec<Part>>,
    pub(super) repeats: Repeats,
}

impl Tasks {
    /// How many bytes there are to encode.
    pub(crate) fn len(&self) -> u64 {
        self.tasks.iter().flatten().map(|part| part.len).fold(0, u64::saturating_add)
    }
}

impl Job<'_> {
    /// Looks for files to encode, and if that is asked for, for what they
    /// repeat.
    pub(crate) fn find_tasks(&self, report: &(dyn Fn(u64) + Sync)) -> Result<Tasks> {
        let files = self.files();
        let shrinks: Vec<bool> = pool::try_map(&files, |file| self.shrinks(file))?;
        let may_repeat = self.options.may_have_repeats();
        let mut all: Vec<Part> = Vec::new();
        let mut incompressible = HashSet::new();
        for (file, shrinks) in files.iter().zip(shrinks) {
            if !shrinks {
                incompressible.insert(Source::File(file.id));
            }
            if shrinks || may_repeat {
                all.extend(parts(file, all.len()));
            }
        }
        let repeats = self.repeats(&all, &Packed::default(), report)?;
        all.retain(|part| !incompressible.contains(&part.source) || repeats.touch(part.source));
        Ok(Tasks { tasks: tasks(all), repeats })
    }

    /// The same for the packed inode.
    pub(super) fn packed_tasks(&self, packed: &Packed) -> Result<Tasks> {
        let codec = self.options.packed_codec();
        let part_len = packed_part_len(packed.len);
        let part = |number, offset| Part {
            number,
            source: Source::Packed,
            codec,
            offset,
            len: part_len.min(packed.len - offset),
            size: packed.len,
        };
        let offsets = (0..packed.len).step_by(to_usize(part_len)).enumerate();
        let all: Vec<Part> = offsets.map(|(number, offset)| part(number, offset)).collect();
        // Ends of files and short files are too short to repeat much.
        let repeats = match self.options.fragments {
            Fragments::All => self.repeats(&all, packed, &|_| ())?,
            _ => Repeats::default(),
        };
        Ok(Tasks { tasks: tasks(all), repeats })
    }

    /// What `parts` repeat, if that is asked for.
    fn repeats(
        &self,
        parts: &[Part],
        packed: &Packed,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Repeats> {
        if !self.options.may_have_repeats() {
            return Ok(Repeats::default());
        }
        let seen = self.plan.seen.take_chunks();
        // Holes all have the same chunks.
        let zeros = OnceLock::new();
        let zeros =
            || zeros.get_or_init(|| content_chunks(&vec![0; to_usize(TASK_LEN)])).as_slice();
        let known = |part: &Part| {
            let is_hole = || is_long(part) && self.is_hole(part).unwrap_or(false);
            known_chunks(&seen, part).or_else(|| is_hole().then(zeros))
        };
        Repeats::find(parts, self.options.block_size.len(), known, |part, data| {
            report(part.len);
            self.read_part(part, packed, data)
        })
    }

    /// The files that may become smaller: of more than a block, if a pcluster
    /// takes at least one, and not stored otherwise.
    fn candidates(&self) -> impl Iterator<Item = (InodeId, &Content)> {
        let block_len = self.options.block_size.len();
        let above = match self.options.may_have_inline_pclusters() {
            true => INLINE_MIN.min(block_len),
            false => block_len,
        };
        let sizes = above + 1..=lclusters_max(self.options);
        crate::plan::files(self.reader.tree, self.order)
            .filter(move |(id, content)| sizes.contains(&content.len()) && self.plan.is_open(*id))
    }

    /// Those for which there is a codec.
    fn files(&self) -> Vec<File<'_>> {
        let with_codec =
            |(id, content)| self.codecs.of(id).map(|codec| File { id, content, codec });
        self.candidates().filter_map(with_codec).collect()
    }

    /// Whether a file can be compressed, as far as some places of a long one
    /// tell: what cannot is better copied, and its parts are encoded far from
    /// each other, so that none of them can tell for the whole file.
    fn shrinks(&self, file: &File<'_>) -> Result<bool> {
        if file.content.len() <= TASK_LEN {
            return Ok(true);
        }
        let mut encoder = Encoder::new(Level::FAST);
        let mut data = vec![0; to_usize(PROBE_LEN)];
        let mut out = vec![0; to_usize(PROBE_LEN)];
        let mut saved = 0;
        for probe in 0..PROBES {
            let offset = (file.content.len() - PROBE_LEN) / (PROBES - 1) * probe;
            self.reader
                .with_open(file.id, file.content, |open| open.read_exact_at(&mut data, offset))?;
            let filled = encoder.segment(&data).fill(0, data.len(), &mut out);
            saved += filled.consumed.saturating_sub(filled.written);
        }
        Ok(to_u64(saved) > PROBES * PROBE_LEN / 64)
    }
}

/// Whether it is worth it to look whether a part is a hole: it is one of several,
/// and as long as these are.
fn is_long(part: &Part) -> bool {
    part.size >= 4 * TASK_LEN && part.len == TASK_LEN
}

/// The chunks of a part, if its file was cut into them when it was hashed.
fn known_chunks<'a>(
    seen: &'a HashMap<InodeId, Vec<Vec<ContentChunk>>>,
    part: &Part,
) -> Option<&'a [ContentChunk]> {
    let Source::File(id) = part.source else { return None };
    seen.get(&id)?.get(to_usize(part.offset / PART_LEN)).map(Vec::as_slice)
}

/// The parts of a file, of which the first one has this number.
fn parts(file: &File<'_>, first: usize) -> impl Iterator<Item = Part> {
    let File { id, content, codec } = *file;
    let size = content.len();
    let offsets = (0..size).step_by(to_usize(TASK_LEN));
    (first..).zip(offsets).map(move |(number, offset)| {
        let len = TASK_LEN.min(size - offset);
        Part { number, source: Source::File(id), codec, offset, len, size }
    })
}

/// How long the parts of a packed inode of `len` bytes are.
fn packed_part_len(len: u64) -> u64 {
    len.div_ceil(PACKED_PARTS).next_multiple_of(TASK_LEN).clamp(TASK_LEN, PACKED_PART_MAX)
}

/// Puts parts together.
fn tasks(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let mut tasks: Vec<Vec<Part>> = Vec::new();
    let mut len = TASK_LEN;
    for part in parts {
        if len + part.len > TASK_LEN {
            tasks.push(Vec::new());
            len = 0;
        }
        len += part.len;
        tasks.last_mut().expect("pushed above").push(part);
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_large_packed_inode_are_long() {
        const MIB: u64 = 1 << 20;
        assert_eq!([0, 1].map(packed_part_len), [4 * MIB; 2]);
        assert_eq!(packed_part_len(256 * MIB), 4 * MIB);
        assert_eq!(packed_part_len(256 * MIB + 1), 8 * MIB);
        assert_eq!(packed_part_len(2000 * MIB), 32 * MIB);
        assert_eq!(packed_part_len(1 << 50), 32 * MIB);
    }
}
