//! Compressed archives: streams with other data between and after them, and small
//! archives that would need much memory.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use testdata::archive::{Archive, Header};
use testdata::skip::{Oracle, have_all};

use crate::place::{PROGRAM, Place, Run};
use crate::refusal::refusal_of;

/// What compresses archives here.
const PROGRAMS: [Oracle; 4] = [Oracle::Gzip, Oracle::Bzip2, Oracle::Xz, Oracle::Zstd];

fn archive() -> Vec<u8> {
    Archive::default().dir("d").file("d/file", &[b'x'; 3000]).finish()
}

/// The output of `program` for `bytes`.
fn packed(program: &str, bytes: &[u8]) -> Vec<u8> {
    let mut words = program.split(' ');
    let mut child = Command::new(words.next().expect("there is one"))
        .args(words)
        .args(["-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("can be run");
    let mut stdin = child.stdin.take().expect("is a pipe");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).expect("is read"));
    let output = child.wait_with_output().expect("ends");
    writer.join().expect("no panic");
    output.stdout
}

fn skipped(number: u8, len: u32) -> Vec<u8> {
    let contents = vec![b'S'; usize::try_from(len).expect("short")];
    [&[0x50 + number, 0x2a, 0x4d, 0x18][..], &len.to_le_bytes(), &contents].concat()
}

#[test]
fn several_streams_and_what_may_be_between_them_are_one_archive() {
    if !have_all(PROGRAMS) {
        return;
    }
    let place = Place::new();
    let archive = archive();
    place.file("TAR", &archive);
    let wanted = place.image("--quiet --tar WANTED TAR", "WANTED");
    let (front, back) = archive.split_at(1300);
    let [gzip, bzip2, xz, zstd] = ["gzip", "bzip2", "xz", "zstd"]
        .map(|program| [packed(program, front), packed(program, back)]);
    let zeros = |count: usize| vec![0; count];
    for (what, pieces) in [
        ("gzip and zeros", vec![gzip.concat(), zeros(10_240)]),
        ("bzip2", vec![bzip2.concat()]),
        ("bzip2 and something else", vec![bzip2.concat(), b"\0behind".to_vec()]),
        ("xz with padding", vec![xz[0].clone(), zeros(8), xz[1].clone(), zeros(4)]),
        ("zstd:chunked", vec![zstd.concat(), skipped(0, 300), skipped(15, 0)]),
        ("pzstd", vec![skipped(0, 4), zstd[0].clone(), skipped(1, 70_000), zstd[1].clone()]),
        ("zstd without checksums", vec![packed("zstd --no-check", &archive)]),
        ("lzma", vec![packed("xz --format=lzma", &archive)]),
        ("other bits of lzma", vec![packed("xz --format=lzma --lzma1=lc=1,lp=2,pb=0", &archive)]),
        ("a small dictionary", vec![packed("xz --format=lzma --lzma1=dict=6KiB", &archive)]),
    ] {
        place.file("PACKED", pieces.concat());
        let image = place.image("--quiet --tar IMG PACKED", "IMG");
        assert!(image == wanted, "{what}");
        fs::remove_file(place.path("IMG")).expect("was written");
    }
}

#[test]
fn streams_that_are_damaged_or_need_too_much_are_named() {
    if !have_all(PROGRAMS) {
        return;
    }
    let place = Place::new();
    let archive = archive();
    let flipped = |program: &str, from_end: usize| {
        let mut bytes = packed(program, &archive);
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        bytes
    };
    let [gzip, xz, zstd] = ["gzip", "xz", "zstd"].map(|program| packed(program, &archive));
    for (bytes, why) in [
        ([&gzip[..], b"\0\0x"].concat(), "data after its end that is not gzip"),
        ([&zstd[..], b"rest"].concat(), "data that is not a zstd frame"),
        ([&zstd[..], &skipped(3, 9)[..12]].concat(), "end of file"),
        ([&xz[..], &[0; 3]].concat(), "padding not a multiple of 4 bytes"),
        (flipped("zstd", 1), "the checksum of a frame of zstd is wrong"),
        (flipped("gzip", 6), "cannot be read: "),
        (flipped("bzip2", 3), "cannot be read: "),
        (b"\x28\xb5\x2f\xfd\x21\x09\x0a".to_vec(), "needs the zstd dictionary 9"),
        (packed("zstd --ultra --long=31", &archive), "needs 2048 MiB of memory for its window"),
        (
            packed("xz --lzma2=dict=1536MiB", &archive),
            "needs 1536 MiB of memory for its dictionary, but at most 256",
        ),
        (packed("xz --format=lzma --lzma1=dict=1536MiB", &archive), "needs 1536 MiB"),
        (b"LZIP\x01\x1d....".to_vec(), "needs 512 MiB"),
        (b"\x04\x22\x4d\x18".to_vec(), "is compressed by lz4"),
        ([&skipped(0, 9)[..], b"\x04\x22\x4d\x18"].concat(), "is compressed by lz4"),
        (b"\x1f\x9d\x90".to_vec(), "is compressed by compress"),
        (b"7z\xbc\xaf\x27\x1c".to_vec(), "is a 7z archive"),
        (b"PK\x03\x04".to_vec(), "is a zip archive"),
        (b"070701".to_vec(), "is a cpio archive"),
    ] {
        place.file("PACKED", bytes);
        let message = refusal_of(&place, 1, "--tar IMG PACKED");
        assert!(message.starts_with("PACKED: ") && message.contains(why), "{why}: {message}");
    }
    // A second block with a longer dictionary than the first.
    let small = packed("xz", &archive[..1024]);
    let large = packed("xz --lzma2=dict=1GiB", &archive[1024..]);
    place.file("PACKED", [small, large].concat());
    assert!(refusal_of(&place, 1, "--tar IMG PACKED").contains("needs 1024 MiB"));
}

/// Runs the command with `limit` KiB of memory.
fn bounded(place: &Place, limit: u32, line: &str) -> Run {
    let mut shell = place.command_of("sh");
    shell.arg("-c").arg(format!("ulimit -v {limit} && exec \"$0\" {line}")).arg(PROGRAM);
    Run::of(&mut shell)
}

#[test]
fn memory_is_in_proportion_to_the_archive() {
    if !have_all(PROGRAMS) {
        return;
    }
    let place = Place::new();
    let attributes: Vec<(String, Vec<u8>)> =
        (0..120).map(|n| (format!("SCHILY.xattr.user.{n:03}"), vec![b'v'; 2000])).collect();
    let records: Vec<(&str, &[u8])> =
        attributes.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let mut global = Archive::default().pax(b'g', &records);
    for n in 0..20_000 {
        global = global.file(&format!("f{n}"), b"");
    }
    let mut own = Archive::default().pax(b'g', &records);
    for n in 0..5000 {
        let value = n.to_string();
        own = own.pax(b'x', &[("SCHILY.xattr.user.own", value.as_bytes())]);
        own = own.file(&format!("f{n}"), b"");
    }
    let mut often = Archive::default();
    for n in 0..20_000 {
        let name = format!("SCHILY.xattr.user.{}", n % 100);
        often = often.pax(b'g', &[(&name, b"1")]).file(&format!("f{n}"), b"");
    }
    let links = (0..50_000).fold(Archive::default().file("a", b"x"), |archive, n| {
        archive.hard_link(&format!("l{n}"), "a")
    });
    let mut deep = Archive::default();
    for n in 0..60 {
        let path = format!("{n}/{}f", "a/".repeat(2000));
        deep = deep.pax(b'x', &[("path", path.as_bytes())]).file("f", b"");
    }
    let map = (0..200_000).map(|n| format!("{},1", n * 2)).collect::<Vec<_>>().join(",");
    let sparse = [("GNU.sparse.size", &b"400000"[..]), ("GNU.sparse.map", map.as_bytes())];
    let sparse = Archive::default().pax(b'x', &sparse);
    let sparse = sparse.member(&Header::new(b'0', "s", 200_000), &[b'x'; 200_000]);
    for (what, archive, ends_well) in [
        ("global attributes", global, true),
        ("with others for each", own, true),
        ("global headers", often, true),
        ("hard links", links, true),
        ("deep folders", deep, true),
        ("pieces", sparse, true),
    ] {
        place.file("PACKED", packed("zstd", &archive.finish()));
        let run = bounded(&place, 1 << 20, "--quiet --workers=2 --tar IMG PACKED");
        assert_eq!(run.code() == Some(0), ends_well, "{what}: {run:?}");
        let len = fs::metadata(place.path("IMG")).map_or(0, |metadata| metadata.len());
        assert!(len < 64 << 20, "{what}: an image of {len} bytes");
    }
    for (dictionary, code) in [("64MiB", 0), ("1536MiB", 1)] {
        let program = format!("xz --lzma2=dict={dictionary}");
        place.file("PACKED", packed(&program, &Archive::default().file("a", b"x").finish()));
        let run = bounded(&place, 1 << 20, "--quiet --workers=2 --tar IMG PACKED");
        assert_eq!(run.code(), Some(code), "{dictionary}: {run:?}");
    }
}
