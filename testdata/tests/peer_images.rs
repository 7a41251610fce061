//! Images of `mkfs.erofs` please every oracle: what complains about them
//! would be wrong about ours.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use testdata::entry::Compare;
use testdata::host;
use testdata::raw::Rule;
use testdata::skip::{Oracle, have};
use testdata::verify::{Options, verify_image};

use common::{PeerImage, sample_tree};

/// Makes an image of the sample tree and lets all oracles judge it.
fn accepted(args: &[&str]) {
    accepted_but(args, &[]);
}

/// The same, for images that break rules by some slip of `mkfs.erofs`.
fn accepted_but(args: &[&str], allow: &[Rule]) {
    if !have(Oracle::Mkfs) {
        return;
    }
    let source = sample_tree();
    let image = PeerImage::new(source.path(), args);
    let expected = host::snapshot(source.path()).unwrap();
    let options = Options {
        // The source's file system does not count subdirectories as EROFS does.
        compare: Compare { symlink_mode: false, ..Compare::ALL },
        allow,
        ..Options::default()
    };
    let verified = verify_image(&image.path(), &expected, &options);
    let verified = verified.unwrap_or_else(|text| panic!("mkfs.erofs {args:?}:\n{text}"));
    assert_eq!(verified.not_checked, Vec::<String>::new());
}

#[test]
fn plain_images_are_accepted() {
    accepted(&[]);
    accepted(&["-E", "force-inode-extended"]);
    accepted(&["-E", "noinline_data"]);
}

#[test]
fn images_of_all_block_sizes_are_accepted() {
    for size in ["512", "1024", "2048", "4096"] {
        accepted(&["-b", size]);
    }
}

#[test]
fn chunked_images_are_accepted() {
    accepted(&["--chunksize=4096"]);
    accepted(&["--chunksize=16384"]);
    accepted(&["--chunksize=4096", "-E", "force-chunk-indexes"]);
}

#[test]
fn xattrs_are_accepted_inline_shared_and_by_long_prefix() {
    accepted(&["-x", "65535"]);
    accepted(&["-x", "1"]);
    accepted(&["--xattr-prefix=user.long.prefix."]);
    accepted(&["-E", "xattr-name-filter"]);
}

#[test]
fn compressed_images_are_accepted() {
    for args in [
        &["-zlz4"][..],
        &["-zlz4hc", "-C65536"],
        &["-zlz4hc", "-E", "ztailpacking"],
        &["-zlz4hc", "-C65536", "-E", "ztailpacking,fragments"],
        &["-zlz4hc", "-C16384", "-E", "all-fragments"],
        &["-zlz4hc", "-C16384", "-E", "fragments,dedupe"],
        &["-zdeflate", "-C16384"],
        &["-zzstd", "-C65536"],
        &["-zlzma", "-C65536"],
        &["-zzstd", "-C65536", "-E", "48bit,force-inode-extended"],
        &["-zlz4", "-C16384", "-E", "48bit,force-inode-extended"],
    ] {
        // It leaves remains of its compression buffer behind inline tails.
        accepted_but(args, &[Rule::Padding]);
    }
}
