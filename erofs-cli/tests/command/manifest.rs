//! Manifests that other programs write, and those that they read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use testdata::skip::{Oracle, have};
use testdata::tools::program;

use crate::place::{PROGRAM, Place, Run, is_root};
use crate::refusal::refusal_of;

/// A folder `source` with names that formats escape.
fn source() -> Place {
    let place = Place::new();
    place.file("source/plain", "text\n".repeat(2000));
    place.file("source/a b/c#d", "x");
    place.file("source/a b/tab\tand\\slash", "");
    place.file("source/\u{e4}\n[*?]", "odd");
    place.folder("source/z/empty");
    symlink("a b/c#d", place.path("source/link")).expect("free");
    symlink("not here", place.path("source/z/to nothing")).expect("free");
    let fifo = Command::new("mkfifo").arg(place.path("source/z/fifo")).status();
    assert!(fifo.expect("is run").success());
    if is_root() {
        for (name, kind, minor) in [("null", "c", "3"), ("ram", "b", "260")] {
            let path = place.path("source").join(name);
            let made = Command::new("mknod").arg(path).args([kind, "1", minor]).status();
            assert!(made.expect("is run").success());
        }
    }
    place
}

/// Runs `program` in the place, and makes a file of its output.
fn output(place: &Place, program: impl AsRef<OsStr>, words: &[&str], file: &str) {
    let made = File::create(place.path(file)).expect("free");
    let mut command = Command::new(program);
    command.args(words).current_dir(place.root()).stdout(made).stderr(Stdio::inherit());
    assert!(command.status().expect("is run").success(), "{command:?}");
}

#[test]
fn what_bsdtar_lists_is_the_folder() {
    if !have(Oracle::Bsdtar) {
        return;
    }
    let place = source();
    let wanted = place.image("--quiet WANTED source", "WANTED");
    output(&place, "bsdtar", &["-cf", "-", "--format=mtree", "-C", "source", "."], "LIST");
    assert!(place.image("--quiet --manifest LIST IMG source", "IMG") == wanted);
    // With all keywords that it knows, and all values in /set where they are common.
    let words = ["-cf", "-", "--format=mtree", "--options=all,use-set,indent", "-C", "source", "."];
    output(&place, "bsdtar", &words, "ALL");
    assert!(fs::read_to_string(place.path("ALL")).expect("is text").contains("/set "));
    assert!(place.image("--quiet --manifest ALL IMG source", "IMG") == wanted);
    // Without a directory, contents lie beside the manifest, and from a stream in the
    // working directory.
    fs::copy(place.path("LIST"), place.path("source/LIST")).expect("there is room");
    assert!(place.image("--quiet --manifest source/LIST IMG", "IMG") == wanted);
    let mut command = Command::new("sh");
    let line = format!("{PROGRAM} --quiet --manifest - ../IMG2 < LIST");
    Run::of(command.current_dir(place.path("source")).args(["-c", &line])).succeeded();
    assert!(fs::read(place.path("IMG2")).expect("is there") == wanted);
    let flags = "-T0 --all-root --exclude-path=z -zlz4";
    let wanted =
        place.image(&format!("--quiet {flags} WANTED source --exclude-path=LIST"), "WANTED");
    assert!(place.image(&format!("--quiet {flags} --manifest LIST IMG source"), "IMG") == wanted);
}

#[test]
fn what_mtree_of_netbsd_lists_is_the_folder() {
    if !have(Oracle::Mtree) {
        return;
    }
    let place = source();
    let wanted = place.image("--quiet WANTED source", "WANTED");
    let keywords = "type,mode,uid,gid,time,size,link,device,nlink,sha256";
    // One form has paths and the other one names, where each directory is left by `..`.
    output(&place, "mtree", &["-c", "-k", keywords, "-p", "source"], "LIST");
    output(&place, "mtree", &["-C", "-k", keywords, "-f", "LIST"], "PATHS");
    for list in ["LIST", "PATHS"] {
        assert!(place.image(&format!("--quiet --manifest {list} IMG source"), "IMG") == wanted);
    }
}

#[test]
fn what_composefs_dumps_is_the_folder() {
    if !have(Oracle::Composefs) {
        return;
    }
    let place = source();
    place.file("source/z/more", "more than is stored in the image itself\n".repeat(3));
    // Without the program, or where it fails, the file has no attribute.
    let mut setfattr = Command::new("setfattr");
    setfattr.args(["-n", "user.odd = name", "-v", "0x0061203d5cff"]);
    let _ = setfattr.arg(place.path("source/plain")).status();
    let wanted = place.image("--quiet --fsverity-digests=DIGESTS WANTED source", "WANTED");
    let [make, info] =
        ["mkcomposefs", "composefs-info"].map(|name| program(name).expect("it is here"));
    let words = ["--digest-store=OBJECTS", "source", "COMPOSED"];
    output(&place, make, &words, "NOTHING");
    output(&place, info, &["dump", "COMPOSED"], "DUMP");
    assert!(place.image("--quiet --manifest DUMP IMG OBJECTS", "IMG") == wanted);
    // The digests are those by which it names its objects.
    let read = |name| fs::read_to_string(place.path(name)).expect("is text");
    let (dump, digests) = (read("DUMP"), read("DIGESTS"));
    let objects = dump.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        (fields[10] != "-").then(|| format!("{} {}", fields[0], fields[10]))
    });
    let objects: Vec<String> = objects.collect();
    assert_eq!(objects.len(), 2, "{dump}");
    for object in objects {
        assert!(digests.lines().any(|line| line == object), "{object} in {digests}");
    }
}

#[test]
fn a_pack_file_means_what_it_means_to_gensquashfs() {
    if !have(Oracle::Gensquashfs) || !is_root() {
        return;
    }
    let place = source();
    place.file(
        "PACK",
        "# a comment\ndir / 0711 1 2\ndir /dev 0755 0 0\nnod /dev/console 0600 0 5 c 5 1\n\
         nod /dev/ram 0660 0 6 b 1 260\nfile /bin/plain 04755 7 8 source/plain\n\
         file \"/opt/a \\\"b\\\"\" 0640 0 0 source/a b/c#d\nfile source/plain 0600 3 4\n\
         slink /l 0777 0 0 a target with spaces\nlink /hard 0 0 0 /bin/plain\n\
         pipe /run/p 0600 9 10\nsock /run/s 0600 0 0\n",
    );
    let mut gensquashfs = Command::new("gensquashfs");
    gensquashfs.args(["-q", "-F", "PACK", "-D", ".", "SQUASHED"]).current_dir(place.root());
    assert!(gensquashfs.env_remove("SOURCE_DATE_EPOCH").status().expect("is run").success());
    let mut rdsquashfs = Command::new("rdsquashfs");
    rdsquashfs.args(["-q", "-COT", "-u", "/", "-p", "unpacked", "SQUASHED"]);
    assert!(rdsquashfs.current_dir(place.root()).status().expect("is run").success());
    // It gives the root no metadata, and unpacks a hard link as a file of its own.
    fs::remove_file(place.path("unpacked/hard")).expect("is there");
    fs::hard_link(place.path("unpacked/bin/plain"), place.path("unpacked/hard")).expect("free");
    let mut root = Command::new("sh");
    root.args(["-c", "chown 1:2 unpacked && chmod 711 unpacked"]);
    assert!(root.current_dir(place.root()).status().expect("is run").success());
    let wanted = place.image("--quiet -T0 WANTED unpacked", "WANTED");
    assert!(place.image("--quiet -T0 --manifest PACK IMG .", "IMG") == wanted);
    assert!(place.image("--quiet -T0 --manifest PACK IMG", "IMG") == wanted, "beside it");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let place = source();
    place.file("PACK", "dir /a 0755 0 0\nfile /b 0644 0 0 source/gone\n");
    let found = refusal_of(&place, 1, "--manifest PACK IMG");
    assert!(found.starts_with("source/gone: cannot be read: "), "{found}");
    place.file("PACK", "dir /a 0755 0 0\nfile /b 0644 0 0 source/z\n");
    let found = refusal_of(&place, 1, "--manifest PACK IMG");
    assert_eq!(found, "source/z: cannot be read: not a regular file");
    place.file("PACK", "dir /a 0755 0 0\nfile /b 0644 0\n");
    let found = refusal_of(&place, 1, "--manifest PACK IMG");
    assert_eq!(found, "PACK: line 2: the gid is missing or wrong");
    let found = refusal_of(&place, 1, "--manifest PACK --manifest-format=composefs IMG");
    assert_eq!(found, "PACK: line 1: the line has too few fields");
    let found = refusal_of(&place, 2, "--manifest PACK --tar IMG");
    assert_eq!(found, "--manifest contradicts --tar");
    let found = refusal_of(&place, 2, "--manifest PACK IMG source other");
    assert!(found.starts_with("other: "), "{found}");
    place.file("PACK", "file /b 0644 0 0 source/plain\n");
    let run = place.run("--manifest PACK PACK");
    assert!(run.stderr.contains("would be part of its own source"), "{run:?}");
    let run = place.run("--manifest PACK source/plain");
    assert!(run.stderr.contains("would be part of its own source"), "{run:?}");
}

#[test]
fn a_dump_of_composefs_takes_contents_from_its_objects() {
    let place = Place::new();
    place.file("objects/ab/cdef", "an object\n");
    place.file(
        "DUMP",
        "/ 0 40755 2 0 0 0 1.2 - - -\n/inline 4 100644 1 0 0 0 3.4 - text -\n\
         /object 10 100600 1 5 6 0 7.8 ab/cdef - abcdef user.name=value\n\
         /hard 10 @100600 1 5 6 0 7.8 /object - -\n",
    );
    place.file("wanted/inline", "text");
    place.file("wanted/object", "an object\n");
    fs::hard_link(place.path("wanted/object"), place.path("wanted/hard")).expect("free");
    place.image("--quiet --manifest DUMP IMG objects", "IMG");
    let run = place.run("--list IMG");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{run:?}");
    let words = |line: &str| line.split_whitespace().take(5).collect::<Vec<_>>().join(" ");
    assert_eq!(words(lines[3]), "-rw------- 2 5 6 10", "{run:?}");
    place.run("--extract=OUT --no-same-owner IMG").succeeded();
    for name in ["inline", "object", "hard"] {
        let read = |folder: &str| fs::read(place.path(folder).join(name)).expect("is there");
        assert_eq!(read("OUT"), read("wanted"));
    }
    place.file("objects/ab/cdef", "another object\n");
    let _ = fs::remove_file(place.path("IMG"));
    let found = refusal_of(&place, 1, "--manifest DUMP IMG objects");
    assert_eq!(found, "DUMP: line 3: the contents should have 10 bytes, but have 15");
}
