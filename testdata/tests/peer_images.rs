//! Every oracle accepts images of `mkfs.erofs`: an oracle that complains about them
//! would be wrong about ours, too.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use testdata::digest::Digest;
use testdata::entry::Compare;
use testdata::host;
use testdata::raw::Rule;
use testdata::skip::{Oracle, have};
use testdata::verify::{Options, verify_image};

use common::{PeerImage, sample_tree};

/// Makes images of the sample tree in several ways and lets all oracles judge
/// them, but for rules that some slip of `mkfs.erofs` breaks.
fn accepted(variants: &[&str], allow: &[Rule]) {
    if !have(Oracle::Mkfs) {
        return;
    }
    let source = sample_tree();
    let expected = host::snapshot(source.path()).unwrap();
    let compare = Compare { symlink_mode: false, ..Compare::ALL };
    let options = Options { compare, allow, ..Options::default() };
    for variant in variants {
        let args: Vec<_> = variant.split_whitespace().collect();
        let image = PeerImage::new(source.path(), &args);
        let verified = verify_image(&image.path(), &expected, &options);
        let verified = verified.unwrap_or_else(|text| panic!("mkfs.erofs {variant}:\n{text}"));
        assert_eq!(verified.not_checked, Vec::<String>::new());
    }
}

#[test]
fn plain_images_are_accepted() {
    accepted(&["", "-Eforce-inode-extended", "-Enoinline_data"], &[]);
}

#[test]
fn images_of_all_block_sizes_are_accepted() {
    accepted(&["-b512", "-b1024", "-b2048", "-b4096"], &[]);
}

#[test]
fn chunked_images_are_accepted() {
    let indexes = "--chunksize=4096 -Eforce-chunk-indexes";
    accepted(&["--chunksize=4096", "--chunksize=16384", indexes], &[]);
}

#[test]
fn xattrs_are_accepted_inline_shared_and_by_long_prefix() {
    let prefix = "--xattr-prefix=user.long.prefix.";
    let room = "--root-xattr-isize=1000";
    accepted(&["-x65535", "-x1", prefix, "-Exattr-name-filter", room], &[]);
}

#[test]
fn compressed_images_are_accepted() {
    let variants = [
        "-zlz4",
        "-zlz4hc -C65536",
        "-zlz4hc -b1024",
        "-zlz4hc -Eztailpacking",
        "-zlz4hc -C65536 -Eztailpacking,fragments",
        "-zlz4hc -C16384 -Eall-fragments",
        "-zlz4hc -C16384 -Efragments,dedupe",
        "-zdeflate -C16384",
        "-zzstd -C65536",
        "-zlzma -C65536",
        "-zzstd -C65536 -E48bit,force-inode-extended",
        "-zlz4 -C16384 -E48bit,force-inode-extended",
    ];
    // It leaves remains of its compression buffer after inline tails.
    accepted(&variants, &[Rule::Padding]);
}

#[test]
fn every_reader_sees_a_content_that_is_not_the_expected_one() {
    if !have(Oracle::Mkfs) {
        return;
    }
    let source = sample_tree();
    let image = PeerImage::new(source.path(), &[]);
    let mut expected = host::snapshot(source.path()).unwrap();
    let entry = expected.get_mut(&b"/many/sub/link"[..]).unwrap();
    entry.content = Some(Digest::of(b"something else"));
    let text = verify_image(&image.path(), &expected, &Options::default()).unwrap_err();
    for oracle in [Oracle::ErofsRs, Oracle::KernelMount, Oracle::Fsck] {
        let complains = text.contains(&format!("{oracle}:\n/many/sub/link: content is"));
        assert!(complains || !have(oracle), "{oracle} sees nothing:\n{text}");
    }
}
