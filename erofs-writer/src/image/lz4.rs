//! The LZ4 decoder.
//!
//! A file may have only the first bytes that a pcluster decodes to, so the decoder has
//! to stop where the output is full. Decoders of other crates demand room for all.

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
        out[at..at + taken].copy_from_slice(block.get(..taken)?);
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

/// Repeats the bytes from `start` on in `at..end`.
fn copy(out: &mut [u8], start: usize, mut at: usize, end: usize) {
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
