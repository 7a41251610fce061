//! Files of images that are taken over as they are stored: their blocks are copied, and
//! what points to these gets new addresses. Nothing is decoded and encoded again. If an image
//! becomes a device, its blocks stay there, and get addresses after those of the new image.
//!
//! Of each image, all blocks that files need are copied once, in their order there. So
//! what files shared they share again, and what lay together still does. There are no
//! more bytes than the images have, whatever they say.
//!
//! An image has one packed inode. Those of several images follow each other in a new one.

mod draft;
mod extra;
mod images;
mod joint;
mod spans;

use std::collections::{BTreeMap, HashMap};

use crate::encode::encoded::{Encoded, EncodedFile};
use crate::encode::extent::{Compressed, Extent, Fragment, TailPlace};
use crate::encode::inputs::Inputs;
use crate::error::{Error, Limit, Result};
use crate::format::{to_u64, to_usize};
use crate::plan::ChunkMap;
use crate::pool::{self, Share};
use crate::shape::{IndexForm, compressed_len_max};
use crate::tree::{InodeId, StoredMap};

use draft::{Draft, Rules};
use extra::{Extra, not_as_stored};
pub(crate) use images::Images;
use joint::{Joint, Whole};
use spans::{Places, Spans};

/// So many bytes are copied at a time.
const COPY_LEN: u64 = 16 << 20;

/// The files that are taken over, with their new addresses.
pub(crate) struct Taken<'a> {
    images: &'a Images<'a>,
    encoded: Encoded,
    /// The new chunk maps of files in chunks.
    maps: Vec<(InodeId, ChunkMap)>,
    /// For each image, the new places of its blocks.
    places: Vec<Places>,
    extra: Extra,
}

impl<'a> Taken<'a> {
    /// Finds out where everything is and where it goes. Reads indexes and chunk maps.
    pub(crate) fn new(inputs: &Inputs<'_>, images: &'a Images<'a>) -> Result<Self> {
        let rules = Rules {
            block_size: inputs.options.block_size,
            len_max: compressed_len_max(inputs.options),
        };
        let refuse = |id, why| not_as_stored(inputs, id, why);
        let drafts = pool::try_map(&images.files, Share::Usual, |file| {
            let map: StoredMap = inputs.reader.named(file.id, file.stored.stored())?;
            let draft = Draft::new(map, inputs.inodes.size(file.id), &rules);
            let draft = draft.map_err(|why| refuse(file.id, why))?;
            if inputs.is_stopped() { Err(Error::Cancelled) } else { Ok(draft) }
        })?;
        let mut spans: Vec<Spans> = images.staying.iter().copied().map(Spans::of).collect();
        // The files with fragments of each image, and the first file that needs them.
        let mut packed: BTreeMap<usize, InodeId> = BTreeMap::new();
        for (file, draft) in images.files.iter().zip(&drafts) {
            draft.mark(&mut spans[file.image]);
            spans[file.image].check().map_err(|why| refuse(file.id, why))?;
            if draft.has_fragment() {
                packed.entry(file.image).or_insert(file.id);
            }
        }
        let joint = Joint::new(inputs, images, packed, &rules)?;
        joint.mark(inputs, &mut spans)?;
        let mut end = inputs.first_block;
        let places: Vec<Places> = spans.into_iter().map(|spans| spans.place(&mut end)).collect();
        let block_len = to_usize(inputs.options.block_size.len());
        let mut taken = Taken {
            images,
            encoded: Encoded {
                files: vec![EncodedFile::default(); inputs.reader.tree.arena_len()],
                limits: Some(images.limits()),
                device_end: images.device_end(),
                ..Encoded::default()
            },
            maps: Vec::new(),
            places,
            extra: Extra::new(end, block_len),
        };
        let starts = taken.join(inputs, joint)?;
        for (file, draft) in images.files.iter().zip(drafts) {
            let place = Place { id: file.id, image: file.image, packed: starts.get(&file.image) };
            taken.put(inputs, place, draft)?;
        }
        taken.finish(inputs)
    }

    /// Puts the packed inodes together. Returns where each begins, and its length.
    fn join(&mut self, inputs: &Inputs<'_>, joint: Joint) -> Result<HashMap<usize, (u64, u64)>> {
        let Whole { mut file, starts, len, algorithm, .. } =
            joint.finish(inputs, &self.places, &mut self.extra)?;
        if let Some(image) = starts.keys().min() {
            if algorithm.is_none() {
                file.algorithm = self.images.any_algorithm(*image);
            }
            file.device_blocks = file.count_blocks(true);
            self.find_form(inputs, &mut file);
            self.encoded.packed = Some((Box::new(file), len));
        }
        Ok(starts)
    }

    fn put(&mut self, inputs: &Inputs<'_>, place: Place<'_>, draft: Draft) -> Result<()> {
        let Place { id, image, packed } = place;
        let refuse = |why| not_as_stored(inputs, id, why);
        let fragment = |at: u64, len: u64| {
            let (start, packed_len) = packed.copied().unwrap_or_default();
            let is_inside = at.checked_add(len).is_some_and(|end| end <= packed_len);
            match is_inside {
                true => Ok(Fragment { at: start + at, len }),
                false => Err(refuse("a fragment is outside of the packed inode")),
            }
        };
        match draft {
            Draft::Chunks(mut map, _) => {
                map.put_at(|block| self.places[image].of(block));
                self.maps.push((id, map));
            }
            Draft::Fragment(at) => {
                let Fragment { at, len } = fragment(at, inputs.inodes.size(id))?;
                self.encoded.files[id.index()] = EncodedFile::Fragment(at);
                self.stays(image, len);
            }
            Draft::Pclusters { mut file, algorithm, blocks } => {
                if self.images.staying[image].is_some() {
                    file.device_blocks = blocks;
                }
                self.places[image].put(&mut file.extents);
                file.algorithm = algorithm.unwrap_or_else(|| self.images.any_algorithm(image));
                if let TailPlace::Fragment(Fragment { at, len }) = file.tail {
                    file.tail = TailPlace::Fragment(fragment(at, len)?);
                }
                self.find_form(inputs, &mut file);
                self.fit_inline(inputs, id, &mut file);
                let in_packed = file.fragment().map_or(0, |fragment| fragment.len);
                self.stays(image, file.device_len() + in_packed);
                self.encoded.files[id.index()] = EncodedFile::Pclusters(Box::new(file));
            }
        }
        Ok(())
    }

    /// Counts bytes that stay in an image, if it stays.
    fn stays(&mut self, image: usize, len: u64) {
        if self.images.staying[image].is_some() {
            self.encoded.device_bytes = self.encoded.device_bytes.saturating_add(len);
        }
    }

    /// Finds the form of the index that a file needs, and counts what it repeats.
    fn find_form(&mut self, inputs: &Inputs<'_>, file: &mut Compressed) {
        let block_len = inputs.options.block_size.len();
        let follows = |index: usize| file.extents[index - 1].is_before(&file.extents[index]);
        let partial = file.extents.iter().filter(|extent| extent.partial);
        let partial: u64 = partial.map(|extent| u64::from(extent.len)).sum();
        self.encoded.repeated_bytes = self.encoded.repeated_bytes.saturating_add(partial);
        let is_in_order = partial == 0 && (1..file.extents.len()).all(follows);
        let last = file.extents.last().map_or(inputs.first_block, Extent::end);
        file.next_block = u32::try_from(last).unwrap_or(u32::MAX);
        file.own_blocks = file.count_blocks(false);
        file.form = if is_in_order { IndexForm::Packs } else { IndexForm::Full };
        file.pair_blocks(block_len);
    }

    /// If there is no room for an inline pcluster after the inode, it gets a block. So does
    /// a plain one: of those that begin before the last lcluster, which `mkfs.erofs` makes,
    /// Linux reads some only there.
    fn fit_inline(&mut self, inputs: &Inputs<'_>, id: InodeId, file: &mut Compressed) {
        let block_len = inputs.options.block_size.len();
        let Some(inline) = file.inline() else { return };
        let used = inputs.inodes.len_with_index(id, file.form) % block_len;
        let room = if used == 0 { 0 } else { block_len - used };
        if to_u64(inline.bytes.len()) <= room && !inline.plain {
            return;
        }
        let inline = inline.clone();
        let start = inputs.inodes.size(id) - u64::from(inline.len);
        let extent = self.extra.put(&inline, start, file.interlaced);
        file.tail = TailPlace::Blocks;
        file.extents.push(extent);
        self.find_form(inputs, file);
    }

    fn finish(mut self, inputs: &Inputs<'_>) -> Result<Self> {
        let end = self.extra.end();
        let blocks_max = inputs.options.blocks_max().min(u64::from(u32::MAX));
        if end > blocks_max {
            return Err(Error::Full(Limit::of_blocks(inputs.options)));
        }
        self.encoded.blocks = end - inputs.first_block;
        self.encoded.find_features();
        let limits = self.encoded.limits.get_or_insert_default();
        limits.pcluster_blocks = self.encoded.blocks_max;
        Ok(self)
    }

    /// How many bytes there are to copy.
    pub(crate) fn len(&self) -> u64 {
        self.encoded.blocks.saturating_mul(self.extra.block_len())
    }

    /// Copies the blocks. Where it can, the kernel does it.
    pub(crate) fn copy(
        self,
        inputs: &Inputs<'_>,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<(Encoded, Vec<(InodeId, ChunkMap)>)> {
        let block_len = inputs.options.block_size.len();
        let pieces = self.places.iter().enumerate().flat_map(|(image, places)| {
            places.pieces(block_len, COPY_LEN).map(move |piece| (image, piece))
        });
        let pieces: Vec<_> = pieces.collect();
        pool::try_map(&pieces, Share::Single, |(image, piece)| {
            images::copy(inputs, &*self.images.all[*image], piece)?;
            report(piece.len);
            Ok(())
        })?;
        let (bytes, pos) = self.extra.bytes();
        let written = inputs.sink.write(bytes, pos);
        written.map_err(|source| Error::Write { path: None, source })?;
        report(to_u64(bytes.len()));
        Ok((self.encoded, self.maps))
    }
}

/// A file that gets its place: its image, and where the fragments of that are in the new
/// packed inode, with their length.
struct Place<'a> {
    id: InodeId,
    image: usize,
    packed: Option<&'a (u64, u64)>,
}
