//! Flags of compression that read a file, or that contradict each other.

use std::fs;

use testdata::trees;

use crate::place::Place;
use crate::refusal::refusal_of;

/// A folder with files that shrink.
fn place() -> Place {
    let place = Place::new();
    let text: String = (0..30_000).map(|number| format!("line {number}\n")).collect();
    place.file("source/a.so", &text);
    place.file("source/b.txt", &text[1..]);
    place
}

fn length(place: &Place, line: &str) -> u64 {
    let run = place.run(line);
    assert_eq!(run.code(), Some(0), "{run:?}");
    let length = fs::metadata(place.path("IMG")).expect("was written").len();
    fs::remove_file(place.path("IMG")).expect("was written");
    length
}

#[test]
fn hints_tell_files_apart() {
    let place = place();
    place.file("hints", "# so as it is\n0 \\.so$\n65536 1 \\.txt$\n");
    let all = length(&place, "-zlz4 IMG source");
    let better = length(&place, "-zlz4hc,12 -C65536 IMG source");
    let hinted = length(&place, "-zlz4:lz4hc,12 --compress-hints=hints IMG source");
    let plain = length(&place, "IMG source");
    assert!(better < all && all < hinted && hinted < plain, "{better} {all} {hinted} {plain}");
    place.file("hints", "65536 1 .\n");
    assert_eq!(length(&place, "-zlz4:lz4hc,12 --compress-hints hints IMG source"), better);
}

#[test]
fn hints_that_cannot_be_used_are_named_with_their_line() {
    let place = place();
    let line = "-zlz4 --compress-hints=hints IMG source";
    let message = refusal_of(&place, 1, line);
    assert!(message.starts_with("hints: cannot be read: "), "{message}");
    place.file("hints", "4096 a\n4096 1 b\n");
    let message = refusal_of(&place, 1, line);
    assert_eq!(message, "hints: line 2: '1' is not the number of an algorithm");
    place.file("hints", "0\n");
    assert_eq!(refusal_of(&place, 1, line), "hints: line 1: a pattern is missing");
    place.file("hints", "4096 (\n");
    assert!(refusal_of(&place, 1, line).starts_with("hints: line 1: "));
}

/// The file of the peer's own test of hints.
#[test]
fn hints_that_mkfs_erofs_passes_over_are_passed_over_with_a_note() {
    let place = place();
    place.file("source/c.am", trees::text(5, 100_000));
    let line = "-zlz4 --compress-hints=hints IMG source";
    place.file("hints", "0        \\.so$\n8192     \\.txt$\n");
    let without = place.image(line, "IMG");
    place.file("hints", "0        \\.so$\n1048577  \\.am$\n8192     \\.txt$\n");
    let run = place.run(line);
    let note = "hints: line 2 is ignored: 1048577 bytes are not a multiple of the block size, 4096";
    assert_eq!((run.code(), &run.stderr[..]), (Some(0), &*format!("mkfs-erofs: note: {note}\n")));
    assert_eq!(fs::read(place.path("IMG")).expect("was written"), without);
    place.run(&format!("-d1 {line}")).succeeded();
}

#[test]
fn files_that_are_not_compressed_are_stored_in_chunks() {
    let place = place();
    let noise = trees::noise(7, 40_960);
    place.file("source/noise", &noise);
    place.file("source/again", [&noise[..], b"x"].concat());
    let json = |line: &str| {
        let run = place.run(&format!("--json {line} IMG source"));
        run.succeeded();
        run.stdout
    };
    assert!(json("-zlz4").contains("\"shared_bytes\":0,"));
    // Ten chunks of the one are in the other.
    assert!(json("-zlz4 --chunksize=4096").contains("\"shared_bytes\":40960,"));
    place.file("hints", "0 \\.so$\n");
    let hinted = length(&place, "-zlz4 --chunksize=4096 --compress-hints=hints IMG source");
    let all = length(&place, "-zlz4 --chunksize=4096 IMG source");
    assert!(all < hinted && hinted < length(&place, "--chunksize=4096 IMG source"));
}

#[test]
fn what_needs_an_algorithm_is_noted_without_one() {
    let place = place();
    place.file("hints", "0 .\n");
    let run = place.run("-C65536 -Eztailpacking,fragments --compress-hints=hints IMG source");
    assert_eq!(run.code(), Some(0), "{run:?}");
    for flag in ["-C", "--compress-hints", "-E ztailpacking", "-E fragments"] {
        let note = format!("note: {flag}: without -z nothing is compressed");
        assert!(run.stderr.contains(&note), "{}", run.stderr);
    }
}

#[test]
fn what_the_target_kernel_cannot_mount_is_refused() {
    let place = place();
    for (flags, message) in [
        ("-C65536", "pclusters of more than a block: they need 5.13"),
        ("-Eztailpacking", "pclusters after inodes: they need 5.17"),
        ("-Efragments", "fragments: they need 6.1"),
        ("-b1024", "blocks below 4096 bytes: they need 6.4"),
    ] {
        let line = format!("-zlz4 --target-kernel=5.10 {flags} IMG source");
        let expected = format!("Linux 5.10 cannot mount {message}");
        assert_eq!(refusal_of(&place, 2, &line), expected);
    }
    let message = refusal_of(&place, 2, "--target-kernel=six IMG source");
    assert!(
        message.ends_with("a version of Linux is written like 6.1, or as uname -r has it"),
        "{message}"
    );
    let run = place.run("-zlz4 --target-kernel=5.10 IMG source");
    assert_eq!(run.code(), Some(0), "{run:?}");
    assert!(run.stdout.contains("Kernel   Linux 5.4 or later\n"), "{}", run.stdout);
    let run = place.run("-zlz4 -Efragments --json IMG source");
    assert!(run.stdout.contains("\"oldest_kernel\":\"6.1\""), "{}", run.stdout);
    for (algorithm, kernel) in [("lzma", "5.16"), ("deflate", "6.6"), ("zstd", "6.10")] {
        let run = place.run(&format!("-d3 -z{algorithm} IMG source"));
        for told in
            [format!("Kernel   Linux {kernel} or later\n"), format!("Codecs   {algorithm}\n")]
        {
            assert!(run.stdout.contains(&told), "{}", run.stdout);
        }
        let run = place.run(&format!("-z{algorithm} --json IMG source"));
        let told = format!("\"algorithms\":[\"{algorithm}\"]");
        assert!(run.stdout.contains(&told), "{}", run.stdout);
    }
}

#[test]
fn extents_are_no_shorter_than_a_block() {
    let place = place();
    let message = refusal_of(&place, 2, "-zlz4 --max-extent-bytes=4095 IMG source");
    assert_eq!(message, "--max-extent-bytes=4095 contradicts blocks of 4096 bytes (-b)");
    let all = length(&place, "-zlz4hc -C65536 IMG source");
    let short = length(&place, "-zlz4hc -C65536 --max-extent-bytes=8192 IMG source");
    assert!(all < short, "{all} {short}");
}

#[test]
fn what_repeats_is_stored_once_where_that_is_asked_for() {
    let place = place();
    let data = trees::text(3, 300_000);
    place.file("source/one", &data);
    place.file("source/two", [b"first", &data[..], b"last"].concat());
    let json = |line: &str| {
        let run = place.run(&format!("--json {line} IMG source"));
        run.succeeded();
        run.stdout
    };
    let nothing = "\"repeated_bytes\":0,";
    assert!(json("-zlz4hc").contains(nothing));
    assert!(json("-zlz4hc -Efragments,^dedupe").contains(nothing));
    assert!(!json("-zlz4hc -Efragments").contains(nothing));
    assert!(!json("-zlz4hc -Ededupe").contains(nothing));
    assert!(length(&place, "-zlz4hc -Ededupe IMG source") < length(&place, "-zlz4hc IMG source"));
    let message = refusal_of(&place, 2, "-zlz4 -Ededupe --target-kernel=5.15 IMG source");
    assert_eq!(message, "Linux 5.15 cannot mount pclusters of several files: they need 6.1");
}
