//! Faults are planted between placing and writing: an image that is not as it was
//! placed must not come out, whether it has too much or too little.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::build::encoding::{encode_files, encode_packed};
use crate::codec::Codec;
use crate::codec::config::CompressionConfig;
use crate::codec::lz4::Level;
use crate::encode::{Encoded, TailPlace};
use crate::observer::Observer;
use crate::options::{BlockSize, ChunkSize, ImageUuid, Tails};
use crate::plan::ChunkMap;
use crate::pool::Threads;
use crate::shape::IndexForm;
use crate::sink::SeekWriter;
use crate::tree::{Content, InodeId, Metadata, Node};
use crate::write;

/// A tree with one of each: `target` is where a symlink leads, `value` that of an
/// attribute.
fn tree(target: &str, value: &str, last: &str) -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    let mut add = |name: &str, metadata, node| {
        tree.insert(name, metadata, node).expect("the name is free");
    };
    let text: Vec<u8> =
        (0..20_000_u32).flat_map(|n| n.wrapping_mul(n).to_string().into_bytes()).collect();
    let mut metadata = Metadata::new(0o644);
    metadata.xattrs.set("user.a", value);
    add("dir", Metadata::new(0o755), Node::Directory);
    add("dir/a", Metadata::new(0o644), Node::Fifo);
    add(&format!("dir/{last}"), Metadata::new(0o644), Node::Fifo);
    add("file", metadata, Node::File(Content::from_bytes(text)));
    add("link", Metadata::new(0o777), Node::Symlink(target.as_bytes().to_vec()));
    add("short", Metadata::new(0o644), Node::File(Content::from_bytes(vec![b'x'; 5000])));
    tree
}

fn plain() -> Options {
    Options::new().uuid(ImageUuid::None)
}

fn compressed() -> Options {
    plain().codec(Codec::Lz4(Level::FAST))
}

fn config(options: &Options) -> CompressionConfig {
    CompressionConfig::new(&options.algorithms(), options.codec_limits())
}

/// The results of all stages, which a fault may change.
struct Stages<'a> {
    placed: &'a Tree,
    plan: DataPlan,
    encoded: Encoded,
}

impl Stages<'_> {
    fn id(&self, path: &str) -> InodeId {
        self.placed.get(path).expect("it is there").arena_id()
    }

    /// The map of the first file that has one.
    fn map(&mut self) -> &mut ChunkMap {
        self.plan.maps.first_mut().expect("a file has a map")
    }
}

/// The results of the stages before placing.
fn stages<'a>(
    placed: &'a Tree,
    setting: encode::Setting<'_>,
    observer: &Observer<'_>,
    threads: &Threads,
) -> Result<Stages<'a>> {
    let encode::Setting { reader, inodes, codecs, options, .. } = setting;
    let draft = DataPlan::decide(reader, inodes, codecs, options, None)?;
    let inputs = &setting.with(&draft);
    let mut encoding = encode_files(observer, threads, inputs, &Images::default())?;
    let is_encoded = |id| encoding.encoded.file(id).is_some();
    let plan = draft.with_chunks(reader, inodes.order, options, &is_encoded)?;
    let head = Head::new(inodes, plan.devices.len(), &config(options), options)?;
    let bodies = Bodies::new(inodes, &plan, &encoding.encoded, options);
    let places = InodePlaces::new(head, &bodies);
    encode_packed(observer, threads, &setting.with(&plan), &mut encoding, &places)?;
    Ok(Stages { placed, plan, encoded: encoding.encoded })
}

/// Places the image of a tree, and writes `written` at these places, after `plant`
/// and `shift` have changed what they like.
fn write(
    written: &Tree,
    options: &Options,
    plant: impl FnOnce(&mut Stages<'_>),
    shift: impl FnOnce(&mut Placement<'_>),
) -> Result<()> {
    let placed = &tree("target", "value", "last");
    let output = &SeekWriter::new(Cursor::new(Vec::new()));
    let (settle, hashes) = (&|_: u64, _: &dyn Stop| Ok(()), None);
    let output = &Output { to: output, capacity: None, is_hidden: true, settle, hashes };
    let mut conduct = Conduct::default();
    let observer = &conduct.observer();
    let threads = &Threads::Caller;
    let dirs = &OpenDirs::new(threads.len());
    let sink = &Sink::new(output, options);

    let order = &Order::new(placed);
    let xattrs = &XattrTable::new(placed, &order.ids, options)?;
    let inodes = &Inodes::new(placed, order, xattrs, options)?;
    let reader = Reader { tree: placed, stop: observer, dirs };
    let codecs = &Codecs::new(placed, options);
    let stages = |sink: &Sink<'_>| {
        let first_block = Head::new(inodes, 0, &config(options), options)?.blocks();
        let (workers, earlier) = (1, None);
        let setting = encode::Setting {
            reader,
            inodes,
            codecs,
            options,
            sink,
            first_block,
            workers,
            earlier,
        };
        stages(placed, setting, observer, threads)
    };
    // Encoding writes, so each of the two needs its own sink.
    let (right, mut wrong) = (stages(&Sink::new(output, options))?, stages(sink)?);
    plant(&mut wrong);
    let head = Head::new(inodes, right.plan.devices.len(), &config(options), options)?;
    let bodies = Bodies::new(inodes, &right.plan, &right.encoded, options);
    let places = InodePlaces::new(head, &bodies);
    let mut placement = Placement::new(places, inodes, &right.plan, &right.encoded, options)?;

    let order = &Order::new(written);
    let xattrs = &XattrTable::new(written, &order.ids, options)?;
    let inodes = &Inodes::new(written, order, xattrs, options)?;
    (placement.bodies.inodes, placement.bodies.plan, placement.bodies.encoded) =
        (inodes, &wrong.plan, &wrong.encoded);
    shift(&mut placement);
    let reader = Reader { tree: written, stop: observer, dirs };
    let (plan, placement) = (&wrong.plan, &placement);
    let job = &Job { reader, inodes, plan, placement, options, sink, keeps_spools: false };
    let ends = &Ends::new(placement, None, options)?;
    let whole = Whole { job, ends };
    let head = write::Tasks::new(job, ends).run(job, &|_| ())?;
    whole.finish(&whole.seal(head))
}

/// The message of the panic when `written` is written with these faults, or nothing if
/// they go unnoticed.
fn said_of(
    written: &Tree,
    options: &Options,
    plant: impl FnOnce(&mut Stages<'_>),
    shift: impl FnOnce(&mut Placement<'_>),
) -> String {
    let written = catch_unwind(AssertUnwindSafe(|| write(written, options, plant, shift)));
    let Err(panic) = written else { return String::new() };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref().map(|text: &&str| (*text).to_owned())).unwrap_or_default()
}

/// Checks that a fault is noticed, by this message, and that without it the image is
/// written.
fn noticed(options: &Options, message: &str, plant: impl FnOnce(&mut Stages<'_>)) {
    let written = &tree("target", "value", "last");
    write(written, options, |_| (), |_| ()).expect("there is no fault");
    let said = said_of(written, options, plant, |_| ());
    assert!(said.contains(message), "{said:?} is not {message:?}");
}

/// The same for a tree that is another one when it is written.
fn noticed_in(written: &Tree, options: &Options, message: &str) {
    let said = said_of(written, options, |_| (), |_| ());
    assert!(said.contains(message), "{said:?} is not {message:?}");
}

#[test]
fn inodes_that_are_longer_or_shorter_are_noticed() {
    let options = &plain();
    write(&tree("target", "value", "last"), options, |_| (), |_| ()).expect("there is no fault");
    for target in ["targe", "targets"] {
        noticed_in(&tree(target, "value", "last"), options, "an inode has");
    }
    for last in ["las", "lasts"] {
        noticed_in(&tree("target", "value", last), options, "an inode has");
    }
    for value in ["", "longer value"] {
        noticed_in(&tree("target", value, "last"), options, "an inode has");
    }
}

#[test]
fn indexes_that_are_not_as_placed_are_noticed() {
    let wide = compressed().wide_addresses(true);
    for options in [&compressed(), &compressed().full_indexes(true), &wide] {
        noticed(options, "of a file of", |stages| {
            let id = stages.id("file");
            stages.encoded.file_mut(id).extents.pop();
        });
        noticed(options, "of a file of", |stages| {
            let id = stages.id("file");
            let extents = &mut stages.encoded.file_mut(id).extents;
            extents.push(extents[0]);
        });
    }
    noticed(&compressed(), "an inode has", |stages| {
        let id = stages.id("file");
        stages.encoded.file_mut(id).form = IndexForm::Full;
    });
}

#[test]
fn inline_pclusters_that_are_not_as_placed_are_noticed() {
    let options = &compressed().tails(Tails::Inline);
    let change = |len: fn(usize) -> usize| {
        move |stages: &mut Stages<'_>| {
            let id = stages.id("file");
            let TailPlace::Inline(inline) = &mut stages.encoded.file_mut(id).tail else {
                panic!("it has one")
            };
            let mut bytes = inline.bytes.to_vec();
            bytes.resize(len(bytes.len()), 0);
            inline.bytes = bytes.into();
        }
    };
    noticed(options, "an inode has", change(|len| len - 4));
    noticed(options, "an inode has", change(|len| len + 4));
}

#[test]
fn a_packed_inode_that_is_not_as_placed_is_noticed() {
    let options = &compressed().tails(Tails::AllFragments);
    noticed(options, "of a file of", |stages| {
        stages.encoded.packed.as_mut().expect("there is one").1 -= 1;
    });
    noticed(options, "an inode has", |stages| {
        let id = stages.id("file");
        stages.encoded.forget(id);
    });
    noticed(&compressed().tails(Tails::Fragments), "of a file of", |stages| {
        let id = stages.id("file");
        let tail = std::mem::take(&mut stages.encoded.file_mut(id).tail);
        assert!(matches!(tail, TailPlace::Fragment(_)), "it has {tail:?}");
    });
}

#[test]
fn chunk_maps_that_are_not_as_placed_are_noticed() {
    let options = &plain().chunk_size(ChunkSize::new(4096).expect("is one"));
    noticed(options, "an inode has", |stages| {
        *stages.map() = ChunkMap::new(12, BlockSize::default());
    });
    noticed(options, "a table has", |stages| {
        stages.plan.devices.push(8);
        stages.map().device = 1;
    });
}

#[test]
fn blocks_that_nobody_writes_are_noticed() {
    let chunks = &plain().chunk_size(ChunkSize::new(4096).expect("is one"));
    noticed(chunks, "an image of", |stages| {
        stages.plan.runs.pop();
    });
    let options = &plain().data_alignment(16).expect("is one");
    let written = &tree("target", "value", "last");
    write(written, options, |_| (), |_| ()).expect("there is no fault");
    let said = said_of(
        written,
        options,
        |_| (),
        |placement| {
            placement.gaps.pop();
        },
    );
    assert!(said.contains("an image of"), "{said:?}");
}

#[test]
fn more_devices_than_there_is_room_for_are_noticed() {
    let options = &plain();
    let tree = &tree("target", "value", "last");
    let order = &Order::new(tree);
    let xattrs = &XattrTable::new(tree, &order.ids, options).expect("they fit");
    let inodes = &Inodes::new(tree, order, xattrs, options).expect("all can be");
    let mut conduct = Conduct::default();
    let (stop, dirs) = (&conduct.observer(), &OpenDirs::default());
    let reader = Reader { tree, stop, dirs };
    let codecs = &Codecs::new(tree, options);
    let mut plan =
        DataPlan::decide(reader, inodes, codecs, options, None).expect("nothing is read");
    let head =
        Head::new(inodes, plan.devices.len(), &config(options), options).expect("it is small");
    plan.devices.push(8);
    let encoded = Encoded::default();
    let places = InodePlaces::new(head, &Bodies::new(inodes, &plan, &encoded, options));
    let placement = Placement::new(places, inodes, &plan, &encoded, options).expect("it is small");
    let placed = catch_unwind(AssertUnwindSafe(|| Ends::new(&placement, None, options).map(drop)));
    assert!(placed.is_err(), "a table was placed that nobody has made room for");
}

#[cfg(all(feature = "deflate", feature = "lz4", feature = "lzma", feature = "zstd"))]
/// Text of words that come again, and some noise.
fn words(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 33
    };
    let mut bytes = Vec::with_capacity(len + 32);
    while bytes.len() < len {
        match next() % 16 {
            0 => bytes.extend_from_slice(&next().to_le_bytes()),
            _ => bytes.extend_from_slice(format!("word{} ", next() % 700).as_bytes()),
        }
    }
    bytes.truncate(len);
    bytes
}

#[cfg(all(feature = "deflate", feature = "lz4", feature = "lzma", feature = "zstd"))]
fn words_tree() -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    let repeated = words(3, 90_000);
    let files = [
        ("long", words(1, 300_000)),
        ("repeats", [words(2, 7000), repeated.clone(), words(4, 500)].concat()),
        ("repeated", repeated),
        ("short", words(5, 900)),
    ];
    for (name, bytes) in files {
        tree.insert(name, Metadata::new(0o644), Node::file(bytes)).expect("is new");
    }
    tree
}

/// If this fails because encoders give other bytes, or extents are cut in another way,
/// `REVISION` has to be raised together with the hash here. Else a build could take from
/// an image of an older version what it would not make itself.
#[cfg(all(feature = "deflate", feature = "lz4", feature = "lzma", feature = "zstd"))]
#[test]
fn a_revision_stands_for_bytes() {
    use crate::codec::{Codec, deflate, lz4, lzma, zstd};
    use crate::options::{PclusterSize, Tails};

    let tree = words_tree();
    let levels = [1, 3, 5, 9, 12];
    let zstd =
        |level| zstd::Settings::default().with_level(zstd::Level::new(level).expect("is one"));
    let codecs = levels.map(|level| {
        [
            Codec::Lz4(lz4::Level::new(level).expect("is one")),
            Codec::Zstd(zstd(level + 7)),
            Codec::Zstd(zstd(level)),
            Codec::Deflate(
                deflate::Settings::default()
                    .with_level(deflate::Level::new(level).expect("is one")),
            ),
        ]
    });
    let lzma = Codec::Lzma(lzma::Settings::default());
    let others = [Codec::Lz4(lz4::Level::FAST), lzma];
    let mut hash = blake3::Hasher::new();
    for codec in codecs.concat().into_iter().chain(others) {
        // Encoders have other settings for short and for long outputs.
        for (tails, size) in [
            (Tails::Inline, 4096),
            (Tails::Inline, 16_384),
            (Tails::AllFragments, 16_384),
            (Tails::AllFragments, 1 << 20),
        ] {
            let size = PclusterSize::new(size).expect("is one");
            let options = Options::new().codec(codec).tails(tails).pcluster_size(size).dedupe(true);
            let output = SeekWriter::new(Cursor::new(Vec::new()));
            ImageWriter::new(options).write(&tree, &output).expect("it is written");
            hash.update(output.into_inner().get_ref());
        }
    }
    let found = hash.finalize().to_hex();
    assert_eq!((encode::REVISION, &found[..16]), (3, "2de5c43b8f430348"));
}
