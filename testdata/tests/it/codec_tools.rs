//! The C programs of each algorithm decode what the encoders make.

use std::io::Write as _;
use std::process::{Command, Stdio};

use erofs_writer::Codec;
use testdata::codecs::{AnyEncoder, Checker, KINDS, contents, lzma_file};
use testdata::skip::{Oracle, have};
use testdata::tools;

/// What a program writes to standard output for these bytes.
fn output_of(program: &str, flags: &[&str], bytes: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new(tools::program(program).unwrap())
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

/// A gzip file (RFC 1952) whose stream is `bytes`.
fn gzip_file(bytes: &[u8], expected: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(expected);
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    file.extend(bytes);
    file.extend(crc.sum().to_le_bytes());
    file.extend(u32::try_from(expected.len()).unwrap().to_le_bytes());
    file
}

/// An output, and what it decodes to.
type Pair = (Vec<u8>, Vec<u8>);

/// The outputs for all kinds of contents.
fn outputs(codec: &str, room: usize) -> (Checker, Vec<Pair>) {
    let mut encoder = AnyEncoder::new(codec.parse::<Codec>().unwrap(), room);
    let (checker, least) = (encoder.checker(), encoder.output_min());
    let mut all = Vec::new();
    for kind in 0..KINDS {
        let data = contents(kind, 4 * room, 1234);
        let mut segment = encoder.segment(&data);
        let mut at = 0;
        while at < data.len() {
            let ends = (at, data.len());
            let (filled, out) = checker.fill(&mut segment, &data, ends, (room, least));
            all.push((out, data[at..at + filled.consumed].to_vec()));
            at += filled.consumed;
        }
    }
    (checker, all)
}

#[test]
fn zstd_decodes_all_frames() {
    if !have(Oracle::Zstd) {
        return;
    }
    for level in [1, 3, 6, 9, 15, 19, 22] {
        for room in [300, 4096, 65_536] {
            let (_, outputs) = outputs(&format!("zstd,{level}"), room);
            // Frames may follow each other in a file.
            let (frames, expected): (Vec<_>, Vec<_>) = outputs.into_iter().unzip();
            let decoded = output_of("zstd", &["-dc"], frames.concat());
            assert!(decoded == expected.concat(), "{level}, {room}");
        }
    }
}

#[test]
fn gzip_decodes_all_streams() {
    if !have(Oracle::Gzip) {
        return;
    }
    for level in [0, 1, 4, 6, 9, 12] {
        for room in [300, 4096, 65_536] {
            let (_, outputs) = outputs(&format!("libdeflate,{level}"), room);
            let files: Vec<_> =
                outputs.iter().map(|(bytes, expected)| gzip_file(bytes, expected)).collect();
            let expected: Vec<_> = outputs.into_iter().map(|(_, expected)| expected).collect();
            let decoded = output_of("gzip", &["-dc"], files.concat());
            assert!(decoded == expected.concat(), "{level}, {room}");
        }
    }
}

#[test]
fn xz_decodes_all_streams() {
    if !have(Oracle::Xz) {
        return;
    }
    for level in [0, 6, 109] {
        let (checker, outputs) = outputs(&format!("lzma,{level}"), 4096);
        let Checker::Lzma(dict_size) = checker else { panic!("{checker:?}") };
        // A file has one stream.
        for (bytes, expected) in outputs.iter().step_by(5) {
            let file = lzma_file(bytes, dict_size, expected.len());
            let decoded = output_of("xz", &["--format=lzma", "-dc"], file);
            assert!(decoded == *expected, "{level}");
        }
    }
}
