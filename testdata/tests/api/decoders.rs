//! Compressed archives are recognized by their first bytes, and read like others.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::Command;

use erofs_writer::source::{Compression, Decoder, Tar};
use erofs_writer::{Error, Tree};
use testdata::archive::Archive;
use testdata::skip::{Oracle, have};

use crate::image;

fn archive() -> Vec<u8> {
    Archive::default().dir("d").file("d/file", &[b'x'; 3000]).finish()
}

/// The path and the bytes of the file that `program` makes of the archive.
fn packed(folder: &Path, program: &str) -> (std::path::PathBuf, Vec<u8>) {
    let plain = folder.join("tar");
    fs::write(&plain, archive()).unwrap();
    let output = Command::new(program).arg("-c").arg(&plain).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    let path = folder.join(program);
    fs::write(&path, &output.stdout).unwrap();
    (path, output.stdout)
}

fn open(path: &Path) -> Tree {
    Tar::open_compressed(path, std::env::temp_dir()).unwrap().read().unwrap()
}

#[test]
fn compressed_archives_are_read_as_files_and_as_streams() {
    let folder = tempfile::tempdir().unwrap();
    let programs = [
        ("gzip", Oracle::Gzip, Compression::Gzip),
        ("bzip2", Oracle::Bzip2, Compression::Bzip2),
        ("xz", Oracle::Xz, Compression::Xz),
        ("lzip", Oracle::Lzip, Compression::Lzip),
        ("zstd", Oracle::Zstd, Compression::Zstd),
    ];
    for (program, oracle, compression) in programs {
        if !have(oracle) {
            continue;
        }
        let (path, bytes) = packed(folder.path(), program);
        let wanted = image(&Tree::from_tar(folder.path().join("tar")).unwrap());
        let tar = Tar::open_compressed(&path, std::env::temp_dir()).unwrap();
        assert_eq!(tar.compression(), Some(compression));
        assert!(image(&tar.read().unwrap()) == wanted, "{program}");
        let decoder = Decoder::new(&bytes[..]).unwrap();
        assert_eq!(decoder.compression(), Some(compression));
        let tree = Tar::stream(program, decoder, std::env::temp_dir()).read().unwrap();
        assert!(image(&tree) == wanted, "{program}");
        // A truncated archive is an error, wherever it ends.
        for len in [bytes.len() / 2, bytes.len() - 1] {
            let decoder = Decoder::new(&bytes[..len]).unwrap();
            let tar = Tar::stream(program, decoder, std::env::temp_dir());
            assert!(matches!(tar.read(), Err(Error::Read { .. })), "{program}: {len}");
        }
    }
}

#[test]
fn what_is_not_compressed_is_read_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tar");
    fs::write(&path, archive()).unwrap();
    // Nothing can be spooled to this folder.
    let tar = Tar::open_compressed(&path, "/nowhere").unwrap();
    assert_eq!(tar.compression(), None);
    assert!(image(&tar.read().unwrap()) == image(&open(&path)));
    let mut passed = Vec::new();
    Decoder::new(&archive()[..]).unwrap().read_to_end(&mut passed).unwrap();
    assert!(passed == archive());
}

#[test]
fn a_compressed_archive_has_no_index_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = packed(folder.path(), "gzip");
    let tar = Tar::open_compressed(&path, std::env::temp_dir()).unwrap();
    match tar.index(true).read() {
        Err(Error::Read { path: named, source }) => {
            assert_eq!((named, source.kind()), (path.clone(), io::ErrorKind::InvalidData));
        }
        other => panic!("{other:?}"),
    }
    let writer = erofs_writer::ImageWriter::new(erofs_writer::Options::new());
    let refused = { writer }.write_path(&open(&path), &path);
    assert!(matches!(refused, Err(Error::Output { .. })), "{refused:?}");
}

#[test]
fn what_is_known_to_be_something_else_is_refused_at_once() {
    for (bytes, name) in [(&b"PK\x03\x04"[..], "zip"), (&b"\x04\x22\x4d\x18"[..], "lz4")] {
        let error = Decoder::new(bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains(name), "{error}");
    }
    // The frame has a window of 2 GiB.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 0, 0, 0];
    let error = Decoder::new(&frame[..]).unwrap().read(&mut [0; 10]).unwrap_err();
    assert!(error.to_string().starts_with("needs 2048 MiB of memory"), "{error}");
}
