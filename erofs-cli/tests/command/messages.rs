//! The words with which arguments are refused, as in `tests/messages.txt`.
//! `UPDATE_GOLDEN=1` writes that file anew; the diff is the review of the words.
//! Those of the library are in `erofs-writer/src/error/messages.txt`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::place::Place;
use crate::refusal::refusal_of;

/// One line for each reason. What is refused by the name of a flag is all of
/// what `docs/flags.md` says is refused.
const LINES: &[&str] = &[
    "--zfeature-bits=1 IMG source",
    "-m4096 IMG source",
    "--zD=1 IMG source",
    "--MZ IMG source",
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
    "-z zstd IMG source",
    "-z nothing IMG source",
    "-z lz4hc,level=13 IMG source",
    "-E dot-omitted IMG source",
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
    "IMG source/b",
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
