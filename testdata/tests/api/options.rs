//! Values that go in come out, and invalid values are refused when they are made.

use std::time::{Duration, UNIX_EPOCH};

use erofs_writer::codec::{SettingError, lz4::Level};
use erofs_writer::ere::Ere;
use erofs_writer::{
    BlockSize, ChunkSize, Codec, CompressRule, Error, ImageUuid, InodeForm, KernelVersion, Options,
    OptionsError, PclusterSize, Result, Tails, Timestamp, Uuid, XattrPrefix,
};

fn filled() -> Result<Options> {
    let rule = CompressRule::new(Ere::new(b"x$").unwrap()).pcluster_size(PclusterSize::new(8192)?);
    Ok(Options::new()
        .block_size(BlockSize::new(8192)?)
        .label("label".parse()?)
        .uuid(ImageUuid::None)
        .build_time((UNIX_EPOCH + Duration::from_secs(7)).into())?
        .checksum(false)
        .wide_addresses(true)
        .inode_form(InodeForm::Extended)
        .inline_data(false)
        .chunk_size(ChunkSize::new(16384)?)
        .chunk_indexes(true)
        .codec(Codec::Lz4("9".parse()?))
        .pcluster_size(PclusterSize::new(16384)?)
        .full_indexes(true)
        .compress_rules([rule])
        .max_extent_len(65536)?
        .tails(Tails::Fragments)
        .packed_pcluster_size(PclusterSize::new(32768)?)
        .share_fragments(false)
        .dedupe(true)
        .share_identical(false)
        .holes(false)
        .xattr_share_above(5)
        .xattr_name_filter(false)
        .xattr_prefixes([XattrPrefix::new("user.a.")?])?
        .root_xattr_len(6)?
        .data_alignment(2)?
        .image_alignment(3)?
        .offset(4096)?
        .target_kernel(KernelVersion::new(6, 12)))
}

#[test]
fn what_goes_in_comes_out() {
    let options = filled().unwrap();
    assert_eq!(options.get_block_size().bytes(), 8192);
    assert_eq!(options.get_label().as_bytes(), b"label");
    assert_eq!(options.get_label().to_string(), "label");
    assert_eq!(options.get_uuid(), ImageUuid::None);
    assert_eq!(options.get_build_time(), Some(Timestamp::from_sec(7)));
    assert_eq!((options.get_checksum(), options.get_wide_addresses()), (false, true));
    assert_eq!(options.get_inode_form(), InodeForm::Extended);
    assert!(!options.get_inline_data());
    assert_eq!(options.get_chunk_size().map(ChunkSize::bytes), Some(16384));
    assert!(options.get_chunk_indexes() && options.get_full_indexes());
    let Some(Codec::Lz4(level)) = options.get_codec() else { panic!("{:?}", options.get_codec()) };
    assert_eq!((level.get(), level.to_string()), (9, "9".to_owned()));
    assert_eq!(options.get_pcluster_size().map(PclusterSize::bytes), Some(16384));
    let rule = &options.get_compress_rules()[0];
    assert_eq!(rule.get_codec(), None);
    assert_eq!(rule.get_pcluster_size().map(PclusterSize::bytes), Some(8192));
    assert!(rule.get_pattern().is_match(b"ax"));
    assert_eq!(rule.get_pattern().as_bytes(), b"x$");
    assert!(options.get_dedupe());
    assert_eq!(options.get_max_extent_len(), Some(65536));
    assert_eq!(options.get_tails(), Tails::Fragments);
    assert_eq!(options.get_packed_pcluster_size().map(PclusterSize::bytes), Some(32768));
    assert!(!options.get_share_fragments() && !options.get_share_identical());
    assert!(!options.get_holes() && !options.get_xattr_name_filter());
    assert_eq!((options.get_xattr_share_above(), options.get_root_xattr_len()), (5, 6));
    assert_eq!(options.get_xattr_prefixes()[0].to_string(), "user.a.");
    assert_eq!((options.get_data_alignment(), options.get_image_alignment()), (2, 3));
    assert_eq!(options.get_offset(), 4096);
    let kernel = options.get_target_kernel().unwrap();
    assert_eq!((kernel.major(), kernel.minor()), (6, 12));
}

#[test]
fn values_that_are_none_are_refused_when_they_are_made() {
    let options = Options::new();
    let before_1970 = Timestamp::from(UNIX_EPOCH - Duration::from_secs(1));
    assert_eq!(options.clone().build_time(before_1970), Err(OptionsError::BuildTime));
    assert_eq!(options.clone().max_extent_len(0), Err(OptionsError::MaxExtentLen));
    assert_eq!(options.clone().offset(u64::MAX), Err(OptionsError::Offset));
    assert_eq!(options.clone().data_alignment(0), Err(OptionsError::Alignment));
    assert_eq!(options.clone().image_alignment(0), Err(OptionsError::Alignment));
    assert_eq!(
        options.clone().root_xattr_len(262_148).map(|o| o.get_root_xattr_len()),
        Ok(262_148)
    );
    for len in [262_149, u32::MAX] {
        let error = options.clone().root_xattr_len(len);
        assert_eq!(error, Err(OptionsError::RootXattrLen), "{len}");
    }
    let prefixes = |count| vec![XattrPrefix::new("user.a.").unwrap(); count];
    assert!(options.clone().xattr_prefixes(prefixes(128)).is_ok());
    let error = Err(OptionsError::TooManyXattrPrefixes);
    assert_eq!(options.clone().xattr_prefixes(prefixes(129)), error);
    // An iterator without an end is not read to its end.
    let endless = std::iter::repeat_with(|| XattrPrefix::new("user.a.").unwrap());
    assert_eq!(options.xattr_prefixes(endless), error);
    assert_eq!(Level::new(13), Err(SettingError::Lz4Level));
    // Errors of values become the one error of the crate.
    let level = || -> Result<Level> { Ok("hard".parse()?) };
    assert!(matches!(level(), Err(Error::Options(OptionsError::Codec(SettingError::Lz4Level)))));
}

#[test]
fn store_images_have_the_label_and_the_uuid_that_systems_look_for() {
    let options = Options::store_image();
    assert_eq!(options.get_label().to_string(), "nix-store");
    let uuid = Uuid::from_u128(0xeb17_6051_bd15_49b7_9e6b_462e_0b46_7019);
    assert_eq!(options.get_uuid(), ImageUuid::Fixed(uuid));
}
