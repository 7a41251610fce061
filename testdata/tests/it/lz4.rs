//! The LZ4 encoders by themselves: their output decodes to their input, keeps the rules
//! for the end of a block, and depends on nothing else.

use std::time::{Duration, Instant};

use erofs_writer::codec::Filled;
use erofs_writer::codec::lz4::{Encoder, Level};
use proptest::prelude::*;
use proptest::sample::select;
use testdata::trees::{mixed, noise, text};

const LEVELS: [u8; 6] = [0, 1, 3, 9, 11, 12];

fn encoder(level: u8) -> Encoder {
    Encoder::new(Level::new(level).unwrap())
}

/// Bytes of the kinds that files have.
fn data(kind: u8, seed: u64, len: usize) -> Vec<u8> {
    match kind {
        0 => vec![0; len],
        1 => noise(seed, len),
        2 => text(seed, len),
        3 => mixed(seed, len),
        // Long runs between bytes that differ, as in tables.
        4 => noise(seed, len).iter().map(|byte| byte / 200).collect(),
        // Records that differ in a counter.
        _ => (0..len)
            .map(|at| if at % 24 < 3 { (at >> (at % 24)).to_le_bytes()[0] } else { 7 })
            .collect(),
    }
}

/// The sequences of a block: where each match begins, and its length.
fn matches(block: &[u8]) -> (Vec<(usize, usize)>, usize) {
    let (mut at, mut pos) = (0, 0);
    let mut found = Vec::new();
    let length = |at: &mut usize, nibble: u8| {
        let mut len = usize::from(nibble);
        let mut more = nibble == 15;
        while more {
            len += usize::from(block[*at]);
            more = block[*at] == 255;
            *at += 1;
        }
        len
    };
    loop {
        let token = block[at];
        at += 1;
        let literals = length(&mut at, token >> 4);
        at += literals;
        pos += literals;
        if at == block.len() {
            return (found, pos);
        }
        at += 2;
        let len = 4 + length(&mut at, token & 15);
        found.push((pos, len));
        pos += len;
    }
}

/// Encodes all of `data` and checks each block. Returns the blocks.
fn check(encoder: &mut Encoder, data: &[u8], limit: usize) -> Vec<(Filled, Vec<u8>)> {
    let mut blocks = Vec::new();
    let mut segment = encoder.segment(data);
    let mut start = 0;
    while start < data.len() {
        let mut out = vec![0xee; limit];
        let filled = segment.fill(start, data.len(), &mut out);
        assert!(filled.consumed > 0, "at {start} of {}", data.len());
        let block = &out[..filled.written];
        check_block(block, &data[start..start + filled.consumed]);
        blocks.push((filled, block.to_vec()));
        start += filled.consumed;
    }
    blocks
}

/// Checks a block that holds `data`.
fn check_block(block: &[u8], data: &[u8]) {
    assert_eq!(lz4_flex::block::decompress(block, data.len()).unwrap(), data);
    assert_ne!(block[0], 0, "zeros before a block are skipped");
    let (matches, len) = matches(block);
    assert_eq!(len, data.len());
    if let Some((at, match_len)) = matches.last() {
        assert!(at + match_len + 5 <= len, "5 literals at the end");
        assert!(at + 12 <= len, "the last match begins 12 bytes before the end");
    }
}

proptest! {
    #[test]
    fn blocks_decode_to_what_was_encoded(
        kind in 0..6_u8,
        seed in any::<u64>(),
        len in 1..60_000_usize,
        limit in prop_oneof![2..40_usize, select(vec![512, 4096, 16_384, 65_536])],
        level in select(LEVELS.to_vec()),
    ) {
        // Small limits make many blocks.
        let len = len.min(limit * 200);
        let data = data(kind, seed, len);
        let mut encoder = encoder(level);
        let first = check(&mut encoder, &data, limit);
        // Nothing is remembered from one segment to the next.
        check(&mut encoder, &self::data(2, seed, 5000), 4096);
        prop_assert_eq!(&check(&mut encoder, &data, limit), &first);
    }

    #[test]
    fn lengths_of_few_bytes_are_encoded(
        data in proptest::collection::vec(0..3_u8, 1..80),
        limit in 2..90_usize,
        level in select(LEVELS.to_vec()),
    ) {
        check(&mut encoder(level), &data, limit);
    }

    #[test]
    fn a_block_may_be_asked_for_again_with_less_room(
        kind in 0..6_u8,
        seed in any::<u64>(),
        rooms in proptest::collection::vec(2..9000_usize, 2..8),
        level in select(LEVELS.to_vec()),
    ) {
        let data = data(kind, seed, 40_000);
        let mut encoder = encoder(level);
        let mut segment = encoder.segment(&data);
        for start in [0, 5000] {
            for room in &rooms {
                let mut out = vec![0xee; *room];
                let filled = segment.fill(start, data.len(), &mut out);
                prop_assert!(filled.consumed > 0);
                let end = start + filled.consumed;
                check_block(&out[..filled.written], &data[start..end]);
                // No more of it fits.
                let full = end == data.len() || filled.written + 12 >= *room;
                prop_assert!(full || level == 0, "{} of {room}", filled.written);
            }
        }
    }

    #[test]
    fn a_block_may_have_to_end_early_and_begin_anywhere(
        kind in 0..6_u8,
        seed in any::<u64>(),
        steps in proptest::collection::vec((0..3000_usize, 0..9000_usize), 1..20),
        level in select(LEVELS.to_vec()),
    ) {
        let data = data(kind, seed, 40_000);
        let mut encoder = encoder(level);
        let mut segment = encoder.segment(&data);
        let mut start = 0;
        for (skip, len) in steps {
            start = (start + skip).min(data.len());
            let end = (start + len).min(data.len());
            let mut out = vec![0; 4096];
            let filled = segment.fill(start, end, &mut out);
            prop_assert!(filled.consumed <= end - start);
            prop_assert_eq!(filled.consumed == 0, start == end);
            let back = lz4_flex::block::decompress(&out[..filled.written], filled.consumed);
            prop_assert_eq!(back.unwrap_or_default(), &data[start..start + filled.consumed]);
            start += filled.consumed;
        }
    }

    #[test]
    fn a_used_encoder_writes_what_a_new_one_does(
        kind in 0..6_u8,
        seed in any::<u64>(),
        steps in proptest::collection::vec(
            (0..3000_usize, 0..150_000_usize, select(vec![700, 4096, 8192, 16_384, 65_536])),
            1..8,
        ),
        level in select(LEVELS.to_vec()),
    ) {
        let data = data(kind, seed, 300_000);
        let mut used = encoder(level);
        let first = blocks(&mut used, &data, &steps);
        check(&mut used, &self::data(3, seed ^ 1, 70_000), 4096);
        check(&mut used, &data[1000..90_000], 65_536);
        prop_assert!(blocks(&mut used, &data, &steps) == first);
        prop_assert!(blocks(&mut encoder(level), &data, &steps) == first);
    }
}

/// Blocks that each begin so far after the previous one, of at most so many bytes, in
/// so much room.
fn blocks(
    encoder: &mut Encoder,
    data: &[u8],
    steps: &[(usize, usize, usize)],
) -> Vec<(Filled, Vec<u8>)> {
    let mut segment = encoder.segment(data);
    let mut start = 0;
    let block = |(skip, len, limit): &(usize, usize, usize)| {
        start = (start + skip).min(data.len());
        let mut out = vec![0; *limit];
        let filled = segment.fill(start, (start + len).min(data.len()), &mut out);
        start += filled.consumed;
        out.truncate(filled.written);
        (filled, out)
    };
    steps.iter().map(block).collect()
}

#[test]
fn an_output_without_room_takes_nothing() {
    for level in LEVELS {
        for len in [0, 1] {
            let mut out = vec![0; len];
            let filled = encoder(level).segment(b"some bytes").fill(0, 10, &mut out);
            assert_eq!(filled, Filled::default(), "level {level}, {len} bytes");
        }
    }
}

#[test]
fn runs_of_zeros_cost_next_to_nothing() {
    let data = vec![0; 3 << 20];
    for level in LEVELS {
        let blocks = check(&mut encoder(level), &data, 4096);
        assert!(blocks.len() <= 4, "level {level}: {} blocks", blocks.len());
    }
}

/// The bytes that a literal run or a match takes besides its token.
fn extra(len: usize) -> usize {
    if len < 15 { 0 } else { 1 + (len - 15) / 255 }
}

/// The length of the shortest block there is for `data`, found by trying
/// everything.
fn shortest(data: &[u8]) -> usize {
    let len = data.len();
    let same =
        |a: usize, b: usize| (b..len - 5).take_while(|at| data[a + at - b] == data[*at]).count();
    // The cost to come to each place with a match that ends there.
    let mut costs = vec![usize::MAX; len + 1];
    costs[0] = 0;
    for at in 0..=len - 12 {
        let from = (0..=at).filter(|from| costs[*from] < usize::MAX);
        let here = from.map(|from| costs[from] + (at - from) + extra(at - from)).min().unwrap();
        let longest = (0..at).map(|earlier| same(earlier, at)).max().unwrap_or(0);
        for match_len in 4..=longest {
            let cost = here + 3 + extra(match_len - 4);
            costs[at + match_len] = costs[at + match_len].min(cost);
        }
    }
    let ends = (0..=len - 5).filter(|end| costs[*end] < usize::MAX);
    ends.map(|end| costs[end] + 1 + (len - end) + extra(len - end)).min().unwrap()
}

#[test]
fn the_highest_level_is_within_a_hundredth_of_the_shortest_there_is() {
    let (mut ours, mut best) = (0, 0);
    for seed in 0..6 {
        for kind in 2..6 {
            let data = data(kind, seed, 3000);
            let mut out = vec![0; 4000];
            let filled = encoder(12).segment(&data).fill(0, data.len(), &mut out);
            assert_eq!(filled.consumed, data.len());
            let shortest = shortest(&data);
            assert!(filled.written >= shortest, "{} of {shortest}", filled.written);
            ours += filled.written;
            best += shortest;
        }
    }
    assert!(ours * 100 <= best * 101, "{ours} bytes, where {best} are enough");
}

#[test]
fn higher_levels_are_smaller() {
    let data = mixed(1, 300_000);
    let len = |level| -> usize {
        check(&mut encoder(level), &data, 65_536).iter().map(|(filled, _)| filled.written).sum()
    };
    let lens = [0, 1, 9, 12].map(len);
    assert!(lens.is_sorted_by(|a, b| a >= b), "{lens:?}");
}

/// The shortest time of several in which blocks of `data` are made from its first
/// bytes.
fn time_of_blocks(encoder: &mut Encoder, data: &[u8]) -> Duration {
    let once = |_| {
        let mut segment = encoder.segment(data);
        let start = Instant::now();
        let mut at = 0;
        while at < 1 << 18 {
            at += segment.fill(at, data.len(), &mut [0; 4096]).consumed;
        }
        start.elapsed()
    };
    (0..5).map(once).min().expect("there are some")
}

#[test]
fn a_block_of_noise_takes_no_longer_where_much_is_behind_it() {
    let data = noise(1, 32 << 20);
    for level in [0, 1, 9] {
        let mut encoder = encoder(level);
        let [short, long] =
            [1 << 19, data.len()].map(|len| time_of_blocks(&mut encoder, &data[..len]));
        assert!(long < short * 4, "level {level}: {long:?} and {short:?}");
    }
}

#[test]
fn a_match_that_is_found_behind_its_block_is_taken() {
    // Few places are looked at so far after the last match.
    for gap in 3000..3100 {
        let again = noise(1, 4000);
        let data = [&again[..], &noise(2, gap), &again, &noise(3, 40_000)].concat();
        let blocks = check(&mut encoder(0), &data, 4000 + gap + 90);
        assert!(blocks[0].0.consumed > 4000 + gap + 3000, "{gap}: {:?}", blocks[0].0);
    }
}
