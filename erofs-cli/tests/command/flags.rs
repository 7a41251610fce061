//! Arguments that make no sense: exit code 2, and nothing is touched.

use crate::place::Place;
use crate::refusal::{refusal, refusal_of};

/// Checks that each line is refused with the message beside it.
#[track_caller]
fn refused(cases: &[(&str, &str)]) {
    let place = Place::with_source();
    for (line, message) in cases {
        assert_eq!(refusal_of(&place, 2, line), *message, "{line}");
    }
}

#[test]
fn labels_that_do_not_fit() {
    let why = "for '-L <LABEL>': a label has at most 15 bytes, none of them NUL";
    for label in ["1234567890123456", "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}"] {
        refused(&[(&format!("-L {label} IMG source"), &format!("invalid value '{label}' {why}"))]);
        refused(&[(&format!("IMG source -L{label}"), &format!("invalid value '{label}' {why}"))]);
    }
}

#[test]
fn identities_that_are_none() {
    let place = Place::with_source();
    for uuid in [
        "x",
        "Clear",
        "eb176051bd1549b79e6b462e0b467019",
        "{eb176051-bd15-49b7-9e6b-462e0b467019}",
        "eb176051-bd15-49b7-9e6b-462e0b46701g",
        "eb176051-bd15-49b7-9e6b-462e0b4670190",
    ] {
        let message = refusal_of(&place, 2, &format!("-U {uuid} IMG source"));
        assert!(message.starts_with(&format!("invalid value '{uuid}' for '-U <UUID>': ")));
    }
}

#[test]
fn sizes_that_are_none() {
    let place = Place::with_source();
    for (flag, values) in [
        ("-b", &["0", "-1", "256", "4095", "131072", "4096.0", "4kb", "18446744073709551616"][..]),
        ("--chunksize", &["0", "511", "4097", "-4096", "1g"]),
        ("--offset", &["-1", "x", "18446744073709551616"]),
        ("--dsunit", &["-1", "4294967296", "one"]),
        ("--fsalignblks", &["x", "-2"]),
        ("--workers", &["-1", "many"]),
        ("--root-mode", &["8", "10000", "rwx"]),
        ("--force-uid", &["4294967295", "root", "-1"]),
        ("--gid-offset", &["4294967296"]),
        ("-T", &["-1", "now", "9223372036854775808"]),
        ("-d", &["10", "-1", "x"]),
        ("-x", &["much", "9223372036854775808"]),
        ("--xattr-prefix", &["", "system.", "use"]),
    ] {
        for value in values {
            let words = [flag, value, "IMG", "source"];
            let message = refusal(&place, 2, || {
                let mut command = place.command();
                command.args(words);
                command
            });
            assert!(message.contains(flag), "{words:?}: {message}");
            assert!(message.contains(&format!("'{value}'")) || value.is_empty(), "{message}");
        }
    }
}

#[test]
fn flags_that_contradict_each_other() {
    refused(&[
        (
            "--chunksize=4096 -b8192 IMG source",
            "--chunksize=4096 contradicts blocks of 8192 bytes (-b)",
        ),
        (
            "--file-contexts=A --file-contexts=B IMG source",
            "--file-contexts=B contradicts --file-contexts=A",
        ),
    ]);
}

#[test]
fn regular_expressions_that_are_none_or_cannot_be_searched_quickly() {
    let place = Place::with_source();
    for (regex, part) in [
        ("(", "'('"),
        ("a{", "'a{'"),
        ("[", "'['"),
        ("[z-a]", "'[z-a]'"),
        ("a\\", "'a\\'"),
        ("(a)\\1", "back-reference"),
        ("[[:nothing:]]", "'[[:nothing:]]'"),
        ("a{2,1}", "'a{2,1}'"),
        ("a{70000}", "'a{70000}'"),
        ("((((((((x{255}){255}){255}){255}){255}){255}){255}){255}", "'((((((((x{255})"),
    ] {
        let message = refusal_of(&place, 2, &format!("--exclude-regex={regex} IMG source"));
        let start = "invalid value '";
        assert!(message.starts_with(start) && message.contains(part), "{regex}: {message}");
        assert!(message.contains("'--exclude-regex <REGEX>'"), "{regex}: {message}");
    }
}

#[test]
fn arguments_that_are_missing_empty_or_too_many() {
    refused(&[
        ("IMG", "SOURCE (or --store-paths LIST, --tar, --nar or --manifest) is missing"),
        (
            "--store-paths LIST IMG source other",
            "other: only directories and an image can be laid over each other",
        ),
        ("IMG source -T", "a value is required for '-T <SECONDS>' but none was supplied"),
        ("--no-such-flag IMG source", "unexpected argument '--no-such-flag' found"),
        ("-q IMG source", "unexpected argument '-q' found"),
    ]);
    let place = Place::with_source();
    for words in [["", "source"], ["IMG", ""]] {
        let message = refusal(&place, 2, || {
            let mut command = place.command();
            command.args(words);
            command
        });
        assert!(message.starts_with("a value is required for "), "{message}");
    }
}

#[test]
fn a_source_date_epoch_that_is_no_time() {
    let place = Place::with_source();
    for epoch in ["now", "-1", "1.5", "0x10", "9223372036854775808", " 1"] {
        let message = refusal(&place, 2, || {
            let mut command = place.command();
            command.args(["IMG", "source"]).env("SOURCE_DATE_EPOCH", epoch);
            command
        });
        let start = format!("invalid value '{epoch}' for 'SOURCE_DATE_EPOCH': ");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn owners_beyond_32_bits_are_an_error_with_a_path() {
    let place = Place::with_source();
    for flag in ["uid", "gid"] {
        for (id, offset) in [("4294967294", "2"), ("1", "-2")] {
            let line = format!("--force-{flag}={id} --{flag}-offset={offset} IMG source");
            let why = format!("/: with an offset of {offset}, its {flag} {id} is outside");
            let message = refusal_of(&place, 1, &line);
            assert_eq!(message, format!("{why} of 0 to 4294967295"));
        }
    }
}
