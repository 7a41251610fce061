//! What a caller wants of a manifest.

use crate::source::candidate::Keep;
use crate::source::hard_links::HardLinks;

pub(super) struct Options<'a> {
    pub(super) hard_links: HardLinks,
    pub(super) xattrs: bool,
    pub(super) strip_case_hack: bool,
    pub(super) keep: Option<Box<Keep<'a>>>,
}
