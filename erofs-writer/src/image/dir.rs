//! Directories.

use zerocopy::FromBytes;

use super::fault::{Fault, Found};
use super::inode::{FileType, Inode};
use super::open::Image;
use crate::format::dirent::{DIRENT_LEN, Dirent};
use crate::format::{to_u64, to_usize};
use crate::tree::is_valid_name;

/// An entry of a directory.
#[derive(Debug, Clone)]
pub(crate) struct DirEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) nid: u64,
    /// The type that the entry tells of its inode.
    pub(crate) file_type: u8,
}

/// All entries of a directory.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Those but `.` and `..`, in the order of their names.
    pub(crate) entries: Vec<DirEntry>,
    /// The nids of `.` and `..`, which can be left out, and the types told of them.
    pub(crate) own: Option<(u64, u8)>,
    pub(crate) parent: Option<(u64, u8)>,
    /// Where the last name ends.
    pub(crate) end: u64,
}

/// Reads directories. It bounds how many bytes they have together, as many could lie in
/// one place.
#[derive(Debug)]
pub(crate) struct Dirs<'a> {
    image: &'a Image,
    left: u64,
}

/// Directories that are compressed have so many times the bytes of the image at most. All
/// others have different places in it, and so no more bytes than it has.
const RATIO_MAX: u64 = 64;

impl<'a> Dirs<'a> {
    pub(crate) fn new(image: &'a Image) -> Self {
        Dirs { image, left: image.total_len().saturating_mul(RATIO_MAX) }
    }

    /// The entries of a directory but `.` and `..`, in the order of their names.
    pub(crate) fn entries(&mut self, dir: &Inode) -> Found<Vec<DirEntry>> {
        Ok(self.list(dir)?.entries)
    }

    /// All entries of a directory.
    pub(crate) fn list(&mut self, dir: &Inode) -> Found<Listing> {
        debug_assert!(dir.file_type == FileType::Directory, "a directory");
        let wrong = |what| Fault::malformed(dir.place.pos, what);
        let weight = if dir.is_decoded() { 1 } else { RATIO_MAX };
        let taken = dir.size.saturating_mul(weight);
        self.left = self.left.checked_sub(taken).ok_or_else(|| {
            wrong("the directories together have more bytes than an image can have")
        })?;
        let block_len = self.image.sb.block_len();
        let mut entries = Vec::new();
        let mut block = vec![0; to_usize(block_len.min(dir.size))];
        let mut map = self.image.map(dir)?;
        let (mut dots, mut end) = (Dots::default(), 0);
        for start in (0..dir.size).step_by(to_usize(block_len)) {
            let block = &mut block[..to_usize(block_len.min(dir.size - start))];
            self.image.read_mapped(&mut map, start, block)?;
            read_block(block, &mut entries, &mut dots).map_err(wrong)?;
            end = start + to_u64(dots.end);
        }
        let in_order = entries.windows(2).all(|pair| pair[0].name < pair[1].name);
        if !in_order {
            return Err(wrong("the names of a directory are not in order"));
        }
        if dots.own > 1 || dots.parent > 1 {
            return Err(wrong("a directory has itself or its parent twice"));
        }
        Ok(Listing { entries, own: dots.own_target, parent: dots.parent_target, end })
    }
}

/// How often `.` and `..` were found, and where they lead.
#[derive(Debug, Default)]
struct Dots {
    own: u32,
    own_target: Option<(u64, u8)>,
    parent: u32,
    parent_target: Option<(u64, u8)>,
    /// Where the last name of the block ends.
    end: usize,
}

/// Adds the entries of a block (`erofs_fill_dentries`).
fn read_block(
    block: &[u8],
    entries: &mut Vec<DirEntry>,
    dots: &mut Dots,
) -> Result<(), &'static str> {
    let dirent = |number: usize| {
        let bytes = block.get(number * to_usize(DIRENT_LEN)..)?;
        Some(Dirent::read_from_prefix(bytes).ok()?.0)
    };
    let names_start = dirent(0).map_or(0, |first| usize::from(first.nameoff.get()));
    let is_valid = to_u64(names_start) % DIRENT_LEN == 0 && names_start < block.len();
    if names_start == 0 || !is_valid {
        return Err("the names of a block of a directory begin in the wrong place");
    }
    let count = names_start / to_usize(DIRENT_LEN);
    for number in 0..count {
        let found = dirent(number).ok_or("a directory has fewer entries than it says")?;
        let start = usize::from(found.nameoff.get());
        let end = match number + 1 < count {
            true => dirent(number + 1).map_or(0, |next| next.nameoff.get().into()),
            false => block.len(),
        };
        let name = block.get(start..end).ok_or("the names of a directory are not in order")?;
        let is_last = number + 1 == count;
        let name = match name.iter().position(|byte| *byte == 0) {
            Some(end) if is_last => &name[..end],
            _ => name,
        };
        dots.end = start + name.len();
        let target = Some((found.nid.get(), found.file_type));
        match name {
            b"." => (dots.own, dots.own_target) = (dots.own + 1, target),
            b".." => (dots.parent, dots.parent_target) = (dots.parent + 1, target),
            name if is_valid_name(name) => {
                let (nid, file_type) = (found.nid.get(), found.file_type);
                entries.push(DirEntry { name: name.to_vec(), nid, file_type });
            }
            _ => return Err("a directory has a name that no directory can have"),
        }
    }
    Ok(())
}
