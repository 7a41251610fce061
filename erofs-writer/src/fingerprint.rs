//! A hash of what is in an image, from which its UUID is made.
//!
//! It tells images apart, and is fast: all that is written goes through it.
//! Nothing relies on it against somebody who wants two images to have the same
//! one, who could as well write it into them.

use twox_hash::XxHash3_128;

/// The hash of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Fingerprint(XxHash3_128::oneshot(bytes).to_be_bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Makes the fingerprint of what it is given in pieces.
#[derive(Default)]
pub(crate) struct Fingerprinter(XxHash3_128);

impl Fingerprinter {
    pub(crate) fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.write(bytes);
        self
    }

    pub(crate) fn finish(&self) -> Fingerprint {
        Fingerprint(self.0.finish_128().to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_matter_how_bytes_are_cut() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let mut pieces = Fingerprinter::default();
        for piece in bytes.chunks(777) {
            pieces.update(piece);
        }
        assert_eq!(pieces.finish(), Fingerprint::of(&bytes));
        assert_ne!(pieces.finish(), pieces.update(&[0]).finish());
    }
}
