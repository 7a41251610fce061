//! Files of compression hints, in the format of `mkfs.erofs --compress-hints`.

use std::path::Path;

use crate::bounded;
use crate::codec::Codec;
use crate::ere::Ere;
use crate::error::{CompressHintsErrorKind, Error, Result};
use crate::options::{BlockSize, CompressRule, PclusterSize};

/// The most bytes of a file of hints.
const LEN_MAX: u64 = 4 << 20;
/// The most patterns of a file ...
const PATTERNS_MAX: usize = 10_000;
/// ... and the most bytes of memory that they take together.
const MEMORY_MAX: usize = 256 << 20;

/// A file of compression hints: rules for the compression of files that have a match of
/// a pattern in their path.
///
/// A line is `SIZE [ALGORITHM] PATTERN`: the largest size of a pcluster in bytes, or 0
/// for files that are not compressed; the number of an algorithm, counted from 0, which
/// is the default; and an [extended regular expression](crate::ere) up to the end of
/// the line. Lines that are empty or begin with `#` are ignored. The first rule that
/// matches a file counts.
///
/// Each file is compared with each pattern, and each pattern takes memory. So hints
/// have at most 4 MiB and 10,000 patterns, which take at most 256 MiB together.
///
/// ```
/// use erofs_writer::codec::lz4::Level;
/// use erofs_writer::{BlockSize, Codec, CompressHints, Options};
///
/// let text = b"# libraries as they are, text as small as it gets\n\
///              0       \\.so$\n\
///              65536 1 \\.(txt|md)$\n";
/// let codecs = [Codec::Lz4(Level::FAST), Codec::Lz4(Level::MAX)];
/// let hints = CompressHints::parse("hints", text, &codecs, BlockSize::default())?;
/// assert_eq!(hints.rules[0].get_codec(), None);
/// assert_eq!(hints.rules[1].get_codec(), Some(codecs[1]));
/// let options = Options::new().codec(codecs[0]).compress_rules(hints.rules);
/// # Ok::<(), erofs_writer::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct CompressHints {
    /// The rules, for [`Options::compress_rules`](crate::Options::compress_rules).
    pub rules: Vec<CompressRule>,
    /// Lines that are ignored, as `mkfs.erofs` ignores them with a warning.
    pub passed_over: Vec<PassedOverHint>,
}

/// A hint that is ignored, as its size is not a whole number of blocks. See
/// [`CompressHints::passed_over`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOverHint {
    /// The number of its line. The first line is 1.
    pub line: usize,
    /// The size of pclusters that it asks for, in bytes.
    pub size: u32,
}

/// The content of a line.
enum Line {
    Rule(CompressRule),
    /// A hint that is ignored, as this size is not a whole number of blocks.
    PassedOver(u32),
}

impl CompressHints {
    /// Reads hints from the file `path`. `codecs` are the algorithms to which the
    /// numbers refer.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be read, and [`Error::CompressHints`] if a
    /// line is not a hint.
    pub fn open(path: impl AsRef<Path>, codecs: &[Codec], block_size: BlockSize) -> Result<Self> {
        let path = path.as_ref();
        let text = bounded::read(path, LEN_MAX).map_err(|error| Error::read(path, error))?;
        CompressHints::parse(path, &text, codecs, block_size)
    }

    /// Reads hints from memory. Errors name them `name`.
    ///
    /// # Errors
    /// [`Error::CompressHints`] if a line is not a hint.
    pub fn parse(
        name: impl AsRef<Path>,
        text: &[u8],
        codecs: &[Codec],
        block_size: BlockSize,
    ) -> Result<Self> {
        let mut found = CompressHints::default();
        let mut memory = 0;
        for (index, text) in text.split(|byte| *byte == b'\n').enumerate() {
            if text.trim_ascii().is_empty() || text[0] == b'#' {
                continue;
            }
            let number = index + 1;
            let error = |kind| {
                let path = name.as_ref().to_owned();
                Error::CompressHints { path, line: number, kind }
            };
            if found.rules.len() + found.passed_over.len() == PATTERNS_MAX {
                return Err(error(CompressHintsErrorKind::TooMany));
            }
            match line(text, codecs, block_size).map_err(error)? {
                Line::Rule(rule) => {
                    memory += rule.memory_usage();
                    if memory > MEMORY_MAX {
                        return Err(error(CompressHintsErrorKind::TooLarge));
                    }
                    found.rules.push(rule);
                }
                Line::PassedOver(size) => {
                    found.passed_over.push(PassedOverHint { line: number, size });
                }
            }
        }
        Ok(found)
    }
}

fn line(
    line: &[u8],
    codecs: &[Codec],
    block_size: BlockSize,
) -> Result<Line, CompressHintsErrorKind> {
    let (size, rest) = word(line);
    let bad_size = || CompressHintsErrorKind::Size { word: String::from_utf8_lossy(size).into() };
    let size: u32 = number(size).ok_or_else(bad_size)?;
    let (first, rest) = word(rest);
    // Without an algorithm, a pattern cannot have blanks, as in `mkfs.erofs`.
    let (codec, pattern) = match (first.is_empty(), rest.is_empty()) {
        (true, _) => return Err(CompressHintsErrorKind::NoPattern),
        (false, true) => (&b"0"[..], first),
        (false, false) => (first, rest),
    };
    let of_number = |codec| codecs.get(usize::try_from(number(codec)?).ok()?);
    let word = || String::from_utf8_lossy(codec).into();
    let codec =
        of_number(codec).ok_or_else(|| CompressHintsErrorKind::Algorithm { word: word() })?;
    let rule = CompressRule::new(Ere::new(pattern).map_err(CompressHintsErrorKind::Pattern)?);
    if size == 0 {
        return Ok(Line::Rule(rule));
    }
    // `mkfs.erofs` warns of such a line and ignores it.
    if size % block_size.bytes() != 0 {
        return Ok(Line::PassedOver(size));
    }
    let size = PclusterSize::new(size).map_err(|_| bad_size())?;
    Ok(Line::Rule(rule.codec(*codec).pcluster_size(size)))
}

/// The first word of `text`, and the rest of the text after the blanks that follow.
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
    use crate::codec::lz4::Level;

    fn parse(text: &str) -> Result<Vec<CompressRule>, String> {
        let codecs = [Codec::Lz4(Level::FAST), Codec::Lz4(Level::MAX)];
        let found = CompressHints::parse("hints", text.as_bytes(), &codecs, BlockSize::default())
            .map_err(|error| error.to_string())?;
        assert_eq!(found.passed_over, []);
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
        let codecs = [Codec::Lz4(Level::FAST)];
        let text = b"0 \\.c$\n1048577 \\.am$\n8192 \\.h$\n";
        let found = CompressHints::parse("hints", text, &codecs, BlockSize::default());
        let found = found.expect("is taken");
        assert_eq!(found.rules.len(), 2);
        assert_eq!(found.passed_over, [PassedOverHint { line: 2, size: 1_048_577 }]);
    }

    #[test]
    fn what_is_no_hint_is_refused_by_its_line() {
        let refusal = |text: &str| parse(text).expect_err("is refused");
        assert_eq!(refusal("\n4096"), "hints: line 2: a pattern is missing");
        assert_eq!(
            refusal("x .*"),
            "hints: line 1: 'x' is not a pcluster size, which is 0, or 512 to 1048576 bytes"
        );
        assert_eq!(
            refusal("2097152 .*"),
            "hints: line 1: '2097152' is not a pcluster size, which is 0, or 512 to 1048576 bytes"
        );
        assert_eq!(refusal("4096 2 .*"), "hints: line 1: '2' is not the number of an algorithm");
        assert_eq!(refusal("4096 a b"), "hints: line 1: 'a' is not the number of an algorithm");
        assert!(refusal("4096 .*\n4096 (").starts_with("hints: line 2: "));
    }

    #[test]
    fn patterns_are_counted_and_measured() {
        let many = "4096 a\n".repeat(PATTERNS_MAX);
        assert_eq!(parse(&many).map(|rules| rules.len()), Ok(PATTERNS_MAX));
        let refusal = parse(&(many + "# one\n4096 b\n")).expect_err("one too many");
        assert_eq!(refusal, "hints: line 10002: there are more patterns than 10000");
        let refusal = parse(&"4096 (abcdefgh){20000}\n".repeat(1000)).expect_err("too much");
        assert!(
            refusal.ends_with("the patterns up to this line take more than 256 MiB"),
            "{refusal}"
        );
    }
}
