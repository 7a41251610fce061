//! The table of recipes that may follow an image. A later build can find in it how the
//! pclusters of the image were made.
//!
//! It has for each encoded part its recipe and a hash of the result (8 bytes each), and as
//! numbers the differences of nid, offset and first block to what the part before would
//! suggest; then the recipes of those files that were not worth encoding.

use crate::format::to_u64;
use crate::table::TableWriter;
#[cfg(any(test, feature = "image"))]
use crate::table::{self, TableReader};

const MAGIC: [u8; 8] = *b"erofsRCP";
#[cfg(any(test, feature = "image"))]
/// The longest table that is read, in bytes: that of some ten million parts.
const TABLE_MAX: u64 = 256 << 20;

/// Where the result for a recipe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Made {
    pub(crate) recipe: u64,
    /// The inode.
    pub(crate) nid: u64,
    /// Where in its bytes the part begins.
    pub(crate) offset: u64,
    /// The first block of the pclusters that were made for the part.
    pub(crate) block: u64,
    /// A hash of the result.
    pub(crate) check: u64,
}

/// All recipes of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Recipes {
    pub(crate) made: Vec<Made>,
    /// Those of files that were not worth encoding.
    pub(crate) vain: Vec<u64>,
}

impl Recipes {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut table = TableWriter::new();
        table.number(to_u64(self.made.len()));
        let mut before = Made::default();
        for made in &self.made {
            table.bytes(&made.recipe.to_le_bytes());
            table.bytes(&made.check.to_le_bytes());
            let from = if made.nid == before.nid { before.offset } else { 0 };
            table.number(difference(made.nid, before.nid));
            table.number(difference(made.offset, from));
            table.number(difference(made.block, before.block));
            before = *made;
        }
        self.vain.iter().for_each(|recipe| table.bytes(&recipe.to_le_bytes()));
        table.finish(MAGIC)
    }

    /// How many bytes follow this header, the first bytes after an image. `None` if it is
    /// none.
    #[cfg(any(test, feature = "image"))]
    pub(crate) fn len_after(header: &[u8]) -> Option<usize> {
        table::len_after(header, MAGIC, TABLE_MAX)
    }

    /// The recipes in these bytes, which begin with a header. `None` if they are damaged.
    #[cfg(any(test, feature = "image"))]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut table = TableReader::new(bytes)?;
        let mut recipes = Recipes::default();
        let mut before = Made::default();
        for _ in 0..table.number()? {
            let recipe = u64::from_le_bytes(table.bytes()?);
            let check = u64::from_le_bytes(table.bytes()?);
            let nid = after(before.nid, table.number()?);
            let from = if nid == before.nid { before.offset } else { 0 };
            let offset = after(from, table.number()?);
            let block = after(before.block, table.number()?);
            before = Made { recipe, nid, offset, block, check };
            recipes.made.push(before);
        }
        while !table.is_empty() {
            recipes.vain.push(u64::from_le_bytes(table.bytes()?));
        }
        Some(recipes)
    }
}

/// The difference from `before` to `value`, doubled, or its negative, doubled, less one.
fn difference(value: u64, before: u64) -> u64 {
    let difference = value.wrapping_sub(before);
    (difference << 1) ^ 0_u64.wrapping_sub(difference >> 63)
}

/// The value that has this difference from `before`.
#[cfg(any(test, feature = "image"))]
fn after(before: u64, difference: u64) -> u64 {
    before.wrapping_add((difference >> 1) ^ 0_u64.wrapping_sub(difference & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Recipes {
        let made = |recipe, nid, offset, block| Made { recipe, nid, offset, block, check: !recipe };
        let made = vec![
            made(u64::MAX, 40, 0, 1),
            made(7, 40, 4 << 20, 900),
            made(8, 39, 0, 2),
            made(9, u64::MAX, u64::MAX, u64::MAX),
            made(0, 0, 1 << 63, 0),
        ];
        Recipes { made, vain: vec![1, u64::MAX] }
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        for recipes in [example(), Recipes::default()] {
            let bytes = recipes.to_bytes();
            assert_eq!(Recipes::len_after(&bytes[..32]), Some(bytes.len() - 32));
            assert_eq!(Recipes::of_bytes(&bytes), Some(recipes));
        }
    }

    #[test]
    fn more_parts_than_there_are_bytes_for_are_none() {
        let mut table = TableWriter::new();
        table.number(u64::MAX);
        assert_eq!(Recipes::of_bytes(&table.finish(MAGIC)), None);
        assert_eq!(Recipes::len_after(&[0; 32]), None);
    }
}
