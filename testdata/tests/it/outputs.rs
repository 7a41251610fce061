//! Outputs that can be written, outputs that cannot, and the files that are left after a failure.

use std::fs::{self, File};
use std::io::{self, Cursor};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use erofs_writer::{
    Canceller, Content, Error, ImageWriter, Metadata, Node, Options, OutputErrorKind, ReadAt,
    SeekWriter, Tree,
};
use testdata::mount::{KernelMount, LoopDevice, Tmpfs};
use testdata::skip::{Oracle, have};
use testdata::trees::{Builder, noise};
use testdata::verify;

use crate::compressed::lz4;
use crate::support::{case, fixed, has_magic, image, verify_path};

fn small() -> Tree {
    (case("few_names").tree)()
}

fn of_bytes(len: usize) -> Tree {
    let mut tree = Builder::new();
    tree.file("file", noise(1, len));
    tree.done()
}

fn write(tree: &Tree, path: &Path) -> Result<erofs_writer::Summary, Error> {
    ImageWriter::new(fixed()).write_path(tree, path)
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name())).collect();
    names.sort();
    names
}

#[test]
fn an_existing_file_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    fs::write(&path, vec![0xa5; 1 << 20]).unwrap();
    let old = File::open(&path).unwrap();
    write(&small(), &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), image(&small(), fixed()));
    assert_eq!(names(dir.path()), [Path::new("image.erofs")]);
    // A process that has the old file open keeps it.
    assert_eq!(old.metadata().unwrap().len(), 1 << 20);
}

#[test]
fn what_lies_before_the_offset_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk");
    let tree = small();
    let options = || fixed().offset(10_000).unwrap();
    for (before, expected) in [(20_000, 10_000), (5000, 5000)] {
        fs::write(&path, vec![0xa5; before]).unwrap();
        ImageWriter::new(options()).write_path(&tree, &path).unwrap();
        let written = fs::read(&path).unwrap();
        assert!(written[..expected].iter().all(|byte| *byte == 0xa5));
        assert!(written[expected..10_000].iter().all(|byte| *byte == 0));
        assert_eq!(written[10_000..], image(&tree, fixed()));
    }
}

#[track_caller]
fn output_error(error: Error, path: &Path, kind: OutputErrorKind) {
    match error {
        Error::Output { path: found, kind: found_kind } => {
            assert_eq!((found.as_path(), found_kind), (path, kind));
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn write_error(error: Error, path: &Path, kind: io::ErrorKind) {
    match error {
        Error::Write { path: Some(found), source } => {
            assert_eq!((found.as_path(), source.kind()), (path, kind));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path(), Path::new("/dev/null"), Path::new("/dev/full")] {
        output_error(write(&small(), path).unwrap_err(), path, OutputErrorKind::NotAFile);
    }
    let missing = dir.path().join("missing/image.erofs");
    write_error(write(&small(), &missing).unwrap_err(), &missing, io::ErrorKind::NotFound);
    let below = dir.path().join("file/image.erofs");
    fs::write(dir.path().join("file"), b"x").unwrap();
    write_error(write(&small(), &below).unwrap_err(), &below, io::ErrorKind::NotADirectory);
    let long = dir.path().join("n".repeat(256));
    write_error(write(&small(), &long).unwrap_err(), &long, io::ErrorKind::InvalidFilename);
    assert_eq!(names(dir.path()), [Path::new("file")]);
}

#[test]
fn the_longest_name_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n".repeat(255));
    write(&small(), &path).unwrap();
    assert!(has_magic(&fs::read(&path).unwrap(), 0));
}

#[test]
fn an_output_in_its_own_source_is_refused_by_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("sub/f"), b"x").unwrap();
    symlink(&source, dir.path().join("alias")).unwrap();
    symlink(source.join("sub/link target"), dir.path().join("link")).unwrap();
    let inside = ["source/image", "source/sub/image", "source/sub/../image", "alias/image", "link"];
    for tree in [
        Tree::from_dir(&source).unwrap(),
        Tree::from_dir(dir.path().join("alias")).unwrap(),
        Tree::from_store_paths([&source]).unwrap(),
    ] {
        for name in inside {
            let path = dir.path().join(name);
            let error = write(&tree, &path).unwrap_err();
            output_error(error, &path, OutputErrorKind::InsideSource);
        }
        // Beside it is not in it.
        write(&tree, &dir.path().join("source.erofs")).unwrap();
    }
    assert_eq!(names(&source), [Path::new("sub")]);
    assert_eq!(names(&source.join("sub")), [Path::new("f")]);
}

#[test]
fn an_output_that_is_not_packed_may_lie_in_the_source() {
    use erofs_writer::source::Directory;
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    fs::create_dir_all(source.join("sub/left out")).unwrap();
    fs::write(source.join("sub/f"), b"x").unwrap();
    let keep = |path: &[u8]| path != b"sub/left out" && path != b"sub/image";
    let inside = ["sub/image", "sub/left out/image"];
    // First as new files, then as ones that are there.
    for name in [inside, inside].concat() {
        let tree = Directory::new(&source).keep(|found| keep(found.path())).read().unwrap();
        write(&tree, &source.join(name)).unwrap();
    }
    for name in inside {
        let path = source.join(name);
        let mut tree = Tree::from_dir(&source).unwrap();
        output_error(write(&tree, &path).unwrap_err(), &path, OutputErrorKind::InsideSource);
        tree.retain(|entry| keep(&entry.path()[1..]));
        write(&tree, &path).unwrap();
        // Another name of the file keeps the old content.
        let link = source.join("link");
        fs::hard_link(&path, &link).unwrap();
        let before = fs::read(&link).unwrap();
        let tree = Directory::new(&source).keep(|found| keep(found.path())).read().unwrap();
        write(&tree, &path).unwrap();
        assert_eq!(fs::read(&link).unwrap(), before);
        fs::remove_file(&link).unwrap();
    }
    // Beside listed paths.
    let tree = Tree::from_store_paths([source.join("sub")]).unwrap();
    write(&tree, &source.join("image")).unwrap();
    // An upper directory is a source, too.
    let mut tree = Tree::from_dir(source.join("sub/left out")).unwrap();
    tree.overlay(Tree::from_dir(&source).unwrap()).unwrap();
    tree.nest_under("below").unwrap();
    for name in ["new", "sub/new", "sub/left out/image"] {
        let path = source.join(name);
        output_error(write(&tree, &path).unwrap_err(), &path, OutputErrorKind::InsideSource);
    }
}

#[test]
fn a_listed_file_is_not_overwritten_by_its_own_image() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("listed");
    fs::write(&path, noise(1, 5000)).unwrap();
    let tree = Tree::from_store_paths([&path]).unwrap();
    let result = write(&tree, &path);
    // Either is sound: refused, or an image of what the file was.
    match result {
        Ok(_) => assert!(has_magic(&fs::read(&path).unwrap(), 0)),
        Err(error) => {
            output_error(error, &path, OutputErrorKind::InsideSource);
            assert_eq!(fs::read(&path).unwrap(), noise(1, 5000));
        }
    }
}

#[test]
fn a_symlink_is_written_through() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/existing"), b"before").unwrap();
    for (link, target) in [("a", "sub/existing"), ("b", "sub/new"), ("c", "b2"), ("b2", "sub/x")] {
        symlink(target, at(link)).unwrap();
    }
    for (link, target) in [("a", "sub/existing"), ("b", "sub/new"), ("c", "sub/x")] {
        write(&small(), &at(link)).unwrap();
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
        assert_eq!(fs::read(at(target)).unwrap(), image(&small(), fixed()));
    }
    assert_eq!(names(&at("sub")), ["existing", "new", "x"].map(Path::new));
    symlink("loop", at("loop")).unwrap();
    assert!(write(&small(), &at("loop")).is_err());
    assert!(fs::symlink_metadata(at("loop")).unwrap().is_symlink());
}

#[test]
fn a_full_file_system_leaves_what_was_there() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let tmpfs = Tmpfs::new(1 << 20).unwrap();
    let path = tmpfs.path().join("image.erofs");
    fs::write(&path, b"before").unwrap();
    for options in [fixed(), Options::new()] {
        let tree = of_bytes(2 << 20);
        let error = ImageWriter::new(options).write_path(&tree, &path).unwrap_err();
        write_error(error, &path, io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(names(tmpfs.path()), [Path::new("image.erofs")]);
    }
    // A process that another test starts holds the removed file for a moment.
    for _ in 0..100 {
        if rustix::fs::statvfs(tmpfs.path()).unwrap().f_bfree > 200 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    write(&small(), &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), image(&small(), fixed()));
}

#[test]
fn files_are_copied_by_the_kernel_on_a_full_file_system_too() {
    if !have(Oracle::KernelMount) {
        return;
    }
    // Source and output on one file system, so that the kernel copies.
    let tmpfs = Tmpfs::new(3 << 20).unwrap();
    let source = tmpfs.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), noise(1, 2 << 20)).unwrap();
    let path = tmpfs.path().join("image.erofs");
    let tree = Tree::from_dir(&source).unwrap();
    write_error(write(&tree, &path).unwrap_err(), &path, io::ErrorKind::StorageFull);
    assert_eq!(names(tmpfs.path()), [Path::new("source")]);
}

/// A loop device over a file of so many bytes, filled with a pattern.
fn disk(dir: &Path, len: usize) -> (PathBuf, LoopDevice) {
    let file = dir.join(format!("disk {len}"));
    fs::write(&file, vec![0xa5; len]).unwrap();
    let device = LoopDevice::attach_writable(&file).unwrap();
    (file, device)
}

#[test]
fn a_block_device_is_written_in_place() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = of_bytes(700_000);
    let expected = image(&tree, fixed());
    let (file, device) = disk(dir.path(), 1 << 20);
    write(&tree, device.path()).unwrap();
    let written = fs::read(&file).unwrap();
    assert_eq!(written.len(), 1 << 20);
    assert!(written[..expected.len()] == expected);
    // Here libblkid looks for old signatures.
    assert!(written[expected.len()..].iter().all(|byte| *byte == 0));
    drop(device);

    // Exactly as large as the image, and with an older image in it.
    let (file, device) = disk(dir.path(), expected.len());
    for round in 0..2 {
        write(&tree, device.path()).unwrap_or_else(|error| panic!("{round}: {error}"));
    }
    drop(device);
    assert!(fs::read(&file).unwrap() == expected);
    verify_path(&file, &tree, &verify::Options::default());
}

#[test]
fn a_block_device_that_is_too_small_stays_as_it_is() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = of_bytes(700_000);
    let needed = image(&tree, fixed()).len();
    let (file, device) = disk(dir.path(), needed - 512);
    let kind = |needed: usize, available: usize| OutputErrorKind::TooSmall {
        needed: needed.try_into().unwrap(),
        available: available.try_into().unwrap(),
    };
    let error = write(&tree, device.path()).unwrap_err();
    output_error(error, device.path(), kind(needed, needed - 512));
    let error = ImageWriter::new(fixed().offset(8192).unwrap())
        .write_path(&tree, device.path())
        .unwrap_err();
    output_error(error, device.path(), kind(needed + 8192, needed - 512));
    drop(device);
    assert!(fs::read(&file).unwrap().iter().all(|byte| *byte == 0xa5));
}

#[test]
fn a_block_device_holds_no_image_after_a_failed_build() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("f"), noise(1, 100_000)).unwrap();
    let tree = Tree::from_dir(source.path()).unwrap();
    let (_file, device) = disk(dir.path(), 1 << 20);
    write(&tree, device.path()).unwrap();
    fs::remove_file(source.path().join("f")).unwrap();
    write(&tree, device.path()).unwrap_err();
    // Not from the file of the loop device, which may get the bytes later.
    assert!(!has_magic(&fs::read(device.path()).unwrap(), 0));
}

#[test]
fn a_mounted_block_device_is_refused() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("image.erofs");
    write(&of_bytes(100_000), &file).unwrap();
    let before = fs::read(&file).unwrap();
    let mount = KernelMount::new(&file).unwrap();
    let error = write(&small(), mount.device()).unwrap_err();
    let Error::Write { path: Some(path), .. } = &error else { panic!("{error:?}") };
    assert_eq!(path, mount.device());
    drop(mount);
    assert!(fs::read(&file).unwrap() == before);
}

#[test]
fn an_open_file_can_be_written_at_an_offset() {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(b"start", 0).unwrap();
    ImageWriter::new(fixed().offset(512).unwrap()).write(&small(), &file).unwrap();
    let mut start = [0; 5];
    file.read_exact_at(&mut start, 0).unwrap();
    assert_eq!(&start, b"start");
    let expected = image(&small(), fixed());
    let mut written = vec![0; expected.len()];
    file.read_exact_at(&mut written, 512).unwrap();
    assert!(written == expected);
}

/// The error for an open file, which must stay unchanged.
#[track_caller]
fn refused_file(file: &File) -> String {
    let error = ImageWriter::new(fixed()).write(&small(), file).unwrap_err();
    let Error::Write { path: None, source } = error else { panic!("{error:?}") };
    assert_eq!(source.kind(), io::ErrorKind::InvalidInput);
    source.to_string()
}

#[test]
fn an_open_file_that_can_hold_no_image_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, b"before").unwrap();
    let appends = File::options().append(true).open(&path).unwrap();
    assert!(refused_file(&appends).contains("appending"));
    let both = File::options().read(true).append(true).open(&path).unwrap();
    assert!(refused_file(&both).contains("appending"));
    assert!(refused_file(&File::open(&path).unwrap()).contains("reading only"));
    let null = File::options().write(true).open("/dev/null").unwrap();
    assert!(refused_file(&null).contains("a file or a block device"));
    let (_reader, pipe) = io::pipe().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
    assert!(refused_file(&pipe).contains("a file or a block device"));
    assert_eq!(fs::read(&path).unwrap(), b"before");
}

#[test]
fn an_old_image_in_an_output_is_none_as_soon_as_it_is_written_to() {
    let source = tempfile::tempdir().unwrap();
    // So that some of it is written before the missing bytes are noticed.
    for name in ["a", "b", "z"] {
        fs::write(source.path().join(name), noise(1, 3_000_000)).unwrap();
    }
    let tree = Tree::from_dir(source.path()).unwrap();
    let old = image(&tree, fixed());
    fs::remove_file(source.path().join("z")).unwrap();
    for options in [fixed(), lz4(1), Options::new()] {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&old, 0).unwrap();
        ImageWriter::new(options.clone()).write(&tree, &file).unwrap_err();
        let mut left = vec![0; old.len()];
        file.read_exact_at(&mut left, 0).unwrap();
        assert!(left == old || !has_magic(&left, 0), "of a file");

        let output = SeekWriter::new(Cursor::new(old.clone()));
        ImageWriter::new(options).write(&tree, &output).unwrap_err();
        let left = output.into_inner().into_inner();
        assert!(left == old || !has_magic(&left, 0), "of something else");
    }
}

#[test]
fn an_open_file_stays_as_long_as_it_is() {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&[7; 100_000], 0).unwrap();
    ImageWriter::new(fixed()).sync(true).write(&small(), &file).unwrap();
    let expected = image(&small(), fixed());
    let mut bytes = vec![0; 100_000];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes[..expected.len()] == expected);
    assert!(bytes[expected.len()..].iter().all(|byte| *byte == 7));
}

#[test]
fn a_build_is_ended_from_another_thread() {
    /// Cancels when it is read, and then waits a while.
    struct Cancels(Canceller);
    impl ReadAt for Cancels {
        fn len(&self) -> u64 {
            100_000
        }
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            self.0.cancel();
            std::thread::sleep(std::time::Duration::from_millis(200));
            let left = usize::try_from(self.len() - offset).unwrap();
            let len = buf.len().min(left);
            buf[..len].fill(7);
            Ok(len)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    for options in [fixed(), lz4(1)] {
        let canceller = Canceller::new();
        let mut tree = Builder::new();
        let content = Content::new(Cancels(canceller.clone()));
        tree.node("f", Metadata::new(0o644), Node::File(content));
        let mut writer = ImageWriter::new(options).canceller(&canceller);
        assert!(matches!(writer.write_path(&tree.done(), &path), Err(Error::Cancelled)));
        assert!(names(dir.path()).is_empty());
    }
}

#[test]
fn a_path_is_checked_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.erofs");
    let writer = ImageWriter::new(fixed());
    writer.check_path(&path).unwrap();
    assert!(names(dir.path()).is_empty());
    fs::write(dir.path().join(".mkfs-erofs-0.tmp"), b"left by a dead build").unwrap();
    fs::write(&path, b"before").unwrap();
    writer.check_path(&path).unwrap();
    assert_eq!(names(dir.path()), [Path::new("image.erofs")]);
    assert_eq!(fs::read(&path).unwrap(), b"before");
    output_error(writer.check_path(dir.path()).unwrap_err(), dir.path(), OutputErrorKind::NotAFile);
    let missing = dir.path().join("missing/image.erofs");
    write_error(writer.check_path(&missing).unwrap_err(), &missing, io::ErrorKind::NotFound);
}
