//! The kernels that can mount an image.

use std::str::FromStr;

use crate::format::algorithm::Algorithm;
use crate::options::error::OptionsError;
use crate::options::set::Options;
use crate::options::version::KernelVersion;

/// Parses `6.1`, `6.1.192`, or what `uname -r` prints, such as `6.12.0-rc3` and
/// `6.1.0-13-amd64`. Only the first two numbers count.
impl FromStr for KernelVersion {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let read = || {
            let (major, rest) = text.split_once('.')?;
            let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
            let (minor, rest) = rest.split_at(end);
            let is_right = match rest.as_bytes() {
                [] => true,
                [b'.' | b'-' | b'+' | b'_', next, ..] => next.is_ascii_alphanumeric(),
                // A tree with changes that are not committed.
                [b'+'] => true,
                _ => false,
            };
            // `parse` would take a sign.
            let number = |digits: &str| match digits.as_bytes() {
                [b'0'..=b'9', ..] => digits.parse().ok(),
                _ => None,
            };
            Some(KernelVersion::new(number(major)?, number(minor)?)).filter(|_| is_right)
        };
        read().ok_or(OptionsError::KernelVersion)
    }
}

/// Features that an image has, or that options ask for, and that not every kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is there or not, whatever the others")]
pub(crate) struct Features {
    pub(crate) small_blocks: bool,
    pub(crate) compressed: bool,
    pub(crate) lzma: bool,
    pub(crate) deflate: bool,
    pub(crate) zstd: bool,
    pub(crate) big_pclusters: bool,
    pub(crate) chunks: bool,
    pub(crate) devices: bool,
    pub(crate) inline_pclusters: bool,
    pub(crate) fragments: bool,
    pub(crate) dedupe: bool,
    pub(crate) xattr_prefixes: bool,
    pub(crate) wide_addresses: bool,
    pub(crate) metabox: bool,
}

/// The first versions that have pclusters of several blocks, chunk-based files, LZMA,
/// pclusters after inodes, fragments, deflate, zstd, addresses of 48 bits, and inodes in the
/// metabox.
pub(super) const BIG_PCLUSTERS: KernelVersion = KernelVersion::new(5, 13);
const CHUNKS: KernelVersion = KernelVersion::new(5, 15);
pub(super) const LZMA: KernelVersion = KernelVersion::new(5, 16);
pub(super) const INLINE_PCLUSTERS: KernelVersion = KernelVersion::new(5, 17);
pub(super) const FRAGMENTS: KernelVersion = KernelVersion::new(6, 1);
pub(super) const DEFLATE: KernelVersion = KernelVersion::new(6, 6);
pub(super) const ZSTD: KernelVersion = KernelVersion::new(6, 10);
pub(super) const WIDE_ADDRESSES: KernelVersion = KernelVersion::new(6, 15);
pub(super) const METABOX: KernelVersion = KernelVersion::new(6, 17);

impl Features {
    /// The name of each feature that is set, with the first version that has it.
    fn needs(self) -> impl Iterator<Item = (&'static str, KernelVersion)> {
        let since = KernelVersion::new;
        let small_and_compressed = self.small_blocks && self.compressed;
        // Before 6.18, `erofs_xattr_prefixes_init` reads the table of prefixes from the
        // packed inode if there is one.
        let prefixes_and_fragments = self.xattr_prefixes && self.fragments;
        [
            (true, "EROFS images", since(5, 4)),
            // These features may also need some of the next ones. An error names the
            // first that is too new.
            (self.fragments, "fragments", FRAGMENTS),
            (self.metabox, "compressed inodes", METABOX),
            (self.zstd, "files compressed by zstd", ZSTD),
            (self.deflate, "files compressed by deflate", DEFLATE),
            (self.lzma, "files compressed by LZMA", LZMA),
            (self.big_pclusters, "pclusters of more than a block", BIG_PCLUSTERS),
            (self.chunks, "chunk-based files", CHUNKS),
            (self.devices, "further devices", since(5, 16)),
            (self.inline_pclusters, "pclusters after inodes", INLINE_PCLUSTERS),
            (self.dedupe, "pclusters of several files", since(6, 1)),
            (self.xattr_prefixes, "long xattr prefixes", since(6, 4)),
            (prefixes_and_fragments, "long xattr prefixes beside fragments", since(6, 18)),
            (self.wide_addresses, "addresses of 48 bits", WIDE_ADDRESSES),
            (self.small_blocks, "blocks below 4096 bytes", since(6, 4)),
            (small_and_compressed, "compressed files in blocks below 4096 bytes", since(6, 8)),
        ]
        .into_iter()
        .filter(|(there, ..)| *there)
        .map(|(_, name, since)| (name, since))
    }

    /// The first version that has all of them.
    pub(crate) fn oldest_kernel(self) -> KernelVersion {
        let versions = self.needs().map(|(_, since)| since);
        versions.max().expect("images need some version")
    }
}

impl Options {
    /// Refuses options that Linux `version` cannot mount. For versions before 5.15, it
    /// also turns off [holes](Options::holes), which are a default. Default: no target,
    /// the options alone decide.
    ///
    /// The version says nothing about the page size. Blocks of more than 4096 bytes
    /// need pages of at least that size as well: see
    /// [`Summary::page_size_min`](crate::Summary::page_size_min).
    #[must_use]
    pub fn target_kernel(mut self, version: KernelVersion) -> Self {
        self.target_kernel = Some(version);
        self
    }

    /// Whether files may have holes.
    pub(crate) fn may_have_holes(&self) -> bool {
        let target_has_them = self.target_kernel.is_none_or(|target| target >= CHUNKS);
        self.holes && target_has_them
    }

    /// The features that these options ask for.
    fn features(&self) -> Features {
        let algorithms = self.algorithms();
        Features {
            small_blocks: self.block_size.is_small(),
            compressed: self.may_compress() || self.has_metabox(),
            lzma: algorithms.contains(&Algorithm::Lzma),
            deflate: algorithms.contains(&Algorithm::Deflate),
            zstd: algorithms.contains(&Algorithm::Zstd),
            big_pclusters: self.may_have_big_pclusters(),
            chunks: self.chunk_size.is_some() || self.may_share_blocks(),
            devices: false,
            inline_pclusters: self.may_have_inline_pclusters(),
            fragments: self.may_have_packed_inode(),
            dedupe: self.may_have_repeats(),
            xattr_prefixes: !self.xattr_prefixes.is_empty(),
            wide_addresses: self.wide_addresses,
            metabox: self.has_metabox(),
        }
    }

    /// Returns an error if the options ask for a feature that the target does not have.
    pub(crate) fn check_target(&self) -> Result<(), OptionsError> {
        let Some(target) = self.target_kernel else { return Ok(()) };
        match self.features().needs().find(|(_, since)| *since > target) {
            Some((feature, since)) => Err(OptionsError::TargetKernel { feature, since, target }),
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
        for release in ["6.1.0-13-amd64", "6.1.0-rc1", "6.1-rc1", "6.1+", "6.1.2_1", "6.1.2.3"] {
            assert_eq!(version(release), Ok(KernelVersion::new(6, 1)), "{release}");
        }
        for text in ["", "6", "6.", ".1", "6.+1", "+6.1", "6.1.", "6.1x", "v6.1", "6.1-", "6.70000"]
        {
            assert_eq!(version(text), Err(OptionsError::KernelVersion), "{text}");
        }
    }

    #[test]
    fn the_table_of_the_documents_is_that_of_the_code() {
        let all = Features {
            small_blocks: true,
            compressed: true,
            lzma: true,
            deflate: true,
            zstd: true,
            big_pclusters: true,
            chunks: true,
            devices: true,
            inline_pclusters: true,
            fragments: true,
            dedupe: true,
            xattr_prefixes: true,
            wide_addresses: true,
            metabox: true,
        };
        let mut rows: Vec<_> = all.needs().map(|(name, since)| (since, name.to_owned())).collect();
        rows.sort();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kernels.md");
        let text = std::fs::read_to_string(path).expect("is in the repository");
        let cells = |line: &str| line.split(" | ").map(str::to_owned).collect::<Vec<String>>();
        let table = text.lines().skip_while(|line| !line.starts_with("| since Linux")).skip(2);
        let told: Vec<_> = table
            .map_while(|line| line.strip_prefix("| ").map(cells))
            .map(|cells| (cells[0].parse::<KernelVersion>().expect("a version"), cells[1].clone()))
            .collect();
        let mut sorted = told.clone();
        sorted.sort();
        assert_eq!(sorted, rows);
        assert!(told.is_sorted_by_key(|(since, _)| *since), "the oldest first");
    }
}
