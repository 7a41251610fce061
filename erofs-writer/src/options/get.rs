//! Getters of options, each with the name of its setter.

use crate::codec::Codec;
use crate::options::layout::{InodeForm, Tails};
use crate::options::names::{ImageUuid, Label, XattrPrefix};
use crate::options::rule::CompressRule;
use crate::options::set::Options;
use crate::options::sizes::{BlockSize, ChunkSize, PclusterSize};
#[cfg(feature = "verity")]
use crate::options::verity::Verity;
use crate::options::version::KernelVersion;
use crate::time::Timestamp;

/// Makes getters of fields that are copied, and of those that are not.
macro_rules! getters {
    ($($get:ident: $field:ident -> $type:ty;)+) => {
        impl Options {
            $(
                #[doc = concat!("See [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                pub fn $get(&self) -> $type {
                    self.$field
                }
            )+

            /// See [`compress_rules`](Self::compress_rules).
            pub fn get_compress_rules(&self) -> &[CompressRule] {
                &self.compress_rules
            }

            /// See [`verity`](Self::verity).
            #[cfg(feature = "verity")]
            pub fn get_verity(&self) -> Option<&Verity> {
                self.verity.as_ref()
            }

            /// See [`read_order`](Self::read_order).
            pub fn get_read_order(&self) -> &[Vec<u8>] {
                &self.read_order
            }

            /// See [`xattr_prefixes`](Self::xattr_prefixes).
            pub fn get_xattr_prefixes(&self) -> &[XattrPrefix] {
                &self.xattr_prefixes
            }
        }
    };
}

getters! {
    get_block_size: block_size -> BlockSize;
    get_label: label -> Label;
    get_uuid: uuid -> ImageUuid;
    get_build_time: build_time -> Option<Timestamp>;
    get_checksum: checksum -> bool;
    get_wide_addresses: wide_addresses -> bool;
    get_inode_form: inode_form -> InodeForm;
    get_inline_data: inline_data -> bool;
    get_chunk_size: chunk_size -> Option<ChunkSize>;
    get_chunk_indexes: chunk_indexes -> bool;
    get_codec: codec -> Option<Codec>;
    get_pcluster_size: pcluster_size -> Option<PclusterSize>;
    get_full_indexes: full_indexes -> bool;
    get_max_extent_len: max_extent_len -> Option<u64>;
    get_tails: tails -> Tails;
    get_packed_pcluster_size: packed_pcluster_size -> Option<PclusterSize>;
    get_metabox_codec: metabox_codec -> Option<Codec>;
    get_metabox_pcluster_size: metabox_pcluster_size -> Option<PclusterSize>;
    get_compress_directories: compress_directories -> bool;
    get_omit_dots: omit_dots -> bool;
    get_share_fragments: share_fragments -> bool;
    get_dedupe: dedupe -> bool;
    get_share_identical: share_identical -> bool;
    get_holes: holes -> bool;
    get_xattr_share_above: xattr_share_above -> u32;
    get_xattr_name_filter: xattr_name_filter -> bool;
    get_root_xattr_len: root_xattr_len -> u32;
    get_data_alignment: data_alignment -> u32;
    get_image_alignment: image_alignment -> u32;
    get_offset: offset -> u64;
    get_rebuildable: rebuildable -> bool;
    get_trust_store_names: trust_store_names -> bool;
    get_target_kernel: target_kernel -> Option<KernelVersion>;
}
