//! The lines of a manifest.

use std::io::{BufRead, Read};
use std::path::PathBuf;

use crate::cancel::Stop;
use crate::error::{Error, ManifestErrorKind, Result};
use crate::format::to_usize;
use crate::source::manifest::entry::Refusal;
use crate::source::manifest::format::ManifestFormat;

/// The most bytes of a line.
const LINE_MAX: u64 = 16 << 20;

/// Reads lines, and knows which one was read last.
pub(super) struct Lines<'a, R> {
    reader: R,
    /// The path or name of the manifest.
    name: PathBuf,
    stop: &'a dyn Stop,
    number: usize,
    /// Lines that were looked at to know the format.
    ahead: Vec<Vec<u8>>,
}

impl<'a, R: BufRead> Lines<'a, R> {
    pub(super) fn new(reader: R, name: PathBuf, stop: &'a dyn Stop) -> Self {
        Lines { reader, name, stop, number: 0, ahead: Vec::new() }
    }

    /// The number of the line that was read last.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn refused(&self, refusal: Refusal) -> Error {
        self.refused_at(self.number, refusal)
    }

    pub(super) fn refused_at(&self, line: usize, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Line(kind) => Error::Manifest { path: self.name.clone(), line, kind },
            Refusal::Other(error) => error,
        }
    }

    /// The format, which the first line tells that is no comment. An empty manifest has
    /// none.
    pub(super) fn format(&mut self) -> Result<ManifestFormat> {
        let mut ahead = Vec::new();
        let format = loop {
            let Some(line) = self.read()? else { break Err(()) };
            let format = ManifestFormat::of(&line);
            ahead.push(line);
            if let Some(format) = format {
                break format;
            }
            // Comments have a bound, too.
            if ahead.len() == 1000 {
                break Err(());
            }
        };
        let number = ahead.len();
        ahead.reverse();
        self.ahead = ahead;
        format.map_err(|()| self.refused_at(number.max(1), ManifestErrorKind::Format.into()))
    }

    /// The next line, without its end. None at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        self.number += 1;
        match self.ahead.pop() {
            Some(line) => Ok(Some(line)),
            None => self.read(),
        }
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>> {
        if self.stop.is_set() {
            return Err(Error::Cancelled);
        }
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line);
        read.map_err(|error| Error::read(&self.name, error))?;
        if line.len() > to_usize(LINE_MAX) {
            let number = self.number.max(self.ahead.len() + 1);
            return Err(self.refused_at(number, ManifestErrorKind::LongLine.into()));
        }
        match line.last() {
            None => return Ok(None),
            Some(b'\n') => drop(line.pop()),
            Some(_) => {}
        }
        Ok(Some(line))
    }
}
