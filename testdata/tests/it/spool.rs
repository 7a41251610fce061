//! Contents of a stream wait in files that are emptied as they are written.

use erofs_writer::codec::lz4::Level;
use erofs_writer::source::Tar;
use erofs_writer::{Codec, Error, ImageWriter, Options, Tree};
use testdata::archive::{Archive, Header};
use testdata::trees::{noise, text};

use crate::support::{assert_same, fixed, image};

/// More than one segment, contents that are equal, some that nobody reads, and
/// names in another order than contents.
fn archive() -> Archive {
    let large = noise(7, 12 << 20);
    let mut archive = Archive::default()
        .file("z/large", &large)
        .file("b/other", &noise(8, 10 << 20))
        .file("y/replaced", &noise(9, 300_000))
        .file("a/large", &large);
    for index in 0..200 {
        archive = archive.file(&format!("{}/{index}", index % 7), &text(index, 3000));
    }
    archive.file("y/replaced", b"by this").file("empty", b"")
}

fn read(bytes: &[u8], empties: bool) -> Tree {
    let tar = Tar::stream("an archive", bytes, std::env::temp_dir());
    tar.empty_spool(empties).read().unwrap()
}

fn write(tree: &Tree, options: Options) -> Result<u64, Error> {
    let output = tempfile::tempfile().unwrap();
    ImageWriter::new(options).write(tree, &output).map(|summary| summary.bytes_out)
}

#[test]
fn an_emptied_spool_makes_the_same_image() {
    let bytes = archive().finish();
    let lz4 = || fixed().codec(Codec::Lz4(Level::FAST));
    for options in [fixed, lz4] {
        let wanted = image(&read(&bytes, false), options());
        assert_same(&wanted, &image(&read(&bytes, true), options()), "emptied");
    }
}

#[test]
fn contents_of_an_emptied_spool_are_gone() {
    let bytes = archive().finish();
    let kept = read(&bytes, false);
    let first = write(&kept, fixed()).unwrap();
    assert_eq!(write(&kept, fixed()).unwrap(), first);

    let emptied = read(&bytes, true);
    assert_eq!(write(&emptied, fixed()).unwrap(), first);
    match write(&emptied, fixed()) {
        Err(Error::Changed { .. }) => {}
        other => panic!("contents have been given up, not {other:?}"),
    }
}

/// Where a sparse file has its bytes is known to its reader alone.
#[test]
fn a_spool_with_sparse_files_is_kept() {
    let map = [("GNU.sparse.size", b"9000".as_slice()), ("GNU.sparse.map", b"4096,512")];
    let bytes = Archive::default()
        .file("plain", &noise(7, 9000))
        .pax(b'x', &map)
        .member(&Header::new(b'0', "sparse", 512), &[7; 512])
        .finish();
    let tree = read(&bytes, true);
    let first = write(&tree, fixed()).unwrap();
    assert_eq!(write(&tree, fixed()).unwrap(), first);
}
