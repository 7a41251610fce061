//! Files that are nearly the same.

use erofs_writer::Tree;

use super::{Builder, mixed, noise, text};
use crate::num::wide;

/// What files of a family have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Near {
    /// All but the first few bytes, of which each has more.
    Shifted,
    /// All but their first bytes, as many in each.
    Heads,
    /// All but their last bytes, as many in each.
    Tails,
    /// All, and each has many more bytes at the front.
    LongerFront,
    /// All, and each has many more bytes at the end.
    LongerEnd,
    /// All but a few bytes in the middle.
    Changed,
    /// Their beginnings and their ends.
    Middles,
    /// Pieces, in another order in each.
    Shuffled,
    /// One file is the inner part of another.
    Inner,
}

/// All of them.
pub const NEAR: [Near; 9] = [
    Near::Shifted,
    Near::Heads,
    Near::Tails,
    Near::LongerFront,
    Near::LongerEnd,
    Near::Changed,
    Near::Middles,
    Near::Shuffled,
    Near::Inner,
];

/// Makes bytes from a seed and a length.
pub type Bytes = fn(u64, usize) -> Vec<u8>;

/// The bytes that the files of families have, with names.
pub const BYTES: [(&str, Bytes); 3] = [("noise", noise), ("text", text), ("mixed", mixed)];

/// Lengths of the first file of each group. They are no multiples of a block.
const LENGTHS: [usize; 6] = [3001, 9500, 21_111, 70_003, 150_250, 400_001];

/// Files that have more or less in common, with their names: a group of four for each of
/// some lengths.
#[must_use]
pub fn near_files(family: Near, bytes: Bytes) -> Vec<(String, Vec<u8>)> {
    let named = |len| {
        let group = group(family, bytes, len).into_iter().enumerate();
        group.map(move |(number, file)| (format!("{len}-{number}"), file))
    };
    LENGTHS.into_iter().flat_map(named).collect()
}

/// A tree of such files.
#[must_use]
pub fn near(family: Near, bytes: Bytes) -> Tree {
    let mut tree = Builder::new();
    for (name, file) in near_files(family, bytes) {
        tree.file(name, file);
    }
    tree.done()
}

/// Four files of about `len` bytes.
fn group(family: Near, bytes: Bytes, len: usize) -> Vec<Vec<u8>> {
    let number = NEAR.iter().position(|one| *one == family).unwrap();
    let seed = wide(len) * 64 + 8 * wide(number);
    let base = bytes(seed, len);
    let part = |number: u64, len| bytes(seed + 1 + number, len);
    let member = |number: u64| {
        let step = usize::try_from(number).unwrap();
        match family {
            Near::Shifted => [part(number, step), base.clone()].concat(),
            Near::Heads => [part(number, len / 8), base.clone()].concat(),
            Near::Tails => [base.clone(), part(number, len / 8)].concat(),
            Near::LongerFront => [part(number, step * (len / 5)), base.clone()].concat(),
            Near::LongerEnd => [base.clone(), part(number, step * (len / 5))].concat(),
            Near::Changed => {
                let mut changed = base.clone();
                let at = len / 5 * (step + 1);
                let few = part(number, 16);
                changed[at..at + 16].copy_from_slice(&few);
                changed
            }
            Near::Middles => {
                let (first, last) = base.split_at(len / 2);
                [first, &part(number, len / 7 + step), last].concat()
            }
            Near::Shuffled => {
                let mut pieces: Vec<&[u8]> = base.chunks(len / 7).collect();
                let count = pieces.len();
                (0..step).for_each(|turn| pieces.swap(turn, (3 * turn + step) % count));
                pieces.rotate_left(step);
                pieces.concat()
            }
            Near::Inner => base[step * (len / 9)..len - step * (len / 11)].to_vec(),
        }
    };
    (0..4).map(member).collect()
}
