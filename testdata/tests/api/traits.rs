//! Values can go to other threads, and types of std are accepted as they are.

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};
use std::thread;

use erofs_writer::source::{Candidate, Directory, StorePaths, Tar};
use erofs_writer::{
    Canceller, Content, Error, FileContexts, ImageWriter, Metadata, Node, Options, ReadAt,
    SeekWriter, Tree, WriteAt,
};
use testdata::archive::Archive;
use testdata::trees::noise;

use crate::{image, paths};

#[test]
fn everything_can_go_to_another_thread() {
    fn goes<T: Send>() {}
    fn is_shared<T: Sync>() {}
    goes::<ImageWriter<'static>>();
    goes::<Tar<'static>>();
    goes::<Directory<'static>>();
    goes::<StorePaths<'static>>();
    goes::<Tree>();
    is_shared::<Tree>();
    is_shared::<Content>();
    is_shared::<Canceller>();
    is_shared::<FileContexts>();
    goes::<Error>();
    is_shared::<Error>();

    let archive = Archive::default().file("f", b"contents").finish();
    let tar = Tar::stream("archive", Cursor::new(archive.clone()), std::env::temp_dir());
    let events = Arc::new(Mutex::new(0));
    let told = events.clone();
    let mut writer = ImageWriter::new(Options::new()).on_event(move |_| {
        *told.lock().unwrap() += 1;
        std::ops::ControlFlow::Continue(())
    });
    let written = thread::spawn(move || {
        let output = SeekWriter::new(Cursor::new(Vec::new()));
        writer.write(&tar.read().unwrap(), &output).unwrap();
        output.into_inner().into_inner()
    });
    let here = Tar::stream("archive", &archive[..], std::env::temp_dir()).read().unwrap();
    assert!(written.join().unwrap() == image(&here));
    assert!(*events.lock().unwrap() > 0);
}

fn tree() -> Tree {
    let mut tree = Tree::new(Metadata::new(0o755));
    let content = Content::from_bytes(noise(1, 100_000));
    tree.insert("f", Metadata::new(0o644), Node::File(content)).unwrap();
    tree
}

#[test]
fn an_output_may_be_whatever_leads_to_one() {
    let (tree, expected) = (tree(), image(&tree()));
    let file = Arc::new(tempfile::tempfile().unwrap());
    let written = |file: &File| {
        let mut bytes = vec![0; expected.len() + 1];
        let len = std::os::unix::fs::FileExt::read_at(file, &mut bytes, 0).unwrap();
        file.set_len(0).unwrap();
        bytes[..len] == expected[..]
    };
    let mut writer = ImageWriter::new(Options::new());
    writer.write(&tree, &*file).unwrap();
    assert!(written(&file), "a reference");
    writer.write(&tree, file.clone()).unwrap();
    assert!(written(&file), "a shared file");
    let by_name: &dyn WriteAt = &*file;
    writer.write(&tree, by_name).unwrap();
    assert!(written(&file), "a trait object");
    let boxed: Box<dyn WriteAt> = Box::new(file.try_clone().unwrap());
    assert!(boxed.as_file().is_some(), "what leads to a file knows it");
    writer.write(&tree, &boxed).unwrap();
    assert!(written(&file), "a reference to a box");
    writer.write(&tree, boxed).unwrap();
    assert!(written(&file), "a box");
    let shared: Arc<dyn WriteAt> = file.clone();
    writer.write(&tree, shared).unwrap();
    assert!(written(&file), "a shared trait object");
    writer.write(&tree, file.try_clone().unwrap()).unwrap();
    assert!(written(&file), "the file itself");
}

#[test]
fn contents_may_come_from_whatever_std_has() {
    static STATIC: [u8; 5] = *b"bytes";
    let file = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &STATIC, 0).unwrap();
    let file = Arc::new(file);
    let shared: Arc<dyn ReadAt> = Arc::new(STATIC.to_vec());
    let boxed: Box<dyn ReadAt> = Box::new(&STATIC[..]);
    let contents = [
        Content::new(file.try_clone().unwrap()),
        Content::new(file),
        Content::new(STATIC.to_vec()),
        Content::new(Box::<[u8]>::from(&STATIC[..])),
        Content::new(Arc::<[u8]>::from(&STATIC[..])),
        Content::new(&STATIC[..]),
        Content::new(shared),
        Content::new(boxed),
    ];
    let with = |content: Content| {
        let mut tree = Tree::new(Metadata::new(0o755));
        tree.insert("f", Metadata::new(0o644), Node::File(content)).unwrap();
        image(&tree)
    };
    let expected = with(Content::from_bytes(STATIC));
    for (number, content) in contents.into_iter().enumerate() {
        assert!(with(content) == expected, "{number}");
    }
}

#[test]
fn text_and_bytes_are_contents() {
    let of = |node: Node| {
        let mut tree = Tree::new(Metadata::new(0o755));
        tree.insert("f", Metadata::new(0o644), node).unwrap();
        image(&tree)
    };
    let expected = of(Node::File(Content::from_bytes(*b"bytes")));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, "bytes").unwrap();
    let nodes = [
        Node::file("bytes"),
        Node::file("bytes".to_owned()),
        Node::file(b"bytes"),
        Node::file(*b"bytes"),
        Node::file(&b"bytes"[..]),
        Node::file(b"bytes".to_vec()),
        Node::file(Box::<[u8]>::from(&b"bytes"[..])),
        Node::file(Arc::<[u8]>::from(&b"bytes"[..])),
        Node::file(Content::of_host_file(&path).unwrap()),
    ];
    for (number, node) in nodes.into_iter().enumerate() {
        assert!(of(node) == expected, "{number}");
    }
    assert!(of(Node::symlink("f")) == of(Node::Symlink(b"f".to_vec())));
    for bad in [dir.path().to_path_buf(), dir.path().join("missing")] {
        match Content::of_host_file(&bad) {
            Err(Error::Read { path, .. }) => assert_eq!(path, bad),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn metadata_is_made_of_what_is_known() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o4751)).unwrap();
    let found = fs::metadata(file.path()).unwrap();
    let metadata = Metadata::from(&found);
    assert_eq!((metadata.mode, metadata.uid, metadata.gid), (0o4751, found.uid(), found.gid()));
    assert_eq!(metadata.mtime, found.modified().unwrap().into());
    let metadata = metadata.with_owner(5, 6).with_mtime(std::time::UNIX_EPOCH);
    let metadata = metadata.with_xattr("user.a", "1").with_xattr("user.a", *b"2");
    assert_eq!((metadata.uid, metadata.gid, metadata.mtime.sec), (5, 6, 0));
    let xattrs: Vec<_> = metadata.xattrs.iter().collect();
    assert_eq!(xattrs, [(&b"user.a"[..], &b"2"[..])]);
    assert!(metadata.with_xattrs(Default::default()).xattrs.is_empty());
}

/// A struct that keeps a source for later.
struct Build {
    source: Directory<'static>,
}

#[test]
fn what_is_wanted_is_asked_by_any_closure() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["kept", "kept/target", "target"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    fs::write(dir.path().join("kept/file"), "").unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    symlink("kept", dir.path().join("link")).unwrap();
    // The filter refuses directories of this name, but not files.
    let wanted = |found: Candidate<'_>| !(found.is_dir() && found.path().ends_with(b"target"));
    fs::write(dir.path().join("kept/a target"), "").unwrap();
    let expected = ["/", "/file", "/kept", "/kept/a target", "/kept/file", "/link"];

    let skipped = Arc::new(Mutex::new(Vec::new()));
    let seen = skipped.clone();
    let build = Build {
        source: Directory::new(dir.path()).keep(move |found| {
            let keep = wanted(found);
            if !keep {
                seen.lock().unwrap().push(found.path().to_vec());
            }
            keep
        }),
    };
    assert_eq!(paths(&build.source.read().unwrap()), expected);
    let mut skipped = std::mem::take(&mut *skipped.lock().unwrap());
    skipped.sort();
    skipped.dedup();
    assert_eq!(skipped, [&b"kept/target"[..], b"target"]);

    let names = ["file", "kept", "link", "target"].map(|name| dir.path().join(name));
    let store = StorePaths::new(names).keep(wanted).read().unwrap();
    assert_eq!(paths(&store), expected);

    let archive = ["kept/", "kept/target/", "target/"]
        .iter()
        .fold(Archive::default(), |all, name| all.dir(name));
    let archive =
        archive.file("file", b"").file("kept/a target", b"").file("kept/file", b"").finish();
    let mut archive: Box<dyn Read + Send> = Box::new(Cursor::new(archive));
    let tar = Tar::stream("archive", &mut archive, dir.path()).keep(wanted);
    assert_eq!(
        paths(&tar.read().unwrap()),
        ["/", "/file", "/kept", "/kept/a target", "/kept/file"]
    );
}
