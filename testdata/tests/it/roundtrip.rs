//! Arbitrary trees with arbitrary options come back as they were.

use std::fs;

use erofs_writer::ImageWriter;
use proptest::prelude::*;
use testdata::expected;
use testdata::skip::Oracle;
use testdata::strategies::{Scope, Settings, TreeSpec, options, tree};
use testdata::verify::{self, verify_image};

use crate::support::try_image_by;

/// Builds the image and lets all but the oracles `without` judge it.
fn round_trip(
    spec: &TreeSpec,
    settings: &Settings,
    without: &[Oracle],
) -> Result<(), TestCaseError> {
    let tree = spec.build();
    let writer = ImageWriter::new(settings.options.clone()).threads(settings.threads);
    let output = try_image_by(writer, &tree);
    let output = output.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    let (before, image) = output.split_at(usize::try_from(settings.offset).unwrap());
    prop_assert!(before.iter().all(|byte| *byte == 0), "written before the offset");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    fs::write(&path, image).unwrap();
    let options = verify::Options { without, random_reads: 2, ..verify::Options::default() };
    let expected = expected::snapshot(&tree).unwrap();
    let verified = verify_image(&path, &expected, &options).map_err(TestCaseError::fail)?;
    prop_assert_eq!(verified.not_checked, Vec::<String>::new());
    if let Some(uuid) = settings.uuid {
        prop_assert_eq!(&image[1024 + 0x30..1024 + 0x40], uuid.as_bytes());
    }
    let mut label = settings.label.clone().into_bytes();
    label.resize(16, 0);
    prop_assert_eq!(&image[1024 + 0x40..1024 + 0x50], &label[..]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn readers_that_are_not_the_kernel_see_the_tree(
        spec in tree(Scope::Format),
        settings in options(),
    ) {
        let slow = [Oracle::KernelMount, Oracle::Fsck, Oracle::Blkid];
        round_trip(&spec, &settings, &slow)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // One for ten of the others, as each mounts twice.
        cases: ProptestConfig::default().cases / 10,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_kernel_and_fsck_see_the_tree(spec in tree(Scope::Host), settings in options()) {
        // Images that start at an offset are judged from there on.
        round_trip(&spec, &settings, &[Oracle::Blkid])?;
    }
}
