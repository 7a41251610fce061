//! Reading the bytes that are to be encoded.

use crate::encode::bytes::KnownPart;
use crate::encode::inputs::Inputs;
use crate::encode::packed::Packed;
use crate::encode::task::{Part, Stream};
use crate::error::Result;
use crate::facts::Digest;
use crate::format::to_usize;
use crate::tree::InodeId;

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
            let mut end = 0;
            let len_of = |id| self.inputs.content(id).len();
            for piece in self.packed.range(part.offset, part.offset + part.len, len_of) {
                let (at, len) = (to_usize(piece.at - part.offset), to_usize(piece.len));
                // Some fragments begin with a block.
                data[end..at].fill(0);
                // The byte after a fragment is overwritten by the next one.
                self.inputs.read(piece.id, piece.offset, &mut data[at..=at + len])?;
                end = at + len;
            }
            // The next part begins with a block.
            data[end..].fill(0);
            return Ok(());
        };
        self.inputs.read(id, part.offset, data)
    }

    /// Facts about `part`, if it need not be read because they are known.
    pub(super) fn known(&self, part: &Part) -> Option<KnownPart<'_>> {
        let len = to_usize(part.len);
        let contents = &self.inputs.plan.contents;
        match part.stream {
            Stream::File(id) => {
                let facts = contents.part(id, part.offset).filter(|_| self.is_all(id, part))?;
                let end = contents.of(id)?.end.filter(|_| part.is_last());
                Some(KnownPart { len, digest: facts.digest, facts: Some(facts), end })
            }
            Stream::Packed => {
                let digest = self.packed.digest(part.number)?;
                let earlier = self.inputs.earlier?.facts();
                let facts =
                    earlier.and_then(|facts| facts.packed.get(&digest)).map(|facts| &**facts);
                Some(KnownPart { len, digest, facts, end: None })
            }
        }
    }

    /// The hash of a part whose bytes are `data`. That of a part of the packed inode is
    /// one of the hashes of its fragments, if these are known.
    pub(super) fn digest(&self, part: &Part, data: &[u8]) -> Result<Digest> {
        if let Some(digest) =
            self.packed.digest(part.number).filter(|_| part.stream == Stream::Packed)
        {
            return Ok(digest);
        }
        let digest = *blake3::hash(data).as_bytes();
        let Stream::File(id) = part.stream else { return Ok(digest) };
        let known = self.inputs.plan.contents.part(id, part.offset);
        let known = known.filter(|_| self.is_all(id, part));
        match known.is_none_or(|known| known.digest == digest) {
            true => Ok(digest),
            false => self.inputs.reader.changed(id, part.offset),
        }
    }

    /// Whether the part of a file has all bytes that facts are about: that is not so
    /// before an end that others have as well.
    fn is_all(&self, id: InodeId, part: &Part) -> bool {
        part.size == self.inputs.content(id).len()
    }

    /// Whether the source says that `part` is nothing but zeros.
    pub(super) fn is_hole(&self, part: &Part) -> Result<bool> {
        let Stream::File(id) = part.stream else { return Ok(false) };
        let bytes = part.offset..part.offset + part.len;
        let content = self.inputs.content(id);
        self.inputs.reader.with_open(id, content, |open| open.is_hole(&bytes))
    }
}
