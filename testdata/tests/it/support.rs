//! Helpers of most tests: images in memory, judged and taken apart.

use std::fs;
use std::io::{Read, Seek};
use std::num::NonZeroUsize;
use std::path::Path;

use erofs_writer::{Error, ImageUuid, ImageWriter, Options, ReadAt, Tree, Uuid};
use testdata::expected;
use testdata::mount::KernelMount;
use testdata::raw::model::{self, Model};
use testdata::raw::{Findings, Image};
use testdata::skip::{Oracle, have};
use testdata::trees::Case;
use testdata::verify::{self, verify_image};

/// Default options but for the UUID: nothing has to be hashed for it, so that
/// the kernel may copy files, and equal data gives equal superblocks.
pub(crate) fn fixed() -> Options {
    Options::new().uuid(ImageUuid::Fixed(Uuid::from_u128(0x0123_4567_89ab_cdef)))
}

/// The bytes of the output after a build.
pub(crate) fn try_image(tree: &Tree, options: Options) -> Result<Vec<u8>, Error> {
    try_image_by(ImageWriter::new(options), tree)
}

/// The same by this writer, which also has to find in the image what is in the tree.
pub(crate) fn try_image_by(writer: ImageWriter<'_>, tree: &Tree) -> Result<Vec<u8>, Error> {
    let mut output = tempfile::tempfile().unwrap();
    let summary = writer.verify(true).write(tree, &output)?;
    assert!(summary.verified);
    let mut image = Vec::new();
    output.rewind().unwrap();
    output.read_to_end(&mut image).unwrap();
    Ok(image)
}

/// An image by so many threads.
#[track_caller]
pub(crate) fn image_by(threads: usize, tree: &Tree, options: Options) -> Vec<u8> {
    let writer = ImageWriter::new(options).threads(NonZeroUsize::new(threads).unwrap());
    try_image_by(writer, tree).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[track_caller]
pub(crate) fn image(tree: &Tree, options: Options) -> Vec<u8> {
    try_image(tree, options).unwrap_or_else(|error| panic!("{error}: {:?}", error))
}

/// The image taken apart; it must break no rule.
#[track_caller]
pub(crate) fn decoded(image: &[u8]) -> Model {
    let mut found = Findings::default();
    let model = model::read(&Image::from_bytes(image.to_vec()), &mut found);
    assert_eq!(found, Findings::default(), "{found}");
    model.unwrap()
}

/// The feature bits that keep older kernels from mounting the image.
#[track_caller]
pub(crate) fn incompat(image: &[u8]) -> u64 {
    decoded(image).sb.get("feature_incompat")
}

/// Whether a kernel would take the bytes for an EROFS image.
pub(crate) fn has_magic(output: &[u8], offset: usize) -> bool {
    output.get(offset + 1024..offset + 1028) == Some(&[0xe2, 0xe1, 0xf5, 0xe0])
}

/// Lets every oracle judge an image of the tree.
#[track_caller]
pub(crate) fn verify(image: &[u8], tree: &Tree, options: &verify::Options<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    fs::write(&path, image).unwrap();
    verify_path(&path, tree, options);
}

/// The same for an image in a file.
#[track_caller]
pub(crate) fn verify_path(path: &Path, tree: &Tree, options: &verify::Options<'_>) {
    let expected = expected::snapshot(tree).unwrap();
    let verified = verify_image(path, &expected, options).unwrap_or_else(|text| panic!("{text}"));
    assert_eq!(verified.not_checked, Vec::<String>::new());
}

/// Shows `look` the image where the kernel has mounted it, if this machine can
/// mount: for files too long for `verify` to read.
#[track_caller]
pub(crate) fn mounted(image: &[u8], look: impl FnOnce(&Path)) {
    if !have(Oracle::KernelMount) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    fs::write(&path, image).unwrap();
    let mount = KernelMount::new(&path).unwrap();
    look(mount.path());
}

pub(crate) fn case(name: &str) -> &'static Case {
    testdata::trees::CASES.iter().find(|case| case.name == name).unwrap()
}

/// Compares images without printing them.
#[track_caller]
pub(crate) fn assert_same(one: &[u8], other: &[u8], what: &str) {
    if one == other {
        return;
    }
    let at = one.iter().zip(other).position(|(a, b)| a != b);
    let lengths = (one.len(), other.len());
    panic!("{what}: images differ first at {at:x?}, lengths {lengths:?}");
}

/// Has a length and nothing else.
pub(crate) struct Claimed(pub(crate) u64);

impl ReadAt for Claimed {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> std::io::Result<usize> {
        panic!("an image that cannot be is not begun");
    }
}
