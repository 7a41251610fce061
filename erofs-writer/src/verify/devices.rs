//! Comparing contents that stay on a device: where the image says that they are.

use std::sync::Arc;

use super::check::Check;
use super::part::Part;
use crate::error::{Result, VerifyErrorKind};
use crate::image::{Bytes, Image};
use crate::tree::device::{Device, DeviceRun};
use crate::tree::{Kind, Tree};

/// The devices that an image of `tree` has: those that the tree names, and then those that
/// its files need besides, in the order in which the image has the files.
pub(crate) fn devices_of(tree: &Tree) -> Vec<Arc<Device>> {
    let mut devices = tree.devices.clone();
    let mut pending = vec![Tree::ROOT];
    while let Some(dir) = pending.pop() {
        let first_subdir = pending.len();
        for id in tree.children(dir).into_iter().flat_map(|children| children.values()) {
            match &tree.inode(*id).kind {
                Kind::Directory(_) => pending.push(*id),
                Kind::File(content) => {
                    let is_new = |device: &&Arc<Device>| {
                        !devices.iter().any(|known| Arc::ptr_eq(known, device))
                    };
                    if let Some(device) = content.stays_on().filter(is_new) {
                        devices.push(Arc::clone(device));
                    }
                }
                _ => {}
            }
        }
        // The last one is the next.
        pending[first_subdir..].reverse();
    }
    devices
}

/// Compares the places of a file's bytes. The bytes themselves are those of the source.
pub(super) fn compare(
    check: &Check<'_>,
    image: &Image,
    part: &Part,
    device: &Arc<Device>,
    runs: &[DeviceRun],
) -> Result<()> {
    let number = check.devices.iter().position(|other| Arc::ptr_eq(other, device));
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
