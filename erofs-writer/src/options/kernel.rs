//! Which kernels can mount an image.

use std::fmt;
use std::str::FromStr;

use crate::options::{Options, OptionsError};

/// A version of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelVersion {
    major: u16,
    minor: u16,
}

impl KernelVersion {
    /// The version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        KernelVersion { major, minor }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Reads `6.1`, and of `6.1.192` what decides.
impl FromStr for KernelVersion {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let mut numbers = text.split('.').map(|part| match part.as_bytes() {
            [b'0'..=b'9', ..] => part.parse().ok(),
            _ => None,
        });
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Some(major)), Some(Some(minor)), None | Some(Some(_)), None) => {
                Ok(KernelVersion { major, minor })
            }
            _ => Err(OptionsError::KernelVersion),
        }
    }
}

/// Something in an image that older kernels do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) since: KernelVersion,
}

const fn feature(name: &'static str, major: u16, minor: u16) -> Feature {
    Feature { name, since: KernelVersion::new(major, minor) }
}

pub(crate) const ANY: Feature = feature("EROFS images", 5, 4);
pub(crate) const BIG_PCLUSTERS: Feature = feature("pclusters of more than a block", 5, 13);
pub(crate) const CHUNKS: Feature = feature("chunk-based files", 5, 15);
pub(crate) const INLINE_PCLUSTERS: Feature = feature("pclusters behind inodes", 5, 17);
pub(crate) const FRAGMENTS: Feature = feature("fragments", 6, 1);
pub(crate) const XATTR_PREFIXES: Feature = feature("long xattr prefixes", 6, 4);
/// Before, the table of prefixes is looked for in the packed inode.
pub(crate) const XATTR_PREFIXES_AND_FRAGMENTS: Feature =
    feature("long xattr prefixes beside fragments", 6, 18);
pub(crate) const SMALL_BLOCKS: Feature = feature("blocks below 4096 bytes", 6, 4);
pub(crate) const SMALL_BLOCKS_COMPRESSED: Feature =
    feature("compressed files in blocks below 4096 bytes", 6, 8);

impl Options {
    /// Refuses what Linux `version` cannot mount, and leaves out what nobody
    /// asked for: holes before 5.15. Default: the options alone decide.
    #[must_use]
    pub fn target_kernel(mut self, version: KernelVersion) -> Self {
        self.target_kernel = Some(version);
        self
    }

    /// Whether files may have holes.
    pub(crate) fn may_have_holes(&self) -> bool {
        // Compressed, zeros take next to nothing.
        let target_has_them = self.target_kernel.is_none_or(|target| target >= CHUNKS.since);
        self.holes && target_has_them && !self.may_compress()
    }

    /// An error if something is asked for that the target does not know.
    pub(crate) fn check_target(&self) -> Result<(), OptionsError> {
        let Some(target) = self.target_kernel else { return Ok(()) };
        let has_small_blocks = self.block_size.bits() < 12;
        let asked = [
            (true, ANY),
            (self.may_have_big_pclusters(), BIG_PCLUSTERS),
            (self.chunk_size.is_some(), CHUNKS),
            (self.inline_pclusters && self.may_compress(), INLINE_PCLUSTERS),
            (self.may_have_fragments(), FRAGMENTS),
            (!self.xattr_prefixes.is_empty(), XATTR_PREFIXES),
            (
                !self.xattr_prefixes.is_empty() && self.may_have_fragments(),
                XATTR_PREFIXES_AND_FRAGMENTS,
            ),
            (has_small_blocks, SMALL_BLOCKS),
            (has_small_blocks && self.may_compress(), SMALL_BLOCKS_COMPRESSED),
        ];
        match asked.into_iter().find(|(asked, feature)| *asked && feature.since > target) {
            Some((_, Feature { name: feature, since })) => {
                Err(OptionsError::TargetKernel { feature, since, target })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        let version = |text: &str| text.parse::<KernelVersion>();
        assert_eq!(version("6.1"), Ok(KernelVersion::new(6, 1)));
        assert_eq!(version("6.12.7"), Ok(KernelVersion::new(6, 12)));
        assert!(version("6.12").ok() > version("6.4").ok());
        for text in ["", "6", "6.", ".1", "6.+1", "6.1.", "6.1.2.3", "v6.1", "6.1-rc1", "6.70000"] {
            assert_eq!(version(text), Err(OptionsError::KernelVersion), "{text}");
        }
    }
}
