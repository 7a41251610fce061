//! Errors: their variants, their messages and their conversion to errors of std.

use std::fs;
use std::io::{self, Cursor};

use erofs_writer::{
    Change, Content, Error, ImageWriter, Limit, Metadata, Node, Options, OutputErrorKind, ReadAt,
    ReaderErrorKind, SeekWriter, Tails, Tree,
};

use crate::image;

fn of(content: Content) -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    tree.insert("f", Metadata::new(0o644), Node::File(content)).unwrap();
    tree
}

fn error(tree: &Tree) -> Error {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    ImageWriter::new(Options::new()).write(tree, output).unwrap_err()
}

#[test]
fn kinds_of_std_say_what_happened() {
    let kind = |error: Error| io::Error::from(error).kind();
    // Much of std repeats an interrupted call.
    assert_ne!(kind(Error::Cancelled), io::ErrorKind::Interrupted);
    let too_small = OutputErrorKind::TooSmall { needed: 2, available: 1 };
    let output = Error::Output { path: "/dev/x".into(), kind: too_small };
    assert_eq!(kind(output), io::ErrorKind::StorageFull);
    assert_eq!(kind(Error::Full(Limit::Blocks)), io::ErrorKind::FileTooLarge);
    let source = io::Error::from_raw_os_error(13);
    let read = io::Error::from(Error::Read { path: "/x".into(), source });
    assert_eq!(read.kind(), io::ErrorKind::PermissionDenied);
    let inner = read.get_ref().and_then(|inner| inner.source());
    let inner = inner.and_then(|source| source.downcast_ref::<io::Error>()).unwrap();
    assert_eq!(inner.raw_os_error(), Some(13));
}

#[test]
fn a_change_is_told_with_what_is_known_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    for now in [0, 4999, 5001, 100_000] {
        fs::write(&path, vec![1; 5000]).unwrap();
        let scanned = Tree::from_dir(dir.path()).unwrap();
        fs::write(&path, vec![1; now]).unwrap();
        let expected = Change::Length { before: 5000, now: u64::try_from(now).unwrap() };
        for tree in [scanned, of(Content::from_path(&path, 5000))] {
            match error(&tree) {
                Error::Changed { path: named, change } => {
                    assert_eq!((named, change), (path.clone(), expected));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let tree = Tree::from_dir(dir.path()).unwrap();
    let len = fs::metadata(&path).unwrap().len();
    fs::write(dir.path().join("g"), vec![1; usize::try_from(len).unwrap()]).unwrap();
    fs::rename(dir.path().join("g"), &path).unwrap();
    match error(&tree) {
        Error::Changed { change: Change::Replaced, .. } => {}
        other => panic!("{other:?}"),
    }
}

/// A reader that reports the first number as its length, and has as many bytes as the
/// second.
struct Says(u64, u64);

impl ReadAt for Says {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.1.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = left.min(buf.len());
        buf[..len].fill(7);
        Ok(len)
    }
}

#[test]
fn a_reader_that_does_not_do_as_it_says_is_no_change() {
    for len in [100, 4096, 70_000, 3 << 20] {
        let kind = |gives| match error(&of(Content::new(Says(len, gives)))) {
            Error::Reader { path, kind } => {
                assert_eq!(path.to_str(), Some("/f"));
                kind
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(len - 1), ReaderErrorKind::Short { len, read: len - 1 });
        assert_eq!(kind(len + 1), ReaderErrorKind::Long { len });
        assert_eq!(kind(u64::MAX), ReaderErrorKind::Long { len });
    }
}

/// A reader that is interrupted before each answer.
struct Interrupted(Vec<u8>, std::sync::atomic::AtomicBool);

impl Interrupted {
    fn once(&self) -> io::Result<()> {
        match self.1.fetch_xor(true, std::sync::atomic::Ordering::Relaxed) {
            false => Err(io::ErrorKind::Interrupted.into()),
            true => Ok(()),
        }
    }
}

impl ReadAt for Interrupted {
    fn len(&self) -> u64 {
        ReadAt::len(&self.0)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.once()?;
        self.0.read_at(buf, offset)
    }

    fn next_data(&self, offset: u64) -> io::Result<std::ops::Range<u64>> {
        self.once()?;
        Ok(offset..self.len().max(offset))
    }
}

#[test]
fn what_is_interrupted_is_done_again() {
    use erofs_writer::codec::lz4::Level;
    use erofs_writer::{ChunkSize, Codec};
    let lz4 = || Options::new().codec(Codec::Lz4(Level::FAST));
    let modes = [
        Options::new(),
        Options::new().chunk_size(ChunkSize::new(4096).unwrap()),
        Options::new().dedupe(true),
        lz4(),
        lz4().tails(Tails::Inline),
        lz4().tails(Tails::AllFragments).dedupe(true),
    ];
    // The contents are long enough to be searched for holes.
    let bytes = testdata::trees::text(1, 2 << 20);
    for options in modes {
        let with = |content: [Content; 2]| {
            let [one, other] = content;
            let mut tree = of(one);
            tree.insert("g", Metadata::new(0o644), Node::File(other)).unwrap();
            let output = SeekWriter::new(Cursor::new(Vec::new()));
            ImageWriter::new(options.clone()).write(&tree, &output).unwrap();
            output.into_inner().into_inner()
        };
        let reader = || Content::new(Interrupted(bytes.clone(), Default::default()));
        let plain = || Content::from_bytes(bytes.clone());
        assert!(with([reader(), reader()]) == with([plain(), plain()]), "{options:?}");
    }
    assert!(!image(&of(Content::from_bytes(bytes))).is_empty());
}
