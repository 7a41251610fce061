//! Entries of indexes.

use crate::format::index::{TYPE_HEAD1, TYPE_PLAIN};

/// An lcluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Where in it an extent begins.
    pub(super) offset: u16,
    /// The block of the pcluster.
    pub(super) block: u64,
    /// Whether the extent has only a part of the bytes of its pcluster.
    pub(super) partial: bool,
    /// How many blocks the pcluster has whose extent began before.
    pub(super) blocks: Option<u16>,
}

/// Its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Head { second: bool },
    Nonhead,
}

impl Kind {
    /// The type of the lowest two bits.
    pub(super) fn of_bits(bits: u32) -> Self {
        match bits & 3 {
            bits if bits == u32::from(TYPE_PLAIN) => Kind::Plain,
            bits if bits == u32::from(TYPE_HEAD1) => Kind::Head { second: false },
            3 => Kind::Head { second: true },
            _ => Kind::Nonhead,
        }
    }
}
