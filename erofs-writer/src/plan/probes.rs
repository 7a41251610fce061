//! Hashes of the first and the last bytes of files. They tell which files may begin or end
//! with the same bytes.

use std::ops::Range;

use twox_hash::XxHash3_64;

use crate::format::{to_u64, to_usize};

/// How many last bytes are hashed. Shorter files have no probes.
pub(super) const TAIL_LEN: u64 = 1024;
/// How many first bytes are hashed, of a file that has so many. Many formats have headers
/// that are the same in files with nothing else in common.
pub(super) const HEAD_LEN: u64 = 4096;

/// The hashes of a file; 0 where one is not known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probes {
    head: u64,
    tail: u64,
}

impl Probes {
    /// The same hashes as numbers, first those of the head.
    pub(super) fn to_facts(self) -> [u64; 2] {
        [self.head, self.tail]
    }

    pub(super) fn of_facts([head, tail]: [u64; 2]) -> Self {
        Probes { head, tail }
    }

    /// Adds what `bytes` show, those from `at` on of a file of `len` bytes.
    pub(super) fn see(&mut self, len: u64, at: u64, bytes: &[u8]) {
        let end = at + to_u64(bytes.len());
        let probe = |wanted: Range<u64>| {
            let is_there = at <= wanted.start && wanted.end <= end;
            let range = || to_usize(wanted.start - at)..to_usize(wanted.end - at);
            is_there.then(|| probe(&bytes[range()]))
        };
        self.head = probe(0..HEAD_LEN).unwrap_or(self.head);
        if let Some(start) = len.checked_sub(TAIL_LEN) {
            self.tail = probe(start..len).unwrap_or(self.tail);
        }
    }

    /// The hash of the last bytes of a file of `len` bytes, and that of its first ones, if
    /// it has so many; `None` if something is not known.
    pub(super) fn known(self, len: u64) -> Option<(u64, Option<u64>)> {
        let known = |hash| (hash != 0).then_some(hash);
        let head = if len < HEAD_LEN { None } else { Some(known(self.head)?) };
        Some((known(self.tail)?, head))
    }
}

/// The hash of last bytes that are all zero.
pub(super) fn of_zeros() -> u64 {
    probe(&vec![0; to_usize(TAIL_LEN)])
}

/// The hash of some bytes, which is not 0.
fn probe(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_the_same_however_a_file_is_read() {
        let file: Vec<u8> = (0..5000_u16).flat_map(u16::to_le_bytes).collect();
        let read = |step| {
            let mut probes = Probes::default();
            for (number, bytes) in file.chunks(step).enumerate() {
                probes.see(10_000, to_u64(number * step), bytes);
            }
            probes
        };
        assert!(read(10_000).known(10_000).is_some());
        assert_eq!(read(10_000), read(4096));
        assert_eq!(read(8000), read(10_000));
        // The last 1024 bytes are not read together.
        assert_eq!(read(9500), Probes { tail: 0, ..read(10_000) });
        assert!(read(9500).known(10_000).is_none());
        let short = |len: usize| {
            let mut probes = Probes::default();
            probes.see(to_u64(len), 0, &file[..len]);
            probes
        };
        assert_eq!(short(1023), Probes::default());
        assert!(short(1024).known(1024).is_some_and(|(_, head)| head.is_none()));
    }
}
