//! Streams (RFC 1951, 3.2.3) that fill an output.
//!
//! So much is parsed that it takes a little more than the output, as far as counts
//! tell. That is split into blocks, which are written one after the other, until one
//! does not fit. That one is cut.

use super::codes::Codes;
use super::cut::{Cut, Tail};
use super::effort::Effort;
use super::parse::{Parse, Sequence};
use super::split::{Part, Parts, split};
use crate::codec::bits::BitWriter;
use crate::codec::filled::Filled;
use crate::codec::runs::Runs;

/// The shortest stream that decodes to something: one literal by a fixed code.
pub(super) const STREAM_MIN: usize = 3;

/// The most bytes of a stored block.
const STORED_MAX: usize = 65_535;

/// With so few bits left for it, a block is not begun.
const SHORT_ROOM: usize = 8 * 256;

/// With more bits than these, fixed codes are never the best.
const FIXED_ROOM: usize = 8 * 512;

/// A search for matches.
pub(super) trait Search: std::fmt::Debug + Send + Sync {
    /// Begins a segment of `len` bytes.
    fn begin_segment(&mut self, len: usize);

    /// Begins a parse at `start`.
    fn begin(&mut self, start: usize);

    /// Forgets what depends on what was parsed.
    fn restart(&mut self) {}

    /// Goes on in `parse` to `target` at least, if the data go so far.
    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize);
}

/// The forms of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Stored,
    Fixed,
    Dynamic,
}

/// A stream that is being written.
#[derive(Debug)]
struct Stream<'a> {
    writer: BitWriter<'a>,
    /// How many bits it may have.
    room: usize,
    /// Where the last block begins.
    last_block: usize,
}

impl Stream<'_> {
    /// How many bits are left.
    fn left(&self) -> usize {
        self.room - self.writer.bits()
    }

    /// How many bits so many bytes take as stored blocks, here.
    fn stored_bits(&self, bytes: usize) -> usize {
        let at = self.writer.bits();
        let blocks = bytes.div_ceil(STORED_MAX).max(1);
        // All but the first begin at whole bytes.
        let first = (at + 3).next_multiple_of(8) + 32 - at;
        first + 40 * (blocks - 1) + 8 * bytes
    }

    /// How many bytes fit as stored blocks.
    fn stored_fitting(&self) -> usize {
        let mut bytes = self.left().saturating_sub(self.stored_bits(0)) / 8;
        while bytes > 0 && self.stored_bits(bytes) > self.left() {
            bytes -= 1;
        }
        bytes
    }

    /// Writes a block of sequences that begin at `at`, and what comes after them.
    fn write_coded(
        &mut self,
        codes: &Codes,
        data: &[u8],
        at: usize,
        sequences: &[Sequence],
        tail: Tail,
    ) {
        self.last_block = self.writer.bits();
        codes.begin(&mut self.writer);
        let at = codes.write(&mut self.writer, data, at, sequences);
        let after = Sequence { literals: tail.after, len: 0, distance: 0 };
        codes.write(&mut self.writer, data, at, &[tail.before, after]);
        codes.end(&mut self.writer);
    }

    fn write_stored(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(STORED_MAX) {
            self.last_block = self.writer.bits();
            // What is up to a whole byte is not looked at (RFC 1951, 3.2.4). As a
            // stream must not begin with a zero byte, it is not zeros there.
            let fill = if self.last_block == 0 { 0b1111_1000 } else { 0 };
            let filled = (self.last_block + 3).next_multiple_of(8) - self.last_block;
            self.writer.put(fill, filled as u32);
            let len = part.len() as u64;
            self.writer.put(len | (len ^ 0xffff) << 16, 32);
            self.writer.copy(part);
        }
    }
}

/// Writes streams.
#[derive(Debug)]
pub(super) struct Streams {
    effort: Effort,
    parse: Parse,
    /// Where the data of the parse end.
    parsed_end: Option<usize>,
    parts: Parts,
    blocks: Runs<Part>,
    codes: Codes,
    fixed: Codes,
    /// How many bytes 256 bytes of a stream decoded to, the last time.
    ratio: usize,
}

/// How writing a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It was written.
    Written,
    /// It fits, but more may belong to it.
    Open,
    /// It was cut, and all that fits ends here.
    Full(usize),
}

impl Streams {
    pub(super) fn new(effort: Effort) -> Self {
        Streams {
            effort,
            parse: Parse::new(),
            parsed_end: None,
            parts: Parts::new(effort.part_len),
            blocks: Runs::new(),
            codes: Codes::new(),
            fixed: Codes::fixed(),
            ratio: 512,
        }
    }

    /// Begins another segment, or goes back in one.
    pub(super) fn begin(&mut self) {
        self.parsed_end = None;
        self.ratio = 512;
    }

    /// Encodes a stream that begins at `start`; `data` ends where it must.
    pub(super) fn fill(
        &mut self,
        search: &mut dyn Search,
        data: &[u8],
        start: usize,
        out: &mut [u8],
    ) -> Filled {
        if out.len() < STREAM_MIN || start == data.len() {
            return Filled::default();
        }
        // Matches found for another end may reach beyond this one.
        if self.parse.start != start || self.parsed_end != Some(data.len()) {
            search.begin(start);
            self.parse.begin(start);
            self.parts.begin();
            self.parsed_end = Some(data.len());
        }
        let room = 8 * out.len();
        let mut stream = Stream { writer: BitWriter::new(&mut *out), room, last_block: 0 };
        let end = self.write(search, data, &mut stream);
        let last_block = stream.last_block;
        let written = stream.writer.finish().expect("what is written was measured");
        // RFC 1951, 3.2.3: the first bit of the last block.
        out[last_block / 8] |= 1 << (last_block % 8);
        let consumed = end - start;
        self.ratio = (consumed << 8) / written;
        Filled { consumed, written }
    }

    /// Writes blocks until the stream is full or the data end, and returns where.
    fn write(&mut self, search: &mut dyn Search, data: &[u8], stream: &mut Stream<'_>) -> usize {
        let (mut first, mut at) = (0, self.parse.start);
        let mut more = 64;
        loop {
            let left = stream.left();
            self.plan(search, data, first, at, left + left / 128 + more);
            for index in 0.. {
                if index == self.blocks.len() {
                    return at;
                }
                match self.write_block(data, stream, index) {
                    Step::Written => {
                        let block = self.blocks.get(index);
                        (first, at) = (block.last, block.end);
                    }
                    Step::Open => break,
                    Step::Full(end) => return end,
                }
            }
            more = 2 * more + left / 64;
        }
    }

    /// Is all parsed?
    fn is_closed(&self, data: &[u8]) -> bool {
        self.parse.anchor == data.len()
    }

    /// Finds the blocks from the sequence `first` on, which begins at `at`, until they
    /// seem to take so many bits.
    fn plan(&mut self, search: &mut dyn Search, data: &[u8], first: usize, at: usize, need: usize) {
        loop {
            let bits = split(&mut self.blocks, self.parts.from(first)) as usize;
            if bits >= need || self.is_closed(data) {
                return;
            }
            let len = self.parse.anchor - at;
            // What is too much would be looked at again for the next stream.
            let missing = need - bits;
            let more = match (missing * len).checked_div(bits) {
                None => need / 8 * self.ratio / 256 * 11 / 16,
                Some(more) if missing > need / 8 => more * 7 / 8,
                Some(more) => more,
            };
            let target = (self.parse.anchor + more.max(32)).min(data.len());
            search.advance(data, &mut self.parse, target);
            let end = self.parse.at.max(target);
            self.parse.push_literals(end);
            self.parts.add(data, self.parse.start, &self.parse.sequences);
        }
    }

    /// Writes a block of those that were found.
    fn write_block(&mut self, data: &[u8], stream: &mut Stream<'_>, index: usize) -> Step {
        loop {
            let is_last = index + 1 == self.blocks.len();
            let block = self.blocks.get(index);
            self.codes.set(&block.counts, self.effort.passes);
            let forms = [
                (self.codes.block_bits(&block.counts), Form::Dynamic),
                (self.fixed.block_bits(&block.counts), Form::Fixed),
                (stream.stored_bits(block.counts.bytes), Form::Stored),
            ];
            let (bits, form) = forms.into_iter().min_by_key(|(bits, _)| *bits).unwrap_or(forms[0]);
            let left = stream.left();
            if bits > left {
                return Step::Full(self.write_cut(data, stream, index));
            }
            if is_last {
                if !self.is_closed(data) {
                    return Step::Open;
                }
            } else {
                // The beginning of a block may not be worth a description.
                let next = self.blocks.get(index + 1);
                if left - bits < SHORT_ROOM && next.cost as usize > left - bits {
                    self.blocks.join_next(index);
                    continue;
                }
            }
            self.write_whole(data, stream, index, form);
            return Step::Written;
        }
    }

    /// Writes a block that fits.
    fn write_whole(&mut self, data: &[u8], stream: &mut Stream<'_>, index: usize, form: Form) {
        let block = self.blocks.get(index);
        let codes = match form {
            Form::Stored => return stream.write_stored(&data[block.start..block.end]),
            Form::Fixed => &self.fixed,
            Form::Dynamic => {
                self.codes.set_codes();
                &self.codes
            }
        };
        let sequences = &self.parse.sequences[block.first..block.last];
        stream.write_coded(codes, data, block.start, sequences, Tail::default());
    }

    /// Writes as much of a block as fits, and returns where that ends.
    fn write_cut(&mut self, data: &[u8], stream: &mut Stream<'_>, index: usize) -> usize {
        let block = self.blocks.get_mut(index);
        let (start, first) = (block.start, block.first);
        let sequences = &self.parse.sequences;
        let cut = Cut { data, sequences, room: stream.left() };
        let tail = cut.fit(block, &mut self.codes, self.effort);
        let mut best = (block.last, block.end, tail);
        self.codes.set_codes();
        let mut codes = &self.codes;
        let end = |(_, end, tail): (usize, usize, Tail)| end + tail.bytes();
        if cut.room < FIXED_ROOM {
            let fixed = cut.fit_fixed(first, start, &self.fixed);
            if end(fixed) > end(best) {
                (best, codes) = (fixed, &self.fixed);
            }
        }
        let stored = data.len().min(start + stream.stored_fitting());
        if stored > end(best) {
            stream.write_stored(&data[start..stored]);
            return stored;
        }
        if end(best) > start {
            let (last, _, tail) = best;
            stream.write_coded(codes, data, start, &sequences[first..last], tail);
        }
        end(best)
    }
}
