//! What has been found in the data, before it is cut into blocks.

/// So many literals are in a sequence at most.
const LITERALS_MAX: usize = 256;

/// Literals, and a match after them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sequence {
    pub(super) literals: u32,
    /// The length of the match, or 0 if there is none.
    pub(super) len: u16,
    pub(super) distance: u16,
}

impl Sequence {
    /// How many bytes it stands for.
    #[inline(always)]
    pub(super) fn bytes(self) -> usize {
        self.literals as usize + usize::from(self.len)
    }
}

/// How the bytes from `start` on are parsed so far.
#[derive(Debug)]
pub(super) struct Parse {
    pub(super) start: usize,
    pub(super) sequences: Vec<Sequence>,
    /// Where the last sequence ends.
    pub(super) anchor: usize,
    /// Up to here there are no matches but those.
    pub(super) at: usize,
}

impl Parse {
    pub(super) fn new() -> Self {
        Parse { start: 0, sequences: Vec::new(), anchor: 0, at: 0 }
    }

    pub(super) fn begin(&mut self, start: usize) {
        self.start = start;
        self.sequences.clear();
        (self.anchor, self.at) = (start, start);
    }

    /// Adds a match of 3 to 258 bytes.
    #[inline(always)]
    pub(super) fn push(&mut self, start: usize, len: usize, distance: usize) {
        if start - self.anchor > LITERALS_MAX {
            self.push_literals(start - LITERALS_MAX);
        }
        let literals = (start - self.anchor) as u32;
        self.sequences.push(Sequence { literals, len: len as u16, distance: distance as u16 });
        self.anchor = start + len;
        self.at = self.anchor;
    }

    /// Makes all up to `end` literals of sequences.
    #[inline(never)]
    pub(super) fn push_literals(&mut self, end: usize) {
        while self.anchor < end {
            let literals = (end - self.anchor).min(LITERALS_MAX);
            self.sequences.push(Sequence { literals: literals as u32, len: 0, distance: 0 });
            self.anchor += literals;
        }
        self.at = self.at.max(end);
    }
}
