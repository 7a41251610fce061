//! SELinux labels: those of a file of contexts, against mkfs.erofs, which asks
//! libselinux, and read back by every reader.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use testdata::entry::{Compare, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, reader, tools};

use crate::place::{PROGRAM, Place, Run, is_root};
use crate::refusal::refusal_of;

/// A policy as distributions have them, in small: general lines first, types of
/// files, single paths, exceptions, and what regular expressions are used for.
const CONTEXTS: &str = r"# A policy.
/.*                                  system_u:object_r:default_t:s0
/                           -d       system_u:object_r:root_t:s0
/[^/]+                      --       system_u:object_r:etc_runtime_t:s0
/bin(/.*)?                           system_u:object_r:bin_t:s0
/etc(/.*)?                           system_u:object_r:etc_t:s0
/etc/passwd[-\+]?           --       system_u:object_r:passwd_file_t:s0
/etc/shadow.*               --       system_u:object_r:shadow_t:s0
/etc/rc\.d/init\.d/.*       --       system_u:object_r:initrc_exec_t:s0
/etc/issue                           <<none>>
/usr(/.*)?                           system_u:object_r:usr_t:s0
/usr/bin(/.*)?                       system_u:object_r:bin_t:s0
/usr/bin/(su|sudo)          --       system_u:object_r:su_exec_t:s0
/usr/lib(/.*)?                       system_u:object_r:lib_t:s0
/usr/lib/.+\.so(\.[^/]*)*   --       system_u:object_r:textrel_t:s0
/usr/(.*/)?games(/.*)?               system_u:object_r:games_t:s0
/usr/share/man(/.*)?                 system_u:object_r:man_t:s0
/usr/share/(?:doc|info)/.*?\d  --    system_u:object_r:doc_t:s0:c1
/dev/[shv]d[a-z][0-9]*      -b       system_u:object_r:disk_t:s0
/dev/null                   -c       system_u:object_r:null_t:s0
/dev/log                    -s       system_u:object_r:devlog_t:s0
/dev/initctl                -p       system_u:object_r:initctl_t:s0
/dev/stdin                  -l       system_u:object_r:device_t:s0
/dev/.*                     -b       <<none>>
/vendor/usr/bin(/.*)?                system_u:object_r:vendor_t:s0
/tmp/.*                              <<none>>
/tmp                        -d       system_u:object_r:tmp_t:s0
/opt/\[a\]\.x                        system_u:object_r:literal_t:s0
";

/// A tree for each line of it, DIR, and the policy, FC, with its companions.
fn place() -> Place {
    let place = Place::new();
    place.file("FC", CONTEXTS);
    place.file("FC.local", "/srv/local.* system_u:object_r:local_t:s0\n");
    place.file("FC.homedirs", "/home/[^/]+/.+ unconfined_u:object_r:home_t:s0\n");
    place.file("FC.subs_dist", "/lib /usr/lib\n/usr/lib64 /usr/lib\n");
    for file in [
        "bin/sh",
        "etc/passwd",
        "etc/passwd-",
        "etc/shadow.old",
        "etc/rc.d/init.d/boot",
        "etc/issue",
        "etc/issue.net",
        "usr/bin/su",
        "usr/bin/sudo",
        "usr/bin/sum",
        "usr/lib/libc.so",
        "usr/lib/libc.so.6",
        "usr/lib/a.soft",
        "usr/lib64/libm.so.6",
        "lib/x/libz.so",
        "usr/games/nethack",
        "usr/local/games/x",
        "usr/mygames",
        "usr/share/man/man1/su.1",
        "usr/share/doc/chapter1",
        "usr/share/doc/chapter",
        "usr/share/info/a/b2",
        "autorelabel",
        "srv/local.conf",
        "srv/other",
        "home/me/.profile",
        "tmp/file",
        "opt/[a].x",
        "opt/a.x",
        "\u{e4}/\u{fc}",
    ] {
        place.file(&format!("DIR/{file}"), file);
    }
    for folder in ["tmp/dir", "home/you", "dev"] {
        place.folder(&format!("DIR/{folder}"));
    }
    symlink("/proc/self/fd/0", place.path("DIR/dev/stdin")).expect("free");
    symlink("su", place.path("DIR/usr/bin/alias")).expect("free");
    fs::hard_link(place.path("DIR/usr/bin/sum"), place.path("DIR/usr/bin/sum2")).expect("free");
    if is_root() {
        for (name, kind) in
            [("sda1", "b 8 1"), ("loop0", "b 7 0"), ("null", "c 1 3"), ("initctl", "p")]
        {
            let mut mknod = Command::new("mknod");
            mknod.arg(place.path(&format!("DIR/dev/{name}"))).args(kind.split(' '));
            assert!(mknod.status().expect("there is a mknod").success(), "{name}");
        }
    }
    drop(std::os::unix::net::UnixListener::bind(place.path("DIR/dev/log")).expect("free"));
    place
}

/// The labels of a tree by path.
fn labels(tree: &Snapshot) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    tree.iter()
        .filter_map(|(path, entry)| {
            Some((text(path), text(entry.xattrs.get(&b"security.selinux"[..])?)))
        })
        .collect()
}

fn mounted(image: &Path) -> Snapshot {
    let mount = KernelMount::new(image).expect("is an image");
    host::snapshot(mount.path()).expect("is readable")
}

/// Where libselinux, asked by mkfs.erofs, says the same.
#[test]
fn labels_are_those_of_mkfs_erofs() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    let peer = tools::program("mkfs.erofs").expect("is there");
    for line in [
        "--file-contexts=FC --all-root -T 0 IMG DIR",
        "--file-contexts FC -x 0 -T 0 IMG DIR",
        "--file-contexts=FC --mount-point=/vendor -T 0 IMG DIR",
        "--file-contexts=FC --mount-point usr/ -T 0 IMG DIR",
        "--file-contexts=FC --mount-point=/ -T 0 --exclude-path=usr/bin IMG DIR",
        "--file-contexts=FC --all-root -T 7 -z lz4hc,12 -C 262144 IMG DIR",
    ] {
        let [ours, theirs] = [Path::new(PROGRAM), &peer].map(|program| {
            let run = Run::of(place.command_of(program).args(line.split(' ')));
            assert_eq!(run.code(), Some(0), "{line}: {run:?}");
            mounted(&place.path("IMG"))
        });
        assert!(labels(&ours).len() > 20, "{line}: {:?}", labels(&ours));
        diff(&theirs, &ours, Compare::ALL).unwrap_or_else(|text| panic!("{line}: {text}"));
    }
}

#[test]
fn every_reader_finds_the_labels() {
    let place = place();
    place.run("--quiet --file-contexts=FC -T0 IMG DIR").succeeded();
    let image = place.path("IMG");
    let found = labels(&reader::snapshot(&image, &[]).expect("is readable"));
    for (path, label) in [
        ("/", "root_t:s0"),
        ("/autorelabel", "etc_runtime_t:s0"),
        ("/etc", "etc_t:s0"),
        ("/etc/passwd-", "passwd_file_t:s0"),
        ("/usr/bin/alias", "bin_t:s0"),
        ("/usr/bin/sudo", "su_exec_t:s0"),
        ("/usr/lib64/libm.so.6", "textrel_t:s0"),
        ("/usr/local/games/x", "games_t:s0"),
        ("/usr/mygames", "usr_t:s0"),
        ("/usr/share/doc/chapter1", "doc_t:s0:c1"),
        ("/dev/log", "devlog_t:s0"),
        ("/dev/stdin", "device_t:s0"),
        ("/opt/[a].x", "literal_t:s0"),
        ("/srv/local.conf", "local_t:s0"),
        ("/tmp", "tmp_t:s0"),
    ] {
        assert_eq!(found[path], format!("system_u:object_r:{label}"), "{path}");
    }
    assert_eq!(found["/home/me/.profile"], "unconfined_u:object_r:home_t:s0");
    for path in ["/etc/issue", "/tmp/file", "/tmp/dir"] {
        assert!(!found.contains_key(path), "{path}: {found:?}");
    }
    if have(Oracle::KernelMount) {
        assert_eq!(labels(&mounted(&image)), found);
    }
    // A label with this name is another's business where SELinux runs.
    if have(Oracle::Fsck) && is_root() {
        let extracted = tools::extracted_snapshot(&image, &[]).expect("can be extracted");
        assert_eq!(labels(&extracted), found);
    }
}

/// A label that many inodes have is stored once, and the same input gives the
/// same bytes wherever it comes from.
#[test]
fn labels_are_shared_and_the_same_from_every_source() {
    let place = Place::new();
    place.file("FC", "/.* system_u:object_r:a_label_that_is_stored_once_t:s0\n");
    for number in 0..300 {
        place.file(&format!("DIR/file{number}"), "x");
    }
    let line = "--quiet -T0 --all-root --file-contexts=FC -Uclear";
    let image = place.image(&format!("{line} IMG DIR"), "IMG");
    let times = |text: &[u8]| image.windows(text.len()).filter(|bytes| *bytes == text).count();
    assert_eq!(times(b"a_label_that_is_stored_once_t:s0"), 1);
    let tar = ["-cf", "TAR", "--sort=name", "--mode=u=rwX,go=rX", "-C", "DIR", "."];
    let mut packed = Command::new("tar");
    assert!(packed.current_dir(place.root()).args(tar).status().expect("is there").success());
    let of_tar = place.image(&format!("{line} --tar=f IMG2 TAR"), "IMG2");
    let found = |image: &str| labels(&reader::snapshot(&place.path(image), &[]).expect("is good"));
    assert_eq!(found("IMG").len(), 301);
    assert_eq!(found("IMG2"), found("IMG"));
    assert_eq!(of_tar.len(), image.len());

    place.file("LIST", format!("{}\n", place.path("DIR").display()));
    place.file("FC", "/nix/store/DIR/.*1 one\n/nix/store/[^/]+ two\n/nix/store three\n");
    let store = "--quiet --store-paths LIST --file-contexts=FC --mount-point=/nix/store IMG3";
    place.run(store).succeeded();
    let found = found("IMG3");
    assert_eq!((&*found["/"], &*found["/DIR"], &*found["/DIR/file1"]), ("three", "two", "one"));
    assert!(!found.contains_key("/DIR/file2"));
}

/// Where the policy has no label for a path the host's does not count either.
#[test]
fn labels_of_the_host_do_not_count() {
    let place = Place::with_source();
    let set = |name: &str, path: &str| {
        let mut setfattr = Command::new("setfattr");
        let words = ["-n", name, "-v", "of-the-host"];
        setfattr.args(words).arg(place.path(path)).status().is_ok_and(|status| status.success())
    };
    if !is_root() || !set("security.selinux", "source/a") || !set("security.selinux", "source/b") {
        return;
    }
    assert!(set("trusted.other", "source/b"));
    place.file("FC", "/a(/.*)? of-the-policy\n");
    let snapshot = |line: &str| {
        place.run(line).succeeded();
        reader::snapshot(&place.path("IMG"), &[]).expect("is an image")
    };
    let found = labels(&snapshot("--quiet IMG source"));
    assert_eq!(found["/b"], "of-the-host");
    let tree = snapshot("--quiet --file-contexts=FC IMG source");
    let found = labels(&tree);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["/a", "/a/file"]);
    assert!(found.values().all(|label| label == "of-the-policy"));
    assert_eq!(tree[&b"/b"[..]].xattrs[&b"trusted.other"[..]], b"of-the-host");
}

#[test]
fn contexts_that_cannot_be_used_are_refused_by_file_and_line() {
    let place = Place::with_source();
    place.file("BAD", "/a(/.*)? t\n/(a)\\1 t\n");
    place.file("BIN", b"\xf9\x7c\xff\x8a\0\0\0\x05");
    place.file("GOOD", "/a t\n");
    place.file("GOOD.subs", "/a\n");
    for (file, message) in [
        ("BAD", "BAD: line 2: byte 4 of the pattern: backreferences are not supported"),
        ("BIN", "BIN: line 1: is a compiled file; the text from which it was made is needed"),
        ("GOOD", "GOOD.subs: line 1: a second word is missing"),
        ("NONE", "NONE: cannot be read: No such file or directory (os error 2)"),
    ] {
        let found = refusal_of(&place, 1, &format!("--file-contexts={file} IMG source"));
        assert_eq!(found, message);
    }
    let line = "--file-contexts=GOOD -x-1 IMG source";
    assert_eq!(refusal_of(&place, 2, line), "--file-contexts=GOOD contradicts -x -1");
}

/// Thousands of lines, as many as a distribution has, against every path that they are
/// for.
#[test]
fn a_policy_of_thousands_of_lines_gives_the_labels_of_mkfs_erofs() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::new();
    let mut contexts = String::from("/.* default\n");
    for number in 0..3000_u32 {
        // Spread evenly, and the same each time.
        let word = format!("{:06x}", number.wrapping_mul(0x9e37_79b9) >> 8);
        let folder = ["usr/bin", "usr/lib", "etc", "var/lib"][usize::from(word.as_bytes()[0] % 4)];
        let (pattern, path) = match number % 6 {
            0 => (format!("/{folder}/{word}(/.*)?"), format!("{folder}/{word}/a/b")),
            1 => (format!("/{folder}/[^/]*{word}\\.so"), format!("{folder}/lib{word}.so")),
            2 => (format!("/{folder}(/.*)?/{word}\t--"), format!("{folder}/deep/{word}")),
            3 => (format!("/({folder}|opt)/{word}.*"), format!("opt/{word}x")),
            4 => (format!("/{folder}/{word}"), format!("{folder}/{word}")),
            _ => (format!("/(.*/)?{word}[0-9]+"), format!("some/where/{word}7")),
        };
        contexts.push_str(&format!("{pattern}\tl{number}\n"));
        if number % 3 == 0 {
            place.file(&format!("DIR/{path}"), "");
        }
    }
    place.file("FC", contexts);
    let peer = tools::program("mkfs.erofs").expect("is there");
    let [ours, theirs] = [Path::new(PROGRAM), &peer].map(|program| {
        let line = "--quiet -T0 --file-contexts=FC IMG DIR";
        let run = Run::of(place.command_of(program).args(line.split(' ')));
        assert_eq!(run.code(), Some(0), "{run:?}");
        labels(&mounted(&place.path("IMG")))
    });
    let different = ours.values().collect::<std::collections::BTreeSet<_>>().len();
    assert!(different > 900, "{different}");
    assert_eq!(ours, theirs);
}
