//! Images that are listed and extracted.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

use testdata::entry::{Compare, diff};
use testdata::host;

use crate::callers::place;
use crate::place::{NOBODY, Place, Run, is_root};

/// A place with an image of a tree with one of each.
fn with_image(flags: &str) -> Place {
    let place = Place::new();
    place.file("T/bin/tool", "text ".repeat(50_000));
    place.file("T/bin/again", "text ".repeat(50_000));
    place.file("T/etc/a b\n", "short");
    place.file("T/big", "0123456789".repeat(10_000));
    fs::hard_link(place.path("T/big"), place.path("T/other")).expect("there is room");
    symlink("bin/tool", place.path("T/link")).expect("there is room");
    fs::set_permissions(place.path("T/bin/tool"), fs::Permissions::from_mode(0o4755))
        .expect("is mine");
    place.run(&format!("--quiet -T1700000000 --all-root {flags} IMG T")).succeeded();
    place
}

fn same(place: &Place, dir: &str, compare: Compare) {
    let expected = host::snapshot(&place.path("T")).expect("is readable");
    let found = host::snapshot(&place.path(dir)).expect("is readable");
    diff(&expected, &found, compare).unwrap_or_else(|text| panic!("{text}"));
}

/// Checks that an object has the members that a schema says.
#[track_caller]
fn has_members(object: &serde_json::Value, schema: &serde_json::Value) {
    for name in schema["required"].as_array().expect("a list") {
        assert!(
            object.get(name.as_str().expect("a name")).is_some(),
            "{name} is missing: {object}"
        );
    }
    for (name, value) in object.as_object().expect("an object") {
        let known = schema["properties"].get(name);
        let known = known.unwrap_or_else(|| panic!("what is {name}: {object}"));
        let words = known["enum"].as_array();
        assert!(words.is_none_or(|words| words.contains(value)), "{name} is {value}");
    }
}

#[test]
fn an_image_is_extracted() {
    let place = place();
    place.run("--quiet -zlz4 -Eall-fragments,dedupe IMG DIR").succeeded();
    let run = place.run("--extract=OUT IMG");
    run.succeeded();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let expected = host::snapshot(&place.path("DIR")).expect("is readable");
    let found = host::snapshot(&place.path("OUT")).expect("is readable");
    diff(&expected, &found, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
    // Again, it is in the way of itself.
    let run = place.run("--extract=OUT IMG");
    assert_eq!(run.code(), Some(1));
    assert!(run.stderr.starts_with("mkfs-erofs: OUT/"), "{run:?}");
    assert!(run.stderr.contains(": cannot be written: File exists"), "{run:?}");
    place.run("--extract=OUT --overwrite IMG").succeeded();
    let found = host::snapshot(&place.path("OUT")).expect("is readable");
    diff(&expected, &found, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn nobody_extracts_what_he_may() {
    if !is_root() {
        return;
    }
    let place = with_image("-zlz4");
    place.folder("out");
    std::os::unix::fs::chown(place.path("out"), Some(NOBODY), Some(NOBODY)).expect("is root");
    let mut command = place.command_of_nobody();
    let run = Run::of(command.args(["--extract=out/T", "IMG"]));
    assert_eq!(run.code(), Some(0), "{run:?}");
    let expected = "mkfs-erofs: note: owners were not kept, 8 in all, such as of /; \
                    --no-same-owner asks for this\nmkfs-erofs: note: setuid and setgid bits were \
                    left out, 1 in all, such as of /bin/tool\n";
    assert_eq!(run.stderr, expected);
    let tool = fs::metadata(place.path("out/T/bin/tool")).expect("is there");
    assert_eq!((tool.uid(), tool.mode() & 0o7777), (NOBODY, 0o755));
    fs::set_permissions(place.path("T/bin/tool"), fs::Permissions::from_mode(0o755))
        .expect("is mine");
    same(&place, "out/T", Compare { owner: false, mtime: false, ..Compare::ALL });
    let mut command = place.command_of_nobody();
    let run = Run::of(command.args(["--extract=out/again", "--no-same-owner", "IMG", "link"]));
    run.succeeded();
    assert_eq!((run.stderr.as_str(), place.names("out/again").join(" ")), ("", "link".into()));
}

#[test]
fn paths_are_extracted_or_missing() {
    let place = with_image("");
    place.run("--extract=OUT IMG bin /link").succeeded();
    assert_eq!(place.names("OUT"), ["bin", "link"]);
    assert_eq!(place.names("OUT/bin"), ["again", "tool"]);
    let run = place.run("--extract=NONE IMG bin nothing");
    assert_eq!(
        (run.code(), run.stderr.as_str()),
        (Some(1), "mkfs-erofs: nothing: does not exist\n")
    );
    assert!(!place.path("NONE").exists());
    let run = place.run("--list IMG bin nothing");
    assert_eq!(run.code(), Some(1));
    assert!(run.stderr.ends_with("/nothing: does not exist\n"), "{run:?}");
    let paths: Vec<_> = run.stdout.lines().map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(paths, [Some("/bin"), Some("/bin/again"), Some("/bin/tool")]);
}

#[test]
fn a_listing_is_like_that_of_ls() {
    let place = with_image("-zlz4 -C65536");
    let run = place.run("--list IMG");
    run.succeeded();
    // The time and what comes before it is the same for all.
    let lines: Vec<String> = run
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let time = "2023-11-14 22:13:20";
    let find = |path: &str| {
        let line = lines.iter().find(|line| line.contains(&format!(" {path}")));
        line.unwrap_or_else(|| panic!("{path}: {lines:?}")).clone()
    };
    let stored =
        |line: &str| line.split(' ').nth(8).expect("a column").parse::<u64>().expect("is one");
    let tool = find("/bin/tool");
    assert!(tool.starts_with(&format!("-rwsr-xr-x 1 0 0 250000 {time} lz4 ")), "{tool}");
    // Both have the same bytes, which count for the first.
    let (again, stored_tool) = (stored(&find("/bin/again")), stored(&tool));
    assert!((again == 0) != (stored_tool == 0), "{lines:?}");
    assert!(find("/etc/a b\\n").contains(" 5 2023"), "names are escaped");
    assert!(find("/other").starts_with(&format!("-rw-r--r-- 2 0 0 100000 {time} = 0 ")));
    assert!(find("/link").ends_with("/link -> bin/tool"));
    assert!(lines[0].starts_with("drwxr-xr-x 4 0 0 "), "{lines:?}");
    assert_eq!(lines.len(), 9);
}

#[test]
fn a_listing_as_json_has_all_of_it() {
    let place = with_image("-zzstd -Eall-fragments");
    let run = place.run("--list --json IMG");
    run.succeeded();
    let objects: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is an object"))
        .collect();
    assert_eq!(objects.len(), 9);
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/listing.schema.json");
    let schema = fs::read_to_string(schema).expect("is in the repository");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("is JSON");
    objects.iter().for_each(|object| has_members(object, &schema["$defs"]["name"]));
    let find = |path: &str| objects.iter().find(|object| object["path"] == path).expect("is there");
    assert_eq!(find("/link")["target"], "bin/tool");
    assert_eq!(find("/etc/a b\n")["size"], 5);
    assert_eq!(find("/big")["mtime"], "2023-11-14T22:13:20Z");
    assert_eq!(find("/bin/tool")["mode"], "4755");
    assert_eq!(find("/other")["further_name"], true);
    assert_eq!(find("/big")["layout"], "packed");
    // The table says the same.
    let run = place.run("--list=table --json IMG");
    run.succeeded();
    let table: serde_json::Value = serde_json::from_str(&run.stdout).expect("one object");
    has_members(&table, &schema["$defs"]["table"]);
    for entry in table["entries"].as_array().expect("a list") {
        has_members(entry, &schema["$defs"]["table"]["properties"]["entries"]["items"]);
    }
    let length = fs::metadata(place.path("IMG")).expect("is there").len();
    assert_eq!(table["bytes"], length);
    let of = |name: &str, field: &str| {
        let entries = table["entries"].as_array().expect("a list");
        let entry = entries.iter().find(|entry| entry["name"] == name).expect("is there");
        entry[field].as_u64().expect("a number")
    };
    let sum: u64 = objects
        .iter()
        .filter(|object| object["path"].as_str().expect("a text").starts_with("/bin"))
        .map(|object| {
            let number = |field: &str| object[field].as_u64().expect("a number");
            number("stored_bytes") + number("metadata_bytes")
        })
        .sum();
    assert_eq!((of("bin", "bytes_out"), of("bin", "bytes_in")), (sum, 500_000));
    assert_eq!(table["inodes"]["total"], 8);
}

#[test]
fn the_table_is_that_of_the_report() {
    let place = Place::new();
    for (name, len) in [("a", 100_000), ("b", 5000), ("c", 300_000)] {
        place.file(&format!("store/{name}/file"), "some text ".repeat(len / 10));
        place.file(&format!("store/{name}/short"), name.repeat(300));
    }
    place.file("list", "/nix/store/a\n/nix/store/b\n/nix/store/c\n");
    for flags in ["", "-zlz4 -C16384", "-zzstd -C65536 -Eall-fragments,dedupe", "-Enoinline_data"] {
        let run = place.run(&format!("--json --store-paths list {flags} IMG store"));
        run.succeeded();
        let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("one object");
        let run = place.run("--list=table --json IMG");
        run.succeeded();
        let table: serde_json::Value = serde_json::from_str(&run.stdout).expect("one object");
        assert_eq!(table["bytes_in"], report["bytes_in"], "{flags}");
        let of = |all: &serde_json::Value, name: &str, field: &str| {
            let entries = all["entries"].as_array().expect("a list").clone();
            let entry = entries.into_iter().find(|entry| entry["name"] == name);
            entry.expect("is there")[field].as_u64().expect("a number")
        };
        for name in ["a", "b", "c"] {
            let in_bytes = |all| of(all, name, "bytes_in");
            assert_eq!(in_bytes(&table), in_bytes(&report), "{flags}: {name}");
            // The report has the slots of inodes, and rounds parts of the packed inode.
            let (told, counted) = (of(&report, name, "bytes_out"), of(&table, name, "bytes_out"));
            assert!(told.abs_diff(counted) <= 200, "{flags}: {name}: {told} and {counted}");
        }
    }
    let run = place.run("--list=table IMG");
    run.succeeded();
    let names: Vec<_> = run.stdout.lines().map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(names[..3], [Some("entry"), Some("c"), Some("a")], "the largest is first");
    assert!(run.stdout.contains("(the root, tables and padding)"), "{}", run.stdout);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let place = Place::new();
    for file in 0..3000 {
        place.file(&format!("T/{file}"), "");
    }
    place.run("--quiet IMG T").succeeded();
    let mut command = place.command();
    let command = command.args(["--list", "IMG"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut out = BufReader::new(child.stdout.take().expect("is a pipe"));
    out.read_line(&mut String::new()).expect("there is a line");
    drop(out);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(!output.status.success());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("is there");
    let output = place.command().args(["--list", "IMG"]).stdout(full).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("standard output cannot be written"), "{message}");
}

#[test]
fn flags_that_make_images_are_refused() {
    let place = with_image("");
    for (line, message) in [
        ("--list -zlz4 IMG", "-z contradicts --list"),
        ("--extract=OUT --store-paths IMG IMG", "--store-paths contradicts --extract"),
        ("-T0 --list IMG", "-T contradicts --list"),
        ("--extract=OUT --exclude-path=x IMG", "--exclude-path contradicts --extract"),
        ("--extract=OUT --json IMG", "--json contradicts --extract"),
        ("--list", "FILE is missing"),
    ] {
        let run = place.run(line);
        assert_eq!(run.code(), Some(2), "{line}: {run:?}");
        assert!(run.stderr.starts_with(&format!("mkfs-erofs: {message}")), "{line}: {run:?}");
    }
    for line in
        ["--list=all IMG", "--overwrite IMG T", "--list --extract=OUT IMG", "--no-xattrs IMG T"]
    {
        let run = place.run(line);
        assert_eq!(run.code(), Some(2), "{line}: {run:?}");
    }
    assert!(!place.path("OUT").exists());
}

#[test]
fn what_is_no_image_is_not_taken_apart() {
    let place = Place::new();
    place.file("text", "is no image");
    for line in ["--list text", "--list=table text", "--extract=OUT text"] {
        let run = place.run(line);
        assert_eq!((run.code(), run.stdout.as_str()), (Some(1), ""), "{line}");
        assert_eq!(run.stderr, "mkfs-erofs: text: is not an EROFS image\n", "{line}");
    }
    assert!(!place.path("OUT").exists());
}
