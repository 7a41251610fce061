//! The matches found in the data, before these are cut into blocks.

use super::sequences::{MIN_MATCH, Repeats, Sequence};

/// How the bytes from `start` on are parsed so far.
#[derive(Debug)]
pub(super) struct Parse {
    pub(super) start: usize,
    pub(super) sequences: Vec<Sequence>,
    /// Where the last sequence ends.
    pub(super) anchor: usize,
    /// Up to here there are no matches but those.
    pub(super) at: usize,
    /// Matches found later begin here or after it.
    pub(super) fixed: usize,
    /// The last offsets, as far as the search goes by them.
    pub(super) repeats: Repeats,
}

impl Parse {
    pub(super) fn new() -> Self {
        let sequences = Vec::new();
        Parse { start: 0, sequences, anchor: 0, at: 0, fixed: 0, repeats: Repeats::FIRST }
    }

    pub(super) fn begin(&mut self, start: usize) {
        self.start = start;
        self.sequences.clear();
        (self.anchor, self.at, self.fixed) = (start, start, start);
        self.repeats = Repeats::FIRST;
    }

    /// Adds a match.
    #[inline(always)]
    pub(super) fn push(&mut self, start: usize, len: usize, offset: usize) {
        let literals = (start - self.anchor) as u32;
        self.repeats.code(offset as u32, literals);
        self.sequences.push(Sequence { literals, len: len as u32, offset: offset as u32 });
        self.anchor = start + len;
        (self.at, self.fixed) = (self.anchor, self.anchor);
    }
}

/// How far a parse has been put into blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    /// The place in the data.
    pub(super) at: usize,
    /// The sequence there.
    index: usize,
    /// How many of its literals and bytes of its match are in a block already.
    literals: u32,
    len: u32,
}

/// The next step of a cursor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// This sequence, or the first part of one.
    Sequence(Sequence),
    /// So many literals.
    Literals(usize),
    /// The sequence is better put into the next block.
    Full,
    /// No sequence is known.
    Nothing,
}

impl Cursor {
    pub(super) fn new(start: usize) -> Self {
        Cursor { at: start, index: 0, literals: 0, len: 0 }
    }

    /// The sequences from here on, if nothing of the first one is in a block.
    #[inline(always)]
    pub(super) fn whole<'a>(&self, parse: &'a Parse) -> &'a [Sequence] {
        let is_whole = self.literals == 0 && self.len == 0;
        parse.sequences.get(self.index..).filter(|_| is_whole).unwrap_or_default()
    }

    /// Goes to `at`, so many sequences further.
    #[inline(always)]
    pub(super) fn skip(&mut self, sequences: usize, at: usize) {
        self.index += sequences;
        self.at = at;
    }

    /// Takes literals that belong to no known sequence.
    pub(super) fn take_literals(&mut self, literals: usize) {
        self.literals += literals as u32;
        self.at += literals;
    }

    /// The next sequence for a block that has `len` bytes, and ends before `end`.
    #[inline(always)]
    pub(super) fn next(&mut self, parse: &Parse, len: usize, end: usize) -> Step {
        let Some(sequence) = parse.sequences.get(self.index) else { return Step::Nothing };
        let left = Sequence {
            literals: sequence.literals - self.literals,
            len: sequence.len - self.len,
            offset: sequence.offset,
        };
        let bytes = (left.literals + left.len) as usize;
        if bytes <= end - self.at {
            self.at += bytes;
            *self = Cursor { at: self.at, index: self.index + 1, literals: 0, len: 0 };
            // The rest of a match that was begun in the block before may be too short for one.
            return if left.len < MIN_MATCH as u32 {
                Step::Literals(bytes)
            } else {
                Step::Sequence(left)
            };
        }
        self.part(left, len, end)
    }

    /// The same where the block ends before the sequence does.
    #[cold]
    fn part(&mut self, left: Sequence, len: usize, end: usize) -> Step {
        let room = end - self.at;
        // Half a block is enough.
        if len > room {
            return Step::Full;
        }
        let literals = room.min(left.literals as usize);
        let mut matched = room - literals;
        let rest = left.len as usize - matched;
        if rest < MIN_MATCH && matched >= 2 * MIN_MATCH {
            matched -= MIN_MATCH - rest;
        }
        self.literals += literals as u32;
        self.len += matched as u32;
        self.at += literals + matched;
        if matched < MIN_MATCH {
            return Step::Literals(literals + matched);
        }
        Step::Sequence(Sequence {
            literals: literals as u32,
            len: matched as u32,
            offset: left.offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_split_where_a_block_ends() {
        for (literals, len) in [(5, 30), (0, 4), (40, 7), (3, 9), (0, 100)] {
            let mut parse = Parse::new();
            parse.begin(10);
            parse.push(10 + literals, len, 1);
            let end = 10 + literals + len;
            for first_end in 11..end {
                let mut cursor = Cursor::new(10);
                let mut taken = (0, 0);
                for max in [first_end, end] {
                    while cursor.at < max {
                        match cursor.next(&parse, 0, max) {
                            Step::Sequence(part) => {
                                assert!(part.len >= MIN_MATCH as u32);
                                taken.0 += part.literals as usize;
                                taken.1 += part.len as usize;
                            }
                            Step::Literals(more) => taken.0 += more,
                            step => unreachable!("{step:?}"),
                        }
                    }
                }
                assert_eq!(taken.0 + taken.1, literals + len);
                assert!(taken.1 + 5 >= len, "at most two and two are left");
                assert_eq!(cursor.at, end);
            }
        }
    }
}
