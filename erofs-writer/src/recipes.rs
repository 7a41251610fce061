//! The table of recipes that may follow an image.
//!
//! The superblock does not count it, so it is not a part of the file system: whoever
//! reads the image passes over it. A later build can find in it how the pclusters of the
//! image were made.
//!
//! It begins where the blocks of the image end: a header, then for each encoded part its
//! recipe and a hash of the result (8 bytes each), and as numbers of 1 to 10 bytes the differences of nid, offset and
//! first block to what the part before would suggest; then the recipes of those files
//! that were not worth encoding.

use twox_hash::XxHash3_64;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::format::{to_u64, to_usize};

const MAGIC: [u8; 8] = *b"erofsRCP";
const VERSION: u32 = 1;
#[cfg(any(test, feature = "image"))]
/// The longest table that is read, in bytes: that of some twenty million parts.
const TABLE_MAX: u64 = 256 << 20;

/// The header, before `len` bytes.
#[derive(Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    len: U64,
    /// The XXH3 hash of these bytes.
    check: U64,
    parts: U32,
    version: U32,
}

pub(crate) const HEADER_LEN: u64 = 32;
const _: () = assert!(size_of::<Header>() == 32);

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
        let mut bytes = vec![0; to_usize(HEADER_LEN)];
        let mut before = Made::default();
        for made in &self.made {
            bytes.extend_from_slice(&made.recipe.to_le_bytes());
            bytes.extend_from_slice(&made.check.to_le_bytes());
            let from = if made.nid == before.nid { before.offset } else { 0 };
            put(&mut bytes, made.nid, before.nid);
            put(&mut bytes, made.offset, from);
            put(&mut bytes, made.block, before.block);
            before = *made;
        }
        bytes.extend(self.vain.iter().flat_map(|recipe| recipe.to_le_bytes()));
        let payload = &bytes[to_usize(HEADER_LEN)..];
        let header = Header {
            magic: MAGIC,
            len: to_u64(payload.len()).into(),
            check: XxHash3_64::oneshot(payload).into(),
            parts: u32::try_from(self.made.len())
                .expect("fewer parts than inodes and blocks")
                .into(),
            version: VERSION.into(),
        };
        bytes[..to_usize(HEADER_LEN)].copy_from_slice(header.as_bytes());
        bytes
    }

    #[cfg(any(test, feature = "image"))]
    /// How many bytes follow this header, the first [`HEADER_LEN`] bytes after an image.
    /// None if it is none.
    pub(crate) fn len_after(header: &[u8]) -> Option<usize> {
        let header = Header::read_from_bytes(header).ok()?;
        let len = header.len.get();
        let is_known = header.magic == MAGIC && header.version.get() == VERSION;
        (is_known && len <= TABLE_MAX).then(|| to_usize(len))
    }

    #[cfg(any(test, feature = "image"))]
    /// The recipes in these bytes, which begin with a header. None if they are damaged.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(to_usize(HEADER_LEN))?;
        let header = Header::read_from_bytes(header).ok()?;
        if to_u64(rest.len()) != header.len.get() || XxHash3_64::oneshot(rest) != header.check.get()
        {
            return None;
        }
        let mut recipes = Recipes::default();
        let mut before = Made::default();
        for _ in 0..header.parts.get() {
            let recipe = take_hash(&mut rest)?;
            let check = take_hash(&mut rest)?;
            let nid = take(&mut rest, before.nid)?;
            let from = if nid == before.nid { before.offset } else { 0 };
            let offset = take(&mut rest, from)?;
            let block = take(&mut rest, before.block)?;
            before = Made { recipe, nid, offset, block, check };
            recipes.made.push(before);
        }
        while !rest.is_empty() {
            recipes.vain.push(take_hash(&mut rest)?);
        }
        Some(recipes)
    }
}

/// Appends the difference from `before` to `value`: seven bits a byte, the lowest first,
/// of the difference doubled, or of its negative doubled, less one.
fn put(bytes: &mut Vec<u8>, value: u64, before: u64) {
    let difference = value.wrapping_sub(before);
    let mut left = (difference << 1) ^ (0_u64.wrapping_sub(difference >> 63));
    while left >= 0x80 {
        bytes.push(left.to_le_bytes()[0] | 0x80);
        left >>= 7;
    }
    bytes.push(left.to_le_bytes()[0]);
}

#[cfg(any(test, feature = "image"))]
/// The value that [`put`] appended.
fn take(bytes: &mut &[u8], before: u64) -> Option<u64> {
    let mut all = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        all |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let difference = (all >> 1) ^ 0_u64.wrapping_sub(all & 1);
            return Some(before.wrapping_add(difference));
        }
    }
    None
}

#[cfg(any(test, feature = "image"))]
fn take_hash(bytes: &mut &[u8]) -> Option<u64> {
    let (hash, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*hash))
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
            let header = &bytes[..to_usize(HEADER_LEN)];
            assert_eq!(Recipes::len_after(header), Some(bytes.len() - header.len()));
            assert_eq!(Recipes::of_bytes(&bytes), Some(recipes));
        }
    }

    #[test]
    fn a_damaged_table_is_none() {
        let bytes = example().to_bytes();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x11;
            // The first eight bytes and the last four of the header are looked at before.
            let is_checked = (8..24).contains(&at) || at >= 32;
            assert!(!is_checked || Recipes::of_bytes(&damaged).is_none(), "byte {at}");
            assert!(Recipes::of_bytes(&bytes[..at]).is_none(), "{at} bytes");
        }
        assert_eq!(Recipes::len_after(&[0; 32]), None);
        let mut long = bytes[..32].to_vec();
        long[8..16].fill(0xff);
        assert_eq!(Recipes::len_after(&long), None);
    }

    #[test]
    fn more_parts_than_there_are_bytes_for_are_none() {
        let mut bytes = Recipes::default().to_bytes();
        bytes[24..28].fill(0xff);
        assert_eq!(Recipes::of_bytes(&bytes), None);
    }
}
