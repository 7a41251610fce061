//! Inodes, and where their data lies when it is flat.

use super::space::{Space, Use};
use super::superblock::{Superblock, incompat};
use super::{Findings, Image, Rule};
use crate::entry::Kind;
use crate::num::{le, low32};

/// Name, offset and length of each field of a compact inode.
pub const COMPACT: &[(&str, usize, usize)] = &[
    ("i_format", 0x00, 2),
    ("i_xattr_icount", 0x02, 2),
    ("i_mode", 0x04, 2),
    ("i_nb", 0x06, 2),
    ("i_size", 0x08, 4),
    ("i_mtime", 0x0c, 4),
    ("i_u", 0x10, 4),
    ("i_ino", 0x14, 4),
    ("i_uid", 0x18, 2),
    ("i_gid", 0x1a, 2),
    ("i_reserved", 0x1c, 4),
];

/// Name, offset and length of each field of an extended inode.
pub const EXTENDED: &[(&str, usize, usize)] = &[
    ("i_format", 0x00, 2),
    ("i_xattr_icount", 0x02, 2),
    ("i_mode", 0x04, 2),
    ("i_nb", 0x06, 2),
    ("i_size", 0x08, 8),
    ("i_u", 0x10, 4),
    ("i_ino", 0x14, 4),
    ("i_uid", 0x18, 4),
    ("i_gid", 0x1c, 4),
    ("i_mtime", 0x20, 8),
    ("i_mtime_nsec", 0x28, 4),
    ("i_nlink", 0x2c, 4),
    ("i_reserved", 0x30, 8),
    ("i_reserved2", 0x38, 8),
];

/// Data layouts.
pub mod layout {
    /// Whole blocks.
    pub const FLAT_PLAIN: u64 = 0;
    /// Compressed, 8-byte index entries or encoded extents.
    pub const COMPRESSED_FULL: u64 = 1;
    /// Whole blocks, and the rest after the inode.
    pub const FLAT_INLINE: u64 = 2;
    /// Compressed, packed index entries.
    pub const COMPRESSED_COMPACT: u64 = 3;
    /// A map of chunks.
    pub const CHUNK_BASED: u64 = 4;
}

/// Number that stands for "no block".
pub const NO_BLOCK: u64 = 0xffff_ffff;

/// An inode.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Number: its place in 32-byte slots.
    pub nid: u64,
    /// Where it starts.
    pub at: u64,
    /// Type.
    pub kind: Kind,
    bytes: Vec<u8>,
}

impl Inode {
    /// Whether it has 64 bytes, not 32.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.bytes.len() == 64
    }

    /// Fields of its form.
    #[must_use]
    pub fn fields(&self) -> &'static [(&'static str, usize, usize)] {
        match self.is_extended() {
            true => EXTENDED,
            false => COMPACT,
        }
    }

    /// Value of a field; 0 if its form has none such.
    #[must_use]
    pub fn get(&self, field: &str) -> u64 {
        let found = self.fields().iter().find(|(name, ..)| *name == field);
        found.map_or(0, |(_, at, len)| le(&self.bytes, *at, *len))
    }

    /// Data layout.
    #[must_use]
    pub fn layout(&self) -> u64 {
        self.get("i_format") >> 1 & 7
    }

    /// Bit 4 of `i_format`: "nlink is 1" or "dot omitted".
    #[must_use]
    pub fn bit4(&self) -> bool {
        self.get("i_format") & 0x10 != 0
    }

    /// Bytes of data.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.get("i_size")
    }

    /// Number of links.
    #[must_use]
    pub fn nlink(&self) -> u64 {
        match (self.is_extended(), self.bit4()) {
            (true, _) => self.get("i_nlink"),
            (false, true) if self.kind != Kind::Directory => 1,
            (false, _) => self.get("i_nb"),
        }
    }

    /// Modification time in seconds and nanoseconds.
    #[must_use]
    pub fn mtime(&self, sb: &Superblock) -> (i64, u32) {
        let (sec, nsec) = match self.is_extended() {
            true => (self.get("i_mtime"), self.get("i_mtime_nsec")),
            false => (sb.get("epoch").wrapping_add(self.get("i_mtime")), sb.get("fixed_nsec")),
        };
        (sec.cast_signed(), low32(nsec))
    }

    /// Where the xattr body starts.
    #[must_use]
    pub fn xattr_at(&self) -> u64 {
        self.at + crate::num::wide(self.bytes.len())
    }

    /// Length of the xattr body.
    #[must_use]
    pub fn xattr_len(&self) -> u64 {
        match self.get("i_xattr_icount") {
            0 => 0,
            count => 12 + 4 * (count - 1),
        }
    }

    /// Where inode and xattr body end.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.xattr_at() + self.xattr_len()
    }

    /// Whether `i_nb` holds address bits.
    fn nb_is_address(&self) -> bool {
        self.is_extended() || (self.bit4() && self.kind != Kind::Directory)
    }

    /// First block of flat data; None for "all zeros, no blocks".
    #[must_use]
    pub fn start_block(&self) -> Option<u64> {
        let high = match self.nb_is_address() {
            true => self.get("i_nb"),
            false => 0xffff,
        };
        match (high, self.get("i_u")) {
            (0xffff, NO_BLOCK) => None,
            (high, low) if self.nb_is_address() => Some(high << 32 | low),
            (_, low) => Some(low),
        }
    }
}

/// Decodes an inode; None if it is outside or no inode at all.
pub fn read(
    image: &Image,
    sb: &Superblock,
    nid: u64,
    space: &mut Space,
    found: &mut Findings,
) -> Option<Inode> {
    let Some((at, bytes)) = read_bytes(image, sb, nid) else {
        found.add(Rule::OutOfImage, 0, format!("inode {nid}"));
        return None;
    };
    let mode = le(&bytes, 4, 2);
    let Some(kind) = Kind::from_mode(low32(mode)) else {
        found.add(Rule::InodeFormat, at, format!("nid {nid}: i_mode {mode:#o}"));
        return None;
    };
    let inode = Inode { nid, at, kind, bytes };
    space.claim(at, inode.xattr_at() - at, Use::Meta, "inode");
    check_format(&inode, sb, found);
    check_form(&inode, sb, found);
    check_kind(&inode, found);
    Some(inode)
}

fn read_bytes(image: &Image, sb: &Superblock, nid: u64) -> Option<(u64, Vec<u8>)> {
    let at = sb.inode_at(nid)?;
    let start = image.bytes(at, 32)?;
    let len = 32 + 32 * u64::from(start[0] & 1);
    Some((at, image.bytes(at, len)?))
}

fn check_format(inode: &Inode, sb: &Superblock, found: &mut Findings) {
    let format = inode.get("i_format");
    let text = format!("nid {}: i_format {format:#x}", inode.nid);
    let good = format >> 5 == 0 && inode.layout() <= layout::CHUNK_BASED;
    found.expect(good, Rule::InodeFormat, inode.at, &text);
    if inode.bit4() {
        let good = sb.incompat(incompat::BIT48);
        found.expect(good, Rule::MissingFeature, inode.at, &text);
        let good = !inode.is_extended() || inode.kind == Kind::Directory;
        found.expect(good, Rule::InodeFormat, inode.at, &text);
    }
    let good = inode.get("i_xattr_icount") != 1;
    found.expect(good, Rule::XattrBody, inode.at + 2, "i_xattr_icount is 1");
    let good = inode.size() < 1 << 63;
    found.expect(good, Rule::InodeField, inode.at + 8, "negative size");
}

fn check_form(inode: &Inode, sb: &Superblock, found: &mut Findings) {
    let wide = sb.incompat(incompat::BIT48);
    let text = format!("nid {}", inode.nid);
    let reserved = inode.get("i_reserved") | inode.get("i_reserved2");
    found.expect(reserved == 0, Rule::Reserved, inode.at, &text);
    if inode.is_extended() {
        // Old kernels ignore it, new ones add it to the address.
        let has_address = [layout::FLAT_PLAIN, layout::FLAT_INLINE].contains(&inode.layout());
        let good = (wide && has_address) || inode.get("i_nb") == 0;
        found.expect(good, Rule::InodeNb, inode.at + 6, &text);
        let good = inode.get("i_mtime_nsec") < 1_000_000_000;
        found.expect(good, Rule::InodeTime, inode.at + 0x28, &text);
    } else {
        let good = wide || inode.get("i_mtime") == 0;
        found.expect(good, Rule::InodeTime, inode.at + 0x0c, &text);
    }
}

fn check_kind(inode: &Inode, found: &mut Findings) {
    let text = format!("nid {} ({:?})", inode.nid, inode.kind);
    let (at, size, layout) = (inode.at, inode.size(), inode.layout());
    match inode.kind {
        Kind::Regular => {}
        Kind::Directory => found.expect(size > 0, Rule::DirSize, at + 8, text),
        Kind::Symlink => {
            let good = (1..=4095).contains(&size);
            found.expect(good, Rule::InodeField, at + 8, &text);
            let flat = [layout::FLAT_PLAIN, layout::FLAT_INLINE].contains(&layout);
            found.expect(flat, Rule::InodeFormat, at, &text);
        }
        Kind::CharDevice | Kind::BlockDevice => {
            let good = size == 0 && layout == layout::FLAT_PLAIN;
            found.expect(good, Rule::InodeField, at, text);
        }
        Kind::Fifo | Kind::Socket => {
            let good = size == 0 && layout == layout::FLAT_PLAIN && inode.get("i_u") == 0;
            found.expect(good, Rule::InodeField, at, text);
        }
    }
}

/// A run of flat data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it lies in the image.
    pub at: u64,
    /// Its bytes.
    pub len: u64,
    /// Whether it is the tail after the inode.
    pub inline: bool,
}

/// Where the data of a flat inode lies: whole blocks, then the tail. None if
/// it is a hole.
pub fn flat(inode: &Inode, sb: &Superblock, found: &mut Findings) -> Option<Vec<Run>> {
    let (bs, size) = (sb.block_size(), inode.size());
    if size == 0 {
        return Some(Vec::new());
    }
    let inline = inode.layout() == layout::FLAT_INLINE;
    let tail = match inline {
        true => size - (size.div_ceil(bs) - 1) * bs,
        false => 0,
    };
    let mut runs = Vec::new();
    if size > tail {
        let Some(start) = inode.start_block() else {
            let good = sb.incompat(incompat::BIT48) && !inline;
            let text = format!("nid {}: a flat hole", inode.nid);
            found.expect(good, Rule::MissingFeature, inode.at, text);
            return None;
        };
        runs.push(Run { at: start.saturating_mul(bs), len: size - tail, inline: false });
    }
    if inline {
        let good = size % bs != 0 && inode.end() % bs + tail <= bs;
        let text = format!("nid {}: {tail} bytes at {:#x}", inode.nid, inode.end());
        found.expect(good, Rule::InlineTail, inode.at, text);
        runs.push(Run { at: inode.end(), len: tail, inline });
    }
    Some(runs)
}
