//! Frames (RFC 8878, 3.1.1) that fill an output.
//!
//! Blocks are gathered and written one after the other, until one does not fit;
//! that is cut. How much of the data has to be parsed for that is told by estimates
//! from what was found so far.

use super::block::{self, BLOCK_MAX, Block, HEADER_LEN, Kind};
use super::cut::{Cut, Scratch};
use super::entropy::{Entropy, Plan};
use super::parse::{Cursor, Parse};
use super::sequences::Repeats;
use super::split::Split;
use crate::codec::filled::Filled;

/// The first bytes of a frame.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// The shortest frame that decodes to something: one byte in a block.
pub(super) const FRAME_MIN: usize = 6 + HEADER_LEN + 1;

/// What finds matches.
pub(super) trait Search: std::fmt::Debug + Send + Sync {
    /// Turns to a segment of `len` bytes.
    fn begin_segment(&mut self, len: usize);

    /// Goes on in `parse` to `target` at least, if the data go so far.
    fn advance(&mut self, data: &[u8], parse: &mut Parse, target: usize);

    /// Begins a parse at `start`.
    fn begin(&mut self, start: usize);
}

/// What is known of a block before it is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    /// All of it.
    Closed,
    /// Its beginning.
    Open,
}

/// Writes frames.
#[derive(Debug)]
pub(super) struct Frames {
    /// The logarithm of the window.
    window_log: u32,
    parse: Parse,
    /// Where the data of the parse end.
    parsed_end: Option<usize>,
    block: Block,
    /// What was gathered, if that is several blocks.
    whole: Block,
    split: Split,
    /// A place in the parse, not behind the block.
    earlier: Cursor,
    entropy: Entropy,
    repeats: Repeats,
    /// The blocks of the frame, and where the last one begins.
    body: Vec<u8>,
    body_len: usize,
    last_header: usize,
    scratch: Scratch,
    /// How many bytes 256 bytes of a frame decoded to, the last time.
    ratio: usize,
}

impl Frames {
    pub(super) fn new(window_log: u32, part: usize) -> Self {
        Frames {
            window_log,
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
            ratio: 512,
        }
    }

    /// Turns to another segment, or goes back in one.
    pub(super) fn begin(&mut self) {
        self.parsed_end = None;
        self.ratio = 512;
    }

    /// The most bytes of a block.
    fn block_max(&self) -> usize {
        BLOCK_MAX.min(1 << self.window_log)
    }

    /// The length of the header of a frame of so many bytes.
    ///
    /// The number of bytes is told, as the tools up to 1.9 ask for it. With that
    /// number no window needs to be told, if all is within one.
    fn header_len(&self, content: usize) -> usize {
        let in_window = content <= 1 << self.window_log;
        match content {
            0..256 => 6,
            256..65_792 if in_window => 7,
            256..65_792 => 8,
            _ if in_window => 9,
            _ => 10,
        }
    }

    /// The most bytes of a frame with a header of that length.
    fn content_max(&self, header_len: usize) -> usize {
        match header_len {
            0..6 => 0,
            6 => 255,
            7 => 65_791.min(1 << self.window_log),
            8 => 65_791,
            9 => 65_791.max(1 << self.window_log),
            _ => usize::MAX >> 1,
        }
    }

    fn write_header(&self, header_len: usize, content: usize, out: &mut [u8]) {
        out[..4].copy_from_slice(&MAGIC);
        let window = ((self.window_log - 10) << 3) as u8;
        // RFC 8878, 3.1.1.1.1: single segment, or a window behind it.
        match header_len {
            6 => out[4..6].copy_from_slice(&[0x20, content as u8]),
            7 => {
                out[4] = 0x60;
                out[5..7].copy_from_slice(&((content - 256) as u16).to_le_bytes());
            }
            8 => {
                out[4] = 0x40;
                out[5] = window;
                out[6..8].copy_from_slice(&((content - 256) as u16).to_le_bytes());
            }
            9 => {
                out[4] = 0xa0;
                out[5..9].copy_from_slice(&(content as u32).to_le_bytes());
            }
            _ => {
                out[4] = 0x80;
                out[5] = window;
                out[6..10].copy_from_slice(&(content as u32).to_le_bytes());
            }
        }
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
        let header_len = self.header_len(content);
        self.write_header(header_len, content, out);
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
        let content_max = self.content_max(room.saturating_sub(self.body_len + HEADER_LEN + 1));
        let max = data.len().min(begin + self.block_max()).min(start + content_max);
        if begin >= max {
            return true;
        }
        let part = self.next_part(cursor, begin, max);
        if part == Part::None {
            self.gather(search, data, cursor, begin + self.expected(room), max);
        }
        loop {
            let header_len = self.header_len(self.block.end - start);
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
            if len <= left && !self.block.closed {
                let more = 64 + (left - len) * (self.block.end - begin) / len;
                self.gather(search, data, cursor, self.block.end + more, max);
                continue;
            }
            if self.write_whole(data, plan, left) {
                return self.block.end == data.len();
            }
            self.write_cut(data, plan, left, start);
            return true;
        }
    }

    /// Turns to the next block.
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
        if cursor.at > begin {
            *cursor = self.earlier;
            while cursor.at < begin {
                cursor.next(&self.parse, 0, begin);
            }
        }
        self.earlier = *cursor;
        self.block.begin(begin, self.repeats);
        Part::None
    }

    /// How many bytes seem to fit, or a little fewer, as more can be added.
    fn expected(&self, room: usize) -> usize {
        let left = room.saturating_sub(self.header_len(0) + self.body_len);
        let expected = left * self.ratio / 256;
        (expected - expected / 8).max(64)
    }

    /// How many bytes have to be added to the block until it does not fit, as far as
    /// can be told, if it can have more.
    fn missing(&mut self, left: usize) -> Option<usize> {
        let estimate = self.block.estimate();
        let enough = left + left / 128 + 8;
        if self.block.closed || estimate >= enough {
            return None;
        }
        let len = self.block.end - self.block.start;
        let more = (enough - estimate) * len / estimate;
        let is_far = estimate < left / 4 * 3;
        Some(if is_far { more - more / 8 } else { more }.max(32))
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
        // Behind the last sequence nothing was found.
        if cursor.at < target && !self.block.closed {
            let literals = self.parse.at.min(max) - cursor.at;
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

    fn write_plain(&mut self, kind: Kind, len: usize, bytes: &[u8]) {
        self.reserve(HEADER_LEN + bytes.len());
        let out = &mut self.body[self.body_len..];
        block::write_header(kind, len, out).expect("there is room");
        out[HEADER_LEN..HEADER_LEN + bytes.len()].copy_from_slice(bytes);
        self.last_header = self.body_len;
        self.body_len += HEADER_LEN + bytes.len();
    }

    fn reserve(&mut self, more: usize) {
        let len = self.body_len + more;
        if self.body.len() < len {
            self.body.resize(len.next_power_of_two(), 0);
        }
    }

    /// Writes as much of the block as fits.
    fn write_cut(&mut self, data: &[u8], plan: Plan, left: usize, start: usize) {
        // The header of the frame must not get longer.
        let limit = self.content_max(self.header_len(self.block.end - start));
        let begin = self.block.start;
        let limit = data.len().min(start + limit).min(begin + self.block_max());
        let raw = (left - HEADER_LEN).min(limit - begin);
        let content = &data[begin..limit];
        let single = content.iter().take_while(|byte| **byte == content[0]).count();
        let cut = Cut { data, limit, room: left };
        let done = cut.fit(&mut self.block, &mut self.entropy, plan, &mut self.scratch);
        if let Some(plan) = done {
            let consumed = self.block.end - begin;
            if consumed > raw.max(single) {
                if let Some(len) = self.write_compressed(plan).filter(|len| *len <= left) {
                    self.keep(plan, len);
                    return;
                }
            }
        }
        self.block.end = begin + raw.max(single);
        if single >= raw {
            self.write_plain(Kind::Single, single, &content[..1]);
        } else {
            self.write_plain(Kind::Raw, raw, &content[..raw]);
        }
    }

    /// Has a parse that begins at `start`.
    fn prepare(&mut self, search: &mut dyn Search, end: usize, start: usize) {
        // What was found goes on as well if the end is nearer now.
        if self.parse.start != start || self.parsed_end.is_none_or(|parsed| parsed < end) {
            search.begin(start);
            self.parse.begin(start);
            self.parsed_end = Some(end);
        }
    }
}
