//! Any bytes, in blocks of any length: each block decodes to its input, and a used
//! encoder writes the same as a new one.
#![no_main]

use erofs_writer::codec::lz4::{Encoder, Level};
use libfuzzer_sys::fuzz_target;

fn blocks(encoder: &mut Encoder, data: &[u8], limit: usize) -> Vec<Vec<u8>> {
    let mut segment = encoder.segment(data);
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < data.len() {
        let mut out = vec![0; limit];
        let filled = segment.fill(start, data.len(), &mut out);
        assert!(filled.consumed > 0 && filled.written <= limit);
        out.truncate(filled.written);
        let back = lz4_flex::block::decompress(&out, filled.consumed).expect("is a block");
        assert_eq!(back, data[start..start + filled.consumed]);
        start += filled.consumed;
        blocks.push(out);
    }
    blocks
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (level, limit, data) = input;
    let level = Level::new(level % 13).expect("is one of 13");
    let limit = usize::from(limit).max(2);
    let mut encoder = Encoder::new(level);
    let first = blocks(&mut encoder, data, limit);
    blocks(&mut encoder, &data[data.len() / 2..], 100);
    assert_eq!(blocks(&mut encoder, data, limit), first);
});
