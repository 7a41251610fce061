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
mod worker;
mod workers;

use crate::error::Result;
use crate::tree::InodeId;

pub(crate) use earlier::Earlier;
#[cfg(feature = "image")]
pub(crate) use earlier::{Known, PartPlace};
pub(crate) use encoded::Encoded;
use encoded::EncodedFile;
pub(crate) use extent::{Compressed, Extent, Stored, TailPlace};
#[cfg(test)]
pub(crate) use extent::{Fragment, PclusterOf};
use found::FoundFacts;
use fragment::UnplacedFragment;
pub(crate) use inputs::Inputs;
use packed::{Packed, UnplacedFragments};
use place::PlacedRecipe;
#[cfg(all(test, feature = "deflate", feature = "lz4", feature = "lzma", feature = "zstd"))]
pub(crate) use recipe::REVISION;
pub(crate) use recipe::Recipe;
pub(crate) use taken::{Images, Taken};
pub(crate) use task::Stream;
pub(crate) use tasks::Tasks;

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
        let placed =
            workers::encode(inputs, tasks, &Packed::default(), inputs.first_block, report)?;
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

    /// How many bytes the packed inode holds.
    pub(crate) fn packed_len(&self) -> u64 {
        self.fragments.len
    }

    /// Encodes the packed inode, which comes last.
    pub(crate) fn encode_packed(
        self,
        inputs: &Inputs<'_>,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Encoded> {
        let Files { mut files, fragments, repeated_bytes, mut recipes, vain, mut facts, end } =
            self;
        let shared_bytes = fragments.shared_bytes;
        let packed = fragments.place(inputs, &mut files)?;
        let tasks = Tasks::of_packed(inputs, &packed)?;
        let placed = workers::encode(inputs, &tasks, &packed, end, report)?;
        recipes.extend(placed.parts.iter().filter_map(|part| part.recipe));
        facts.add_packed(inputs, packed.digests(), &tasks.cut, placed.ranges);
        let parts = placed.parts.into_iter().map(|part| part.file);
        let packed_file = parts.reduce(|mut file, part| {
            file.append(*part);
            file
        });
        let packed_file = packed_file.map(|mut file| {
            file.pair_blocks(inputs.options.block_size.len());
            (file, packed.len)
        });
        let mut encoded = Encoded {
            blocks: placed.end - inputs.first_block,
            packed: packed_file,
            repeated_bytes: repeated_bytes + placed.repeated_bytes,
            shared_bytes,
            files,
            recipes,
            vain,
            facts,
            ..Encoded::default()
        };
        encoded.find_features();
        Ok(encoded)
    }
}
