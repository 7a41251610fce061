//! Ends of files for the packed inode, as they are before they have their place
//! in it.

use crate::alike::{Kept, Sketch};
use crate::format::to_u64;

/// Longer ones fill pclusters of their own, whatever is beside them.
const SKETCHED_MAX: u64 = 64 * 1024;

/// The end of a file, for the packed inode.
#[derive(Debug, Clone)]
pub(crate) struct UnplacedFragment {
    pub(crate) len: u64,
    pub(super) digest: blake3::Hash,
    /// Nothing if it was not made yet.
    pub(super) sketch: Option<Sketch>,
}

impl UnplacedFragment {
    pub(super) fn new(bytes: &[u8], kept: &Kept) -> Self {
        let len = to_u64(bytes.len());
        let sketch = if is_sketched(len) { kept.sketch(bytes) } else { None };
        UnplacedFragment { len, digest: blake3::hash(bytes), sketch }
    }
}

/// Whether it matters what is beside a fragment of `len` bytes.
pub(super) fn is_sketched(len: u64) -> bool {
    len <= SKETCHED_MAX
}
