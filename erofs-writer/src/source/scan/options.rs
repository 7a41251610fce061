//! Options of a scan.

use crate::source::candidate::Keep;
use crate::source::hard_links::HardLinks;

/// Says which entries and properties of host directories are read.
pub(crate) struct ScanOptions<'a> {
    pub(crate) hard_links: HardLinks,
    pub(crate) xattrs: bool,
    pub(crate) keep: Option<Box<Keep<'a>>>,
    pub(crate) strip_case_hack: bool,
    /// Whether owners, times and hard links are ignored.
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
