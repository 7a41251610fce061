//! The words with which arguments are refused, as in `tests/messages.txt`.
//! `UPDATE_GOLDEN=1` writes that file anew; the diff is the review of the words.
//! Those of the library are in `erofs-writer/src/error/messages.txt`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::place::{Place, Run};
use crate::refusal::refusal_of;

/// One line for each reason. All flags that `docs/flags.md` calls refused are among
/// them.
const LINES: &[&str] = &[
    "--zfeature-bits=1 IMG source",
    "--verity --verity-hash=md5 IMG source",
    "--verity --verity-salt=abc IMG source",
    "--verity --verity-salt= IMG source",
    "--verity --verity-data-block-size=100 IMG source",
    "--verity-hash=sha256 IMG source",
    "--verity-salt=- IMG source",
    "--verity-data-block-size=4096 IMG source",
    "--verity-hash-block-size=4096 IMG source",
    "--verity-no-superblock IMG source",
    "--roothash-file=ROOT IMG source",
    "--verity=IMG IMG source",
    "--verity=TREE --roothash-file=TREE IMG source",
    "--tar=i --fsverity-digests=X IMG source",
    "-m4096 IMG source",
    "-m4096:lz5 IMG source",
    "-m100:lz4 IMG source",
    "-zlz4 -m4096:3 IMG source",
    "-zlz4 -m4096 -E ^48bit IMG source",
    "--zD=1 IMG source",
    "--MZ=d IMG source",
    "--MZ=x IMG source",
    "--blobdev=X IMG source",
    "--xattr-inode-digest IMG source",
    "--s3=X IMG source",
    "--oci IMG",
    "--incremental=data IMG source",
    "--product-out=X IMG source",
    "--fs-config-file=X IMG source",
    "--block-list-file=X IMG source",
    "--gzinfo IMG source",
    "--vmdk-desc=X IMG source",
    "--random-pclusterblks IMG source",
    "--random-algorithms IMG source",
    "-z zstd,23 IMG source",
    "-z lzma,6,lc=5 IMG source",
    "-z nothing IMG source",
    "-z lz4hc,level=13 IMG source",
    "-E dot-omitted,^48bit IMG source",
    "-E fragmnts IMG source",
    "-E nothing IMG source",
    "-E fragments= IMG source",
    "-E dedupe=1 IMG source",
    "-E fragdedupe=some IMG source",
    "-b 100 IMG source",
    "-b x IMG source",
    "-b -1 IMG source",
    "-C 100 IMG source",
    "-T -1 IMG source",
    "-U x IMG source",
    "-L 1234567890123456 IMG source",
    "-x many IMG source",
    "--chunksize=100 IMG source",
    "--max-extent-bytes=1 IMG source",
    "--target-kernel=6 IMG source",
    "--target-kernel=5.4 -zlz4 -Efragments IMG source",
    "--target-kernel=6.12 -E 48bit IMG source",
    "--workers=-1 IMG source",
    "--root-mode=8 IMG source",
    "--force-uid=4294967295 IMG source",
    "--xattr-prefix=x IMG source",
    "--add-file=source IMG source",
    "--exclude-regex=( IMG source",
    "--clean=rvsp IMG source",
    "--ovlfs-strip=2 IMG source",
    "--sort=size IMG source",
    "--tar=x IMG source",
    "--tar=i,MAP IMG source",
    "--tar=i --unxz IMG source",
    "--ungzip=X --tar IMG source",
    "--tar --store-paths LIST IMG",
    "--store-paths LIST IMG source other",
    "--chunksize=4096 -b 8192 IMG source",
    "--file-contexts=A --file-contexts=B IMG source",
    "--file-contexts=A -x -1 IMG source",
    "--no-such-flag IMG source",
    "IMG source -T",
    "IMG",
];

#[test]
fn refusals_are_in_the_words_that_were_reviewed() {
    let place = Place::with_source();
    let mut made = String::new();
    for line in LINES {
        let message = refusal_of(&place, 2, line);
        assert!(!message.ends_with('.'), "{line}: {message}");
        let _ = writeln!(made, "{line}\n    {message}");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&file, &made).expect("there is room");
    }
    let reviewed = fs::read_to_string(&file).expect("is in the repository");
    for (number, (reviewed, made)) in reviewed.lines().zip(made.lines()).enumerate() {
        assert_eq!(made, reviewed, "messages.txt:{}: UPDATE_GOLDEN=1 writes it", number + 1);
    }
    assert_eq!(made.lines().count(), reviewed.lines().count(), "UPDATE_GOLDEN=1 writes it");
}

/// Every flag that the documents call refused is among the lines.
#[test]
fn every_flag_that_is_refused_has_a_message() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/flags.md");
    let text = fs::read_to_string(path).expect("is in the repository");
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("| refused |")).collect();
    assert!(!rows.is_empty());
    for row in rows {
        let first = row.split('|').nth(1).expect("is a row of a table");
        for flag in first.split('`').filter(|code| code.starts_with('-')) {
            let name = flag.split(['=', '[', '#']).next().expect("is one at least");
            let has = |line: &&str| line.split(' ').any(|word| word.starts_with(name));
            assert!(LINES.iter().any(has), "{flag}");
        }
    }
}

/// No character of a message controls a terminal, and there are not too many.
#[track_caller]
fn is_harmless(run: &Run) {
    let controls = |char: char| char != '\n' && (char.is_control() || char == '\u{202e}');
    let bytes = run.stderr.len();
    assert!(bytes > 0 && bytes < 20_000 && !run.stderr.contains(controls), "{bytes}: {run:?}");
}

#[test]
fn names_control_no_terminal_and_have_a_bound() {
    let place = Place::with_source();
    place.file("list", "");
    let long = format!("x\x1b[31m\u{202e}\u{9b}\t{}z", "y".repeat(100_000));
    let lines = "\x1b\n".repeat(50_000);
    let with_hints = "--compress-hints=hints";
    for hint in [format!("{long} ."), format!("4096 {long} ."), format!("4096 ({long}")] {
        place.file("hints", hint);
        is_harmless(&Run::of(place.command().args(["-zlz4", with_hints, "IMG", "source"])));
    }
    for evil in [&long, &lines] {
        let with = |flag: &str| format!("{flag}{evil}");
        for words in [
            &["IMG", evil][..],
            &[evil, "source"],
            &["IMG", "source", evil],
            &["IMG", "-zlz4", &with("--compress-hints="), "source"],
            &["IMG", &with("--file-contexts="), "source"],
            &["IMG", &with("--file-contexts="), "--file-contexts=other", "source"],
            &["IMG", "-x-1", &with("--file-contexts="), "source"],
            &["IMG", &with("--exclude-path=/"), "source"],
            &["IMG", &with("--exclude-regex=("), "source"],
            &["IMG", &with("--add-file=/x="), "source"],
            &["IMG", &with("--add-file=/../"), "source"],
            &["IMG", &with("-zx"), "source"],
            &["IMG", &with("-zlz4hc,x"), "source"],
            &["IMG", &with("-E"), "source"],
            &["IMG", &with("-Efragdedupe="), "source"],
            &["IMG", &with("-b"), "source"],
            &["IMG", &with("--s3="), "source"],
            &["IMG", &with("--unknown-"), "source"],
            &["IMG", "--tar=i", &with("--compress-hints="), "nowhere"],
            &["IMG", "--tar=f", evil],
            &["IMG", &with("--store-paths=")],
            &["IMG", "--store-paths=list", "source", evil],
        ] {
            is_harmless(&Run::of(place.command().args(words)));
        }
    }
    // Names that there can be.
    let evil = "x\x1b[31m\u{202e}y";
    place.file("many", format!("/{evil}/../{evil}\n").repeat(10));
    place.file(&format!("source/{evil}"), "bytes");
    for words in [
        &["-d4", "-T0", evil, "source"][..],
        &["IMG", "--force-uid=4294967294", "--uid-offset=2", &format!("source/{evil}")],
        &["IMG", "--store-paths=many"],
    ] {
        is_harmless(&Run::of(place.command().args(words)));
    }
}
