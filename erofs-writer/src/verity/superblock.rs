//! The superblock of a dm-verity tree, as `veritysetup` defines it.

use super::layout::{Layout, SUPERBLOCK_LEN as LEN};
use crate::format::{checked_u32, to_u64, to_usize};
use crate::options::VerityHash;

/// The superblock of a tree.
pub(crate) fn superblock(
    layout: &Layout,
    hash: VerityHash,
    salt: &[u8],
    uuid: &[u8; 16],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(to_usize(LEN));
    out.extend(b"verity\0\0");
    // Version 1, and the only kind of tree in which the salt comes before the data.
    out.extend(1_u32.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(uuid);
    out.extend(hash.name().as_bytes());
    out.resize(64, 0);
    out.extend(checked_u32(layout.data_block_len).to_le_bytes());
    out.extend(checked_u32(layout.hash_block_len).to_le_bytes());
    out.extend(layout.data_blocks.to_le_bytes());
    let salt_len = u16::try_from(salt.len()).expect("a salt has 256 bytes at most");
    out.extend(salt_len.to_le_bytes());
    out.resize(88, 0);
    out.extend(salt);
    out.resize(to_usize(LEN), 0);
    debug_assert_eq!(to_u64(out.len()), LEN);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_at_their_places() {
        let layout = Layout {
            data_block_len: 4096,
            hash_block_len: 1024,
            data_blocks: 0x0102_0304_0506,
            start: 0,
            tree: 1024,
            levels: Vec::new(),
        };
        let raw = superblock(&layout, VerityHash::Sha256, &[9; 256], &[7; 16]);
        assert_eq!(raw.len(), 512);
        assert_eq!(raw[..16], *b"verity\0\0\x01\0\0\0\x01\0\0\0");
        assert_eq!(raw[16..32], [7; 16]);
        assert_eq!(raw[32..40], *b"sha256\0\0");
        assert_eq!(raw[64..72], [0, 16, 0, 0, 0, 4, 0, 0]);
        assert_eq!(raw[72..80], [6, 5, 4, 3, 2, 1, 0, 0]);
        assert_eq!(raw[80..88], [0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(raw[88..344], [9; 256]);
        assert_eq!(raw[344..], [0; 168]);
    }
}
