//! Images that are read back and compared with the tree, and outputs that change
//! meanwhile. Every image of the helpers in `support` is verified as well.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use erofs_writer::{
    Change, Codec, Content, Error, Event, ImageWriter, Metadata, Node, Options, Phase, ReadAt,
    SeekWriter, Tails, Tree, VerifyErrorKind,
};
use testdata::trees::{Builder, noise, text};

use crate::support::{fixed, has_magic, image};

fn tree() -> Tree {
    let mut tree = Builder::new();
    tree.file("blocks", noise(1, 50_000));
    tree.file("text", text(2, 300_000));
    tree.file("tail", text(3, 99));
    tree.done()
}

/// Calls `change` when everything but the superblock is written.
fn when_verifying(mut change: impl FnMut() + Send) -> impl FnMut(Event) -> ControlFlow<()> + Send {
    move |event| {
        if matches!(event, Event::Phase(Phase::Verify)) {
            change();
        }
        ControlFlow::Continue(())
    }
}

fn some_options() -> [Options; 3] {
    let lz4 = || fixed().codec("lz4".parse::<Codec>().unwrap());
    [fixed(), lz4(), lz4().tails(Tails::AllFragments)]
}

#[test]
fn an_output_that_is_changed_gets_no_superblock() {
    for options in some_options().map(|options| options.offset(8192).unwrap()) {
        let whole = image(&tree(), options.clone());
        for at in (8192 + 2000..whole.len()).step_by(4099).filter(|at| whole[*at] != 0) {
            let output = tempfile::tempfile().unwrap();
            let other = output.try_clone().unwrap();
            let change = when_verifying(|| {
                let byte = whole[at] ^ 0x55;
                other.write_all_at(&[byte], u64::try_from(at).unwrap()).unwrap();
            });
            let mut writer = ImageWriter::new(options.clone()).verify(true).on_event(change);
            let written = writer.write(&tree(), &output);
            drop(writer);
            let mut found = vec![0; whole.len()];
            output.read_exact_at(&mut found, 0).unwrap();
            // The first block comes from memory, and is written after all others.
            match written {
                Ok(_) => assert!(at < 8192 + 4096 && found == whole, "byte {at}"),
                Err(error) => {
                    assert!(matches!(error, Error::Verify { .. }), "byte {at}: {error}");
                    assert!(!has_magic(&found, 8192), "byte {at}");
                }
            }
        }
    }
}

#[test]
fn an_older_file_stays_if_the_image_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    fs::write(&path, "older").unwrap();
    let source = dir.path().join("file");
    fs::write(&source, noise(1, 20_000)).unwrap();
    let mut tree = Tree::new(Metadata::new(0o755));
    let content = Content::of_host_file(&source).unwrap();
    tree.insert("file", Metadata::new(0o644), Node::File(content)).unwrap();
    let write = |change: &(dyn Fn() + Sync)| {
        let on_event = when_verifying(change);
        ImageWriter::new(fixed()).verify(true).on_event(on_event).write_path(&tree, &path)
    };
    // The source is as long as before.
    let changed = write(&|| {
        let file = OpenOptions::new().write(true).open(&source).unwrap();
        file.write_all_at(b"other", 12_345).unwrap();
    });
    match changed.unwrap_err() {
        Error::Changed { path, change: Change::Bytes { offset: 12_345 } } => {
            assert_eq!(path, source);
        }
        error => panic!("{error}"),
    }
    let shorter = write(&|| fs::write(&source, noise(1, 9999)).unwrap());
    assert!(matches!(shorter.unwrap_err(), Error::Changed { change: Change::Length { .. }, .. }));
    assert_eq!(fs::read(&path).unwrap(), b"older");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

/// Has other bytes when it is told to.
struct Fickle {
    bytes: Vec<u8>,
    differs: Arc<AtomicBool>,
}

impl ReadAt for Fickle {
    fn len(&self) -> u64 {
        self.bytes.len().try_into().unwrap()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let len = self.bytes.read_at(buf, offset)?;
        let at = 40_000_u64.wrapping_sub(offset);
        match buf[..len].get_mut(usize::try_from(at).unwrap_or(usize::MAX)) {
            Some(byte) if self.differs.load(Ordering::Relaxed) => *byte ^= 1,
            _ => {}
        }
        Ok(len)
    }
}

#[test]
fn bytes_that_differ_are_told_with_path_and_offset() {
    for options in some_options() {
        let differs = Arc::new(AtomicBool::new(false));
        let mut tree = tree();
        let content =
            Content::new(Fickle { bytes: text(4, 70_000), differs: Arc::clone(&differs) });
        tree.insert("fickle", Metadata::new(0o644), Node::File(content)).unwrap();
        let output = tempfile::tempfile().unwrap();
        let on_event = when_verifying(|| differs.store(true, Ordering::Relaxed));
        let mut writer = ImageWriter::new(options).verify(true).on_event(on_event);
        let error = writer.write(&tree, &output).unwrap_err();
        assert_eq!(error.to_string(), "/fickle: wrong in the image: it differs from byte 40000 on");
        match error {
            Error::Verify { path, kind: VerifyErrorKind::Bytes { offset: 40_000 } } => {
                assert_eq!(path, b"/fickle");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn an_output_that_cannot_be_read_back_is_refused_and_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    let file = File::create(&path).unwrap();
    let why = |error: Error| match error {
        Error::Write { path: None, source } => source.to_string(),
        error => panic!("{error}"),
    };
    let mut writer = ImageWriter::new(fixed()).verify(true);
    let expected = "cannot be read back to be verified or hashed";
    assert_eq!(why(writer.write(&tree(), &file).unwrap_err()), expected);
    assert_eq!(file.metadata().unwrap().len(), 0);
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    assert_eq!(why(writer.write(&tree(), &output).unwrap_err()), expected);
    assert!(output.into_inner().into_inner().is_empty());
}

#[test]
fn events_tell_how_far_it_is_and_it_can_be_cancelled() {
    let output = tempfile::tempfile().unwrap();
    let mut of_verify = Vec::new();
    let mut is_verifying = false;
    let mut writer = ImageWriter::new(fixed()).verify(true).on_event(|event| {
        is_verifying |= matches!(event, Event::Phase(Phase::Verify));
        if is_verifying {
            of_verify.push(event);
        }
        ControlFlow::Continue(())
    });
    let summary = writer.write(&tree(), &output).unwrap();
    drop(writer);
    assert!(summary.verified && summary.times.last().unwrap().0 == Phase::Verify);
    let total = 350_099;
    assert_eq!(of_verify.first(), Some(&Event::Phase(Phase::Verify)));
    assert_eq!(of_verify.last(), Some(&Event::Progress { done: total, total }));

    let output = tempfile::tempfile().unwrap();
    let mut writer = ImageWriter::new(fixed()).verify(true).on_event(|event| match event {
        Event::Phase(Phase::Verify) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(writer.write(&tree(), &output), Err(Error::Cancelled)));
    let mut head = vec![0; 4096];
    output.read_exact_at(&mut head, 0).unwrap();
    assert!(!has_magic(&head, 0));
    assert!(!ImageWriter::new(fixed()).write(&tree(), &output).unwrap().verified);
}
