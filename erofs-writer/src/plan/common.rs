//! What files have in common, as fragments.

use std::collections::{HashMap, HashSet};

use crate::tree::InodeId;

/// The end of a file that another file has as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommonEnd {
    /// The file whose last bytes are stored. That may be the file itself, if others have
    /// ends of its end.
    pub(crate) owner: InodeId,
    /// How many bytes they are.
    pub(crate) len: u64,
}

/// What files have in common.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    pub(super) of: HashMap<InodeId, CommonEnd>,
    pub(super) owners: HashSet<InodeId>,
    /// Whole fragments that begin like others.
    pub(super) alike: HashSet<InodeId>,
}

impl Ends {
    /// The end of a file that is a fragment because others have it as well.
    pub(crate) fn of(&self, id: InodeId) -> Option<CommonEnd> {
        self.of.get(&id).copied()
    }

    /// Whether others have an end of this file.
    pub(crate) fn is_owner(&self, id: InodeId) -> bool {
        self.owners.contains(&id)
    }

    /// Whether a fragment begins like another one, so that repeats can only be found if
    /// both begin with a block.
    pub(crate) fn is_aligned(&self, id: InodeId) -> bool {
        self.alike.contains(&id)
    }
}
