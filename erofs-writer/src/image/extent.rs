//! Runs of bytes of a file, and where they are stored.

use super::place::Place;
use crate::format::algorithm::Algorithm;

/// Consecutive bytes of a file that are stored in one way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Where it begins in the file.
    pub(super) start: u64,
    pub(super) len: u64,
    pub(super) stored: Stored,
}

/// Where its bytes are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stored {
    /// They are zeros.
    Hole,
    /// As they are, on a device.
    Plain {
        device: u16,
        pos: u64,
    },
    /// As they are, after the inode.
    Inline(Place),
    /// As they are in `len` bytes at `pos`, from `first` to their end and then from their
    /// start on (`z_erofs_transform_plain`).
    Interlaced {
        pos: u64,
        len: u64,
        first: u64,
    },
    Encoded(Encoded),
    /// In the packed inode, from this byte on.
    Fragment {
        offset: u64,
    },
}

impl Stored {
    /// The byte of the image at which they begin, where they are in blocks of their own.
    pub(super) fn pos(self) -> Option<u64> {
        match self {
            Stored::Plain { device: 0, pos }
            | Stored::Interlaced { pos, .. }
            | Stored::Encoded(Encoded { site: Site::Image(pos), .. }) => Some(pos),
            _ => None,
        }
    }
}

/// An encoded pcluster. The extent has the first of the bytes that it decodes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoded {
    pub(super) algorithm: Algorithm,
    pub(super) site: Site,
    pub(super) len: u64,
    /// Whether it may decode to more bytes than the extent has.
    pub(super) partial: bool,
}

/// Where a pcluster is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Site {
    /// From this byte of the image on.
    Image(u64),
    /// After the inode.
    Inline(Place),
}

/// The longest pcluster (`Z_EROFS_PCLUSTER_MAX_SIZE`).
pub(super) const PCLUSTER_MAX: u64 = 1 << 20;
/// The most bytes that one decodes to (`Z_EROFS_PCLUSTER_MAX_DSIZE`).
pub(super) const DECODED_MAX: u64 = 12 << 20;
