//! Blocks that flat files have in common.
//!
//! Files that share blocks are stored in chunks of a block, and chunks that follow each
//! other are merged into larger ones. The other files stay flat, as chunk maps take room.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::Result;
use crate::format::chunk::BLOCK_MAP_ENTRY_LEN;
use crate::options::{ChunkSize, Options};
use crate::plan::chunks::{self, Chunk, File, FileChunks};
use crate::plan::layout::DataPlan;
use crate::shape::{Order, files};
use crate::tree::Reader;

/// A file that shares fewer blocks is not worth a chunk map.
const SHARED_MIN: u64 = 4;

/// Finds shared blocks, and gives the files that have some their chunk maps.
pub(crate) fn plan(
    plan: &mut DataPlan,
    reader: Reader<'_>,
    order: &Order,
    options: &Options,
) -> Result<()> {
    let block_len = options.block_size.len();
    let candidates: Vec<File<'_>> = files(reader.tree, order)
        .filter(|(id, content)| content.len() >= SHARED_MIN * block_len && plan.is_open(*id))
        .collect();
    let blocks = chunks::chunks(reader, &candidates, block_len)?;
    let sharing = sharing(&blocks, block_len, options.holes);
    let files = candidates.into_iter().zip(blocks).zip(sharing);
    let sharing = files.filter_map(|(file, shares)| shares.then_some(file));
    chunks::store(plan, reader.tree, sharing, options, ChunkSize::of_block(options.block_size))
}

/// Whether each file saves more by sharing its blocks than its chunk map takes. Files can
/// save something if they have blocks of earlier files or one block several times, and so
/// can those earlier files.
fn sharing(files: &[FileChunks], block_len: u64, holes: bool) -> Vec<bool> {
    let map_len = |file: usize| files[file].count() * BLOCK_MAP_ENTRY_LEN;
    let mut owners: HashMap<Chunk, usize> = HashMap::new();
    // For each file: how many of its blocks an earlier file has, by that file, and how
    // many come again in itself.
    let mut shared: Vec<HashMap<usize, u64>> = vec![HashMap::new(); files.len()];
    let mut lent = vec![0; files.len()];
    for (file, blocks) in files.iter().enumerate() {
        for (block, count) in blocks.runs() {
            if holes && matches!(block, Chunk::Zero(_)) {
                continue;
            }
            let (owner, again) = match owners.entry(block) {
                Entry::Vacant(first) => (*first.insert(file), count - 1),
                Entry::Occupied(owner) => (*owner.get(), count),
            };
            if again > 0 {
                *shared[file].entry(owner).or_insert(0) += again;
                lent[owner] += again;
            }
        }
    }
    let pays = |blocks: u64, file: usize| {
        blocks >= SHARED_MIN && blocks.saturating_mul(block_len) > map_len(file)
    };
    let is_owner: Vec<bool> = (0..files.len()).map(|file| pays(lent[file], file)).collect();
    let takes = |(file, owners): (usize, &HashMap<usize, u64>)| {
        let blocks = owners.iter().filter(|(owner, _)| is_owner[**owner]).map(|(_, blocks)| blocks);
        is_owner[file] || pays(blocks.sum(), file)
    };
    shared.iter().enumerate().map(takes).collect()
}
