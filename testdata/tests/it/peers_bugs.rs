//! Mistakes of other writers of compressed images, and mistakes that are easy to make:
//! each test makes sure that its image has the case, and lets all readers judge it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use erofs_writer::codec::lz4::Level;
use erofs_writer::{BlockSize, Codec, InodeForm, Metadata, Options, PclusterSize, Tree};
use rustix::fs::{Mode, OFlags};
use testdata::mount::KernelMount;
use testdata::raw::model::{Data, Model};
use testdata::raw::zmap::{Entry, Extent, Place, Zmap, advise};
use testdata::skip::{Oracle, have};
use testdata::trees::{Builder, mixed, noise, text};
use testdata::{tools, verify};

use crate::support::{decoded, fixed, image, verify};

fn index(value: u64) -> usize {
    usize::try_from(value).unwrap()
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap()
}

fn lz4(level: u8, block: u32, pcluster: u32) -> Options {
    fixed()
        .codec(Codec::Lz4(Level::new(level).unwrap()))
        .block_size(BlockSize::new(block).unwrap())
        .pcluster_size(PclusterSize::new(pcluster).unwrap())
}

/// The indexes of all compressed files.
fn maps(model: &Model) -> Vec<&Zmap> {
    let data = model.inodes.values().map(|node| &node.data);
    data.filter_map(|data| if let Data::Compressed(map) = data { Some(map) } else { None })
        .collect()
}

fn extents(model: &Model) -> Vec<Extent> {
    maps(model).iter().flat_map(|map| map.extents.clone()).collect()
}

/// The entries of each pack of a compact index.
fn packs(map: &Zmap) -> Vec<&[Entry]> {
    let count = map.entries.len();
    let before = index((32 - (map.at + 8) % 32) / 4 % 8);
    let small = map.advise() & advise::COMPACTED_2B != 0 && before < count;
    let in_small = if small { (count - before) / 16 * 16 } else { 0 };
    let mut packs = Vec::new();
    let mut at = 0;
    while at < count {
        let in_pack = if small && (before..before + in_small).contains(&at) { 16 } else { 2 };
        packs.push(&map.entries[at..count.min(at + in_pack)]);
        at += in_pack;
    }
    packs
}

/// Verifies an image of the tree and takes it apart.
#[track_caller]
fn verified(tree: &Tree, options: Options) -> (Vec<u8>, Model) {
    let image = image(tree, options);
    verify(&image, tree, &verify::Options { random_reads: 12, ..verify::Options::default() });
    let model = decoded(&image);
    for map in maps(&model) {
        // Old kernels look at the half for a second algorithm, and even older
        // ones at the bits of other cluster sizes.
        assert_eq!(map.header[6..], [0, 0], "LZ4, and clusters of a block");
        // The bit would rotate every plain cluster.
        assert_eq!(map.advise() & advise::INTERLACED, 0);
    }
    (image, model)
}

fn is_count(entry: &Entry) -> bool {
    matches!(entry, Entry::Next { blocks: Some(_), .. })
}

/// Distances have eleven bits; the twelfth says that it is something else.
#[test]
fn distances_over_2047_clusters_are_clamped() {
    let mut tree = Builder::new();
    let zeros = |len| [b"<".to_vec(), vec![0; len], b">".to_vec()].concat();
    tree.file("zeros", zeros(12 << 20));
    tree.file("whole-blocks", zeros((4 << 20) - 2));
    let tree = tree.done();
    for (block, pcluster) in [(512, 65_536), (1024, 65_536), (4096, 4096), (4096, 65_536)] {
        for full in [false, true] {
            let (_, model) = verified(&tree, lz4(9, block, pcluster).full_indexes(full));
            let longest = extents(&model).iter().map(|extent| extent.len).max().unwrap();
            assert!(longest <= 12 << 20, "more than kernels take");
            if block < 4096 {
                assert!(longest > wide(0x800 * index(block.into())), "long enough to matter");
                let entries: Vec<_> = maps(&model).iter().flat_map(|map| &map.entries).collect();
                let is_clamped =
                    |entry: &&Entry| matches!(entry, Entry::Next { back: Some(0x7ff), .. });
                assert!(entries.into_iter().filter(is_clamped).count() > 1000);
            }
        }
    }
}

/// Files whose clusters have from one block to all that are allowed.
fn uneven(count: u64) -> Tree {
    let mut tree = Builder::new();
    for number in 0..count {
        let mut bytes = Vec::new();
        for piece in 0..12 {
            let seed = 31 * number + piece;
            let len = index(seed * 7919 % 23_000);
            match seed % 4 {
                0 => bytes.resize(bytes.len() + 2 * len, 0),
                1 => bytes.extend(noise(seed, len / 3)),
                _ => bytes.extend(text(seed, len)),
            }
        }
        tree.file(number.to_string(), bytes);
    }
    tree.file("one-block", [vec![0; 30_000], noise(1, 1000)].concat());
    tree.done()
}

#[test]
fn a_cluster_of_one_block_among_larger_ones_tells_its_length() {
    for full in [false, true] {
        let (_, model) = verified(&uneven(20), lz4(9, 4096, 16_384).full_indexes(full));
        let entries: Vec<_> = maps(&model).iter().flat_map(|map| &map.entries).collect();
        let counts = entries.iter().filter_map(|entry| match entry {
            Entry::Next { blocks, .. } => *blocks,
            Entry::Head { .. } => None,
        });
        let counts: BTreeSet<u64> = counts.collect();
        assert!(counts.contains(&1) && counts.contains(&4), "{counts:?}");
    }
}

/// The address of a pack is that of its first head, or of the head before if the pack
/// begins with the count of that one's blocks; and its last entry looks ahead, unless
/// it is such a count.
#[test]
fn packs_may_begin_and_end_with_a_count() {
    let is_head = |entry: &Entry| matches!(entry, Entry::Head { .. });
    let looks_ahead = |entry: &Entry| matches!(entry, Entry::Next { ahead: Some(_), .. });
    let mut seen = BTreeSet::new();
    for (block, pcluster) in [(4096, 8192), (4096, 65_536), (1024, 4096)] {
        let (_, model) = verified(&uneven(40), lz4(9, block, pcluster));
        for pack in maps(&model).iter().flat_map(|map| packs(map)) {
            let (first, last) = (&pack[0], &pack[pack.len() - 1]);
            for (name, is_so) in [
                ("begins with a count", is_count(first)),
                ("has a count and then a head", is_count(first) && pack.iter().any(is_head)),
                ("ends with a count", is_count(last)),
                ("ends looking ahead", looks_ahead(last)),
                ("has no head", !pack.iter().any(is_head)),
            ] {
                if is_so {
                    seen.insert((pack.len(), name));
                }
            }
        }
    }
    assert_eq!(seen.iter().filter(|(len, _)| *len == 2).count(), 5, "{seen:?}");
    assert_eq!(seen.iter().filter(|(len, _)| *len == 16).count(), 5, "{seen:?}");
}

/// The length of everything before an index, in words of 8 bytes, decides how many
/// entries come before the packs of 16.
#[test]
fn an_index_may_begin_at_any_word_and_have_any_length() {
    let mut tree = Builder::new();
    for xattr in [None, Some(1), Some(9), Some(17), Some(25)] {
        for clusters in 3..42 {
            let mut metadata = Metadata::new(0o644);
            if let Some(len) = xattr {
                metadata.xattrs.set("user.a", vec![b'v'; len]);
            }
            let name = format!("{clusters}-{xattr:?}");
            let bytes = text(1 + clusters, index(clusters * 1024) - index(clusters % 3));
            tree.file_with(name, metadata, bytes);
        }
    }
    let tree = tree.done();
    for form in [InodeForm::Auto, InodeForm::Extended] {
        for pcluster in [1024, 4096] {
            let options = lz4(9, 1024, pcluster).inode_form(form).xattr_share_above(1000);
            let (_, model) = verified(&tree, options);
            let seen: BTreeSet<_> = maps(&model)
                .iter()
                .map(|map| ((map.at + 8) % 32, map.entries.len()))
                .filter(|(_, count)| *count < 40)
                .collect();
            // 3 to 39 entries at each of four places.
            assert_eq!(seen.len(), 4 * 37, "{seen:?}");
        }
    }
}

/// The last entry of an index tells where the data ends, unless an extent
/// begins in that cluster, or the data ends with it.
#[test]
fn files_end_at_within_and_behind_the_last_head() {
    let mut tree = Builder::new();
    for len in (20_000..29_000).step_by(450).chain([20_480, 24_576, 28_672]) {
        tree.file(format!("text-{len}"), text(1, len));
        tree.file(format!("zeros-{len}"), vec![0; len]);
        tree.file(format!("tail-{len}"), [text(2, len - 600), noise(3, 600)].concat());
    }
    let tree = tree.done();
    for (pcluster, full) in [(4096, false), (4096, true), (16_384, false), (16_384, true)] {
        let (_, model) = verified(&tree, lz4(9, 4096, pcluster).full_indexes(full));
        let mut seen = BTreeSet::new();
        for node in model.inodes.values() {
            let Data::Compressed(map) = &node.data else { continue };
            let rest = node.inode.size() % 4096;
            seen.insert((
                rest == 0,
                match map.entries.last().unwrap() {
                    Entry::Head { kind: 0, offset, .. } if *offset == rest => "end",
                    Entry::Head { .. } => "head",
                    Entry::Next { .. } => "next",
                },
            ));
        }
        for case in [(false, "end"), (false, "head"), (true, "next"), (true, "head")] {
            // One large cluster holds these files.
            let has_none = pcluster > 4096 && case.1 == "head";
            assert!(has_none || seen.contains(&case), "{case:?}: {seen:?}");
        }
        let is_odd = |case: &&(bool, &str)| **case == (false, "next") || **case == (true, "end");
        assert_eq!(seen.iter().find(is_odd), None, "{pcluster} {full}");
    }
}

/// A reader looks for the first byte in the first block alone; and kernels of
/// 2026 refuse clusters that are longer than what they hold.
#[test]
fn clusters_are_as_short_as_they_can_be() {
    for (block, pcluster) in [(4096, 4096), (4096, 65_536), (4096, 1 << 20), (512, 65_536)] {
        let (image, model) = verified(&uneven(20), lz4(9, block, pcluster));
        let block = u64::from(block);
        let mut padded = 0;
        for extent in extents(&model) {
            let Place::Stored { at, len, algorithm: Some(_) } = extent.place else { continue };
            assert!(len < extent.len, "{extent:?}");
            let bytes = &image[index(at)..index(at + len)];
            let padding = wide(bytes.iter().take_while(|byte| **byte == 0).count());
            assert!(padding < block, "{extent:?}: {padding} of {block} bytes");
            padded += u64::from(padding > 0);
        }
        assert!(padded > 0);
    }
}

/// Raw bytes begin at the start of their block, wherever the extent begins.
#[test]
fn plain_extents_that_begin_within_a_block_are_not_turned() {
    let mut tree = Builder::new();
    let bytes = [text(1, 30_001), noise(2, 200_003), text(3, 30_005)].concat();
    tree.file("a", bytes.clone());
    let tree = tree.done();
    for (pcluster, full) in [(4096, false), (65_536, false), (4096, true)] {
        let (image, model) = verified(&tree, lz4(9, 4096, pcluster).full_indexes(full));
        let mut count = 0;
        for extent in extents(&model) {
            let Place::Stored { at, algorithm: None, .. } = extent.place else { continue };
            let range = |start, len| index(start)..index(start + len);
            let data = &bytes[range(extent.start, extent.len)];
            assert_eq!(&image[range(at, extent.len)], data, "{extent:?}");
            count += u64::from(extent.start % 4096 != 0);
        }
        assert!(count > 3, "{:?}", extents(&model));
    }
}

/// Kernels without the decoders refuse an image that names an algorithm, used
/// or not; others take a count of blocks without the feature for damage.
#[test]
fn the_superblock_names_what_is_used() {
    let mut incompressible = Builder::new();
    incompressible.file("noise", noise(1, 100_000));
    let plain = verified(&incompressible.done(), lz4(9, 4096, 65_536)).1;
    assert_eq!((plain.sb.get("feature_incompat"), plain.sb.get("u1")), (0, 0));
    assert!(plain.configs.is_empty() && maps(&plain).is_empty());

    let small = verified(&uneven(5), lz4(9, 4096, 4096)).1;
    assert_eq!((small.sb.get("feature_incompat"), small.sb.get("u1")), (1, 65_535));
    assert!(small.configs.is_empty());
    assert!(maps(&small).iter().all(|map| map.advise() == advise::COMPACTED_2B));

    for full in [false, true] {
        let large = verified(&uneven(5), lz4(9, 4096, 65_536).full_indexes(full)).1;
        assert_eq!((large.sb.get("feature_incompat"), large.sb.get("u1")), (3, 1));
        let blocks = |extent: &Extent| match extent.place {
            Place::Stored { len, .. } => len / 4096,
            other => panic!("{other:?}"),
        };
        let most = extents(&large).iter().map(blocks).max();
        // Windows of 64 KiB, and at least the largest cluster there is.
        let config = &large.configs[0].payload;
        assert_eq!(config[..2], [255, 255]);
        assert!(u64::from(config[2]) >= most.unwrap());
        assert!(maps(&large).iter().all(|map| map.advise() & advise::BIG1 != 0));
    }
}

/// Reads `len` bytes past the page cache, from and into multiples of a page.
/// None where the kernel cannot.
fn read_direct(path: &Path, at: u64, len: usize) -> Option<Vec<u8>> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECT, Mode::empty());
    let file = File::from(file.ok()?);
    let mut buffer = vec![0xee; len + 4096];
    let start = buffer.as_ptr().align_offset(4096);
    let read = file.read_at(&mut buffer[start..start + len], at).unwrap();
    Some(buffer[start..start + read].to_vec())
}

/// Reads parts of a file in an order that no readahead expects.
fn check_parts(path: &Path, bytes: &[u8]) {
    let file = File::open(path).unwrap();
    let mut buffer = vec![0; 70_000];
    for choice in noise(wide(bytes.len()) + 1, 160).chunks(8) {
        let choice = index(u64::from_le_bytes(choice.try_into().unwrap()) >> 1);
        let at = choice % bytes.len();
        let len = 1 + choice / bytes.len() % buffer.len();
        let read = file.read_at(&mut buffer[..len], wide(at)).unwrap();
        let end = bytes.len().min(at + len);
        // A read may stop early, but not at once.
        assert!(read > 0 && at + read <= end, "{}: {read} at {at}", path.display());
        assert!(buffer[..read] == bytes[at..at + read], "{}: {len} at {at}", path.display());
    }
}

/// The pages of mapped files, the last one first, are those of the files that
/// were packed.
const MAPS: &str = "
import mmap, os, sys
for name in os.listdir(sys.argv[1]):
    maps = []
    for folder in sys.argv[1:]:
        with open(os.path.join(folder, name), 'rb') as file:
            maps.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    for at in reversed(range(0, len(maps[0]), mmap.PAGESIZE)):
        if maps[0][at:at + mmap.PAGESIZE] != maps[1][at:at + mmap.PAGESIZE]:
            sys.exit(f'{name} differs at {at}')
";

#[test]
fn parts_direct_reads_and_maps_are_as_the_source() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let files = [
        ("mixed", mixed(1, 1_500_001)),
        ("text", text(2, 900_000)),
        ("blocks", mixed(3, 80 * 4096)),
        ("short", text(4, 9000)),
        ("plain", noise(5, 50_000)),
    ];
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::create_dir(&source).unwrap();
    let mut tree = Builder::new();
    for (name, bytes) in &files {
        fs::write(source.join(name), bytes).unwrap();
        tree.file(name, bytes.clone());
    }
    let tree = tree.done();
    let compressed = [(4096, 4096), (4096, 65_536), (4096, 1 << 20), (1024, 8192)];
    let options = compressed.map(|(block, pcluster)| lz4(9, block, pcluster));
    for (number, options) in [fixed()].into_iter().chain(options).enumerate() {
        let path = dir.path().join(format!("{number}.erofs"));
        fs::write(&path, image(&tree, options)).unwrap();
        let mount = KernelMount::new(&path).unwrap();
        for (name, bytes) in &files {
            check_parts(&mount.path().join(name), bytes);
            for (at, len) in [(0, 4096), (8192, 65_536), (0, 1 << 20)] {
                let read = read_direct(&mount.path().join(name), wide(at), len);
                // Some kernels may refuse this for compressed files.
                assert!(read.is_some() || number > 0, "{name}");
                if let Some(read) = read {
                    let rest = bytes.get(at..).unwrap_or_default();
                    assert!(read == rest[..len.min(rest.len())], "{number} {name}: {len} at {at}");
                }
            }
        }
        drop(mount);
        if have(Oracle::Maps) {
            let mount = KernelMount::new(&path).unwrap();
            let mut python = Command::new(tools::program("python3").unwrap());
            python.args(["-c", MAPS]).arg(&source).arg(mount.path());
            tools::run(&mut python).unwrap_or_else(|text| panic!("{number}: {text}"));
        }
    }
}
