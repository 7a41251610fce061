//! Consequences of tar headers: for bodies, for ends, and for each other.

use std::fs;
use std::process::Command;

use erofs_writer::source::Tar;
use erofs_writer::{Error, Node, Rdev, TarErrorKind, Timestamp, Tree, TreeErrorKind};
use testdata::archive::{Archive, BLOCK_LEN, Header};

use crate::tar::{content, kind_of, paths, read, stream};

/// The names of members, by another program.
fn names_by(program: &[&str], archive: &[u8]) -> Vec<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive).unwrap();
    let mut command = Command::new(program[0]);
    let output = command.args(&program[1..]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{program:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<String> =
        text.lines().map(|name| name.trim_end_matches('/').to_owned()).collect();
    names.sort();
    names
}

const PYTHON: &[&str] =
    &["python3", "-c", "import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name)"];
const BSDTAR: &[&str] = &["bsdtar", "-tf"];

fn names(tree: &Tree) -> Vec<String> {
    paths(tree)[1..].iter().map(|path| path[1..].to_owned()).collect()
}

/// The records of an extended header.
type Records<'a> = &'a [(&'a str, &'a [u8])];

/// A file, a member with this header and body, with or without an extended
/// header before it, and another file.
fn around(header: &Header, records: Option<Records<'_>>, body: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default().file("a", &[7; 700]);
    if let Some(records) = records {
        archive = archive.pax(b'x', records);
    }
    archive.member(header, body).file("z", b"end").finish()
}

#[test]
fn a_size_without_a_body_swallows_nothing() {
    let records: [Option<Records<'_>>; 4] = [
        None,
        Some(&[("mtime", b"1700000000.5")]),
        Some(&[("size", b"700"), ("uid", b"1")]),
        Some(&[("size", b"")]),
    ];
    for flag in b"123456" {
        for records in records {
            for size in [0, 1, 700, 1 << 33] {
                let header = Header::new(*flag, "m", size).link("a");
                let archive = around(&header, records, &[]);
                let tree = read(&archive);
                let what = format!("{} {records:?} {size}", char::from(*flag));
                assert_eq!(names(&tree), ["a", "m", "z"], "{what}");
                assert_eq!(names_by(PYTHON, &archive), ["a", "m", "z"], "{what}");
                assert_eq!(content(&tree, "z"), b"end", "{what}");
            }
        }
    }
    // As the last member, too, with and without blocks of zeros.
    let last = Archive::default().file("a", &[7; 700]);
    let last = last.member(&Header::new(b'1', "m", 700).link("a"), &[]);
    assert_eq!(names(&read(last.unfinished())), ["a", "m"]);
    assert_eq!(names(&read(&last.finish())), ["a", "m"]);
    // A global comment, as `git archive` writes it.
    let archive = Archive::default()
        .pax(b'g', &[("comment", b"0123456789")])
        .file("a", &[7; 700])
        .member(&Header::new(b'1', "m", 700).link("a"), &[])
        .file("z", b"end");
    assert_eq!(names(&read(&archive.finish())), ["a", "m", "z"]);
}

/// As `pax` writes them, and star with `-link-data`.
#[test]
fn bodies_of_hard_links_are_passed_where_there_are_some() {
    for records in [None, Some(&[("mtime", &b"5.5"[..])][..]), Some(&[("size", &b"700"[..])][..])] {
        let says_size = records.is_some_and(|records| records[0].0 == "size");
        let header = Header::new(b'1', "m", if says_size { 0 } else { 700 }).link("a");
        let archive = around(&header, records, &[7; 700]);
        let tree = read(&archive);
        assert_eq!(names(&tree), ["a", "m", "z"], "{records:?}");
        assert_eq!(tree.get("a").unwrap().id(), tree.get("m").unwrap().id());
        assert_eq!(names_by(BSDTAR, &archive), ["a", "m", "z"], "{records:?}");
    }
}

#[test]
fn every_other_type_has_its_body() {
    for (flag, wanted) in [
        // GNU's lists of names, names of volumes, and Solaris' lists of access
        // control, which stand for no member.
        (b'D', &["a", "m", "z"][..]),
        (b'V', &["a", "z"]),
        (b'A', &["a", "z"]),
        (b'7', &["a", "m", "z"]),
        (0, &["a", "m", "z"]),
    ] {
        for records in [None, Some(&[("uid", &b"1"[..])][..])] {
            let archive = around(&Header::new(flag, "m", 700), records, &[7; 700]);
            assert_eq!(names(&read(&archive)), wanted, "{}", char::from(flag));
        }
    }
    // Before there were directories, they were files with a slash.
    for body in [&[][..], &[7; 700]] {
        let archive = around(&Header::new(0, "m/", 700), None, body);
        let tree = read(&archive);
        assert_eq!(names(&tree), ["a", "m", "z"]);
        assert!(matches!(tree.get("m").unwrap().node(), Node::Directory));
    }
    for flag in [b'M', b'N', b'I', b'E', b'8', b'Z', 0xff] {
        let archive = around(&Header::new(flag, "m", 700), None, &[7; 700]);
        assert_eq!(kind_of(&archive), (1536, TarErrorKind::Type { flag }));
    }
}

/// A size in an extended header is that of the member alone, and counts for its
/// body. Archives within archives are hidden from those who take another.
#[test]
fn a_size_counts_for_the_member_it_is_said_of() {
    let inner = Archive::default().file("inner", b"hidden").finish();
    let len = inner.len().to_string();
    let archive = Archive::default()
        .pax(b'x', &[("size", len.as_bytes())])
        .member(&Header::new(b'0', "a", 0), &inner)
        .file("z", b"end")
        .finish();
    let tree = read(&archive);
    assert_eq!(names(&tree), ["a", "z"]);
    assert_eq!(content(&tree, "a"), inner);
    // Names that are long, and records, have the sizes of their own headers.
    let long = "n/".repeat(400) + "f";
    let archive = Archive::default()
        .pax(b'x', &[("size", b"3")])
        .member(&Header::new(b'L', "././@LongLink", long.len() + 1), format!("{long}\0").as_bytes())
        .member(&Header::new(b'0', "short", 0), b"abc")
        .finish();
    assert_eq!(content(&read(&archive), &long), b"abc");
    let target = "t".repeat(2000);
    let archive = Archive::default()
        .member(&Header::new(b'K', "././@LongLink", target.len()), target.as_bytes())
        .member(&Header::new(b'2', "l", 0), &[])
        .finish();
    let tree = read(&archive);
    let entry = tree.get("l").unwrap();
    assert!(matches!(entry.node(), Node::Symlink(found) if found == target.as_bytes()));
}

/// As for GNU tar and Go: the last one counts, and the others as if they were not.
#[test]
fn of_several_headers_before_a_member_the_last_one_counts() {
    let archive = Archive::default()
        .pax(b'g', &[("gid", b"9")])
        .pax(b'x', &[("path", b"first"), ("uid", b"5"), ("SCHILY.xattr.user.a", b"1")])
        .pax(b'x', &[("linkpath", b"there")])
        .member(&Header::new(b'2', "own", 0).link("elsewhere"), &[])
        .member(&Header::new(b'L', "././@LongLink", 6), b"first\0")
        .member(&Header::new(b'L', "././@LongLink", 7), b"second\0")
        .member(&Header::new(b'0', "short", 0), &[])
        .finish();
    let tree = read(&archive);
    assert_eq!(names(&tree), ["own", "second"]);
    assert_eq!(names_by(&["tar", "-tf"], &archive), names(&tree));
    let entry = tree.get("own").unwrap();
    assert!(matches!(entry.node(), Node::Symlink(target) if target == b"there"));
    let metadata = entry.metadata();
    assert_eq!((metadata.uid, metadata.gid, metadata.xattrs.is_empty()), (0, 9, true));
}

#[test]
fn an_empty_value_undoes_a_global_one_for_its_member() {
    let archive = Archive::default()
        .pax(b'g', &[("uid", b"7"), ("mtime", b"9"), ("RHT.security.selinux", b"label")])
        .pax(b'x', &[("uid", b""), ("mtime", b""), ("RHT.security.selinux", b"")])
        .member(Header::new(b'0', "a", 0).set(108, b"0000005\0"), &[])
        .file("b", b"")
        .pax(b'g', &[("uid", b"")])
        .file("c", b"")
        .finish();
    let tree = read(&archive);
    let of = |path: &str| {
        let metadata = tree.get(path).unwrap().metadata().clone();
        (metadata.uid, metadata.mtime.sec, metadata.xattrs.is_empty())
    };
    assert_eq!((of("a"), of("b"), of("c")), ((5, 7, true), (7, 9, false), (0, 9, false)));
}

/// Taken as GNU tar takes them: for each member, as they are.
#[test]
fn global_records_hold_for_every_member() {
    let archive = Archive::default()
        .pax(b'g', &[("gid", b"1")])
        .pax(b'g', &[("gid", b"2"), ("linkpath", b"there"), ("path", b"p")])
        .member(&Header::new(b'2', "l", 0).link("elsewhere"), &[])
        .pax(b'g', &[("path", b"")])
        .member(&Header::new(b'2', "m", 0).link("elsewhere"), &[])
        .finish();
    let tree = read(&archive);
    assert_eq!(names(&tree), ["m", "p"]);
    for path in ["m", "p"] {
        let entry = tree.get(path).unwrap();
        assert_eq!(entry.metadata().gid, 2);
        assert!(matches!(entry.node(), Node::Symlink(target) if target == b"there"));
    }
    for keyword in ["GNU.sparse.realsize", "GNU.sparse.map", "SCHILY.realsize"] {
        let archive = Archive::default().pax(b'g', &[(keyword, b"1")]).file("a", b"x").finish();
        assert_eq!(kind_of(&archive), (0, TarErrorKind::Pax), "{keyword}");
    }
}

#[test]
fn numbers_are_taken_as_by_gnu_tar_or_refused() {
    let with = |keyword: &str, value: &[u8]| {
        Archive::default().pax(b'x', &[(keyword, value)]).file("a", b"").finish()
    };
    for (keyword, field) in [("uid", "user"), ("gid", "group"), ("size", "size"), ("mtime", "time")]
    {
        for value in [&b" 1"[..], b"+1", b"1 ", b"0x1", b"1e3", b"one", b"-", b"1\0"] {
            assert_eq!(kind_of(&with(keyword, value)), (1024, TarErrorKind::Number { field }));
        }
    }
    for (keyword, field) in [("uid", "user"), ("gid", "group"), ("size", "size")] {
        for value in [&b"-1"[..], b"18446744073709551616", b"1.5"] {
            assert_eq!(kind_of(&with(keyword, value)), (1024, TarErrorKind::Number { field }));
        }
    }
    let mtime = |value: &[u8]| read(&with("mtime", value)).get("a").unwrap().metadata().mtime;
    assert_eq!(mtime(b"-1.5"), Timestamp { sec: -2, nsec: 500_000_000 });
    assert_eq!(mtime(b"5."), Timestamp { sec: 5, nsec: 0 });
    // In binary, with a NUL before the digits, and with blanks around them.
    let mut header = Header::new(b'0', "a", 0);
    header.set(108, b"\x80\0\0\0\0\x01\0\0").set(116, b"\x000000012").set(100, b"  644  \0");
    header.set(136, &[0xff; 12]);
    let tree = read(&Archive::default().member(&header, &[]).finish());
    let metadata = tree.get("a").unwrap().metadata().clone();
    let found = (metadata.uid, metadata.gid, metadata.mode, metadata.mtime.sec);
    assert_eq!(found, (65_536, 10, 0o644, -1));
    let mut negative = Header::new(b'0', "a", 0);
    negative.set(124, &[0xff; 12]);
    let archive = Archive::default().member(&negative, &[]).finish();
    assert_eq!(kind_of(&archive), (0, TarErrorKind::Number { field: "size" }));
}

#[test]
fn old_and_other_forms_are_read() {
    // Without a magic, and with one of star, whose prefix is shorter.
    let mut old = Header::new(0, "old", 1);
    old.set(257, &[0; 8]).set(345, b"no/prefix");
    let mut star = Header::new(b'0', "f", 1);
    star.set(345, b"star").set(476, b"00000000007 00000000007 ").set(508, b"tar\0");
    star.set(475, b"\0");
    let mut device = Header::new(b'3', "dev", 0);
    device.set(329, b"0000001\0").set(337, b"0000003\0");
    let archive = Archive::default()
        .member(&old, b"x")
        .member(&star, b"y")
        .pax(b'X', &[("hdrcharset", b"BINARY"), ("path", b"\xff"), ("SCHILY.ino", b"5")])
        .file("solaris", b"")
        .pax(b'x', &[("SCHILY.devmajor", b"8"), ("SCHILY.devminor", b"1000000")])
        .member(&device, &[])
        .finish();
    let tree = read(&archive);
    assert_eq!(names(&tree), ["dev", "old", "star", "star/f", "\u{fffd}"]);
    let node = tree.get("dev").unwrap().node();
    let wanted = Rdev { major: 8, minor: 1_000_000 };
    assert!(matches!(node, Node::CharDevice(rdev) if rdev == wanted));
    // Sparse files of star have a map that is not read, and parts of files are none.
    for records in [&[("SCHILY.realsize", &b"9"[..])][..], &[("SCHILY.filetype", b"sparse")]] {
        let archive = Archive::default().pax(b'x', records).file("a", b"xy").finish();
        assert_eq!(kind_of(&archive), (1024, TarErrorKind::Sparse), "{records:?}");
    }
    let whole = [("SCHILY.realsize", &b"2"[..])];
    read(&Archive::default().pax(b'x', &whole).file("a", b"xy").finish());
    for (keyword, flag) in [("path", b'0'), ("linkpath", b'1')] {
        let header = Header::new(flag, "b", 0).link("a");
        let archive = Archive::default().file("a", b"").pax(b'x', &[(keyword, b"a\0b")]);
        assert!(stream(&archive.member(&header, &[]).finish()).read().is_err(), "{keyword}");
    }
}

#[test]
fn an_archive_ends_at_a_block_of_zeros_or_between_members() {
    let archive = Archive::default().pax(b'x', &[("path", b"p")]).file("a", &[1; 700]).dir("d");
    let archive = archive.file("b", &[2; 100]);
    let whole = archive.clone().finish();
    let end = archive.unfinished().len();
    // Archives that end between members, which a truncated one may do as well.
    let ends = [2560, 3072, end];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive");
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let trees = [stream(&whole[..len]).read(), Tree::from_tar(&path)];
        for tree in trees {
            if ends.contains(&len) || len >= end + BLOCK_LEN {
                let count = tree.unwrap().walk().count() - 1;
                assert_eq!(count, ends.iter().filter(|end| **end <= len).count());
                continue;
            }
            let expected = if len == 0 { TarErrorKind::Empty } else { TarErrorKind::Truncated };
            match tree {
                Err(Error::Tar { kind, .. }) => assert_eq!(kind, expected, "{len}"),
                other => panic!("{len}: {other:?}"),
            }
        }
    }
    // Bytes after the end do not count, also after a single block of zeros.
    let behind = Archive::default().file("behind", b"").finish();
    for zeros in [1, 2, 20] {
        let bytes = [archive.unfinished(), &vec![0; zeros * BLOCK_LEN], &behind, b"rest"].concat();
        assert_eq!(names(&read(&bytes)), ["b", "d", "p"]);
        let index = Tar::stream("a pipe", &bytes[..], "/").index(true).read().unwrap();
        assert_eq!(names(&index), ["b", "d", "p"]);
    }
}

#[test]
fn folders_that_are_symlinks_are_gone_through() {
    let link = |name: &str, target: &str| Header::new(b'2', name, 0).link(target);
    let archive = Archive::default()
        .dir("usr/lib")
        .member(&link("lib", "usr/lib"), &[])
        .member(&link("usr/lib/up", "../../../../etc"), &[])
        .member(&link("absolute", "/usr/./lib"), &[])
        .member(&link("dangling", "new/folder"), &[])
        .file("lib/f", b"f")
        .hard_link("hard", "lib/f")
        .hard_link("absolute/again", "absolute/f")
        .file("lib/up/passwd", b"p")
        .file("dangling/x", b"x")
        .hard_link("soft", "lib")
        .finish();
    let tree = read(&archive);
    let wanted = [
        "absolute",
        "dangling",
        "etc",
        "etc/passwd",
        "hard",
        "lib",
        "new",
        "new/folder",
        "new/folder/x",
        "soft",
        "usr",
        "usr/lib",
        "usr/lib/again",
        "usr/lib/f",
        "usr/lib/up",
    ];
    assert_eq!(names(&tree), wanted);
    let id = |path: &str| tree.get(path).unwrap().id();
    assert_eq!([id("hard"), id("usr/lib/again")], [id("usr/lib/f"); 2]);
    assert_eq!(id("soft"), id("lib"));
    let looped = Archive::default()
        .member(&link("a", "b"), &[])
        .member(&link("b", "a"), &[])
        .file("a/f", b"");
    assert_eq!(kind_of(&looped.finish()), (1024, TarErrorKind::LongPath { path: b"a/f".to_vec() }));
    let through = Archive::default().file("f", b"").member(&link("l", "f"), &[]).file("l/x", b"");
    let Err(Error::Tree { path, kind }) = stream(&through.finish()).read() else { panic!() };
    assert_eq!((&path[..], kind), (&b"/f"[..], TreeErrorKind::NotADirectory));
    let missing = Archive::default().member(&link("l", "f"), &[]).hard_link("h", "l/x").finish();
    assert!(matches!(kind_of(&missing), (512, TarErrorKind::LinkTarget { .. })));
}

/// The work that a member of one block can cause is bounded by the length of the
/// archive: a path of a few bytes could lead through thousands of names, and make a
/// directory of each.
#[test]
fn ways_through_symlinks_are_bounded_together() {
    let link = |name: &str, target: &str| Header::new(b'2', name, 0).link(target);
    let deep = "d/".repeat(2000);
    let mut folders =
        Archive::default().pax(b'x', &[("linkpath", deep.as_bytes())]).member(&link("l", ""), &[]);
    for n in 0..100 {
        folders = folders.hard_link(&format!("{n}/l"), "l").file(&format!("{n}/l/f"), b"");
    }
    let mut chain = Archive::default();
    for n in 0..3000 {
        chain = chain.member(&link(&format!("s{n}"), &format!("s{}", n + 1)), &[]);
    }
    for n in 0..1000 {
        chain = chain.file(&format!("s0/f{n}"), b"");
    }
    for archive in [folders, chain] {
        let (_, kind) = kind_of(&archive.finish());
        assert!(matches!(kind, TarErrorKind::LongPath { .. }), "{kind:?}");
    }
    // Any number of members may be in folders that are symlinks.
    let mut merged = Archive::default();
    for (name, target) in [("lib64", "usr/lib64"), ("usr/lib64", "../lib"), ("lib", "usr/lib")] {
        merged = merged.member(&link(name, target), &[]);
    }
    for n in 0..40_000 {
        merged = merged.file(&format!("lib64/{n}"), b"");
    }
    assert_eq!(read(&merged.finish()).walk().count(), 40_006);
}

#[test]
fn paths_are_bounded() {
    let with = |path: &str| {
        Archive::default().pax(b'x', &[("path", path.as_bytes())]).file("f", b"").finish()
    };
    assert_eq!(read(&with(&"d/".repeat(2048))).walk().count(), 2049);
    for path in ["d/".repeat(2050), "d".repeat(1 << 17), "../".repeat(30_000)] {
        let (_, kind) = kind_of(&with(&path));
        let path = path.into_bytes();
        assert!(
            matches!(kind, TarErrorKind::LongPath { .. } | TarErrorKind::Path { .. }),
            "{path:?}"
        );
    }
    // Also one folder in the other, by a symlink in each.
    let deep = "d/".repeat(2000);
    let archive = Archive::default()
        .pax(b'x', &[("path", deep.as_bytes())])
        .dir("d")
        .pax(b'x', &[("linkpath", deep.as_bytes())])
        .member(&Header::new(b'2', "s", 0), &[])
        .pax(b'x', &[("path", format!("s/{deep}").as_bytes())])
        .file("f", b"")
        .finish();
    assert!(matches!(kind_of(&archive).1, TarErrorKind::LongPath { .. }));
    let huge = (0..17).fold(Archive::default(), |archive, _| {
        archive.pax(b'x', &[("comment", &vec![b'x'; 1 << 20])])
    });
    assert!(matches!(kind_of(huge.unfinished()).1, TarErrorKind::Metadata { .. }));
}

#[test]
fn names_of_megabytes_are_not_all_of_a_message() {
    let name = format!("\u{1b}[31m{}/..", "n".repeat(10_000));
    let archive = Archive::default().pax(b'x', &[("path", name.as_bytes())]).file("f", b"");
    let message = stream(&archive.finish()).read().unwrap_err().to_string();
    assert!(message.contains("'\\u{1b}[31mnnn") && message.len() < 1200, "{message}");
}
