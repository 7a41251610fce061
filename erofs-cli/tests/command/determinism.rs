//! The same image whatever surrounds the run: one list of surroundings, each
//! tried on a directory and on a list of store paths.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use testdata::digest::Digest;
use testdata::host;
use testdata::skip::{Oracle, have};

use crate::disks::Volume;
use crate::place::{PROGRAM, Place, Run};

/// The source, below `store`, and the list of its store paths.
fn place() -> Place {
    let place = Place::new();
    for number in 0..200 {
        place.file(&format!("store/a-many/{number}"), format!("{}\n", number / 2).repeat(number));
    }
    place.file("store/b-large", (0..700_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    place.file("store/c-same/one", "the same bytes".repeat(1000));
    place.file("store/d-same/two", "the same bytes".repeat(1000));
    place.folder("store/e-empty");
    symlink("/nix/store/b-large", place.path("store/f-link")).expect("free");
    let odd = place.path("store/c-same").join(OsStr::from_bytes(b"\xc3\x28 \x01~B"));
    fs::write(odd, "a name that is no text").expect("there is room");
    for name in ["B", "a", "_", "A"] {
        place.file(&format!("store/g-case-{name}/{name}"), name);
    }
    let hole = File::create(place.path("store/h-hole")).expect("there is room");
    hole.set_len(1 << 20).and_then(|()| hole.write_all_at(b"end", 500_000)).expect("there is room");
    for (path, mode) in [("store", 0o755), ("store/c-same/one", 0o555), ("store/e-empty", 0o711)] {
        fs::set_permissions(place.path(path), Permissions::from_mode(mode)).expect("is mine");
    }
    let names = place.names("store");
    place.file("list", names.iter().map(|n| format!("/nix/store/{n}\n")).collect::<String>());
    // Whole seconds, which every file system keeps.
    for path in host::snapshot(&place.path("store")).expect("is readable").keys() {
        let path = host::host_path(&place.path("store"), path);
        let touched = Command::new("touch").args(["-h", "-d@1234567890"]).arg(path).status();
        assert!(touched.expect("there is a touch").success());
    }
    place
}

/// How the two sorts of sources are packed. The paths may be replaced.
const MODES: [&[&str]; 3] = [
    &["IMG", "store"],
    &["--store-paths", "list", "IMG", "store"],
    &["-T7", "-Uclear", "--chunksize=8192", "IMG", "store"],
];

fn image(place: &Place, command: &mut Command) -> Digest {
    Run::of(command).succeeded();
    let image = fs::read(place.path("IMG")).expect("was written");
    fs::remove_file(place.path("IMG")).expect("was written");
    Digest::of(&image)
}

fn words(place: &Place, words: &[&str]) -> Digest {
    image(place, place.command().args(words))
}

/// Checks that each mode gives the same image as in the usual surroundings.
fn same(place: &Place, what: &str, run: impl Fn(&[&str]) -> Digest) {
    for mode in MODES {
        assert!(run(mode) == words(place, mode), "{what} changes {mode:?}");
    }
}

#[test]
fn surroundings_do_not_matter() {
    let place = place();
    for (name, value) in [
        ("TZ", "Asia/Kathmandu"),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "C"),
        ("LC_ALL", "POSIX"),
        ("RAYON_NUM_THREADS", "1"),
        ("RAYON_NUM_THREADS", "7"),
        ("RAYON_NUM_THREADS", "nonsense"),
        ("TMPDIR", "/nonexistent"),
        ("HOME", "/nonexistent"),
        ("COLUMNS", "3"),
        ("RUST_BACKTRACE", "full"),
    ] {
        let run = |mode: &[&str]| image(&place, place.command().args(mode).env(name, value));
        same(&place, &format!("{name}={value}"), run);
    }
    let run = |mode: &[&str]| image(&place, place.command().args(mode).env_clear());
    same(&place, "no environment at all", run);
}

#[test]
fn the_umask_and_closed_files_do_not_matter() {
    let place = place();
    for script in ["umask 0", "umask 077", "umask 0777", "exec <&-", "ulimit -n 64"] {
        let script = format!("{script}; exec \"$0\" \"$@\"");
        let run = |mode: &[&str]| {
            let mut shell = place.command_of("/bin/sh");
            image(&place, shell.args(["-c", &script, PROGRAM]).args(mode))
        };
        same(&place, &script, run);
    }
}

#[test]
fn the_number_of_workers_does_not_matter() {
    let place = place();
    for workers in ["1", "2", "3", "8", "64"] {
        let flag = format!("--workers={workers}");
        same(&place, &flag, |mode| words(&place, &[&[flag.as_str()], mode].concat()));
    }
}

#[test]
fn the_way_paths_are_written_does_not_matter() {
    let place = place();
    let absolute = |word: &&str| match *word {
        "IMG" | "store" | "list" => place.path(word).display().to_string(),
        other => other.to_owned(),
    };
    let from = |folder: &Path, mode: &[&str]| {
        let words: Vec<String> = mode.iter().map(absolute).collect();
        image(&place, place.command().current_dir(folder).args(words))
    };
    same(&place, "absolute paths", |mode| from(place.root(), mode));
    same(&place, "another folder", |mode| from(Path::new("/"), mode));
    same(&place, "the source itself", |mode| {
        let relative = |word: &&str| match *word {
            "store" => ".".to_owned(),
            "IMG" | "list" => format!("../{word}"),
            other => other.to_owned(),
        };
        let words: Vec<String> = mode.iter().map(relative).collect();
        image(&place, place.command().current_dir(place.path("store")).args(words))
    });
    symlink("store", place.path("shortcut")).expect("free");
    for source in ["store/", "./store/.", "store/../store", "shortcut", "shortcut/"] {
        same(&place, source, |mode| {
            let replaced = |word: &&str| if *word == "store" { source } else { *word }.to_owned();
            let words: Vec<String> = mode.iter().map(replaced).collect();
            image(&place, place.command().args(words))
        });
    }
}

#[test]
fn the_order_and_the_form_of_the_list_do_not_matter() {
    let place = place();
    let expected = words(&place, MODES[1]);
    let names = place.names("store");
    let backwards = names.iter().rev().map(|name| format!("/nix/store/{name}"));
    let twice = names.iter().chain(&names).map(|name| format!("/nix/store/{name}/"));
    let here = names.iter().map(|name| format!("{}/{name}", place.path("store").display()));
    let backwards: Vec<String> = backwards.collect();
    place.file("list", backwards.join("\r\n"));
    assert!(words(&place, MODES[1]) == expected);
    place.file("list", twice.collect::<Vec<_>>().join("\n\n"));
    assert!(words(&place, MODES[1]) == expected);
    place.file("list", here.map(|path| path + "\n").collect::<String>());
    assert!(words(&place, &["--store-paths", "list", "IMG"]) == expected);
    let list = File::open(place.path("list")).expect("is there");
    let mut piped = place.command();
    piped.args(["IMG", "--store-paths", "-"]).stdin(Stdio::from(list));
    assert!(image(&place, &mut piped) == expected);
}

#[test]
fn the_epoch_of_the_environment_matters_only_where_files_keep_their_times() {
    let place = place();
    for epoch in ["0", "", "1", "1700000000"] {
        let run = |mode: &[&str]| {
            image(&place, place.command().args(mode).env("SOURCE_DATE_EPOCH", epoch))
        };
        assert!(run(MODES[1]) == words(&place, MODES[1]), "SOURCE_DATE_EPOCH={epoch}");
    }
    let mut command = place.command();
    command.args(MODES[0]).env("SOURCE_DATE_EPOCH", "1");
    assert!(image(&place, &mut command) != words(&place, MODES[0]), "as with mkfs.erofs");
}

/// The source with `copy` done to it instead.
fn of_copy(place: &Place, copy: &Path, mode: &[&str]) -> Digest {
    let replaced = |word: &&str| {
        if *word == "store" { copy.as_os_str() } else { OsStr::new(*word) }.to_owned()
    };
    let words: Vec<_> = mode.iter().map(replaced).collect();
    image(place, place.command().args(words))
}

#[test]
fn the_file_system_of_the_source_does_not_matter() {
    let place = place();
    let mut volumes = Vec::new();
    if have(Oracle::KernelMount) {
        volumes.extend(Volume::tmpfs("size=64m"));
        volumes.extend(Volume::ext4(64 << 20));
        volumes.extend(Volume::btrfs(128 << 20));
    }
    let folders: Vec<&Path> = volumes.iter().map(Volume::path).chain([place.root()]).collect();
    for folder in folders {
        // The options treat the hole in different ways.
        for sparse in ["--sparse=always", "--sparse=never"] {
            let copy = folder.join("copy");
            let mut cp = Command::new("cp");
            cp.args(["-a", "--reflink=auto", sparse]).arg(place.path("store")).arg(&copy);
            assert!(cp.status().expect("there is a cp").success());
            let what = format!("{} {sparse}", folder.display());
            same(&place, &what, |mode| of_copy(&place, &copy, mode));
            fs::remove_dir_all(&copy).expect("is mine");
        }
    }
}

#[test]
fn the_order_in_which_files_were_made_does_not_matter() {
    let place = place();
    let tree = host::snapshot(&place.path("store")).expect("is readable");
    let (source, copy) = (place.path("store"), place.path("copy"));
    // Folders from the outside in, everything else from the last to the first.
    for (path, entry) in &tree {
        if entry.kind == testdata::entry::Kind::Directory {
            fs::create_dir(host::host_path(&copy, path)).expect("free");
        }
    }
    let mut files: Vec<_> = tree.keys().collect();
    files.reverse();
    for path in files {
        let (from, to) = (host::host_path(&source, path), host::host_path(&copy, path));
        if from.is_symlink() || from.is_file() {
            let mut cp = Command::new("cp");
            assert!(cp.arg("-a").arg(from).arg(to).status().expect("there is a cp").success());
        } else {
            let mut touch = Command::new("touch");
            touch.args(["-h", "-d@1234567890"]);
            assert!(touch.arg(&to).status().expect("there is a touch").success());
            let mode = fs::metadata(from).expect("is there").permissions();
            fs::set_permissions(to, mode).expect("is mine");
        }
    }
    same(&place, "another order", |mode| of_copy(&place, &copy, mode));
}

#[test]
fn hard_links_between_store_paths_do_not_matter() {
    let place = place();
    let copied = words(&place, MODES[1]);
    let kept = words(&place, MODES[0]);
    let dereferenced = [&["--hard-dereference"], MODES[0]].concat();
    let (one, two) = (place.path("store/c-same/one"), place.path("store/d-same/two"));
    fs::set_permissions(&two, Permissions::from_mode(0o555)).expect("is mine");
    let apart = words(&place, MODES[1]);
    assert!(apart != copied, "permissions are content");
    // As `nix-store --optimise` does it.
    fs::remove_file(&two).and_then(|()| fs::hard_link(&one, &two)).expect("one file system");
    for path in ["store/d-same", "store/c-same"] {
        let mut touch = Command::new("touch");
        touch.args(["-d@1234567890"]).arg(place.path(path));
        assert!(touch.status().expect("there is a touch").success());
    }
    assert!(words(&place, MODES[1]) == apart, "linked or copied, it is one image");
    assert!(words(&place, MODES[0]) != kept, "elsewhere links are content");
    assert!(words(&place, &dereferenced) != words(&place, MODES[0]), "unless told otherwise");
}

#[test]
fn owners_times_and_attributes_of_the_host_do_not_matter_in_a_store() {
    let place = place();
    let expected = words(&place, MODES[1]);
    let touch = ["-h", "-d", "2021-03-04 05:06:07.89"];
    for path in ["store/a-many/7", "store/b-large", "store/e-empty", "store/f-link", "store"] {
        let mut command = Command::new("touch");
        assert!(command.args(touch).arg(place.path(path)).status().expect("runs").success());
    }
    let large = place.path("store/b-large");
    // Where the file system has no attributes, or we are not root, there is
    // that much less to leave out.
    for words in [&["chown", "-h", "17:18"][..], &["setfattr", "-n", "user.x", "-v", "y"]] {
        let _ = Command::new(words[0]).args(&words[1..]).arg(&large).output();
    }
    fs::set_permissions(place.path("store"), Permissions::from_mode(0o1775)).expect("is mine");
    assert!(words(&place, MODES[1]) == expected);
}
