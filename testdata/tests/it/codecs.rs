//! The encoders by themselves: each output decodes to its input by decoders that share no
//! code with them, with the window that images announce, and depends on nothing else.

use erofs_writer::Codec;
use erofs_writer::codec::{Filled, Segment};
use proptest::prelude::*;
use proptest::sample::select;
use testdata::codecs::{AnyEncoder, Checker, KINDS, contents, real};
use testdata::trees::noise;

/// Codecs for which encoding takes little time, and others.
const QUICK: &[&str] = &[
    "lz4",
    "lz4hc,1",
    "lz4hc,9",
    "zstd,1",
    "zstd,2",
    "zstd,3",
    "zstd,5",
    "zstd,7",
    "zstd,9",
    "zstd,12",
    "deflate,0",
    "deflate,1",
    "deflate,2",
    "deflate,4",
    "deflate,6",
    "deflate,9",
];
const SLOW: &[&str] = &[
    "lz4hc,12",
    "zstd,16",
    "zstd,19",
    "zstd,22",
    "libdeflate,10",
    "libdeflate,12",
    "lzma,0",
    "lzma,3",
    "lzma,6",
    "lzma,109",
    "lzma,9,lc=0,lp=4,pb=0",
];

fn all() -> impl Iterator<Item = Codec> {
    QUICK.iter().chain(SLOW).map(|text| text.parse().expect("a codec"))
}

/// An encoder, and what checks its outputs.
struct Tested {
    codec: Codec,
    encoder: AnyEncoder,
    checker: Checker,
    least: usize,
}

impl Tested {
    fn new(codec: Codec, output: usize) -> Self {
        let encoder = AnyEncoder::new(codec, output);
        let (checker, least) = (encoder.checker(), encoder.output_min());
        Tested { codec, encoder, checker, least }
    }

    /// Encodes all of `data`, and returns the outputs.
    fn whole(&mut self, data: &[u8], room: usize) -> Vec<Vec<u8>> {
        let (checker, least) = (self.checker, self.least);
        let mut segment = self.encoder.segment(data);
        let (mut at, mut outputs) = (0, Vec::new());
        while at < data.len() {
            let (filled, out) = checker.fill(&mut segment, data, (at, data.len()), (room, least));
            at += filled.consumed;
            outputs.push(out);
        }
        outputs
    }

    /// One output of all the data.
    fn once(&mut self, data: &[u8], room: usize) -> Filled {
        let (checker, least) = (self.checker, self.least);
        let mut segment = self.encoder.segment(data);
        checker.fill(&mut segment, data, (0, data.len()), (room, least)).0
    }
}

#[test]
fn short_data_goes_into_all_rooms() {
    for codec in all() {
        let mut tested = Tested::new(codec, 4096);
        for kind in 0..KINDS {
            for len in (0..40).chain([63, 64, 65, 127, 255, 256, 257, 258, 259, 260, 299, 300]) {
                let data = contents(kind, len, 77 + u64::from(kind) * 131);
                for room in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 17, 40, 100, 400] {
                    if room < tested.least {
                        tested.once(&data, room);
                    } else {
                        tested.whole(&data, room);
                    }
                }
            }
        }
    }
}

#[test]
fn all_rooms_are_filled() {
    for codec in all() {
        let mut tested = Tested::new(codec, 2048);
        let step = if QUICK.iter().any(|text| text.parse() == Ok(codec)) { 3 } else { 41 };
        for kind in 0..KINDS {
            let data = contents(kind, 40_000, 99);
            let mut segment = tested.encoder.segment(&data);
            // Going down, the same place is asked for again.
            let mut last = usize::MAX;
            for room in (40..2048).rev().step_by(step).chain((0..40).rev()) {
                let ends = (1000, data.len());
                let (filled, _) =
                    tested.checker.fill(&mut segment, &data, ends, (room, tested.least));
                // Blocks are split where it seems best, which depends on the room. The
                // data is the program of the tests, and so another one each time.
                let margin = if matches!(codec, Codec::Zstd(_)) { 8 } else { 32 };
                let most = last.saturating_add(last / margin + 32);
                assert!(
                    filled.consumed <= most,
                    "{codec}, {kind}, {room}: {} after {last}",
                    filled.consumed
                );
                last = filled.consumed;
            }
        }
    }
}

#[test]
fn long_outputs_are_filled() {
    let mut data = real().to_vec();
    data.extend(vec![7; 400_000]);
    data.extend(noise(3, 200_000));
    data.extend(real().iter().rev());
    data.extend(contents(6, 200_000, 4));
    data.extend(contents(2, 300_000, 36));
    for codec in all() {
        for room in [16_384, 65_536, 262_144, 1 << 20] {
            Tested::new(codec, room).whole(&data, room);
        }
    }
}

#[test]
fn zeros_are_encoded_beyond_every_window() {
    let mut data = vec![0; 3_000_000];
    data[1_500_000] = 1;
    for codec in all() {
        for room in [10, 12, 40, 4096] {
            // LZMA encodes the same zeros again for each room.
            if room > 12 || !codec.to_string().starts_with("lzma") {
                Tested::new(codec, room).whole(&data, room);
            }
        }
    }
}

#[test]
fn outputs_do_not_depend_on_earlier_segments() {
    let data = &real()[..150_000];
    for codec in all() {
        let first = Tested::new(codec, 4096).whole(data, 4096);
        let mut used = Tested::new(codec, 4096);
        for (kind, len) in [(3, 100_000), (0, 30_000), (9, 70_001), (1, 99_999)] {
            used.whole(&contents(kind, len, 8), 4096);
            assert!(used.whole(data, 4096) == first, "{codec}");
        }
        // Also when a segment is left in its middle, or is of the same bytes.
        used.encoder.segment(&data[100..]).fill(500, 9000, &mut [0; 300]);
        assert!(used.whole(data, 4096) == first, "{codec}");
    }
}

#[test]
fn matches_reach_to_the_edge_of_the_window_and_no_further() {
    for (text, window) in [
        ("lz4hc,12", 65_535),
        ("deflate,9", 32_768),
        ("deflate,0,dictsize=1024", 1024),
        ("deflate,1,dictsize=1024", 1024),
        ("deflate,6,dictsize=1024", 1024),
        ("libdeflate,12,dictsize=512", 512),
        ("zstd,1,dictsize=4096", 4096),
        ("zstd,3,dictsize=4096", 4096),
        ("zstd,9,dictsize=65536", 65_536),
        ("zstd,12,dictsize=131072", 131_072),
        ("zstd,19,dictsize=65536", 65_536),
        ("zstd,19", 524_288),
        ("lzma,6,dictsize=4096", 4096),
        ("lzma,1,dictsize=100000", 100_000),
    ] {
        let codec: Codec = text.parse().expect("a codec");
        let mut tested = Tested::new(codec, 65_536);
        for distance in [window - 2, window - 1, window, window + 1, window + 2] {
            for len in [3, 4, 5, 20, 258, 259, 600, 2000] {
                // Nothing else comes twice.
                let mut data = noise(8, distance);
                data.extend_from_within(..len.min(distance));
                data.extend(noise(9, 50));
                tested.whole(&data, 65_536);
            }
            // What repeats in the window is found, and what repeats beyond it is not.
            if distance * 3 < 60_000 {
                let data = noise(8, distance).repeat(3);
                let filled = tested.once(&data, 65_536);
                assert_eq!(filled.consumed, data.len());
                let is_short = filled.written < data.len() / 2;
                // zstd tells a window only if a frame is longer than it.
                assert!(is_short == (distance <= window), "{text}: {distance}, {filled:?}");
            }
        }
    }
}

#[test]
fn codes_of_few_and_of_all_symbols_are_made() {
    for codec in all() {
        let mut tested = Tested::new(codec, 65_536);
        // Literals alone.
        let ordered: Vec<u8> = (0..=255).collect();
        tested.whole(&ordered, 4096);
        let without_last: Vec<u8> = (0..=254).collect();
        tested.whole(&without_last.repeat(3), 4096);
        let skewed: Vec<u8> = noise(5, 3000).iter().map(|byte| 1 << (byte % 3)).collect();
        tested.whole(&skewed, 4096);
        // One distance.
        for len in [1, 2, 3, 4, 258, 259, 260, 1000, 300_000] {
            tested.whole(&vec![0; len], 65_536);
        }
        // All lengths at many distances, and all literals.
        let mut data = noise(12, 2000);
        data.extend(0..=255);
        for len in 3..=258 {
            let place = (len * 7919) % (data.len() - len);
            data.extend_from_within(place..place + len);
            data.extend(noise(u64::try_from(len).expect("64 bits"), 2));
        }
        tested.whole(&data, 65_536);
    }
}

/// The offsets of a zstd frame that repeat earlier ones have meanings that depend on
/// whether literals come between.
#[test]
fn repeated_distances_are_encoded_with_and_without_literals_between() {
    let mut data = noise(21, 5000);
    for step in 0_usize..600 {
        let distance = [40, 90, 41, 40, 130, 90][step * step / 7 % 6];
        let place = data.len() - distance;
        data.extend_from_within(place..place + 4 + step % 5);
        if step % 3 != 0 {
            data.extend(noise(u64::try_from(step).expect("64 bits"), step % 3));
        }
    }
    for codec in all() {
        for room in [200, 4096, 65_536] {
            Tested::new(codec, room).whole(&data, room);
        }
    }
}

#[test]
fn outputs_are_nearly_full() {
    for (room, most) in [(4096, 40), (65_536, 120)] {
        for codec in all() {
            let data = &real()[..600_000];
            let outputs = Tested::new(codec, room).whole(data, room);
            let (_, full) = outputs.split_last().expect("one at least");
            let left: usize = full.iter().map(|out| room - out.len()).sum();
            assert!(left <= most * full.len(), "{codec}: {left} of {} times {room}", full.len());
        }
    }
}

#[test]
fn noise_takes_a_few_bytes_more_than_its_length() {
    for codec in all() {
        let mut tested = Tested::new(codec, 65_536);
        let data = noise(3, 300_000);
        let filled = tested.once(&data, 65_536);
        // LZMA has no form for bytes as they are.
        let lost = if matches!(tested.codec, Codec::Lzma(_)) { 65_536 / 50 } else { 270 };
        assert!(filled.consumed + lost >= 65_536, "{codec}: {filled:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_requests_are_served(
        text in select([QUICK, SLOW].concat()),
        window in prop::option::of(10..15_u32),
        parts in prop::collection::vec((0..KINDS, 1..30_000_usize, any::<u64>()), 1..4),
        requests in prop::collection::vec(
            (0..30_000_usize, any::<bool>(), 0..60_000_usize, 0..9000_usize, 0..4_u8),
            1..12,
        ),
    ) {
        let text = match window {
            // The shortest dictionary of LZMA is longer.
            Some(log) if text.starts_with("lzma") => format!("{text},dictsize={}", 4 << log),
            Some(log) if !text.starts_with("lz4") => format!("{text},dictsize={}", 1 << log),
            _ => text.to_owned(),
        };
        let codec: Codec = text.parse().expect("a codec");
        let parts = parts.iter().map(|(kind, len, seed)| contents(*kind, *len, *seed));
        let data = parts.collect::<Vec<_>>().concat();
        let mut tested = Tested::new(codec, 4096);
        tested.encoder.segment(&data[..data.len() / 2]).fill(0, data.len() / 3, &mut [0; 500]);
        let mut segment = tested.encoder.segment(&data);
        let (mut at, mut last) = (0, Filled::default());
        for (skip, follow, before_end, room, again) in requests {
            match again {
                0 => {
                    segment.restart();
                    at = skip.min(data.len());
                }
                1 => {}
                _ => at = if follow { at + last.consumed } else { (at + skip).min(data.len()) },
            }
            let end = data.len().saturating_sub(before_end).max(at);
            (last, _) = tested.checker.fill(&mut segment, &data, (at, end), (room, tested.least));
        }
    }
}

/// Encoders may go to other threads.
#[test]
fn encoders_and_segments_can_be_sent() {
    fn is_send<T: Send + Sync>() {}
    is_send::<AnyEncoder>();
    is_send::<Segment<'_>>();
}

/// A block that is cut may take literals that were not searched yet, and another block
/// may follow it.
#[test]
fn blocks_follow_a_block_that_took_all_it_could() {
    let data = [contents(1, 1000, 5), contents(8, 3000, 6)].concat();
    for codec in all() {
        let mut tested = Tested::new(codec, 2048);
        let step = if codec.to_string().starts_with("zstd") { 1 } else { 37 };
        for room in (20..600).step_by(step) {
            tested.once(&data, room);
        }
    }
}
