use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sha2::{Digest, Sha256, Sha512};

use super::*;
use crate::options::{BlockSize, Verity, VerityHash};

/// Data and hashes in memory.
struct Memory {
    data: Vec<u8>,
    /// Digests that are known before, and those of the first block that has one.
    known: (u64, Vec<Vec<u8>>),
    hashes: Mutex<Vec<u8>>,
}

impl Storage for Memory {
    fn known(&self, first: u64, count: u64, digests: &mut Vec<u8>) -> u64 {
        let Some(first) = first.checked_sub(self.known.0) else { return 0 };
        let known = self.known.1.iter().skip(to_usize(first)).take(to_usize(count));
        let before = digests.len();
        known.clone().for_each(|digest| digests.extend(digest));
        assert!(known.len() == 0 || digests.len() > before);
        to_u64(known.len())
    }

    fn read_data(&self, buf: &mut [u8], pos: u64) -> Result<()> {
        buf.copy_from_slice(&self.data[to_usize(pos)..][..buf.len()]);
        Ok(())
    }

    fn read_hashes(&self, buf: &mut [u8], pos: u64) -> Result<()> {
        let hashes = self.hashes.lock().expect("no panic");
        buf.copy_from_slice(&hashes[to_usize(pos)..][..buf.len()]);
        Ok(())
    }

    fn write_hashes(&self, buf: &[u8], pos: u64) -> Result<()> {
        let mut hashes = self.hashes.lock().expect("no panic");
        hashes[to_usize(pos)..][..buf.len()].copy_from_slice(buf);
        Ok(())
    }
}

fn hash(hash: VerityHash, salt: &[u8], block: &[u8]) -> Vec<u8> {
    let bytes = [salt, block].concat();
    match hash {
        VerityHash::Sha256 => Sha256::digest(bytes).to_vec(),
        VerityHash::Sha512 => Sha512::digest(bytes).to_vec(),
    }
}

/// The levels as their definition says it, the top one first, and the root.
fn expected(verity: &Verity, data_len: u32, salt: &[u8], data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let hash_len = to_usize(verity.hash_block_size.len());
    let mut below = data.to_vec();
    let mut len = to_usize(data_len.into());
    let mut tree = Vec::new();
    while below.len() > len {
        let digests = below.chunks(len).flat_map(|block| hash(verity.hash, salt, block));
        let mut level: Vec<u8> = digests.collect();
        level.resize(level.len().next_multiple_of(hash_len), 0);
        tree = [&level, &tree[..]].concat();
        (below, len) = (level, hash_len);
    }
    (tree, hash(verity.hash, salt, &below))
}

#[test]
fn trees_are_as_they_are_defined() {
    let size = |bytes| BlockSize::new(bytes).expect("a block size");
    let cases = [(4096, 4096), (512, 512), (1024, 4096), (65536, 512), (4096, 65536)];
    for (data_len, hash_len) in cases {
        for function in [VerityHash::Sha256, VerityHash::Sha512] {
            for blocks in [1, 2, 8, 9, 128, 129, 700] {
                let verity = Verity::new().hash(function).superblock(false);
                let verity = verity.data_block_size(size(data_len)).hash_block_size(size(hash_len));
                let len = blocks * to_usize(data_len.into());
                let data: Vec<u8> = (0..=250).cycle().take(len).collect();
                let layout = Layout::new(&verity, size(4096), to_u64(len), true).expect("is short");
                let hashes = Mutex::new(vec![0xff; to_usize(layout.end())]);
                // Of some blocks the digests are known.
                let known = data.chunks(to_usize(data_len.into())).skip(2).take(blocks / 2);
                let known = known.map(|block| hash(function, b"salt", block)).collect();
                let memory = Memory { data, known: (2, known), hashes };
                let done = AtomicU64::new(0);
                let root = build(
                    &layout,
                    &Hasher::new(function, b"salt"),
                    &memory,
                    &AtomicBool::new(false),
                    &|bytes| {
                        done.fetch_add(bytes, Ordering::Relaxed);
                    },
                );
                let found =
                    (memory.hashes.into_inner().expect("no panic"), root.expect("no error"));
                let right = found == expected(&verity, data_len, b"salt", &memory.data);
                assert!(right, "{blocks} of {data_len}, {hash_len}, {function}");
                let rest = if blocks == 1 { u64::from(data_len) } else { layout.work() };
                assert_eq!(done.into_inner(), rest);
            }
        }
    }
}

#[test]
fn it_stops_when_it_is_told_to() {
    let layout =
        Layout::new(&Verity::new(), BlockSize::default(), 1 << 20, true).expect("is short");
    let (data, hashes) = (vec![0; 1 << 20], Mutex::new(Vec::new()));
    let memory = Memory { data, known: (0, Vec::new()), hashes };
    let hasher = Hasher::new(VerityHash::Sha256, &[]);
    let stopped = build(&layout, &hasher, &memory, &AtomicBool::new(true), &|_| {});
    assert!(matches!(stopped, Err(Error::Cancelled)));
}
