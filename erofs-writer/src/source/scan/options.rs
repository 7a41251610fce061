//! What is read of host directories.

use crate::source::candidate::Keep;
use crate::source::hard_links::HardLinks;

/// What is read of host directories.
pub(crate) struct ScanOptions<'a> {
    pub(crate) hard_links: HardLinks,
    pub(crate) xattrs: bool,
    pub(crate) keep: Option<Box<Keep<'a>>>,
    pub(crate) strip_case_hack: bool,
    /// Whether owners, times and links do not count.
    pub(crate) contents_only: bool,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        ScanOptions {
            hard_links: HardLinks::Keep,
            xattrs: true,
            keep: None,
            strip_case_hack: false,
            contents_only: false,
        }
    }
}
