//! The rule that decides, and lines that are refused.

use super::rules::Substitution;
use super::*;
use crate::error::{Error, FileContextsErrorKind};
use crate::tree::{Content, Metadata, Node, Rdev};

fn contexts(text: &str) -> FileContexts {
    FileContexts::parse("F", text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The context of the file `path`.
fn found<'a>(contexts: &'a FileContexts, path: &str, of: FileType) -> Option<&'a str> {
    let rule = contexts.rule(path.as_bytes(), of)?;
    let context = contexts.rules[rule].context.as_deref()?;
    Some(std::str::from_utf8(context).expect("is text"))
}

fn refusal(text: &[u8]) -> (usize, FileContextsErrorKind) {
    match FileContexts::parse("F", text) {
        Err(Error::FileContexts { line, kind, .. }) => (line, kind),
        other => panic!("{}: {other:?}", text.escape_ascii()),
    }
}

#[test]
fn the_last_line_wins_but_single_paths_go_first() {
    let contexts = contexts(
        "/etc/passwd  exact\n\
         /etc(/.*)?   dir\n\
         # /etc/passwd comment\n\
         \t/etc/.*    --\tfile # of users\n\
         /etc/a\\.b   dotted\r\n\
         \n\
         /etc/none/.* <<none>>\n\
         /etc/a\\db   digit\n",
    );
    let file = |path| found(&contexts, path, FileType::Regular);
    assert_eq!(file("/etc/passwd"), Some("exact"));
    assert_eq!(file("/etc/passwd-"), Some("file"));
    assert_eq!(file("/etc"), Some("dir"));
    assert_eq!(file("/etc/a.b"), Some("dotted"));
    assert_eq!(file("/etc/axb"), Some("file"));
    assert_eq!(file("/etc/a7b"), Some("digit"), "a backslash before a letter is special");
    assert_eq!(file("/etc/none/x"), None);
    assert_eq!(file("/usr"), None);
    assert_eq!(file("/x/etc"), None);
    assert_eq!(found(&contexts, "/etc/passwd-", FileType::Directory), Some("dir"));
}

#[test]
fn a_line_may_be_about_one_type_of_file() {
    let text = "/.* -- file\n/.* -d dir\n/.* -l link\n/.* -c char\n/.* -b block\n\
                /.* -p fifo\n/.* -s socket\n/x -d literal\n";
    let contexts = contexts(text);
    let mut tree = Tree::new(Metadata::new(0o755));
    let rdev = Rdev { major: 1, minor: 3 };
    for (name, node) in [
        ("file", Node::File(Content::from_bytes(*b"x"))),
        ("dir", Node::Directory),
        ("link", Node::Symlink(b"x".to_vec())),
        ("char", Node::CharDevice(rdev)),
        ("block", Node::BlockDevice(rdev)),
        ("fifo", Node::Fifo),
        ("socket", Node::Socket),
    ] {
        tree.insert(name, Metadata::new(0o600), node).expect("free");
    }
    tree.insert("x", Metadata::new(0o600), Node::Fifo).expect("free");
    tree.apply_file_contexts(&contexts, "");
    for entry in tree.walk() {
        let expected = match entry.path() {
            b"/" => &b"dir"[..],
            b"/x" => b"fifo",
            path => &path[1..],
        };
        assert_eq!(entry.metadata().xattrs.get(NAME), Some(expected));
    }
}

#[test]
fn patterns_match_whole_paths_as_pcre2_does() {
    // Pattern, a path that matches, a path that does not.
    for (pattern, yes, no) in [
        ("/a(/.*)?", "/a/b/c", "/ab"),
        ("/a/[^/]+", "/a/b", "/a/b/c"),
        ("/(a|b)?x{2,3}", "/bxx", "/bx"),
        (r"/a\.so(\.[0-9]+)*", "/a.so.1.2", "/a.so."),
        (r"/\d+\D\w\W\s\S", "/12x_- x", "/x"),
        ("/[[:alpha:]_][[:^digit:]]", "/_x", "/_1"),
        ("/a.*?b", "/axxb", "/axxbc"),
        ("/(?:a|b)c", "/bc", "/c"),
        (r"/\x41\t", "/A\t", "/a"),
        ("/[]a-]x", "/]x", "/bx"),
        ("/[]-]x", "/-x", "/[x"),
        (r"/a\-b\_c\,d.?", "/a-b_c,d", "/a_b"),
        (r"/\/a\[.", "//a[x", "/a"),
        ("/.", "/\n", "/\n\n\n"),
        // The anchors belong to the first and the last branch.
        ("/a|/b", "/axx", "/b/x"),
        ("/a|/b", "/x/b", "/c"),
        (r"\A/a\bz?\z", "/a", "/az"),
        // A path also ends before a newline at its end.
        ("/ab?", "/a\n", "/a\n\n"),
    ] {
        let contexts = contexts(&format!("{pattern} c\n"));
        assert_eq!(found(&contexts, yes, FileType::Regular), Some("c"), "{pattern} on {yes:?}");
        assert_eq!(found(&contexts, no, FileType::Regular), None, "{pattern} on {no:?}");
    }
    // Bytes of names need not be characters.
    let bytes = contexts("/.[^a]x c\n");
    assert!(bytes.rule(b"/\xff\xfex", FileType::Regular).is_some());
}

#[test]
fn what_pcre2_reads_in_another_way_is_refused() {
    let table = [
        (r"/(a)\1", 4),
        ("/a(?=b)", 2),
        ("/a*+", 3),
        ("/a++b", 3),
        ("/a{2}{3}", 5),
        ("/(?i)a", 1),
        ("/(?i:a)", 3),
        ("/(?R)", 1),
        ("/[a[b]]", 3),
        ("/[a&&b]", 2),
        ("/[+--]", 2),
        ("/[]-a]", 1),
        ("/[^--a]x", 1),
        (r"/\<a", 1),
        (r"/\v", 1),
        (r"/[\v]", 2),
        (r"/\h", 1),
        (r"/\u0041", 1),
        (r"/\pL", 1),
        (r"/\Qa", 1),
        (r"/\Ka", 1),
        ("/(a", 1),
        ("/a)", 2),
        ("/[a", 1),
        ("/*a|*", 4),
        ("/a{", 3),
        ("/a{2,1}", 2),
        (r"/a\", 2),
    ];
    let found = table.map(|(pattern, _)| {
        let (line, kind) = refusal(format!("\n{pattern} c\n").as_bytes());
        let FileContextsErrorKind::Pattern { at: found, what } = kind else {
            panic!("{pattern}: {kind:?}");
        };
        assert_eq!(line, 2, "{pattern}: {what}");
        assert!(!what.is_empty() && !what.contains('\n'), "{pattern}: {what}");
        (pattern, found)
    });
    assert_eq!(found, table);
}

#[test]
fn lines_that_are_none_are_refused() {
    use FileContextsErrorKind::*;
    for (text, line, kind) in [
        (&b"/a c\n/b\n"[..], 2, Incomplete),
        (b"/a -x c", 1, Type { word: "-x".into() }),
        (b"/a c c", 1, Type { word: "c".into() }),
        (b"/a -- c d", 1, Excess { word: "d".into() }),
        (b"# \xc3\xa4\n/\xc3\xa4 c", 2, NotAscii),
        (b"/a \0 c", 1, NotAscii),
        (b"\xf9\x7c\xff\x8a and more", 1, Compiled),
        (b"\x8a\xff\x7c\xf9 and more", 1, Compiled),
    ] {
        assert_eq!(refusal(text), (line, kind), "{}", text.escape_ascii());
    }
    let long = format!("/a {}", "c".repeat(65_536));
    assert_eq!(refusal(long.as_bytes()), (1, Context { len: 65_536 }));
    let large = "/a? c\n/(((((x{255}){255}){255}){255}){255}) c\n";
    assert_eq!(refusal(large.as_bytes()), (2, TooLarge));
    let error = FileContexts::parse("F", b"/a").expect_err("is none");
    assert_eq!(error.to_string(), "F: line 1: a second word is missing");
}

#[test]
fn starts_of_paths_may_stand_for_others() {
    let mut contexts = contexts("/usr/lib/.* lib\n/run(/.*)? run\n/top top\n/ root\n");
    let list = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(from, to)| Substitution { from: (*from).into(), to: (*to).into() })
            .collect()
    };
    contexts.substitutions = [
        list(&[("/var/run", "/nowhere"), ("/var/run", "/run"), ("/x", "/lib64"), ("/y", "/")]),
        list(&[("/lib64", "/usr/lib")]),
    ];
    let file = |path| found(&contexts, path, FileType::Regular);
    assert_eq!(file("/var/run/a"), Some("run"), "the last line counts");
    assert_eq!(file("/var/run"), Some("run"));
    assert_eq!(file("/var/runner"), None);
    assert_eq!(file("/lib64/a"), Some("lib"));
    assert_eq!(file("/x/a"), Some("lib"), "one list after the other");
    assert_eq!(file("/y/top"), Some("top"));
    assert_eq!(file("/y"), Some("root"));
}

#[test]
fn labels_replace_those_that_were_there() {
    let text = "/m/.* new\n/m/none.* <<none>>\n/m mount\n";
    let contexts = contexts(text);
    let mut tree = Tree::new(Metadata::new(0o755));
    let mut metadata = Metadata::new(0o644);
    metadata.xattrs.set(NAME, *b"old\0");
    metadata.xattrs.set(*b"user.own", *b"stays");
    for name in ["a", "none"] {
        let file = Node::File(Content::from_bytes(*b"x"));
        tree.insert(name, metadata.clone(), file).expect("free");
    }
    let id = tree.insert("b", Metadata::new(0o644), Node::Fifo).expect("free");
    tree.hard_link("none-linked", id).expect("free");
    for mount_point in ["/m", "m/", "//m//"] {
        tree.apply_file_contexts(&contexts, mount_point);
        let xattr = |path: &str, name: &[u8]| {
            let entry = tree.get(path).expect("is there");
            entry.metadata().xattrs.get(name).map(<[u8]>::to_vec)
        };
        assert_eq!(xattr("/", NAME), Some(b"mount".to_vec()), "{mount_point}");
        assert_eq!(xattr("a", NAME), Some(b"new".to_vec()));
        assert_eq!(xattr("a", b"user.own"), Some(b"stays".to_vec()));
        assert_eq!(xattr("none", NAME), None);
        assert_eq!(xattr("none", b"user.own"), Some(b"stays".to_vec()));
        assert_eq!(xattr("none-linked", NAME), Some(b"new".to_vec()), "its first name counts");
    }
    tree.apply_file_contexts(&contexts, "/elsewhere");
    assert!(tree.walk().all(|entry| entry.metadata().xattrs.get(NAME).is_none()));
}

#[test]
fn companions_of_a_file_are_read() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("fc");
    let write = |suffix: &str, text: &str| {
        std::fs::write(folder.path().join(format!("fc{suffix}")), text).expect("there is room");
    };
    write("", "/home/.* base\n/etc/.* base\n");
    write(".homedirs", "/home/.* home\n/etc/.* home\n");
    write(".local", "/etc/.* local\n");
    write(".subs_dist", "# comment\n/lib /etc\n");
    write(".subs", "/opt /lib\n");
    let contexts = FileContexts::open(&file).expect("is good");
    let found = |path| found(&contexts, path, FileType::Regular);
    assert_eq!(found("/home/x"), Some("home"));
    assert_eq!(found("/etc/x"), Some("local"));
    assert_eq!(found("/opt/x"), Some("local"));
    write(".subs", "/opt\n");
    let text = FileContexts::open(&file).expect_err("has a bad line").to_string();
    assert!(text.ends_with("fc.subs: line 1: a second word is missing"), "{text}");
    let error = FileContexts::open(folder.path().join("none")).expect_err("is not there");
    assert!(matches!(error, Error::Read { .. }));
}
