//! The hash of a NAR, in the ways in which Nix writes hashes.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The SHA-256 of a NAR.
///
/// It is read in each form that Nix writes: `sha256:` and 64 hexadecimal digits, 52 digits
/// of Nix's own base 32, or base 64, and `sha256-` and base 64. It is written as `sha256:`
/// and base 32.
///
/// ```
/// use erofs_writer::source::NarHash;
///
/// let hash: NarHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse()?;
/// let text = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
/// assert_eq!(hash.to_string(), text);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NarHash(pub [u8; 32]);

/// The digits of Nix's base 32.
const DIGITS: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";
/// The digits of a hash in it.
const LEN: usize = 52;

impl FromStr for NarHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || "a hash has to be sha256: or sha256- and its digits".to_owned();
        let digits = match text.strip_prefix("sha256:") {
            Some(digits) => digits,
            None => {
                let digits = text.strip_prefix("sha256-").ok_or_else(error)?;
                return base64(digits).map(NarHash).ok_or_else(error);
            }
        };
        let bytes = match digits.len() {
            64 => hex(digits),
            LEN => base32(digits.as_bytes()),
            _ => base64(digits),
        };
        bytes.map(NarHash).ok_or_else(error)
    }
}

impl fmt::Display for NarHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        for at in (0..LEN).rev() {
            let (byte, shift) = (at * 5 / 8, at * 5 % 8);
            let next = self.0.get(byte + 1).copied().unwrap_or_default();
            let pair = u16::from_le_bytes([self.0[byte], next]);
            let digit = DIGITS[usize::from(pair >> shift & 31)];
            write!(f, "{}", char::from(digit))?;
        }
        Ok(())
    }
}

fn hex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The value of a digit of Nix's base 32.
pub(super) fn digit(digit: u8) -> Option<u8> {
    DIGITS.iter().position(|known| *known == digit).and_then(|value| u8::try_from(value).ok())
}

fn base32(digits: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (at, byte) in digits.iter().rev().enumerate() {
        let (place, shift) = (at * 5 / 8, at * 5 % 8);
        let [low, high] = (u16::from(digit(*byte)?) << shift).to_le_bytes();
        bytes[place] |= low;
        match bytes.get_mut(place + 1) {
            Some(next) => *next |= high,
            None if high == 0 => {}
            None => return None,
        }
    }
    Some(bytes)
}

fn base64(digits: &str) -> Option<[u8; 32]> {
    STANDARD.decode(digits).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_one_hash() {
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 7 % 256).expect("less"));
        let base32 = NarHash(bytes).to_string();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = STANDARD.encode(bytes);
        for text in [
            base32,
            format!("sha256:{hex}"),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha256-{base64}"),
            format!("sha256:{base64}"),
        ] {
            assert_eq!(text.parse(), Ok(NarHash(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let base32 = NarHash([255; 32]).to_string();
        assert!(base32.starts_with("sha256:1"), "256 bits are in 260: {base32}");
        for text in [
            "",
            "sha256:",
            "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "sha256-AAAA",
            &base32.replace(":1", ":2"),
            &base32.replace(":1z", ":1e"),
            &format!("sha256:{}", "+0".repeat(32)),
            &format!("sha256:{}", "\u{e4}".repeat(26)),
        ] {
            assert!(text.parse::<NarHash>().is_err(), "{text}");
        }
    }
}
