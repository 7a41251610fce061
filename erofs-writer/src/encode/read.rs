//! Reading the bytes that are to be encoded.

use crate::encode::inputs::Inputs;
use crate::encode::packed::Packed;
use crate::encode::task::{Part, Stream};
use crate::error::Result;
use crate::format::to_usize;

/// Reads parts of files, and of the packed inode.
#[derive(Clone, Copy)]
pub(super) struct PartReader<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) packed: &'a Packed,
}

impl PartReader<'_> {
    /// Reads the bytes of `part` into `data`, which has one byte more than the part.
    pub(super) fn read(&self, part: &Part, data: &mut [u8]) -> Result<()> {
        let Stream::File(id) = part.stream else {
            let mut at = 0;
            let len_of = |id| self.inputs.content(id).len();
            for piece in self.packed.range(part.offset, part.offset + part.len, len_of) {
                let len = to_usize(piece.len);
                // The byte after a fragment is overwritten by the next one.
                self.inputs.read(piece.id, piece.offset, &mut data[at..=at + len])?;
                at += len;
            }
            // The next part begins with a block.
            data[at..].fill(0);
            return Ok(());
        };
        self.inputs.read(id, part.offset, data)
    }

    /// Whether the source says that `part` is nothing but zeros.
    pub(super) fn is_hole(&self, part: &Part) -> Result<bool> {
        let Stream::File(id) = part.stream else { return Ok(false) };
        let bytes = part.offset..part.offset + part.len;
        let content = self.inputs.content(id);
        self.inputs.reader.with_open(id, content, |open| open.is_hole(&bytes))
    }
}
