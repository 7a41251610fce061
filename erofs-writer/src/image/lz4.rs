//! The LZ4 decoder.
//!
//! A file may have only the first bytes that a pcluster decodes to, so the decoder has
//! to stop where the output is full. Decoders of other crates demand room for all.

/// The length of a copy for which the compiler needs no call. Most literals and matches are
/// shorter, so they are copied with bytes behind them, which are overwritten later.
const WIDE: usize = 16;

/// Matches over this length are copied by calls.
const LONG: usize = 64;

/// Decodes `block` until `out` is full. Returns whether there were as many bytes.
pub(super) fn decode(block: &[u8], out: &mut [u8]) -> bool {
    decode_to(block, out).is_some()
}

fn decode_to(mut block: &[u8], out: &mut [u8]) -> Option<()> {
    let mut at = 0;
    while at < out.len() {
        let (token, rest) = block.split_first()?;
        block = rest;
        let literals = length(usize::from(token >> 4), &mut block)?;
        let taken = literals.min(out.len() - at);
        if literals > WIDE || !put_wide(block, out, at) {
            out[at..at + taken].copy_from_slice(block.get(..taken)?);
        }
        at += taken;
        if at == out.len() {
            break;
        }
        block = block.get(literals..)?;
        let (distance, rest) = block.split_first_chunk()?;
        block = rest;
        let distance = usize::from(u16::from_le_bytes(*distance));
        let len = length(usize::from(token & 15), &mut block)? + 4;
        let start = at.checked_sub(distance).filter(|_| distance > 0)?;
        let end = at + len.min(out.len() - at);
        copy(out, start, at, end);
        at = end;
    }
    Some(())
}

/// A length of which `first` is the part in the token.
fn length(first: usize, block: &mut &[u8]) -> Option<usize> {
    let mut len = first;
    if first == 15 {
        loop {
            let (more, rest) = block.split_first()?;
            *block = rest;
            len += usize::from(*more);
            if *more != 255 {
                break;
            }
        }
    }
    Some(len)
}

/// Copies the first bytes of `block` to `at`. Returns whether there is room, and bytes.
fn put_wide(block: &[u8], out: &mut [u8], at: usize) -> bool {
    let from = block.first_chunk::<WIDE>();
    let to = out[at..].first_chunk_mut::<WIDE>();
    if let (Some(from), Some(to)) = (from, to) {
        *to = *from;
        return true;
    }
    false
}

/// Repeats the bytes from `start` on in `at..end`.
fn copy(out: &mut [u8], mut start: usize, mut at: usize, end: usize) {
    let is_near = at - start < WIDE;
    let has_room = out.len() - end >= WIDE;
    if !is_near && has_room && end - at <= LONG {
        while at < end {
            out.copy_within(start..start + WIDE, at);
            start += WIDE;
            at += WIDE;
        }
        return;
    }
    // What was repeated can be repeated again, so that each copy is twice as long.
    while at < end {
        let len = (at - start).min(end - at);
        out.copy_within(start..start + len, at);
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three literals, twelve bytes that repeat the last two, five literals.
    const BLOCK: [u8; 13] = [0x38, b'a', b'b', b'c', 2, 0, 0x50, b'v', b'w', b'x', b'y', b'z', 0];

    #[test]
    fn matches_overlap_themselves() {
        let mut out = [0; 20];
        assert!(decode(&BLOCK[..12], &mut out));
        assert_eq!(&out, b"abcbcbcbcbcbcbcvwxyz");
    }

    #[test]
    fn the_first_bytes_can_be_had_alone() {
        for len in 0..20 {
            let mut out = vec![0; len];
            assert!(decode(&BLOCK, &mut out));
            assert_eq!(out, b"abcbcbcbcbcbcbcvwxyz"[..len]);
        }
    }

    #[test]
    fn matches_of_every_distance_and_length_are_copied() {
        let literals: Vec<u8> = (0..40).collect();
        for distance in 1..=40 {
            for len in 4..=90 {
                let mut block = vec![0xff, 40 - 15];
                block.extend(&literals);
                block.extend([distance, 0]);
                block[0] = if len < 19 { 0xf0 | (len - 4) } else { 0xff };
                block.extend((len >= 19).then(|| len - 19));
                block.extend([0x50, b'v', b'w', b'x', b'y', b'z']);
                let mut expected = literals.clone();
                for _ in 0..len {
                    expected.push(expected[expected.len() - usize::from(distance)]);
                }
                expected.extend(b"vwxyz");
                // With any number of bytes behind the match.
                for cut in 0..=usize::from(len) + 5 {
                    let mut out = vec![0; expected.len() - cut];
                    assert!(decode(&block, &mut out), "{distance}, {len}, {cut}");
                    assert_eq!(out, expected[..out.len()], "{distance}, {len}, {cut}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_noticed() {
        for block in [
            &BLOCK[..11],
            &BLOCK[..12],
            &[],
            &[0x0f],
            &[0x00, 1, 0],
            &[0x10, b'a', 0, 0],
            &[0x10, b'a', 2, 0],
            &[0xf0, 255],
        ] {
            assert!(!decode(block, &mut [0; 21]), "{block:?}");
        }
    }
}
