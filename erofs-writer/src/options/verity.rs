//! The options of a dm-verity hash tree.

use std::fmt;
use std::str::FromStr;

use crate::options::error::OptionsError;
use crate::options::sizes::BlockSize;

/// The hash function of a dm-verity tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum VerityHash {
    /// SHA-256, with digests of 32 bytes. The default, and what `veritysetup` and systemd
    /// use.
    #[default]
    Sha256,
    /// SHA-512, with digests of 64 bytes.
    Sha512,
}

impl VerityHash {
    /// The length of a digest in bytes: a power of two.
    pub fn digest_len(self) -> usize {
        match self {
            VerityHash::Sha256 => 32,
            VerityHash::Sha512 => 64,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            VerityHash::Sha256 => "sha256",
            VerityHash::Sha512 => "sha512",
        }
    }
}

/// The name that the kernel has for it: `sha256` or `sha512`.
impl fmt::Display for VerityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for VerityHash {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        match text {
            "sha256" => Ok(VerityHash::Sha256),
            "sha512" => Ok(VerityHash::Sha512),
            _ => Err(OptionsError::VerityHash),
        }
    }
}

/// The salt of a dm-verity tree: bytes that are hashed before each block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum VeritySalt {
    /// 32 bytes that are derived from the UUID of the image, so that the same image gets
    /// the same root hash.
    #[default]
    FromUuid,
    /// No salt.
    None,
    /// These bytes, 256 at most.
    Given(Vec<u8>),
}

/// How the dm-verity hash tree of an image is made. See
/// [`Options::verity`](crate::Options::verity).
///
/// ```
/// use erofs_writer::{Options, Verity, VerityHash, VeritySalt};
///
/// let verity = Verity::new().hash(VerityHash::Sha512).salt(VeritySalt::None)?;
/// let options = Options::new().verity(verity);
/// # Ok::<(), erofs_writer::OptionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verity {
    pub(crate) hash: VerityHash,
    pub(crate) data_block_size: Option<BlockSize>,
    pub(crate) hash_block_size: BlockSize,
    pub(crate) salt: VeritySalt,
    pub(crate) superblock: bool,
}

impl Default for Verity {
    fn default() -> Self {
        Verity {
            hash: VerityHash::default(),
            data_block_size: None,
            hash_block_size: BlockSize::default(),
            salt: VeritySalt::default(),
            superblock: true,
        }
    }
}

/// The most bytes of a salt, which the kernel and the superblock have room for.
const SALT_MAX: usize = 256;

impl Verity {
    /// A tree as `veritysetup format` makes it by default, but with a salt that is derived
    /// from the UUID of the image.
    pub fn new() -> Self {
        Self::default()
    }

    /// The hash function. Default: SHA-256.
    #[must_use]
    pub fn hash(mut self, hash: VerityHash) -> Self {
        self.hash = hash;
        self
    }

    /// How many bytes of the image are hashed to one digest. Default: 4096, or the size of
    /// its blocks if these are smaller: Linux does not mount an image with smaller blocks
    /// than those of its device. It takes no more than the bytes of its pages, and no less
    /// than a sector of the device below.
    #[must_use]
    pub fn data_block_size(mut self, size: BlockSize) -> Self {
        self.data_block_size = Some(size);
        self
    }

    /// The size of the blocks of the tree. Default: 4096 bytes. The kernel takes no more
    /// than the bytes of its pages.
    #[must_use]
    pub fn hash_block_size(mut self, size: BlockSize) -> Self {
        self.hash_block_size = size;
        self
    }

    /// The salt. Default: [`VeritySalt::FromUuid`].
    ///
    /// # Errors
    /// [`OptionsError::VeritySalt`] if it has more than 256 bytes.
    pub fn salt(mut self, salt: VeritySalt) -> Result<Self, OptionsError> {
        if matches!(&salt, VeritySalt::Given(bytes) if bytes.len() > SALT_MAX) {
            return Err(OptionsError::VeritySalt);
        }
        self.salt = salt;
        Ok(self)
    }

    /// Whether a superblock comes before the tree, so that `veritysetup` and systemd find
    /// out everything but the root hash. Its UUID is derived from that of the image.
    /// Default: yes.
    #[must_use]
    pub fn superblock(mut self, on: bool) -> Self {
        self.superblock = on;
        self
    }
}

impl Verity {
    /// The size of data blocks over an image with blocks of this size.
    pub(crate) fn data_block_size_for(&self, block_size: BlockSize) -> BlockSize {
        self.data_block_size.unwrap_or(block_size.min(BlockSize::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_has_a_bound() {
        let given = |len| Verity::new().salt(VeritySalt::Given(vec![1; len]));
        assert!(given(256).is_ok());
        assert_eq!(given(257), Err(OptionsError::VeritySalt));
    }

    #[test]
    fn hashes_have_the_names_of_the_kernel() {
        for hash in [VerityHash::Sha256, VerityHash::Sha512] {
            assert_eq!(hash.to_string().parse(), Ok(hash));
        }
        assert_eq!("md5".parse::<VerityHash>(), Err(OptionsError::VerityHash));
    }
}
