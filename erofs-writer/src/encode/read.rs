//! Reading the bytes that are to be encoded.

use crate::encode::bytes::KnownPart;
use crate::encode::inputs::Inputs;
use crate::encode::origin::{MakeDirectory, Origin};
use crate::encode::packed::{Packed, PackedPiece};
use crate::encode::task::{Part, Stream};
use crate::error::Result;
use crate::facts::Digest;
use crate::format::to_usize;
use crate::tree::{InodeId, Kind};

/// Reads the parts of streams.
#[derive(Clone, Copy)]
pub(super) struct PartReader<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) origin: Origin<'a>,
}

impl PartReader<'_> {
    /// Reads the bytes of `part` into `data`, which has one byte more than the part.
    pub(super) fn read(&self, part: &Part, data: &mut [u8]) -> Result<()> {
        match (part.stream, self.origin) {
            (Stream::File(id), _) => self.inputs.read(id, part.offset, data),
            (_, Origin::Packed(packed, make)) => self.read_packed(packed, make, part, data),
            (_, Origin::Metabox(make)) => make(part.number, &mut data[..to_usize(part.len)]),
            (_, Origin::Files) => panic!("only files are read"),
        }
    }

    fn read_packed(
        &self,
        packed: &Packed,
        make: &MakeDirectory<'_>,
        part: &Part,
        data: &mut [u8],
    ) -> Result<()> {
        let mut end = 0;
        let len_of = |id| self.inputs.inodes.size(id);
        for piece in packed.range(part.offset, part.offset + part.len, len_of) {
            let PackedPiece { id, offset, at, len } = piece;
            let (at, len) = (to_usize(at - part.offset), to_usize(len));
            // Some fragments begin with a block.
            data[end..at].fill(0);
            match self.inputs.reader.tree.inode(id).kind {
                Kind::Directory(_) => {
                    let offset = to_usize(offset);
                    data[at..at + len].copy_from_slice(&make(id)[offset..offset + len]);
                }
                // The byte after a fragment is overwritten by the next one.
                _ => self.inputs.read(id, offset, &mut data[at..=at + len])?,
            }
            end = at + len;
        }
        // The next part begins with a block.
        data[end..].fill(0);
        Ok(())
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
                let digest = self.origin.packed()?.digest(part.number)?;
                let earlier = self.inputs.earlier?.facts();
                let facts =
                    earlier.and_then(|facts| facts.packed.get(&digest)).map(|facts| &**facts);
                Some(KnownPart { len, digest, facts, end: None })
            }
            Stream::Metabox => None,
        }
    }

    /// The hash of a part whose bytes are `data`. That of a part of the packed inode is
    /// one of the hashes of its fragments, if these are known.
    pub(super) fn digest(&self, part: &Part, data: &[u8]) -> Result<Digest> {
        if let Some(digest) = self.origin.packed().and_then(|packed| packed.digest(part.number)) {
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
