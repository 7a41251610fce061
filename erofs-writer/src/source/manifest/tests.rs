use super::*;
use crate::error::ManifestErrorKind as Kind;
use crate::tree::{Entry, Node, ReadAt};

fn read(text: &str) -> Result<Tree> {
    Manifest::from_reader("LIST", text.as_bytes()).read()
}

fn kind(text: &str) -> (usize, Kind) {
    match read(text) {
        Err(Error::Manifest { line, kind, .. }) => (line, kind),
        other => panic!("{text}: an error of a line was expected, not {other:?}"),
    }
}

/// A line for each entry.
fn shown(tree: &Tree) -> Vec<String> {
    let line = |entry: Entry<'_>| {
        let metadata = entry.metadata();
        let what = match entry.node() {
            Node::Directory => "dir".to_owned(),
            Node::File(content) => {
                let mut bytes = vec![0; 100];
                let len = content.read_at(&mut bytes, 0).expect("is there");
                format!("{:?}", String::from_utf8_lossy(&bytes[..len]))
            }
            Node::Symlink(target) => format!("-> {}", String::from_utf8_lossy(&target)),
            Node::CharDevice(rdev) => format!("c {} {}", rdev.major, rdev.minor),
            Node::BlockDevice(rdev) => format!("b {} {}", rdev.major, rdev.minor),
            Node::Fifo => "fifo".to_owned(),
            Node::Socket => "socket".to_owned(),
        };
        let path = String::from_utf8_lossy(entry.path()).into_owned();
        let (time, owner) = (metadata.mtime, (metadata.uid, metadata.gid));
        format!(
            "{path} {:o} {}:{} {}.{} {what}",
            metadata.mode, owner.0, owner.1, time.sec, time.nsec
        )
    };
    tree.walk().map(line).collect()
}

const DUMP: &str = "/ 4096 40755 2 1 2 0 7.8 - - - user.a=b
/a\\x20b 4 100644 1 0 0 0 -1.000000009 - x\\x00\\n\\\\ - trusted.x\\x3dy=z=\\x01 user.e=
/dev 0 20600 1 0 0 1281 0.0 - - -
/disk 0 60600 1 0 0 2050 0.0 - - -
/hard 0 @100644 1 0 0 0 0.0 /a\\x20b - -
/link 3 120777 1 0 0 0 0.0 a/b - -
/pipe 0 10600 1 0 0 0 0.0 - - -
/sock 0 140600 1 0 0 0 0.0 - - -
/zero 0 100600 1 0 0 0 0.0 - - -";

#[test]
fn a_dump_of_composefs_is_read() {
    let tree = read(DUMP).expect("is one");
    let expected = [
        "/ 755 1:2 7.8 dir",
        "/a b 644 0:0 -1.9 \"x\\0\\n\\\\\"",
        "/dev 600 0:0 0.0 c 5 1",
        "/disk 600 0:0 0.0 b 8 2",
        "/hard 644 0:0 -1.9 \"x\\0\\n\\\\\"",
        "/link 777 0:0 0.0 -> a/b",
        "/pipe 600 0:0 0.0 fifo",
        "/sock 600 0:0 0.0 socket",
        "/zero 600 0:0 0.0 \"\"",
    ];
    assert_eq!(shown(&tree), expected);
    let xattrs = &tree.get("a b").expect("is there").metadata().xattrs;
    assert_eq!(
        (xattrs.get("trusted.x=y"), xattrs.get("user.e")),
        (Some(&b"z=\x01"[..]), Some(&b""[..]))
    );
    let id = |path: &str| tree.get(path).expect("is there").id();
    assert_eq!(id("hard"), id("a b"));
    let without = Manifest::from_reader("LIST", DUMP.as_bytes()).xattrs(false);
    let without = without.hard_links(HardLinks::Ignore).read().expect("is one");
    let id = |path: &str| without.get(path).expect("is there").id();
    assert_ne!(id("hard"), id("a b"));
    assert!(without.get("a b").expect("is there").metadata().xattrs.is_empty());
}

#[test]
fn wrong_lines_of_a_dump_are_named() {
    let line = |rest: &str| format!("/ 0 40755 1 0 0 0 0.0 - - -\n{rest}");
    let value = |field| (2, Kind::Value { field });
    for (rest, expected) in [
        ("/a 0 100644 1 0 0 0 0.0 - -", (2, Kind::Fields)),
        ("/a x 100644 1 0 0 0 0.0 - - -", value("SIZE")),
        ("/a +1 100644 1 0 0 0 0.0 - - -", value("SIZE")),
        ("/a 0 100648 1 0 0 0 0.0 - - -", value("MODE")),
        ("/a 0 100644 1 -1 0 0 0.0 - - -", value("UID")),
        ("/a 0 100644 1 0 4294967296 0 0.0 - - -", value("GID")),
        ("/a 0 100644 1 0 0 0 0 - - -", value("MTIME")),
        ("/a 0 20644 1 0 0 x 0.0 - - -", value("RDEV")),
        ("/a 0 120777 1 0 0 0 0.0 - - -", value("PAYLOAD")),
        ("/a 0 644 1 0 0 0 0.0 - - -", (2, Kind::Type)),
        ("/a 5 100644 1 0 0 0 0.0 - - -", (2, Kind::NoContents { len: 5 })),
        ("/a 5 100644 1 0 0 0 0.0 - abc -", (2, Kind::Length { said: 5, found: 3 })),
        ("/a 0 100644 1 0 0 0 0.0 - - - user.a", value("xattr")),
        ("/a\\q 0 100644 1 0 0 0 0.0 - - -", (2, Kind::Escape)),
        ("/a\\x2 0 100644 1 0 0 0 0.0 - - -", (2, Kind::Escape)),
        ("/a\\x+1 0 100644 1 0 0 0 0.0 - - -", (2, Kind::Escape)),
        ("a 0 100644 1 0 0 0 0.0 - - -", (2, Kind::Path { path: b"a".to_vec() })),
        ("/ 0 100644 1 0 0 0 0.0 - - -", (2, Kind::Path { path: b"/".to_vec() })),
        ("/a/b 0 100644 1 0 0 0 0.0 - - -", (2, Kind::NoParent { path: b"/a/b".to_vec() })),
        ("/a 0 @100644 1 0 0 0 0.0 /b - -", (2, Kind::LinkTarget { target: b"/b".to_vec() })),
        ("/a 0 @100644 1 0 0 0 0.0 /a - -", (2, Kind::LinkTarget { target: b"/a".to_vec() })),
        ("/a 0 @100644 1 0 0 0 0.0 / - -", (2, Kind::LinkTarget { target: b"/".to_vec() })),
        ("/a 0 100644 1 0 0 0 0.0 ../x - -", (2, Kind::Outside { path: b"../x".to_vec() })),
        (
            "/a 0 100644 1 0 0 0 0.0 /etc/passwd - -",
            (2, Kind::Outside { path: b"/etc/passwd".to_vec() }),
        ),
    ] {
        assert_eq!(kind(&line(rest)), expected, "{rest}");
    }
    for bad in ["/.", "/..", "/a/../b", "/a\\x00b"] {
        let error = read(&line(&format!("{bad} 0 40755 1 0 0 0 0.0 - - -")));
        assert!(matches!(error, Err(Error::Tree { .. })), "{bad}: {error:?}");
    }
    let twice = line("/a 0 10644 1 0 0 0 0.0 - - -\n/a 0 10644 1 0 0 0 0.0 - - -");
    assert!(matches!(read(&twice), Err(Error::Tree { .. })));
}

#[test]
fn a_pack_file_is_read() {
    let dir = tempfile::tempdir().expect("there is room");
    std::fs::write(dir.path().join("init"), "run").expect("there is room");
    std::fs::create_dir(dir.path().join("opt")).expect("there is room");
    std::fs::write(dir.path().join("opt/a b"), "data").expect("there is room");
    let text = "# a comment\n\n  dir /dev 0700 1 2\nnod /dev/console 0600 0 0 c 5 1\n\
        nod /dev/sda 0600 0 0 B 8 0\nfile /sbin/init 04755 0 0 init\nfile \"/opt/a b\" 0644 0 0\n\
        slink /l 0777 3 4 to a name\nlink /z 0 0 0 /y\nlink /y 0 0 0 /sbin/init\n\
        pipe /p 0600 0 0\nsock \"/q\\\"\\\\\" 0600 0 0\ndir / 0711 0 0\n";
    let manifest = Manifest::from_reader("LIST", text.as_bytes()).contents_in(dir.path());
    let expected = [
        "/ 711 0:0 0.0 dir",
        "/dev 700 1:2 0.0 dir",
        "/dev/console 600 0:0 0.0 c 5 1",
        "/dev/sda 600 0:0 0.0 b 8 0",
        "/l 777 3:4 0.0 -> to a name",
        "/opt 755 0:0 0.0 dir",
        "/opt/a b 644 0:0 0.0 \"data\"",
        "/p 600 0:0 0.0 fifo",
        "/q\"\\ 600 0:0 0.0 socket",
        "/sbin 755 0:0 0.0 dir",
        "/sbin/init 4755 0:0 0.0 \"run\"",
        "/y 4755 0:0 0.0 \"run\"",
        "/z 4755 0:0 0.0 \"run\"",
    ];
    assert_eq!(shown(&manifest.read().expect("is one")), expected);
    let unsupported = kind("dir /a 0755 0 0\nglob / * 0 0 .");
    assert!(matches!(unsupported, (2, Kind::Unsupported { .. })), "{unsupported:?}");
    for (text, expected) in [
        ("dir /a 0788 0 0", Kind::Value { field: "mode" }),
        ("dir /a 010000 0 0", Kind::Value { field: "mode" }),
        ("dir /a 0755 x 0", Kind::Value { field: "uid" }),
        ("dir /a 0755 0", Kind::Value { field: "gid" }),
        ("slink /a 0755 0 0", Kind::Fields),
        ("nod /a 0755 0 0 x 1 2", Kind::Type),
        ("nod /a 0755 0 0 c 1", Kind::Value { field: "device" }),
        ("dir \"/a 0755 0 0", Kind::Quote),
        ("dir \"/a\"b 0755 0 0", Kind::Quote),
        ("pipe / 0755 0 0", Kind::Path { path: b"/".to_vec() }),
    ] {
        assert_eq!(kind(text), (1, expected), "{text}");
    }
    assert_eq!(kind("dir /a 0755 0 0\nlist /a").1, Kind::Word { word: b"list".to_vec() });
}

#[test]
fn both_forms_of_mtree_are_read() {
    let dir = tempfile::tempdir().expect("there is room");
    std::fs::create_dir(dir.path().join("a b")).expect("there is room");
    std::fs::write(dir.path().join("a b/f"), "data").expect("there is room");
    let tree =
        |text: &str| Manifest::from_reader("LIST", text.as_bytes()).contents_in(dir.path()).read();
    let relative = "#mtree\n/set type=file uid=1 gid=2 mode=0644 nlink=1\n.    type=dir mode=0700 \\\n\
        \ttime=5.6\na\\040b type=dir mode=0755\n  f size=4 sha256digest=abc \n# d\n..\n\
        /unset mode\nl type=link link=a\\sb\nn type=char device=native,5,0x1 mode=600\n\
        o type=block device=2050 mode=600\ngone optional\n";
    let full = "#mtree\n./a\\040b/f type=file uid=1 gid=2 mode=644 uname=root\n. type=dir uid=1 \
        gid=2 mode=700 time=5.6\n./a\\040b type=dir uid=1 gid=2 mode=0755\n./l type=link uid=1 \
        gid=2 link=a\\040b\n./n type=char uid=1 gid=2 mode=600 device=linux,5,1\n\
        ./o type=block uid=1 gid=2 mode=0600 device=linux,8,2\n";
    let expected = [
        "/ 700 1:2 5.6 dir",
        "/a b 755 1:2 0.0 dir",
        "/a b/f 644 1:2 0.0 \"data\"",
        "/l 777 1:2 0.0 -> a b",
        "/n 600 1:2 0.0 c 5 1",
        "/o 600 1:2 0.0 b 8 2",
    ];
    assert_eq!(shown(&tree(relative).expect("is one")), expected);
    assert_eq!(shown(&tree(full).expect("is one")), expected);
    let wrong = |rest: &str| match tree(&format!("#mtree\n{rest}")) {
        Err(Error::Manifest { line: 2, kind, .. }) => kind,
        other => panic!("{rest}: {other:?}"),
    };
    assert_eq!(wrong("a b=c"), Kind::Word { word: b"b".to_vec() });
    assert_eq!(wrong("a uid=0"), Kind::Type);
    assert_eq!(wrong("a type=door"), Kind::Type);
    assert_eq!(wrong("a type=dir mode=u+x"), Kind::Value { field: "mode" });
    assert_eq!(wrong("a type=link"), Kind::Value { field: "link" });
    assert_eq!(wrong("a type=char device=linux,1"), Kind::Value { field: "device" });
    assert_eq!(wrong("./a\\040b/f type=file size=5"), Kind::Length { said: 5, found: 4 });
    assert!(matches!(wrong("a type=dir uname=root"), Kind::Unsupported { .. }));
    assert_eq!(wrong("/nothing a=b"), Kind::Word { word: b"/nothing".to_vec() });
    assert!(matches!(tree("#mtree\na type=file"), Err(Error::Read { .. })));
    assert!(matches!(tree("#mtree\n../a/b type=dir"), Err(Error::Tree { .. })));
}

#[test]
fn links_lead_to_links_in_any_order_and_in_no_circle() {
    let link = |from: usize, to: usize| format!("link /{from} 0 0 0 /{to}\n");
    let last = "pipe /100000 0644 0 0\n";
    let forwards: String = (0..100_000).map(|number| link(number, number + 1)).collect();
    let tree = read(&format!("{forwards}{last}")).expect("it ends");
    let id = |path: &str| tree.get(path).expect("is there").id();
    assert_eq!((id("0"), tree.walk().count()), (id("100000"), 100_002));
    let backwards: String = (0..100_000).rev().map(|number| link(number, number + 1)).collect();
    assert_eq!(read(&format!("{backwards}{last}")).expect("it ends").walk().count(), 100_002);
    let circle = format!("{}{}", link(1, 2), link(2, 1));
    assert_eq!(kind(&circle), (1, Kind::LinkTarget { target: b"/2".to_vec() }));
}

#[test]
fn the_first_line_tells_the_format() {
    assert_eq!(kind("").1, Kind::Format);
    assert_eq!(kind("# only a comment\n"), (1, Kind::Format));
    assert_eq!(kind("# a comment\n\nsomething else"), (3, Kind::Format));
    read("# comment\ndir /a 0755 0 0").expect("a pack file");
    read(". type=dir\n").expect("an mtree");
    let said = Manifest::from_reader("LIST", &b"dir type=dir"[..]).format(ManifestFormat::Mtree);
    assert_eq!(shown(&said.read().expect("is one")).len(), 2);
}

#[test]
fn lines_and_paths_have_bounds() {
    let long = format!("dir /a 0755 0 0\nfile /b 0644 0 0 {}", "x".repeat(17 << 20));
    assert_eq!(kind(&long), (2, Kind::LongLine));
    let deep = |count: usize| format!("dir {} 0755 0 0", "/d".repeat(count));
    assert_eq!(read(&deep(2048)).expect("is not too deep").walk().count(), 2049);
    assert!(matches!(kind(&deep(2049)).1, Kind::Path { .. }));
    let deep = format!("#mtree\n{}", "d type=dir\n".repeat(2049));
    assert!(matches!(kind(&deep), (2050, Kind::Path { .. })));
}
