//! Bracket expressions: from `[...]` in a pattern to a set of bytes.
//!
//! Only bytes and the names of the C locale are known, so a collating element or an equivalence
//! class is always one byte. A backslash means itself here.

use regex_syntax::hir::{ClassBytes, ClassBytesRange};

use super::error::EreError;

/// The inclusive byte ranges of a named class in the C locale, `None` for an unknown name.
pub(super) fn named_class(name: &[u8]) -> Option<&'static [(u8, u8)]> {
    Some(match name {
        b"alnum" => &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')],
        b"alpha" => &[(b'A', b'Z'), (b'a', b'z')],
        b"blank" => &[(b'\t', b'\t'), (b' ', b' ')],
        b"cntrl" => &[(0, 0x1f), (0x7f, 0x7f)],
        b"digit" => &[(b'0', b'9')],
        b"graph" => &[(b'!', b'~')],
        b"lower" => &[(b'a', b'z')],
        b"print" => &[(b' ', b'~')],
        b"punct" => &[(b'!', b'/'), (b':', b'@'), (b'[', b'`'), (b'{', b'~')],
        b"space" => &[(b'\t', b'\r'), (b' ', b' ')],
        b"upper" => &[(b'A', b'Z')],
        b"xdigit" => &[(b'0', b'9'), (b'A', b'F'), (b'a', b'f')],
        _ => return None,
    })
}

/// A set of bytes from inclusive ranges.
pub(super) fn set(ranges: &[(u8, u8)]) -> ClassBytes {
    ClassBytes::new(ranges.iter().map(|&(low, high)| ClassBytesRange::new(low, high)))
}

/// Reads the bracket expression whose `[` is at `open`; returns its set and the offset after its
/// `]`.
pub(super) fn parse(pattern: &[u8], open: usize) -> Result<(ClassBytes, usize), EreError> {
    let mut reader = Reader { pattern, open, pos: open + 1 };
    let negated = pattern.get(reader.pos) == Some(&b'^');
    if negated {
        reader.pos += 1;
    }
    let mut class = reader.members()?;
    if negated {
        class.negate();
    }
    Ok((class, reader.pos))
}

/// One unit of the text between the brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// `]`
    Close,
    /// A `-` that may form a range.
    Dash,
    /// `[.`, `[=` or `[:`, with its second byte.
    Open(u8),
    /// Any other byte.
    Byte(u8),
}

/// One member as written, before it is known whether it starts a range.
enum Member {
    /// A byte, which may be an end of a range.
    Byte(u8),
    /// A set, which may not.
    Set(ClassBytes),
}

/// A position inside a bracket expression.
struct Reader<'p> {
    pattern: &'p [u8],
    /// Offset of the `[`.
    open: usize,
    /// Offset of the next token.
    pos: usize,
}

impl Reader<'_> {
    /// Reads all members and the closing `]`.
    fn members(&mut self) -> Result<ClassBytes, EreError> {
        let mut class = ClassBytes::empty();
        let mut first = true;
        loop {
            let (token, after) = self.token(self.pos)?;
            // A `]` in first place is a member.
            if token == Token::Close && !first {
                self.pos = after;
                return Ok(class);
            }
            let at = self.pos;
            match self.member(first)? {
                Member::Set(named) => class.union(&named),
                Member::Byte(low) => {
                    let high = self.range_end()?.unwrap_or(low);
                    if low > high {
                        return Err(EreError::Range { at });
                    }
                    class.push(ClassBytesRange::new(low, high));
                }
            }
            first = false;
        }
    }

    /// After a byte: reads `-` and the upper end if a range follows.
    fn range_end(&mut self) -> Result<Option<u8>, EreError> {
        let (token, after) = self.token(self.pos)?;
        if token != Token::Dash || self.token(after)?.0 == Token::Close {
            return Ok(None);
        }
        self.pos = after;
        match self.member(true)? {
            Member::Byte(high) => Ok(Some(high)),
            Member::Set(_) => Err(EreError::Range { at: after }),
        }
    }

    /// Reads one member. `dash_allowed` says whether a `-` may stand for itself here although it is
    /// not the last member.
    fn member(&mut self, dash_allowed: bool) -> Result<Member, EreError> {
        let at = self.pos;
        let (token, after) = self.token(at)?;
        self.pos = after;
        match token {
            Token::Open(kind) => self.named(kind, at),
            Token::Byte(byte) => Ok(Member::Byte(byte)),
            Token::Close => Ok(Member::Byte(b']')),
            Token::Dash if dash_allowed || self.token(after)?.0 == Token::Close => {
                Ok(Member::Byte(b'-'))
            }
            Token::Dash => Err(EreError::Range { at }),
        }
    }

    /// Reads the rest of `[.x.]`, `[=x=]` or `[:name:]`, which begins at `at`.
    fn named(&mut self, kind: u8, at: usize) -> Result<Member, EreError> {
        let rest = self.pattern.get(self.pos..).unwrap_or_default();
        let len = rest.windows(2).position(|pair| pair == [kind, b']']);
        let len = len.ok_or(EreError::Bracket { at: self.open })?;
        let name = &rest[..len];
        self.pos += len + 2;
        match (kind, name) {
            (b':', _) => match named_class(name) {
                Some(ranges) => Ok(Member::Set(set(ranges))),
                None => Err(EreError::Class { at }),
            },
            (b'.', &[byte]) => Ok(Member::Byte(byte)),
            (b'=', &[byte]) => Ok(Member::Set(set(&[(byte, byte)]))),
            _ => Err(EreError::Collating { at }),
        }
    }

    /// The token at `pos` and the offset after it.
    fn token(&self, pos: usize) -> Result<(Token, usize), EreError> {
        let rest = self.pattern.get(pos..).unwrap_or_default();
        Ok(match rest {
            [] => return Err(EreError::Bracket { at: self.open }),
            [b'[', kind @ (b'.' | b'=' | b':'), ..] => (Token::Open(*kind), pos + 2),
            // glibc 2.36 takes the second `-` as the end of a range, later gnulib code takes the
            // three as one `-`.
            [b'-', b'-', b'-', ..] => return Err(EreError::Hyphens { at: pos }),
            [b'-', ..] => (Token::Dash, pos + 1),
            [b']', ..] => (Token::Close, pos + 1),
            [byte, ..] => (Token::Byte(*byte), pos + 1),
        })
    }
}
