//! The order of files by their bytes from the end, and how many last bytes neighbours in
//! it have in common.
//!
//! A file is read no further than some step beyond what it has in common with another.

use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::tree::{Content, InodeId, Reader};

/// How many bytes of each file are read at first. Later steps are twice as long.
const STEP: u64 = 4096;
const STEP_MAX: u64 = 256 * 1024;
/// How many bytes of all files are read at a time, unless there are too many files.
const BYTES: u64 = 8 << 20;
/// The fewest bytes of a file that tell whether it is noise.
const TOLD: usize = 1024;

/// A file in the order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ordered {
    /// Its number among the files that were to be ordered.
    pub(super) number: usize,
    /// How many last bytes it has in common with the file before it.
    pub(super) common: u64,
}

/// The order, and for each file whether its last bytes look as if they cannot be
/// compressed.
pub(super) struct Suffixes {
    pub(super) order: Vec<Ordered>,
    pub(super) are_noise: Vec<bool>,
}

/// Files whose last `matched` bytes are the same.
struct Run {
    files: Vec<usize>,
    matched: u64,
    /// What the first one has in common with the file before it.
    common: u64,
    step: u64,
}

/// Orders `files`, of which there are not many.
pub(super) fn order(reader: Reader<'_>, files: &[(InodeId, &Content)]) -> Result<Suffixes> {
    let all = Run { files: (0..files.len()).collect(), matched: 0, common: 0, step: STEP };
    let mut runs = vec![all];
    let mut found = Suffixes { order: Vec::new(), are_noise: vec![false; files.len()] };
    while let Some(run) = runs.pop() {
        let Run { files: members, matched, common, step } = run;
        if let [number] = members[..] {
            found.order.push(Ordered { number, common });
            continue;
        }
        let step = step.min(BYTES / to_u64(members.len())).max(STEP);
        let mut read = Vec::with_capacity(members.len());
        for number in members {
            let bytes = before(reader, files[number], matched, step)?;
            if matched == 0 {
                found.are_noise[number] = is_noise(&bytes);
            }
            read.push((bytes, number));
        }
        read.sort_unstable_by(|(a, x), (b, y)| a.iter().rev().cmp(b.iter().rev()).then(x.cmp(y)));
        let next = split(&read, matched, common, step);
        runs.extend(next.into_iter().rev());
    }
    Ok(found)
}

/// Up to `step` bytes of a file that are before its last `matched` bytes.
fn before(
    reader: Reader<'_>,
    (id, content): (InodeId, &Content),
    matched: u64,
    step: u64,
) -> Result<Vec<u8>> {
    let end = content.len() - matched;
    let mut bytes = vec![0; to_usize(step.min(end))];
    if !bytes.is_empty() {
        let start = end - to_u64(bytes.len());
        reader.with_open(id, content, |open| open.read_exact_at(&mut bytes, start))?;
    }
    Ok(bytes)
}

/// The runs of files of which all that was read is the same, from those of a run in their
/// order.
fn split(read: &[(Vec<u8>, usize)], matched: u64, common: u64, step: u64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut previous: &[u8] = &[];
    for (index, (bytes, number)) in read.iter().enumerate() {
        let same = bytes.iter().rev().zip(previous.iter().rev()).take_while(|(a, b)| a == b);
        let same = to_u64(same.count());
        previous = bytes;
        match runs.last_mut() {
            Some(run) if same == step => run.files.push(*number),
            _ => runs.push(Run {
                files: vec![*number],
                matched: matched + step,
                common: if index == 0 { common } else { matched + same },
                step: STEP_MAX.min(2 * step),
            }),
        }
    }
    runs
}

/// Whether bytes are about equally frequent.
fn is_noise(bytes: &[u8]) -> bool {
    let mut counts = [0_u64; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let len = to_u64(bytes.len());
    let squares: u64 = counts.iter().map(|count| count * count).sum();
    // Of noise, these are len * len / 256 + len.
    bytes.len() >= TOLD && squares < len * len / 200 + len
}
