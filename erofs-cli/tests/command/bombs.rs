//! Small input that asks for much. The kernel limits the memory of the command. Each
//! input is refused by a message, or costs what its data costs.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::{Duration, Instant};

use testdata::archive::Archive;
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::trees::noise;

use crate::place::{PROGRAM, Place, Run};

/// How much address space there is, in KiB: threads have stacks in it.
const SPACE: u64 = 2 << 20;
/// For input that holds few bytes in memory at once.
const SMALL_SPACE: u64 = 112 << 10;
/// How long it may take, on a machine that has other things to do.
const TIME: Duration = Duration::from_secs(60);

const MODES: [&str; 9] = [
    "",
    "-zlz4hc",
    "-Ededupe",
    "-zlz4 -Ededupe",
    "--chunksize=1048576",
    "-zlz4 -Eztailpacking",
    "-zlz4 -Eall-fragments",
    "-b512",
    "-b65536",
];

fn bounded(place: &Place, line: &str) -> Run {
    within(SPACE, place, line)
}

/// Runs the command in so much address space, in KiB.
fn within(space: u64, place: &Place, line: &str) -> Run {
    let mut command: Command = place.command_of("sh");
    let limit = format!("ulimit -v {space} && exec \"$@\"");
    // Else each thread takes 64 MiB of it for itself.
    command.env("MALLOC_ARENA_MAX", "1");
    command.args(["-c", &limit, "sh", PROGRAM, "--quiet"]).args(line.split_whitespace());
    let start = Instant::now();
    let run = Run::of(&mut command);
    assert!(start.elapsed() < TIME, "{line} took {:?}", start.elapsed());
    run
}

/// The message about a line that makes no image.
#[track_caller]
fn refused(place: &Place, line: &str) -> String {
    let run = bounded(place, line);
    // 2 is for errors of the line itself.
    assert!(matches!(run.code(), Some(1 | 2)), "{line}: {run:?}");
    assert!(!place.path("IMG").exists(), "{line}");
    let message = run.stderr.strip_prefix("mkfs-erofs: ").expect("it says who speaks");
    message.lines().next().expect("it says something").to_owned()
}

/// An archive with a file, `log`, of `len` bytes with these places of 512 bytes.
fn sparse(len: u64, places: &[u64]) -> Vec<u8> {
    let mut map = format!("{}\n", places.len());
    places.iter().for_each(|place| map += &format!("{place}\n512\n"));
    let mut body = map.into_bytes();
    body.resize(body.len().next_multiple_of(512), 0);
    body.resize(body.len() + 512 * places.len(), b'x');
    let len = len.to_string();
    let records: [(&str, &[u8]); 4] = [
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"log"),
        ("GNU.sparse.realsize", len.as_bytes()),
    ];
    Archive::default().pax(b'x', &records).file("GNUSparseFile.0/log", &body).finish()
}

#[test]
fn a_hole_of_many_gigabytes_costs_nothing() {
    let place = Place::new();
    let len: u64 = 200 << 30;
    place.file("tar", sparse(len, &[0, 100 << 30]));
    place.folder("dir");
    let host = File::create(place.path("dir/log")).expect("there is room");
    host.set_len(len).expect("holes take none");
    for at in [0, 100 << 30] {
        host.write_all_at(&[b'x'; 512], at).expect("there is room");
    }
    for mode in MODES {
        let images = ["--tar=f IMG tar", "-T0 --all-root IMG dir"].map(|source| {
            bounded(&place, &format!("{mode} {source}")).succeeded();
            let image = fs::read(place.path("IMG")).expect("was written");
            assert!(image.len() < 16 << 20, "{mode}: {} bytes", image.len());
            if mode != "-b65536" && have(Oracle::KernelMount) {
                let mount = KernelMount::new(&place.path("IMG")).expect("is an image");
                let file = File::open(mount.path().join("log")).expect("is there");
                assert_eq!(file.metadata().expect("is there").len(), len);
                for (at, byte) in [(0, b'x'), (512, 0), (100 << 30, b'x'), (len - 5, 0)] {
                    let mut found = [1; 5];
                    file.read_exact_at(&mut found, at).expect("can be read");
                    assert_eq!(found, [byte; 5], "{mode}: {at}");
                }
            }
            fs::remove_file(place.path("IMG")).expect("is there");
            image.len()
        });
        assert_eq!(images[0], images[1], "{mode}");
    }
}

#[test]
fn a_file_of_4_eib_is_refused_by_the_number_that_is_too_large() {
    let place = Place::new();
    place.file("some", sparse(4 << 60, &[0, 1 << 60]));
    place.file("none", sparse(4 << 60, &[]));
    for mode in MODES.into_iter().chain(["--chunksize=4096"]) {
        let message = refused(&place, &format!("{mode} --tar=f IMG some"));
        let expected = match mode {
            "--chunksize=4096" => "would need a map of 1125899906842624 chunks",
            "--chunksize=1048576" => "would need a map of 4398046511104 chunks",
            _ => "most of its 4611686018427387904 bytes are holes",
        };
        assert!(message.contains(expected), "{mode}: {message}");
        assert!(message.starts_with("/log: "), "{mode}: {message}");
        bounded(&place, &format!("{mode} --tar=f IMG none")).succeeded();
        fs::remove_file(place.path("IMG")).expect("was written");
    }
}

#[test]
fn files_without_end_are_read_up_to_a_bound() {
    let place = Place::with_source();
    for (line, expected) in [
        (
            "--store-paths /dev/zero IMG",
            "/dev/zero: cannot be read: line 1 has more than 65536 bytes",
        ),
        (
            "-zlz4 --compress-hints=/dev/zero IMG source",
            "/dev/zero: cannot be read: it has more than 4194304 bytes",
        ),
        (
            "--file-contexts=/dev/zero IMG source",
            "/dev/zero: cannot be read: it has more than 8388608 bytes",
        ),
        ("--add-file=x=/dev/zero IMG source", "/dev/zero: cannot be read: not a regular file"),
    ] {
        assert_eq!(refused(&place, line), expected);
    }
}

#[test]
fn numbers_beyond_all_bounds_are_refused() {
    let place = Place::with_source();
    for (line, expected) in [
        (
            "--root-xattr-isize=4294967295 IMG source",
            "invalid value '4294967295' for '--root-xattr-isize': the xattrs of an inode have at \
             most 262148 bytes",
        ),
        (
            "--offset=18446744073709551615 IMG source",
            "invalid value '18446744073709551615' for '--offset': an image must end at or \
             before byte 9223372036854775807 of the output",
        ),
        (
            "-zlz4 --offset=9223372036854775808 IMG source",
            "invalid value '9223372036854775808' for '--offset': an image must end at or \
             before byte 9223372036854775807 of the output",
        ),
    ] {
        assert_eq!(refused(&place, line), expected);
    }
}

#[test]
fn many_patterns_are_refused() {
    let place = Place::with_source();
    let line = |number: u32| format!("4096 ^usr/share/package-{number}/.*\\.so$\n");
    place.file("hints", (0..60_000).map(line).collect::<String>());
    let message = refused(&place, "-zlz4 --compress-hints=hints IMG source");
    assert_eq!(message, "hints: line 10001: there are more patterns than 10000");
    place.file("hints", "4096 (abcdefgh){20000}\n".repeat(5000));
    let message = refused(&place, "-zlz4 --compress-hints=hints IMG source");
    assert!(message.ends_with("the patterns up to this line take more than 256 MiB"), "{message}");
    place.file("contexts", "/x(abcdefgh){20000} system_u:object_r:usr_t:s0\n".repeat(5000));
    let message = refused(&place, "--file-contexts=contexts IMG source");
    assert!(message.starts_with("contexts: line "), "{message}");
}

#[test]
fn what_comes_again_in_noise_takes_little_memory_and_time() {
    let place = Place::new();
    // One byte in 33,333 differs, and most repeats lie so that no block can begin with
    // them.
    let period = noise(1, 100_000);
    let mut file = Vec::with_capacity(128 << 20);
    while file.len() < 128 << 20 {
        let at = file.len();
        file.extend_from_slice(&period);
        (0..3).for_each(|third| file[at + third * 33_333 + at % 9973] ^= 1);
    }
    place.file("dir/large", &file);
    for index in 0..2000_usize {
        let len = 1000 + index % 2000;
        let start = index * 37 % 90_000;
        place.file(&format!("dir/small/{index}"), &period[start..start + len]);
    }
    for mode in [
        "-Ededupe",
        "-zlz4 -Ededupe",
        "-zlz4hc -Ededupe",
        "-zlz4 -Eall-fragments",
        "-zlz4 -Eall-fragments,dedupe",
        "-zlz4hc -C65536 -Eall-fragments,dedupe",
    ] {
        let line = format!("{mode} --workers=2 -T0 --all-root IMG dir");
        // Less than the file.
        within(SMALL_SPACE, &place, &line).succeeded();
        fs::remove_file(place.path("IMG")).expect("was written");
    }
}
