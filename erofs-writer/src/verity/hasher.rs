//! Salted hashes of blocks.

use sha2::{Digest, Sha256, Sha512};

use crate::options::VerityHash;

/// A hash function that has taken in the salt already.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn new(hash: VerityHash, salt: &[u8]) -> Self {
        match hash {
            VerityHash::Sha256 => Hasher::Sha256(Sha256::new_with_prefix(salt)),
            VerityHash::Sha512 => Hasher::Sha512(Sha512::new_with_prefix(salt)),
        }
    }

    /// The length of a digest in bytes.
    pub(crate) fn digest_len(&self) -> usize {
        match self {
            Hasher::Sha256(_) => VerityHash::Sha256.digest_len(),
            Hasher::Sha512(_) => VerityHash::Sha512.digest_len(),
        }
    }

    /// Appends the digest of `block` to `digests`.
    pub(crate) fn digest(&self, block: &[u8], digests: &mut Vec<u8>) {
        match self {
            Hasher::Sha256(salted) => {
                digests.extend_from_slice(&salted.clone().chain_update(block).finalize());
            }
            Hasher::Sha512(salted) => {
                digests.extend_from_slice(&salted.clone().chain_update(block).finalize());
            }
        }
    }
}

/// 32 bytes that are derived from `uuid`, other ones for each `purpose`.
pub(crate) fn derived(purpose: &str, uuid: &[u8; 16]) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(uuid).finalize().into()
}
