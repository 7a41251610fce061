use std::fs;
use std::io::Read;

use super::*;

/// The directory `name` in `dir`, as it is now.
fn found(dir: &Arc<HostDir>, name: &str) -> Arc<HostDir> {
    let stat = fs::symlink_metadata(dir.path().join(name)).expect("is there");
    dir.child(name.as_bytes().into(), FileId::of_metadata(&stat))
}

fn mark(path: &Path) -> u32 {
    FileId::of_metadata(&fs::symlink_metadata(path).expect("is there")).mark()
}

fn was_replaced(result: io::Result<impl Sized>) -> bool {
    let error = result.err().expect("is another one");
    error.get_ref().and_then(|inner| inner.downcast_ref()) == Some(&REPLACED)
}

#[test]
fn files_are_found_in_the_directory_that_is_open() {
    let root = tempfile::tempdir().expect("there is room");
    let (top, _) = HostDir::named(root.path(), true).expect("is there");
    let dirs = ["a", "b"].map(|name| {
        let dir = root.path().join(name);
        fs::create_dir(&dir).expect("nothing is there");
        fs::write(dir.join("file"), name).expect("there is room");
        std::os::unix::fs::symlink("file", dir.join("link")).expect("nothing is there");
        found(&top, name)
    });
    let [a, b] = &dirs;
    let marks = dirs.each_ref().map(|dir| mark(&dir.path().join("file")));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let open = &OpenDirs::new(1);
    let read = |at: usize, name: &[u8]| {
        pool.install(|| {
            let mut text = String::new();
            open.open(&dirs[at], name, marks[at])?.read_to_string(&mut text).map(|_| text)
        })
    };
    for at in [0, 0, 0, 1, 0, 1, 1] {
        assert_eq!(read(at, b"file").expect("it is there"), ["a", "b"][at]);
        let error = read(at, b"none").expect_err("it is not there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(read(at, b"link").is_err(), "a symlink was followed");
    }
    // The directory has another name now, but is still open.
    fs::rename(b.path(), root.path().join("c")).expect("nothing is there");
    read(1, b"file").expect("it is open");
    // A thread outside of a pool uses the first slot.
    open.open(b, b"file", marks[1]).expect("it is open");
    // A thread without a slot looks the directory up again.
    assert!(OpenDirs::default().open(b, b"file", marks[1]).is_err());
    OpenDirs::default().open(a, b"file", marks[0]).expect("it is there");
    // Another file takes the name.
    fs::write(root.path().join("a/new"), "a").expect("there is room");
    fs::rename(root.path().join("a/new"), root.path().join("a/file")).expect("is mine");
    assert!(was_replaced(open.open(a, b"file", marks[0])));
}

#[test]
fn another_directory_of_the_same_path_is_none() {
    let root = tempfile::tempdir().expect("there is room");
    fs::create_dir_all(root.path().join("a/b")).expect("there is room");
    fs::create_dir_all(root.path().join("x/b")).expect("there is room");
    let (top, _) = HostDir::named(root.path(), true).expect("is there");
    let a = found(&top, "a");
    let b = found(&a, "b");
    let opener = DirOpener::default();
    for dir in [&top, &a, &b] {
        opener.open(dir).expect("is as it was");
    }
    fs::rename(a.path(), root.path().join("old")).expect("free");
    // The directory is replaced by a symlink to another directory, by a symlink to
    // itself, by another directory, and by a file.
    std::os::unix::fs::symlink("x", a.path()).expect("free");
    assert!(was_replaced(opener.open(&a)) && was_replaced(opener.open(&b)));
    fs::remove_file(a.path()).expect("is there");
    std::os::unix::fs::symlink("old", a.path()).expect("free");
    assert!(was_replaced(opener.open(&a)));
    fs::remove_file(a.path()).expect("is there");
    fs::rename(root.path().join("x"), a.path()).expect("free");
    assert!(was_replaced(opener.open(&a)) && was_replaced(opener.open(&b)));
    fs::remove_dir_all(a.path()).expect("is there");
    fs::write(a.path(), "a file").expect("free");
    assert!(was_replaced(opener.open(&a)) && was_replaced(opener.open(&b)));
}

#[test]
fn a_chain_longer_than_the_stack_can_be_dropped() {
    let (mut dir, fd) = HostDir::named(Path::new("/"), true).expect("is there");
    drop(fd);
    for _ in 0..1_000_000 {
        dir = dir.child(Name::from(&b"x"[..]), dir.id());
    }
    assert_eq!(dir.relative_path().len(), 1_999_999);
    drop(dir);
}
