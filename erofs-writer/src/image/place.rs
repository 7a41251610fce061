//! Positions in the metadata.

/// A position in the metadata: in the image itself, or in the decoded metabox inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) in_metabox: bool,
    pub(super) pos: u64,
}

impl Place {
    pub(super) fn plus(self, len: u64) -> Self {
        Place { pos: self.pos + len, ..self }
    }

    pub(super) fn aligned(self, unit: u64) -> Self {
        Place { pos: self.pos.next_multiple_of(unit), ..self }
    }
}
