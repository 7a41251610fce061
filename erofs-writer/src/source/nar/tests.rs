use std::fs;

use super::*;
use crate::error::{NarErrorKind as Kind, TreeErrorKind};
use crate::format::to_u64;
use crate::tree::{Content, Entry, Metadata, Node, ReadAt};

/// Strings as a NAR has them.
fn words(words: &[&str]) -> Vec<u8> {
    words.iter().flat_map(|text| word(text.as_bytes())).collect()
}

fn word(text: &[u8]) -> Vec<u8> {
    let mut bytes = to_u64(text.len()).to_le_bytes().to_vec();
    bytes.extend_from_slice(text);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn nar(text: &str) -> Vec<u8> {
    words(&[&["nix-archive-1"][..], &text.split(' ').collect::<Vec<_>>()].concat())
}

const FILE: &str = "( type regular contents abc )";

/// Reads `bytes` as a stream and in place, which give the same.
fn read_as(bytes: &[u8], strips: bool) -> Result<Tree> {
    let dir = tempfile::tempdir().expect("there is room");
    let path = dir.path().join("NAR");
    fs::write(&path, bytes).expect("there is room");
    let in_place = Nar::open(&path).expect("is there").strip_case_hack(strips).read();
    let streamed = Nar::stream("NAR", bytes, dir.path()).strip_case_hack(strips).read();
    match (&in_place, &streamed) {
        (Ok(in_place), Ok(streamed)) => assert_eq!(shown(in_place), shown(streamed)),
        (Err(in_place), Err(streamed)) => {
            let (in_place, streamed) = (in_place.to_string(), streamed.to_string());
            assert!(in_place.ends_with(&streamed), "{in_place} and {streamed}");
        }
        _ => panic!("{in_place:?} and {streamed:?}"),
    }
    streamed
}

fn read(bytes: &[u8]) -> Result<Tree> {
    read_as(bytes, false)
}

fn kind(bytes: &[u8]) -> (u64, Kind) {
    match read(bytes) {
        Err(Error::Nar { offset, kind, .. }) => (offset, kind),
        other => panic!("an error of the NAR was expected, not {other:?}"),
    }
}

/// A line for each entry.
fn shown(tree: &Tree) -> Vec<String> {
    let text = |content: &Content| {
        let mut bytes = vec![0; content.len().try_into().expect("short")];
        let len = content.read_at(&mut bytes, 0).expect("is there");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    };
    let line = |entry: Entry<'_>| {
        let path = String::from_utf8_lossy(entry.path()).into_owned();
        let mode = entry.metadata().mode;
        let what = entry.content().map(text);
        let target = match entry.node() {
            Node::Symlink(to) => Some(String::from_utf8_lossy(&to).into_owned()),
            _ => None,
        };
        format!("{path} {mode:o} {}", what.or(target).unwrap_or_default())
    };
    tree.walk().map(line).collect()
}

#[test]
fn a_nar_becomes_a_tree() {
    let text = format!(
        "( type directory entry ( name a node ( type directory ) ) entry ( name b node {FILE} ) \
         entry ( name c node ( type regular executable  contents  ) ) entry ( name d node \
         ( type symlink target a/b ) ) )"
    );
    let tree = read(&nar(&text)).expect("is one");
    assert_eq!(shown(&tree), ["/ 555 ", "/a 555 ", "/b 444 abc", "/c 555 ", "/d 777 a/b"]);
    let Metadata { uid, gid, mtime, .. } = tree.get("b").expect("is there").metadata().clone();
    assert_eq!((uid, gid, mtime.sec), (0, 0, 0));
}

#[test]
fn every_prefix_is_truncated() {
    let whole = nar(&format!("( type directory entry ( name a node {FILE} ) )"));
    read(&whole).expect("is one");
    for len in 0..whole.len() {
        let (_, found) = kind(&whole[..len]);
        assert!(matches!(found, Kind::Truncated), "{len} bytes: {found:?}");
    }
}

#[test]
fn what_breaks_a_rule_is_refused_where_it_is() {
    let dir = |rest: &str| nar(&format!("( type directory {rest} )"));
    let expected = |word| Kind::Expected { word };
    assert_eq!(kind(b"something else entirely"), (0, Kind::NoNar));
    assert_eq!(kind(&nar("( type fifo )")).1, Kind::Type);
    assert_eq!(kind(&nar("( tipe")).1, expected("type"));
    assert_eq!(kind(&nar("( type regular executable x")).1, expected(""));
    assert_eq!(kind(&nar("( type regular )")).1, expected("contents"));
    assert_eq!(kind(&nar("( type symlink x")).1, expected("target"));
    assert_eq!(kind(&dir("entri")).1, expected("entry"));
    assert_eq!(kind(&dir("entry ( nam")).1, expected("name"));
    let twice = format!("entry ( name a node {FILE} ) entry ( name a node {FILE} )");
    let order = |name: &str, last: &str| Kind::Order { name: name.into(), last: last.into() };
    assert_eq!(kind(&dir(&twice)).1, order("a", "a"));
    assert_eq!(kind(&dir(&twice.replacen("name a", "name ab", 1))).1, order("a", "ab"));
    for name in ["", ".", "..", "a/b", "a\0", &"x".repeat(256)] {
        let found = kind(&dir(&format!("entry ( name {name} node {FILE} )")));
        assert_eq!(found.1, Kind::Name { name: name.into() });
    }
    assert_eq!(kind(&[dir(""), vec![0]].concat()).1, expected("entry"), "an empty word");
    assert_eq!(kind(&[nar("( type directory )"), vec![0]].concat()), (96, Kind::Trailing));
    assert_eq!(kind(&nar(FILE)).1, Kind::NoDirectory);
    let mut padded = nar("( type directory )");
    *padded.last_mut().expect("not empty") = 1;
    assert_eq!(kind(&padded), (89, Kind::Padding));
}

#[test]
fn no_length_is_believed() {
    let start = |text: &str| nar(&format!("( type {text}"));
    let (_, found) = kind(&[start("symlink target"), vec![255; 8]].concat());
    assert_eq!(found, Kind::LongString { len: u64::MAX, max: 64 << 10 });
    for len in [1 << 62, u64::MAX - 7, u64::MAX] {
        let bytes = [start("regular contents"), len.to_le_bytes().to_vec()].concat();
        assert_eq!(kind(&bytes).1, Kind::Truncated, "{len}");
    }
}

#[test]
fn depth_has_a_bound() {
    let deep = |count: usize| {
        let open = "( type directory entry ( name d node ".repeat(count);
        nar(&format!("{open}{FILE}{}", " ) )".repeat(count)))
    };
    assert_eq!(read(&deep(2048)).expect("is not too deep").walk().count(), 2049);
    assert_eq!(kind(&deep(2049)).1, Kind::TooDeep);
}

#[test]
fn suffixes_of_nix_are_stripped_if_that_is_asked_for() {
    let names = |a: &str, b: &str| {
        let entry = |name: &str| format!("entry ( name {name} node {FILE} ) ");
        nar(&format!("( type directory {}{})", entry(a), entry(b)))
    };
    let hacked = names("B", "b~nix~case~hack~1");
    let stripped = read_as(&hacked, true).expect("names differ");
    assert_eq!(shown(&stripped)[1..], ["/B 444 abc", "/b 444 abc"]);
    assert_eq!(shown(&read(&hacked).expect("is one"))[2], "/b~nix~case~hack~1 444 abc");
    let error = read_as(&names("b", "b~nix~case~hack~1"), true);
    assert!(matches!(error, Err(Error::Tree { kind: TreeErrorKind::Exists, .. })), "{error:?}");
}

/// An export of one path, with what follows its NAR.
fn export(nars: &[(&[u8], &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (nar, path) in nars {
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend_from_slice(nar);
        bytes.extend(0x4558_494e_u64.to_le_bytes());
        bytes.extend(word(path.as_bytes()));
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(words(&["/nix/store/x", ""]));
        bytes.extend(0_u64.to_le_bytes());
    }
    bytes.extend(0_u64.to_le_bytes());
    bytes
}

#[test]
fn an_export_becomes_a_store() {
    let (file, dir) = (nar(FILE), nar("( type directory )"));
    let bytes = export(&[(&file, "/nix/store/b"), (&dir, "/nix/store/a")]);
    let tree = read(&bytes).expect("is one");
    assert_eq!(shown(&tree), ["/ 755 ", "/a 555 ", "/b 444 abc"]);
    let error = read(&export(&[(&file, "/nix/store/b"), (&dir, "/b")]));
    assert!(matches!(error, Err(Error::Tree { kind: TreeErrorKind::Exists, .. })), "{error:?}");
    let error = read(&export(&[]));
    assert!(matches!(error, Err(Error::StorePaths(_))), "{error:?}");
    for path in ["b", "/", "/nix/.."] {
        let (_, found) = kind(&export(&[(&file, path)]));
        assert_eq!(found, Kind::StorePath { path: path.into() });
    }
    for len in 8..bytes.len() {
        assert_eq!(kind(&bytes[..len]).1, Kind::Truncated, "{len}");
    }
    let mut wrong = bytes.clone();
    wrong[8 + file.len()] ^= 1;
    assert_eq!(kind(&wrong).1, Kind::Export);
    let mut many = export(&[(&file, "/nix/store/b")]);
    let at = 8 + file.len() + 8 + word(b"/nix/store/b").len();
    many[at..at + 8].fill(255);
    assert_eq!(kind(&many).1, Kind::Export);
    assert_eq!(kind(&[bytes, vec![0]].concat()).1, Kind::Trailing);
}
