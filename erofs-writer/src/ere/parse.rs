//! The grammar outside brackets: from a pattern to an expression tree of `regex-syntax`.
//!
//! Groups are kept on a heap-allocated stack, and the height of the tree is bounded because the
//! code that later walks the tree recurses.

use regex_syntax::hir::{Class, Hir, Look, Repetition};

use super::bracket;
use super::error::EreError;
use super::limits::MAX_HEIGHT;

/// The largest count in an interval (`RE_DUP_MAX`).
const MAX_COUNT: u32 = 32767;

/// Parses a whole pattern.
pub(super) fn parse(pattern: &[u8]) -> Result<Hir, EreError> {
    if let Some(at) = pattern.iter().position(|&byte| byte == 0) {
        return Err(EreError::Nul { at });
    }
    let mut parser = Parser { pattern, pos: 0, frame: Frame::new(0), parents: Vec::new() };
    while let Some(&byte) = pattern.get(parser.pos) {
        parser.step(byte)?;
    }
    if parser.parents.is_empty() {
        Ok(parser.frame.finish())
    } else {
        Err(EreError::Group { at: parser.frame.open })
    }
}

/// The state of one open group, or of the whole pattern.
struct Frame {
    /// Offset of the `(`.
    open: usize,
    /// Finished alternatives.
    branches: Vec<Hir>,
    /// Members of the alternative being read.
    atoms: Vec<Hir>,
    /// Height of the tallest atom.
    height: usize,
    /// Height of the last atom if a repetition may follow it.
    repeatable: Option<usize>,
}

impl Frame {
    fn new(open: usize) -> Self {
        Self { open, branches: Vec::new(), atoms: Vec::new(), height: 0, repeatable: None }
    }

    fn end_branch(&mut self) {
        self.branches.push(Hir::concat(std::mem::take(&mut self.atoms)));
        self.repeatable = None;
    }

    fn finish(mut self) -> Hir {
        self.end_branch();
        Hir::alternation(self.branches)
    }
}

/// A position in the pattern and the groups open there.
struct Parser<'p> {
    pattern: &'p [u8],
    pos: usize,
    frame: Frame,
    parents: Vec<Frame>,
}

impl Parser<'_> {
    /// Reads one token, whose first byte is `byte`.
    fn step(&mut self, byte: u8) -> Result<(), EreError> {
        let at = self.pos;
        self.pos += 1;
        match byte {
            b'(' => self.open_group(at),
            b')' if !self.parents.is_empty() => self.close_group(at),
            b'|' => {
                self.frame.end_branch();
                Ok(())
            }
            b'*' => self.repeat(at, 0, None),
            b'+' => self.repeat(at, 1, None),
            b'?' => self.repeat(at, 0, Some(1)),
            b'{' => {
                let (min, max) = self.interval(at)?;
                self.repeat(at, min, max)
            }
            b'^' => self.look(Look::StartLF),
            b'$' => self.look(Look::EndLF),
            b'\\' => self.escape(at),
            // `.` matches a newline but not NUL.
            b'.' => self.atom(at, class(&[(1, 0xff)], false), 0),
            b'[' => {
                let (set, after) = bracket::parse(self.pattern, at)?;
                self.pos = after;
                self.atom(at, Hir::class(Class::Bytes(set)), 0)
            }
            // This includes `)` outside a group and `}` anywhere.
            _ => self.atom(at, Hir::literal([byte]), 0),
        }
    }

    fn open_group(&mut self, at: usize) -> Result<(), EreError> {
        self.check_height(at, 1)?;
        let parent = std::mem::replace(&mut self.frame, Frame::new(at));
        self.parents.push(parent);
        Ok(())
    }

    fn close_group(&mut self, at: usize) -> Result<(), EreError> {
        let Some(parent) = self.parents.pop() else {
            return Ok(());
        };
        let group = std::mem::replace(&mut self.frame, parent);
        let height = group.height + 1;
        self.atom(at, group.finish(), height)
    }

    /// Adds something that may be repeated.
    fn atom(&mut self, at: usize, hir: Hir, height: usize) -> Result<(), EreError> {
        self.check_height(at, height)?;
        self.frame.atoms.push(hir);
        self.frame.height = self.frame.height.max(height);
        self.frame.repeatable = Some(height);
        Ok(())
    }

    /// Adds an anchor or a word edge, which may not be repeated outside a group of its own.
    fn look(&mut self, look: Look) -> Result<(), EreError> {
        self.frame.atoms.push(Hir::look(look));
        self.frame.repeatable = None;
        Ok(())
    }

    /// Applies a repetition to the last atom.
    fn repeat(&mut self, at: usize, min: u32, max: Option<u32>) -> Result<(), EreError> {
        let nothing = EreError::Repeat { at };
        let height = self.frame.repeatable.ok_or(nothing.clone())? + 1;
        let sub = Box::new(self.frame.atoms.pop().ok_or(nothing)?);
        // glibc expands such a repetition into copies, and does not heed an anchor before
        // a copy or in one.
        let copied = if min == 0 { max > Some(1) } else { max != Some(1) };
        if copied && !sub.properties().look_set().is_empty() {
            return Err(EreError::RepeatedAnchor { at });
        }
        let repetition = Repetition { min, max, greedy: true, sub };
        self.atom(at, Hir::repetition(repetition), height)
    }

    fn check_height(&self, at: usize, height: usize) -> Result<(), EreError> {
        if self.parents.len() + height > MAX_HEIGHT {
            return Err(EreError::Height { at });
        }
        Ok(())
    }

    /// Reads the rest of an escape, after its backslash.
    fn escape(&mut self, at: usize) -> Result<(), EreError> {
        let &byte = self.pattern.get(self.pos).ok_or(EreError::Escape { at })?;
        self.pos += 1;
        const WORD: &[(u8, u8)] = &[(b'0', b'9'), (b'A', b'Z'), (b'_', b'_'), (b'a', b'z')];
        const SPACE: &[(u8, u8)] = &[(b'\t', b'\r'), (b' ', b' ')];
        match byte {
            b'<' => self.look(Look::WordStartAscii),
            b'>' => self.look(Look::WordEndAscii),
            b'b' => self.look(Look::WordAscii),
            b'B' => self.look(Look::WordAsciiNegate),
            b'`' => self.look(Look::Start),
            b'\'' => self.look(Look::End),
            b'w' => self.atom(at, class(WORD, false), 0),
            b'W' => self.atom(at, class(WORD, true), 0),
            b's' => self.atom(at, class(SPACE, false), 0),
            b'S' => self.atom(at, class(SPACE, true), 0),
            b'1'..=b'9' => Err(EreError::BackReference { at }),
            _ => self.atom(at, Hir::literal([byte]), 0),
        }
    }

    /// Reads `{m}`, `{m,}`, `{m,n}`, `{,n}` or `{,}` after its `{`, which is at `open`.
    fn interval(&mut self, open: usize) -> Result<(u32, Option<u32>), EreError> {
        let (low, comma) = self.count(open)?;
        let (min, max) = if comma {
            let (high, comma) = self.count(open)?;
            if comma {
                return Err(EreError::Interval { at: open });
            }
            (low.unwrap_or(0), high)
        } else {
            let count = low.ok_or(EreError::Interval { at: open })?;
            (count, Some(count))
        };
        if max.is_some_and(|max| min > max) || max.unwrap_or(min) > MAX_COUNT {
            return Err(EreError::Interval { at: open });
        }
        Ok((min, max))
    }

    /// Reads digits up to `,` (gives true) or `}` (gives false). A backslash before `0` or `,` is
    /// skipped, as glibc does.
    fn count(&mut self, open: usize) -> Result<(Option<u32>, bool), EreError> {
        let mut count = None;
        loop {
            let rest = self.pattern.get(self.pos..).unwrap_or_default();
            let (digit, len) = match rest {
                [b'}', ..] => {
                    self.pos += 1;
                    return Ok((count, false));
                }
                [b',', ..] => {
                    self.pos += 1;
                    return Ok((count, true));
                }
                [b'\\', b',', ..] => {
                    self.pos += 2;
                    return Ok((count, true));
                }
                [b'\\', b'0', ..] => (0, 2),
                [digit @ b'0'..=b'9', ..] => (u32::from(digit - b'0'), 1),
                _ => return Err(EreError::Interval { at: open }),
            };
            self.pos += len;
            // Stays above the largest count without overflow however many digits follow.
            count = Some((count.unwrap_or(0) * 10 + digit).min(MAX_COUNT + 1));
        }
    }
}

/// A set of bytes as a tree.
fn class(ranges: &[(u8, u8)], negated: bool) -> Hir {
    let mut set = bracket::set(ranges);
    if negated {
        set.negate();
    }
    Hir::class(Class::Bytes(set))
}
