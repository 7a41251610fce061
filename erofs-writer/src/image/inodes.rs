//! Reading of inodes.

use zerocopy::FromBytes;

use super::fault::{Fault, Found};
use super::inode::{FileType, Inode, Layout};
use super::open::Image;
use super::place::Place;
use crate::format::chunk::{CHUNK_BITS_MAX, CHUNK_FORMAT_48BIT, CHUNK_FORMAT_INDEXES};
use crate::format::inode::{
    COMPACT_LEN, EXTENDED_LEN, I_DOT_OMITTED, I_EXTENDED, I_NLINK_1, InodeCompact, InodeExtended,
    LAYOUT_CHUNK_BASED, LAYOUT_COMPRESSED_COMPACT, LAYOUT_COMPRESSED_FULL, LAYOUT_FLAT_INLINE,
    LAYOUT_FLAT_PLAIN,
};
use crate::format::{NULL_ADDR, NULL_ADDR_48, SLOT_LEN, to_usize};
use crate::time::Timestamp;

/// The nid's bit of inodes in the metabox.
const METABOX_BIT: u64 = 1 << 63;

/// The fields that both forms have.
struct Fields {
    format: u16,
    xattr_count: u16,
    mode: u16,
    size: u64,
    u: u32,
    /// Bits 32..47 of an address, if it has those.
    high: Option<u16>,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: Timestamp,
    len: u64,
}

impl Image {
    fn place(&self, nid: u64) -> Found<Place> {
        let in_metabox = nid & METABOX_BIT != 0;
        let start = if in_metabox { 0 } else { self.sb.meta_start };
        let pos = (nid & !METABOX_BIT).checked_mul(SLOT_LEN);
        let pos = pos.and_then(|pos| pos.checked_add(start));
        // So that sums of positions and lengths of metadata do not overflow.
        match pos.filter(|pos| *pos < 1 << 62) {
            Some(pos) => Ok(Place { in_metabox, pos }),
            None => Err(Fault::malformed(nid, "the number of an inode is too large")),
        }
    }

    /// Reads an inode, and checks it as `erofs_read_inode` does.
    pub(crate) fn inode(&self, nid: u64) -> Found<Inode> {
        let place = self.place(nid)?;
        let wrong = |what| Fault::malformed(place.pos, what);
        let fields = self.fields(place)?;
        let Fields { format, mode, size, .. } = fields;
        let file_type = FileType::of_mode(mode)
            .ok_or_else(|| wrong("the mode of an inode has no file type"))?;
        // Of a directory, the last one says that it has no entry for itself.
        let known = I_EXTENDED | 7 << 1 | I_NLINK_1;
        if format & !known != 0 {
            return Err(wrong("the format of an inode has unknown bits"));
        }
        if size > u64::MAX / 2 {
            return Err(wrong("the size of an inode is negative"));
        }
        let layout = match file_type.has_data() {
            true => self.layout(&fields, size).map_err(wrong)?,
            false => Layout::Zeros,
        };
        let xattrs_len = match fields.xattr_count {
            0 => 0,
            count => 12 + 4 * (u64::from(count) - 1),
        };
        Ok(Inode {
            nid,
            file_type,
            mode: mode & 0o7777,
            uid: fields.uid,
            gid: fields.gid,
            links: fields.links,
            mtime: fields.mtime,
            size: if file_type.has_data() { size } else { 0 },
            rdev: fields.u,
            layout,
            omits_dot: file_type == FileType::Directory && fields.format & I_DOT_OMITTED != 0,
            place,
            xattrs: place.plus(fields.len),
            xattrs_len,
        })
    }

    fn fields(&self, place: Place) -> Found<Fields> {
        let mut bytes = [0; to_usize(EXTENDED_LEN)];
        let compact_len = to_usize(COMPACT_LEN);
        self.read_meta(place, &mut bytes[..compact_len])?;
        let (compact, _) = InodeCompact::read_from_prefix(&bytes).expect("as many bytes");
        let format = compact.i_format.get();
        let is_dir = FileType::of_mode(compact.i_mode.get()) == Some(FileType::Directory);
        if format & I_EXTENDED == 0 {
            let sec = self.sb.epoch.wrapping_add(compact.i_mtime.get().into());
            let has_high = format & I_NLINK_1 != 0 && !is_dir;
            return Ok(Fields {
                format,
                xattr_count: compact.i_xattr_icount.get(),
                mode: compact.i_mode.get(),
                size: compact.i_size.get().into(),
                u: compact.i_u.get(),
                high: has_high.then_some(compact.i_nb.get()),
                uid: compact.i_uid.get().into(),
                gid: compact.i_gid.get().into(),
                links: if has_high { 1 } else { compact.i_nb.get().into() },
                mtime: Timestamp { sec, nsec: self.sb.fixed_nsec },
                len: COMPACT_LEN,
            });
        }
        self.read_meta(place.plus(COMPACT_LEN), &mut bytes[compact_len..])?;
        let found = InodeExtended::read_from_bytes(&bytes).expect("as many bytes");
        Ok(Fields {
            format,
            xattr_count: found.i_xattr_icount.get(),
            mode: found.i_mode.get(),
            size: found.i_size.get(),
            u: found.i_u.get(),
            high: Some(found.i_nb.get()),
            uid: found.i_uid.get(),
            gid: found.i_gid.get(),
            links: found.i_nlink.get(),
            mtime: Timestamp { sec: found.i_mtime.get(), nsec: found.i_mtime_nsec.get() },
            len: EXTENDED_LEN,
        })
    }

    fn layout(&self, fields: &Fields, size: u64) -> Result<Layout, &'static str> {
        let block_bits = self.sb.block_bits;
        let flat = |inline: bool| {
            let none = match fields.high {
                Some(high) => u64::from(high) << 32 | u64::from(fields.u) == NULL_ADDR_48,
                None => fields.u == NULL_ADDR,
            };
            let has_blocks = !inline || size >= 1 << block_bits;
            match none {
                true if has_blocks => Layout::Zeros,
                true => Layout::Flat { start: 0, inline },
                false => {
                    let high = u64::from(fields.high.unwrap_or(0));
                    Layout::Flat { start: (high << 32 | u64::from(fields.u)) << block_bits, inline }
                }
            }
        };
        match fields.format >> 1 & 7 {
            LAYOUT_FLAT_PLAIN => Ok(flat(false)),
            LAYOUT_FLAT_INLINE => Ok(flat(true)),
            LAYOUT_COMPRESSED_FULL => Ok(Layout::Compressed { compact: false }),
            LAYOUT_COMPRESSED_COMPACT => Ok(Layout::Compressed { compact: true }),
            LAYOUT_CHUNK_BASED => {
                let known = CHUNK_BITS_MAX | CHUNK_FORMAT_INDEXES | CHUNK_FORMAT_48BIT;
                // Only the low 16 bits are the format.
                if fields.u & 0xffff & !known != 0 {
                    return Err("the chunk format of an inode has unknown bits");
                }
                Ok(Layout::Chunks {
                    bits: block_bits + (fields.u & CHUNK_BITS_MAX),
                    indexes: fields.u & CHUNK_FORMAT_INDEXES != 0,
                    wide: fields.u & CHUNK_FORMAT_48BIT != 0,
                })
            }
            _ => Err("the layout of an inode is unknown"),
        }
    }
}
