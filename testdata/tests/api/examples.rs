//! The quick starts, which are the programs in `erofs-writer/examples`, do what they
//! say.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use erofs_writer::{Canceller, Event, Phase};
use testdata::archive::Archive;
use testdata::entry::Snapshot;
use testdata::reader;

/// Includes an example as a module. The tests call its `pack`, and not its `main`.
macro_rules! example {
    ($name:ident, $path:literal) => {
        #[allow(dead_code, unreachable_pub, reason = "main is for the command line")]
        #[path = $path]
        mod $name;
    };
}

example!(from_directory, "../../../erofs-writer/examples/from_directory.rs");
example!(from_store_paths, "../../../erofs-writer/examples/from_store_paths.rs");
example!(from_tar, "../../../erofs-writer/examples/from_tar.rs");
example!(in_memory, "../../../erofs-writer/examples/in_memory.rs");
example!(progress, "../../../erofs-writer/examples/progress.rs");

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("dir")).unwrap();
        fs::write(place.path("dir/a.c"), b"source").unwrap();
        fs::write(place.path("dir/a.o"), b"object").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// The paths that an independent reader finds in an image.
fn paths(image: &Path) -> Vec<String> {
    let snapshot: Snapshot = reader::snapshot(image, &[]).unwrap();
    snapshot.keys().map(|path| String::from_utf8(path.clone()).unwrap()).collect()
}

#[test]
fn a_directory_is_packed() -> Result<(), Box<dyn Error>> {
    let place = Place::new();
    from_directory::pack(&place.path("dir"), &place.path("image"))?;
    assert_eq!(paths(&place.path("image")), ["/", "/a.c", "/a.o"]);
    Ok(())
}

#[test]
fn store_paths_are_packed() -> Result<(), Box<dyn Error>> {
    let place = Place::new();
    let list = format!("{}\n", place.path("dir").display());
    from_store_paths::pack(list.as_bytes(), &place.path("image"))?;
    assert_eq!(paths(&place.path("image")), ["/", "/dir", "/dir/a.c", "/dir/a.o"]);
    Ok(())
}

#[test]
fn an_archive_is_packed() -> Result<(), Box<dyn Error>> {
    let place = Place::new();
    let attribute = [("SCHILY.xattr.com.apple.provenance", &b"x"[..])];
    let archive = Archive::default().pax(b'x', &attribute).file("file", b"bytes").finish();
    fs::write(place.path("tar"), archive)?;
    from_tar::pack(&place.path("tar"), &place.path("image"))?;
    assert_eq!(paths(&place.path("image")), ["/", "/file"]);
    Ok(())
}

#[test]
fn a_tree_in_memory_is_packed() -> Result<(), Box<dyn Error>> {
    let place = Place::new();
    fs::write(place.path("image"), in_memory::pack()?)?;
    let expected = ["/", "/bin", "/bin/hello", "/bin/hi", "/hello"];
    assert_eq!(paths(&place.path("image")), expected);
    Ok(())
}

#[test]
fn progress_is_told_and_a_build_can_be_stopped() -> Result<(), Box<dyn Error>> {
    let place = Place::new();
    let (dir, image) = (place.path("dir"), place.path("image"));
    let canceller = Canceller::new();
    let mut phases = Vec::new();
    progress::pack(&dir, &image, &canceller, |event| {
        if let Event::Phase(phase) = event {
            phases.push(phase);
        }
    })?;
    assert_eq!((phases.first(), phases.last()), (Some(&Phase::Scan), Some(&Phase::Finish)));
    assert_eq!(paths(&image), ["/", "/a.c"]);
    canceller.cancel();
    let error = progress::pack(&dir, &place.path("other"), &canceller, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "cancelled");
    assert!(!place.path("other").exists());
    Ok(())
}
