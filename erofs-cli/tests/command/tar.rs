//! Tar archives: files and streams, compressed or not, and the lines with which
//! programs pass them to mkfs.erofs.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use testdata::archive::Archive;
use testdata::entry::{Compare, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, tools};

use crate::callers::{UUID, place};
use crate::place::{PROGRAM, Place, Run};
use crate::refusal::refusal_of;

/// A place with an archive, TAR, of its folder DIR.
pub(crate) fn place_with_archive() -> Place {
    let place = place();
    tar(&place, &["--format=posix", "--xattrs", "--sort=name"]);
    place
}

pub(crate) fn tar(place: &Place, options: &[&str]) {
    let mut tar = Command::new("tar");
    tar.current_dir(place.root()).args(options).args(["-cf", "TAR", "-C", "DIR", "."]);
    assert!(tar.status().expect("there is a tar").success());
}

/// Runs `program` with `bytes` on its standard input, by a pipe.
pub(crate) fn piped(place: &Place, program: &Path, line: &str, bytes: &[u8]) -> Run {
    let mut command = place.command_of(program);
    command.args(line.split_whitespace());
    fed(&mut command, bytes)
}

/// Runs `command` with `bytes` on its standard input, by a pipe.
pub(crate) fn fed(command: &mut Command, bytes: &[u8]) -> Run {
    let mut cat = Command::new("cat");
    let mut cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a cat");
    let (stdin, stdout) = (cat.stdin.take(), cat.stdout.take());
    command.stdin(stdout.expect("is a pipe"));
    let run = thread::scope(|scope| {
        scope.spawn(move || {
            // The reader may stop early; the test notices that.
            let _ = stdin.expect("is a pipe").write_all(bytes);
        });
        let run = Run::of(command);
        // Lets nobody wait for a reader.
        command.stdin(Stdio::null());
        run
    });
    cat.wait().expect("is ours");
    run
}

fn mounted(place: &Place) -> Snapshot {
    let mount = KernelMount::new(&place.path("IMG")).expect("is an image");
    let tree = host::snapshot(mount.path()).expect("is readable");
    fs::remove_file(place.path("IMG")).expect("was written");
    tree
}

/// Lines whose archive is on standard input, by caller.
const LINES: &[(&str, &str)] = &[
    ("wiplib", "--tar=f --force-uid=0 --force-gid=0 -T1 -U clear IMG"),
    ("containerd", "--tar=f --aufs --quiet -Enoinline_data -U {UUID} IMG"),
    (
        "containerd, layers of a fixed size",
        "--tar=f --aufs --quiet -Enoinline_data -b4096 -zlz4 -C 65536 -T0 --mkfs-time --sort=none -U {UUID} IMG",
    ),
    (
        "containerd of today",
        "--tar=f --aufs --quiet -Enoinline_data -b4096 -T0 --mkfs-time --sort=none -U {UUID} IMG",
    ),
    ("spin-stack", "--tar=f --aufs --quiet -Enoinline_data --sort=none -U {UUID} IMG"),
    ("apko, from a pipe", "-zlz4hc,level=1 -U {UUID} --mkfs-time -T 7 --tar=f IMG"),
];

#[test]
fn callers_archives_give_the_tree_that_mkfs_erofs_gives() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let place = place_with_archive();
    let archive = fs::read(place.path("TAR")).expect("was written");
    let peer = tools::program("mkfs.erofs").expect("is there");
    for (caller, line) in LINES {
        let line = line.replace("{UUID}", UUID);
        let [ours, theirs] = [Path::new(PROGRAM), &peer].map(|program| {
            let run = piped(&place, program, &line, &archive);
            assert_eq!(run.code(), Some(0), "{caller}: {run:?}");
            mounted(&place)
        });
        assert!(ours.len() > 5, "{caller}: {:?}", ours.keys());
        diff(&theirs, &ours, Compare::ALL).unwrap_or_else(|text| panic!("{caller}: {text}"));
    }
    let apko = format!("-zlz4hc,level=1 -U {UUID} --mkfs-time -T 7 --tar=f IMG TAR");
    place.run(&apko).succeeded();
    assert!(mounted(&place).len() > 5);
}

/// There the flag for hard links does nothing in this mode, so the image must be
/// the one that a folder gives.
#[test]
fn the_pipe_of_nixpkgs_gives_the_image_of_the_folder() {
    let place = place();
    let line = format!(
        "--quiet --force-uid=0 --force-gid=0 -L nix-store -U {UUID} -T 0 --hard-dereference"
    );
    tar(&place, &["--format=gnu", "--owner=7", "--sort=none"]);
    let archive = fs::read(place.path("TAR")).expect("was written");
    let run = piped(&place, Path::new(PROGRAM), &format!("{line} --tar=f IMG"), &archive);
    run.succeeded();
    let of_folder = place.image(&format!("{line} -x-1 FOLDER DIR"), "FOLDER");
    assert!(fs::read(place.path("IMG")).expect("was written") == of_folder, "images differ");
}

#[test]
fn the_form_of_an_archive_and_the_way_it_comes_change_nothing() {
    let place = place_with_archive();
    let archive = fs::read(place.path("TAR")).expect("was written");
    let line = format!("--quiet -U {UUID} --tar");
    let wanted = place.image(&format!("{line}=f IMG TAR"), "IMG");
    let same = |what: &str| {
        assert!(fs::read(place.path("IMG")).expect("was written") == wanted, "{what} differs");
        fs::remove_file(place.path("IMG")).expect("is mine");
    };
    same("itself");
    for (program, flag) in [
        ("gzip", "--ungzip"),
        ("gzip", "--gzip"),
        ("xz", "--unxz"),
        ("xz --format=lzma", "--unlzma"),
        ("lzip", "--unxz"),
        ("zstd", ""),
        ("cat", "--ungzip"),
    ] {
        let mut words = program.split(' ');
        let mut command = Command::new(words.next().expect("there is one"));
        let input = File::open(place.path("TAR")).expect("was written");
        let packed = command.args(words).stdin(input).output().expect("can be run").stdout;
        fs::write(place.path("PACKED"), &packed).expect("there is room");
        for flag in ["", flag] {
            place.run(&format!("{line} {flag} IMG PACKED")).succeeded();
            same(&format!("{program} {flag}"));
            piped(&place, Path::new(PROGRAM), &format!("{line} {flag} IMG"), &packed).succeeded();
            same(&format!("{program} {flag} by a pipe"));
        }
        if program != "cat" {
            let cut = &packed[..packed.len() * 3 / 4];
            let run = piped(&place, Path::new(PROGRAM), &format!("{line} IMG"), cut);
            assert_eq!(run.code(), Some(1), "{program}: {run:?}");
            assert!(run.stderr.starts_with("mkfs-erofs: standard input: "), "{}", run.stderr);
            assert!(!place.path("IMG").exists(), "{program}");
        }
    }
    // Streams of several pieces, each compressed by itself.
    for program in ["gzip", "xz", "lzip", "zstd"] {
        let (front, back) = archive.split_at(archive.len() / 3);
        let packed = [front, back].map(|piece| {
            fs::write(place.path("PIECE"), piece).expect("there is room");
            let input = File::open(place.path("PIECE")).expect("was written");
            Command::new(program).stdin(input).output().expect("can be run").stdout
        });
        fs::write(place.path("PACKED"), packed.concat()).expect("there is room");
        place.run(&format!("{line} IMG PACKED")).succeeded();
        same(&format!("{program} in pieces"));
    }
    let mut redirected = place.command();
    redirected.args(line.split(' ')).arg("IMG");
    redirected.stdin(File::open(place.path("TAR")).expect("was written"));
    Run::of(&mut redirected).succeeded();
    same("a redirected file");
    piped(&place, Path::new(PROGRAM), &format!("{line} IMG -"), &archive).succeeded();
    same("-");
}

#[test]
fn an_archive_that_is_cut_off_in_a_pipe_leaves_no_image() {
    let place = place_with_archive();
    let archive = fs::read(place.path("TAR")).expect("was written");
    for len in [100, 512, archive.len() / 2] {
        let run = piped(&place, Path::new(PROGRAM), "--quiet --tar IMG", &archive[..len]);
        assert_eq!(run.code(), Some(1), "{len}: {run:?}");
        assert!(run.stderr.contains("the archive is truncated"), "{len}: {}", run.stderr);
        assert_eq!(place.names("."), ["DIR", "TAR"], "{len}");
    }
}

#[test]
fn contents_of_a_stream_wait_where_tmpdir_says() {
    let place = place_with_archive();
    let mut command = place.command();
    command.args(["--tar", "IMG"]).env("TMPDIR", "no-such-folder");
    let run = fed(&mut command, &Archive::default().file("file", b"contents").finish());
    assert_eq!(run.code(), Some(1), "{run:?}");
    assert!(run.stderr.starts_with("mkfs-erofs: no-such-folder: "), "{}", run.stderr);
    // A file is read in place.
    let mut command = place.command();
    command.args(["--quiet", "--tar", "IMG", "TAR"]).env("TMPDIR", "no-such-folder");
    Run::of(&mut command).succeeded();
}

#[test]
fn excludes_and_whiteouts_of_archives_are_honoured() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::new();
    let archive = Archive::default()
        .dir("d")
        .file("d/.wh.hidden", b"")
        .file("d/.wh..wh..opq", b"")
        .file("d/kept", b"k")
        .file("left/out", b"o")
        .file("left/over", b"x");
    place.file("TAR", archive.finish());
    let names = |line: &str| -> Vec<String> {
        place.run(line).succeeded();
        let tree = mounted(&place);
        tree.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
    };
    let with = ["/", "/d", "/d/hidden", "/d/kept", "/left", "/left/over"];
    assert_eq!(names("--quiet --tar --aufs --exclude-path=left/out IMG TAR"), with);
    let regex = "--quiet --tar --aufs --ovlfs-strip --exclude-regex=^left IMG TAR";
    assert_eq!(names(regex), ["/", "/d", "/d/kept"]);
    place.run("--quiet --tar --aufs --ovlfs-strip=1 IMG TAR").succeeded();
    let tree = mounted(&place);
    assert!(tree.values().all(|entry| entry.xattrs.is_empty()), "{tree:?}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let place = place_with_archive();
    let refused = |line: &str| refusal_of(&place, 2, line);
    assert!(refused("--tar=headerball IMG TAR").contains("archives without contents"));
    assert!(refused("--tar=x IMG TAR").contains("use f for a full image, or i for an index"));
    assert!(refused("--tar=f,MAP IMG TAR").contains("a map of blocks is not written"));
    assert!(refused("--ungzip=COPY --tar IMG TAR").contains("a copy of the archive is not kept"));
    assert!(refused("--sort=size --tar IMG TAR").contains("'size'"));
    assert!(refused("--ovlfs-strip=2 IMG DIR").contains("must be 0 or 1"));
    assert!(refused("--tar --store-paths LIST IMG").contains("--store-paths"));
    let message = refusal_of(&place, 1, "--tar --unxz IMG TAR");
    assert_eq!(message, "TAR: cannot be read: is not compressed, and --unxz says otherwise");
    assert!(refusal_of(&place, 1, "--tar IMG DIR").starts_with("DIR: cannot be read: "));
    assert!(refusal_of(&place, 1, "--tar IMG nowhere").starts_with("nowhere: cannot be read: "));
    // --aufs works for directories, too.
    let run = place.run("--aufs --sort=none --ungzip --unxz IMG DIR");
    assert_eq!(run.code(), Some(0));
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
}
