//! Cutting files into parts, and putting these together into tasks.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::alike::{ContentChunk, PART_LEN, content_chunks};
use crate::encode::candidates::{self, FileToEncode};
use crate::encode::found::CutParts;
use crate::encode::inputs::Inputs;
use crate::encode::origin::{MakeDirectory, Origin};
use crate::encode::packed::Packed;
use crate::encode::read::PartReader;
use crate::encode::repeats::Repeats;
use crate::encode::task::{Part, Stream, TASK_LEN};
use crate::error::Result;
use crate::format::to_usize;
use crate::options::{FileCodec, Tails};
use crate::pool::{self, Share};
use crate::tree::InodeId;

/// The tasks, and the repeats in them.
#[derive(Default)]
pub(crate) struct Tasks {
    pub(super) tasks: Vec<Vec<Part>>,
    pub(super) repeats: Repeats,
    /// The chunks of the parts of the packed inode that were cut.
    pub(super) cut: CutParts,
}

impl Tasks {
    /// The tasks for all files that may shrink or have repeats, and the repeats if they
    /// are asked for.
    pub(crate) fn of_files(inputs: &Inputs<'_>, report: &(dyn Fn(u64) + Sync)) -> Result<Self> {
        let files = candidates::find(inputs);
        let shrinks: Vec<bool> = pool::try_map(&files, Share::Usual, |file| file.shrinks(inputs))?;
        let may_repeat = inputs.options.may_have_repeats();
        let mut all: Vec<Part> = Vec::new();
        let mut incompressible = HashSet::new();
        for (file, shrinks) in files.iter().zip(shrinks) {
            if !shrinks {
                incompressible.insert(Stream::File(file.id));
            }
            if shrinks || may_repeat {
                all.extend(parts(file, all.len()));
            }
        }
        let reader = PartReader { inputs, origin: Origin::Files };
        let repeats = find_repeats(reader, &all, report, |_, data| content_chunks(data))?;
        all.retain(|part| !incompressible.contains(&part.stream) || repeats.touch(part.stream));
        Ok(Tasks { tasks: tasks(all), repeats, cut: CutParts::new() })
    }

    /// The tasks for the packed inode.
    pub(super) fn of_packed(
        inputs: &Inputs<'_>,
        packed: &Packed,
        make: &MakeDirectory<'_>,
    ) -> Result<Self> {
        let codecs = inputs.options.packed_codec().zip(inputs.options.directory_codec());
        let Some((codec, of_directories)) = codecs else { return Ok(Tasks::default()) };
        let part = |(number, bytes): (usize, Range<u64>)| Part {
            number,
            stream: Stream::Packed,
            codec: if packed.is_directory(bytes.start) { of_directories } else { codec },
            offset: bytes.start,
            len: bytes.end - bytes.start,
            size: packed.len,
        };
        let all: Vec<Part> = packed.parts().enumerate().map(part).collect();
        // Ends of files and short files are too short to repeat much.
        let cut = Mutex::new(CutParts::new());
        let cut_part = |part: &Part, data: &[u8]| {
            let chunks = packed.chunks(part.offset, data);
            if packed.digest(part.number).is_some() {
                cut.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(part.number, chunks.as_slice().into());
            }
            chunks
        };
        let mut repeats = match inputs.options.tails {
            Tails::AllFragments => {
                let origin = Origin::Packed(packed, make);
                find_repeats(PartReader { inputs, origin }, &all, &|_| (), cut_part)?
            }
            _ => Repeats::default(),
        };
        // Plain blocks of noise are repeats only if all begin at the same places of blocks.
        // In longer pclusters it costs too much to let them end there.
        let has_blocks = codec.pcluster_len <= inputs.options.block_size.len();
        for part in all.iter().filter(|_| has_blocks) {
            repeats.cut_at(part.number, packed.alike(part.offset, part.len));
        }
        let cut = cut.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Tasks { tasks: tasks(all), repeats, cut })
    }

    /// The tasks for the metabox, whose parts have these lengths.
    pub(super) fn of_metabox(codec: FileCodec, lens: &[u64]) -> Self {
        let (stream, size) = (Stream::Metabox, lens.iter().sum());
        let starts = lens.iter().scan(0, |end, len| Some(std::mem::replace(end, *end + len)));
        let part = |((number, len), offset): ((usize, &u64), u64)| {
            vec![Part { number, stream, codec, offset, len: *len, size }]
        };
        let tasks = lens.iter().enumerate().zip(starts).map(part).collect();
        Tasks { tasks, ..Tasks::default() }
    }

    /// How many bytes there are to encode.
    pub(crate) fn len(&self) -> u64 {
        self.tasks.iter().flatten().map(|part| part.len).fold(0, u64::saturating_add)
    }
}

/// The repeats in `parts`; none if they are not asked for. `cut` gives the chunks of those
/// that are read.
fn find_repeats(
    reader: PartReader<'_>,
    parts: &[Part],
    report: &(dyn Fn(u64) + Sync),
    cut: impl Fn(&Part, &[u8]) -> Vec<ContentChunk> + Sync,
) -> Result<Repeats> {
    let options = reader.inputs.options;
    if !options.may_have_repeats() {
        return Ok(Repeats::default());
    }
    let seen = reader.inputs.plan.findings.take_chunks();
    // All holes of this length have the same chunks.
    let zeros = OnceLock::new();
    let zeros = || zeros.get_or_init(|| content_chunks(&vec![0; to_usize(TASK_LEN)])).as_slice();
    let facts = |part: &Part| reader.known(part)?.facts?.chunks_of(part.len);
    let known = |part: &Part| {
        let is_hole = || is_long(part) && reader.is_hole(part).unwrap_or(false);
        facts(part).or_else(|| known_chunks(&seen, part)).or_else(|| is_hole().then(zeros))
    };
    let read = |part: &Part, data: &mut [u8]| {
        report(part.len);
        reader.read(part, data)?;
        Ok(cut(part, &data[..to_usize(part.len)]))
    };
    Repeats::find(parts, options.block_size.len(), known, read)
}

/// Whether it pays to ask whether a part is a hole: its file has four parts or more, and
/// it is as long as a part can be.
fn is_long(part: &Part) -> bool {
    part.size >= 4 * TASK_LEN && part.len == TASK_LEN
}

/// The chunks of a part, if its file was cut into them when it was hashed.
fn known_chunks<'a>(
    seen: &'a HashMap<InodeId, Vec<Vec<ContentChunk>>>,
    part: &Part,
) -> Option<&'a [ContentChunk]> {
    let Stream::File(id) = part.stream else { return None };
    let chunks = seen.get(&id)?.get(to_usize(part.offset / PART_LEN))?;
    // A part that is shorter than it was then has other chunks.
    let len: u64 = chunks.iter().map(|chunk| u64::from(chunk.len)).sum();
    (len == part.len).then_some(chunks)
}

/// The parts of a file. The first one has the number `first`.
fn parts(file: &FileToEncode<'_>, first: usize) -> impl Iterator<Item = Part> {
    let FileToEncode { id, content: _, codec, len: size } = *file;
    let offsets = (0..size).step_by(to_usize(TASK_LEN));
    (first..).zip(offsets).map(move |(number, offset)| {
        let len = TASK_LEN.min(size - offset);
        Part { number, stream: Stream::File(id), codec, offset, len, size }
    })
}

/// Puts consecutive parts together into tasks.
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
