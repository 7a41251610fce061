//! How a file is stored in its image, checked, and as the new image will tell it. Blocks
//! are still those of the image.

use crate::encode::extent::{Compressed, Extent, Fragment, InlinePcluster, PclusterOf, TailPlace};
use crate::encode::taken::spans::Spans;
use crate::format::algorithm::Algorithm;
use crate::options::BlockSize;
use crate::plan::{At, ChunkMap};
use crate::tree::{StoredAt, StoredExtent, StoredMap};

/// What holds for all files.
pub(super) struct Rules {
    pub(super) block_size: BlockSize,
    /// The most bytes of a file that is compressed.
    pub(super) len_max: u64,
}

/// How a file is stored.
#[derive(Debug)]
pub(super) enum Draft {
    /// In chunks, of which the image has these runs: first block and count.
    Chunks(ChunkMap, Vec<(u64, u64)>),
    /// It is one fragment, which begins here in the packed inode of its image.
    Fragment(u64),
    /// In pclusters, which are encoded by an algorithm unless all are plain. Its inode
    /// tells of so many blocks.
    Pclusters { file: Compressed, algorithm: Option<Algorithm>, blocks: u32 },
}

/// Why a file cannot be taken over.
type Refused<T> = Result<T, &'static str>;

const UNALIGNED: &str = "its data is not in whole blocks";

impl Draft {
    /// How a file of `size` bytes is stored.
    pub(super) fn new(map: StoredMap, size: u64, rules: &Rules) -> Refused<Self> {
        if let Some(bits) = map.chunk_bits {
            return chunks(&map, bits, rules.block_size);
        }
        match map.extents[..] {
            [StoredExtent { at: StoredAt::Fragment { offset }, .. }] => {
                return Ok(Draft::Fragment(offset));
            }
            _ if size > rules.len_max => return Err("it is longer than compressed files can be"),
            _ => {}
        }
        let mut draft = Pclusters {
            block_len: rules.block_size.len(),
            size,
            at: 0,
            next: 0,
            file: Compressed::default(),
            algorithm: None,
        };
        let blocks = map.blocks;
        map.extents.into_iter().try_for_each(|extent| draft.add(extent))?;
        draft.file.extents.shrink_to_fit();
        Ok(Draft::Pclusters { file: draft.file, algorithm: draft.algorithm, blocks })
    }

    /// Marks the blocks that it needs.
    pub(super) fn mark(&self, spans: &mut Spans) {
        match self {
            Draft::Chunks(_, runs) => {
                runs.iter().for_each(|(first, count)| spans.mark(*first, *count));
            }
            Draft::Fragment(_) => {}
            Draft::Pclusters { file, .. } => {
                for extent in &file.extents {
                    spans.mark(extent.block.into(), extent.blocks.into());
                }
            }
        }
    }

    /// Whether some of its bytes are in the packed inode.
    pub(super) fn has_fragment(&self) -> bool {
        match self {
            Draft::Chunks(..) => false,
            Draft::Fragment(_) => true,
            Draft::Pclusters { file, .. } => file.fragment().is_some(),
        }
    }
}

/// The draft of a file in chunks of 2^`bits` bytes.
fn chunks(map: &StoredMap, bits: u32, block_size: BlockSize) -> Refused<Draft> {
    let mut chunks = ChunkMap::new(u8::try_from(bits).map_err(|_| UNALIGNED)?, block_size);
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for StoredExtent { len, at } in &map.extents {
        let pos = match at {
            StoredAt::Hole => {
                chunks.push(1, At::Hole);
                continue;
            }
            StoredAt::Plain { pos } => pos,
            _ => return Err(UNALIGNED),
        };
        let (block, count) = (aligned(*pos, block_size.len())?, block_size.blocks(*len));
        chunks.push(1, At::Blocks(block));
        match runs.last_mut() {
            Some(run) if run.0 + run.1 == block => run.1 += count,
            _ => runs.push((block, count)),
        }
    }
    Ok(Draft::Chunks(chunks, runs))
}

/// The block that begins at `pos`.
fn aligned(pos: u64, block_len: u64) -> Refused<u64> {
    if pos % block_len == 0 { Ok(pos / block_len) } else { Err(UNALIGNED) }
}

/// A file in pclusters while it is put together.
struct Pclusters {
    block_len: u64,
    size: u64,
    /// How many bytes have their extents.
    at: u64,
    /// The first lcluster in which no extent begins so far.
    next: u64,
    file: Compressed,
    algorithm: Option<Algorithm>,
}

impl Pclusters {
    fn add(&mut self, extent: StoredExtent) -> Refused<()> {
        let StoredExtent { len, at } = extent;
        match at {
            StoredAt::Plain { pos } => self.plain(pos, len)?,
            StoredAt::Interlaced { pos, len: stored } => {
                self.file.interlaced = true;
                self.push(pos, len, stored, true, false)?;
            }
            StoredAt::Encoded { algorithm, pos, len: stored, partial } => {
                self.use_algorithm(algorithm)?;
                self.push(pos, len, stored, false, partial)?;
            }
            StoredAt::Inline { algorithm, bytes } => {
                self.begin()?;
                if let Some(algorithm) = algorithm {
                    self.use_algorithm(algorithm)?;
                }
                let (len, plain) = (narrow(len)?, algorithm.is_none());
                self.file.tail = TailPlace::Inline(InlinePcluster { len, plain, bytes });
                self.at += u64::from(len);
            }
            StoredAt::Fragment { offset } => {
                self.begin()?;
                self.file.tail = TailPlace::Fragment(Fragment { at: offset, len });
                self.at += len;
            }
            StoredAt::Hole => return Err("its index has a hole"),
        }
        Ok(())
    }

    /// Checks that an extent can begin here.
    fn begin(&mut self) -> Refused<()> {
        let lcluster = self.at / self.block_len;
        match lcluster >= self.next && self.file.tail == TailPlace::Blocks {
            true => self.next = lcluster + 1,
            false => return Err("two of its extents begin in a block"),
        }
        Ok(())
    }

    /// Adds plain bytes. Whole blocks may be the data of a file that is not compressed.
    fn plain(&mut self, mut pos: u64, mut len: u64) -> Refused<()> {
        let ends_well = (self.at + len) % self.block_len == 0 || self.at + len == self.size;
        while self.at % self.block_len == 0 && ends_well && len > self.block_len {
            self.push(pos, self.block_len, self.block_len, true, false)?;
            pos += self.block_len;
            len -= self.block_len;
        }
        self.push(pos, len, len.next_multiple_of(self.block_len), true, false)
    }

    fn push(&mut self, pos: u64, len: u64, stored: u64, plain: bool, partial: bool) -> Refused<()> {
        self.begin()?;
        let block = aligned(pos, self.block_len)?;
        let blocks = aligned(stored, self.block_len)?;
        self.file.extents.push(Extent {
            len: narrow(len)?,
            block: narrow(block)?,
            blocks: u16::try_from(blocks).map_err(|_| UNALIGNED)?,
            plain,
            partial,
            pcluster: PclusterOf::ThisPart,
        });
        self.at += len;
        Ok(())
    }

    /// Notes the algorithm of the next extent.
    fn use_algorithm(&mut self, algorithm: Algorithm) -> Refused<()> {
        let now = self.file.second.map_or(self.algorithm, |(_, second)| Some(second));
        match now {
            None => self.algorithm = Some(algorithm),
            Some(now) if now == algorithm => {}
            Some(_) if self.file.second.is_none() => {
                self.file.second = Some((self.file.extents.len(), algorithm));
            }
            Some(_) => return Err("its extents have different algorithms in turn"),
        }
        Ok(())
    }
}

fn narrow(value: u64) -> Refused<u32> {
    u32::try_from(value).map_err(|_| "it lies beyond the first 2^32 blocks")
}

/// The byte at which each extent of a file begins.
pub(super) fn starts(extents: &[Extent]) -> impl Iterator<Item = u64> {
    extents.iter().scan(0, |end, extent| {
        let start = *end;
        *end += u64::from(extent.len);
        Some(start)
    })
}

/// Whether a plain extent that is not interlaced would be read otherwise if it were.
pub(super) fn cannot_be_interlaced(extents: &[Extent], block_len: u64) -> bool {
    let mut all = extents.iter().zip(starts(extents));
    all.any(|(extent, start)| extent.plain && (extent.blocks > 1 || start % block_len != 0))
}
