//! Frames (RFC 8878, 3.1.1) that fill an output.
//!
//! Blocks are gathered and written one after the other, until one does not fit;
//! that is cut. How much of the data has to be parsed for that is told by estimates
//! from what was found so far.

use super::block::{self, BLOCK_MAX, Block, HEADER_LEN, Kind};
use super::cut::{self, Cut, Kept, Scratch};
use super::entropy::{Entropy, Plan};
use super::header::{HEADER_MIN, Headers};
use super::parse::{Cursor, Parse, Step};
use super::sequences::Repeats;
use super::split::Split;
use crate::codec::filled::Filled;

/// The shortest frame that decodes to something: one byte in a block.
pub(super) const FRAME_MIN: usize = HEADER_MIN + HEADER_LEN + 1;

/// Blocks of a frame are taken back so often at most.
const TAKEN_BACK_MAX: u32 = 12;

/// A search for matches.
pub(super) trait Search: std::fmt::Debug + Send + Sync {
    /// Begins a segment of `len` bytes.
    fn begin_segment(&mut self, len: usize);

    /// Goes on in `parse` to `target` at least, if the data go so far.
    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize);

    /// Begins a parse at `start`.
    fn begin(&mut self, start: usize);
}

/// How much of a block is known before it is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    /// All of it.
    Closed,
    /// Its beginning.
    Open,
}

/// How long a block may be, as far as it was tried.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// The last end with which it fitted.
    fits: usize,
    /// The first end with which it did not.
    too_far: usize,
}

impl Bounds {
    /// How much a block that begins at `begin` may grow from `end` on: half of the way to
    /// where it is too long, or nothing if that is near.
    fn growth(self, begin: usize, end: usize) -> usize {
        let way = self.too_far.saturating_sub(end);
        if way <= 16 + (end - begin) / 32 { 0 } else { way / 2 }
    }
}

/// Writes frames.
#[derive(Debug)]
pub(super) struct Frames {
    headers: Headers,
    parse: Parse,
    /// Where the data of the parse end.
    parsed_end: Option<usize>,
    block: Block,
    /// All that was gathered, if it becomes several blocks.
    whole: Block,
    split: Split,
    /// A place in the parse, at or before the beginning of the block.
    earlier: Cursor,
    entropy: Entropy,
    repeats: Repeats,
    /// The blocks of the frame, and where the last one begins.
    body: Vec<u8>,
    body_len: usize,
    last_header: usize,
    scratch: Scratch,
    /// How often a block of the frame was taken back.
    taken_back: u32,
    bounds: Bounds,
    /// How many bytes 256 bytes of a frame decoded to, the last time.
    ratio: usize,
}

impl Frames {
    pub(super) fn new(window_log: u32, part: usize) -> Self {
        Frames {
            headers: Headers { window_log },
            parse: Parse::new(),
            parsed_end: None,
            block: Block::new(),
            whole: Block::new(),
            split: Split::new(part),
            earlier: Cursor::new(0),
            entropy: Entropy::new(),
            repeats: Repeats::FIRST,
            body: Vec::new(),
            body_len: 0,
            last_header: 0,
            scratch: Scratch::default(),
            taken_back: 0,
            bounds: Bounds { fits: 0, too_far: 0 },
            ratio: 512,
        }
    }

    /// Begins another segment, or goes back in one.
    pub(super) fn begin(&mut self) {
        self.parsed_end = None;
        self.ratio = 512;
    }

    /// The most bytes of a block.
    fn block_max(&self) -> usize {
        BLOCK_MAX.min(self.headers.window())
    }

    /// Encodes a frame that begins at `start`; `data` ends where it must.
    pub(super) fn fill(
        &mut self,
        search: &mut dyn Search,
        data: &[u8],
        start: usize,
        out: &mut [u8],
    ) -> Filled {
        if out.len() < FRAME_MIN || start == data.len() {
            return Filled::default();
        }
        self.prepare(search, data.len(), start);
        self.body_len = 0;
        self.taken_back = 0;
        self.split.clear();
        self.earlier = Cursor::new(start);
        self.block.begin(start, Repeats::FIRST);
        self.entropy.begin();
        self.repeats = Repeats::FIRST;
        let mut cursor = Cursor::new(start);
        let mut end = start;
        while end < data.len() {
            let done = self.fill_block(search, data, &mut cursor, start, out.len());
            end = self.block.end;
            if done {
                break;
            }
        }
        let content = end - start;
        let Some(last) = self.body.get_mut(self.last_header).filter(|_| content > 0) else {
            return Filled::default();
        };
        *last |= 1;
        let header_len = self.headers.len(content);
        self.headers.write(header_len, content, out);
        let written = header_len + self.body_len;
        out[header_len..written].copy_from_slice(&self.body[..self.body_len]);
        self.ratio = (content << 8) / written;
        Filled { consumed: content, written }
    }

    /// Writes a block, or finds where it has to be split. Is the frame complete? The
    /// block may be empty.
    fn fill_block(
        &mut self,
        search: &mut dyn Search,
        data: &[u8],
        cursor: &mut Cursor,
        start: usize,
        room: usize,
    ) -> bool {
        let begin = self.block.end;
        // With whose header the shortest block fits.
        let content_max =
            self.headers.content_max(room.saturating_sub(self.body_len + HEADER_LEN + 1));
        let max = data.len().min(begin + self.block_max()).min(start + content_max);
        if begin >= max {
            return true;
        }
        self.bounds = Bounds { fits: begin, too_far: usize::MAX };
        let mut part = self.next_part(cursor, begin, max);
        if part == Part::None {
            self.gather(search, data, cursor, begin + self.expected(room), max);
        }
        loop {
            let header_len = self.headers.len(self.block.end - start);
            let left = room - header_len - self.body_len;
            if let Some(more) = self.missing(left) {
                self.gather(search, data, cursor, self.block.end + more, max);
                continue;
            }
            if part != Part::Closed && self.split.find(&self.block) {
                std::mem::swap(&mut self.block, &mut self.whole);
                self.block.begin(begin, self.repeats);
                return false;
            }
            let plan = self.entropy.plan(&self.block.counts);
            let len = block::len_of(&self.block, &self.entropy, plan);
            let may_grow = len <= left && !self.block.closed;
            if may_grow {
                self.bounds.fits = self.block.end;
                let more = 64 + (left - len) * (self.block.end - begin) / len;
                let more = more.min(self.bounds.growth(begin, self.bounds.fits));
                if more > 0 {
                    self.gather(search, data, cursor, self.block.end + more, max);
                    continue;
                }
            } else if self.write_whole(data, plan, left) {
                return self.block.end == data.len();
            }
            let kept = cut::fitting(&self.block, &self.entropy, plan, left);
            let target = if may_grow { None } else { self.take_back(kept) };
            if let Some(target) = target {
                part = self.begin_again(cursor, begin);
                self.gather(search, data, cursor, target, max);
                continue;
            }
            let left = left - self.write_cut(data, plan, kept, left, start);
            // Room for a block may be left where the bytes that follow have no code.
            return left < 24 + room / 256;
        }
    }

    /// Goes on to the next block.
    fn next_part(&mut self, cursor: &mut Cursor, begin: usize, max: usize) -> Part {
        // Those that follow a block without sequences were coded for others before them.
        if self.block.repeats != self.repeats {
            self.split.clear();
        }
        match self.split.take(&self.whole, &mut self.block) {
            Some(_) if self.block.end > max => self.split.clear(),
            Some(false) => return Part::Closed,
            Some(true) => {
                self.block.closed = self.block.end == max;
                return Part::Open;
            }
            None => {}
        }
        self.begin_again(cursor, begin)
    }

    /// Begins a block of which nothing is known.
    fn begin_again(&mut self, cursor: &mut Cursor, begin: usize) -> Part {
        self.split.clear();
        self.seek(cursor, begin);
        self.earlier = *cursor;
        self.block.begin(begin, self.repeats);
        Part::None
    }

    /// Moves the cursor to `begin`, where a block begins.
    fn seek(&mut self, cursor: &mut Cursor, begin: usize) {
        if cursor.at > begin {
            *cursor = self.earlier;
        }
        while cursor.at < begin {
            if matches!(cursor.next(&self.parse, 0, begin), Step::Nothing) {
                cursor.take_literals(begin - cursor.at);
                // The block before may have taken bytes that were not searched yet.
                self.parse.fixed = self.parse.fixed.max(begin);
                self.parse.at = self.parse.at.max(begin);
            }
        }
    }

    /// Where the block that does not fit should end, if it is much longer than what is
    /// kept. Its beginning needs other codes then.
    fn take_back(&mut self, kept: Kept) -> Option<usize> {
        let begin = self.block.start;
        let content = self.block.end - begin;
        let is_near = content < 64 || content - kept.content < content / 16;
        let is_worse = begin + kept.content < self.bounds.fits;
        if self.taken_back == TAKEN_BACK_MAX || (is_near && !is_worse) {
            return None;
        }
        self.taken_back += 1;
        self.bounds.too_far = self.bounds.too_far.min(self.block.end);
        let target = begin + kept.content + kept.content / 32 + 1;
        if target > self.bounds.fits {
            return Some(target);
        }
        let growth = self.bounds.growth(begin, self.bounds.fits);
        if growth == 0 {
            self.bounds.too_far = self.bounds.fits;
        }
        Some(self.bounds.fits + growth)
    }

    /// How many bytes seem to fit, or a little fewer, as more can be added.
    fn expected(&self, room: usize) -> usize {
        let left = room.saturating_sub(self.headers.len(0) + self.body_len);
        let expected = left * self.ratio / 256;
        (expected - expected / 8).max(64)
    }

    /// How many bytes have to be added to the block until it does not fit, as far as
    /// can be told, if it can have more.
    fn missing(&mut self, left: usize) -> Option<usize> {
        let estimate = self.block.estimate();
        // A block that was taken back is not made too long again.
        let is_new = self.bounds.too_far == usize::MAX;
        let enough = if is_new { left + left / 128 + 8 } else { left };
        if self.block.closed || estimate >= enough {
            return None;
        }
        let len = self.block.end - self.block.start;
        let more = (enough - estimate) * len / estimate;
        let is_far = estimate < left / 4 * 3;
        let more = if is_far { more - more / 8 } else { more }.max(32);
        let growth = self.bounds.growth(self.block.start, self.block.end);
        Some(more.min(growth)).filter(|more| *more > 0)
    }

    /// Parses to `target`, and adds what was found to the block.
    fn gather(
        &mut self,
        search: &mut dyn Search,
        data: &[u8],
        cursor: &mut Cursor,
        target: usize,
        max: usize,
    ) {
        let target = target.min(max);
        if self.parse.at < target {
            search.advance(data, &mut self.parse, target);
        }
        self.block.add(data, &self.parse, cursor, target, max);
        // Nothing was found after the last sequence.
        if cursor.at < target && !self.block.closed {
            let is_new = self.bounds.too_far == usize::MAX;
            let end = if is_new { self.parse.at.min(max) } else { target };
            let literals = end - cursor.at;
            cursor.take_literals(literals);
            self.block.add_literals(data, literals);
            self.parse.fixed = self.parse.fixed.max(cursor.at);
            self.block.closed = self.block.end == max;
        }
    }

    /// Writes the block if it fits, in the shortest form.
    fn write_whole(&mut self, data: &[u8], plan: Plan, left: usize) -> bool {
        let content = &data[self.block.start..self.block.end];
        let len = block::len_of(&self.block, &self.entropy, plan);
        let raw = content.len() + HEADER_LEN;
        if self.block.sequences.len() < 4 && content.iter().all(|byte| *byte == content[0]) {
            self.write_plain(Kind::Single, content.len(), &content[..1]);
            return true;
        }
        if len.min(raw) > left + 16 {
            return false;
        }
        if len < raw + 8 {
            let entropy = &self.entropy;
            let sequences = &self.block.sequences;
            self.scratch.write(sequences, entropy, plan);
            let written = self.write_compressed(plan).filter(|len| *len < raw);
            if let Some(len) = written {
                if len > left {
                    return false;
                }
                self.keep(plan, len);
                return true;
            }
        }
        if raw <= left {
            self.write_plain(Kind::Raw, content.len(), content);
        }
        raw <= left
    }

    /// Writes the compressed block to the body, of which it is not yet part.
    fn write_compressed(&mut self, plan: Plan) -> Option<usize> {
        let room = HEADER_LEN + 300 + 2 * self.block.literals_len + self.scratch.sequences().len();
        self.reserve(room);
        let out = &mut self.body[self.body_len..];
        block::write(&self.block, &self.entropy, plan, self.scratch.sequences(), out)
    }

    /// Makes what was written part of the body.
    fn keep(&mut self, plan: Plan, len: usize) {
        self.entropy.keep(plan, !self.block.sequences.is_empty());
        self.repeats = self.block.repeats;
        self.last_header = self.body_len;
        self.body_len += len;
    }

    fn write_plain(&mut self, kind: Kind, len: usize, bytes: &[u8]) -> usize {
        self.reserve(HEADER_LEN + bytes.len());
        let out = &mut self.body[self.body_len..];
        block::write_header(kind, len, out).expect("there is room");
        out[HEADER_LEN..HEADER_LEN + bytes.len()].copy_from_slice(bytes);
        self.last_header = self.body_len;
        self.body_len += HEADER_LEN + bytes.len();
        HEADER_LEN + bytes.len()
    }

    fn reserve(&mut self, more: usize) {
        let len = self.body_len + more;
        if self.body.len() < len {
            self.body.resize(len.next_power_of_two(), 0);
        }
    }

    /// Writes as much of the block as fits, and returns its length.
    fn write_cut(
        &mut self,
        data: &[u8],
        plan: Plan,
        kept: Kept,
        left: usize,
        start: usize,
    ) -> usize {
        // The header of the frame must not get longer.
        let limit = self.headers.content_max(self.headers.len(self.block.end - start));
        let begin = self.block.start;
        self.split.clear();
        let limit = data.len().min(start + limit).min(begin + self.block_max());
        let raw = (left - HEADER_LEN).min(limit - begin);
        let content = &data[begin..limit];
        let single = content.iter().take_while(|byte| **byte == content[0]).count();
        let cut = Cut { data, limit, room: left };
        let done = cut.fit(&mut self.block, &self.entropy, plan, kept, &mut self.scratch);
        if let Some(plan) = done {
            let consumed = self.block.end - begin;
            if consumed > raw.max(single) {
                if let Some(len) = self.write_compressed(plan).filter(|len| *len <= left) {
                    self.block.repeats = self.repeats;
                    for sequence in &self.block.sequences {
                        self.block.repeats.follow(sequence.value, sequence.literals);
                    }
                    self.keep(plan, len);
                    return len;
                }
            }
        }
        self.block.end = begin + raw.max(single);
        self.block.repeats = self.repeats;
        if single >= raw {
            self.write_plain(Kind::Single, single, &content[..1])
        } else {
            self.write_plain(Kind::Raw, raw, &content[..raw])
        }
    }

    /// Has a parse that begins at `start`.
    fn prepare(&mut self, search: &mut dyn Search, end: usize, start: usize) {
        // A parse made for a later end also serves for a nearer one.
        if self.parse.start != start || self.parsed_end.is_none_or(|parsed| parsed < end) {
            search.begin(start);
            self.parse.begin(start);
            self.parsed_end = Some(end);
        }
    }
}
