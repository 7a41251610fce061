//! An earlier image, from which results of encoding can be taken.

use crate::encode::recipe::Recipe;
use crate::format::algorithm::Algorithm;

/// What an earlier image knows about a recipe.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// Encoding was not worth it.
    Vain,
    Made(PartPlace),
}

/// Where the result for a part is in the earlier image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartPlace {
    pub(crate) nid: u64,
    /// Where in the bytes of this inode the part begins.
    pub(crate) offset: u64,
    /// The byte of the image at which its own pclusters begin.
    pub(crate) pos: u64,
}

/// An extent as it is stored in the earlier image.
#[derive(Debug, Clone)]
pub(crate) struct EarlierExtent {
    pub(crate) len: u64,
    pub(crate) pcluster: EarlierPcluster,
}

/// Where its bytes are.
#[derive(Debug, Clone)]
pub(crate) enum EarlierPcluster {
    /// In whole blocks: so many bytes from this byte of the image on.
    Blocks { pos: u64, len: u64, encoding: Encoding },
    /// After the inode.
    Inline { bytes: Vec<u8>, encoding: Encoding },
    /// In the packed inode.
    Fragment,
}

/// How they are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    /// Each byte lies where it would lie in a block of the file.
    Interlaced,
    By(Algorithm),
}

/// An earlier image. Nothing that it says is trusted, except that what it has for a
/// recipe is what that recipe gives: contents are always compared.
pub(crate) trait Earlier: std::fmt::Debug + Send + Sync {
    fn find(&self, recipe: Recipe) -> Option<Known>;

    /// The extents of the part at `place`, if they decode to `data`. The bytes in the
    /// packed inode, which are the last ones, are not compared. There are no more extents
    /// than lclusters, and one.
    fn extents(&self, place: PartPlace, data: &[u8]) -> Option<Vec<EarlierExtent>>;

    /// Fills `buf` with bytes of the image from `pos` on. Returns whether it has them.
    fn read(&self, buf: &mut [u8], pos: u64) -> bool;

    /// Told when a part of `len` bytes is taken.
    fn taken(&self, len: u64);

    /// How many bytes have been taken.
    fn taken_bytes(&self) -> u64;
}
