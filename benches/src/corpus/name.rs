//! Names of store paths: 32 characters of Nix's base-32, a dash, a name.

use sha2::{Digest, Sha256};

/// Nix's alphabet: no e, o, t, u, so that no hash spells a word.
const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
/// A store path's hash has 160 bits; a SHA-256 is folded to that by xor.
const HASH_LEN: usize = 20;
const HASH_CHARS: usize = HASH_LEN * 8 / 5;

/// The name of the store path made from `source` (what is hashed), with what
/// Nix allows of `name`.
#[must_use]
pub fn store_name(source: &[u8], name: &str) -> String {
    let mut folded = [0; HASH_LEN];
    for (i, byte) in Sha256::digest(source).iter().enumerate() {
        folded[i % HASH_LEN] ^= byte;
    }
    format!("{}-{}", base32(&folded), allowed(name))
}

/// Nix's base-32: five bits a character, the last ones first.
fn base32(hash: &[u8; HASH_LEN]) -> String {
    let digit = |n: usize| {
        let (byte, shift) = (n * 5 / 8, n * 5 % 8);
        let high = hash.get(byte + 1).copied().unwrap_or(0);
        let bits = u16::from_le_bytes([hash[byte], high]) >> shift;
        char::from(ALPHABET[usize::from(bits & 31)])
    };
    (0..HASH_CHARS).rev().map(digit).collect()
}

/// A store path's name has letters, digits and `+-._?=` only, and does not
/// begin with a dot.
fn allowed(name: &str) -> String {
    let name = name.trim_start_matches('.');
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "+-._?=".contains(c) { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_as_nix_writes_it() {
        let mut hash = [0; HASH_LEN];
        assert_eq!(base32(&hash), "0".repeat(32));
        hash[0] = 1;
        assert_eq!(base32(&hash), format!("{}1", "0".repeat(31)));
        // `nix hash convert --hash-algo sha1 --to nix32` of the SHA-1 of "abc".
        let abc = [
            0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50,
            0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d,
        ];
        assert_eq!(base32(&abc), "kpcd173cq987hw957sx6m0868wv3x6d9");
    }

    #[test]
    fn names_have_only_what_nix_allows() {
        let name = store_name(b"", ".a~b+c d_1.0");
        assert_eq!(&name[HASH_CHARS..], "-a-b+c-d_1.0");
    }
}
