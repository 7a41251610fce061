//! The choices that make the smallest image.

use crate::codec::Codec;
use crate::options::kernel::{BIG_PCLUSTERS, INLINE_PCLUSTERS};
use crate::options::kernel::{DEFLATE, FRAGMENTS, LZMA, METABOX, WIDE_ADDRESSES, ZSTD};
use crate::options::layout::Tails;
use crate::options::set::Options;
use crate::options::sizes::PclusterSize;
use crate::options::version::KernelVersion;

/// The size of pclusters of the metabox: larger ones save a ten-thousandth more.
const METABOX_PCLUSTER: u32 = 64 * 1024;

impl Options {
    /// These options, changed to those of the smallest image that the
    /// [`target_kernel`](Self::target_kernel) can mount, which has to be set before; without
    /// one, that Linux 6.17 can mount.
    ///
    /// The build takes long, and reads of few bytes decode much. What a kernel has decides:
    ///
    /// | since Linux | choice |
    /// | --- | --- |
    /// | 6.17 | [`metabox_codec`](Self::metabox_codec), with pclusters of 64 KiB |
    /// | 6.15 | [`omit_dots`](Self::omit_dots) |
    /// | 6.1 | [`Tails::AllFragments`], [`dedupe`](Self::dedupe), [`compress_directories`](Self::compress_directories) |
    /// | 5.17 | [`Tails::Inline`] |
    /// | 5.16 | LZMA; without it, zstd (6.10), deflate (6.6) or LZ4, each at its highest level |
    /// | 5.13 | pclusters of 1 MiB |
    ///
    /// Each can be changed afterwards. Whether a kernel was built with an algorithm, its
    /// version does not tell: some have no LZMA.
    #[must_use]
    pub fn small(self) -> Self {
        let target = self.target_kernel;
        let has = |since: KernelVersion| target.is_none_or(|target| target >= since);
        let size = |bytes| PclusterSize::new(bytes).expect("a multiple of 512");
        let Some(codec) = smallest(has) else { return self };
        let mut options = self.codec(codec);
        if has(BIG_PCLUSTERS) {
            options = options.pcluster_size(size(1 << 20));
        }
        options = match (has(FRAGMENTS), has(INLINE_PCLUSTERS)) {
            (true, _) => options.tails(Tails::AllFragments).dedupe(true).compress_directories(true),
            (false, true) => options.tails(Tails::Inline),
            (false, false) => options,
        };
        if has(WIDE_ADDRESSES) {
            options = options.omit_dots(true);
        }
        match has(METABOX) {
            true => options.metabox_codec(codec).metabox_pcluster_size(size(METABOX_PCLUSTER)),
            false => options,
        }
    }
}

/// The codec that makes the smallest pclusters, of those that are built in and that a kernel
/// has.
fn smallest(has: impl Fn(KernelVersion) -> bool) -> Option<Codec> {
    let codecs: [(&str, KernelVersion); 4] = [
        ("lzma,109", LZMA),
        ("zstd,22", ZSTD),
        ("libdeflate,12", DEFLATE),
        ("lz4hc,12", KernelVersion::new(5, 4)),
    ];
    let there = codecs.into_iter().filter(|(_, since)| has(*since));
    there.filter_map(|(text, _)| text.parse().ok()).next()
}

#[cfg(all(test, feature = "lz4", feature = "lzma", feature = "zstd"))]
mod tests {
    use super::*;

    #[test]
    fn a_target_can_mount_what_it_gets() {
        let versions = [(5, 4), (5, 13), (5, 16), (5, 17), (6, 1), (6, 12), (6, 15), (6, 17)];
        let mut seen = Vec::new();
        for (major, minor) in versions {
            let options = Options::new().target_kernel(KernelVersion::new(major, minor)).small();
            assert_eq!(options.check_target(), Ok(()), "{major}.{minor}");
            assert_eq!(options.check_metadata(), Ok(()), "{major}.{minor}");
            seen.push((options.has_metabox(), options.omit_dots, options.tails, options.codec));
        }
        // With each of these but one, there is something new.
        seen.dedup();
        assert_eq!(seen.len(), versions.len() - 2);
        let newest = Options::new().small();
        assert!(newest.has_metabox() && newest.omit_dots && newest.compress_directories);
    }
}
