//! Byte strings by number, so that long ones are looked at once.
//!
//! An archive can give the same long values to each of its members. To compare or
//! hash them for each member would take time in proportion to all of them together.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::to_usize;

/// Numbers of byte strings: equal strings have the same one.
#[derive(Debug, Default)]
pub(super) struct Interned<'a> {
    /// By address, as most equal strings are one and the same.
    by_place: HashMap<(*const u8, usize), u32>,
    by_bytes: HashMap<&'a [u8], u32>,
    strings: Vec<&'a [u8]>,
}

impl<'a> Interned<'a> {
    /// The number of a string, a new one if there is none yet.
    pub(super) fn number(&mut self, string: &'a Arc<[u8]>) -> u32 {
        *self.by_place.entry((string.as_ptr(), string.len())).or_insert_with(|| {
            *self.by_bytes.entry(string).or_insert_with(|| {
                self.strings.push(string);
                u32::try_from(self.strings.len() - 1).expect("2^32 strings are not in memory")
            })
        })
    }

    /// The string with this number.
    pub(super) fn string(&self, number: u32) -> &'a [u8] {
        self.strings[to_usize(u64::from(number))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_have_one_number() {
        let strings: Vec<Arc<[u8]>> =
            [&b"a"[..], b"", b"b", b"a", b""].into_iter().map(Arc::from).collect();
        let mut interned = Interned::default();
        let numbers: Vec<u32> = strings.iter().map(|string| interned.number(string)).collect();
        assert_eq!(numbers, [0, 1, 2, 0, 1]);
        assert_eq!(interned.number(&strings[3]), 0);
        assert_eq!([0, 1, 2].map(|number| interned.string(number)), [&b"a"[..], b"", b"b"]);
    }
}
