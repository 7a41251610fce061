//! Flags in documents: each of mkfs.erofs and each of ours is in `docs/flags.md`,
//! and those of mkfs.erofs are at least known by name.

use std::fs;
use std::path::Path;

use testdata::skip::{Oracle, have};
use testdata::tools;

use crate::place::{Place, Run};

/// The flags that the lines of a help begin with.
fn flags(help: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in help.lines() {
        for word in line.split_whitespace() {
            let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
            let flag: String = match word.starts_with("--") {
                true => word.chars().take_while(is_name).collect(),
                false => word.chars().take(2).collect(),
            };
            if !flag.starts_with('-') || flag.len() < 2 || flag == "--" {
                break;
            }
            found.push(flag);
            // Others that mean the same follow a comma.
            if !word.ends_with(',') {
                break;
            }
        }
    }
    found
}

fn documented(flag: &str, text: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    // The value of a flag of one letter follows it directly.
    let is_short = !flag.starts_with("--");
    text.split('`').any(|code| code.strip_prefix(flag).is_some_and(|rest| is_short || is_end(rest)))
}

fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/flags.md");
    fs::read_to_string(path).expect("is in the repository")
}

#[test]
fn every_flag_of_mkfs_erofs_is_documented_and_known() {
    if !have(Oracle::Mkfs) {
        return;
    }
    let (place, text) = (Place::new(), text());
    let peer = tools::program("mkfs.erofs").expect("is there");
    let help = Run::of(place.command_of(peer).arg("--help"));
    let flags = flags(&help.stdout);
    for flag in ["-b", "-E", "-V", "--version", "--all-root", "--workers", "--MZ", "--tar"] {
        assert!(flags.iter().any(|found| found == flag), "{flag}: {flags:?}");
    }
    for flag in flags {
        assert!(documented(&flag, &text), "{flag} is not in docs/flags.md");
        let run = place.run(&flag);
        assert!(!run.stderr.contains("unexpected argument"), "{flag}: {}", run.stderr);
    }
}

#[test]
fn every_flag_of_ours_is_documented() {
    let text = text();
    let flags = flags(&Place::new().run("--help").stdout);
    for flag in ["-b", "-E", "--store-paths", "--file-contexts", "--json"] {
        assert!(flags.iter().any(|found| found == flag), "{flag}: {flags:?}");
    }
    for flag in flags {
        assert!(documented(&flag, &text), "{flag} is not in docs/flags.md");
    }
    assert!(!documented("--no-such-flag", &text) && !documented("--work", &text));
}
