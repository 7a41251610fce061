//! The image when everything has its place.

use crate::codec::config::CompressionConfig;
use crate::format::algorithm::Algorithm;
use crate::meta::Ends;
use crate::options::kernel::Features;
use crate::write::Job;

/// Everything that is known about an image before its superblock is made.
pub(super) struct Whole<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) ends: &'a Ends,
}

impl Whole<'_> {
    /// The length of the image in bytes.
    pub(super) fn len(&self) -> u64 {
        self.ends.len(&self.job.placement.bodies)
    }

    /// How many blocks hold inodes and tables, with the superblock.
    pub(super) fn meta_blocks(&self) -> u64 {
        let Job { placement, .. } = self.job;
        let metabox = self.ends.metabox.as_ref().map_or(0, |at| at.metabox.blocks);
        let own = self.ends.own.end - self.ends.own.start;
        placement.meta_end - placement.bodies.encoded.blocks + metabox + own
    }

    /// How many inodes there are, with those that no directory names.
    pub(super) fn inode_count(&self) -> u64 {
        let named = crate::format::to_u64(self.job.placement.by_pos().len());
        named + crate::format::to_u64(self.ends.specials().count())
    }

    /// The algorithms in the image, in the order of their numbers.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let encoded = self.job.placement.bodies.encoded;
        let metabox = self.ends.metabox.as_ref().map(|at| at.metabox.file.algorithm);
        let mut all: Vec<Algorithm> = encoded.algorithms.iter().copied().chain(metabox).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The settings of the algorithms in the image.
    pub(super) fn compression_config(&self) -> CompressionConfig {
        let Job { options, placement, .. } = self.job;
        let wanted = options.codec_limits();
        let mut limits = placement.bodies.encoded.limits.map_or(wanted, |taken| taken.max(wanted));
        if !self.has_big_pclusters() {
            limits.pcluster_blocks = 1;
        }
        CompressionConfig::new(&self.algorithms(), limits)
    }

    fn has_big_pclusters(&self) -> bool {
        let metabox = self.ends.metabox.as_ref();
        self.job.placement.bodies.encoded.has_big_pclusters
            || metabox.is_some_and(|at| at.metabox.has_big_pclusters())
    }

    /// The features of the image that not every kernel has.
    pub(super) fn features(&self) -> Features {
        let Job { options, placement, plan, inodes, .. } = self.job;
        let encoded = placement.bodies.encoded;
        let algorithms = self.algorithms();
        Features {
            small_blocks: options.block_size.is_small(),
            compressed: !algorithms.is_empty(),
            lzma: algorithms.contains(&Algorithm::Lzma),
            deflate: algorithms.contains(&Algorithm::Deflate),
            zstd: algorithms.contains(&Algorithm::Zstd),
            big_pclusters: self.has_big_pclusters(),
            chunks: !plan.maps.is_empty(),
            devices: !plan.devices.is_empty() || encoded.has_second_algorithms(),
            inline_pclusters: encoded.has_inline_pclusters,
            fragments: encoded.packed.is_some(),
            dedupe: encoded.repeated_bytes > 0,
            xattr_prefixes: inodes.xattrs.prefix_count > 0,
            wide_addresses: options.wide_addresses,
            metabox: self.ends.metabox.is_some(),
        }
    }
}
