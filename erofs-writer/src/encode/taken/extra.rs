//! Blocks that no image has.

use crate::encode::extent::{Extent, InlinePcluster, PclusterOf};
use crate::encode::inputs::Inputs;
use crate::error::{Error, TreeErrorKind};
use crate::format::{to_u64, to_usize};
use crate::tree::InodeId;

/// Blocks with bytes that lie after inodes in the images, and not in the new one.
#[derive(Debug)]
pub(super) struct Extra {
    first: u64,
    block_len: usize,
    bytes: Vec<u8>,
}

impl Extra {
    /// None so far; they begin with the block `first`.
    pub(super) fn new(first: u64, block_len: usize) -> Self {
        Extra { first, block_len, bytes: Vec::new() }
    }

    /// The block after the last one.
    pub(super) fn end(&self) -> u64 {
        self.first + to_u64(self.bytes.len() / self.block_len)
    }

    pub(super) fn block_len(&self) -> u64 {
        to_u64(self.block_len)
    }

    /// All bytes, and their position in the new image.
    pub(super) fn bytes(&self) -> (&[u8], u64) {
        (&self.bytes, self.first * self.block_len())
    }

    /// Puts an inline pcluster that begins at `start` in its file into a block. Returns its
    /// extent.
    pub(super) fn put(&mut self, inline: &InlinePcluster, start: u64, interlaced: bool) -> Extent {
        let InlinePcluster { len, plain, bytes } = inline;
        let block = self.end();
        let at = self.bytes.len();
        self.bytes.resize(at + self.block_len, 0);
        let new = &mut self.bytes[at..];
        if *plain {
            new[..bytes.len()].copy_from_slice(bytes);
            if interlaced {
                new.rotate_right(to_usize(start % to_u64(new.len())));
            }
        } else {
            let zeros = new.len() - bytes.len();
            new[zeros..].copy_from_slice(bytes);
        }
        Extent {
            len: *len,
            // An image with too many blocks is refused before it is written.
            block: u32::try_from(block).unwrap_or(u32::MAX),
            blocks: 1,
            plain: *plain,
            partial: false,
            pcluster: PclusterOf::ThisPart,
        }
    }
}

/// The error for a file that cannot be taken over.
pub(super) fn not_as_stored(inputs: &Inputs<'_>, id: InodeId, why: &'static str) -> Error {
    Error::tree(inputs.reader.tree.path_of(id), TreeErrorKind::NotAsStored { why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other() {
        let mut extra = Extra::new(7, 4);
        let inline = InlinePcluster { len: 3, plain: true, bytes: Box::new([5, 6, 7]) };
        let extent = extra.put(&inline, 2, true);
        assert_eq!((extent.block, extent.blocks, extent.len, extent.plain), (7, 1, 3, true));
        let coded = InlinePcluster { len: 30, plain: false, bytes: Box::new([5, 6, 7]) };
        let extent = extra.put(&coded, 2, true);
        assert_eq!((extent.block, extent.len, extent.plain, extra.end()), (8, 30, false, 9));
        extra.put(&inline, 2, false);
        let expected = [7, 0, 5, 6, 0, 5, 6, 7, 5, 6, 7, 0];
        assert_eq!(extra.bytes(), (&expected[..], 28), "turned, after zeros, and as it is");
    }
}
