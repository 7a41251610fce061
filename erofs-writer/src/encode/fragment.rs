//! Ends of files for the packed inode, before they have places in it.

use crate::alike::{Kept, Sketch};
use crate::facts::{Digest, EndFacts};
use crate::format::to_u64;

/// The length of the longest fragment that gets a sketch. Longer ones fill pclusters of
/// their own, so their neighbours do not matter.
const SKETCHED_MAX: u64 = 64 * 1024;

/// The end of a file, for the packed inode.
#[derive(Debug, Clone)]
pub(super) struct UnplacedFragment {
    pub(crate) len: u64,
    pub(super) digest: Digest,
    /// `None` if it is not made yet.
    pub(super) sketch: Option<Sketch>,
}

impl UnplacedFragment {
    pub(super) fn new(bytes: &[u8], kept: &Kept) -> Self {
        let len = to_u64(bytes.len());
        let sketch = if is_sketched(len) { kept.sketch(bytes) } else { None };
        UnplacedFragment { len, digest: *blake3::hash(bytes).as_bytes(), sketch }
    }

    pub(super) fn facts(&self) -> EndFacts {
        EndFacts { len: self.len, digest: self.digest }
    }
}

/// Whether the neighbours of a fragment of `len` bytes matter.
pub(super) fn is_sketched(len: u64) -> bool {
    len <= SKETCHED_MAX
}
