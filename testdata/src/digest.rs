//! A digest of file contents that does not depend on where the holes are.
//!
//! The content is cut into pieces of 1 MiB. The digest is the hash of the list
//! of the pieces' hashes, and a piece of zeros has one known hash, so a hole of
//! gigabytes costs neither reading nor hashing.

use std::fmt;
use std::io::{self, Read};
use std::sync::OnceLock;

use crate::num::{index, wide};

const PIECE: u64 = 1 << 20;

/// Length and hash of a file's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    /// Bytes digested.
    pub len: u64,
    /// Hash of the piece hashes.
    pub hash: [u8; 32],
}

impl Digest {
    /// Digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = ContentHasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Digest of all that `reader` gives.
    ///
    /// # Errors
    ///
    /// Those of the reader.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut hasher = ContentHasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                n => hasher.update(&buffer[..n]),
            }
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes ", self.len)?;
        self.hash[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Digests content that comes in parts; see the module.
#[derive(Debug)]
pub struct ContentHasher {
    pieces: blake3::Hasher,
    len: u64,
    /// Bytes in the piece under way.
    filled: u64,
    /// None while that piece holds nothing but zeros.
    piece: Option<blake3::Hasher>,
}

impl Default for ContentHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl ContentHasher {
    /// Of no content yet.
    #[must_use]
    pub fn new() -> Self {
        Self { pieces: blake3::Hasher::new(), len: 0, filled: 0, piece: None }
    }

    /// Adds bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(index(PIECE - self.filled)));
            if self.piece.is_some() || !is_zero(now) {
                let filled = self.filled;
                self.piece.get_or_insert_with(|| hash_of_zeros(filled)).update(now);
            }
            self.advance(wide(now.len()));
            bytes = later;
        }
    }

    /// Adds `count` zeros.
    pub fn zeros(&mut self, mut count: u64) {
        while count > 0 {
            let now = count.min(PIECE - self.filled);
            if let Some(piece) = &mut self.piece {
                let mut left = now;
                while left > 0 {
                    let part = left.min(wide(ZEROS.len()));
                    piece.update(&ZEROS[..index(part)]);
                    left -= part;
                }
            }
            self.advance(now);
            count -= now;
        }
    }

    /// The digest of all that was added.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        if self.filled > 0 {
            self.end_piece();
        }
        Digest { len: self.len, hash: *self.pieces.finalize().as_bytes() }
    }

    fn advance(&mut self, count: u64) {
        self.len += count;
        self.filled += count;
        if self.filled == PIECE {
            self.end_piece();
        }
    }

    fn end_piece(&mut self) {
        static ZERO_PIECE: OnceLock<blake3::Hash> = OnceLock::new();
        let hash = match self.piece.take() {
            Some(piece) => piece.finalize(),
            None if self.filled == PIECE => {
                *ZERO_PIECE.get_or_init(|| hash_of_zeros(PIECE).finalize())
            }
            None => hash_of_zeros(self.filled).finalize(),
        };
        self.pieces.update(hash.as_bytes());
        self.filled = 0;
    }
}

const ZEROS: [u8; 4096] = [0; 4096];

/// By comparison of slices, which is fast in unoptimised builds too.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(ZEROS.len()).all(|part| *part == ZEROS[..part.len()])
}

fn hash_of_zeros(count: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&vec![0; index(count)]);
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_how_content_is_cut_or_where_holes_are() {
        let mut content = vec![0; 3 * index(PIECE) + 77];
        content[5] = 1;
        content[2 * index(PIECE) + 9] = 2;
        let whole = Digest::of(&content);

        let mut parts = ContentHasher::new();
        parts.update(&content[..5000]);
        parts.zeros(2 * PIECE - 5000);
        content[2 * index(PIECE)..].chunks(333).for_each(|part| parts.update(part));
        assert_eq!(parts.finish(), whole);
    }

    #[test]
    fn contents_that_differ_only_in_trailing_zeros_differ() {
        assert_ne!(Digest::of(b"a"), Digest::of(b"a\0"));
        assert_ne!(Digest::of(b""), Digest::of(b"\0"));
    }
}
