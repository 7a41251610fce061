//! Extended attributes.

use twox_hash::XxHash32;
use zerocopy::FromBytes;

use super::fault::{Fault, Found};
use super::inode::Inode;
use super::open::{Image, LongPrefix};
use super::place::Place;
use crate::format::superblock::COMPAT_XATTR_FILTER;
use crate::format::xattr::{
    FILTER_SEED, LONG_PREFIX, LongPrefixEntry, XattrEntry, XattrIbodyHeader, join_name, split_name,
};
use crate::format::{round_up, to_u64, to_usize};
use crate::tree::Xattrs;

/// Where the long prefixes are read.
#[derive(Debug, Clone, Copy)]
enum Origin<'a> {
    Image,
    File(&'a Inode),
}

impl Image {
    /// Reads the table of long prefixes (`erofs_xattr_prefixes_init`).
    pub(super) fn read_prefixes(&self) -> Found<Vec<LongPrefix>> {
        let table = self.sb.prefixes;
        let origin = match (self.metabox(), &self.packed) {
            _ if table.is_plain => Origin::Image,
            (Some(metabox), _) => Origin::File(metabox),
            (None, Some(packed)) => Origin::File(packed),
            (None, None) => Origin::Image,
        };
        let mut at = table.start;
        let mut prefixes = Vec::new();
        for _ in 0..table.count {
            let mut head = [0; size_of::<LongPrefixEntry>()];
            self.read_origin(origin, at, &mut head)?;
            let head = LongPrefixEntry::read_from_bytes(&head).expect("as many bytes");
            let size = usize::from(head.size.get());
            if !(1..=256).contains(&size) {
                return Err(Fault::malformed(at, "a long prefix of xattrs is too long"));
            }
            let mut infix = vec![0; size - 1];
            self.read_origin(origin, at + to_u64(size_of::<LongPrefixEntry>()), &mut infix)?;
            prefixes.push(LongPrefix { base_index: head.base_index, infix });
            at = round_up(at + 2 + to_u64(size), 4);
        }
        Ok(prefixes)
    }

    fn read_origin(&self, origin: Origin<'_>, at: u64, buf: &mut [u8]) -> Found<()> {
        match origin {
            Origin::Image => self.inputs.read(buf, at),
            Origin::File(inode) => self.read_data(inode, at, buf),
        }
    }

    /// The attributes of an inode. Those in namespaces that no kernel knows are left out,
    /// and of several with one name, the first counts, as kernels have it.
    pub(crate) fn xattrs(&self, inode: &Inode) -> Found<Xattrs> {
        let len = to_usize(inode.xattrs_len);
        let mut xattrs = Xattrs::new();
        if len == 0 {
            return Ok(xattrs);
        }
        let wrong = || Fault::malformed(inode.xattrs.pos, "the attributes of an inode are wrong");
        let mut body = vec![0; len];
        self.read_meta(inode.xattrs, &mut body)?;
        let (head, rest) = XattrIbodyHeader::read_from_prefix(&body).map_err(|_| wrong())?;
        let shared_len = usize::from(head.h_shared_count) * 4;
        let (shared, mut entries) = rest.split_at_checked(shared_len).ok_or_else(wrong)?;
        while !entries.is_empty() {
            let (found, name_len, value_len) = entry_lens(entries).ok_or_else(wrong)?;
            let entry = entries.get(..ENTRY_LEN + name_len + value_len).ok_or_else(wrong)?;
            let (name, value) = entry[ENTRY_LEN..].split_at(name_len);
            self.add(&mut xattrs, found.e_name_index, name, value);
            let len = to_usize(round_up(to_u64(entry.len()), 4));
            entries = entries.get(len..).ok_or_else(wrong)?;
        }
        for id in shared.chunks_exact(4) {
            let id = u32::from_le_bytes([id[0], id[1], id[2], id[3]]);
            self.add_shared(&mut xattrs, id)?;
        }
        Ok(xattrs)
    }

    /// The first of these attributes of an inode that its name filter hides, if the image
    /// says that filters are right (`erofs_xattr_filter_match`).
    pub(crate) fn hidden_xattr<'x>(
        &self,
        inode: &Inode,
        xattrs: &'x Xattrs,
    ) -> Found<Option<&'x [u8]>> {
        let has_filters = self.sb.raw.feature_compat.get() & COMPAT_XATTR_FILTER != 0;
        if !has_filters || inode.xattrs_len == 0 {
            return Ok(None);
        }
        let mut head = [0; size_of::<XattrIbodyHeader>()];
        self.read_meta(inode.xattrs, &mut head)?;
        let head = XattrIbodyHeader::read_from_bytes(&head).expect("as many bytes");
        let filter = head.h_name_filter.get();
        let hides = |name: &[u8]| {
            split_name(name).is_some_and(|(index, rest)| {
                let hash = XxHash32::oneshot(FILTER_SEED + u32::from(index), rest);
                filter >> (hash % 32) & 1 != 0
            })
        };
        Ok(xattrs.iter().map(|(name, _)| name).find(|name| hides(name)))
    }

    fn add_shared(&self, xattrs: &mut Xattrs, id: u32) -> Found<()> {
        let in_metabox = self.sb.shared_in_metabox;
        let pos = self.sb.xattr_start + 4 * u64::from(id);
        let place = Place { in_metabox, pos };
        let mut head = [0; ENTRY_LEN];
        self.read_meta(place, &mut head)?;
        let wrong = || Fault::malformed(pos, "a shared attribute is wrong");
        let (found, name_len, value_len) = entry_lens(&head).ok_or_else(wrong)?;
        let mut rest = vec![0; name_len + value_len];
        self.read_meta(place.plus(to_u64(ENTRY_LEN)), &mut rest)?;
        let (name, value) = rest.split_at(name_len);
        self.add(xattrs, found.e_name_index, name, value);
        Ok(())
    }

    fn add(&self, xattrs: &mut Xattrs, index: u8, name: &[u8], value: &[u8]) {
        let full = match index & LONG_PREFIX {
            0 => join_name(index, &[], name),
            _ => self
                .prefixes
                .get(usize::from(index & !LONG_PREFIX))
                .and_then(|prefix| join_name(prefix.base_index, &prefix.infix, name)),
        };
        if let Some(full) = full.filter(|full| xattrs.get(full).is_none()) {
            xattrs.set(full, value);
        }
    }
}

/// The length of an entry without name and value.
const ENTRY_LEN: usize = size_of::<XattrEntry>();

/// The head of an entry, and the lengths of name and value.
fn entry_lens(bytes: &[u8]) -> Option<(XattrEntry, usize, usize)> {
    let (found, _) = XattrEntry::read_from_prefix(bytes).ok()?;
    let lens = (found.e_name_len.into(), found.e_value_size.get().into());
    Some((found, lens.0, lens.1))
}
