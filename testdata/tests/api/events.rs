//! One stream of events and one stop token, from the scan to the end.

use std::fs;
use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use erofs_writer::source::{Directory, StorePaths, Tar};
use erofs_writer::{
    Canceller, Content, Error, Event, ImageWriter, Metadata, Node, Options, Phase, ReadAt,
    SeekWriter, ThreadPoolBuilder, Tree,
};
use testdata::archive::Archive;

fn output() -> SeekWriter<Cursor<Vec<u8>>> {
    SeekWriter::new(Cursor::new(Vec::new()))
}

#[test]
fn a_source_and_its_image_give_one_stream_of_events() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("f"), "contents").unwrap();
    let archive = Archive::default().file("f", &[1; 3_000_000]).finish();
    let mut phases = Vec::new();
    let mut ends = Vec::new();
    let mut on_event = |event| {
        match event {
            Event::Phase(phase) => phases.push(phase),
            Event::Progress { done, total } => ends.push((done, total)),
            _ => {}
        }
        ControlFlow::Continue(())
    };
    let store = [dir.path().join("f")];
    let trees = [
        Directory::new(dir.path()).on_event(&mut on_event).read().unwrap(),
        StorePaths::new(store).on_event(&mut on_event).read().unwrap(),
    ];
    let path = dir.path().join("archive");
    fs::write(&path, &archive).unwrap();
    let tar = Tar::open(path).unwrap().on_event(&mut on_event).read().unwrap();
    for tree in trees.iter().chain([&tar]) {
        ImageWriter::new(Options::new()).on_event(&mut on_event).write(tree, output()).unwrap();
    }
    assert_eq!(phases[..4], [Phase::Scan, Phase::Scan, Phase::Scan, Phase::Check]);
    assert_eq!(phases.last(), Some(&Phase::Finish));
    assert!(Phase::Scan < Phase::Check);
    // The total is known for an archive in a file.
    let len = u64::try_from(archive.len()).unwrap();
    assert!(ends.iter().any(|(_, total)| *total == len), "{ends:?}");
}

/// A stream that never ends, and whose reads take a while.
struct Endless(usize);

impl Read for Endless {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(20));
        let member = Archive::default().file(&format!("f{}", self.0), &[]);
        self.0 += 1;
        let member = member.unfinished();
        buf[..member.len()].copy_from_slice(member);
        Ok(member.len())
    }
}

fn endless<'a>() -> Tar<'a> {
    Tar::stream("endless", Endless(0), std::env::temp_dir())
}

/// A directory with many subdirectories, and a filter that takes a while for each.
fn many(dir: &Path) -> Directory<'static> {
    for name in 0..400 {
        fs::create_dir(dir.join(name.to_string())).unwrap();
        fs::write(dir.join(format!("{name}/f")), "").unwrap();
    }
    Directory::new(dir).keep(|_| {
        thread::sleep(Duration::from_millis(50));
        true
    })
}

#[track_caller]
fn ends_soon(what: &str, read: impl FnOnce() -> Result<Tree, Error>) {
    let start = Instant::now();
    let result = read();
    assert!(matches!(result, Err(Error::Cancelled)), "{what}: {result:?}");
    assert!(start.elapsed() < Duration::from_secs(2), "{what}: {:?}", start.elapsed());
}

/// A handler that breaks at the third event.
fn breaking() -> impl FnMut(Event) -> ControlFlow<()> + Send {
    let mut left = 3;
    move |_| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_break_ends_the_scan() {
    let dir = tempfile::tempdir().unwrap();
    ends_soon("an archive", || endless().on_event(breaking()).read());
    ends_soon("a directory", || many(dir.path()).on_event(breaking()).read());
    let store: Vec<_> = (0..400).map(|name| dir.path().join(name.to_string())).collect();
    let slow = |store: Vec<_>| {
        StorePaths::new(store).keep(|_| {
            thread::sleep(Duration::from_millis(50));
            true
        })
    };
    ends_soon("store paths", || slow(store.clone()).on_event(breaking()).read());
    let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    ends_soon("in a pool", || pool.install(|| slow(store).on_event(breaking()).read()));
}

#[test]
fn one_token_ends_all() {
    let dir = tempfile::tempdir().unwrap();
    let canceller = Canceller::new();
    let directory = many(dir.path());
    thread::scope(|scope| {
        let soon = |what: &'static str, read: Box<dyn FnOnce() -> Result<Tree, Error> + Send>| {
            scope.spawn(move || ends_soon(what, read));
        };
        let [one, other] = [&canceller; 2].map(Canceller::clone);
        soon("an archive", Box::new(move || endless().canceller(&one).read()));
        soon("a directory", Box::new(move || directory.canceller(&other).read()));
        thread::sleep(Duration::from_millis(200));
        canceller.cancel();
    });
    let tree = Directory::new(dir.path()).canceller(&canceller).read();
    assert!(matches!(tree, Err(Error::Cancelled)));
    let mut writer = ImageWriter::new(Options::new()).canceller(&canceller);
    let result = writer.write(&Tree::new(Metadata::new(0o755)), output());
    assert!(matches!(result, Err(Error::Cancelled)));
}

/// A reader whose reads take a while, and are counted.
struct Slow<'a>(u64, &'a AtomicUsize);

impl ReadAt for Slow<'static> {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(30));
        let left = usize::try_from(self.0.saturating_sub(offset)).unwrap();
        let len = left.min(buf.len());
        buf[..len].fill(1);
        Ok(len)
    }
}

#[test]
fn a_handler_that_panics_ends_the_build_at_once() {
    static READS: AtomicUsize = AtomicUsize::new(0);
    // The first tree is large enough for threads of its own, the second one is not.
    for (files, len) in [(400_u32, 5000), (8, 5000)] {
        let mut tree = Tree::new(Metadata::new(0o755));
        for name in 0..files {
            let content = Content::new(Slow(len, &READS));
            let node = Node::File(content);
            tree.insert(format!("f{name}"), Metadata::new(0o644), node).unwrap();
        }
        READS.store(0, Ordering::Relaxed);
        let mut writer = ImageWriter::new(Options::new()).on_event(|event| {
            assert!(!matches!(event, Event::Progress { .. }), "the handler's own panic");
            ControlFlow::Continue(())
        });
        let result = catch_unwind(AssertUnwindSafe(|| writer.write(&tree, output())));
        let panic = *result.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(panic, "the handler's own panic");
        let reads = READS.load(Ordering::Relaxed);
        assert!(reads < usize::try_from(files).unwrap(), "{reads} reads of {files} files");
    }
    let archive = endless().on_event(|event| {
        assert!(matches!(event, Event::Phase(_)), "the handler's own panic");
        ControlFlow::Continue(())
    });
    let result = catch_unwind(AssertUnwindSafe(|| archive.read()));
    assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "the handler's own panic");
}

#[test]
fn events_come_one_at_a_time_in_a_pool_of_the_caller() {
    static READS: AtomicUsize = AtomicUsize::new(0);
    let mut tree = Tree::new(Metadata::new(0o755));
    for name in 0..40 {
        let node = Node::File(Content::new(Slow(5000, &READS)));
        tree.insert(format!("f{name}"), Metadata::new(0o644), node).unwrap();
    }
    let inside = AtomicUsize::new(0);
    let mut events = 0;
    let mut on_event = |_| {
        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "only one at a time");
        thread::sleep(Duration::from_millis(1));
        inside.fetch_sub(1, Ordering::SeqCst);
        events += 1;
        ControlFlow::Continue(())
    };
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(4).build().unwrap());
    let options = || Options::new().share_identical(false);
    let mut writer = ImageWriter::new(options()).on_event(&mut on_event);
    pool.install(|| writer.write(&tree, output()).unwrap());
    drop(writer);
    let mut writer = ImageWriter::new(options()).pool(&pool).on_event(&mut on_event);
    writer.write(&tree, output()).unwrap();
    drop(writer);
    assert!(events > 2 * 5, "{events} events");
}
