//! A store as a machine uses it: packed from a list, mounted by its label, a
//! program run from it, and written to through an overlay.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use testdata::entry::{Compare, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, tools, trees};

use crate::disks::{Disk, Mounted};
use crate::place::Place;

/// A small store of programs of this machine in `store`, and the list of its
/// paths. They find each other below /nix/store alone, as in a real one.
struct Store {
    place: Place,
    /// The path, below the store, of a program that prints its arguments.
    tool: String,
}

/// The store path of the package with the number and name.
fn named(number: u32, name: &str) -> String {
    format!("{number:0>32}-{name}")
}

impl Store {
    fn new() -> Self {
        let place = Place::new();
        let (libc, shell, script) = (named(1, "libc"), named(2, "shell"), named(3, "greeting"));
        let loader = Store::libraries(&place, &format!("store/{libc}/lib"));
        for program in ["sh", "cat", "ls"] {
            let to = format!("store/{shell}/bin/{program}");
            place.file(&to, fs::read(format!("/bin/{program}")).expect("every machine has one"));
            Store::executable(&place, &to);
        }
        // The programs are not built for this store, so that the loader is
        // called by name, as a wrapper of Nixpkgs would.
        let tool = format!("{script}/bin/greet");
        let libraries = format!("--library-path /nix/store/{libc}/lib");
        let run = |name: &str| {
            format!("/nix/store/{libc}/lib/{loader} {libraries} /nix/store/{shell}/bin/{name}")
        };
        let lines = [
            "for word; do printf '<%s>\\n' \"$word\"; done".to_owned(),
            format!("{} /nix/store/{script}/share/text", run("cat")),
        ];
        place.file(&format!("store/{script}/share/body"), lines.join("\n") + "\n");
        place.file(&format!("store/{script}/share/text"), "greetings from the store\n");
        let start = format!("{} /nix/store/{script}/share/body", run("sh"));
        place.file(&format!("store/{tool}"), start);
        let path = place.path(&format!("store/{}", named(4, "current")));
        symlink(format!("/nix/store/{script}"), path).expect("free");
        place.file(&format!("store/{}", named(5, "file.conf")), "a store path of one file\n");
        place.folder(&format!("store/{}/var/empty", named(6, "empty")));
        let names = place.names("store");
        let line = |name: &String| format!("{}\n", place.path("store").join(name).display());
        place.file("store-paths", names.iter().map(line).collect::<String>());
        Store { place, tool }
    }

    /// Copies the libraries of the programs, and returns the loader's name.
    fn libraries(place: &Place, folder: &str) -> String {
        let mut loader = None;
        for program in ["/bin/sh", "/bin/cat", "/bin/ls"] {
            let output = Command::new("ldd").arg(program).output().expect("there is an ldd");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            for path in text.split_whitespace().filter(|word| word.starts_with('/')) {
                let name = path.rsplit('/').next().expect("has a last part");
                place.file(&format!("{folder}/{name}"), fs::read(path).expect("is there"));
                Store::executable(place, &format!("{folder}/{name}"));
                if name.starts_with("ld-") {
                    loader = Some(name.to_owned());
                }
            }
        }
        loader.expect("the programs have a loader")
    }

    fn executable(place: &Place, path: &str) {
        fs::set_permissions(place.path(path), Permissions::from_mode(0o555)).expect("is mine");
    }

    /// Packs the store under a label, and returns the image.
    fn pack(&self, label: &str) -> PathBuf {
        self.place.run(&format!("--store-paths store-paths -L {label} IMG")).succeeded();
        self.place.path("IMG")
    }

    /// Runs the tool in a root directory that has nothing but `store`.
    fn greeting(&self, store: &Path) -> String {
        let root = tempfile::tempdir().expect("there is room");
        let point = root.path().join("nix/store");
        fs::create_dir_all(&point).expect("there is room");
        let _bind = Bind::new(store, &point);
        let start = fs::read_to_string(store.join(&self.tool)).expect("is mounted");
        let mut chroot = Command::new(tools::program("chroot").expect("is everywhere"));
        chroot.arg(root.path()).args(start.split_whitespace()).args(["one word", "two"]);
        tools::run(chroot.env_clear()).expect("the program runs")
    }
}

/// A bind mount at a given place.
struct Bind(PathBuf);

impl Bind {
    fn new(from: &Path, to: &Path) -> Self {
        let mut mount = Command::new(tools::program("mount").expect("is there"));
        tools::run(mount.arg("--bind").arg(from).arg(to)).expect("root may");
        Bind(to.to_owned())
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        if let Ok(umount) = tools::program("umount") {
            // The folder is emptied next, and must not be the store then.
            let done = tools::run(Command::new(umount).arg(&self.0));
            assert!(done.is_ok() || std::thread::panicking(), "{done:?}");
        }
    }
}

/// Whether this machine can do all of this. It has no store of its own whose
/// label could be taken for ours.
fn can_mount() -> bool {
    [Oracle::KernelMount, Oracle::Blkid, Oracle::Overlay].into_iter().all(have)
}

const GREETING: &str = "<one word>\n<two>\ngreetings from the store\n";

#[test]
fn a_program_runs_from_a_store_that_is_mounted_by_its_label() {
    if !can_mount() {
        return;
    }
    let store = Store::new();
    // Not the usual one, which other tests on this machine may use.
    let label = format!("st-{}", std::process::id());
    let image = store.pack(&label);
    let found = tools::blkid(&image).expect("is recognised");
    assert_eq!(found["TYPE"], "erofs");
    assert_eq!(found["LABEL"], label);
    assert_eq!(found["UUID"], "eb176051-bd15-49b7-9e6b-462e0b467019");
    let mount = KernelMount::by_label(&image, &label).expect("can be found by its label");
    assert_eq!(store.greeting(mount.path()), GREETING);
    let link = fs::read_link(mount.path().join(named(4, "current"))).expect("is a link");
    assert_eq!(link, Path::new("/nix/store").join(named(3, "greeting")));
    let error = fs::write(mount.path().join("new"), "x").expect_err("cannot be written");
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
}

/// Found on its device, and mounted without its type. By its label alone, another one
/// of this machine might be found.
#[test]
fn a_device_with_a_store_is_known_by_the_label_of_store_images() {
    if !can_mount() {
        return;
    }
    let store = Store::new();
    store.place.run("--store-paths store-paths IMG").succeeded();
    let disk = Disk::of_file(&store.place.path("IMG"), 0);
    let found = tools::blkid(disk.path()).expect("is recognised");
    assert_eq!(found["LABEL"], "nix-store");
    let device = disk.path().to_str().expect("is ASCII");
    let mounted = Mounted::new(&["-o", "ro", device]).expect("is an image");
    assert_eq!(store.greeting(mounted.path()), GREETING);
}

/// As systems do it that have a writable store: the image below, a folder for
/// changes above.
struct WritableStore {
    overlay: Mounted,
    scratch: TempDir,
}

impl WritableStore {
    fn new(lower: &Path, scratch: TempDir, more: &str) -> Self {
        let (upper, work) = (scratch.path().join("store"), scratch.path().join("work"));
        for folder in [&upper, &work] {
            fs::create_dir_all(folder).expect("there is room");
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}{more}",
            lower.display(),
            upper.display(),
            work.display()
        );
        let overlay = Mounted::new(&["-t", "overlay", "-o", &options, "overlay"]);
        WritableStore { overlay: overlay.expect("an image can be the lower folder"), scratch }
    }

    fn path(&self) -> &Path {
        self.overlay.path()
    }

    fn upper(&self, path: &str) -> PathBuf {
        self.scratch.path().join("store").join(path)
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("is there");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("readable"))).collect();
    names.sort();
    names
}

/// Everything but what the caller looks at in detail.
fn tree(folder: &Path) -> Snapshot {
    host::snapshot(folder).expect("is readable")
}

#[test]
fn a_store_below_an_overlay_can_be_added_to_changed_and_deleted_from() {
    if !can_mount() {
        return;
    }
    let store = Store::new();
    let image = store.pack("overlay");
    let bytes = fs::read(&image).expect("was written");
    let lower = KernelMount::new(&image).expect("is an image");
    let before = tree(lower.path());
    let scratch = tempfile::tempdir().expect("there is room");
    let writable = WritableStore::new(lower.path(), scratch, "");
    let at = |path: &str| writable.path().join(path);
    // The root has the times of the upper folder.
    let compare = Compare { root: false, dir_nlink: false, ..Compare::ALL };
    let untouched = tree(writable.path());
    diff(&before, &untouched, compare).unwrap_or_else(|text| panic!("as below:\n{text}"));

    let (conf, script, shell) = (named(5, "file.conf"), named(3, "greeting"), named(2, "shell"));
    fs::create_dir(at("new")).and_then(|()| fs::write(at("new/file"), "x")).expect("is added");
    fs::write(at(&conf), "changed").expect("is changed");
    fs::set_permissions(at(&format!("{shell}/bin/ls")), Permissions::from_mode(0o500))
        .expect("is changed");
    fs::remove_file(at(&format!("{script}/share/text"))).expect("is deleted");
    fs::remove_dir_all(at(&named(1, "libc"))).expect("is deleted");
    fs::rename(at(&format!("{shell}/bin/cat")), at("cat")).expect("is renamed");
    fs::hard_link(at("cat"), at("cat-too")).expect("is linked");
    // A folder in place of one that was deleted shows nothing of it.
    fs::create_dir(at(&named(1, "libc"))).expect("is free again");
    assert_eq!(names(&at(&named(1, "libc"))), [""; 0]);

    assert_eq!(fs::read_to_string(at(&conf)).expect("is there"), "changed");
    assert_eq!(names(&at(&format!("{script}/share"))), ["body"]);
    assert_eq!(names(&at(&format!("{shell}/bin"))), ["ls", "sh"]);
    assert_eq!(fs::metadata(at("cat")).expect("is there").nlink(), 2);
    let whiteout = |path: &str| {
        let stat = fs::symlink_metadata(writable.upper(path)).expect("is there");
        stat.file_type().is_char_device() && stat.rdev() == 0
    };
    assert!(whiteout(&format!("{script}/share/text")));
    assert!(whiteout(&format!("{shell}/bin/cat")));
    let opaque = host::xattrs(&writable.upper(&named(1, "libc"))).expect("can be read");
    assert_eq!(opaque.get(&b"trusted.overlay.opaque"[..]).map(Vec::as_slice), Some(&b"y"[..]));

    let after = tree(writable.path());
    let WritableStore { overlay, scratch } = writable;
    drop(overlay);
    diff(&before, &tree(lower.path()), Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
    drop(lower);
    assert!(fs::read(&image).expect("is there") == bytes, "the image is as it was");

    // After a reboot the changes are still there.
    let lower = KernelMount::new(&image).expect("is an image");
    diff(&before, &tree(lower.path()), Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
    let again = WritableStore::new(lower.path(), scratch, "");
    diff(&after, &tree(again.path()), Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn a_folder_of_the_store_can_be_renamed_above_an_overlay() {
    if !can_mount() {
        return;
    }
    let store = Store::new();
    let image = store.pack("rename");
    let script = named(3, "greeting");
    for redirects in [true, false] {
        let lower = KernelMount::new(&image).expect("is an image");
        let before = tree(lower.path());
        let scratch = tempfile::tempdir().expect("there is room");
        let more = if redirects { ",redirect_dir=on" } else { ",redirect_dir=off" };
        let writable = WritableStore::new(lower.path(), scratch, more);
        let (from, to) = (writable.path().join(&script), writable.path().join("renamed"));
        let content = tree(&from);
        match fs::rename(&from, &to) {
            Ok(()) => assert!(redirects),
            Err(error) => {
                assert!(!redirects && error.kind() == std::io::ErrorKind::CrossesDevices);
                // Then programs copy and delete.
                let mv = Command::new("mv").arg(&from).arg(&to).status();
                assert!(mv.expect("there is an mv").success());
            }
        }
        let compare = Compare { mtime: !redirects, hard_links: false, ..Compare::ALL };
        let compare = Compare { dir_nlink: false, nlink: false, ..compare };
        diff(&content, &tree(&to), compare).unwrap_or_else(|text| panic!("{text}"));
        assert!(!from.exists() && !names(writable.path()).contains(&script));
        drop(writable);
        diff(&before, &tree(lower.path()), Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
    }
}

/// The count of inodes lies where the superblock of another file system has
/// its magic number, and some counts are one. blkid then knew neither, and a
/// machine did not find its store.
#[test]
fn images_whose_count_of_inodes_is_a_magic_number_are_found_by_their_label() {
    if !have(Oracle::Blkid) {
        return;
    }
    for count in [0x137f_u32, 0x138f, 0x2468, 0x2478] {
        let place = Place::new();
        place.folder("store/a");
        // Beside the root and the store path.
        for number in 2..count {
            place.file(&format!("store/a/{number}"), []);
        }
        // Of the size that made blkid look for the other one.
        place.file("store/a/2", vec![7; 2 << 20]);
        place.file("list", "/nix/store/a\n");
        let run = place.run("--json --store-paths list IMG store");
        run.succeeded();
        assert!(run.stdout.contains(&format!("\"total\":{count},")), "{}", run.stdout);
        let image = place.path("IMG");
        let found = tools::blkid(&image).expect("one thing is recognised");
        assert_eq!(found.get("TYPE").map(String::as_str), Some("erofs"), "{count}: {found:?}");
        assert_eq!(found["LABEL"], "nix-store", "{count}");
        if have(Oracle::KernelMount) {
            let mount = KernelMount::new(&image).expect("is an image");
            assert_eq!(
                names(&mount.path().join("a")).len() + 2,
                usize::try_from(count).expect("fits")
            );
        }
    }
}

#[test]
fn the_report_for_programs_tells_what_each_store_path_takes() {
    let place = Place::new();
    place.folder("store/a-1.0");
    place.file("store/a-1.0/data", trees::noise(1, 100_000));
    place.folder("store/b-1.0");
    // The contents of `a` are not counted again.
    place.file("store/b-1.0/data", trees::noise(1, 100_000));
    place.file("store/c", trees::text(2, 50_000));
    place.file("list", "/nix/store/a-1.0\n/nix/store/b-1.0\n/nix/store/c\n");
    for flags in ["", "-zlz4hc -Efragments"] {
        let run = place.run(&format!("--json {flags} --store-paths list IMG store"));
        run.succeeded();
        let entry = |name: &str| -> (u64, u64) {
            let rest =
                run.stdout.split(&format!("{{\"name\":\"{name}\",")).nth(1).expect("is there");
            let number = |key: &str| {
                let rest = rest.split(&format!("\"{key}\":")).nth(1).expect("is there");
                let end = rest.find(|c: char| !c.is_ascii_digit()).expect("more follows");
                rest[..end].parse().expect("is a number")
            };
            (number("bytes_in"), number("bytes_out"))
        };
        let [a, b, c] = ["a-1.0", "b-1.0", "c"].map(entry);
        assert_eq!((a.0, b.0, c.0), (100_000, 100_000, 50_000));
        assert!((98_000..110_000).contains(&a.1), "{flags}: {a:?}");
        assert!(b.1 < 5000, "{flags}: {b:?}");
        let (least, most) = if flags.is_empty() { (50_000, 55_000) } else { (5000, 40_000) };
        assert!((least..most).contains(&c.1), "{flags}: {c:?}");
    }
    let run = place.run("--json IMG store");
    assert!(!run.stdout.contains("\"entries\""), "{}", run.stdout);
}

#[test]
fn each_default_of_store_mode_can_be_changed() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = Place::new();
    place.file("store/a/one", "bytes");
    fs::hard_link(place.path("store/a/one"), place.path("store/a/two")).expect("free");
    let shell = |command: &mut Command| {
        assert!(command.current_dir(place.root()).status().expect("is there").success());
    };
    shell(Command::new("chown").args(["1000:100", "store/a/one"]));
    shell(Command::new("touch").args(["-d", "2020-02-02 02:02:02", "store/a/one"]));
    shell(Command::new("setfattr").args(["-n", "user.a", "-v", "1", "store/a/one"]));
    place.file("list", format!("{}\n", place.path("store/a").display()));
    let tree = |line: &str| {
        place.run(&format!("--quiet --store-paths list {line} IMG")).succeeded();
        let mount = KernelMount::new(&place.path("IMG")).expect("is an image");
        host::snapshot(mount.path()).expect("is readable")
    };
    let seen = |line: &str| {
        let tree = tree(line);
        let (root, file) = (&tree[&b"/"[..]], &tree[&b"/a/one"[..]]);
        (root.mode, file.uid, file.gid, file.nlink, file.mtime_sec > 0, file.xattrs.len())
    };
    let default = (0o755, 0, 0, 1, false, 0);
    assert_eq!(seen(""), default);
    assert_eq!(seen("--root-mode=1775"), (0o1775, 0, 0, 1, false, 0));
    assert_eq!(seen("--keep-owners"), (0o755, 1000, 100, 1, false, 0));
    assert_eq!(seen("--keep-hard-links"), (0o755, 0, 0, 2, false, 0));
    assert_eq!(seen("--preserve-mtime"), (0o755, 0, 0, 1, true, 0));
    assert_eq!(seen("-x2"), (0o755, 0, 0, 1, false, 1));
    let all = "--root-mode 1775 --keep-owners --keep-hard-links --preserve-mtime -x 2";
    assert_eq!(seen(all), (0o1775, 1000, 100, 2, true, 1));
}
