//! Contents that know their holes: a hole is not read, however long it is, and the
//! image does not show whether zeros were holes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use erofs_writer::{
    Change, ChunkSize, Content, Error, Limit, Metadata, Node, Options, ReadAt, Tails, Tree,
    TreeErrorKind,
};
use testdata::trees::{mixed, noise};

use crate::compressed::lz4;
use crate::support::{assert_same, decoded, fixed, image, mounted, try_image};

const MIB: u64 = 1 << 20;
/// Long enough to have holes where files are compressed.
const LEN: u64 = 24 * MIB;

#[test]
fn zeros_are_holes_where_compressed_ones_are_longer() {
    let len = |len: u64, pieces: &[(u64, Vec<u8>)], options: Options| {
        let content = Content::new(Sparse::new(len, pieces));
        let mut tree = Tree::new(Metadata::new(0o755));
        tree.insert("file", Metadata::new(0o644), Node::File(content)).unwrap();
        image(&tree, options).len()
    };
    for options in [lz4(0), lz4(9).tails(Tails::AllFragments)] {
        for zeros in [MIB, 5 * MIB + 1, 64 * MIB] {
            assert_eq!(len(zeros, &[], options.clone()), 4096, "{zeros} zeros, {options:?}");
        }
        // A hole has granules of 64 KiB, and a pcluster has no zeros to speak of.
        let short: Vec<_> = (0..8).map(|at| (at * 8 * MIB, noise(at, 4096))).collect();
        let long: Vec<_> = (0..8).map(|at| (at * 8 * MIB, noise(at, 65_536))).collect();
        assert!(len(64 * MIB, &short, options.clone()) < 450_000, "{options:?}");
        assert!(len(64 * MIB, &long, options.clone()) < 540_000, "{options:?}");
    }
}

/// Zeros, but for some bytes at some places.
#[derive(Clone)]
struct Sparse {
    len: u64,
    pieces: Vec<(u64, Vec<u8>)>,
    /// Whether it tells where they are.
    tells: bool,
    /// How many bytes were read.
    read: Arc<AtomicU64>,
}

impl Sparse {
    fn new(len: u64, pieces: &[(u64, Vec<u8>)]) -> Self {
        Sparse { len, pieces: pieces.to_vec(), tells: true, read: Arc::default() }
    }
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let len = buf.len().min(usize::try_from(self.len - offset).unwrap());
        let buf = &mut buf[..len];
        buf.fill(0);
        for (start, bytes) in &self.pieces {
            let end = start + u64::try_from(bytes.len()).unwrap();
            let (from, to) = (offset.max(*start), end.min(offset + u64::try_from(len).unwrap()));
            if from < to {
                let [from_here, to_here] =
                    [from, to].map(|at| usize::try_from(at - offset).unwrap());
                let [from, to] = [from, to].map(|at| usize::try_from(at - start).unwrap());
                buf[from_here..to_here].copy_from_slice(&bytes[from..to]);
            }
        }
        self.read.fetch_add(u64::try_from(len).unwrap(), Ordering::Relaxed);
        Ok(len)
    }

    fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        if !self.tells {
            return Ok(offset..self.len);
        }
        let ranges = self
            .pieces
            .iter()
            .map(|(start, bytes)| *start..start + u64::try_from(bytes.len()).unwrap());
        let next = ranges.into_iter().find(|range| range.end > offset);
        Ok(next.unwrap_or(self.len..self.len))
    }
}

fn of(contents: impl IntoIterator<Item = Content>) -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    for (number, content) in contents.into_iter().enumerate() {
        let name = format!("f{number}");
        tree.insert(name, Metadata::new(0o644), Node::File(content)).unwrap();
    }
    tree
}

/// One of each kind.
fn modes() -> Vec<(&'static str, Options)> {
    let chunks = |bytes| fixed().chunk_size(ChunkSize::new(bytes).unwrap());
    vec![
        ("plain", fixed()),
        ("not shared", fixed().share_identical(false)),
        ("without holes", fixed().holes(false)),
        ("lz4", lz4(0)),
        ("lz4hc", lz4(9)),
        ("blocks shared", fixed().dedupe(true)),
        ("blocks shared without holes", fixed().dedupe(true).holes(false)),
        ("repeats", lz4(0).dedupe(true)),
        ("chunks", chunks(65_536)),
        ("chunks of a block", chunks(4096)),
        ("chunks without holes", chunks(4096).holes(false)),
        ("ends inline", lz4(0).tails(Tails::Inline)),
        ("fragments", lz4(0).tails(Tails::Fragments)),
        ("all fragments", lz4(0).tails(Tails::AllFragments)),
    ]
}

/// The pieces of a file of `LEN` bytes: little of it, more of it, nothing.
fn layouts() -> Vec<Vec<(u64, Vec<u8>)>> {
    vec![
        vec![(0, mixed(1, 5)), (17 * MIB + 3, mixed(2, 70_000))],
        vec![(MIB, mixed(3, 9 << 20)), (15 * MIB, mixed(4, 300_000)), (LEN - 1, vec![7])],
        vec![],
    ]
}

#[test]
fn nothing_tells_whether_zeros_were_holes() {
    for (name, options) in modes() {
        let tree = |tells| {
            let sparse =
                layouts().into_iter().map(|pieces| Sparse { tells, ..Sparse::new(LEN, &pieces) });
            // Each twice: they are found to be the same.
            let twice: Vec<Sparse> = sparse.flat_map(|sparse| [sparse.clone(), sparse]).collect();
            of(twice.into_iter().map(Content::new))
        };
        let [told, untold] = [true, false].map(|tells| image(&tree(tells), options.clone()));
        assert_same(&told, &untold, name);
        decoded(&told);
        mounted(&told, |root| {
            for (number, pieces) in layouts().iter().enumerate() {
                for name in [2 * number, 2 * number + 1].map(|number| format!("f{number}")) {
                    let file = File::open(root.join(name)).unwrap();
                    assert_eq!(file.metadata().unwrap().len(), LEN);
                    let mut expected = vec![0; 24 << 20];
                    let sparse = Sparse::new(LEN, pieces);
                    assert_eq!(sparse.read_at(&mut expected, 0).unwrap(), 24 << 20);
                    let mut found = vec![1; 24 << 20];
                    file.read_exact_at(&mut found, 0).unwrap();
                    assert!(found == expected, "{pieces:?}", pieces = pieces.len());
                }
            }
        });
    }
}

#[test]
fn holes_of_the_host_are_not_in_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let pieces = &layouts()[0];
    let with_holes = File::create(dir.path().join("holes")).unwrap();
    with_holes.set_len(LEN).unwrap();
    for (start, bytes) in pieces {
        with_holes.write_all_at(bytes, *start).unwrap();
    }
    let mut bytes = vec![0; 24 << 20];
    Sparse::new(LEN, pieces).read_at(&mut bytes, 0).unwrap();
    std::fs::write(dir.path().join("zeros"), &bytes).unwrap();
    let content = |name: &str| Content::from_path(dir.path().join(name), LEN);
    let range = |name: &str| {
        let file = Arc::new(File::open(dir.path().join(name)).unwrap());
        Content::from_file_range(file, 4096..LEN)
    };
    for (name, options) in modes() {
        let tree = |name| of([content(name), range(name)]);
        let [holes, zeros] = ["holes", "zeros"].map(|name| image(&tree(name), options.clone()));
        assert_same(&holes, &zeros, name);
    }
}

#[test]
fn a_hole_costs_nothing_however_long_it_is() {
    for len in [64 << 30, 16 << 40] {
        for (name, options) in modes() {
            if name.contains("without") || name.contains("of a block") {
                continue;
            }
            let sparse = Sparse::new(len, &[(0, b"hello".to_vec()), (len / 3, vec![9; 4096])]);
            let read = Arc::clone(&sparse.read);
            let result = try_image(&of([sparse.clone(), sparse].map(Content::new)), options);
            assert!(read.load(Ordering::Relaxed) < 200 * MIB, "{name}: {read:?} bytes read");
            let image = match result {
                Ok(image) => image,
                // 16 TiB in chunks of 64 KiB.
                Err(Error::Tree { kind: TreeErrorKind::TooManyChunks { chunks }, .. }) => {
                    assert_eq!((name, chunks), ("chunks", 1 << 28));
                    continue;
                }
                Err(error) => panic!("{name}: {error}"),
            };
            mounted(&image, |root| {
                for name in ["f0", "f1"] {
                    let file = File::open(root.join(name)).unwrap();
                    assert_eq!(file.metadata().unwrap().len(), len);
                    for (at, expected) in [(0, *b"hello"), (len / 3, [9; 5]), (len - 5, [0; 5])] {
                        let mut found = [1; 5];
                        file.read_exact_at(&mut found, at).unwrap();
                        assert_eq!(found, expected, "{at}");
                    }
                }
            });
        }
    }
}

#[test]
fn what_no_map_can_hold_is_refused_at_once() {
    let pieces = [(0, vec![1; 512]), (1 << 60, vec![2; 512])];
    for (name, options) in modes() {
        for len in [4 << 60, (8 << 60) - 1] {
            let (all, some, none) = (
                Sparse { tells: false, ..Sparse::new(len, &[]) },
                Sparse::new(len, &pieces),
                Sparse::new(len, &[]),
            );
            let result = |sparse| try_image(&of([Content::new(sparse)]), options.clone());
            match result(all).unwrap_err() {
                Error::Tree { kind: TreeErrorKind::TooMuchData { max }, .. } => {
                    assert_eq!(max, 16 << 40);
                }
                Error::Full(limit) => assert_eq!((name, limit), ("without holes", Limit::Blocks)),
                other => panic!("{name}: {other}"),
            }
            match result(some).unwrap_err() {
                Error::Tree { kind: TreeErrorKind::TooSparse { len: told, stored }, .. } => {
                    assert_eq!(told, len);
                    assert!(stored > 1 << 32);
                }
                Error::Tree { kind: TreeErrorKind::TooManyChunks { chunks }, .. } => {
                    // Zeros that are no holes are one block again and again.
                    let in_blocks = name == "blocks shared without holes";
                    assert!((in_blocks || name.contains("chunks")) && chunks > 1 << 26);
                }
                Error::Full(limit) => assert!(name.contains("without holes"), "{name}: {limit}"),
                other => panic!("{name}: {other}"),
            }
            // Without any data a map of the longest chunks is enough.
            if !name.contains("without holes") {
                let image = result(none).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(image.len() < 8 << 20, "{name}");
            }
        }
    }
}

/// A reader that does something else than it says.
struct Liar {
    said: u64,
    has: u64,
}

impl ReadAt for Liar {
    fn len(&self) -> u64 {
        self.said
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.has.saturating_sub(offset)).unwrap();
        let len = buf.len().min(left);
        buf[..len].fill(b'x');
        Ok(len)
    }
}

#[test]
fn contents_of_another_length_than_they_say_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for has in [5, 5000, 600_000, 5 * MIB] {
        std::fs::write(&path, vec![b'x'; usize::try_from(has).unwrap()]).unwrap();
        for (name, options) in modes() {
            // An image that is read in several parts is slow to make.
            if has > MIB && !matches!(name, "plain" | "lz4" | "repeats") {
                continue;
            }
            for said in [0, has - 1, has + 1, has + 5000] {
                let file = Arc::new(File::open(&path).unwrap());
                let kinds = [
                    Content::new(Liar { said, has }),
                    Content::from_path(&path, said),
                    Content::from_file_range(file, 0..said),
                ];
                for (kind, content) in kinds.into_iter().enumerate() {
                    // Bytes after a part of a file do not count.
                    if kind == 2 && said < has {
                        continue;
                    }
                    let what = format!("{name}, kind {kind}: {said} for {has}");
                    for twins in [1, 2] {
                        let tree = of(vec![content.clone(); twins]);
                        match try_image(&tree, options.clone()) {
                            Err(Error::Reader { .. }) if kind == 0 => {}
                            Err(Error::Changed {
                                change: Change::Length { before, now }, ..
                            }) if kind > 0 && before == said && now == has => {}
                            Err(error) => panic!("{what}: {error}"),
                            Ok(_) => panic!("{what}: an image"),
                        }
                    }
                }
            }
        }
    }
}

/// Breaks what [`ReadAt`] asks for.
struct Broken(Range<u64>, usize);

impl ReadAt for Broken {
    fn len(&self) -> u64 {
        3 * MIB
    }

    fn read_at(&self, buf: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(buf.len() + self.1)
    }

    fn next_data(&self, _: u64) -> io::Result<Range<u64>> {
        Ok(self.0.clone())
    }
}

#[test]
fn a_reader_that_breaks_its_promises_is_an_error() {
    for (name, options) in modes() {
        for broken in
            [Broken(0..3 * MIB, 1), Broken(Range { start: 5, end: 3 }, 0), Broken(0..1, 0)]
        {
            match try_image(&of([Content::new(broken)]), options.clone()).unwrap_err() {
                Error::Reader { path, .. } => assert!(path.starts_with("/"), "{name}: {path:?}"),
                other => panic!("{name}: {other}"),
            }
        }
    }
}

#[test]
fn options_beyond_all_bounds_are_refused() {
    use erofs_writer::OptionsError;
    let tree = of([]);
    // It would begin before the last byte that can be, and end after it.
    match try_image(&tree, fixed().offset((1 << 63) - 4096).unwrap()).unwrap_err() {
        Error::Options(error) => assert_eq!(error, OptionsError::Offset),
        other => panic!("{other}"),
    }
    image(&tree, fixed().root_xattr_len(262_148).unwrap());
}
