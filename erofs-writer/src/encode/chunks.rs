//! Content-defined chunks: pieces of data that end where the bytes before the
//! end say so, wherever the data lies.

#![expect(clippy::as_conversions, reason = "bytes are indexes")]

/// No chunk but the last of some data is shorter.
const LEN_MIN: usize = 512;
/// None is longer.
const LEN_MAX: usize = 16 * 1024;
/// Behind the shortest length every so-many-th place is an end, as a power of
/// two.
const SPACING_BITS: u32 = 10;
/// What is farther behind has left the rolling hash.
const WINDOW: usize = 64;

/// A random number for each byte.
const GEAR: [u64; 256] = gear();

/// The numbers that splitmix64 begins with.
const fn gear() -> [u64; 256] {
    let mut table = [0; 256];
    let mut state: u64 = 0;
    let mut index = 0;
    while index < table.len() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        table[index] = mixed ^ (mixed >> 31);
        index += 1;
    }
    table
}

/// How long the chunk is that `data` begins with.
pub(super) fn chunk_len(data: &[u8]) -> usize {
    let (first, end) = (LEN_MIN - WINDOW, data.len().min(LEN_MAX));
    if end <= LEN_MIN {
        return end;
    }
    let mut hash: u64 = 0;
    for byte in &data[first..LEN_MIN] {
        hash = (hash << 1).wrapping_add(GEAR[*byte as usize]);
    }
    let ends = data[LEN_MIN..end].iter().position(|byte| {
        hash = (hash << 1).wrapping_add(GEAR[*byte as usize]);
        hash >> (u64::BITS - SPACING_BITS) == 0
    });
    ends.map_or(end, |at| LEN_MIN + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state: u64 = 1;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    fn ends(data: &[u8]) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut at = 0;
        while at < data.len() {
            at += chunk_len(&data[at..]);
            ends.push(at);
        }
        ends
    }

    #[test]
    fn lengths_are_bounded() {
        let data = noise(1 << 20);
        let ends = ends(&data);
        let starts = std::iter::once(&0).chain(&ends);
        let lens: Vec<usize> = starts.zip(&ends).map(|(start, end)| end - start).collect();
        let (_, all_but_last) = lens.split_last().expect("there are some");
        assert!(all_but_last.iter().all(|len| (LEN_MIN..=LEN_MAX).contains(len)));
        let average = data.len() / lens.len();
        assert!((1300..1800).contains(&average), "{average}");
        assert_eq!(chunk_len(&[0; 1 << 20]), LEN_MAX);
        assert_eq!((chunk_len(&[]), chunk_len(&[1; 300])), (0, 300));
    }

    #[test]
    fn chunks_find_back_behind_an_insertion() {
        let data = noise(1 << 18);
        let shifted = [b"inserted", &data[..]].concat();
        let known = ends(&data);
        let found = ends(&shifted).into_iter().filter(|end| known.contains(&(end.wrapping_sub(8))));
        assert!(found.count() + 3 > known.len());
    }
}
