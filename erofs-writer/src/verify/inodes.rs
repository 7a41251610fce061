//! Comparing inodes: all but the contents of files.

use super::check::{Check, field};
use super::names::Names;
use crate::error::{Result, VerifyErrorKind};
use crate::image::{FileType, Image, Inode};
use crate::pool::{self, Share};
use crate::tree::{InodeId, Kind, Rdev, Xattrs};

/// A regular file that has bytes. The order is that in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stored {
    /// Whether the first bytes are in the packed inode.
    is_packed: bool,
    /// Where these are, in the packed inode or in the image.
    pos: u64,
    pub(super) nid: u64,
    pub(super) id: InodeId,
}

/// How many inodes are compared at a time.
const INODES: usize = 256;

/// Compares all inodes, and returns the files with contents, in the order in which these
/// are stored.
pub(super) fn compare(check: &Check<'_>, image: &Image, names: &Names) -> Result<Vec<Stored>> {
    let some: Vec<&[(u64, InodeId)]> = names.inodes.chunks(INODES).collect();
    let files = pool::try_map(some, Share::Usual, |inodes| {
        check.go_on()?;
        let found = inodes.iter().filter_map(|(nid, id)| {
            inode(check, image, *nid, *id, names.links[id.index()]).transpose()
        });
        found.collect::<Result<Vec<_>>>()
    })?;
    let mut files: Vec<Stored> = files.into_iter().flatten().collect();
    pool::sort_unstable(&mut files);
    Ok(files)
}

/// Compares one inode. A file with contents is returned.
fn inode(
    check: &Check<'_>,
    image: &Image,
    nid: u64,
    id: InodeId,
    links: u32,
) -> Result<Option<Stored>> {
    let found = check.found(id, image.inode(nid))?;
    compare_fields(check, id, &found, links)?;
    let expected = check.reader.tree.inode(id);
    let xattrs = check.found(id, image.xattrs(&found))?;
    if let Some(kind) = compare_xattrs(&xattrs, &expected.metadata.xattrs) {
        return Err(check.wrong(id, kind));
    }
    let hidden = check.found(id, image.hidden_xattr(&found, &expected.metadata.xattrs))?;
    if let Some(name) = hidden {
        return Err(check.wrong(id, VerifyErrorKind::HiddenXattr { name: name.to_vec() }));
    }
    match &expected.kind {
        Kind::Symlink(target) => {
            let found = check.found(id, image.symlink(&found))?;
            match found[..] == target[..] {
                true => Ok(None),
                false => Err(check.wrong(id, VerifyErrorKind::Target)),
            }
        }
        Kind::File(content) if !content.is_empty() => {
            let mut contents = check.found(id, image.contents(&found))?;
            let (is_packed, pos) = check.found(id, contents.site(0))?;
            Ok(Some(Stored { is_packed, pos, nid, id }))
        }
        _ => Ok(None),
    }
}

fn compare_fields(check: &Check<'_>, id: InodeId, found: &Inode, links: u32) -> Result<()> {
    let expected = check.reader.tree.inode(id);
    let metadata = &expected.metadata;
    let wrong = |kind| Err(check.wrong(id, kind));
    let (file_type, size, rdev) = type_and_size(&expected.kind);
    if found.file_type != file_type {
        return wrong(field("the type", said(found.file_type), said(file_type)));
    }
    let mode = metadata.mode & 0o7777;
    if found.mode != mode {
        return wrong(field("mode", format!("{:04o}", found.mode), format!("{mode:04o}")));
    }
    let numbers = [
        ("owner", found.uid, metadata.uid),
        ("group", found.gid, metadata.gid),
        ("a link count of", found.links, links),
    ];
    for (name, found, expected) in numbers {
        if found != expected {
            return wrong(field(name, found, expected));
        }
    }
    let (time, expected) = (found.mtime, metadata.mtime);
    if (time.sec, time.nsec) != (expected.sec, expected.nsec) {
        let shown = |sec, nsec| format!("{sec}.{nsec:09}");
        return wrong(field(
            "the time",
            shown(time.sec, time.nsec),
            shown(expected.sec, expected.nsec),
        ));
    }
    if size.is_some_and(|size| size != found.size) {
        return wrong(field("bytes:", found.size, size.unwrap_or_default()));
    }
    let number = rdev.map(|Rdev { major, minor }| linux_rdev(major, minor));
    match number {
        Some(number) if u64::from(found.rdev) != number => {
            wrong(field("the device number", found.rdev, number))
        }
        _ => Ok(()),
    }
}

/// The type, size and device number of an inode. The size of a directory depends on how
/// its names are laid out.
fn type_and_size(kind: &Kind) -> (FileType, Option<u64>, Option<Rdev>) {
    let none = Rdev { major: 0, minor: 0 };
    match kind {
        Kind::Directory(_) => (FileType::Directory, None, None),
        Kind::File(content) => (FileType::Regular, Some(content.len()), None),
        Kind::Symlink(target) => {
            (FileType::Symlink, Some(crate::format::to_u64(target.len())), None)
        }
        Kind::CharDevice(rdev) => (FileType::CharDevice, None, Some(*rdev)),
        Kind::BlockDevice(rdev) => (FileType::BlockDevice, None, Some(*rdev)),
        Kind::Fifo => (FileType::Fifo, None, Some(none)),
        Kind::Socket => (FileType::Socket, None, Some(none)),
    }
}

/// A device number as Linux keeps it in 32 bits: eight bits of the minor number, twelve of
/// the major one, and the other twelve of the minor one.
fn linux_rdev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    minor % 256 + major * 256 + minor / 256 * (1 << 20)
}

fn said(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Regular => "of a file",
        FileType::Directory => "of a directory",
        FileType::Symlink => "of a symlink",
        FileType::CharDevice => "of a character device",
        FileType::BlockDevice => "of a block device",
        FileType::Fifo => "of a fifo",
        FileType::Socket => "of a socket",
    }
}

/// The first difference of two sets of attributes.
fn compare_xattrs(found: &Xattrs, expected: &Xattrs) -> Option<VerifyErrorKind> {
    let wrong = expected.iter().find(|(name, value)| found.get(name) != Some(*value));
    if let Some((name, _)) = wrong {
        return Some(VerifyErrorKind::Xattr { name: name.to_vec() });
    }
    let excess = found.iter().find(|(name, _)| expected.get(name).is_none());
    excess.map(|(name, _)| VerifyErrorKind::ExcessXattr { name: name.to_vec() })
}
