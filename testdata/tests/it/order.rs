//! Paths that are read first: where their inodes and contents lie.

use std::collections::BTreeMap;

use erofs_writer::codec::zstd;
use erofs_writer::{
    Base, ChunkSize, Codec, ImageWriter, Metadata, Node, Options, SeekWriter, Tails, Tree,
};
use testdata::raw::model::{Data, Model};
use testdata::raw::zmap::Place;
use testdata::trees::{Builder, mixed, noise, text};
use testdata::verify;

use crate::compressed::{lz4, pclusters};
use crate::support::{assert_same, decoded, fixed, image, image_by, verify};

/// Files of every kind in some directories. Some have equal contents, some repeat others.
fn tree() -> Tree {
    let mut tree = Builder::new();
    for dir in 0..6_u64 {
        tree.dir(format!("d{dir}"));
        let mut put = |name: &str, bytes: Vec<u8>| tree.file(format!("d{dir}/{name}"), bytes);
        put("long.txt", text(dir, 150_000));
        put("noise.bin", noise(dir, 30_000));
        put("mixed.so", mixed(100 + dir, 70_000));
        put("same.c", text(99, 20_000));
        put("repeats.c", [text(7 + dir, 3000), text(40, 90_000)].concat());
        put("short.h", text(50 + dir, 3000));
        put("tiny", b"a few bytes".to_vec());
        put("large.txt", text(20 + dir, if dir == 4 { 5 << 20 } else { 200_000 }));
        tree.symlink(format!("d{dir}/link"), "short.h");
    }
    let id = tree.file("d0/names", text(77, 9000));
    tree.link("d5/other-name", id);
    // Its entries need blocks of their own.
    tree.dir("many");
    for number in 0..150 {
        tree.file(format!("many/a name that is rather long, {number:03}"), text(number, 700));
    }
    tree.done()
}

/// The list: neither in the order of paths nor in that of names.
const LIST: &[&str] = &[
    "d4/large.txt",
    "/d1/short.h",
    "d3/repeats.c",
    "//d1/long.txt/",
    "d5/other-name",
    "d2/noise.bin",
    "no/such/file",
    "d1/short.h",
    "many",
    "d5/same.c",
    "d1/long.txt",
    "d0/names",
    "d3/link",
    "d0/mixed.so",
    "",
    "/",
    "d2/tiny/no",
    "d2/repeats.c",
    "d2/short.h",
    "d4/mixed.so",
];

fn ways() -> Vec<(&'static str, Options)> {
    let zstd = || fixed().codec(Codec::Zstd(zstd::Settings::default()));
    let chunks = |options: Options| options.chunk_size(ChunkSize::new(4096).unwrap());
    vec![
        ("flat", fixed()),
        ("aligned", fixed().inline_data(false).data_alignment(8).unwrap()),
        ("chunks", chunks(fixed())),
        ("blocks", fixed().dedupe(true)),
        ("lz4", lz4(9)),
        ("lz4 and chunks", chunks(lz4(0))),
        ("lz4 in 64 KiB", lz4(1).pcluster_size(pclusters(65_536)).share_identical(false)),
        ("tails", lz4(9).tails(Tails::Inline)),
        ("dedupe", lz4(1).dedupe(true)),
        ("fragments", lz4(1).tails(Tails::Fragments).pcluster_size(pclusters(16_384))),
        ("dedupe, fragments", lz4(1).tails(Tails::Fragments).dedupe(true)),
        ("all", lz4(1).tails(Tails::AllFragments).packed_pcluster_size(pclusters(4096))),
        (
            "all, large",
            zstd().tails(Tails::AllFragments).pcluster_size(pclusters(65_536)).dedupe(true),
        ),
    ]
}

/// Where contents begin: a place in the blocks after inodes, among pclusters or in the
/// packed inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Begins {
    Flat(u64),
    Chunk(u64),
    Pcluster(u64),
    Fragment(u64),
}

/// Where the contents of a file begin, in every sort of place that it has. Of places that
/// several files have, only some are in the order of these.
fn begins(data: &Data) -> Vec<Begins> {
    match data {
        Data::Flat(runs) => {
            runs.iter().filter(|run| !run.inline).map(|run| Begins::Flat(run.at)).collect()
        }
        Data::Chunks(map) => map
            .chunks
            .first()
            .and_then(|chunk| chunk.block)
            .map(Begins::Chunk)
            .into_iter()
            .collect(),
        Data::Compressed(map) => {
            let mut extents = map.extents.iter().map(|extent| extent.place);
            let first = extents.clone().find_map(|place| match place {
                // The others are after inodes.
                Place::Stored { at, .. } if at % 4096 == 0 => Some(Begins::Pcluster(at)),
                _ => None,
            });
            let fragment = extents.find_map(|place| match place {
                Place::Fragment(at) => Some(Begins::Fragment(at)),
                _ => None,
            });
            [first, fragment].into_iter().flatten().collect()
        }
        Data::None | Data::Hole => Vec::new(),
    }
}

/// The number of each inode and the places of its contents, by path.
fn places(model: &Model) -> BTreeMap<String, (u64, Vec<Begins>)> {
    let nodes = model.inodes.iter();
    nodes
        .map(|(nid, node)| {
            (String::from_utf8_lossy(&node.path).into_owned(), (*nid, begins(&node.data)))
        })
        .collect()
}

fn sort_of(place: &Begins) -> std::mem::Discriminant<Begins> {
    std::mem::discriminant(place)
}

/// The paths of the list that the tree has, each once, without further names.
fn listed() -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for path in LIST {
        let path = format!("/{}", path.trim_matches('/'));
        let is_new = !paths.contains(&path) && path != "/";
        if is_new && !path.contains("no") || path == "/d2/noise.bin" {
            paths.push(path);
        }
    }
    // Paths of the model are the first ones in the order of names.
    paths.retain(|path| path != "/d0/names");
    paths.iter().map(|path| path.replace("d5/other-name", "d0/names")).collect()
}

#[test]
fn contents_and_inodes_follow_the_list() {
    let tree = tree();
    for (name, options) in ways() {
        let image = image(&tree, options.read_order(LIST.iter().copied()));
        let places = places(&decoded(&image));
        let paths = listed();
        assert_eq!(paths.len(), 13, "{paths:?}");
        let is_listed = |path: &str| paths.iter().any(|listed| listed == path);
        // The block of the root has some; the others come after the pclusters.
        let block = |path: &String| places[path].0 * 32 / 4096;
        let mut blocks: Vec<u64> = paths.iter().map(block).filter(|block| *block > 0).collect();
        blocks.sort_unstable();
        assert!(blocks[blocks.len() - 1] - blocks[0] <= 20, "{name}: {blocks:?}");
        // What is shared has its place by another file of the list, or by none.
        let own = |path: &&String| {
            !(path.contains("same") || path.contains("repeats") || path.contains("many"))
        };
        let all: Vec<Begins> =
            paths.iter().filter(own).flat_map(|path| places[path].1.clone()).collect();
        assert!(!all.is_empty(), "{name}");
        let others: Vec<Begins> = places
            .iter()
            .filter(|(path, _)| path.starts_with("/d") && own(path) && !is_listed(path))
            .flat_map(|(_, (_, places))| places.clone())
            .collect();
        for sort in all.iter().map(sort_of) {
            let of_sort = |place: &&Begins| sort_of(place) == sort;
            let mine: Vec<&Begins> = all.iter().filter(of_sort).collect();
            assert!(mine.is_sorted(), "{name}: {mine:?}");
            let next = others.iter().filter(of_sort).min();
            assert!(next.is_none_or(|next| *mine.last().unwrap() < next), "{name}");
        }
    }
}

#[test]
fn what_has_an_order_comes_back() {
    let tree = tree();
    for (_, options) in ways() {
        let image = image(&tree, options.read_order(LIST.iter().copied()));
        verify(&image, &tree, &verify::Options::default());
    }
}

#[test]
fn neither_threads_nor_a_base_matter() {
    let tree = tree();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("base.erofs");
    for (name, options) in ways() {
        let options = options.rebuildable(true).trust_store_names(true);
        let ordered = options.clone().read_order(LIST.iter().copied());
        let one = image_by(1, &tree, ordered.clone());
        assert_same(&one, &image_by(8, &tree, ordered.clone()), name);
        // A base with another order.
        std::fs::write(&path, image(&tree, options)).unwrap();
        let base = Base::open(&path).unwrap();
        let output = SeekWriter::new(std::io::Cursor::new(Vec::new()));
        let done = ImageWriter::new(ordered).base(&base).write(&tree, &output).unwrap();
        assert_same(&one, &output.into_inner().into_inner(), name);
        if name == "lz4" {
            assert!(done.taken_bytes > 5 << 20, "{}", done.taken_bytes);
        }
    }
}

#[test]
fn a_list_without_a_path_of_the_tree_changes_nothing() {
    let tree = tree();
    for (name, options) in ways() {
        let without = image(&tree, options.clone());
        for list in [&[][..], &["", "/", "no", "d1/short.h/no", "d1/no", "../d1", "d1/./tiny"]] {
            let with = options.clone().read_order(list.iter().copied());
            assert_same(&without, &image(&tree, with), name);
        }
    }
}

/// The blocks of a directory come before those of others, and what is in it stays.
#[test]
fn directories_may_be_listed() {
    let mut tree = Builder::new();
    for dir in ["a", "b", "c"] {
        tree.dir(dir);
        for number in 0..150 {
            tree.file(format!("{dir}/a name that is rather long, {number:03}"), text(number, 9000));
        }
    }
    let tree = tree.done();
    let by_order = |list: &[&str]| {
        let image = image(&tree, fixed().read_order(list.iter().copied()));
        verify(&image, &tree, &verify::Options::default());
        let places = places(&decoded(&image));
        let mut dirs = ["/a", "/b", "/c"];
        dirs.sort_by_key(|dir| places[*dir].1[0]);
        dirs.concat()
    };
    assert_eq!(by_order(&[]), "/a/b/c");
    assert_eq!(by_order(&["c"]), "/c/a/b");
    assert_eq!(by_order(&["c", "b/", "/c"]), "/c/b/a");
    // What is on the way comes as well.
    assert_eq!(by_order(&["b/a name that is rather long, 007", "a"]), "/b/a/c");
}

/// Names that are no text.
#[test]
fn paths_are_bytes() {
    let mut tree = Tree::new(Metadata::new(0o755));
    let names = [&b"a"[..], b"\xff\xfe", b" z\t"];
    for (seed, name) in names.iter().enumerate() {
        let bytes = noise(u64::try_from(seed).unwrap(), 20_000);
        tree.insert(name, Metadata::new(0o644), Node::file(bytes)).unwrap();
    }
    let options = fixed().read_order([names[2], names[1]]);
    assert_eq!(options.get_read_order(), [names[2], names[1]]);
    let model = decoded(&image(&tree, options));
    let mut nodes: Vec<_> = model.inodes.values().filter(|node| node.path != b"/").collect();
    nodes.sort_by_key(|node| begins(&node.data)[0]);
    let paths: Vec<&[u8]> = nodes.iter().map(|node| &node.path[1..]).collect();
    assert_eq!(paths, [names[2], names[1], names[0]]);
}
