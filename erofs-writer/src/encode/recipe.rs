//! Recipes: what decides the result of encoding a part.

use crate::encode::bytes::PartBytes;
use crate::encode::extent::{Extent, PclusterOf};
use crate::encode::pclusters::{End, Pclusters, Rules, Stretch, Tail};
use crate::format::{SLOT_LEN, round_up, to_u64};
use crate::options::FileCodec;

/// Counts the changes of what is made of the same bytes. A result of another revision is
/// never taken. A test fails when it has to be raised.
pub(crate) const REVISION: u64 = 3;

/// A hash of everything that decides how a part is encoded: its bytes, the codec, where
/// pclusters have to begin and to end, and what the part repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Recipe(pub(crate) u64);

/// The lengths that decide whether a file is worth encoding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// The length of its inode, with its index and without its tail.
    pub(super) inode: u64,
    /// What it takes as it is.
    pub(super) flat: u64,
}

impl Worth {
    /// Whether a file with these pclusters, which have `encoded` bytes in blocks, takes
    /// less room than as it is. Inodes start at multiples of 32 bytes.
    pub(super) fn is_reached(self, encoded: usize, pclusters: &Pclusters) -> bool {
        let (inline, fragment) = match &pclusters.tail {
            Tail::Blocks => (0, 0),
            Tail::Inline(inline) => (to_u64(inline.bytes.len()), 0),
            // It is not known yet how much fragments shrink.
            Tail::Fragment(fragment) => (0, fragment.len / 2),
        };
        let stored = to_u64(encoded) + fragment + round_up(self.inode + inline, SLOT_LEN);
        stored < self.flat
    }
}

impl Recipe {
    /// The recipe of a part that is encoded by `codec`. `worth` is given if the result
    /// may be that it is not encoded.
    pub(super) fn new(
        codec: FileCodec,
        bytes: &PartBytes<'_>,
        rules: &Rules<'_>,
        repeats: &[Stretch],
        worth: Option<Worth>,
    ) -> Self {
        let mut hash = Hash(blake3::Hasher::new());
        hash.add(REVISION);
        hash.add_bytes(format!("{codec:?}").as_bytes());
        // All fields that decide something.
        let Rules { cuts, block_len, pcluster_len, extent_len, .. } = *rules;
        let Rules { end, interlaced, paired, kept: _, stop: _, .. } = *rules;
        let (end, room) = match end {
            End::Part => (0, 0),
            End::Blocks => (1, 0),
            End::Inline(room) => (2, room),
            End::Fragment => (3, 0),
        };
        hash.add_all([block_len, pcluster_len, extent_len, end, room]);
        hash.add_all([usize::from(interlaced), usize::from(paired), cuts.len()]);
        hash.add_all(cuts.iter().copied());
        hash.add_all([repeats.len()]);
        for stretch in repeats {
            hash.add_stretch(stretch);
        }
        let lens = worth.map_or([0, 0], |worth| [worth.inode, worth.flat]);
        hash.add(u64::from(worth.is_some()));
        lens.into_iter().for_each(|len| hash.add(len));
        hash.add_all([bytes.len()]);
        hash.add_bytes(&bytes.digest());
        let all = hash.0.finalize();
        Recipe(u64::from_le_bytes(*all.as_bytes().first_chunk().expect("32 bytes")))
    }
}

struct Hash(blake3::Hasher);

impl Hash {
    fn add(&mut self, value: u64) {
        self.0.update(&value.to_le_bytes());
    }

    fn add_all(&mut self, values: impl IntoIterator<Item = usize>) {
        values.into_iter().for_each(|value| self.add(to_u64(value)));
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        self.add(to_u64(bytes.len()));
        self.0.update(bytes);
    }

    /// Adds what a stretch repeats, but not in which part that is.
    fn add_stretch(&mut self, stretch: &Stretch) {
        let Stretch { at, len, source: _, source_at, extents } = stretch;
        self.add_all([*at, *len, *source_at]);
        let Some(run) = extents else { return self.add(0) };
        self.add_all([1, run.at, run.extents.len()]);
        for extent in &run.extents {
            let Extent { len, block: _, blocks, plain, partial, pcluster } = *extent;
            let pcluster = match pcluster {
                PclusterOf::ThisPart => 0,
                PclusterOf::Another => 1,
                PclusterOf::AnotherNext => 2,
                PclusterOf::OnDevice => panic!("it is not encoded"),
            };
            self.add(u64::from(len));
            self.add(u64::from(blocks));
            self.add_all([usize::from(plain), usize::from(partial), pcluster]);
        }
    }
}
