//! Encoding files into pclusters, in parallel.
//!
//! How much a file shrinks is not known before it is encoded, so its
//! pclusters are written one after the other as they come: workers encode
//! parts in any order, and parts get their places in the order of the image.
//! Everything else gets its place afterwards.
//!
//! [`Tasks`] say what there is to do. Workers do them, a queue hands them out and
//! takes what they became, and places give that its addresses. What is left of
//! files then becomes the packed inode, which is encoded in the same way.

mod candidates;
mod encoded;
mod encoders;
mod extent;
mod fragment;
mod inputs;
mod packed;
mod pclusters;
mod place;
mod queue;
mod read;
mod repeats;
mod room;
mod task;
mod tasks;
mod worker;
mod workers;

use crate::error::Result;

pub(crate) use encoded::Encoded;
use encoded::EncodedFile;
pub(crate) use extent::{Compressed, Extent, Stored, TailPlace};
#[cfg(test)]
pub(crate) use extent::{Fragment, PclusterOf};
pub(crate) use inputs::Inputs;
use packed::{Packed, UnplacedFragments};
use task::Stream;
pub(crate) use tasks::Tasks;

/// The files when they are encoded, and what is left for the packed inode.
pub(crate) struct Files {
    files: Vec<EncodedFile>,
    fragments: UnplacedFragments,
    repeated_bytes: u64,
    /// The block after their pclusters.
    end: u64,
}

impl Files {
    /// Encodes files that become smaller by it.
    pub(crate) fn encode(
        inputs: &Inputs<'_>,
        tasks: &Tasks,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Self> {
        let placed =
            workers::encode(inputs, tasks, &Packed::default(), inputs.first_block, report)?;
        let mut files = vec![EncodedFile::default(); inputs.reader.tree.arena_len()];
        let mut ends = Vec::new();
        for part in placed.parts {
            let Stream::File(id) = part.stream else { panic!("only files were encoded") };
            files[id.index()].append(part.file);
            ends.extend(part.fragment.map(|end| (id, end)));
        }
        let fragments = UnplacedFragments::find(inputs, ends);
        Ok(Files { files, fragments, repeated_bytes: placed.repeated_bytes, end: placed.end })
    }

    /// How many bytes the packed inode has.
    pub(crate) fn packed_len(&self) -> u64 {
        self.fragments.len
    }

    /// Encodes the packed inode, the last of all.
    pub(crate) fn encode_packed(
        self,
        inputs: &Inputs<'_>,
        report: &(dyn Fn(u64) + Sync),
    ) -> Result<Encoded> {
        let Files { mut files, fragments, repeated_bytes, end } = self;
        let shared_bytes = fragments.shared_bytes;
        let packed = fragments.place(inputs, &mut files)?;
        let tasks = Tasks::of_packed(inputs, &packed)?;
        let placed = workers::encode(inputs, &tasks, &packed, end, report)?;
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
            ..Encoded::default()
        };
        encoded.find_features();
        Ok(encoded)
    }
}
