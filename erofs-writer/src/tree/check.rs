//! Checks of a tree against every limit of the format, before the first byte is
//! written.

use crate::error::{Error, Limit, Result, TreeErrorKind};
use crate::format::to_u64;
use crate::format::xattr::{NAME_MAX, VALUE_MAX, split_name};
use crate::tree::arena::{Inode, Kind, Tree};
use crate::tree::id::InodeId;
use crate::tree::node::Rdev;

/// Checks the inodes `ids` of `tree`.
pub(crate) fn check(tree: &Tree, ids: &[InodeId]) -> Result<()> {
    if to_u64(ids.len()) >= u64::from(u32::MAX) {
        return Err(Error::Full(Limit::Inodes));
    }
    for id in ids {
        check_inode(tree.inode(*id)).map_err(|kind| Error::tree(tree.path_of(*id), kind))?;
    }
    Ok(())
}

fn check_inode(inode: &Inode) -> Result<(), TreeErrorKind> {
    if inode.metadata.mtime.nsec >= 1_000_000_000 {
        return Err(TreeErrorKind::BadTimestamp);
    }
    for (name, value) in inode.metadata.xattrs.iter() {
        check_xattr(name, value)?;
    }
    match &inode.kind {
        Kind::File(content) if i64::try_from(content.len()).is_err() => {
            Err(TreeErrorKind::FileTooLarge { len: content.len() })
        }
        Kind::Symlink(target) if !(1..=4095).contains(&target.len()) || target.contains(&0) => {
            Err(TreeErrorKind::BadSymlinkTarget)
        }
        Kind::CharDevice(rdev) | Kind::BlockDevice(rdev) if !is_storable(*rdev) => {
            Err(TreeErrorKind::BadDeviceNumber)
        }
        _ => Ok(()),
    }
}

fn is_storable(rdev: Rdev) -> bool {
    rdev.major < 1 << 12 && rdev.minor < 1 << 20
}

fn check_xattr(name: &[u8], value: &[u8]) -> Result<(), TreeErrorKind> {
    check_xattr_name(name)?;
    if value.len() > VALUE_MAX {
        return Err(TreeErrorKind::XattrValue { name: name.to_vec(), len: value.len() });
    }
    Ok(())
}

/// Checks the name of an attribute. The value does not matter.
pub(super) fn check_xattr_name(name: &[u8]) -> Result<(), TreeErrorKind> {
    let Some((_, suffix)) = split_name(name) else {
        return Err(TreeErrorKind::XattrNamespace { name: name.to_vec() });
    };
    let is_whole_name = name.starts_with(b"system.");
    if name.len() > NAME_MAX || suffix.contains(&0) || suffix.is_empty() != is_whole_name {
        return Err(TreeErrorKind::XattrName { name: name.to_vec() });
    }
    Ok(())
}
