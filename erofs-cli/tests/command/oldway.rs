//! The store image the old way, by a regular expression over the whole store,
//! and the new way, by a list.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use testdata::entry::{Compare, Entry, Kind, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, tools};

use crate::place::{PROGRAM, Place, Run};

/// A pseudo-random hash of 32 characters, as Nix writes them.
fn hash(number: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut digit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = usize::try_from(state % 32).expect("is below 32");
        char::from(DIGITS[at])
    };
    (0..32).map(|_| digit()).collect()
}

/// Makes store paths in `store`, some of them a file or a symlink, and returns
/// their names.
fn store(place: &Place, numbers: std::ops::Range<u64>) -> Vec<String> {
    place.folder("store");
    let name = |number: u64| {
        let name = format!("{}-package-{number}", hash(number));
        let path = place.path("store").join(&name);
        match number % 10 {
            0 => symlink(format!("/nix/store/{}", hash(number + 1)), &path).expect("free"),
            1 | 2 => fs::write(&path, format!("one file {number}")).expect("there is room"),
            _ => {
                fs::create_dir_all(path.join("bin")).expect("there is room");
                let tool = path.join("bin/tool");
                fs::write(&tool, format!("tool {}", number / 3)).expect("there is room");
                fs::set_permissions(&tool, Permissions::from_mode(0o555)).expect("is mine");
                symlink("tool", path.join("bin/alias")).expect("free");
                fs::set_permissions(&path, Permissions::from_mode(0o555)).expect("is mine");
            }
        }
        name
    };
    numbers.map(name).collect()
}

/// The result of the script `includes-to-excludes.py` of Nixpkgs for the first
/// characters of names: a regular expression that matches paths that begin with none of
/// them.
fn includes_to_excludes(prefixes: &[&str]) -> String {
    format!("^{}", inverted(prefixes))
}

fn inverted(rests: &[&str]) -> String {
    let mut firsts: Vec<char> = rests.iter().filter_map(|rest| rest.chars().next()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    if firsts.is_empty() {
        // After a whole prefix nothing matches.
        return "(//X)".to_owned();
    }
    let mut out = format!("([^{}]", String::from_iter(&firsts));
    for first in firsts {
        let below: Vec<&str> = rests.iter().filter_map(|rest| rest.strip_prefix(first)).collect();
        out.push_str(&format!("|({first}{})", inverted(&below)));
    }
    out.push(')');
    out
}

/// The lines with which a NixOS module of 2022 makes its store image.
const OLD_WAY: &str = r#"
cd "$STORE"
mkfs.erofs \
  --force-uid=0 \
  --force-gid=0 \
  -L nix-store \
  -U eb176051-bd15-49b7-9e6b-462e0b467019 \
  -T 0 \
  --exclude-regex="$(cat ../regex)" \
  "$OUT"/nixos.img \
  .
"#;

/// Runs these lines with the `mkfs.erofs` in `bin`; the image goes to `out`.
fn old_way(place: &Place, bin: &std::path::Path, out: &str) -> Run {
    place.folder(out);
    let path = std::env::var("PATH").expect("is set");
    let mut command = place.command_of("/bin/sh");
    command.args(["-euc", OLD_WAY]).env("PATH", format!("{}:{path}", bin.display()));
    command.env("STORE", place.path("store")).env("OUT", place.path(out));
    Run::of(&mut command)
}

/// The tree that a list of store paths must give when the image is mounted.
fn expected(place: &Place, names: &[String]) -> Snapshot {
    let all = host::snapshot(&place.path("store")).expect("is readable");
    let listed: std::collections::BTreeSet<&[u8]> = names.iter().map(String::as_bytes).collect();
    let first = |path: &[u8]| {
        let rest = path.strip_prefix(b"/").unwrap_or(path);
        rest.split(|byte| *byte == b'/').next().unwrap_or(rest).to_vec()
    };
    let wanted = all.into_iter().filter(|(path, _)| listed.contains(&first(path)[..]));
    let plain = |(path, entry): (Vec<u8>, Entry)| {
        (path, Entry { uid: 0, gid: 0, mtime_sec: 0, mtime_nsec: 0, ..entry })
    };
    let mut tree: Snapshot = wanted.map(plain).collect();
    tree.insert(b"/".to_vec(), Entry::new(Kind::Directory, 0o755));
    tree
}

const TREE: Compare = Compare { dir_nlink: false, ..Compare::ALL };

#[test]
fn the_old_way_with_1500_store_paths_gives_the_same_tree_three_ways() {
    let place = Place::new();
    let names = store(&place, 0..1500);
    // A store has more than the closure, some of it hidden.
    store(&place, 5000..5100);
    place.file("store/.links/0123", "left out");
    place.file("store/tmp-123-0/half", "left out");
    fs::set_permissions(place.path("store"), Permissions::from_mode(0o755)).expect("is mine");
    let prefixes: Vec<&str> = names.iter().map(|name| &name[..10]).collect();
    let regex = includes_to_excludes(&prefixes);
    // Linux does not take a longer argument.
    assert!((100_000..131_000).contains(&regex.len()), "{}", regex.len());
    place.file("regex", regex);
    let list: String = names.iter().map(|name| format!("/nix/store/{name}\n")).collect();
    place.file("store-paths", list);

    place.folder("bin");
    symlink(PROGRAM, place.path("bin/mkfs.erofs")).expect("free");
    old_way(&place, &place.path("bin"), "ours").succeeded();
    let old = fs::read(place.path("ours/nixos.img")).expect("was written");
    let new = place.image("--store-paths store-paths NEW store", "NEW");
    assert!(old == new, "one image, byte for byte");
    let tree = testdata::reader::snapshot(&place.path("NEW"), &[]).expect("is an image");
    diff(&expected(&place, &names), &tree, TREE).unwrap_or_else(|text| panic!("{text}"));

    if have(Oracle::Mkfs) && have(Oracle::Fsck) {
        let peer = tools::program("mkfs.erofs").expect("is there");
        let run = old_way(&place, peer.parent().expect("lies in a folder"), "theirs");
        assert_eq!(run.code(), Some(0), "{run:?}");
        let [ours, theirs] = ["ours", "theirs"].map(|folder| {
            let image = place.path(folder).join("nixos.img");
            tools::extracted_snapshot(&image, &[]).expect("can be extracted")
        });
        // Extracting to a folder that exists leaves its times alone.
        let compare = Compare { root: false, dir_nlink: false, ..Compare::ALL };
        diff(&theirs, &ours, compare).unwrap_or_else(|text| panic!("{text}"));
        assert_eq!(ours.len(), tree.len());
    }
}

#[test]
fn ten_thousand_store_paths_are_packed_by_a_list() {
    let place = Place::new();
    let names = store(&place, 0..10_000);
    place.file("store/not-listed", "left out");
    let store = place.path("store").display().to_string();
    // In any order, and some of them twice.
    let lines = names.iter().rev().chain(names.iter().take(100));
    place.file("list", lines.map(|name| format!("{store}/{name}\n")).collect::<String>());
    place.run("--store-paths list IMG").succeeded();
    let expected = expected(&place, &names);
    let image = place.path("IMG");
    let read = testdata::reader::snapshot(&image, &[]).expect("is an image");
    diff(&expected, &read, TREE).unwrap_or_else(|text| panic!("{text}"));
    if have(Oracle::KernelMount) {
        let mount = KernelMount::new(&image).expect("is an image");
        let mounted = host::snapshot(mount.path()).expect("is readable");
        diff(&expected, &mounted, TREE).unwrap_or_else(|text| panic!("{text}"));
    }
    if have(Oracle::Blkid) {
        let found = tools::blkid(&image).expect("is recognised");
        assert_eq!(found["LABEL"], "nix-store");
        assert_eq!(found["UUID"], "eb176051-bd15-49b7-9e6b-462e0b467019");
    }
}

#[test]
fn a_regular_expression_of_no_store_paths_leaves_nothing_out() {
    // As with mkfs.erofs; only an empty list is refused.
    let place = Place::with_source();
    let all = place.image("-T0 IMG source", "IMG");
    let regex = includes_to_excludes(&[]);
    let run = place.run(&format!("-T0 --exclude-regex={regex} IMG source"));
    let note =
        format!("mkfs-erofs: note: --exclude-regex={regex}: leaves nothing out: no path matches\n");
    assert_eq!((run.code(), run.stderr), (Some(0), note));
    assert_eq!(std::fs::read(place.path("IMG")).expect("was written"), all);
    place.file("list", "");
    assert_eq!(place.run("--store-paths list IMG").code(), Some(1));
}
