//! Extended attributes: bodies, the shared area, long prefixes, name filters.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::METABOX;
use super::inode::Inode;
use super::space::{Space, Use};
use super::superblock::{Superblock, compat, incompat};
use super::{Findings, Image, Rule};
use crate::entry::show;
use crate::num::{index, le, low32, up, wide};

/// An attribute as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Where it is.
    pub at: u64,
    /// Name index; with bit 7, the number of a long prefix.
    pub index: u8,
    /// Name without prefix.
    pub name: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

/// Xattr body of an inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Where it is.
    pub at: u64,
    /// Name filter.
    pub filter: u64,
    /// Numbers of shared attributes.
    pub shared: Vec<u64>,
    /// Attributes stored here.
    pub inline: Vec<Attribute>,
}

/// A long prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Where its record is.
    pub at: u64,
    /// Index of the short prefix it begins with.
    pub base: u8,
    /// The rest of the prefix.
    pub infix: Vec<u8>,
}

/// The tables that all inodes share.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// Long prefixes; None if this decoder cannot read them.
    pub prefixes: Option<Vec<Prefix>>,
    /// Shared attributes by number.
    pub attributes: BTreeMap<u64, Attribute>,
}

impl Shared {
    /// Short prefix index, and the name after that prefix.
    #[must_use]
    pub fn resolve(&self, attribute: &Attribute) -> Option<(u8, Vec<u8>)> {
        if attribute.index & 0x80 == 0 {
            return Some((attribute.index, attribute.name.clone()));
        }
        let number = usize::from(attribute.index & 0x7f);
        let prefix = self.prefixes.as_ref()?.get(number)?;
        Some((prefix.base, [&prefix.infix[..], &attribute.name].concat()))
    }

    /// The full name.
    #[must_use]
    pub fn full_name(&self, attribute: &Attribute) -> Option<Vec<u8>> {
        let (base, name) = self.resolve(attribute)?;
        Some([short_prefix(base)?, &name[..]].concat())
    }
}

fn short_prefix(index: u8) -> Option<&'static [u8]> {
    Some(match index {
        1 => b"user.",
        2 => b"system.posix_acl_access",
        3 => b"system.posix_acl_default",
        4 => b"trusted.",
        6 => b"security.",
        _ => return None,
    })
}

/// Decodes the table of long prefixes.
pub fn read_prefixes(
    image: &Image,
    sb: &Superblock,
    space: &mut Space,
    found: &mut Findings,
) -> Option<Vec<Prefix>> {
    let count = sb.get("xattr_prefix_count");
    found.expect(count <= 128, Rule::XattrPrefix, 1024 + 0x5b, "more than 128");
    let in_image = sb.compat(compat::PLAIN_XATTR_PFX)
        || !(sb.incompat(incompat::METABOX) || sb.get("packed_nid") != 0);
    if count > 0 && !in_image {
        found.not_checked.push("prefix table in another inode".into());
        return None;
    }
    let mut at = 4 * sb.get("xattr_prefix_start");
    let mut prefixes = Vec::new();
    for _ in 0..count {
        let record = image.bytes(at, 2).and_then(|len| {
            let len = le(&len, 0, 2);
            image.bytes(at + 2, len)
        });
        let Some(record) = record.filter(|record| (1..=256).contains(&record.len())) else {
            found.add(Rule::XattrPrefix, at, "outside, or length not 1 to 256");
            break;
        };
        let good = short_prefix(record[0]).is_some();
        found.expect(good, Rule::XattrPrefix, at, "unknown short prefix");
        let len = 2 + wide(record.len());
        space.claim(at, len, Use::Meta, "xattr prefix");
        prefixes.push(Prefix { at, base: record[0], infix: record[1..].to_vec() });
        at = up(at + len, 4);
    }
    Some(prefixes)
}

/// Decodes the xattr body of an inode, and the shared attributes it names.
pub fn read(
    image: &Image,
    sb: &Superblock,
    inode: &Inode,
    shared: &mut Shared,
    space: &mut Space,
    found: &mut Findings,
) -> Option<Body> {
    let (at, len) = (inode.xattr_at(), inode.xattr_len());
    if len == 0 {
        return None;
    }
    let Some(bytes) = image.bytes(at, len) else {
        found.add(Rule::OutOfImage, at, "xattr body");
        return None;
    };
    space.claim(at, len, Use::Meta, "xattr body");
    let is_root = inode.nid == sb.root_nid();
    let body = read_body(&bytes, at, is_root, found)?;
    for &id in &body.shared {
        read_shared(image, sb, id, shared, space, found);
    }
    check_names(&body, shared, found);
    check_filter(&body, sb, shared, found);
    Some(body)
}

/// After the entries of the root there may be room for more.
fn read_body(bytes: &[u8], at: u64, is_root: bool, found: &mut Findings) -> Option<Body> {
    let zero = bytes[5..12].iter().all(|&byte| byte == 0);
    found.expect(zero, Rule::Reserved, at + 5, "xattr header");
    let mut place = 12 + 4 * usize::from(bytes[4]);
    if place > bytes.len() {
        found.add(Rule::XattrBody, at + 4, "more shared ids than the body holds");
        return None;
    }
    let shared = bytes[12..place].chunks(4).map(|id| le(id, 0, 4)).collect();
    let mut inline = Vec::new();
    while place < bytes.len() {
        if is_root && bytes[place..].iter().all(|&byte| byte == 0) {
            break;
        }
        let here = at + wide(place);
        let Some((attribute, len)) = read_attribute(&bytes[place..], here, found) else {
            found.add(Rule::XattrBody, here, "entry runs past the body");
            return None;
        };
        // A zero word is an entry without name and value, which readers skip.
        let empty = attribute.index == 0 && attribute.name.is_empty();
        found.expect(!empty, Rule::XattrBody, here, "not used up by entries");
        if !empty {
            inline.push(attribute);
        }
        place += len;
    }
    Some(Body { at, filter: le(bytes, 0, 4), shared, inline })
}

/// An attribute and its padded length; None if the bytes end before.
fn read_attribute(bytes: &[u8], at: u64, found: &mut Findings) -> Option<(Attribute, usize)> {
    let header = bytes.get(..4)?;
    let name_end = 4 + usize::from(header[0]);
    let end = name_end + index(le(header, 2, 2));
    let padded = end.next_multiple_of(4);
    let record = bytes.get(..padded)?;
    let zero = record[end..].iter().all(|&byte| byte == 0);
    found.expect(zero, Rule::XattrBody, at, "padding is not zero");
    let attribute = Attribute {
        at,
        index: header[1],
        name: record[4..name_end].to_vec(),
        value: record[name_end..end].to_vec(),
    };
    Some((attribute, padded))
}

fn read_shared(
    image: &Image,
    sb: &Superblock,
    id: u64,
    shared: &mut Shared,
    space: &mut Space,
    found: &mut Findings,
) {
    if shared.attributes.contains_key(&id) {
        return;
    }
    let base = if sb.compat(compat::SHARED_EA_IN_METABOX) { METABOX } else { 0 };
    let at = base + sb.get("xattr_blkaddr") * sb.block_size() + 4 * id;
    let bytes = image.bytes(at, 4).and_then(|header| {
        let len = 4 + u64::from(header[0]) + le(&header, 2, 2);
        image.bytes(at, up(len, 4))
    });
    let read = bytes.and_then(|bytes| read_attribute(&bytes, at, found));
    let Some((attribute, len)) = read else {
        found.add(Rule::OutOfImage, at, format!("shared attribute {id}"));
        return;
    };
    space.claim(at, wide(len), Use::Meta, "shared attribute");
    shared.attributes.insert(id, attribute);
}

impl Body {
    /// All attributes in the order in which readers search them.
    pub fn all<'a>(&'a self, shared: &'a Shared) -> impl Iterator<Item = &'a Attribute> {
        let by_id = |id| shared.attributes.get(id);
        self.inline.iter().chain(self.shared.iter().filter_map(by_id))
    }
}

fn check_names(body: &Body, shared: &Shared, found: &mut Findings) {
    let mut seen = BTreeSet::new();
    for attribute in body.all(shared) {
        let Some((base, name)) = shared.resolve(attribute) else {
            let good = shared.prefixes.is_none();
            found.expect(good, Rule::XattrPrefix, attribute.at, "no such prefix");
            continue;
        };
        let Some(prefix) = short_prefix(base) else {
            found.add(Rule::XattrName, attribute.at, format!("index {base}"));
            continue;
        };
        let is_acl = base == 2 || base == 3;
        let good = name.is_empty() == is_acl && !name.contains(&0);
        let good = good && prefix.len() + name.len() <= 255;
        found.expect(good, Rule::XattrName, attribute.at, show(&name));
        let first = seen.insert((base, name.clone()));
        found.expect(first, Rule::XattrDuplicate, attribute.at, show(&name));
    }
}

fn check_filter(body: &Body, sb: &Superblock, shared: &Shared, found: &mut Findings) {
    let wanted = match sb.compat(compat::XATTR_FILTER) {
        true => {
            let names: Option<Vec<_>> = body.all(shared).map(|a| shared.resolve(a)).collect();
            let Some(names) = names else { return };
            let clear = |filter, (base, name): &(u8, Vec<u8>)| filter & !filter_bit(*base, name);
            names.iter().fold(u64::from(u32::MAX), clear)
        }
        false => 0,
    };
    let text = format!("{:#x}, but should be {wanted:#x}", body.filter);
    found.expect(body.filter == wanted, Rule::XattrFilter, body.at, text);
}

fn filter_bit(base: u8, name: &[u8]) -> u64 {
    1 << (xxh32(name, 0x25bb_e08f + u32::from(base)) & 31)
}

/// xxHash of 32 bits. By hand, so that the writer's hash is not checked by
/// itself.
fn xxh32(bytes: &[u8], seed: u32) -> u32 {
    const P: [u32; 5] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1];
    let word = |bytes: &[u8]| low32(le(bytes, 0, 4));
    let stripes = bytes.chunks_exact(16);
    let mut rest = stripes.remainder();
    let mut hash = if bytes.len() < 16 {
        seed.wrapping_add(P[4])
    } else {
        let mut lanes = [
            seed.wrapping_add(P[0]).wrapping_add(P[1]),
            seed.wrapping_add(P[1]),
            seed,
            seed.wrapping_sub(P[0]),
        ];
        for stripe in stripes {
            for (lane, part) in lanes.iter_mut().zip(stripe.chunks_exact(4)) {
                let mixed = lane.wrapping_add(word(part).wrapping_mul(P[1]));
                *lane = mixed.rotate_left(13).wrapping_mul(P[0]);
            }
        }
        let turns = [1, 7, 12, 18];
        let turned = lanes.iter().zip(turns).map(|(lane, by)| lane.rotate_left(by));
        turned.fold(0, u32::wrapping_add)
    };
    hash = hash.wrapping_add(low32(wide(bytes.len())));
    while rest.len() >= 4 {
        hash = hash.wrapping_add(word(rest).wrapping_mul(P[2]));
        hash = hash.rotate_left(17).wrapping_mul(P[3]);
        rest = &rest[4..];
    }
    for &byte in rest {
        hash = hash.wrapping_add(u32::from(byte).wrapping_mul(P[4]));
        hash = hash.rotate_left(11).wrapping_mul(P[0]);
    }
    for (shift, factor) in [(15, P[1]), (13, P[2])] {
        hash = (hash ^ hash >> shift).wrapping_mul(factor);
    }
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_behind_the_entries_of_the_root_may_be_room() {
        let entry = *b"\x03\x01\x01\x00ownX";
        let is_right = |words: &[&[u8]], is_root| {
            let bytes = [&[0; 12][..], &words.concat()].concat();
            let mut found = Findings::default();
            let body = read_body(&bytes, 0, is_root, &mut found);
            body.is_some_and(|body| body.inline.len() == 1) && found.list.is_empty()
        };
        assert!(is_right(&[&entry], false));
        assert!(is_right(&[&entry, &[0; 100]], true));
        assert!(!is_right(&[&entry, &[0; 4]], false));
        assert!(!is_right(&[&[0; 4], &entry], true), "an entry behind it");
        assert!(!is_right(&[&entry, &[0, 0, 1, 0]], true), "no zeros");
    }

    #[test]
    fn filter_bits_are_those_the_format_names() {
        assert_eq!(filter_bit(2, b""), 1 << 30);
        assert_eq!(filter_bit(3, b""), 1 << 21);
    }

    #[test]
    fn xxh32_gives_the_published_values() {
        assert_eq!(xxh32(b"", 0), 0x02cc_5d05);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition", 0), 0xe229_3b2f);
    }
}
