//! The command as its users run it: its messages and exit codes, and that a failure
//! leaves nothing under the final name and changes nothing there.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const STORE_UUID: &str = "eb176051-bd15-49b7-9e6b-462e0b467019";

/// A directory with a source and a place for images.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { dir: tempfile::tempdir().expect("there is room") };
        place.file("source/a/file", "some bytes");
        place.file("source/b", "other bytes");
        symlink("a/file", place.path("source/link")).expect("free");
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn file(&self, path: &str, contents: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("has one")).expect("there is room");
        fs::write(path, contents).expect("there is room");
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mkfs-erofs"));
        command.current_dir(self.dir.path()).env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Run {
        Run::of(self.command().args(line.split_whitespace()))
    }

    /// Runs a line that must succeed.
    fn image(&self, line: &str, image: &str) -> Vec<u8> {
        let run = self.run(line);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{line}");
        fs::read(self.path(image)).expect("was written")
    }

    /// Runs a line that must fail, with and without an older image.
    fn failure(&self, line: &str, code: i32) -> String {
        let before = self.names();
        let run = self.run(line);
        assert_eq!(run.code, Some(code), "{line}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{line}");
        assert_eq!(self.names(), before, "{line} leaves nothing behind");
        let had_image = before.iter().any(|name| name == "IMG");
        if !had_image && line.contains("IMG") {
            self.file("IMG", "from before");
            let run = self.run(line);
            assert_eq!(run.code, Some(code), "{line}: {}", run.stderr);
            assert_eq!(fs::read(self.path("IMG")).expect("is still there"), b"from before");
            fs::remove_file(self.path("IMG")).expect("is there");
            assert_eq!(self.names(), before, "{line} leaves nothing behind");
        }
        run.stderr
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("is there");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.expect("readable"))).collect();
        names.sort();
        names
    }
}

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn of(command: &mut Command) -> Self {
        Run::from(command.output().expect("the command can be run"))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("is text");
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

#[test]
fn help_and_version_are_answers() {
    let place = Place::new();
    for flag in ["-h", "--help"] {
        let run = place.run(flag);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        for part in ["Usage: mkfs-erofs", "--store-paths", "Source:", "Layout:", "Identity:"] {
            assert!(run.stdout.contains(part), "{flag}: {part}");
        }
        assert!(run.stdout.contains("--tar="), "containerd looks for it");
        assert!(run.stdout.contains("-b#"), "the tests of erofs-utils look for it");
    }
    for flag in ["-V", "--version"] {
        let run = place.run(flag);
        // As scripts look for them.
        let first = "mkfs.erofs (erofs-utils) 1.9.4\n\
                     available compressors: lz4, lz4hc, lzma, deflate, libdeflate, zstd\n";
        let third = concat!(
            "mkfs-erofs (erofs-writer) ",
            env!("CARGO_PKG_VERSION"),
            ", which takes the flags of that version\n"
        );
        let expected = format!("{first}{third}");
        assert_eq!((run.code, run.stdout), (Some(0), expected));
    }
}

#[test]
fn a_summary_is_written_and_can_be_left_out() {
    let place = Place::new();
    let run = place.run("IMG source");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.starts_with("IMG: 4.0 KiB, for 21 bytes of files, in 0."), "{}", run.stdout);
    assert!(run.stdout.contains("\nContents 5 inodes: files 2, directories 2, symlinks 1\n"));
    assert!(
        run.stdout.ends_with("\nKernel   Linux 5.4 or later\n") && !run.stdout.contains("UUID")
    );
    let run = place.run("-d3 IMG source");
    for part in ["UUID     ", "Blocks   1 of 4096 bytes\n", "Metadata "] {
        assert!(run.stdout.contains(part), "{}", run.stdout);
    }
    let run = place.run("-b65536 IMG source");
    let pages = "Kernel   Linux 5.4 or later, where pages have 65536 bytes or more\n";
    assert!(run.stdout.contains(pages), "{}", run.stdout);
    for quiet in ["--quiet", "-d0", "-d 1"] {
        let run = place.run(&format!("{quiet} IMG source"));
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""));
    }
    let run = place.run("IMG source --json");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(run.stdout.starts_with("{\"uuid\":\"") && run.stdout.ends_with("]}\n"));
    assert!(run.stdout.contains("\"inodes\":{\"total\":5,\"directories\":2,\"files\":2,"));
    let run = place.run("IMG source --quiet");
    assert_eq!(run.stderr, "");
    let run = place.run("IMG source -d4");
    assert!(run.stderr.starts_with("mkfs-erofs: IMG: read 0."), "{}", run.stderr);
}

#[test]
fn usage_errors_exit_with_2_and_say_what_is_wrong() {
    let place = Place::new();
    for (line, message) in [
        ("", "mkfs-erofs: FILE is missing\n"),
        (
            "IMG",
            "mkfs-erofs: SOURCE (or --store-paths LIST, --tar, --nar or --manifest) is missing\n",
        ),
        (
            "-L 1234567890123456 IMG source",
            "mkfs-erofs: invalid value '1234567890123456' for '-L <LABEL>': a label has at most 15 bytes, none of them NUL\n",
        ),
        (
            "-m4096 IMG source",
            "mkfs-erofs: -m 4096: there is no -z, so name an algorithm, as in -m 4096:lz4\n",
        ),
        ("--frobnicate IMG source", "mkfs-erofs: unexpected argument '--frobnicate' found\n"),
        (
            "--tar IMG source more",
            "mkfs-erofs: more: only directories and an image can be laid over each other\n",
        ),
        ("-T", "mkfs-erofs: a value is required for '-T <SECONDS>' but none was supplied\n"),
    ] {
        let stderr = place.failure(line, 2);
        assert!(stderr.starts_with(message), "{line}: {stderr}");
        assert!(stderr.ends_with("\nFor more information, try '--help'.\n"), "{line}: {stderr}");
    }
}

#[test]
fn a_wrong_epoch_in_the_environment_is_a_usage_error() {
    let place = Place::new();
    let run = Run::of(place.command().args(["IMG", "source"]).env("SOURCE_DATE_EPOCH", "now"));
    let message = "mkfs-erofs: invalid value 'now' for 'SOURCE_DATE_EPOCH': not a whole number\n";
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.starts_with(message), "{}", run.stderr);
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).expect("free");
    let missing = "cannot be read: No such file or directory (os error 2)\n";
    let stderr = place.failure("IMG nowhere", 1);
    assert_eq!(stderr, format!("mkfs-erofs: nowhere: {missing}"));
    let stderr = place.failure("--store-paths nowhere IMG", 1);
    assert_eq!(stderr, format!("mkfs-erofs: nowhere: {missing}"));
    for output in ["folder", "nowhere/IMG", "source/IMG", "/dev/null"] {
        let stderr = place.failure(&format!("{output} source"), 1);
        assert!(stderr.starts_with(&format!("mkfs-erofs: {output}: ")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    fs::set_permissions(place.path("source/b"), fs::Permissions::from_mode(0o000))
        .expect("is mine");
    if File::open(place.path("source/b")).is_err() {
        let stderr = place.failure("IMG source", 1);
        let expected = "source/b: cannot be read: Permission denied (os error 13)\n";
        assert_eq!(stderr, format!("mkfs-erofs: {expected}"));
    }
}

#[test]
fn names_in_messages_cannot_control_the_terminal() {
    let place = Place::new();
    let name = OsStr::from_bytes(b"no\x1b[31m\nwhere\xff");
    let run = Run::of(place.command().args([OsStr::new("IMG"), name]));
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.starts_with("mkfs-erofs: no\\u{1b}[31m\\nwhere\u{fffd}: "),
        "{}",
        run.stderr
    );
}

#[test]
fn lists_of_store_paths_that_make_no_image_are_refused() {
    let place = Place::new();
    let store = place.path("source").display().to_string();
    for (list, message) in [
        (String::new(), "list: the list of store paths is empty".to_owned()),
        ("a/b\n".to_owned(), "list: a/b: a store path must be absolute".to_owned()),
        (
            format!("{store}/a/file\n{store}/b/../file\n"),
            format!("list: {store}/b/../file: has the same name as {store}/a/file"),
        ),
        (format!("{store}/none\n"), format!("{store}/none: cannot be read: ")),
    ] {
        place.file("list", &list);
        let stderr = place.failure("--store-paths list IMG", 1);
        assert!(stderr.starts_with(&format!("mkfs-erofs: {message}")), "{stderr}");
        fs::remove_file(place.path("list")).expect("is there");
    }
}

#[test]
fn a_store_can_be_packed_from_a_list_a_pipe_and_elsewhere() {
    let place = Place::new();
    let store = place.path("source").display().to_string();
    place.file("list", &format!("{store}/b\n{store}/a\n{store}/b\n"));
    place.file("elsewhere", "/nix/store/a\n/nix/store/b\n");
    let image = place.image("--store-paths list IMG", "IMG");
    assert_eq!(place.image("--nix-closure=elsewhere IMG source", "IMG"), image);
    let list = File::open(place.path("list")).expect("is there");
    let run = Run::of(place.command().args(["--store-paths", "-", "PIPED"]).stdin(list));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(fs::read(place.path("PIPED")).expect("was written"), image);
}

/// The regular expression that Nixpkgs of 2022 makes of the first characters of store
/// paths: it matches paths that begin with none of them.
fn inverted_regex(prefixes: &[&str]) -> String {
    if prefixes.iter().any(|prefix| prefix.is_empty()) {
        return "(//X)".to_owned();
    }
    let mut firsts: Vec<char> =
        prefixes.iter().filter_map(|prefix| prefix.chars().next()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    let mut out = format!("([^{}]", firsts.iter().collect::<String>());
    for first in firsts {
        let rest: Vec<&str> = prefixes.iter().filter_map(|one| one.strip_prefix(first)).collect();
        out.push_str(&format!("|({first}{})", inverted_regex(&rest)));
    }
    out.push(')');
    out
}

#[test]
fn the_old_way_with_a_regular_expression_gives_the_image_of_the_new_way() {
    let place = Place::new();
    let names = ["0a1b2c3d4e-one", "0a1b2c3dzz-two", "9f9f9f9f9f-three"];
    for name in names {
        place.file(&format!("store/{name}/bin/tool"), name);
    }
    place.file("store/0a1b2c3d4f-not", "left out");
    place.file("store/.links/x", "left out");
    fs::set_permissions(place.path("store"), fs::Permissions::from_mode(0o755)).expect("mine");
    let listed: Vec<String> = names.iter().map(|name| format!("/nix/store/{name}\n")).collect();
    place.file("store-paths", &listed.concat());
    let prefixes: Vec<&str> = names.iter().map(|name| &name[..10]).collect();
    let regex = format!("--exclude-regex=^{}", inverted_regex(&prefixes));

    let new = place.image("--store-paths store-paths NEW store", "NEW");
    let mut old = place.command();
    old.current_dir(place.path("store"));
    old.args(["--force-uid=0", "--force-gid=0", "-L", "nix-store", "-U", STORE_UUID, "-T", "0"]);
    let run = Run::of(old.args([&regex, "../OLD", "."]));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(fs::read(place.path("OLD")).expect("was written"), new);
}

#[test]
fn the_place_of_options_and_their_form_do_not_matter() {
    let place = Place::new();
    let expected = place.image("-T 5 -L label -U clear --all-root IMG source", "IMG");
    for line in [
        "IMG source -T5 -Llabel -Uclear --all-root",
        "-T1 IMG -T5 -Lother --all-root source -L label -Urandom -Uclear",
        "-T0x5 -Llabel -Uclear --force-uid=0 --force-gid 0 -- IMG source",
    ] {
        assert_eq!(place.image(line, "IMG"), expected, "{line}");
    }
}

#[test]
fn excluding_everything_leaves_an_empty_image() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).expect("free");
    let empty = place.image("-T0 -Uclear --all-root IMG empty", "IMG");
    assert_eq!(place.image("-T0 -Uclear --all-root --exclude-regex=. IMG source", "IMG"), empty);
    let line = "-T0 -Uclear --all-root IMG source \
                --exclude-path=a --exclude-path=b --exclude-path=link";
    assert_eq!(place.image(line, "IMG"), empty);
}

#[test]
fn a_random_uuid_differs_and_everything_else_does_not() {
    let place = Place::new();
    let first = place.image("IMG source", "IMG");
    assert_eq!(place.image("IMG source", "IMG"), first);
    let random = place.image("-U random IMG source", "IMG");
    assert_ne!(place.image("-U random IMG source", "IMG"), random);
}

#[test]
fn the_image_is_complete_even_if_nobody_reads_the_summary() {
    let place = Place::new();
    let expected = place.image("IMG source", "IMG");
    let (ours, theirs) = UnixStream::pair().expect("there are descriptors");
    drop(theirs);
    let closed = Stdio::from(OwnedFd::from(ours));
    let full = Stdio::from(File::options().write(true).open("/dev/full").expect("exists"));
    // A reader that has seen enough is no failure; a summary that is lost is one.
    let message = "mkfs-erofs: the image is complete, but standard output cannot be written: ";
    for (stdout, code, message) in [(closed, 0, ""), (full, 1, message)] {
        fs::remove_file(place.path("IMG")).expect("is there");
        let run = place.command().args(["IMG", "source"]).stdout(stdout).output();
        let run = Run::from(run.expect("the command can be run"));
        assert_eq!((run.code, run.stderr.is_empty()), (Some(code), code == 0), "{}", run.stderr);
        assert!(run.stderr.starts_with(message), "{}", run.stderr);
        assert_eq!(fs::read(place.path("IMG")).expect("was written"), expected);
    }
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("exists"));
    for (args, code) in [(vec!["--help"], 1), (vec!["IMG"], 2), (vec!["IMG", "nowhere"], 1)] {
        let mut command = place.command();
        let status = command.args(&args).stdout(full()).stderr(full()).status();
        assert_eq!(status.expect("the command can be run").code(), Some(code), "{args:?}");
    }
}

/// Parsing never touches the file system, so that it can be fuzzed.
#[test]
fn parsing_alone_makes_no_image() {
    let args = ["IMG-of-no-run", "/nonexistent"].map(Into::into);
    erofs_cli::parse(args, None).expect("is a job");
    assert!(!Path::new("IMG-of-no-run").exists());
}
