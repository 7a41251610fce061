//! Comparing contents that stay on a device: where the image says that they are.

use std::sync::Arc;

use super::check::Check;
use super::part::Part;
use crate::error::{Result, VerifyErrorKind};
use crate::image::{Bytes, Image};
use crate::tree::device::{Device, DeviceRun};

/// Compares the places of a file's bytes. The bytes themselves are those of the source.
pub(super) fn compare(
    check: &Check<'_>,
    image: &Image,
    part: &Part,
    device: &Arc<Device>,
    runs: &[DeviceRun],
) -> Result<()> {
    let devices = &check.reader.tree.devices;
    let number = devices.iter().position(|other| Arc::ptr_eq(other, device));
    let number = number.and_then(|index| u16::try_from(index + 1).ok());
    let inode = check.found(part.id, image.inode(part.nid))?;
    let mut contents = check.found(part.id, image.contents(&inode))?;
    let mut runs = runs.iter().filter(|run| run.len > 0).peekable();
    let (mut at, end) = (part.bytes.start, part.bytes.end);
    while at < end {
        check.go_on()?;
        let run = check.found(part.id, contents.run(at))?;
        while runs.next_if(|run| run.end() <= at).is_some() {}
        let (expected, until) = match runs.peek() {
            Some(next) if next.offset <= at => {
                (number.map(|number| (number, next.pos + (at - next.offset))), next.end())
            }
            Some(next) => (None, next.offset),
            None => (None, end),
        };
        let found = match run.bytes() {
            Bytes::Hole => None,
            Bytes::Plain { device, pos } => Some((device, pos + (at - run.start()))),
            _ => return Err(check.wrong(part.id, VerifyErrorKind::Place { offset: at })),
        };
        if found != expected {
            return Err(check.wrong(part.id, VerifyErrorKind::Place { offset: at }));
        }
        at = run.end().min(until);
    }
    Ok(())
}
