//! An earlier image, from which results of encoding can be taken.

use crate::encode::recipe::Recipe;
use crate::facts::Facts;
use crate::tree::StoredExtent;

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
    /// A hash of the result.
    pub(crate) check: u64,
}

/// An earlier image. Nothing that it says is trusted, except that what it has for a
/// recipe is what that recipe gives: contents are always compared.
pub(crate) trait Earlier: std::fmt::Debug + Send + Sync {
    fn find(&self, recipe: Recipe) -> Option<Known>;

    /// The extents of the part of `len` bytes at `place`, if they decode to `data`. If
    /// that is `None`, nothing is compared; and the bytes in the packed inode, which are
    /// the last ones, never are. There are no more extents than lclusters, and one.
    fn extents(
        &self,
        place: PartPlace,
        len: usize,
        data: Option<&[u8]>,
    ) -> Option<Vec<StoredExtent>>;

    /// Facts about the contents of files, if it has any.
    fn facts(&self) -> Option<&Facts>;

    /// Fills `buf` with bytes of the image from `pos` on. Returns whether it has them.
    fn read(&self, buf: &mut [u8], pos: u64) -> bool;

    /// Told when a part of `len` bytes is taken.
    fn taken(&self, len: u64);

    /// How many bytes have been taken.
    fn taken_bytes(&self) -> u64;
}
