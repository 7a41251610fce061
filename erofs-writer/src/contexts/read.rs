//! Reading files of contexts.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use regex_syntax::hir::Hir;

use super::automaton::Automaton;
use super::rules::{FileContexts, Rule, Substitution};
use super::{line, pattern};
use crate::bounded;
use crate::error::{Error, FileContextsErrorKind, Result};

/// The first four bytes of a compiled file. Their order depends on its age.
const COMPILED: [u8; 4] = [0xf9, 0x7c, 0xff, 0x8a];

/// The most bytes of a file. That of a distribution has half a megabyte.
const LEN_MAX: u64 = 8 << 20;

pub(super) fn open(path: &Path) -> Result<FileContexts> {
    let mut parser = Parser::default();
    let text = bounded::read(path, LEN_MAX).map_err(|error| Error::read(path, error))?;
    parser.lines(path, &text)?;
    for suffix in [".homedirs", ".local"] {
        if let Some((path, text)) = companion(path, suffix)? {
            parser.lines(&path, &text)?;
        }
    }
    for (index, suffix) in [".subs", ".subs_dist"].into_iter().enumerate() {
        if let Some((path, text)) = companion(path, suffix)? {
            parser.contexts.substitutions[index] = substitutions(&path, &text)?;
        }
    }
    parser.finish()
}

pub(super) fn parse(name: &Path, text: &[u8]) -> Result<FileContexts> {
    let mut parser = Parser::default();
    parser.lines(name, text)?;
    parser.finish()
}

/// The contents of the files that have been read so far.
#[derive(Default)]
struct Parser {
    contexts: FileContexts,
    trees: Vec<Hir>,
    /// The file and the line of each tree.
    places: Vec<(PathBuf, usize)>,
}

impl Parser {
    fn lines(&mut self, path: &Path, text: &[u8]) -> Result<()> {
        let magic = text.first_chunk::<4>().copied();
        if magic.is_some_and(|magic| [magic, reversed(magic)].contains(&COMPILED)) {
            return Err(error(path, 1, FileContextsErrorKind::Compiled));
        }
        each_line(path, text, |number, bytes| {
            let Some(line) = line::line(bytes)? else {
                return Ok(());
            };
            let contexts = &mut self.contexts;
            let rule = contexts.rules.len();
            let context = line.context.map(|context| context.as_bytes().into());
            contexts.rules.push(Rule { of: line.of, context });
            match line::literal(line.pattern) {
                Some(literal) => contexts.literals.entry(literal).or_default().push(rule),
                None => {
                    self.trees.push(pattern::parse(line.pattern)?);
                    self.places.push((path.to_owned(), number));
                    contexts.patterns.push(rule);
                }
            }
            Ok(())
        })
    }

    fn finish(self) -> Result<FileContexts> {
        let Parser { mut contexts, trees, places } = self;
        if !trees.is_empty() {
            let automaton = Automaton::new(&trees).map_err(|index| {
                let (path, line) = &places[index];
                error(path, *line, FileContextsErrorKind::TooLarge)
            })?;
            contexts.automaton = Some(automaton);
        }
        Ok(contexts)
    }
}

/// The file whose name is that of `path` with `suffix`, if there is one.
fn companion(path: &Path, suffix: &str) -> Result<Option<(PathBuf, Vec<u8>)>> {
    let mut name = OsString::from(path);
    name.push(suffix);
    let path = PathBuf::from(name);
    match bounded::read(&path, LEN_MAX) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::read(path, error)),
    }
}

fn substitutions(path: &Path, text: &[u8]) -> Result<Vec<Substitution>> {
    let mut found = Vec::new();
    each_line(path, text, |_, bytes| {
        if let Some((from, to)) = line::substitution(bytes)? {
            found.push(Substitution { from: from.into(), to: to.into() });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `read` for each line of `text` with its number, the first being 1.
fn each_line(
    path: &Path,
    text: &[u8],
    mut read: impl FnMut(usize, &[u8]) -> Result<(), FileContextsErrorKind>,
) -> Result<()> {
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        read(index + 1, line).map_err(|kind| error(path, index + 1, kind))?;
    }
    Ok(())
}

fn error(path: &Path, line: usize, kind: FileContextsErrorKind) -> Error {
    Error::FileContexts { path: path.to_owned(), line, kind }
}

fn reversed(mut bytes: [u8; 4]) -> [u8; 4] {
    bytes.reverse();
    bytes
}
