//! The threads that work: the calling thread, a pool of the caller, or threads of the
//! build.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Cursor};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use erofs_writer::codec::lz4::Level;
use erofs_writer::source::Directory;
use erofs_writer::{
    Codec, Content, ImageWriter, Metadata, Node, Options, ReadAt, SeekWriter, ThreadPoolBuilder,
    Tree,
};
use testdata::trees::text;

/// A reader that notes which threads have read it.
struct Watched {
    bytes: Vec<u8>,
    readers: Arc<Mutex<BTreeSet<String>>>,
}

fn name(id: ThreadId) -> String {
    format!("{id:?}")
}

impl ReadAt for Watched {
    fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap()
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.readers.lock().unwrap().insert(name(thread::current().id()));
        ReadAt::read_at(&self.bytes, buf, offset)
    }
}

/// A tree of `files` files, and the threads that have read them.
fn watched(files: u64, len: usize) -> (Tree, Arc<Mutex<BTreeSet<String>>>) {
    let readers = Arc::new(Mutex::new(BTreeSet::new()));
    let mut tree = Tree::new(Metadata::new(0o755));
    for number in 0..files {
        let watched = Watched { bytes: text(number, len), readers: readers.clone() };
        let node = Node::File(Content::new(watched));
        tree.insert(format!("f{number}"), Metadata::new(0o644), node).unwrap();
    }
    (tree, readers)
}

fn options() -> [Options; 2] {
    let codec = Codec::Lz4(Level::new(1).unwrap());
    [Options::new(), Options::new().codec(codec).dedupe(true)]
}

fn image(mut writer: ImageWriter<'_>, tree: &Tree) -> Vec<u8> {
    let output = SeekWriter::new(Cursor::new(Vec::new()));
    writer.write(tree, &output).unwrap();
    output.into_inner().into_inner()
}

#[test]
fn a_small_tree_is_built_by_the_calling_thread() {
    for options in options() {
        let (tree, readers) = watched(4, 3000);
        image(ImageWriter::new(options), &tree);
        let here = BTreeSet::from([name(thread::current().id())]);
        assert_eq!(*readers.lock().unwrap(), here);
    }
}

#[test]
fn a_pool_of_the_caller_is_used_and_bytes_are_the_same() {
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(3).build().unwrap());
    let members: BTreeSet<String> =
        pool.broadcast(|_| name(thread::current().id())).into_iter().collect();
    for options in options() {
        let writer = || ImageWriter::new(options.clone());
        let (tree, readers) = watched(60, 100_000);
        let used = || std::mem::take(&mut *readers.lock().unwrap());
        let expected = image(writer(), &tree);
        assert!(used().is_disjoint(&members), "threads of its own");
        assert!(pool.install(|| image(writer(), &tree)) == expected);
        let inside = used();
        assert!(inside.is_subset(&members), "{inside:?} are not all of {members:?}");
        assert!(image(writer().pool(&pool), &tree) == expected);
        let given = used();
        assert!(given.is_subset(&members), "{given:?} are not all of {members:?}");
        for threads in [1, 2, 5].map(|count| NonZeroUsize::new(count).unwrap()) {
            assert!(image(writer().threads(threads), &tree) == expected);
            assert!(used().len() <= threads.get());
        }
        let alone = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert!(alone.install(|| image(writer(), &tree)) == expected, "one thread is enough");
    }
}

/// The number of threads of this process.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[test]
fn many_builds_at_a_time_make_few_threads() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..20 {
        let sub = dir.path().join(number.to_string());
        fs::create_dir(&sub).unwrap();
        fs::write(sub.join("f"), text(number, 100_000)).unwrap();
    }
    let expected = image(ImageWriter::new(Options::new()), &Tree::from_dir(dir.path()).unwrap());
    let before = threads();
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let most = Mutex::new(0);
    const BUILDS: usize = 60;
    thread::scope(|scope| {
        for _ in 0..BUILDS {
            scope.spawn(|| {
                let tree = Directory::new(dir.path()).read().unwrap();
                let writer = ImageWriter::new(Options::new()).on_event(|_| {
                    let mut most = most.lock().unwrap();
                    *most = threads().max(*most);
                    std::ops::ControlFlow::Continue(())
                });
                assert!(image(writer, &tree) == expected);
            });
        }
    });
    // Allowed are the threads of this test, those that builds may make, and some that
    // have not ended or belong to other tests.
    let allowed = before + BUILDS + 4 * processors.max(8) + 40;
    let most = most.into_inner().unwrap();
    assert!(most <= allowed, "{most} threads, and {allowed} are enough");
}
