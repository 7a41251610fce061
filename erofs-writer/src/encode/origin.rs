//! Where the bytes of streams come from.

use crate::encode::packed::Packed;
use crate::error::Result;
use crate::tree::InodeId;

/// Makes the bytes of a directory.
pub(crate) type MakeDirectory<'a> = dyn Fn(InodeId) -> Vec<u8> + Sync + 'a;
/// Makes the bytes of a part of the metabox, by the number of the part.
pub(crate) type MakeMetadata<'a> = dyn Fn(usize, &mut [u8]) -> Result<()> + Sync + 'a;

/// Where the bytes of parts come from.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// Each part is of a file.
    Files,
    /// The parts are those of the packed inode.
    Packed(&'a Packed, &'a MakeDirectory<'a>),
    /// The parts are those of the metabox.
    Metabox(&'a MakeMetadata<'a>),
}

impl<'a> Origin<'a> {
    pub(super) fn packed(self) -> Option<&'a Packed> {
        match self {
            Origin::Packed(packed, _) => Some(packed),
            Origin::Files | Origin::Metabox(_) => None,
        }
    }
}
