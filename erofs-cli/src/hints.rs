//! The file of `--compress-hints`: how to compress files whose paths match a pattern.
//!
//! A line is `SIZE [ALGORITHM] PATTERN`: the largest pcluster in bytes, or 0 to store
//! such files as they are; the number of one of the algorithms of `-z`, counted from 0,
//! which is the default; and an extended regular expression, up to the end of the line.
//! Lines that are empty or begin with `#` are ignored. Of the other lines, the first one
//! that matches decides.
//!
//! Each file is compared with each pattern, and each pattern takes memory of its own. So
//! a file has at most 4 MiB and 10,000 patterns, which take at most 256 MiB together.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use erofs_writer::ere::{Ere, EreError};
use erofs_writer::{Codec, CompressRule, Error, PclusterSize, Shown};

use crate::exit::Failure;

/// The request for hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hints {
    pub(crate) file: PathBuf,
    /// The algorithms of `-z`.
    pub(crate) codecs: Vec<Codec>,
    /// The length of blocks, in bytes.
    pub(crate) block_len: u32,
}

/// The reason why a line is no hint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HintError {
    /// The number of the line, counted from 1.
    line: usize,
    kind: HintErrorKind,
}

#[derive(Debug, PartialEq, Eq)]
enum HintErrorKind {
    Size(String),
    Algorithm(String),
    NoPattern,
    Pattern(EreError),
    TooMany,
    TooLarge,
}

impl fmt::Display for HintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.kind {
            HintErrorKind::Size(text) => {
                write!(
                    f,
                    "'{}' is not a pcluster size, which is 0, or 512 to 1048576 bytes",
                    Shown::new(text)
                )
            }
            HintErrorKind::Algorithm(text) => {
                write!(f, "'{}' is not the number of an algorithm of -z", Shown::new(text))
            }
            HintErrorKind::NoPattern => f.write_str("a pattern is missing"),
            HintErrorKind::Pattern(error) => error.fmt(f),
            HintErrorKind::TooMany => {
                write!(f, "there are more patterns than {PATTERNS_MAX}")
            }
            HintErrorKind::TooLarge => {
                write!(f, "the patterns so far take more than {} MiB", MEMORY_MAX >> 20)
            }
        }
    }
}

impl std::error::Error for HintError {}

/// The most bytes of a file of hints.
const LEN_MAX: u64 = 4 << 20;
/// The most patterns of a file ...
const PATTERNS_MAX: usize = 10_000;
/// ... and the most bytes of memory that they take together.
const MEMORY_MAX: usize = 256 << 20;

/// The contents of a file of hints.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<CompressRule>,
    /// Notes about lines that are ignored.
    pub(crate) notes: Vec<String>,
}

/// The contents of a line.
enum Line {
    Rule(CompressRule),
    /// The line is ignored, because pclusters of this size are not whole blocks.
    PassedOver(u32),
}

impl Hints {
    /// Reads the file.
    pub(crate) fn read(&self) -> Result<Rules, Failure> {
        let path: &Path = &self.file;
        let text = bounded(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        self.parse(&text).map_err(|source| Failure::Hints { file: self.file.clone(), source })
    }

    fn parse(&self, text: &[u8]) -> Result<Rules, HintError> {
        let mut found = Rules::default();
        let mut memory = 0;
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() || line[0] == b'#' {
                continue;
            }
            let number = index + 1;
            let error = |kind| HintError { line: number, kind };
            if found.rules.len() + found.notes.len() == PATTERNS_MAX {
                return Err(error(HintErrorKind::TooMany));
            }
            match self.line(line).map_err(error)? {
                Line::Rule(rule) => {
                    memory += rule.memory_usage();
                    if memory > MEMORY_MAX {
                        return Err(error(HintErrorKind::TooLarge));
                    }
                    found.rules.push(rule);
                }
                Line::PassedOver(size) => found.notes.push(format!(
                    "{}: line {number} is ignored: {size} bytes are not a multiple of the block size, {}",
                    Shown::new(&self.file),
                    self.block_len
                )),
            }
        }
        Ok(found)
    }

    fn line(&self, line: &[u8]) -> Result<Line, HintErrorKind> {
        let (size, rest) = word(line);
        let unknown_size = || HintErrorKind::Size(String::from_utf8_lossy(size).into());
        let size: u32 = number(size).ok_or_else(unknown_size)?;
        let (first, rest) = word(rest);
        // Without an algorithm, the pattern may not have blanks, as in mkfs.erofs.
        let (codec, pattern) = match (first.is_empty(), rest.is_empty()) {
            (true, _) => return Err(HintErrorKind::NoPattern),
            (false, true) => (self.codecs.first(), first),
            (false, false) => (self.codec(first), rest),
        };
        let unknown = || HintErrorKind::Algorithm(String::from_utf8_lossy(first).into());
        let codec = *codec.ok_or_else(unknown)?;
        let rule = CompressRule::new(Ere::new(pattern).map_err(HintErrorKind::Pattern)?);
        if size == 0 {
            return Ok(Line::Rule(rule));
        }
        // mkfs.erofs warns of this, and goes on.
        if size % self.block_len != 0 {
            return Ok(Line::PassedOver(size));
        }
        let size = PclusterSize::new(size).map_err(|_| unknown_size())?;
        Ok(Line::Rule(rule.codec(codec).pcluster_size(size)))
    }

    fn codec(&self, text: &[u8]) -> Option<&Codec> {
        self.codecs.get(usize::try_from(number(text)?).ok()?)
    }
}

/// The bytes of the file `path`, up to a bound: it may be endless.
fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LEN_MAX + 1).read_to_end(&mut text)?;
    match u64::try_from(text.len()).is_ok_and(|len| len <= LEN_MAX) {
        true => Ok(text),
        false => {
            let why = format!("it has more than {LEN_MAX} bytes");
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
    }
}

/// The first word of `text`, and the text after it and the blanks that follow.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

fn number(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use erofs_writer::codec::lz4::Level;

    fn parse(text: &str) -> Result<Vec<CompressRule>, String> {
        let codecs = vec![Codec::Lz4(Level::FAST), Codec::Lz4(Level::MAX)];
        let hints = Hints { file: PathBuf::new(), codecs, block_len: 4096 };
        let found = hints.parse(text.as_bytes()).map_err(|error| error.to_string())?;
        assert_eq!(found.notes, [""; 0]);
        Ok(found.rules)
    }

    fn rule(pattern: &str) -> CompressRule {
        CompressRule::new(pattern.parse().expect("compiles"))
    }

    #[test]
    fn a_line_has_a_size_and_may_have_an_algorithm_before_its_pattern() {
        let size = |bytes| PclusterSize::new(bytes).expect("is one");
        let text = "# comment\n\n4096 \\.so$\n65536\t1 \\.(py|h)$\n0 1 a b\n  8192   0   x";
        let expected = vec![
            rule("\\.so$").codec(Codec::Lz4(Level::FAST)).pcluster_size(size(4096)),
            rule("\\.(py|h)$").codec(Codec::Lz4(Level::MAX)).pcluster_size(size(65536)),
            rule("a b"),
            rule("x").codec(Codec::Lz4(Level::FAST)).pcluster_size(size(8192)),
        ];
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn what_mkfs_erofs_warns_of_is_passed_over() {
        let codecs = vec![Codec::Lz4(Level::FAST)];
        let hints = Hints { file: "hints".into(), codecs, block_len: 4096 };
        let found = hints.parse(b"0 \\.c$\n1048577 \\.am$\n8192 \\.h$\n").expect("is taken");
        assert_eq!(found.rules.len(), 2);
        let note =
            "hints: line 2 is ignored: 1048577 bytes are not a multiple of the block size, 4096";
        assert_eq!(found.notes, [note]);
    }

    #[test]
    fn what_is_no_hint_is_refused_by_its_line() {
        let refusal = |text: &str| parse(text).expect_err("is refused");
        assert_eq!(refusal("\n4096"), "line 2: a pattern is missing");
        assert_eq!(
            refusal("x .*"),
            "line 1: 'x' is not a pcluster size, which is 0, or 512 to 1048576 bytes"
        );
        assert_eq!(
            refusal("2097152 .*"),
            "line 1: '2097152' is not a pcluster size, which is 0, or 512 to 1048576 bytes"
        );
        assert_eq!(refusal("4096 2 .*"), "line 1: '2' is not the number of an algorithm of -z");
        assert_eq!(refusal("4096 a b"), "line 1: 'a' is not the number of an algorithm of -z");
        assert!(refusal("4096 .*\n4096 (").starts_with("line 2: "));
    }

    #[test]
    fn patterns_are_counted_and_measured() {
        let many = "4096 a\n".repeat(PATTERNS_MAX);
        assert_eq!(parse(&many).map(|rules| rules.len()), Ok(PATTERNS_MAX));
        let refusal = parse(&(many + "# one\n4096 b\n")).expect_err("one too many");
        assert_eq!(refusal, "line 10002: there are more patterns than 10000");
        let refusal = parse(&"4096 (abcdefgh){20000}\n".repeat(1000)).expect_err("too much");
        assert!(refusal.ends_with("the patterns so far take more than 256 MiB"), "{refusal}");
    }
}
