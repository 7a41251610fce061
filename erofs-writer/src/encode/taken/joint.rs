//! The packed inodes of several images as one.
//!
//! Each begins at a block, so that its extents begin where they did in their lclusters.
//! Where one does not end at a block, an extent of zeros goes to the next one. If no
//! further extent can begin in the last block, the last one is stored anew, as plain
//! bytes; it has less than a block.

use std::collections::{BTreeMap, HashMap};
use std::io;

use crate::encode::extent::{Compressed, InlinePcluster, TailPlace};
use crate::encode::inputs::Inputs;
use crate::encode::taken::draft::{self, Draft, Rules};
use crate::encode::taken::extra::{Extra, not_as_stored};
use crate::encode::taken::images::Images;
use crate::encode::taken::spans::{Places, Spans};
use crate::error::Result;
use crate::format::algorithm::Algorithm;
use crate::format::{round_up, to_u64, to_usize};
use crate::tree::{InodeId, ReadAt, StoredFile};

/// The packed inode of an image.
struct Packed {
    image: usize,
    /// A file that needs it, for messages.
    needed_by: InodeId,
    file: Compressed,
    algorithm: Option<Algorithm>,
    len: u64,
    stored: Box<dyn StoredFile>,
}

/// All of them, in the order in which they are put together.
pub(super) struct Joint {
    all: Vec<Packed>,
    len_max: u64,
}

impl Joint {
    /// The packed inodes of those images that are named in `needed`, each with a file that
    /// needs it.
    pub(super) fn new(
        inputs: &Inputs<'_>,
        images: &Images<'_>,
        needed: BTreeMap<usize, InodeId>,
        rules: &Rules,
    ) -> Result<Self> {
        let mut all = Vec::new();
        for (image, needed_by) in needed {
            let refuse = |why| not_as_stored(inputs, needed_by, why);
            let of_image = images.files.iter().find(|file| file.image == image);
            let stored = of_image.and_then(|file| file.stored.packed());
            let stored = stored.ok_or_else(|| refuse("there is no packed inode"))?;
            let len = stored.reader().len();
            let map = inputs.reader.named(needed_by, stored.stored())?;
            let draft = Draft::new(map, len, rules).map_err(refuse)?;
            let Draft::Pclusters { file, algorithm, .. } = draft else {
                return Err(refuse("the packed inode is in chunks or is a fragment"));
            };
            if file.fragment().is_some() {
                return Err(refuse("the packed inode has a fragment"));
            }
            all.push(Packed { image, needed_by, file, algorithm, len, stored });
        }
        // Those of one algorithm follow each other.
        all.sort_by_key(|packed| (packed.algorithm, packed.image));
        Ok(Joint { all, len_max: rules.len_max })
    }

    pub(super) fn mark(&self, inputs: &Inputs<'_>, spans: &mut [Spans]) -> Result<()> {
        for packed in &self.all {
            for extent in &packed.file.extents {
                spans[packed.image].mark(extent.block.into(), extent.blocks.into());
            }
            let refuse = |why| not_as_stored(inputs, packed.needed_by, why);
            spans[packed.image].check().map_err(refuse)?;
        }
        Ok(())
    }

    /// Puts them together.
    pub(super) fn finish(
        self,
        inputs: &Inputs<'_>,
        places: &[Places],
        extra: &mut Extra,
    ) -> Result<Whole> {
        let block_len = inputs.options.block_size.len();
        let interlaced = self.all.iter().any(|packed| packed.file.interlaced);
        let mut whole = Whole::default();
        whole.file.interlaced = interlaced;
        for mut packed in self.all {
            let refuse = |why| not_as_stored(inputs, packed.needed_by, why);
            let is_turned = interlaced && !packed.file.interlaced;
            if is_turned && draft::cannot_be_interlaced(&packed.file.extents, block_len) {
                return Err(refuse("only some packed inodes have interlaced blocks"));
            }
            let joined = whole.fill_block(block_len, extra);
            inputs.reader.named(packed.needed_by, joined)?;
            places[packed.image].put(&mut packed.file.extents);
            if let TailPlace::Inline(inline) = &packed.file.tail {
                let start = packed.len - u64::from(inline.len);
                packed.file.extents.push(extra.put(inline, start, interlaced));
            }
            whole.use_algorithms(&packed).map_err(refuse)?;
            whole.starts.insert(packed.image, (whole.len, packed.len));
            whole.file.extents.append(&mut packed.file.extents);
            whole.len += packed.len;
            if whole.len > self.len_max {
                return Err(refuse("all packed inodes together are too long"));
            }
            whole.last = Some(packed.stored);
        }
        Ok(whole)
    }
}

/// The new packed inode.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) file: Compressed,
    /// The algorithm of its last extents, unless all are plain so far.
    pub(super) algorithm: Option<Algorithm>,
    /// Where that of each image begins in it, with its length.
    pub(super) starts: HashMap<usize, (u64, u64)>,
    pub(super) len: u64,
    /// The file with its last bytes.
    last: Option<Box<dyn StoredFile>>,
}

impl Whole {
    /// Takes in the algorithms of the packed inode of an image, which comes next.
    fn use_algorithms(&mut self, packed: &Packed) -> Result<(), &'static str> {
        let extents = self.file.extents.len();
        for (first, own) in
            [packed.algorithm.map(|own| (0, own)), packed.file.second].iter().flatten()
        {
            match self.algorithm {
                None => self.file.algorithm = *own,
                Some(before) if before == *own => continue,
                Some(_) if self.file.second.is_none() => {
                    self.file.second = Some((extents + first, *own));
                }
                Some(_) => return Err("the packed inodes have more than two algorithms"),
            }
            self.algorithm = Some(*own);
        }
        Ok(())
    }

    /// Goes on to the start of a block.
    fn fill_block(&mut self, block_len: u64, extra: &mut Extra) -> io::Result<()> {
        let end = round_up(self.len, block_len);
        let Some(last) = self.last.as_ref().filter(|_| end > self.len) else { return Ok(()) };
        let last_len = self.file.extents.last().map_or(0, |extent| u64::from(extent.len));
        let mut bytes = Vec::new();
        let mut start = self.len;
        if (start - last_len) / block_len == start / block_len {
            bytes = vec![0; to_usize(last_len)];
            let reader = last.reader();
            read_exact(reader, &mut bytes, reader.len() - last_len)?;
            self.file.extents.pop();
            start -= last_len;
        }
        bytes.resize(to_usize(end - start), 0);
        let len = u32::try_from(bytes.len()).expect("less than a block");
        let plain = InlinePcluster { len, plain: true, bytes: bytes.into() };
        self.file.extents.push(extra.put(&plain, start, self.file.interlaced));
        self.len = end;
        Ok(())
    }
}

fn read_exact(reader: &dyn ReadAt, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match reader.read_at(buf, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => {
                buf = &mut buf[len..];
                offset += to_u64(len);
            }
        }
    }
    Ok(())
}
