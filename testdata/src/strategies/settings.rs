//! Arbitrary options.

use std::num::NonZeroUsize;

use erofs_writer::codec::lz4::Level;
use erofs_writer::{
    BlockSize, ChunkSize, Codec, ImageUuid, InodeForm, Label, Options, PclusterSize, Tails,
    Timestamp, Uuid,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Options, and those of their values that a judge of the image must know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All of them.
    pub options: Options,
    /// How many threads write it.
    pub threads: NonZeroUsize,
    /// Where the image starts.
    pub offset: u64,
    /// The label.
    pub label: String,
    /// The UUID, unless it follows from the content.
    pub uuid: Option<Uuid>,
}

/// Arbitrary options, but not [`InodeForm::Compact`], which few trees allow.
pub fn options() -> impl Strategy<Value = Settings> {
    (layout(), names(), placement()).prop_map(|(layout, names, placement)| {
        let options = placement.apply(names.apply(layout.apply(Options::new())));
        Settings {
            options,
            threads: NonZeroUsize::new(placement.threads).unwrap(),
            offset: placement.offset,
            label: names.label,
            uuid: match names.uuid {
                ImageUuid::None => Some(Uuid::nil()),
                ImageUuid::Fixed(uuid) => Some(uuid),
                _ => None,
            },
        }
    })
}

#[derive(Clone, Debug)]
struct Layout {
    block: u32,
    chunk: Option<u64>,
    form: InodeForm,
    wide: bool,
    indexes: bool,
    share: bool,
    holes: bool,
    inline_data: bool,
    compression: Option<Compression>,
    metadata: Metadata,
}

/// How inodes and directories are stored.
#[derive(Clone, Copy, Debug)]
struct Metadata {
    /// The level and the pcluster size in blocks of the metabox.
    metabox: Option<(u8, u32)>,
    directories: bool,
    omit_dots: bool,
}

#[derive(Clone, Copy, Debug)]
struct Compression {
    level: u8,
    /// In blocks.
    pcluster: u32,
    full_indexes: bool,
    dedupe: bool,
    tails: Tails,
    /// In blocks.
    max_extent: Option<u32>,
}

fn compression() -> impl Strategy<Value = Option<Compression>> {
    let level = select(vec![0_u8, 0, 1, 9, 12]);
    let pcluster = select(vec![1_u32, 1, 2, 3, 4, 16, 256]);
    let max_extent = prop_oneof![3 => Just(None), 1 => (1..40_u32).prop_map(Some)];
    let tails = [Tails::Blocks, Tails::Inline, Tails::Fragments, Tails::AllFragments];
    let tails = select(tails.to_vec());
    let some = (level, pcluster, any::<[bool; 2]>(), max_extent, tails).prop_map(
        |(level, pcluster, [full_indexes, dedupe], max_extent, tails)| {
            Some(Compression { level, pcluster, full_indexes, dedupe, tails, max_extent })
        },
    );
    prop_oneof![Just(None), some]
}

fn layout() -> impl Strategy<Value = Layout> {
    let block = prop_oneof![
        4 => Just(4096_u32),
        2 => select(vec![512, 1024, 2048]),
        1 => select(vec![8192, 16_384, 32_768, 65_536]),
    ];
    let chunk = prop_oneof![
        3 => Just(None),
        1 => select(vec![512_u64, 4096, 8192, 65_536, 1 << 20, 1 << 31]).prop_map(Some),
    ];
    let form = select(vec![InodeForm::Auto, InodeForm::Auto, InodeForm::Extended]);
    let switches = any::<[bool; 5]>();
    let parts = (block, chunk, form, switches, compression(), metadata());
    parts.prop_map(|(block, chunk, form, switches, compression, metadata)| {
        let [wide, indexes, share, holes, inline_data] = switches;
        let chunk = chunk.map(|chunk| chunk.max(block.into()));
        Layout {
            block,
            chunk,
            form,
            wide,
            indexes,
            share,
            holes,
            inline_data,
            compression,
            metadata,
        }
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let metabox = (select(vec![0_u8, 9]), select(vec![1_u32, 1, 3, 16]));
    let metabox = prop_oneof![2 => Just(None), 1 => metabox.prop_map(Some)];
    (metabox, any::<[bool; 2]>()).prop_map(|(metabox, [directories, omit_dots])| Metadata {
        metabox,
        directories,
        omit_dots,
    })
}

impl Layout {
    fn apply(&self, options: Options) -> Options {
        let options = options
            .block_size(BlockSize::new(self.block).unwrap())
            .inode_form(self.form)
            .wide_addresses(self.wide)
            .chunk_indexes(self.indexes)
            .share_identical(self.share)
            .holes(self.holes)
            .inline_data(self.inline_data);
        let options = match self.chunk {
            Some(chunk) => options.chunk_size(ChunkSize::new(chunk).unwrap()),
            None => options,
        };
        let options = match self.compression {
            Some(compression) => compression.apply(self.block, options),
            None => options,
        };
        let may_compress = self.compression.is_some() || self.metadata.metabox.is_some();
        self.metadata.apply(self.block, may_compress, options)
    }
}

impl Metadata {
    fn apply(self, block: u32, may_compress: bool, options: Options) -> Options {
        let options = match self.metabox {
            Some((level, pcluster)) => options
                .metabox_codec(Codec::Lz4(Level::new(level).unwrap()))
                .metabox_pcluster_size(PclusterSize::new((pcluster * block).min(1 << 20)).unwrap()),
            None => options,
        };
        options.omit_dots(self.omit_dots).compress_directories(self.directories && may_compress)
    }
}

impl Compression {
    fn apply(self, block: u32, options: Options) -> Options {
        let size = PclusterSize::new((self.pcluster * block).min(1 << 20)).unwrap();
        let options = options
            .codec(Codec::Lz4(Level::new(self.level).unwrap()))
            .pcluster_size(size)
            .full_indexes(self.full_indexes)
            .dedupe(self.dedupe)
            .tails(self.tails);
        match self.max_extent {
            Some(blocks) => options.max_extent_len(u64::from(blocks * block) + 100).unwrap(),
            None => options,
        }
    }
}

#[derive(Clone, Debug)]
struct Names {
    label: String,
    uuid: ImageUuid,
    time: Option<Timestamp>,
    prefixes: Vec<&'static str>,
    above: u32,
    filter: bool,
    checksum: bool,
}

fn names() -> impl Strategy<Value = Names> {
    let uuid = prop_oneof![
        Just(ImageUuid::FromContent),
        Just(ImageUuid::None),
        any::<u128>().prop_map(|bits| ImageUuid::Fixed(Uuid::from_u128(bits))),
    ];
    let at = |(sec, nsec)| Some(Timestamp { sec, nsec });
    let time = prop_oneof![
        2 => Just(None),
        1 => (0..5_i64, 0..2_u32).prop_map(at),
        1 => (0..=i64::MAX, 0..1_000_000_000_u32).prop_map(at),
    ];
    let prefix = select(vec![
        "trusted.overlay.",
        "trusted.",
        "user.common",
        "user.",
        "user.nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
        "security.unused",
    ]);
    let above = select(vec![0, 1, 2, 5, u32::MAX]);
    let parts = ("[ -~]{0,15}", uuid, time, vec(prefix, 0..4), above, any::<bool>(), any::<bool>());
    parts.prop_map(|(label, uuid, time, prefixes, above, filter, checksum)| Names {
        label,
        uuid,
        time,
        prefixes,
        above,
        filter,
        checksum,
    })
}

impl Names {
    fn apply(&self, options: Options) -> Options {
        let options = options
            .label(self.label.parse::<Label>().unwrap())
            .uuid(self.uuid)
            .xattr_prefixes(self.prefixes.iter().map(|prefix| prefix.parse().unwrap()))
            .unwrap()
            .xattr_share_above(self.above)
            .xattr_name_filter(self.filter)
            .checksum(self.checksum);
        match self.time {
            Some(time) => options.build_time(time).unwrap(),
            None => options,
        }
    }
}

#[derive(Clone, Debug)]
struct Placement {
    root_xattr_len: u32,
    data_alignment: u32,
    image_alignment: u32,
    offset: u64,
    threads: usize,
}

fn placement() -> impl Strategy<Value = Placement> {
    let root = prop_oneof![3 => Just(0_u32), 1 => select(vec![1, 16, 17, 100, 4096, 20_000])];
    let alignment = || prop_oneof![6 => Just(1_u32), 2 => select(vec![2, 3, 5, 8]), 1 => Just(64)];
    let offset = prop_oneof![2 => Just(0_u64), 1 => (1..4_u64).prop_map(|n| 4096 * n)];
    let parts = (root, alignment(), alignment(), offset, 1..=4_usize);
    parts.prop_map(|(root_xattr_len, data_alignment, image_alignment, offset, threads)| Placement {
        root_xattr_len,
        data_alignment,
        image_alignment,
        offset,
        threads,
    })
}

impl Placement {
    fn apply(&self, options: Options) -> Options {
        options
            .root_xattr_len(self.root_xattr_len)
            .and_then(|options| options.data_alignment(self.data_alignment))
            .and_then(|options| options.image_alignment(self.image_alignment))
            .and_then(|options| options.offset(self.offset))
            .unwrap()
    }
}
