//! The results of hashing an image.

use std::fmt::Write;

use uuid::Uuid;

use crate::options::VerityHash;

/// The dm-verity tree of an image: everything that is needed to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VeritySummary {
    /// The root hash, as long as a digest of the hash function.
    pub root_hash: Vec<u8>,
    /// The hash function.
    pub hash: VerityHash,
    /// The salt; empty if there is none.
    pub salt: Vec<u8>,
    /// The UUID in the superblock of the tree. `None` if there is no superblock.
    pub uuid: Option<Uuid>,
    /// The size of a data block in bytes.
    pub data_block_size: u32,
    /// The size of a hash block in bytes.
    pub hash_block_size: u32,
    /// How many data blocks are hashed: the image, with what is appended to it other than
    /// the tree, padded to whole blocks.
    pub data_blocks: u64,
    /// Where the superblock of the tree is, or the tree if it has none: in bytes from the
    /// start of the image, or of the file of its own. This is `--hash-offset` of
    /// `veritysetup`.
    pub hash_offset: u64,
    /// Where the tree begins, in hash blocks from the same start, as a table of the device
    /// mapper has it.
    pub hash_start_block: u64,
    /// Where the tree ends, in bytes from the same start.
    pub hash_end: u64,
}

impl VeritySummary {
    /// The length in bytes of the data that are hashed, which is that of the volume.
    pub fn data_len(&self) -> u64 {
        self.data_blocks * u64::from(self.data_block_size)
    }

    /// The root hash as small hexadecimal digits.
    pub fn root_hash_hex(&self) -> String {
        hex(&self.root_hash)
    }

    /// The salt as small hexadecimal digits, or `-` if there is none.
    pub fn salt_hex(&self) -> String {
        match self.salt.is_empty() {
            true => "-".to_owned(),
            false => hex(&self.salt),
        }
    }

    /// The line of a device-mapper table, for `dmsetup` and `dm-mod.create=`, with these
    /// two devices, which may be the same. Lengths in it are in sectors of 512 bytes.
    pub fn table(&self, data_device: &str, hash_device: &str) -> String {
        format!(
            "0 {} verity 1 {data_device} {hash_device} {} {} {} {} {} {} {}",
            self.data_len() / 512,
            self.data_block_size,
            self.hash_block_size,
            self.data_blocks,
            self.hash_start_block,
            self.hash,
            self.root_hash_hex(),
            self.salt_hex(),
        )
    }
}

/// The fs-verity digest of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FsVerityDigest {
    /// The path in the image, from `/` on.
    pub path: Vec<u8>,
    /// The digest: SHA-256 with blocks of 4096 bytes and without a salt, which is what
    /// composefs and `fsverity digest` use.
    pub digest: [u8; 32],
}

impl FsVerityDigest {
    /// The digest as small hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.digest)
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}
