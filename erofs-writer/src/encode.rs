//! Encoding files into pclusters, in parallel.
//!
//! It is not known how much a file shrinks before it is encoded. So pclusters are written
//! as they are made: workers encode parts in any order, and the parts get their places in
//! the order of the image. Everything else gets its place afterwards.
//!
//! [`Tasks`] list the parts to encode. A queue hands them out to workers and takes the
//! results, which then get their addresses. Fragments, which are ends of files and whole
//! files, form the packed inode, which is encoded last and in the same way.

mod bytes;
mod candidates;
mod draft;
#[cfg_attr(not(feature = "image"), allow(dead_code, reason = "only images are earlier ones"))]
mod earlier;
mod encoded;
mod encoders;
mod extent;
mod found;
mod fragment;
mod inputs;
mod origin;
mod packed;
mod pclusters;
mod place;
mod queue;
mod read;
mod recipe;
mod repeats;
mod reuse;
mod room;
mod taken;
mod task;
mod tasks;
mod unplaced;
mod worker;
mod workers;

use crate::error::Result;
use crate::options::FileCodec;
use crate::tree::InodeId;

pub(crate) use earlier::Earlier;
#[cfg(feature = "image")]
pub(crate) use earlier::{Known, PartPlace};
use encoded::EncodedFile;
pub(crate) use encoded::{Encoded, Metabox};
pub(crate) use extent::{Compressed, Extent, Stored, TailPlace};
#[cfg(test)]
pub(crate) use extent::{Fragment, PclusterOf};
use found::FoundFacts;
use fragment::UnplacedFragment;
pub(crate) use inputs::{Inputs, Setting};
use origin::Origin;
pub(crate) use origin::{MakeDirectory, MakeMetadata};
pub(crate) use packed::Packed;
use place::{PlacedPart, PlacedRecipe};
#[cfg(all(test, feature = "deflate", feature = "lz4", feature = "lzma", feature = "zstd"))]
pub(crate) use recipe::REVISION;
pub(crate) use recipe::Recipe;
pub(crate) use taken::{Images, Taken};
pub(crate) use task::Stream;
pub(crate) use tasks::Tasks;
use unplaced::UnplacedFragments;

/// The encoded files, and the fragments that are left for the packed inode.
pub(crate) struct Files {
    files: Vec<EncodedFile>,
    fragments: UnplacedFragments,
    repeated_bytes: u64,
    recipes: Vec<PlacedRecipe>,
    vain: Vec<Recipe>,
    facts: FoundFacts,
    /// The block after their pclusters.
    end: u64,
}

impl Files {
    /// Encodes the files that become smaller by it. `report` gets the number of bytes of
    /// each task that is done.
    pub(crate) fn encode(
        inputs: &Inputs<'_>,
        tasks: &Tasks,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Self> {
        let placed = workers::encode(inputs, tasks, Origin::Files, inputs.first_block, report)?;
        let mut files = vec![EncodedFile::default(); inputs.reader.tree.arena_len()];
        let mut ends: Vec<(InodeId, UnplacedFragment)> = Vec::new();
        let mut recipes = Vec::new();
        for part in placed.parts {
            recipes.extend(part.recipe);
            let Stream::File(id) = part.stream else { panic!("only files were encoded") };
            files[id.index()].append(part.file);
            ends.extend(part.fragment.map(|end| (id, end)));
        }
        let mut facts = FoundFacts { ranges: placed.ranges, ..FoundFacts::default() };
        if inputs.options.keeps_facts() {
            facts.ends = ends.iter().map(|(id, end)| (*id, end.facts())).collect();
        }
        let fragments = UnplacedFragments::find(inputs, ends);
        let (repeated_bytes, end) = (placed.repeated_bytes, placed.end);
        Ok(Files { files, fragments, repeated_bytes, recipes, vain: placed.vain, facts, end })
    }

    /// Whether something goes into the packed inode.
    pub(crate) fn has_fragments(&self) -> bool {
        !self.fragments.is_empty()
    }

    /// No files: none is compressed.
    pub(crate) fn none(inputs: &Inputs<'_>) -> Self {
        Files {
            files: vec![EncodedFile::default(); inputs.reader.tree.arena_len()],
            fragments: UnplacedFragments::find(inputs, Vec::new()),
            repeated_bytes: 0,
            recipes: Vec::new(),
            vain: Vec::new(),
            facts: FoundFacts::default(),
            end: inputs.first_block,
        }
    }

    /// Gives all fragments, and so all compressed directories, their places in the packed
    /// inode, which is not encoded yet.
    pub(crate) fn pack(self, inputs: &Inputs<'_>) -> Result<(Encoded, Packed)> {
        let Files { mut files, fragments, repeated_bytes, recipes, vain, facts, end } = self;
        let shared_bytes = fragments.shared_bytes;
        let packed = fragments.place(inputs, &mut files)?;
        let blocks = end - inputs.first_block;
        let mut encoded = Encoded {
            blocks,
            repeated_bytes,
            shared_bytes,
            files,
            recipes,
            vain,
            facts,
            ..Encoded::default()
        };
        encoded.find_features();
        Ok((encoded, packed))
    }
}

impl Encoded {
    /// Encodes the packed inode, with pclusters from `block` on. `make` makes the bytes of
    /// a directory. `report` gets the number of bytes of each task that is done.
    pub(crate) fn encode_packed(
        &mut self,
        packed: &Packed,
        inputs: &Inputs<'_>,
        make: &MakeDirectory<'_>,
        block: u64,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let tasks = Tasks::of_packed(inputs, packed, make)?;
        let origin = Origin::Packed(packed, make);
        let placed = workers::encode(inputs, &tasks, origin, block, report)?;
        self.recipes.extend(placed.parts.iter().filter_map(|part| part.recipe));
        self.facts.add_packed(inputs, packed.digests(), &tasks.cut, placed.ranges);
        self.packed_blocks = placed.end - block;
        self.repeated_bytes += placed.repeated_bytes;
        let file = joined(placed.parts);
        self.packed = file.map(|mut file| {
            file.pair_blocks(inputs.options.block_size.len());
            (file, packed.len)
        });
        self.find_features();
        Ok(())
    }
}

/// Encodes the metabox, whose parts have the lengths `lens`, with pclusters from `block`
/// on. `make` makes the bytes of a part.
pub(crate) fn encode_metabox(
    inputs: &Inputs<'_>,
    codec: FileCodec,
    lens: &[u64],
    make: &MakeMetadata<'_>,
    block: u64,
    report: &(dyn Fn(u64) + Sync),
) -> Result<Metabox> {
    let tasks = Tasks::of_metabox(codec, lens);
    let placed = workers::encode(inputs, &tasks, Origin::Metabox(make), block, report)?;
    let blocks = placed.end - block;
    let file = joined(placed.parts).expect("the root is in it");
    Ok(Metabox { file, len: lens.iter().sum(), blocks })
}

/// The file of these parts, if there are any.
fn joined(parts: Vec<PlacedPart>) -> Option<Box<Compressed>> {
    let parts = parts.into_iter().map(|part| part.file);
    parts.reduce(|mut file, part| {
        file.append(*part);
        file
    })
}
