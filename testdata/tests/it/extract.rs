//! Trees of images that are extracted to the host.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use erofs_writer::source::Image;
use erofs_writer::{
    BlockSize, Canceller, ChunkSize, Codec, Error, Event, Extracted, Extractor, LeftOutKind,
    Metadata, Node, Options, Phase, Rdev, Tails, Timestamp, Tree, TreeErrorKind,
};
use testdata::entry::{Compare, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::trees::{Builder, CASES, merged, mixed, noise, text};
use testdata::{expected, host, tools};

use crate::support::{fixed, image};

/// All that a host file system can hold: modes of symlinks are those of the host.
const COMPARED: Compare = Compare { symlink_mode: false, ..Compare::ALL };

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

fn read(bytes: Vec<u8>) -> Tree {
    Image::from_reader("it", bytes).read().unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn extract(extractor: Extractor<'_>, tree: &Tree, dir: &Path) -> Extracted {
    extractor.extract(tree, dir).unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[track_caller]
fn is_same(expected: &Snapshot, dir: &Path, why: &str) {
    let found = host::snapshot(dir).unwrap_or_else(|error| panic!("{why}: {error}"));
    diff(expected, &found, COMPARED).unwrap_or_else(|error| panic!("{why}:\n{error}"));
}

/// A tree with what a host can hold, and contents for each layout.
fn source() -> Tree {
    let small: Vec<_> = CASES.iter().filter(|case| !case.large && case.extract).copied().collect();
    with_contents(merged(&small))
}

/// Adds contents for each layout.
fn with_contents(mut tree: Tree) -> Tree {
    let dir = || Metadata::new(0o555).with_mtime(Timestamp { sec: 5, nsec: 7 });
    tree.insert("own", dir(), Node::Directory).unwrap();
    for (name, bytes) in [
        ("text", text(5, 700_001)),
        ("twice", text(5, 700_001)),
        ("mixed", mixed(6, 2_500_000)),
        ("noise", noise(7, 40_000)),
        ("short", text(8, 3000)),
        ("zeros", vec![0; 1 << 20]),
        ("holes", [text(9, 5000), vec![0; 3 << 20], text(10, 10)].concat()),
    ] {
        tree.insert(format!("own/{name}"), Metadata::new(0o4711), Node::file(bytes)).unwrap();
    }
    tree
}

/// One of each layout and algorithm.
fn modes() -> Vec<(&'static str, Options)> {
    let codec = |text: &str| fixed().codec(text.parse::<Codec>().unwrap());
    vec![
        ("plain", fixed()),
        ("inline", fixed().tails(Tails::Inline)),
        ("chunks", fixed().chunk_size(ChunkSize::new(4096).unwrap())),
        ("small blocks", fixed().block_size(BlockSize::new(512).unwrap())),
        ("lz4", codec("lz4")),
        ("lz4, fragments", codec("lz4hc,1").tails(Tails::Fragments).dedupe(true)),
        ("zstd", codec("zstd,1").tails(Tails::Inline)),
        ("deflate, wide", codec("deflate,1").wide_addresses(true)),
        ("lzma", codec("lzma,0").tails(Tails::Fragments)),
    ]
}

#[test]
fn what_is_extracted_is_what_is_in_the_image() {
    if !is_root() {
        return;
    }
    let tree = source();
    let expected = expected::snapshot(&tree).unwrap();
    for (why, options) in modes() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("out");
        let extracted = extract(Extractor::new(), &read(image(&tree, options)), &dir);
        assert_eq!(extracted.left_out, [], "{why}");
        let files = expected.values().filter(|entry| entry.content.is_some());
        let inodes: std::collections::BTreeSet<_> = files.map(|entry| entry.ino).collect();
        assert_eq!(usize::try_from(extracted.inodes.files).unwrap(), inodes.len());
        is_same(&expected, &dir, why);
        let blocks = |name: &str| fs::metadata(dir.join("own").join(name)).unwrap().blocks();
        if matches!(why, "plain" | "chunks") {
            // Data around a hole may be stored with some zeros.
            let found = (blocks("zeros"), blocks("holes"));
            assert!(found.0 < 64 && found.1 < 1000, "{why}: holes are filled: {found:?}");
        }
    }
}

#[test]
fn trees_from_elsewhere_are_extracted_too() {
    if !is_root() {
        return;
    }
    let tree = source();
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    extract(Extractor::new(), &tree, &one);
    // From a directory of the host, whose files are copied.
    extract(Extractor::new(), &Tree::from_dir(&one).unwrap(), &other);
    is_same(&expected::snapshot(&tree).unwrap(), &other, "twice extracted");
}

#[test]
fn images_of_mkfs_are_extracted() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mounted = |name: &str, tree: &Tree| {
        let path = folder.path().join(name);
        fs::write(&path, image(tree, fixed())).unwrap();
        KernelMount::new(&path).unwrap()
    };
    let all = mounted("all.erofs", &source());
    let contents = mounted("contents.erofs", &with_contents(merged(&[])));
    let out = folder.path().join("image.erofs");
    // Names and metadata only depend on the form of the inodes.
    for (flags, mount) in [
        ("", &all),
        ("--chunksize=4096", &contents),
        ("-zlz4hc,12 -C1048576", &contents),
        ("-zlz4 -Eztailpacking", &contents),
        ("-zzstd,1 -C65536 -Eall-fragments", &contents),
        ("-zlz4 -C16384 -E48bit,fragments", &all),
        ("-zdeflate,1 -C16384", &contents),
        ("-zlzma,1 -C65536", &contents),
    ] {
        let args = flags.split_whitespace().map(Into::into);
        let args = ["--quiet".into(), "-T1".into(), "--mkfs-time".into()].into_iter().chain(args);
        let paths = [out.as_os_str().to_owned(), mount.path().as_os_str().to_owned()];
        tools::mkfs(args.chain(paths)).unwrap_or_else(|error| panic!("{flags}: {error}"));
        let shown = host::snapshot(KernelMount::new(&out).unwrap().path()).unwrap();
        let dir = folder.path().join("out");
        extract(Extractor::new(), &Tree::from_image(&out).unwrap(), &dir);
        is_same(&shown, &dir, flags);
        fs::remove_dir_all(&dir).unwrap();
        fs::remove_file(&out).unwrap();
    }
}

#[test]
fn one_thread_is_enough() {
    let mut tree = Builder::new();
    tree.dir("d");
    tree.file("d/parts", mixed(1, 40 << 20));
    tree.symlink("d/link", "parts");
    let bytes = image(&tree.done(), fixed().codec("lz4".parse::<Codec>().unwrap()));
    let tree = read(bytes);
    let folder = tempfile::tempdir().unwrap();
    for threads in [1, 3] {
        let dir = folder.path().join(threads.to_string());
        let extractor = Extractor::new().owners(false).threads(NonZeroUsize::new(threads).unwrap());
        extract(extractor, &tree, &dir);
        assert!(fs::read(dir.join("d/parts")).unwrap() == mixed(1, 40 << 20));
    }
}

/// A small tree with a directory that cannot be written to.
fn small() -> Tree {
    let mut tree = Builder::new();
    tree.node("a", Metadata::new(0o500), Node::Directory);
    tree.dir("a/b");
    let id = tree.file("a/b/file", "one");
    tree.file("a/b/other", "two");
    tree.symlink("a/link", "b");
    tree.dir("c");
    tree.link("c/name", id);
    tree.done()
}

#[test]
fn only_what_is_asked_for_is_extracted() {
    let tree = small();
    let names = |paths: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let extractor = paths.iter().fold(Extractor::new(), |all, path| all.path(*path));
        extract(extractor, &tree, folder.path());
        let all = host::snapshot(folder.path()).unwrap();
        let names: Vec<_> =
            all.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        names.join(" ")
    };
    assert_eq!(names(&["/a/b"]), "/ /a /a/b /a/b/file /a/b/other");
    assert_eq!(names(&["c/name", "a/link"]), "/ /a /a/link /c /c/name");
    assert_eq!(names(&["a/b/file", "c"]), "/ /a /a/b /a/b/file /c /c/name");
    assert_eq!(names(&["/", "c"]), "/ /a /a/b /a/b/file /a/b/other /a/link /c /c/name");
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("out");
    for path in ["x", "a/b/file/x", "a/link/file", "a/../a", "."] {
        let error = Extractor::new().path("a").path(path).extract(&tree, &dir).unwrap_err();
        assert!(matches!(error, Error::Tree { kind: TreeErrorKind::NotFound, .. }), "{error}");
        assert!(!dir.exists(), "nothing is made");
    }
}

#[test]
fn what_is_there_is_not_replaced_unless_asked() {
    let tree = small();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let outside = folder.path().join("outside");
    let make = |entry: &str| {
        drop(fs::remove_dir_all(&out));
        drop(fs::remove_dir_all(&outside));
        fs::create_dir_all(out.join("mine")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "not yours").unwrap();
        let (path, kind) = entry.split_once(' ').unwrap();
        let path = out.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match kind {
            "dir" => fs::create_dir(path).unwrap(),
            "file" => fs::write(path, "old").unwrap(),
            "link" => symlink(&outside, path).unwrap(),
            _ => symlink(outside.join("file"), path).unwrap(),
        }
    };
    let in_the_way =
        ["a dir", "a file", "a link", "c link", "a/b/file link-to-file", "a/link file"];
    for entry in in_the_way {
        make(entry);
        let error = Extractor::new().extract(&tree, &out).unwrap_err();
        let Error::Write { path: Some(path), source } = &error else { panic!("{entry}: {error}") };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists, "{entry}");
        assert!(path.starts_with(&out), "{entry}: {error}");
        // What is replaced lies in directories that exist, too.
        make(entry);
        extract(Extractor::new().overwrite(true), &tree, &out);
        let mut expected = expected::snapshot(&tree).unwrap();
        let mut found = host::snapshot(&out).unwrap();
        assert!(found.remove(&b"/mine"[..]).is_some(), "it stays");
        expected.remove(&b"/"[..]);
        found.remove(&b"/"[..]);
        let compared = Compare { owner: is_root(), ..COMPARED };
        diff(&expected, &found, compared).unwrap_or_else(|error| panic!("{entry}: {error}"));
        assert_eq!(fs::read(outside.join("file")).unwrap(), b"not yours", "{entry}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "{entry}");
    }
    make("a/link/x dir");
    let error = Extractor::new().overwrite(true).extract(&tree, &out).unwrap_err();
    assert!(error.to_string().contains("/a/link: "), "a directory is not replaced: {error}");
}

#[test]
fn a_symlink_of_the_tree_is_not_followed() {
    // As no image can have them: a symlink, and something in it.
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let out = folder.path().join("out");
    let mut first = Builder::new();
    first.symlink("d", outside.to_str().unwrap());
    extract(Extractor::new(), &first.done(), &out);
    let mut second = Builder::new();
    second.dir("d");
    second.file("d/file", "is inside");
    let second = second.done();
    Extractor::new().extract(&second, &out).unwrap_err();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    extract(Extractor::new().overwrite(true), &second, &out);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(fs::read(out.join("d/file")).unwrap(), b"is inside");
}

#[test]
fn a_symlink_put_there_meanwhile_is_not_followed() {
    let mut tree = Builder::new();
    for dir in 0..50 {
        tree.dir(format!("{dir}"));
        for file in 0..20 {
            tree.file(format!("{dir}/{file}"), "bytes");
        }
    }
    let tree = tree.done();
    let folder = tempfile::tempdir().unwrap();
    let (out, outside) = (folder.path().join("out"), folder.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    let mut swapped = false;
    for _ in 0..20 {
        let done = std::sync::atomic::AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                let mut swaps = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    for dir in 0..50 {
                        let (dir, away) = (out.join(dir.to_string()), out.join("away"));
                        if fs::rename(&dir, &away).is_ok() {
                            symlink(&outside, &dir).unwrap();
                            swaps += 1;
                            std::thread::yield_now();
                            fs::remove_file(&dir).unwrap();
                            fs::rename(&away, &dir).unwrap();
                        }
                    }
                }
                swaps
            });
            let result = Extractor::new().extract(&tree, &out);
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            swapped |= swapper.join().unwrap() > 0;
            result
        });
        drop(result);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing is made outside");
        fs::remove_dir_all(&out).unwrap();
    }
    assert!(swapped, "the test has done something");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_half_written() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&disk)
        .status();
    assert!(mount.unwrap().success());
    let mut tree = Builder::new();
    for file in 0..6 {
        tree.file(format!("{file}"), noise(file, 300_000));
    }
    let result = Extractor::new().extract(&tree.done(), disk.join("out"));
    let left: Vec<_> = fs::read_dir(disk.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    let umount = std::process::Command::new("umount").arg(&disk).status();
    assert!(umount.unwrap().success());
    let error = result.unwrap_err();
    let Error::Write { path: Some(_), source } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert!(left.len() <= 3 && left.iter().all(|len| *len == 300_000), "{left:?}");
}

#[test]
fn wrong_contents_are_told_with_their_path() {
    let mut tree = Builder::new();
    tree.dir("d");
    tree.file("d/good", "is inline");
    tree.file("d/bad", text(1, 300_000));
    let options = fixed().codec("zstd,1".parse::<Codec>().unwrap());
    let mut bytes = image(&tree.done(), options);
    let frame = bytes.windows(4).position(|four| four == [0x28, 0xb5, 0x2f, 0xfd]);
    let at = frame.expect("it has a frame") + 200;
    bytes[at..at + 300].fill(0x5a);
    let folder = tempfile::tempdir().unwrap();
    let error = Extractor::new().extract(&read(bytes), folder.path()).unwrap_err();
    let Error::Read { path, .. } = &error else { panic!("{error}") };
    assert_eq!(path, Path::new("/d/bad"));
    assert!(!folder.path().join("d/bad").exists(), "what is half written is removed");
}

#[test]
fn paths_have_a_bound() {
    let mut tree = Builder::new();
    let mut path = String::new();
    for _ in 0..300 {
        path = format!("{path}/{}", "n".repeat(250));
        tree.dir(&path);
    }
    let tree = tree.done();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("out");
    let error = Extractor::new().extract(&tree, &dir).unwrap_err();
    assert!(matches!(error, Error::Write { .. }) && !dir.exists(), "{error}");
    let all: [&str; 0] = [];
    let listed =
        Image::from_reader("it", image(&tree, fixed())).list(&all, |_| ControlFlow::Continue(()));
    assert!(matches!(listed, Err(Error::Image { .. })), "{listed:?}");
}

#[test]
fn numbers_that_mean_something_else_are_not_passed_on() {
    let time = Metadata::new(0o644).with_mtime(Timestamp { sec: 1, nsec: (1 << 30) - 1 });
    for node in [Node::file("x"), Node::Directory, Node::symlink("x")] {
        let mut tree = Builder::new();
        tree.node("x", time.clone(), node);
        let folder = tempfile::tempdir().unwrap();
        let error = Extractor::new().extract(&tree.done(), folder.path()).unwrap_err();
        let Error::Tree { path, kind: TreeErrorKind::BadTimestamp } = error else {
            panic!("{error}")
        };
        assert_eq!(path, b"/x");
    }
    let mut tree = Builder::new();
    tree.file_with("x", Metadata::new(0o4755).with_owner(u32::MAX, 7), "x");
    let folder = tempfile::tempdir().unwrap();
    let extracted = extract(Extractor::new(), &tree.done(), folder.path());
    // Else it would run as who has extracted it.
    let kinds: Vec<_> = extracted.left_out.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [LeftOutKind::Owner, LeftOutKind::SetId]);
    assert_eq!(extracted.left_out[0].path, b"/x");
    let mode = fs::metadata(folder.path().join("x")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn an_acl_of_the_directory_is_not_inherited() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut with = Builder::new();
    let acl = testdata::trees::acl();
    let default = acl.walk().find_map(|entry| {
        entry.metadata().xattrs.get("system.posix_acl_default").map(<[u8]>::to_vec)
    });
    let metadata = Metadata::new(0o755)
        .with_xattr("system.posix_acl_default", default.expect("one directory has one"));
    with.node("out", metadata, Node::Directory);
    extract(Extractor::new(), &with.done(), folder.path());
    let out = folder.path().join("out");
    let tree = small();
    extract(Extractor::new().path("a").path("c"), &tree, &out);
    let mut expected = expected::snapshot(&tree).unwrap();
    let mut found = host::snapshot(&out).unwrap();
    assert!(!found.remove(&b"/"[..]).unwrap().xattrs.is_empty());
    expected.remove(&b"/"[..]);
    diff(&expected, &found, COMPARED).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn special_files_and_their_modes() {
    if !is_root() {
        return;
    }
    let mut tree = Builder::new();
    let mode = || Metadata::new(0o6777).with_owner(5, 6).with_mtime(Timestamp::from_sec(9));
    tree.node("block", mode(), Node::BlockDevice(Rdev { major: 7, minor: 0x12345 }));
    tree.node("char", mode(), Node::CharDevice(Rdev { major: 0, minor: 0 }));
    tree.node("fifo", mode(), Node::Fifo);
    tree.node("socket", mode(), Node::Socket);
    tree.file_with("setuid", mode(), "#!");
    let tree = tree.done();
    let folder = tempfile::tempdir().unwrap();
    let extracted = extract(Extractor::new(), &tree, folder.path());
    assert_eq!(extracted.left_out, []);
    is_same(&expected::snapshot(&tree).unwrap(), folder.path(), "special files");
    // Who does not keep owners gives nobody his own rights.
    let folder = tempfile::tempdir().unwrap();
    let extracted = extract(Extractor::new().owners(false), &tree, folder.path());
    let mode = fs::metadata(folder.path().join("setuid")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o777);
    let told: Vec<_> = extracted.left_out.iter().map(|one| (one.count, &one.path[..])).collect();
    assert_eq!(told, [(1, &b"/setuid"[..])]);
}

#[test]
fn an_extraction_tells_what_it_does_and_can_be_ended() {
    let mut tree = Builder::new();
    for file in 0..100 {
        tree.file(format!("{file}"), mixed(file, 100_000));
    }
    let tree = tree.done();
    let folder = tempfile::tempdir().unwrap();
    let mut events = Vec::new();
    let extractor = Extractor::new().on_event(|event| {
        events.push(event);
        ControlFlow::Continue(())
    });
    let extracted = extract(extractor, &tree, &folder.path().join("all"));
    assert_eq!((extracted.bytes, extracted.inodes.files), (10_000_000, 100));
    assert_eq!(events.first(), Some(&Event::Phase(Phase::Extract)));
    assert_eq!(events.last(), Some(&Event::Progress { done: 10_000_000, total: 10_000_000 }));
    let canceller = Canceller::new();
    canceller.cancel();
    let dir = folder.path().join("none");
    let error = Extractor::new().canceller(&canceller).extract(&tree, &dir).unwrap_err();
    assert!(matches!(error, Error::Cancelled) && !dir.exists());
}
