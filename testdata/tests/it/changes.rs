//! Files that change between the scan of a directory and the writing of the
//! image are noticed and named.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use erofs_writer::source::{BinaryCache, StorePaths};
use erofs_writer::{ChunkSize, Error, ImageUuid, Options, Tree};
use rustix::fs::{FileType, Mode};
use testdata::nar::Cache;
use testdata::trees::noise;

use crate::errors::refused;
use crate::support::fixed;

/// Something that happens to a file, and whether it shows as a failed read
/// and not as another length.
type Change = (&'static str, fn(&Path), Shows);

#[derive(Clone, Copy, PartialEq)]
enum Shows {
    Changed,
    Read,
    Either,
}

fn replace(path: &Path, make: impl FnOnce()) {
    fs::remove_file(path).unwrap();
    make();
}

const CHANGES: [Change; 8] = [
    ("shrank by a byte", |path| resize(path, -1), Shows::Changed),
    ("shrank to nothing", |path| File::create(path).map(drop).unwrap(), Shows::Changed),
    ("grew by a byte", |path| resize(path, 1), Shows::Changed),
    ("grew by a block", |path| resize(path, 4096), Shows::Changed),
    ("vanished", |path| fs::remove_file(path).unwrap(), Shows::Read),
    (
        "became a fifo",
        |path| {
            replace(path, || {
                let mode = Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, mode, 0).unwrap();
            });
        },
        Shows::Either,
    ),
    ("became a symlink", |path| replace(path, || symlink("other", path).unwrap()), Shows::Read),
    ("became a directory", |path| replace(path, || fs::create_dir(path).unwrap()), Shows::Either),
];

fn resize(path: &Path, by: i64) {
    let len = fs::metadata(path).unwrap().len();
    match u64::try_from(by) {
        Ok(more) => {
            let mut file = File::options().append(true).open(path).unwrap();
            file.write_all(&noise(3, usize::try_from(more).unwrap())).unwrap();
        }
        Err(_) => {
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(len.saturating_add_signed(by)).unwrap();
        }
    }
}

/// Options whose writers take different ways through a file.
fn ways() -> Vec<(&'static str, Options)> {
    let chunk = |bytes| ChunkSize::new(bytes).unwrap();
    vec![
        ("the kernel may copy", fixed()),
        ("every byte is hashed", Options::new().uuid(ImageUuid::FromContent)),
        ("nothing is read before", fixed().holes(false).share_identical(false)),
        ("tails in blocks", fixed().inline_data(false)),
        ("small chunks", fixed().chunk_size(chunk(4096))),
        ("compressed", crate::compressed::lz4(0)),
        ("large chunks", fixed().chunk_size(chunk(1 << 20)).holes(false)),
    ]
}

/// Inline only, exactly a block, blocks and a tail, and in pieces.
const LENGTHS: [usize; 6] = [1, 100, 4096, 5000, 600_001, 3 << 20];

/// Every change of a file of every length is noticed on every way.
fn noticed(lengths: &[usize], prepare: impl Fn(&Path, usize)) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("source");
    for &len in lengths {
        for (what, change, shows) in CHANGES {
            for (way, options) in ways() {
                let _ = fs::remove_dir_all(&root);
                fs::create_dir_all(root.join("d")).unwrap();
                prepare(&root, len);
                let path = root.join("d/file");
                let tree = Tree::from_dir(&root).unwrap();
                change(&path);
                let about = format!("a file of {len} bytes {what}, {way}");
                named(refused(&tree, options), &path, shows, &about);
            }
        }
    }
}

#[track_caller]
fn named(error: Error, path: &Path, shows: Shows, about: &str) {
    match error {
        Error::Changed { path: found, .. } if shows != Shows::Read => assert_eq!(found, path),
        Error::Read { path: found, .. } if shows != Shows::Changed => assert_eq!(found, path),
        other => panic!("{about}: {other:?}"),
    }
}

#[test]
fn a_file_that_changed_since_the_scan_is_named() {
    noticed(&LENGTHS, |root, len| {
        fs::write(root.join("d/file"), noise(1, len)).unwrap();
    });
}

/// Its bytes are those of the first, but it must be looked at all the same.
#[test]
fn a_copy_that_changed_since_the_scan_is_named() {
    noticed(&[4096, 5000, 20_000, 600_001], |root, len| {
        fs::write(root.join("a first one"), noise(1, len)).unwrap();
        fs::write(root.join("d/file"), noise(1, len)).unwrap();
    });
}

#[test]
fn a_file_of_zeros_that_changed_since_the_scan_is_named() {
    noticed(&[4096, 2 << 20], |root, len| {
        fs::write(root.join("d/file"), vec![0; len]).unwrap();
    });
}

#[test]
fn a_listed_file_that_changed_since_the_scan_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("listed");
    for (what, change, shows) in CHANGES {
        if what == "became a symlink" {
            continue;
        }
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        fs::write(&path, noise(1, 5000)).unwrap();
        let tree = StorePaths::new([&path]).read().unwrap();
        change(&path);
        named(refused(&tree, fixed()), &path, shows, what);
    }
}

#[test]
fn an_open_file_that_became_shorter_is_named_by_its_path_in_the_image() {
    use erofs_writer::{Content, Metadata, Node};
    for len in [100_u64, 5000, 600_000] {
        let file = tempfile::tempfile().unwrap();
        file.set_len(len + 10).unwrap();
        let file = std::sync::Arc::new(file);
        let content = Content::from_file_range(file.clone(), 10..10 + len);
        let mut tree = Tree::new(Metadata::new(0o755));
        tree.insert("f", Metadata::new(0o644), Node::File(content)).unwrap();
        file.set_len(len).unwrap();
        named(refused(&tree, fixed()), Path::new("/f"), Shows::Changed, "shorter");
    }
}

/// A directory and a symlink to another one outside change places all the time.
/// No byte from there gets in, whether the change comes while the tree is read
/// or between that and the reading of contents.
#[cfg(target_os = "linux")]
#[test]
fn nothing_from_outside_gets_in_by_a_swapped_symlink() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("source");
    for (at, text) in [("source/d/sub", "within "), ("outside/sub", "SECRET ")] {
        fs::create_dir_all(dir.path().join(at)).unwrap();
        for number in 0..4 {
            for parent in ["", ".."] {
                let path = dir.path().join(at).join(parent).join(format!("file {number}"));
                fs::write(path, text.repeat(10)).unwrap();
            }
        }
    }
    symlink(dir.path().join("outside"), root.join("other")).unwrap();
    let swap =
        || renameat_with(CWD, root.join("d"), CWD, root.join("other"), RenameFlags::EXCHANGE);
    if swap().is_err() {
        return;
    }
    let done = AtomicBool::new(false);
    let mut images = 0;
    let mut refused = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                swap().unwrap();
                std::thread::yield_now();
            }
        });
        for attempt in 0..3000 {
            let tree = match attempt % 2 {
                0 => Tree::from_dir(&root),
                _ => Tree::from_store_paths([&root]),
            };
            match tree.and_then(|tree| crate::support::try_image(&tree, fixed())) {
                Ok(image) => {
                    images += 1;
                    let secret = image.windows(7).any(|bytes| bytes == b"SECRET ");
                    if secret {
                        done.store(true, Ordering::Relaxed);
                    }
                    assert!(!secret, "after {attempt} attempts");
                }
                Err(Error::Read { .. } | Error::Changed { .. }) => refused += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    // Else nothing was tried.
    assert!(images > 0 && refused > 0, "{images} images, {refused} refusals");
}

/// A NAR is hashed when the tree is read, and read again for each file in it.
#[test]
fn a_nar_that_changed_since_it_was_hashed_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let name = "00000000000000000000000000000000-package";
    let source = dir.path().join("package");
    fs::create_dir(&source).unwrap();
    for (file, len) in [("a", 100), ("b", 600_001)] {
        fs::write(source.join(file), noise(1, len)).unwrap();
    }
    let rewrite = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let touch = |path: &Path| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    };
    let shorten = |path: &Path| resize(path, -1);
    let changes: [&dyn Fn(&Path); 3] = [&rewrite, &touch, &shorten];
    for change in changes {
        let cache = Cache::new(&dir.path().join("cache"), "none");
        let file = cache.add(&source, name, &[]);
        let closure = BinaryCache::open(&cache.folder).unwrap();
        let closure = closure.closure([format!("/nix/store/{name}")]).unwrap();
        let tree = closure.read().unwrap();
        change(&file);
        let error = refused(&tree, fixed());
        assert!(matches!(error, Error::Changed { .. }), "{error:?}");
    }
}
