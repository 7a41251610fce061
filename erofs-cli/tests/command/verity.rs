//! Hash trees, compared with those of `veritysetup` and with the digests of `fsverity`.

use std::fs;
use std::process::Command;

use serde_json::Value;
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::tools;

use crate::callers::place as with_dir;
use crate::disks::Disk;
use crate::place::{Place, Run};

const UUID: &str = "-U 12345678-1234-5678-9abc-123456789abc -T0";

fn bytes(place: &Place, path: &str) -> Vec<u8> {
    fs::read(place.path(path)).expect("is readable")
}

fn tool(place: &Place, name: &str, line: &str) -> String {
    let program = tools::program(name).expect("is there");
    let mut command = Command::new(program);
    let command = command.current_dir(place.root()).args(line.split_whitespace());
    tools::run(command).unwrap_or_else(|error| panic!("{error}"))
}

/// The part of the report about the tree.
fn verity(stdout: &str) -> Value {
    let report: Value = serde_json::from_str(stdout).expect("is an object");
    report["verity"].clone()
}

fn number(verity: &Value, member: &str) -> usize {
    let number = verity[member].as_u64().expect("is a number");
    usize::try_from(number).expect("is small")
}

/// An image of about so many blocks of 4096 bytes.
fn place_of(blocks: usize) -> Place {
    let place = Place::new();
    place.folder("DIR");
    if blocks > 1 {
        let noise = (0_u64..).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let noise = noise.flat_map(|number| number.rotate_left(29).to_le_bytes());
        place.file("DIR/file", noise.take((blocks - 1) * 4096).collect::<Vec<u8>>());
    }
    place
}

/// Makes an image with a tree in a file, and the same tree by `veritysetup`. The UUID is known
/// before the image is, and with it the salt.
fn compare(place: &Place, flags: &str) {
    compare_as(place, UUID, flags);
}

fn compare_as(place: &Place, uuid: &str, flags: &str) {
    let line = format!("{uuid} --json --verity=TREE --roothash-file=ROOT {flags} IMG DIR");
    let run = place.run(&line);
    assert_eq!(run.code(), Some(0), "{run:?}");
    let made = verity(&run.stdout);
    let text = |member: &str| made[member].as_str().expect("is text").to_owned();
    let (data_len, hash_len) = (&made["data_block_size"], &made["hash_block_size"]);
    let mut format = format!(
        "format IMG OTHER --hash={} --salt={} --data-block-size={data_len} \
         --hash-block-size={hash_len} --root-hash-file=OTHER-ROOT",
        text("hash"),
        text("salt"),
    );
    match made.get("uuid") {
        Some(_) => format += &format!(" --uuid={}", text("uuid")),
        None => format += " --no-superblock",
    }
    // It would not shorten a file.
    drop(fs::remove_file(place.path("OTHER")));
    tool(place, "veritysetup", &format);
    assert_eq!(text("root_hash").into_bytes(), bytes(place, "ROOT"), "{flags}");
    assert_eq!(bytes(place, "ROOT"), bytes(place, "OTHER-ROOT"), "{flags}");
    // Of a single block there is no tree, and what veritysetup leaves has no end of its own.
    let (mut ours, mut theirs) = (bytes(place, "TREE"), bytes(place, "OTHER"));
    let len = ours.len().max(theirs.len());
    assert_eq!(ours.len(), number(&made, "hash_end"), "{flags}");
    ours.resize(len, 0);
    theirs.resize(len, 0);
    assert!(ours == theirs, "{flags}");
    // Behind the image it is the same, but for what lies between.
    let done = place.run(&format!("{uuid} --json --verity {flags} AFTER DIR"));
    let after = verity(&done.stdout);
    assert_eq!(after["root_hash"], made["root_hash"], "{flags}");
    let (all, start) = (bytes(place, "AFTER"), number(&after, "hash_offset"));
    assert_eq!(all.len(), number(&after, "hash_end"), "{flags}");
    assert!(all[start..] == bytes(place, "TREE"), "{flags}");
    let image = bytes(place, "IMG");
    assert!(all[..image.len()] == image && all[image.len()..start].iter().all(|byte| *byte == 0));
    let data_blocks = &after["data_blocks"];
    let mut check = format!("verify AFTER AFTER {} --hash-offset={start}", text("root_hash"));
    if made.get("uuid").is_none() {
        check += &format!(
            " --no-superblock --hash={} --salt={} --data-block-size={data_len} \
             --hash-block-size={hash_len} --data-blocks={data_blocks}",
            text("hash"),
            text("salt"),
        );
    }
    tool(place, "veritysetup", &check);
}

#[test]
fn trees_are_those_of_veritysetup() {
    if !have(Oracle::Veritysetup) {
        return;
    }
    for blocks in [1, 2, 128, 129, 130, 1000] {
        let place = place_of(blocks);
        compare(&place, "");
        // All bytes of the image decide about this UUID, and so about the salt.
        compare_as(&place, "-T0", "");
        compare_as(&place, "-T0", "-zlz4 --verity-salt=00ff --rebuildable");
    }
    let place = place_of(17_000);
    compare(&place, "");
    let place = place_of(300);
    for flags in [
        "--verity-hash=sha512",
        "--verity-salt=-",
        "--verity-salt=00ff",
        "--verity-no-superblock",
        "--verity-no-superblock --verity-salt=- --verity-hash=sha512 --verity-hash-block-size=512",
        "--verity-data-block-size=1024",
        "--verity-data-block-size=65536",
        "--verity-hash-block-size=1024",
        "--verity-data-block-size=512 --verity-hash-block-size=65536",
        "--verity-data-block-size=65536 --verity-hash-block-size=512 --verity-hash=sha512",
        "-b512",
        "-b1024 -zlz4",
        "-zlz4hc --rebuildable",
        "--fsalignblks=7",
        "-U clear",
    ] {
        compare(&place, flags);
    }
    let salt = "5".repeat(512);
    compare(&place, &format!("--verity-salt={salt}"));
}

#[test]
fn any_changed_byte_is_found_and_every_run_makes_the_same() {
    if !have(Oracle::Veritysetup) {
        return;
    }
    let place = place_of(200);
    let line = format!("{UUID} --json --verity --workers=1 IMG DIR");
    let made = verity(&place.run(&line).stdout);
    let image = bytes(&place, "IMG");
    place.run(&line.replace("=1", "=7")).succeeded();
    assert!(image == bytes(&place, "IMG"));
    let (root, start) = (made["root_hash"].as_str().expect("is text"), &made["hash_offset"]);
    let program = tools::program("veritysetup").expect("is there");
    let end = number(&made, "hash_end");
    for at in
        [1024, 1024 + 0x40, 4096, 100_000, number(&made, "hash_offset") - 1, end - 1, end - 4097]
    {
        let mut changed = image.clone();
        changed[at] ^= 1;
        fs::write(place.path("CHANGED"), changed).expect("there is room");
        let mut command = Command::new(&program);
        command.current_dir(place.root()).args(["verify", "CHANGED", "CHANGED", root]);
        let verified = tools::run(command.arg(format!("--hash-offset={start}")));
        // The last level has room for more digests than there are.
        assert!(verified.is_err() || at >= end - 1, "byte {at}");
    }
}

#[test]
fn an_image_with_a_tree_mounts_verifies_and_is_a_base() {
    let place = with_dir();
    place.run("-zlz4hc --rebuildable --verify --verity OLD DIR").succeeded();
    let done = place.run("--json -zlz4hc --rebuildable --base=OLD --verity NEW DIR");
    done.succeeded();
    let report: Value = serde_json::from_str(&done.stdout).expect("is an object");
    assert!(report["taken_bytes"].as_u64() > Some(0), "{report}");
    assert!(bytes(&place, "OLD") == bytes(&place, "NEW"));
    if have(Oracle::KernelMount) {
        KernelMount::new(&place.path("OLD")).expect("it mounts with what follows it");
    }
}

#[test]
fn an_offset_is_kept_and_positions_are_from_the_image_on() {
    let place = place_of(40);
    place.run(&format!("{UUID} --json --verity PLAIN DIR")).succeeded();
    fs::write(place.path("IMG"), vec![7; 10_000]).expect("there is room");
    let done = place.run(&format!("{UUID} --json --verity --offset=9000 IMG DIR"));
    let whole = bytes(&place, "IMG");
    assert!(whole[..9000] == [7; 9000] && whole[9000..] == bytes(&place, "PLAIN"));
    let end = number(&verity(&done.stdout), "hash_end");
    assert_eq!(end, bytes(&place, "PLAIN").len());
}

#[test]
fn of_two_files_neither_appears_alone() {
    let place = place_of(40);
    for line in [
        "--verity=missing/TREE IMG DIR",
        "--verity=TREE missing/IMG DIR",
        "--verity=DIR IMG DIR",
        "--verity=DIR/TREE IMG DIR",
        "--verity=./IMG IMG DIR",
        "--verity --roothash-file=missing/ROOT IMG DIR",
        "--fsverity-digests=DIR IMG DIR",
        "--add-file /x=X --verity=X IMG DIR",
    ] {
        place.file("X", "x");
        let run = place.run(line);
        assert!(run.code() == Some(1) && run.stderr.lines().count() == 1, "{line}: {run:?}");
        assert_eq!(place.names("."), ["DIR", "X"], "{line}");
        assert_eq!(bytes(&place, "X"), b"x");
    }
}

#[test]
fn digests_are_those_of_fsverity() {
    let place = place_of(1);
    for len in [0, 1, 4096, 4097, 128 * 4096, 129 * 4096, 2_500_000] {
        place.file(&format!("DIR/of {len}"), vec![5; len]);
    }
    fs::hard_link(place.path("DIR/of 1"), place.path("DIR/a")).expect("is possible");
    place.run("--fsverity-digests=LIST IMG DIR").succeeded();
    let list = String::from_utf8(bytes(&place, "LIST")).expect("is ASCII");
    let names: Vec<&str> = list.lines().filter_map(|line| line.split(' ').next()).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!((names.len(), &names), (8, &sorted));
    if !have(Oracle::Fsverity) {
        return;
    }
    for line in list.lines() {
        let (path, digest) = line.split_once(' ').expect("has two words");
        let path = format!("DIR{}", path.replace("\\x20", " "));
        let program = tools::program("fsverity").expect("is there");
        let mut command = Command::new(program);
        command.current_dir(place.root()).args(["digest", "--compact", path.as_str()]);
        assert_eq!(tools::run(&mut command).expect("is readable").trim(), digest, "{path}");
    }
}

#[test]
fn trees_go_to_devices_if_there_is_room() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = place_of(300);
    place.run(&format!("{UUID} --verity IMG DIR")).succeeded();
    place.run(&format!("{UUID} --verity=TREE ALONE DIR")).succeeded();
    let (image, tree) = (bytes(&place, "IMG"), bytes(&place, "TREE"));
    let on = |missing: usize| {
        let disk = Disk::new(image.len() - missing);
        let before = disk.bytes();
        let words = format!("{UUID} --verity {} DIR", disk.path().display());
        (Run::of(place.command().args(words.split_whitespace())), before, disk.bytes())
    };
    let (run, _, after) = on(0);
    run.succeeded();
    assert!(after == image);
    // The image alone would fit.
    let (run, before, after) = on(4096);
    assert_eq!(run.code(), Some(1), "{run:?}");
    let needed = format!("the image needs {} bytes, but the device has", image.len());
    assert!(run.stderr.contains(&needed), "{run:?}");
    assert!(after == before, "nothing was written");

    let apart = |missing: usize| {
        let disk = Disk::new(tree.len() - missing);
        let before = disk.bytes();
        let words = format!("{UUID} --verity={} ON DIR", disk.path().display());
        (Run::of(place.command().args(words.split_whitespace())), before, disk.bytes())
    };
    let (run, _, after) = apart(0);
    run.succeeded();
    assert!(after == tree && bytes(&place, "ON") == bytes(&place, "ALONE"));
    fs::remove_file(place.path("ON")).expect("is there");
    let (run, before, after) = apart(4096);
    assert_eq!(run.code(), Some(1), "{run:?}");
    assert!(!place.path("ON").exists() && after == before);
}
