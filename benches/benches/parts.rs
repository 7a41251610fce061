//! Times of the parts of a build: scanning, laying out and filling metadata,
//! moving data. Inputs are made here, so that no corpus has to be built first.

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use erofs_writer::{Content, ImageUuid, ImageWriter, Metadata, Node, Options, Tree, Uuid, WriteAt};
use tempfile::TempDir;

/// An output that takes everything and keeps nothing.
struct Null;

impl WriteAt for Null {
    fn write_all_at(&self, buf: &[u8], _pos: u64) -> io::Result<()> {
        black_box(buf);
        Ok(())
    }
}

/// With a given UUID, so that the bytes are not hashed.
fn options() -> Options {
    Options::new().uuid(ImageUuid::Fixed(Uuid::from_u128(1)))
}

/// `dirs` directories of `files` files each, of `len` bytes.
fn make_directory(at: &Path, dirs: usize, files: usize, len: usize) {
    let bytes: Vec<u8> = (0..=255).cycle().skip(1).take(len).collect();
    for dir in 0..dirs {
        let dir = at.join(format!("directory-{dir}"));
        fs::create_dir(&dir).expect("the temporary directory takes it");
        for file in 0..files {
            fs::write(dir.join(format!("file-{file}")), &bytes).expect("there is room");
        }
    }
}

fn make_tree(dirs: usize, files: usize) -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    for dir in 0..dirs {
        let path = format!("directory-{dir}");
        tree.insert(&path, Metadata::new(0o755), Node::Directory).expect("free");
        for file in 0..files {
            let content = Content::from_bytes(format!("contents of {file} in {dir}").into_bytes());
            let path = format!("{path}/file-{file}");
            tree.insert(path, Metadata::new(0o644), Node::File(content)).expect("free");
        }
    }
    tree
}

fn scan(criterion: &mut Criterion) {
    let dir = TempDir::new().expect("there is room");
    make_directory(dir.path(), 100, 100, 10);
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Elements(10_100));
    group.bench_function("10,000 files", |bencher| {
        bencher.iter(|| Tree::from_dir(dir.path()).expect("it can be read"));
    });
    group.finish();
}

fn meta(criterion: &mut Criterion) {
    let tree = make_tree(100, 1000);
    let mut group = criterion.benchmark_group("meta");
    group.throughput(Throughput::Elements(100_101));
    group.sample_size(20);
    group.bench_function("100,000 inline files", |bencher| {
        bencher.iter(|| ImageWriter::new(options()).write(&tree, &Null).expect("nothing fails"));
    });
    group.finish();
}

fn copy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("copy");
    group.sample_size(20);
    for (name, files, len) in [
        ("1,000 files of 6 KB", 1000, 6_000),
        ("100 files of 200 KB", 100, 200_000),
        ("4 files of 16 MB", 4, 16_000_000),
    ] {
        let dir = TempDir::new().expect("there is room");
        make_directory(dir.path(), 1, files, len);
        let tree = Tree::from_dir(dir.path()).expect("it can be read");
        // Equal contents would be stored once.
        let options = options().share_identical(false).holes(false);
        group.throughput(Throughput::Bytes((files * len).try_into().expect("fits")));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || tempfile::tempfile().expect("there is room"),
                |file| {
                    ImageWriter::new(options.clone()).write(&tree, &file).expect("nothing fails");
                    file
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(parts, scan, meta, copy);
criterion_main!(parts);
