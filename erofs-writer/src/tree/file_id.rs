//! The identity of a file of the host, whatever its name.

use std::fs::Metadata;
use std::hash::Hasher;
use std::os::unix::fs::MetadataExt;

use rustix::fs::Stat;

/// The identity of a file of the host: the numbers of its device and its inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct FileId {
    dev: u64,
    ino: u64,
}

impl FileId {
    #[allow(clippy::useless_conversion, reason = "the types differ between hosts")]
    pub(crate) fn of(stat: &Stat) -> Self {
        // On macOS device numbers are signed, and may be negative.
        let dev = i64::try_from(stat.st_dev).unwrap_or_default();
        let dev = u64::try_from(stat.st_dev).unwrap_or_else(|_| dev.unsigned_abs());
        FileId { dev, ino: u64::from(stat.st_ino) }
    }

    pub(crate) fn of_metadata(stat: &Metadata) -> Self {
        FileId { dev: stat.dev(), ino: stat.ino() }
    }

    /// A hash of the identity in 32 bits. The same file always has the same one, and
    /// another file hardly ever does.
    pub(crate) fn mark(self) -> u32 {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.dev);
        hasher.write_u64(self.ino);
        u32::try_from(hasher.finish() >> 32).expect("32 bits are left")
    }
}
