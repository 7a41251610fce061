//! Tar archives: those of several programs, and some made by hand.

use std::fs::{self, File, Permissions};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use erofs_writer::source::Tar;
use erofs_writer::{Error, HardLinks, Node, Rdev, TarErrorKind, Timestamp, Tree, TreeErrorKind};
use testdata::archive::{Archive, Header};
use testdata::entry::{Compare, Kind, diff};
use testdata::trees::{noise, text};
use testdata::{expected, verify};

use crate::support::{assert_same, fixed, image, verify};

pub(crate) fn stream(bytes: &[u8]) -> Tar<'_> {
    Tar::stream("an archive", bytes, std::env::temp_dir())
}

pub(crate) fn read(bytes: &[u8]) -> Tree {
    stream(bytes).read().unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

#[track_caller]
pub(crate) fn kind_of(bytes: &[u8]) -> (u64, TarErrorKind) {
    match stream(bytes).read() {
        Err(Error::Tar { offset, kind, .. }) => (offset, kind),
        other => panic!("an error of the archive was expected, not {other:?}"),
    }
}

pub(crate) fn content(tree: &Tree, path: &str) -> Vec<u8> {
    let entry = tree.get(path).unwrap_or_else(|| panic!("there is no {path}"));
    let content = entry.content().unwrap_or_else(|| panic!("{path} is no file"));
    let mut data = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        let at = u64::try_from(data.len()).unwrap();
        match erofs_writer::ReadAt::read_at(content, &mut buffer, at).unwrap() {
            0 => return data,
            len => data.extend_from_slice(&buffer[..len]),
        }
    }
}

pub(crate) fn paths(tree: &Tree) -> Vec<String> {
    tree.walk().map(|entry| String::from_utf8_lossy(entry.path()).into_owned()).collect()
}

/// A directory with everything that is hard to archive.
pub(crate) fn host_tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let long = "n".repeat(120);
    let deep: PathBuf = (0..4).map(|_| long.clone()).collect();
    fs::create_dir_all(dir.path().join(&deep)).unwrap();
    fs::write(dir.path().join(&deep).join("deep"), text(1, 70_000)).unwrap();
    fs::write(path("empty"), b"").unwrap();
    fs::write(path("block"), noise(1, 512)).unwrap();
    fs::write(path("line\nbreak"), text(2, 513)).unwrap();
    fs::write(path("utf8-ä"), text(3, 1)).unwrap();
    fs::hard_link(path("block"), path("linked")).unwrap();
    fs::create_dir(path("sticky")).unwrap();
    fs::set_permissions(path("sticky"), Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(path("block"), Permissions::from_mode(0o4511)).unwrap();
    symlink("t".repeat(300), path("long-link")).unwrap();
    symlink("empty", path("link")).unwrap();
    // Bytes between holes, and a hole at the end.
    let sparse = File::create(path("sparse")).unwrap();
    for at in 0..30 {
        sparse.write_all_at(&noise(at + 7, 5000), at * 200_000).unwrap();
    }
    sparse.set_len(7_000_001).unwrap();
    File::create(path("hole")).unwrap().set_len(100_000).unwrap();
    dir
}

/// Without the files that only GNU and POSIX archives can hold.
fn normalized(mut tree: Tree, keeps_nanoseconds: bool) -> Tree {
    tree.update_metadata(|metadata| {
        if !keeps_nanoseconds {
            metadata.mtime.nsec = 0;
        }
    });
    tree
}

#[test]
fn archives_of_gnu_tar_give_the_tree() {
    let dir = host_tree();
    let archive = tempfile::NamedTempFile::new().unwrap();
    let mut setfattr = Command::new("setfattr");
    setfattr.args(["-n", "user.a b", "-v", "0x000a3d"]).arg(dir.path().join("empty"));
    assert!(setfattr.status().unwrap().success(), "temporary files can have attributes");
    let plain = ["--format=gnu", "--format=oldgnu", "--format=gnu --sparse"];
    let pax = [
        "--format=posix",
        "--format=posix --sparse --sparse-version=0.0",
        "--format=posix --sparse --sparse-version=0.1",
        "--format=posix --sparse --sparse-version=1.0 --sort=name",
    ];
    for options in plain.into_iter().chain(pax) {
        let mut tar = Command::new("tar");
        tar.args(options.split(' ')).arg("--numeric-owner").arg("-cf").arg(archive.path());
        if options.contains("posix") {
            tar.args(["--xattrs", "--xattrs-include=*"]);
        }
        assert!(tar.arg("-C").arg(dir.path()).arg(".").status().unwrap().success());
        agrees(dir.path(), archive.path(), options.contains("posix"), options);
    }
}

#[test]
fn archives_of_bsdtar_and_python_give_the_tree() {
    let dir = host_tree();
    let archive = tempfile::NamedTempFile::new().unwrap();
    for format in ["pax", "gnutar"] {
        let mut tar = Command::new("bsdtar");
        tar.args(["--format", format, "--numeric-owner", "-cf"]).arg(archive.path());
        assert!(tar.arg("-C").arg(dir.path()).arg(".").status().unwrap().success());
        agrees(dir.path(), archive.path(), format == "pax", format);
    }
    let program = "import sys, tarfile\n\
        format = getattr(tarfile, sys.argv[1])\n\
        with tarfile.open(sys.argv[2], 'w', format=format) as tar: tar.add(sys.argv[3], '.')\n";
    for format in ["PAX_FORMAT", "GNU_FORMAT"] {
        let mut python = Command::new("python3");
        python.args(["-c", program, format]).arg(archive.path()).arg(dir.path());
        assert!(python.status().unwrap().success());
        agrees(dir.path(), archive.path(), false, format);
    }
}

/// Checks that an archive of `dir` gives the tree of `dir`: from the file, from
/// a stream, and through all readers of the image.
#[track_caller]
fn agrees(dir: &Path, archive: &Path, is_exact: bool, what: &str) {
    let of_dir = |tree: Tree| {
        let mut tree = normalized(tree, is_exact);
        // Where only some programs keep them.
        tree.update_metadata(|metadata| {
            if !is_exact {
                metadata.xattrs.retain(|_, _| false);
            }
        });
        tree
    };
    let wanted = of_dir(Tree::from_dir(dir).unwrap());
    let in_place = of_dir(Tree::from_tar(archive).unwrap());
    let snapshots = [&wanted, &in_place].map(|tree| expected::snapshot(tree).unwrap());
    diff(&snapshots[0], &snapshots[1], Compare::ALL)
        .unwrap_or_else(|text| panic!("{what}: {text}"));
    let file = File::open(archive).unwrap();
    let streamed = Tar::stream("stream", file, std::env::temp_dir()).read().unwrap();
    let images = [wanted, in_place, of_dir(streamed)].map(|tree| image(&tree, fixed()));
    assert_same(&images[0], &images[1], what);
    assert_same(&images[0], &images[2], what);
}

#[test]
fn an_image_of_an_archive_comes_back() {
    let dir = host_tree();
    let archive = tempfile::NamedTempFile::new().unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--format=posix", "--sparse", "-cf"]).arg(archive.path());
    assert!(tar.arg("-C").arg(dir.path()).arg(".").status().unwrap().success());
    let tree = Tree::from_tar(archive.path()).unwrap();
    verify(&image(&tree, fixed()), &tree, &verify::Options::default());
    let other = Tree::from_tar(archive.path()).unwrap();
    let lz4 = crate::compressed::lz4(9).dedupe(true);
    verify(&image(&other, lz4), &other, &verify::Options::default());
}

#[test]
fn the_last_member_of_a_name_counts() {
    let archive = Archive::default()
        .file("a", b"first")
        .dir("d")
        .file("d/kept", b"k")
        .file("x", b"file")
        .dir("gone")
        .file("gone/below", b"b")
        .file("./a", b"second")
        .member(Header::new(b'5', "d/", 0).set(100, b"0000700\0"), &[])
        .dir("x")
        .file("x/in", b"in")
        .file("gone", b"file");
    let tree = read(&archive.finish());
    assert_eq!(paths(&tree), ["/", "/a", "/d", "/d/kept", "/gone", "/x", "/x/in"]);
    assert_eq!(content(&tree, "a"), b"second");
    assert_eq!(content(&tree, "gone"), b"file");
    assert_eq!(tree.get("d").unwrap().metadata().mode, 0o700);
}

#[test]
fn directories_that_are_not_listed_are_there() {
    let mut listed = Header::new(b'5', "a", 0);
    listed.set(108, b"0000005\0").set(100, b"0000700\0");
    let archive = Archive::default().file("a/b/c/file", b"1").member(&listed, &[]);
    let tree = read(&archive.finish());
    let of = |path: &str| {
        let metadata = tree.get(path).unwrap().metadata().clone();
        (metadata.mode, metadata.uid, metadata.mtime.sec)
    };
    assert_eq!(of("/"), (0o755, 0, 0));
    assert_eq!(of("a"), (0o700, 5, 7));
    // As the directory they are in, which came later.
    assert_eq!((of("a/b"), of("a/b/c")), ((0o755, 5, 7), (0o755, 5, 7)));
    assert_eq!(of("a/b/c/file"), (0o644, 0, 7));
}

#[test]
fn hard_links_are_one_inode_or_several() {
    let archive = Archive::default().file("a", b"x").hard_link("d/b", "./a").hard_link("a", "a");
    let bytes = archive.finish();
    let id = |tree: &Tree, path: &str| tree.get(path).unwrap().id();
    let tree = read(&bytes);
    assert_eq!(id(&tree, "a"), id(&tree, "d/b"));
    let tree = stream(&bytes).hard_links(HardLinks::Ignore).read().unwrap();
    assert_ne!(id(&tree, "a"), id(&tree, "d/b"));
    assert_eq!(content(&tree, "d/b"), b"x");

    let later = Archive::default().hard_link("b", "a").file("a", b"x").finish();
    let (path, target) = (b"b".to_vec(), b"a".to_vec());
    assert_eq!(kind_of(&later), (0, TarErrorKind::LinkTarget { path, target }));
    let to_dir = Archive::default().dir("a").hard_link("b", "a").finish();
    let (path, target) = (b"b".to_vec(), b"a".to_vec());
    assert_eq!(kind_of(&to_dir), (512, TarErrorKind::LinkToDirectory { path, target }));
}

#[test]
fn whiteouts_of_aufs_become_those_of_overlayfs() {
    let archive = Archive::default()
        .file("d/.wh.gone", b"")
        .file("d/.wh..wh..opq", b"")
        .dir("d")
        .file(".wh.top", b"");
    let bytes = archive.finish();
    let tree = stream(&bytes).convert_aufs(true).read().unwrap();
    assert_eq!(paths(&tree), ["/", "/d", "/d/gone", "/top"]);
    let whiteout = Rdev { major: 0, minor: 0 };
    for path in ["d/gone", "top"] {
        let node = tree.get(path).unwrap().node();
        assert!(matches!(node, Node::CharDevice(rdev) if rdev == whiteout), "{node:?}");
        assert_eq!(tree.get(path).unwrap().metadata().mode, 0, "as that of mkfs.erofs");
    }
    let xattrs = |path: &str| tree.get(path).unwrap().metadata().xattrs.clone();
    assert_eq!(xattrs("d").get("trusted.overlay.opaque"), Some(&b"y"[..]));
    assert_eq!(xattrs("d").get("trusted.overlay.origin"), Some(&b""[..]));
    assert_eq!(xattrs("/").get("trusted.overlay.origin"), Some(&b""[..]));
    assert_eq!(xattrs("/").get("trusted.overlay.opaque"), None);
    verify(&image(&tree, fixed()), &tree, &verify::Options::default());
    let as_they_are = read(&bytes);
    assert_eq!(paths(&as_they_are), ["/", "/.wh.top", "/d", "/d/.wh..wh..opq", "/d/.wh.gone"]);
}

#[test]
fn extended_headers_go_before_headers() {
    let archive = Archive::default()
        .pax(b'g', &[("uid", b"70000"), ("mtime", b"9.5")])
        .pax(
            b'x',
            &[
                ("path", b"long/name"),
                ("mtime", b"-1.25"),
                ("size", b"3"),
                ("gid", b"4294967294"),
                ("SCHILY.xattr.user.a", b"line\n=\0"),
                ("LIBARCHIVE.xattr.user.b%3D", b"SGk="),
                ("RHT.security.selinux", b"label"),
                ("SCHILY.xattr.user.none", b""),
                ("comment", b"nothing"),
            ],
        )
        .member(&Header::new(b'0', "short", 0), b"abc")
        .file("other", b"");
    let tree = read(&archive.finish());
    let entry = tree.get("long/name").unwrap();
    let metadata = entry.metadata();
    assert_eq!((metadata.uid, metadata.gid), (70_000, 4_294_967_294));
    assert_eq!(metadata.mtime, Timestamp { sec: -2, nsec: 750_000_000 });
    let xattrs: Vec<(&[u8], &[u8])> = metadata.xattrs.iter().collect();
    let wanted: [(&[u8], &[u8]); 4] = [
        (b"security.selinux", b"label"),
        (b"user.a", b"line\n=\0"),
        (b"user.b=", b"Hi"),
        (b"user.none", b""),
    ];
    assert_eq!(xattrs, wanted);
    assert_eq!(content(&tree, "long/name"), b"abc");
    let other = tree.get("other").unwrap().metadata().clone();
    assert_eq!((other.uid, other.mtime), (70_000, Timestamp { sec: 9, nsec: 500_000_000 }));
    let bytes = Archive::default().pax(b'x', &[("SCHILY.xattr.user.a", b"v")]).file("f", b"");
    let bytes = bytes.finish();
    let without = stream(&bytes).xattrs(false).read().unwrap();
    assert!(without.get("f").unwrap().metadata().xattrs.is_empty());
}

/// Ends in an error.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buf)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            len => Ok(len),
        }
    }
}

#[test]
fn a_stream_that_fails_is_an_error_even_behind_the_end() {
    let whole = Archive::default().file("a", b"data").finish();
    for len in [0, 512, 600, 1024, whole.len()] {
        let tar = Tar::stream("a pipe", Failing(&whole[..len]), std::env::temp_dir());
        let Err(Error::Read { path, .. }) = tar.read() else { panic!("{len}: no error") };
        assert_eq!(path, Path::new("a pipe"));
    }
    let nowhere = Tar::stream("a pipe", Cursor::new(whole), "/no/such/directory");
    assert!(matches!(nowhere.read().unwrap_err(), Error::Write { .. }));
}

#[test]
fn a_stream_without_end_has_an_archive() {
    let whole = Archive::default().file("a", b"data").finish();
    let endless = Cursor::new(whole).chain(io::repeat(0));
    let tree = Tar::stream("a device", endless, std::env::temp_dir()).read().unwrap();
    assert_eq!(tree.walk().count(), 2);
}

#[test]
fn what_is_wrong_with_an_archive_is_named() {
    let after = |header: &Header, data: &[u8]| {
        kind_of(&Archive::default().dir("d").member(header, data).finish())
    };
    let file = || Header::new(b'0', "f", 0);
    assert_eq!(kind_of(&noise(1, 2048)), (0, TarErrorKind::Checksum));
    let unknown = Header::new(b'Q', "f", 0);
    assert_eq!(after(&unknown, &[]), (512, TarErrorKind::Type { flag: b'Q' }));
    for (at, field) in [(100, "mode"), (108, "user"), (116, "group"), (124, "size"), (136, "time")]
    {
        assert_eq!(after(file().set(at, b"9"), &[]), (512, TarErrorKind::Number { field }));
    }
    let upwards = Header::new(b'0', "a/../b", 0);
    assert_eq!(after(&upwards, &[]), (512, TarErrorKind::Path { path: b"a/../b".to_vec() }));
    let root = Header::new(b'2', "./", 0).link("x");
    assert_eq!(after(&root, &[]), (512, TarErrorKind::Path { path: b"./".to_vec() }));
    assert_eq!(after(&Header::new(b'x', "pax", 4), b"9 a\n"), (512, TarErrorKind::Pax));
    let huge = Header::new(b'L', "long", 1 << 30);
    assert_eq!(after(&huge, &[]), (1024, TarErrorKind::Metadata { len: 1 << 30 }));
    let mut sparse = Header::new(b'S', "s", 0);
    sparse.set(386, b"00000000005\x0000000000005\0").set(483, b"00000000009\0");
    assert_eq!(after(&sparse, &[]), (512, TarErrorKind::Sparse));

    let below = Archive::default().file("f", b"").file("f/below", b"").finish();
    let error = stream(&below).read().unwrap_err();
    let Error::Tree { path, kind } = error else { panic!("{error:?}") };
    assert_eq!((&path[..], kind), (&b"/f"[..], TreeErrorKind::NotADirectory));
}

#[test]
fn what_is_not_wanted_is_left_out() {
    let archive = Archive::default().file("a/x~nix~case~hack~1", b"1").file("b/c", b"2");
    let bytes = archive.finish();
    let tree =
        stream(&bytes).keep(|found| found.path() != b"b").strip_case_hack(true).read().unwrap();
    assert_eq!(paths(&tree), ["/", "/a", "/a/x"]);
}

#[test]
fn an_archive_in_place_may_begin_anywhere_in_a_file() {
    let mut file = tempfile::tempfile().unwrap();
    let bytes = [&[0xee; 1000][..], &Archive::default().file("a", b"data").finish()].concat();
    io::Write::write_all(&mut file, &bytes).unwrap();
    io::Seek::seek(&mut file, io::SeekFrom::Start(1000)).unwrap();
    let tree = Tar::in_file("a file", file).unwrap().read().unwrap();
    assert_eq!(content(&tree, "a"), b"data");
}

#[test]
fn an_archive_is_no_place_for_its_own_image() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive");
    fs::write(&path, Archive::default().file("a", b"data").finish()).unwrap();
    let tree = Tree::from_tar(&path).unwrap();
    let before = fs::metadata(&path).unwrap().ino();
    let error = erofs_writer::ImageWriter::new(fixed()).write_path(&tree, &path).unwrap_err();
    assert!(matches!(error, Error::Output { .. }), "{error}");
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
}

#[test]
fn devices_and_fifos_come_along() {
    let mut device = Header::new(b'3', "null", 0);
    device.set(329, b"0000001\0").set(337, b"0000003\0");
    let archive = Archive::default().member(&device, &[]).member(&Header::new(b'6', "p", 0), &[]);
    let tree = read(&archive.finish());
    let snapshot = expected::snapshot(&tree).unwrap();
    let kinds: Vec<Kind> = snapshot.values().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Directory, Kind::CharDevice, Kind::Fifo]);
    assert_eq!(snapshot.values().nth(1).unwrap().rdev, (1, 3));
}
