//! Lines of a file of contexts.

use crate::error::FileContextsErrorKind;
use crate::tree::Kind;

/// The type of file that a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileType {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

impl FileType {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::File(_) => FileType::Regular,
            Kind::Symlink(_) => FileType::Symlink,
            Kind::CharDevice(_) => FileType::CharDevice,
            Kind::BlockDevice(_) => FileType::BlockDevice,
            Kind::Fifo => FileType::Fifo,
            Kind::Socket => FileType::Socket,
        }
    }

    fn parse(word: &str) -> Result<Self, FileContextsErrorKind> {
        match word {
            "--" => Ok(FileType::Regular),
            "-d" => Ok(FileType::Directory),
            "-l" => Ok(FileType::Symlink),
            "-c" => Ok(FileType::CharDevice),
            "-b" => Ok(FileType::BlockDevice),
            "-p" => Ok(FileType::Fifo),
            "-s" => Ok(FileType::Socket),
            _ => Err(FileContextsErrorKind::Type { word: word.to_owned() }),
        }
    }
}

/// A line with a pattern.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) pattern: &'a str,
    /// The only type of file that it is about.
    pub(super) of: Option<FileType>,
    /// `None` if the line says that there is no label.
    pub(super) context: Option<&'a str>,
}

/// The contents of `line`; `None` if it is empty or a comment.
pub(super) fn line(line: &[u8]) -> Result<Option<Line<'_>>, FileContextsErrorKind> {
    let [Some(pattern), second, third] = words(line)? else {
        return Ok(None);
    };
    let (of, context) = match (second, third) {
        (None, _) => return Err(FileContextsErrorKind::Incomplete),
        (Some(context), None) => (None, context),
        (Some(word), Some(context)) => (Some(FileType::parse(word)?), context),
    };
    if context.len() > usize::from(u16::MAX) {
        return Err(FileContextsErrorKind::Context { len: context.len() });
    }
    let context = (context != "<<none>>").then_some(context);
    Ok(Some(Line { pattern, of, context }))
}

/// A line of a file of substitutions: the start of paths, and its replacement.
pub(super) fn substitution(line: &[u8]) -> Result<Option<(&str, &str)>, FileContextsErrorKind> {
    match words(line)? {
        [None, ..] => Ok(None),
        [Some(from), Some(to), None] => Ok(Some((from, to))),
        [Some(_), None, _] => Err(FileContextsErrorKind::Incomplete),
        [_, _, Some(word)] => Err(FileContextsErrorKind::Excess { word: word.to_owned() }),
    }
}

/// The words of a line that is no comment. After three words only a comment may follow.
fn words(line: &[u8]) -> Result<[Option<&str>; 3], FileContextsErrorKind> {
    let is_space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
    let mut words = line.split(is_space).filter(|word| !word.is_empty()).peekable();
    let mut found = [None; 3];
    if words.peek().is_some_and(|word| word.starts_with(b"#")) {
        return Ok(found);
    }
    for (place, word) in found.iter_mut().zip(&mut words) {
        let is_text = |byte: &u8| byte.is_ascii() && *byte != 0;
        let text = std::str::from_utf8(word).ok().filter(|_| word.iter().all(is_text));
        *place = Some(text.ok_or(FileContextsErrorKind::NotAscii)?);
    }
    match words.next() {
        Some(word) if !word.starts_with(b"#") => {
            Err(FileContextsErrorKind::Excess { word: String::from_utf8_lossy(word).into() })
        }
        _ => Ok(found),
    }
}

/// The path that `pattern` stands for, if it has no special characters. As for SELinux, a
/// backslash before any other character is special.
pub(super) fn literal(pattern: &str) -> Option<Vec<u8>> {
    let mut path = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.bytes();
    while let Some(byte) = bytes.next() {
        path.push(match byte {
            b'\\' => bytes.next().filter(|byte| is_special(*byte) || b"-_,".contains(byte))?,
            _ if is_special(byte) => return None,
            _ => byte,
        });
    }
    Some(path)
}

fn is_special(byte: u8) -> bool {
    b".^$?*+|[]{}()".contains(&byte)
}
