//! Writing sequences, and their costs in bytes.

use crate::codec::bytes::{chunk, chunk_mut};

/// The shortest match.
pub(super) const MIN_MATCH: usize = 4;
/// How many bytes at the end of a block are literals, at least.
pub(super) const LAST_LITERALS: usize = 5;
/// How many bytes before the end of a block the last match begins, at least.
pub(super) const MATCH_END_DISTANCE: usize = 12;
/// The cost of a match with a token and an offset, without the rest of its length.
pub(super) const MATCH_COST: usize = 3;

/// How many bytes are copied where there are fewer than 15 literals.
const SHORT: usize = 16;

/// How many bytes a length takes besides its 4 bits in the token.
#[inline(always)]
pub(super) fn extra(len: usize) -> usize {
    // From 15 on this is 1 + (len - 15) / 255, without a branch.
    (len + 240) / 255
}

/// The longest match whose length takes `extra` bytes.
#[inline(always)]
pub(super) fn longest(extra: usize) -> usize {
    MIN_MATCH + 14 + 255 * extra
}

/// For a block of the bytes from `start` to `end`: where the last match may begin, and
/// where it must have ended.
pub(super) fn limits(end: usize, start: usize, room: usize) -> (usize, usize) {
    let last_start = end.saturating_sub(MATCH_END_DISTANCE);
    // No block of `room` bytes holds more.
    let matches_end = end.saturating_sub(LAST_LITERALS).min(start + 255 * (room + 1));
    (last_start, matches_end)
}

/// The cost of `len` literals without their token.
#[inline(always)]
pub(super) fn literals_cost(len: usize) -> usize {
    len + extra(len)
}

/// The fewest literals after a match of `len` bytes that is the last of a block.
#[inline(always)]
pub(super) fn min_last_literals(len: usize) -> usize {
    LAST_LITERALS.max(MATCH_END_DISTANCE.saturating_sub(len))
}

/// The most literals that `room` bytes hold with their token.
pub(super) fn max_last_literals(room: usize) -> usize {
    let Some(room) = room.checked_sub(1) else { return 0 };
    // Each extra byte stands for 255 literals, the first for 15.
    let guess = room - room.saturating_sub(15).div_ceil(256).min(room);
    let fits = |len: &usize| literals_cost(*len) <= room;
    (guess..=guess + 1).rev().find(fits).unwrap_or(guess.saturating_sub(1))
}

/// Writes the sequences of one block.
pub(super) struct Writer<'a> {
    data: &'a [u8],
    out: &'a mut [u8],
    /// How many bytes are written.
    pub(super) len: usize,
    /// The first byte that is in no sequence yet.
    pub(super) anchor: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(data: &'a [u8], start: usize, out: &'a mut [u8]) -> Self {
        Writer { data, out, len: 0, anchor: start }
    }

    /// How many bytes there is room for.
    #[inline(always)]
    pub(super) fn room(&self) -> usize {
        self.out.len() - self.len
    }

    /// A place that a block with nothing but literals from here on cannot reach.
    #[inline(always)]
    pub(super) fn end(&self) -> usize {
        self.anchor + self.room()
    }

    /// Writes the literals up to `start`, and a match of `len` bytes there.
    #[inline(always)]
    pub(super) fn sequence(&mut self, start: usize, len: usize, distance: usize) {
        let literals = start - self.anchor;
        let code = (len - MIN_MATCH).min(15) as u8;
        let offset = (distance as u16).to_le_bytes();
        let from = chunk::<SHORT>(self.data, self.anchor);
        let to = chunk_mut::<{ SHORT + 4 }>(self.out, self.len);
        match (from, to) {
            // Copies of fixed length are faster, and excess bytes are written over.
            (Some(from), Some(to)) if literals < 15 => {
                to[0] = (literals as u8) << 4 | code;
                to[1..=SHORT].copy_from_slice(from);
                to[1 + literals..3 + literals].copy_from_slice(&offset);
                self.len += literals + 3;
            }
            _ => {
                self.literals(start, code);
                self.out[self.len..self.len + 2].copy_from_slice(&offset);
                self.len += 2;
            }
        }
        self.length(len - MIN_MATCH);
        self.anchor = start + len;
    }

    /// Writes the literals up to `end`, without a match: the end of the block.
    pub(super) fn last_literals(&mut self, end: usize) {
        self.literals(end, 0);
        self.anchor = end;
    }

    #[inline(always)]
    fn literals(&mut self, end: usize, match_code: u8) {
        let len = end - self.anchor;
        self.out[self.len] = (len.min(15) as u8) << 4 | match_code;
        self.len += 1;
        self.length(len);
        self.out[self.len..self.len + len].copy_from_slice(&self.data[self.anchor..end]);
        self.len += len;
    }

    /// Writes the part of `len` that is not in the token.
    #[inline(always)]
    fn length(&mut self, len: usize) {
        let Some(mut rest) = len.checked_sub(15) else { return };
        while rest >= 255 {
            self.out[self.len] = 255;
            self.len += 1;
            rest -= 255;
        }
        self.out[self.len] = rest as u8;
        self.len += 1;
    }
}
