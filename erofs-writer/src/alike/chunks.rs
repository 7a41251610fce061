//! Content-defined chunks: pieces of data whose ends depend only on the bytes just
//! before them, wherever the data lies.

use twox_hash::XxHash3_64;

/// Chunks end where this many bytes of a file do, so that the parts between can
/// be looked at by themselves.
pub(crate) const PART_LEN: u64 = 4 << 20;
/// No chunk but the last of some data is shorter.
const LEN_MIN: usize = 512;
/// None is longer.
const LEN_MAX: usize = 16 * 1024;
/// After the shortest length, one place in so many is an end; log2.
const SPACING_BITS: u32 = 10;
/// So many bytes before a place tell whether it is an end.
const WINDOW: usize = 8;
/// So many places are looked at together.
const BATCH: usize = 8;

/// A chunk of a part of a file.
///
/// There is one for each 1.4 KB of all files, so they are not padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed(2))]
pub(crate) struct ContentChunk {
    pub(crate) len: u16,
    /// A fast hash. Chunks with the same hash have to be compared again.
    pub(crate) digest: u64,
}

const _: () = assert!(size_of::<ContentChunk>() == 10);

/// Cuts the bytes of a part into chunks.
pub(crate) fn content_chunks(data: &[u8]) -> Vec<ContentChunk> {
    let mut chunks = Vec::with_capacity(data.len() / LEN_MIN + 1);
    let mut at = 0;
    while at < data.len() {
        let len = chunk_len(&data[at..]);
        let digest = XxHash3_64::oneshot(&data[at..at + len]);
        at += len;
        let len = u16::try_from(len).expect("at most 16 KiB");
        chunks.push(ContentChunk { len, digest });
    }
    chunks.shrink_to_fit();
    chunks
}

/// How long the chunk is that `data` begins with.
fn chunk_len(data: &[u8]) -> usize {
    let end = data.len().min(LEN_MAX);
    let mut len = LEN_MIN;
    while let Some(windows) = data.get(len + 1 - WINDOW..).and_then(<[u8]>::first_chunk) {
        let windows: &[u8; BATCH + WINDOW - 1] = windows;
        for at in 0..BATCH {
            let window = windows[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            if is_end(window) {
                return (len + 1 + at).min(end);
            }
        }
        len += BATCH;
        if len >= end {
            return end;
        }
    }
    end
}

/// Whether a chunk ends after these bytes.
#[inline(always)]
fn is_end(window: u64) -> bool {
    // The product of zeros is zero, and zeros must not be an end.
    window.wrapping_mul(0x9E37_79B9_7F4A_7C15) >= u64::MAX << (u64::BITS - SPACING_BITS)
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
