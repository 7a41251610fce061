//! Bases whose facts are forged: the hash of their table is right, and they are not.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::base::Base;
use crate::codec::Codec;
use crate::codec::lz4::Level;
use crate::encode::Earlier;
use crate::facts::{EndFacts, Facts, FileFacts, PartFacts, RangeFacts};
use crate::format::to_u64;
use crate::options::{ImageUuid, PclusterSize, Tails};
use crate::sink::SeekWriter;

const NAME: &str = "0c3k8z5v7q1w2x4y6a8b9d0f1g2h3i4j-name";

/// Files that repeat each other, one of them longer than a part.
fn store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("there is room");
    let text = |from: u32, to: u32| -> Vec<u8> {
        (from..to).flat_map(|n| n.wrapping_mul(n).to_string().into_bytes()).collect()
    };
    fs::create_dir(dir.path().join(NAME)).expect("is writable");
    for (name, bytes) in [
        ("long", text(0, 700_000)),
        ("repeats", [text(9, 5000), text(1000, 30_000)].concat()),
        ("short", text(5, 400)),
        ("twin", text(5, 400)),
    ] {
        fs::write(dir.path().join(NAME).join(name), bytes).expect("is writable");
    }
    dir
}

fn options() -> [Options; 3] {
    let plain = Options::new().uuid(ImageUuid::None).codec(Codec::Lz4(Level::FAST)).dedupe(true);
    let plain = plain.rebuildable(true).trust_store_names(true);
    let pclusters = PclusterSize::new(65_536).expect("is valid");
    let large = plain.clone().pcluster_size(pclusters);
    [
        plain.tails(Tails::Inline),
        large.clone().tails(Tails::Fragments),
        large.tails(Tails::AllFragments),
    ]
}

fn build(tree: &Tree, options: &Options, base: Option<&Base>) -> Result<Vec<u8>> {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    let mut writer = ImageWriter::new(options.clone());
    if let Some(base) = base {
        writer = writer.base(base);
    }
    writer.write(tree, &output)?;
    Ok(output.into_inner().into_inner())
}

/// Puts `facts` in the place of those after an image.
fn put(path: &Path, image: &[u8], facts: &Facts) {
    let at = image.windows(8).rposition(|bytes| bytes == b"erofsFC2").expect("has facts");
    fs::write(path, [&image[..at], &facts.to_bytes()].concat()).expect("is writable");
}

type Forge = fn(&mut FileFacts);

/// What can be wrong with facts that are well formed.
const FORGED: &[(&str, Forge)] = &[
    ("all digests are one", |facts| {
        facts.parts.iter_mut().for_each(|part| part.digest = [7; 32]);
    }),
    ("chunks end elsewhere", |facts| {
        for part in &mut facts.parts {
            let mut chunks = part.chunks.to_vec();
            let mut moved = 0;
            for pair in chunks.chunks_exact_mut(2) {
                pair[0].len -= 1;
                pair[1].len += 1;
                moved += 1;
            }
            assert!(moved > 0 || chunks.len() < 2);
            part.chunks = chunks.into();
        }
    }),
    ("all chunks are one", |facts| {
        for part in &mut facts.parts {
            let mut chunks = part.chunks.to_vec();
            chunks.iter_mut().for_each(|chunk| chunk.digest = 7);
            part.chunks = chunks.into();
        }
    }),
    ("chunks are missing", |facts| {
        facts
            .parts
            .iter_mut()
            .for_each(|part| part.chunks = part.chunks[..part.chunks.len() / 2].into());
    }),
    ("chunks are empty", |facts| {
        for part in &mut facts.parts {
            let mut chunks = part.chunks.to_vec();
            let empty = chunks.first().map(|chunk| {
                let mut chunk = *chunk;
                chunk.len = 0;
                chunk
            });
            chunks.extend(empty);
            part.chunks = chunks.into();
        }
    }),
    ("ranges are elsewhere", |facts| {
        for part in &mut facts.parts {
            let far = RangeFacts { at: u32::MAX, len: u32::MAX, digest: [1; 32] };
            let other = RangeFacts { at: 0, len: 4096, digest: [2; 32] };
            part.ranges.iter_mut().for_each(|range| range.digest = [3; 32]);
            part.add_ranges(&[far, other]);
        }
    }),
    ("ends are longer", |facts| {
        facts.end = Some(EndFacts { len: facts.len, digest: [4; 32] });
    }),
    ("ends are others", |facts| {
        facts.end = facts.end.map(|end| EndFacts { len: end.len, digest: [5; 32] });
    }),
];

/// Calls `check` with a tree, options, an image of that tree, and the file that has it.
fn with_bases(check: impl Fn(&Tree, &Options, &[u8], &Path)) {
    let store = store();
    let tree = Tree::from_dir(store.path()).expect("is readable");
    let path = store.path().join("base");
    for options in options() {
        let image = build(&tree, &options, None).expect("is possible");
        fs::write(&path, &image).expect("is writable");
        check(&tree, &options, &image, &path);
    }
}

#[test]
fn forged_facts_end_no_build_in_a_panic() {
    with_bases(|tree, options, image, path| {
        let good = Base::open(path).expect("is readable").facts().cloned().expect("has facts");
        assert!(build(tree, options, Some(&Base::open(path).expect("is there"))).is_ok());
        for (what, forge) in FORGED {
            let forged = |facts: &Arc<FileFacts>| {
                let mut facts = FileFacts::clone(facts);
                forge(&mut facts);
                Arc::new(facts)
            };
            let files = good.files.iter().map(|(key, facts)| (*key, forged(facts)));
            let packed = |part: &Arc<PartFacts>| {
                let mut facts =
                    FileFacts { parts: vec![PartFacts::clone(part)], ..FileFacts::default() };
                forge(&mut facts);
                Arc::new(PartFacts { digest: part.digest, ..facts.parts.remove(0) })
            };
            let packed = good.packed.iter().map(|(digest, part)| (*digest, packed(part)));
            put(path, image, &Facts { files: files.collect(), packed: packed.collect() });
            let base = Base::open(path).expect("is readable");
            assert!(base.has_facts(), "{what}");
            // What is read is compared with them, and so may be said to have changed.
            match build(tree, options, Some(&base)) {
                Ok(_) | Err(Error::Changed { .. }) => {}
                Err(error) => panic!("{what}: {error}"),
            }
        }
    });
}

#[test]
fn a_trusted_base_may_be_damaged_anywhere() {
    with_bases(|tree, options, image, path| {
        let end = image.windows(8).rposition(|bytes| bytes == b"erofsRCP").expect("has a table");
        let file = File::options().write(true).open(path).expect("is writable");
        for at in (1024..end).step_by(end / 70) {
            file.write_all_at(&[image[at] ^ 0x5a; 3], to_u64(at)).expect("is writable");
            let base = Base::open(path).expect("is readable");
            let found = build(tree, options, Some(&base)).expect("is possible");
            assert!(found == image, "changed at {at}");
            file.write_all_at(&image[at..at + 3], to_u64(at)).expect("is writable");
        }
    });
}
