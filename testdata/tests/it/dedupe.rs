//! Pclusters that several files share, through all readers.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use erofs_writer::{
    BlockSize, Content, Error, ImageWriter, KernelVersion, Metadata, Node, Options, OptionsError,
    ReadAt, SeekWriter, Tails, Tree,
};
use testdata::raw::model::Data;
use testdata::raw::zmap::{Extent, Place};
use testdata::trees::{Builder, CASES, merged, mixed, noise, text};
use testdata::verify;

use crate::compressed::{come_back_in_blocks_of_every_size, lz4, pclusters};
use crate::support::{assert_same, decoded, fixed, image, incompat, mounted, try_image, verify};

const DEDUPE: u64 = 0x20;

fn dedupe(level: u8) -> Options {
    lz4(level).dedupe(true)
}

/// A MiB in which no 16 bytes are those of another seed.
fn base(seed: u64, len: usize) -> Vec<u8> {
    match seed % 3 {
        0 => text(seed, len),
        1 => mixed(seed, len),
        _ => noise(seed, len),
    }
}

/// Files that have much in common, with their names.
pub(crate) fn repetitive() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for seed in 0..3 {
        let data = base(seed, 300_000);
        let mut add = |name: String, data: Vec<u8>| files.push((format!("{seed}-{name}"), data));
        add("a-base".into(), data.clone());
        for at in [0, 1, 4095, 4096, 150_000, 299_999] {
            let mut other = data.clone();
            other[at] ^= 0x55;
            add(format!("byte-{at}"), other);
        }
        for len in [1, 100, 4095, 4096, 5000, 70_000] {
            add(format!("front-{len}"), [noise(77, len), data.clone()].concat());
            add(format!("front-text-{len}"), [text(78, len), data.clone()].concat());
            add(format!("cut-{len}"), data[len..].to_vec());
            add(format!("short-{len}"), data[..data.len() - len].to_vec());
            add(format!("longer-{len}"), [&data[..], &noise(79, len)].concat());
        }
        let block = &data[10_000..50_000];
        let between = [text(80, 12_345), noise(81, 4096), text(82, 9), noise(83, 30_001)];
        let inside: Vec<u8> = between.iter().flat_map(|some| [some, block].concat()).collect();
        add("inside".into(), inside.clone());
        add("twice".into(), [block, block].concat());
        // Of more than a part of 4 MiB.
        let long: Vec<u8> = (0..16).flat_map(|_| inside.clone()).collect();
        add("long".into(), [text(84, 77_777), long].concat());
        let mosaic = (0..40).map(|n| &data[n * 7001 % 250_000..][..n * 997 + 3000]);
        add("mosaic".into(), mosaic.collect::<Vec<_>>().concat());
        add("zeros".into(), [&data[..100_000], &[0; 500_000], &data[100_000..]].concat());
    }
    files
}

fn tree_of(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Tree {
    let mut tree = Builder::new();
    for (name, data) in files {
        tree.file(name, data);
    }
    tree.done()
}

/// All extents in pclusters that are compressed or plain.
fn stored(image: &[u8]) -> Vec<Extent> {
    let model = decoded(image);
    let maps = model.inodes.values().filter_map(|node| match &node.data {
        Data::Compressed(map) => Some(map.extents.clone()),
        _ => None,
    });
    let is_stored = |extent: &Extent| matches!(extent.place, Place::Stored { .. });
    maps.flatten().filter(is_stored).collect()
}

#[test]
fn repeats_come_back() {
    let tree = tree_of(repetitive());
    let check = verify::Options { random_reads: 24, ..verify::Options::default() };
    for options in [
        dedupe(0),
        dedupe(9).tails(Tails::Inline),
        dedupe(1).pcluster_size(pclusters(65_536)),
        dedupe(12).pcluster_size(pclusters(1 << 20)).inline_data(false),
        dedupe(9).tails(Tails::Fragments),
        dedupe(0).tails(Tails::Fragments).pcluster_size(pclusters(65_536)),
        dedupe(9).tails(Tails::AllFragments),
        dedupe(1).tails(Tails::AllFragments).pcluster_size(pclusters(1 << 20)),
        dedupe(0).max_extent_len(20_000).unwrap(),
        dedupe(1).share_identical(false).full_indexes(true),
    ] {
        let image = image(&tree, options);
        assert_eq!(incompat(&image) & DEDUPE, DEDUPE);
        verify(&image, &tree, &check);
    }
}

#[test]
fn repeats_come_back_in_blocks_of_every_size() {
    come_back_in_blocks_of_every_size(&dedupe(1));
    let small = |(name, _): &(String, Vec<u8>)| !name.ends_with("long");
    let tree = tree_of(repetitive().into_iter().filter(small));
    for bytes in [512, 1024, 2048, 8192, 65_536] {
        let options = dedupe(1).block_size(BlockSize::new(bytes).unwrap());
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
}

#[test]
fn all_boundary_trees_come_back_with_dedupe() {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    let tree = merged(&small);
    for options in [dedupe(9).pcluster_size(pclusters(16_384)), dedupe(0).tails(Tails::Inline)] {
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
}

#[test]
fn tails_of_every_length_come_back() {
    let head = text(1, 8192);
    let end = text(2, 4096);
    let name = |len: usize| format!("{len:04}");
    // Each end is the end of another one as well.
    let file = |len: usize| (name(len), [&head[..], &end[4096 - len..]].concat());
    let tree = tree_of((0..=4096).map(file));
    for options in [
        dedupe(1),
        dedupe(9).tails(Tails::Fragments),
        dedupe(0).tails(Tails::Inline),
        dedupe(1).tails(Tails::AllFragments).pcluster_size(pclusters(8192)),
    ] {
        let image = image(&tree, options);
        assert!(image.len() < 4096 * 6000, "{}", image.len());
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn what_repeats_is_stored_once() {
    for seed in [0, 1] {
        let data = base(seed, 1 << 20);
        let one = tree_of([("a".to_owned(), data.clone())]);
        let mut files = vec![("a".to_owned(), data.clone())];
        for number in 1..20_usize {
            let other = [text(90 + u64::try_from(number).unwrap(), number * 300), data.clone()];
            files.push((format!("b-{number}"), other.concat()));
        }
        let all = tree_of(files);
        for options in [dedupe(9), dedupe(1).pcluster_size(pclusters(65_536))] {
            let (one, all) = (image(&one, options.clone()).len(), image(&all, options).len());
            // Each has a block before the repeat, one after it, and an index.
            assert!(all < one + 20 * 16_384, "{seed}: {all} and {one}");
        }
    }
}

#[test]
fn extents_may_be_a_part_of_their_pcluster() {
    let data = text(1, 200_000);
    let tree = tree_of([
        ("a".to_owned(), data.clone()),
        ("b".to_owned(), [&data[..100_000], &noise(1, 100_000)].concat()),
    ]);
    let image = image(&tree, dedupe(9));
    let extents = stored(&image);
    assert_eq!(extents.iter().filter(|extent| extent.partial).count(), 1);
    verify(&image, &tree, &verify::Options::default());
}

#[test]
fn the_summary_counts_what_repeats() {
    let data = text(1, 500_000);
    let tree =
        tree_of([("a".to_owned(), data.clone()), ("b".to_owned(), [b"x", &data[..]].concat())]);
    let output = erofs_writer::SeekWriter::new(io::Cursor::new(Vec::new()));
    let summary = erofs_writer::ImageWriter::new(dedupe(9)).write(&tree, &output).unwrap();
    assert!((450_000..500_000).contains(&summary.repeated_bytes), "{}", summary.repeated_bytes);
    assert_eq!(summary.oldest_kernel, KernelVersion::new(6, 1));
}

#[test]
fn without_repeats_the_image_is_as_without_dedupe() {
    let tree = tree_of([("a".to_owned(), text(1, 300_000)), ("b".to_owned(), mixed(2, 300_000))]);
    for options in [lz4(9), lz4(0).tails(Tails::Inline).pcluster_size(pclusters(65_536))] {
        let without = image(&tree, options.clone());
        assert_eq!(incompat(&without) & DEDUPE, 0);
        assert_same(&without, &image(&tree, options.dedupe(true)), "nothing repeats");
    }
    assert_same(&image(&tree, fixed()), &image(&tree, fixed().dedupe(true)), "no codec");
}

#[test]
fn blocks_of_flat_files_are_shared() {
    let data = noise(5, 200 * 4096);
    let tree = tree_of([
        ("a".to_owned(), data.clone()),
        // In other places, but of whole blocks.
        ("b".to_owned(), [&noise(6, 8 * 4096), &data[40_960..], b"end"].concat()),
        ("c".to_owned(), [&data[..81_920], &data[..81_920], &[0; 1 << 20], &data].concat()),
        // Nowhere at a block of others.
        ("d".to_owned(), [b"x", &data[..]].concat()),
        // Too few.
        ("e".to_owned(), [&data[..8192], &noise(7, 100_000)].concat()),
        ("small".to_owned(), text(1, 100)),
    ]);
    for options in [
        fixed().dedupe(true),
        fixed().dedupe(true).holes(false).inline_data(false).chunk_indexes(true),
        fixed().dedupe(true).share_identical(false).data_alignment(8).unwrap(),
    ] {
        let image = image(&tree, options);
        let model = decoded(&image);
        let path = |path: &str| path.as_bytes().to_vec();
        let chunked: Vec<_> = model
            .inodes
            .values()
            .filter(|node| matches!(node.data, Data::Chunks(_)))
            .map(|node| node.path.clone())
            .collect();
        assert_eq!(chunked, [path("/a"), path("/b"), path("/c")]);
        assert!(image.len() < data.len() * 2 + (2 << 20), "{}", image.len());
        verify(&image, &tree, &verify::Options::default());
    }
    for bytes in [512, 1024, 65_536] {
        let options = fixed().dedupe(true).block_size(BlockSize::new(bytes).unwrap());
        verify(&image(&tree, options), &tree, &verify::Options::default());
    }
    let target = fixed().dedupe(true).target_kernel(KernelVersion::new(5, 10));
    assert!(matches!(
        try_image(&tree, target).unwrap_err(),
        Error::Options(OptionsError::TargetKernel { .. })
    ));
}

#[test]
fn kernels_before_6_1_are_refused() {
    let tree = tree_of([]);
    let target = KernelVersion::new(5, 15);
    let error = try_image(&tree, dedupe(0).target_kernel(target)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Options(OptionsError::TargetKernel { since, .. }) if since == KernelVersion::new(6, 1)
        ),
        "{error}"
    );
    try_image(&tree, dedupe(0).target_kernel(KernelVersion::new(6, 1))).unwrap();
}

/// Zeros between text.
struct MostlyZeros(u64);

impl ReadAt for MostlyZeros {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let len = buf.len().min(usize::try_from(self.0 - offset).unwrap());
        let text = text(1, 10_000);
        for (byte, at) in buf[..len].iter_mut().zip(offset..) {
            let at = usize::try_from(at % (1 << 29)).unwrap();
            *byte = text.get(at).copied().unwrap_or(0);
        }
        Ok(len)
    }
}

#[test]
fn gigabytes_of_zeros_are_cheap() {
    let mut tree = Tree::new(Metadata::new(0o755));
    for (name, len) in [("a", 1_500_000_001), ("b", 1 << 30)] {
        let node = Node::File(Content::new(MostlyZeros(len)));
        tree.insert(name, Metadata::new(0o644), node).unwrap();
    }
    let image = image(&tree, dedupe(0).pcluster_size(pclusters(65_536)));
    assert!(image.len() < 16 << 20, "{}", image.len());
    mounted(&image, |root| {
        for (name, len) in [("a", 1_500_000_001_u64), ("b", 1 << 30)] {
            let file = fs::File::open(root.join(name)).unwrap();
            for at in [0, 9_990, 1 << 29, (1 << 29) + 9_999, 700_000_000, len - 5000] {
                let (mut found, mut wanted) = ([1; 5000], [2; 5000]);
                file.read_exact_at(&mut found, at).unwrap();
                MostlyZeros(len).read_at(&mut wanted, at).unwrap();
                assert_eq!(found, wanted, "{name} at {at}");
            }
        }
    });
}

/// Counts how many of its bytes are read.
struct Counted {
    data: Vec<u8>,
    read: Arc<AtomicUsize>,
}

impl ReadAt for Counted {
    fn len(&self) -> u64 {
        self.data.len().try_into().unwrap()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = &self.data[usize::try_from(offset).unwrap()..];
        let len = buf.len().min(rest.len());
        buf[..len].copy_from_slice(&rest[..len]);
        self.read.fetch_add(len, Ordering::Relaxed);
        Ok(len)
    }
}

/// How many bytes of each file are read, with its name and length.
fn bytes_read(options: Options) -> Vec<(String, usize, usize)> {
    let mut tree = Tree::new(Metadata::new(0o755));
    let mut counters = Vec::new();
    let lens = [100, 3000, 4096, 9000, 16_384, 16_385, 70_000, 300_000, (4 << 20) + 5000];
    for len in lens {
        // Two are the same, one is of the same length, one is like the first.
        let mut like = text(1, len);
        like.extend(text(2, 2000));
        let files = [("a", text(1, len)), ("b", text(1, len)), ("c", text(3, len)), ("d", like)];
        for (name, data) in files {
            let (name, len, read) = (format!("{len}-{name}"), data.len(), Arc::default());
            let content = Content::new(Counted { data, read: Arc::clone(&read) });
            tree.insert(&name, Metadata::new(0o644), Node::File(content)).unwrap();
            counters.push((name, len, read));
        }
    }
    // Without comparing the image with them, which reads them again.
    let output = SeekWriter::new(std::io::Cursor::new(Vec::new()));
    ImageWriter::new(options).write(&tree, output).unwrap();
    let read = |(name, len, read): (String, usize, Arc<AtomicUsize>)| {
        (name, len, read.load(Ordering::Relaxed))
    };
    counters.into_iter().map(read).collect()
}

#[test]
fn no_byte_is_read_more_than_twice_but_those_of_ends_in_the_packed_inode() {
    // Probes tell of files of more than a part whether they shrink.
    // The first bytes of long files tell whether they may be holes.
    let probes = |len: usize| if len > 4 << 20 { 513 * 1024 } else { 0 };
    for (name, len, read) in bytes_read(dedupe(9)) {
        assert!(read <= 2 * len + probes(len), "{name}: {read} of {len}");
    }
    for (name, len, read) in bytes_read(dedupe(9).tails(Tails::Fragments)) {
        let end = if len > 4096 { 65_536.min(len) } else { 0 };
        // Whether files begin and end alike; and some end with the same bytes.
        let compared = 5120.min(len) + if name.ends_with('d') { 4096.min(len) } else { 0 };
        assert!(read <= 2 * len + end + compared + probes(len), "{name}: {read} of {len}");
    }
}
