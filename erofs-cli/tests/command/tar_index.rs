//! Indexes of tar archives, as containerd makes and mounts them.

use std::fs;
use std::path::Path;
use std::process::Command;

use testdata::entry::{Compare, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, tools};

use crate::callers::UUID;
use crate::place::{PROGRAM, Place, Run};
use crate::refusal::refusal_of;
use crate::tar::{fed, piped, place_with_archive};

/// The lines of containerd, whose archive is on standard input.
const LINES: &[&str] = &[
    "--tar=i --aufs --quiet -U {UUID} IMG",
    "--tar=i --aufs --quiet -T0 --mkfs-time --sort=none -U {UUID} IMG",
    "--tar=i --aufs --quiet -b4096 -U {UUID} IMG",
    "--tar=i --aufs --quiet -b4096 -T0 --mkfs-time --sort=none -U {UUID} IMG",
    "--tar=i --aufs --quiet -b4096 -zlz4 -Elegacy-compress -U {UUID} IMG",
];

/// The tree of the image `name` as the kernel shows it, with TAR as its device or without.
fn mounted(place: &Place, name: &str, has_device: bool) -> Snapshot {
    let archive = place.path("TAR");
    let devices = if has_device { vec![&*archive] } else { Vec::new() };
    let mount = KernelMount::with_devices(&place.path(name), &devices).expect("is an image");
    host::snapshot(mount.path()).expect("is readable")
}

#[test]
fn layers_of_containerd_are_an_index_with_its_archive_behind_it() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let place = place_with_archive();
    let archive = fs::read(place.path("TAR")).expect("was written");
    let peer = tools::program("mkfs.erofs").expect("is there");
    for line in LINES {
        let line = line.replace("{UUID}", UUID);
        let trees = [Path::new(PROGRAM), &peer].map(|program| {
            let run = piped(&place, program, &line, &archive);
            assert_eq!(run.code(), Some(0), "{line}: {run:?}");
            let mut image = fs::read(place.path("IMG")).expect("was written");
            let with_device = mounted(&place, "IMG", true);
            fs::remove_file(place.path("IMG")).expect("is mine");
            assert!(image.len() < 8192, "{line}: {} bytes", image.len());
            image.extend(&archive);
            place.file("LAYER", image);
            let appended = mounted(&place, "LAYER", false);
            fs::remove_file(place.path("LAYER")).expect("is mine");
            diff(&with_device, &appended, Compare::ALL)
                .unwrap_or_else(|text| panic!("{line}: {text}"));
            appended
        });
        assert!(trees[0].len() > 5, "{line}: {:?}", trees[0].keys());
        let [ours, theirs] = trees;
        diff(&theirs, &ours, Compare::ALL).unwrap_or_else(|text| panic!("{line}: {text}"));
    }
}

#[test]
fn an_index_shows_what_a_full_image_shows() {
    if !have(Oracle::KernelMount) {
        return;
    }
    let place = place_with_archive();
    let edits = "--exclude-path=usr/share --all-root --hard-dereference";
    place.run(&format!("--quiet --tar=i {edits} INDEX TAR")).succeeded();
    place.run(&format!("--quiet --tar=f {edits} FULL TAR")).succeeded();
    let [index, full] = [("INDEX", true), ("FULL", false)].map(|(name, has_device)| {
        let mut tree = mounted(&place, name, has_device);
        // Hard links count in another way where names are inodes.
        tree.values_mut().for_each(|entry| entry.ino = 0);
        tree
    });
    assert!(full.len() > 5, "{:?}", full.keys());
    diff(&full, &index, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn the_way_an_archive_comes_does_not_change_its_index() {
    let place = place_with_archive();
    let archive = fs::read(place.path("TAR")).expect("was written");
    let wanted = place.image("--quiet --tar=i IMG TAR", "IMG");
    let same = |what: &str| {
        assert!(fs::read(place.path("IMG")).expect("was written") == wanted, "{what} differs");
        fs::remove_file(place.path("IMG")).expect("is mine");
    };
    for line in ["--tar=0 IMG TAR", "--tar=i -b512 --gzip -E force-chunk-indexes,^dedupe IMG TAR"] {
        place.run(&format!("--quiet {line}")).succeeded();
        same(line);
    }
    // Nothing is kept of a stream.
    let mut command = place.command();
    command.args(["--quiet", "--tar=i", "IMG"]).env("TMPDIR", "no-such-folder");
    fed(&mut command, &archive).succeeded();
    same("a pipe");
    let mut redirected = place.command();
    redirected.args(["--quiet", "--tar=i", "IMG"]);
    redirected.stdin(fs::File::open(place.path("TAR")).expect("was written"));
    Run::of(&mut redirected).succeeded();
    same("a redirected file");
}

#[test]
fn a_compressed_archive_has_no_index() {
    let place = place_with_archive();
    for program in ["gzip", "xz", "zstd"] {
        let packed = Command::new(program).arg("-c").arg(place.path("TAR")).output();
        place.file("PACKED", packed.expect("can be run").stdout);
        let message = refusal_of(&place, 1, "--tar=i IMG PACKED");
        let why = "is compressed; an index needs an archive that is not";
        assert_eq!(message, format!("PACKED: cannot be read: {why}"), "{program}");
    }
}

#[test]
fn what_an_index_has_no_use_for_changes_nothing() {
    let place = place_with_archive();
    let wanted = place.image("--quiet --tar=i IMG TAR", "IMG");
    for (flag, noted) in [
        ("-zlz4", "-z lz4"),
        ("-zzstd", "-z zstd"),
        ("-b4096", "-b 4096"),
        ("--chunksize=4096", "--chunksize=4096"),
        ("--dsunit=8", "--dsunit=8"),
        ("-Ededupe", "-E dedupe"),
        ("-Eforce-inode-blockmap", "-E force-inode-blockmap"),
        ("-Elegacy-compress", "-E legacy-compress"),
    ] {
        let run = place.run(&format!("--tar=i {flag} IMG TAR"));
        assert_eq!(run.code(), Some(0), "{run:?}");
        let note = format!("mkfs-erofs: note: {noted}: an index has ");
        assert!(run.stderr.starts_with(&note), "{flag}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        let image = fs::read(place.path("IMG")).expect("was written");
        assert!(image == wanted, "{flag} changes the image");
        fs::remove_file(place.path("IMG")).expect("is mine");
    }
}

#[test]
fn what_an_index_cannot_have_is_refused() {
    let place = place_with_archive();
    let message = refusal_of(&place, 2, "--tar=i --unlzma IMG TAR");
    assert_eq!(message, "--tar=i contradicts --unxz");
    let message = refusal_of(&place, 2, "--tar=i --target-kernel=6.1 IMG TAR");
    assert_eq!(message, "Linux 6.1 cannot mount blocks below 4096 bytes: they need 6.4");
    assert!(refusal_of(&place, 2, "--tar=i --store-paths LIST IMG").contains("--store-paths"));
    place.run("--quiet --tar=i --target-kernel=6.4 IMG TAR").succeeded();
}
