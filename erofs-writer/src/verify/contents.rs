//! Comparing the bytes of files.

use std::io;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::check::Check;
use super::part::Part;
use crate::error::{Change, Error, Result, Unreadable, VerifyErrorKind};
use crate::format::{to_u64, to_usize};
use crate::image::{Bytes, Contents, Fault, Image, Run};
use crate::tree::{Content, OpenContent};

/// So many bytes are compared at a time, unless a pcluster has more. They should stay in
/// the cache of a processor.
const STEP: usize = 256 << 10;

/// The bytes of the image and those of the source.
#[derive(Default)]
pub(super) struct Buffers {
    image: Vec<u8>,
    source: Vec<u8>,
}

/// Why a comparison has ended.
enum Ended {
    /// The source cannot be read.
    Source(io::Error),
    /// The image cannot be read.
    Image(Fault),
    /// A byte differs.
    Differs {
        offset: u64,
    },
    Stopped,
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Ended::Image(fault)
    }
}

/// Compares a part of a file. Pclusters belong to the part in which they begin, so that
/// each is decoded once.
pub(super) fn compare(
    check: &Check<'_>,
    image: &Image,
    part: &Part,
    content: &Content,
    buffers: &mut Buffers,
) -> Result<()> {
    let inode = check.found(part.id, image.inode(part.nid))?;
    let contents = check.found(part.id, image.contents(&inode))?;
    let range = part.bytes.clone();
    let ended = check.reader.with_open(part.id, content, |open| {
        let mut comparing = Comparing { check, open, contents, buffers, ahead: None };
        let ended = match comparing.all(range) {
            Ok(()) => return Ok(Ok(())),
            Err(Ended::Source(error)) => return Err(error),
            Err(ended) => ended,
        };
        match ended {
            Ended::Differs { offset } if has_changed(open, check.began) => {
                Err(Unreadable::Changed(Change::Bytes { offset }).into())
            }
            ended => Ok(Err(ended)),
        }
    })?;
    match ended {
        Ok(()) => Ok(()),
        Err(Ended::Image(fault)) => check.found(part.id, Err(fault)),
        Err(Ended::Differs { offset }) => {
            // A source that has another length now has changed.
            check.reader.with_open(part.id, content, |open| open.check_end())?;
            Err(check.wrong(part.id, VerifyErrorKind::Bytes { offset }))
        }
        Err(Ended::Source(_) | Ended::Stopped) => Err(Error::Cancelled),
    }
}

/// The time of a change is that of the kernel's last tick, at most this long ago: 100 a second
/// (`ktime_get_coarse_real_ts64`, Linux 6.18).
const TICK: Duration = Duration::from_millis(10);

/// Whether the file was changed since `began`, or less than a tick before.
fn has_changed(open: &OpenContent<'_>, began: SystemTime) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(Ok(stat)) = open.as_file().map(|(file, _)| file.metadata()) else { return false };
    let began = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let sec = u64::try_from(stat.ctime()).unwrap_or_default();
    let nsec = u32::try_from(stat.ctime_nsec()).unwrap_or_default();
    Duration::new(sec, nsec).saturating_add(TICK) >= began
}

/// The comparison of one file.
struct Comparing<'a> {
    check: &'a Check<'a>,
    open: &'a OpenContent<'a>,
    contents: Contents<'a>,
    buffers: &'a mut Buffers,
    /// A run that was found and not dealt with.
    ahead: Option<Run>,
}

impl Comparing<'_> {
    fn all(&mut self, range: Range<u64>) -> Result<(), Ended> {
        let mut at = self.start(&range)?;
        while at < range.end {
            if self.check.reader.stop.is_set() {
                return Err(Ended::Stopped);
            }
            let run = self.run(at)?;
            at = match run.bytes() {
                Bytes::Hole => self.hole(run, at, range.end)?,
                _ => self.step(at, range.end)?,
            };
        }
        self.open.check_end().map_err(Ended::Source)
    }

    /// Where the comparison begins: after a pcluster that belongs to the part before.
    fn start(&mut self, range: &Range<u64>) -> Result<u64, Ended> {
        let run = self.run(range.start)?;
        match run.bytes() {
            Bytes::Encoded if run.start() < range.start => Ok(run.end()),
            _ => Ok(range.start),
        }
    }

    /// The run with the byte `at`.
    fn run(&mut self, at: u64) -> Result<Run, Ended> {
        let known = self.ahead.filter(|run| (run.start()..run.end()).contains(&at));
        let run = known.map_or_else(|| self.contents.run(at), Ok)?;
        self.ahead = Some(run);
        Ok(run)
    }

    /// Compares all of a hole, and of those that follow it. Returns where they end.
    fn hole(&mut self, run: Run, at: u64, most: u64) -> Result<u64, Ended> {
        let mut end = run.end();
        while end < most {
            let next = self.run(end)?;
            if next.bytes() != Bytes::Hole || self.check.reader.stop.is_set() {
                break;
            }
            end = next.end();
        }
        let end = end.min(most);
        let mut from = at;
        while from < end {
            let data = self.open.next_data(from).map_err(Ended::Source)?;
            from = data.start.min(end);
            let until = data.end.min(end);
            while from < until {
                let len = to_usize((until - from).min(to_u64(STEP)));
                self.read_source(from, len)?;
                let other = self.buffers.source[..len].iter().position(|byte| *byte != 0);
                if let Some(other) = other {
                    return Err(Ended::Differs { offset: from + to_u64(other) });
                }
                from += to_u64(len);
                if self.check.reader.stop.is_set() {
                    return Err(Ended::Stopped);
                }
            }
            if data.start >= end || data.end >= end {
                break;
            }
        }
        Ok(end)
    }

    /// Compares the next bytes, which are in the image. Returns where they end.
    fn step(&mut self, at: u64, most: u64) -> Result<u64, Ended> {
        let mut len = 0;
        while at + to_u64(len) < most {
            let from = at + to_u64(len);
            let run = self.run(from)?;
            let wanted = match run.bytes() {
                Bytes::Hole => break,
                Bytes::Encoded => to_usize(run.end() - from),
                _ => Contents::len_from(run, from, STEP - len).min(to_usize(most - from)),
            };
            if len > 0 && len + wanted > STEP {
                break;
            }
            grow(&mut self.buffers.image, len + wanted);
            self.contents.read(run, from, &mut self.buffers.image[len..len + wanted])?;
            len += wanted;
            if len >= STEP {
                break;
            }
        }
        self.read_source(at, len)?;
        let (found, expected) = (&self.buffers.image[..len], &self.buffers.source[..len]);
        if found != expected {
            let same = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
            return Err(Ended::Differs { offset: at + to_u64(same) });
        }
        Ok(at + to_u64(len))
    }

    fn read_source(&mut self, at: u64, len: usize) -> Result<(), Ended> {
        grow(&mut self.buffers.source, len);
        let read = self.open.read_exact_at(&mut self.buffers.source[..len], at);
        read.map_err(Ended::Source)
    }
}

/// Makes `buf` as long as it has to be.
fn grow(buf: &mut Vec<u8>, len: usize) {
    if buf.len() < len {
        buf.resize(len, 0);
    }
}
