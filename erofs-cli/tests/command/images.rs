//! Images as sources.

use std::fs;

use testdata::entry::{Compare, Snapshot, diff};
use testdata::mount::KernelMount;
use testdata::skip::{Oracle, have};
use testdata::{host, tools};

use crate::callers::place;
use crate::place::Place;
use crate::refusal::refusal_of;

fn mounted(place: &Place, image: &str) -> Snapshot {
    let mount = KernelMount::new(&place.path(image)).expect("it mounts");
    host::snapshot(mount.path()).expect("it can be read")
}

fn bytes(place: &Place, path: &str) -> Vec<u8> {
    fs::read(place.path(path)).expect("is readable")
}

#[track_caller]
fn same(expected: &Snapshot, found: &Snapshot) {
    diff(expected, found, Compare::ALL).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn an_image_is_read_and_written_anew() {
    let place = place();
    place.run("DIRECT DIR").succeeded();
    place.run("-zzstd -C65536 -Eall-fragments,dedupe PACKED DIR").succeeded();
    // Of the numbers in the superblock, all but the tree are those of the flags.
    for first in ["DIRECT", "PACKED"] {
        place.run(&format!("--clean=data -b4096 AGAIN {first}")).succeeded();
        assert!(bytes(&place, "AGAIN") == bytes(&place, "DIRECT"), "{first}");
    }
    if have(Oracle::KernelMount) {
        let expected = mounted(&place, "DIRECT");
        for flags in ["-zlzma,1 -C16384", "-b1024 -zlz4", "--chunksize=4096", "-zdeflate -E48bit"] {
            place.run(&format!("--clean {flags} AGAIN PACKED")).succeeded();
            same(&expected, &mounted(&place, "AGAIN"));
        }
    }
}

#[test]
fn an_image_of_the_peer_is_recompressed() {
    if !have(Oracle::Mkfs) || !have(Oracle::KernelMount) {
        return;
    }
    let place = place();
    let (dir, image) = (place.path("DIR"), place.path("PEER"));
    let flags = ["--quiet", "-zlz4hc", "-C65536", "-Efragments"].map(Into::into);
    tools::mkfs(flags.into_iter().chain([image.into_os_string(), dir.into_os_string()]))
        .expect("it makes an image");
    place.run("--clean=data -zzstd,9 -C65536 NEW PEER").succeeded();
    same(&mounted(&place, "PEER"), &mounted(&place, "NEW"));
}

#[test]
fn directories_are_laid_over_an_image_and_paths_left_out() {
    let place = place();
    place.folder("MORE");
    fs::write(place.path("MORE/more"), "more").expect("there is room");
    place.run("OLD DIR").succeeded();
    let names: Vec<_> = place.names("DIR");
    let left_out = names.first().expect("there is something");
    let line = format!("--clean=data --exclude-path={left_out} -T0 NEW OLD MORE");
    place.run(&line).succeeded();
    // The same without an image.
    place.run(&format!("--exclude-path={left_out} -T0 DIRECT DIR MORE")).succeeded();
    assert!(bytes(&place, "NEW") == bytes(&place, "DIRECT"));
}

#[test]
fn what_is_no_image_is_refused() {
    let place = place();
    fs::write(place.path("text"), "is no image").expect("there is room");
    let message = refusal_of(&place, 1, "--clean=data IMG text");
    assert!(message.starts_with("text: is neither a directory nor an EROFS image"), "{message}");
    let message = refusal_of(&place, 1, "--clean=data IMG /dev/null");
    assert!(message.starts_with("/dev/null: cannot be read: is not a file"), "{message}");
    let good = place.image("OWN DIR", "OWN");
    let run = place.run("--clean=data OWN OWN");
    assert_eq!(run.code(), Some(1));
    assert_eq!(run.stderr, "mkfs-erofs: OWN: the image would be part of its own source\n");
    assert!(bytes(&place, "OWN") == good);
    let mut cut = good;
    cut[1024 + 64] ^= 1;
    fs::write(place.path("wrong"), cut).expect("there is room");
    let message = refusal_of(&place, 1, "--clean=data IMG wrong");
    assert_eq!(message, "wrong: at byte 1024: the checksum of the superblock is wrong");
}
