//! Inodes as callers give them: metadata and a kind.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use crate::time::Timestamp;
use crate::tree::content::Content;

/// A device number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rdev {
    /// The major number, at most 12 bits.
    pub major: u32,
    /// The minor number, at most 20 bits.
    pub minor: u32,
}

/// Extended attributes: full names, such as `user.comment`, and their values.
///
/// A clone is cheap: it shares the attributes until one of the two is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Xattrs(Option<Arc<XattrMap>>);

/// Attributes by full name, in the order of the names' bytes. Several sets can share a
/// name or a value.
pub(crate) type XattrMap = BTreeMap<Arc<[u8]>, Arc<[u8]>>;

impl Xattrs {
    /// No attributes.
    pub const fn new() -> Self {
        Xattrs(None)
    }

    /// Whether there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of the attribute `name`, if there is one.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.0.as_ref()?.get(name.as_ref()).map(AsRef::as_ref)
    }

    /// Names and values, in the order of the names' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().flat_map(|map| map.iter()).map(|(name, value)| (&**name, &**value))
    }

    /// Sets the attribute `name` to `value`, in place of the value it had.
    pub fn set(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let map = Arc::make_mut(self.0.get_or_insert_default());
        map.insert(name.into().into(), value.into().into());
    }

    /// Removes all attributes for which `keep` returns `false`.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        if self.iter().all(|(name, value)| keep(name, value)) {
            return;
        }
        let kept = self.0.iter().flat_map(|map| map.iter());
        let kept = kept.filter(|(name, value)| keep(name, value));
        *self = Xattrs::from_map(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
    }

    pub(crate) fn from_map(map: XattrMap) -> Self {
        Xattrs((!map.is_empty()).then(|| Arc::new(map)))
    }

    pub(crate) fn shared(&self) -> Option<&Arc<XattrMap>> {
        self.0.as_ref()
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for Xattrs {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(pairs: I) -> Self {
        Xattrs::from_map(
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        )
    }
}

/// The mode, owner, time and attributes that every inode has, whatever its kind.
///
/// ```
/// use erofs_writer::{Metadata, Timestamp};
///
/// let mut metadata = Metadata::new(0o755)
///     .with_owner(1000, 100)
///     .with_mtime(Timestamp::from_sec(1))
///     .with_xattr("user.comment", "made by hand");
/// metadata.mode = 0o700;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The permissions with setuid, setgid and sticky bit: the low 12 bits of
    /// `st_mode`. Higher bits are ignored, as the kind of the inode gives them.
    pub mode: u16,
    /// The user id of the owner.
    pub uid: u32,
    /// The group id of the owner.
    pub gid: u32,
    /// The time of the last modification.
    pub mtime: Timestamp,
    /// The extended attributes.
    pub xattrs: Xattrs,
}

impl Metadata {
    /// Metadata with this mode, with user and group 0, the time 0 (1970) and no
    /// attributes.
    pub const fn new(mode: u16) -> Self {
        let mtime = Timestamp::from_sec(0);
        Metadata { mode, uid: 0, gid: 0, mtime, xattrs: Xattrs::new() }
    }

    /// The same metadata with this user and group.
    #[must_use]
    pub fn with_owner(mut self, uid: u32, gid: u32) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    /// The same metadata with this time of the last modification.
    #[must_use]
    pub fn with_mtime(mut self, mtime: impl Into<Timestamp>) -> Self {
        self.mtime = mtime.into();
        self
    }

    /// The same metadata with this attribute. It replaces an attribute of the same
    /// name.
    #[must_use]
    pub fn with_xattr(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.xattrs.set(name, value);
        self
    }

    /// The same metadata with these attributes in place of those it had.
    #[must_use]
    pub fn with_xattrs(mut self, xattrs: Xattrs) -> Self {
        self.xattrs = xattrs;
        self
    }
}

/// The mode, owner and time of a file of the host, without attributes.
impl From<&fs::Metadata> for Metadata {
    fn from(found: &fs::Metadata) -> Self {
        let mode = u16::try_from(found.mode() & 0o7777).expect("12 bits fit");
        let nsec = u32::try_from(found.mtime_nsec()).unwrap_or_default();
        Metadata::new(mode)
            .with_owner(found.uid(), found.gid())
            .with_mtime(Timestamp { sec: found.mtime(), nsec })
    }
}

/// The kind of an inode, with the data that only this kind has.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Node {
    /// An empty directory.
    Directory,
    /// A regular file with these contents.
    File(Content),
    /// A symlink to this path: 1 to 4,095 bytes, none of them NUL.
    Symlink(Vec<u8>),
    /// A character device. Number 0:0 is an overlayfs whiteout.
    CharDevice(Rdev),
    /// A block device.
    BlockDevice(Rdev),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Node {
    /// A regular file with these contents: a [`Content`], text or bytes.
    pub fn file(content: impl Into<Content>) -> Self {
        Node::File(content.into())
    }

    /// A symlink to this path.
    pub fn symlink(target: impl Into<Vec<u8>>) -> Self {
        Node::Symlink(target.into())
    }
}
