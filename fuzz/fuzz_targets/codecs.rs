//! Any bytes, in outputs of any length, by any encoder: each output decodes to its input
//! by a decoder that shares no code with it, and a used encoder writes the same as a new
//! one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use testdata::codecs::{AnyEncoder, choose};

fn outputs(encoder: &mut AnyEncoder, data: &[u8], room: usize) -> Vec<Vec<u8>> {
    let (checker, least) = (encoder.checker(), encoder.output_min());
    let mut segment = encoder.segment(data);
    let (mut start, mut outputs) = (0, Vec::new());
    while start < data.len() {
        let (filled, out) = checker.fill(&mut segment, data, (start, data.len()), (room, least));
        start += filled.consumed;
        outputs.push(out);
    }
    outputs
}

fuzz_target!(|input: (u8, u8, u8, u16, &[u8])| {
    let (algorithm, level, window, room, data) = input;
    let room = usize::from(room);
    let new = || AnyEncoder::new(choose(algorithm, level, window), room);
    let mut encoder = new();
    let room = room.max(encoder.output_min());
    let first = outputs(&mut encoder, data, room);
    outputs(&mut encoder, &data[data.len() / 2..], 100);
    // Less room at the same place, and another end.
    let (checker, least) = (encoder.checker(), encoder.output_min());
    let mut segment = encoder.segment(data);
    for (end, room) in [(data.len(), room), (data.len(), room / 2), (data.len() / 2, room)] {
        checker.fill(&mut segment, data, (0, end), (room, least));
    }
    assert_eq!(outputs(&mut encoder, data, room), first);
    assert_eq!(outputs(&mut new(), data, room), first);
});
