//! The view of the host that fakeroot and pseudo give, trees deeper than a
//! path, few descriptors and threads, and calls that are interrupted.

use std::fs;
use std::path::Path;
use std::process::Command;

use testdata::entry::{Kind, Snapshot};

use crate::place::{PROGRAM, Place, Run};

/// Whether there is such a program; if not, that is said.
fn have(program: &str) -> bool {
    let found = testdata::tools::program(program);
    if let Err(why) = &found {
        use std::io::Write as _;
        let required = std::env::var_os("EROFS_ORACLES").is_some_and(|value| value == "required");
        assert!(!required, "EROFS_ORACLES=required, but {why}");
        // Unlike the macros, this is not captured.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {program}: {why}");
    }
    found.is_ok()
}

fn read(place: &Place) -> Snapshot {
    testdata::reader::snapshot(&place.path("IMG"), &[]).expect("is an image")
}

/// The image has the tree as `shell` makes it under `wrapper`.
fn what_is_faked_comes_through(wrapper: &str, arguments: &[&str]) {
    if !have(wrapper) || !have("setfattr") {
        return;
    }
    let place = Place::with_source();
    place.folder("state");
    let script = "
        chown 7:8 source/b && chmod 4711 source/b && mknod source/a/dev c 1 5 &&
        setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 source/b &&
        setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 source/a &&
        ln -s file source/a/link && \"$0\" --quiet IMG source";
    let mut command = place.command_of(wrapper);
    command.args(arguments).args(["sh", "-c", script, PROGRAM]);
    command.env("PSEUDO_PREFIX", "/usr").env("PSEUDO_LOCALSTATEDIR", place.path("state"));
    let run = Run::of(&mut command);
    // pseudo may have something to say as well.
    assert_eq!(run.code(), Some(0), "{run:?}");
    let tree = read(&place);
    let capability = [&[1, 0, 0, 2, 0, 0x20][..], &[0; 14]].concat();
    let file = &tree[&b"/b"[..]];
    assert_eq!((file.uid, file.gid, file.mode & 0o7777), (7, 8, 0o4711));
    for path in ["/a", "/b"] {
        let xattrs = &tree[path.as_bytes()].xattrs;
        assert_eq!(xattrs.get(&b"security.capability"[..]), Some(&capability), "{path}");
    }
    let device = &tree[&b"/a/dev"[..]];
    assert_eq!((device.kind, device.rdev), (Kind::CharDevice, (1, 5)));
    assert_eq!(tree[&b"/a/link"[..]].link_target, b"file");
}

#[test]
fn what_fakeroot_fakes_comes_through() {
    what_is_faked_comes_through("fakeroot", &[]);
}

#[test]
fn what_pseudo_fakes_comes_through() {
    what_is_faked_comes_through("pseudo", &[]);
}

/// Makes directories, one in the other, and a file in the last.
fn deep(place: &Place, levels: usize, name: &str) {
    let script = format!(
        "import os
os.mkdir('deep'); os.chdir('deep')
for _ in range({levels}):
    os.mkdir('{name}'); os.chdir('{name}')
open('file', 'w').write('at the end')"
    );
    let made = place.command_of("python3").args(["-c", &script]).status();
    assert!(made.expect("there is a python3").success());
}

fn remove(path: &Path) {
    assert!(Command::new("rm").arg("-rf").arg(path).status().expect("there is an rm").success());
}

#[test]
fn trees_deeper_than_a_path_are_packed_with_few_descriptors() {
    if !have("python3") {
        return;
    }
    for (levels, name) in [(1000, "n".repeat(200)), (2000, "d".to_owned())] {
        let place = Place::new();
        deep(&place, levels, &name);
        let mut command = place.command_of("sh");
        command.args(["-c", "ulimit -n 64; exec \"$0\" --quiet IMG deep", PROGRAM]);
        let run = Run::of(&mut command);
        remove(&place.path("deep"));
        run.succeeded();
        let image = fs::read(place.path("IMG")).expect("was written");
        assert!(image.windows(10).any(|bytes| bytes == b"at the end"));
    }
}

#[test]
fn an_image_is_made_without_a_thread_to_spare() {
    if !have("prlimit") {
        return;
    }
    let place = Place::with_source();
    let expected = place.image("-T0 --all-root -zlz4 IMG source", "IMG");
    fs::set_permissions(place.root(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .expect("is mine");
    let program = place.path("mkfs-erofs");
    drop(place.command_of_nobody());
    let program = if program.exists() { program } else { PROGRAM.into() };
    for limit in [1, 2, 4] {
        let mut command = place.command_of("prlimit");
        command.arg(format!("--nproc={limit}")).arg(&program);
        command.args(["-T0", "--all-root", "-zlz4", "--quiet", "NEW", "source"]);
        if crate::place::is_root() {
            // A user that no other test is.
            std::os::unix::process::CommandExt::uid(&mut command, 54_321);
        }
        Run::of(&mut command).succeeded();
        assert!(fs::read(place.path("NEW")).expect("was written") == expected, "{limit}");
        fs::remove_file(place.path("NEW")).expect("is there");
    }
}

/// Every other call fails as if a signal had come.
#[test]
fn interrupted_calls_are_done_again() {
    if !have("strace") {
        return;
    }
    let place = Place::with_source();
    for number in 0..100 {
        place.file(&format!("source/many/{number}"), "x".repeat(number * 100 + 1));
    }
    let expected = place.image("-T0 IMG source", "IMG");
    for call in ["openat", "pread64", "newfstatat", "fstat", "getdents64", "pwrite64", "fallocate"]
    {
        let mut command = place.command_of("strace");
        // Calls of the loader before that do not count; on this path it looks for many files.
        command.env_remove("LD_LIBRARY_PATH");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
        command.arg(format!("inject={call}:error=EINTR:when=30+2"));
        command.args([PROGRAM, "-T0", "--workers=1", "--quiet", "NEW", "source"]);
        let run = Run::of(&mut command);
        assert_eq!((run.code(), run.stderr.as_str()), (Some(0), ""), "{call}: {run:?}");
        assert!(fs::read(place.path("NEW")).expect("was written") == expected, "{call}");
    }
}
