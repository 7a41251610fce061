//! Extended attributes: which are shared, and the body after each inode.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use twox_hash::XxHash32;
use zerocopy::IntoBytes;

use crate::error::{Error, Limit, Result, TreeErrorKind};
use crate::format::xattr::{
    BODY_MAX, FILTER_SEED, LONG_PREFIX, LongPrefixEntry, SHARED_MAX, SharedId, XATTR_ALIGN,
    XattrEntry, XattrIbodyHeader, split_name,
};
use crate::format::{checked_u32, round_up, to_u64, to_usize};
use crate::options::{Options, XattrPrefix};
use crate::shape::interned::Interned;
use crate::tree::{InodeId, Tree, XattrMap};

/// The numbers of a name and of a value.
type Pair = (u32, u32);

/// A set of attributes.
#[derive(Debug)]
struct Set {
    /// In the order of names.
    pairs: Box<[Pair]>,
    /// How many inodes have it.
    inodes: usize,
}

/// The attributes of an image.
#[derive(Debug)]
pub(crate) struct XattrTable {
    /// The body of each set that occurs, with shared entries by their offset
    /// in `shared`.
    bodies: Vec<XattrBody>,
    of_inode: HashMap<InodeId, usize>,
    /// All shared entries, without gaps.
    pub(crate) shared: Vec<u8>,
    /// The table of long prefixes.
    pub(crate) prefixes: Vec<u8>,
    /// How many long prefixes there are.
    pub(crate) prefix_count: u8,
    /// Whether every body has a name filter.
    pub(crate) has_filters: bool,
}

/// The xattr body of an inode, as far as it does not depend on places.
#[derive(Debug)]
struct XattrBody {
    filter: u32,
    shared: Vec<u32>,
    inline: Vec<u8>,
}

impl XattrBody {
    fn len(&self) -> u64 {
        to_u64(
            size_of::<XattrIbodyHeader>()
                + size_of::<SharedId>() * self.shared.len()
                + self.inline.len(),
        )
    }
}

impl XattrTable {
    /// Decides for the attributes of `ids`.
    pub(crate) fn new(tree: &Tree, ids: &[InodeId], options: &Options) -> Result<Self> {
        let (sets, of_inode, strings) = distinct_sets(tree, ids);
        let mut shared = Vec::new();
        let mut offsets = HashMap::new();
        for pair in shared_pairs(&sets, &strings, options.xattr_share_above) {
            offsets.insert(
                pair,
                u32::try_from(shared.len()).map_err(|_| Error::Full(Limit::SharedXattrs))?,
            );
            push_entry(&mut shared, text(pair, &strings), &options.xattr_prefixes);
        }
        let has_filters = options.xattr_name_filter && !sets.is_empty();
        let body = |set: &Set| {
            let mut body = body(set, &strings, &offsets, options);
            let names = set.pairs.iter().map(|(name, _)| strings.string(*name));
            body.filter = if has_filters { filter(names) } else { 0 };
            body
        };
        let mut table = XattrTable {
            bodies: sets.iter().map(body).collect(),
            of_inode,
            shared,
            prefixes: prefix_table(&options.xattr_prefixes),
            prefix_count: u8::try_from(options.xattr_prefixes.len())
                .expect("checked to be at most 128"),
            has_filters,
        };
        table.reserve_for_root(to_usize(u64::from(options.root_xattr_len)));
        for id in ids {
            let len = table.body_len(*id);
            if len > BODY_MAX {
                return Err(Error::tree(tree.path_of(*id), TreeErrorKind::XattrBody { len }));
            }
        }
        Ok(table)
    }

    /// Makes the root's body at least `len` bytes long, in a body of its own. Readers
    /// ignore zero words after the entries.
    fn reserve_for_root(&mut self, len: usize) {
        if len == 0 {
            return;
        }
        let own = self.of_inode.get(&Tree::ROOT).map(|index| &self.bodies[*index]);
        let mut body = XattrBody {
            filter: own.map_or(if self.has_filters { u32::MAX } else { 0 }, |body| body.filter),
            shared: own.map_or_else(Vec::new, |body| body.shared.clone()),
            inline: own.map_or_else(Vec::new, |body| body.inline.clone()),
        };
        // A body of the header alone is not valid.
        let wanted = round_up(to_u64(len).max(16), XATTR_ALIGN);
        let missing = to_usize(wanted.saturating_sub(body.len()));
        body.inline.resize(body.inline.len() + missing, 0);
        self.of_inode.insert(Tree::ROOT, self.bodies.len());
        self.bodies.push(body);
    }

    /// Whether no inode has attributes.
    pub(crate) fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }

    /// The length of the body of `id`; 0 if it has none.
    pub(crate) fn body_len(&self, id: InodeId) -> u64 {
        if self.is_empty() {
            return 0;
        }
        self.of_inode.get(&id).map_or(0, |index| self.bodies[*index].len())
    }

    /// Appends the body of `id`, given where in the image the shared entries
    /// start.
    pub(crate) fn write_body(&self, out: &mut Vec<u8>, id: InodeId, shared_pos: u64) {
        let Some(body) = self.of_inode.get(&id).map(|index| &self.bodies[*index]) else {
            return;
        };
        let start = out.len();
        let header = XattrIbodyHeader {
            h_name_filter: body.filter.into(),
            h_shared_count: u8::try_from(body.shared.len()).expect("capped at 255"),
            h_reserved2: [0; 7],
        };
        out.extend_from_slice(header.as_bytes());
        for offset in &body.shared {
            let id = (shared_pos + u64::from(*offset)) / XATTR_ALIGN;
            out.extend_from_slice(SharedId::new(checked_u32(id)).as_bytes());
        }
        out.extend_from_slice(&body.inline);
        let (placed, written) = (body.len(), out.len() - start);
        assert!(to_u64(written) == placed, "xattrs have {placed} bytes and got {written}");
    }
}

/// The different sets of attributes, which of them an inode has, and the strings in
/// them.
fn distinct_sets<'a>(
    tree: &'a Tree,
    ids: &[InodeId],
) -> (Vec<Set>, HashMap<InodeId, usize>, Interned<'a>) {
    let mut strings = Interned::default();
    let mut counts: Vec<usize> = Vec::new();
    let mut index_of: HashMap<Box<[Pair]>, usize> = HashMap::new();
    // A set that is shared is looked at once, however many inodes have it.
    let mut index_at: HashMap<*const XattrMap, usize> = HashMap::new();
    let mut of_inode = HashMap::new();
    for id in ids {
        let Some(set) = tree.inode(*id).metadata.xattrs.shared() else {
            continue;
        };
        let index = *index_at.entry(Arc::as_ptr(set)).or_insert_with(|| {
            let pairs =
                set.iter().map(|(name, value)| (strings.number(name), strings.number(value)));
            *index_of.entry(pairs.collect()).or_insert_with(|| {
                counts.push(0);
                counts.len() - 1
            })
        });
        counts[index] += 1;
        of_inode.insert(*id, index);
    }
    let mut sets: Vec<_> = index_of.into_iter().collect();
    sets.sort_unstable_by_key(|(_, index)| *index);
    let sets = sets.into_iter().zip(counts).map(|((pairs, _), inodes)| Set { pairs, inodes });
    let sets = sets.collect();
    (sets, of_inode, strings)
}

/// Name and value.
fn text<'a>((name, value): Pair, strings: &Interned<'a>) -> (&'a [u8], &'a [u8]) {
    (strings.string(name), strings.string(value))
}

/// The pairs that more than `above` inodes have and that at least one of them can refer
/// to, in the order of their bytes.
fn shared_pairs(sets: &[Set], strings: &Interned<'_>, above: u32) -> Vec<Pair> {
    let mut counts: HashMap<Pair, usize> = HashMap::new();
    if above == u32::MAX {
        return Vec::new();
    }
    for set in sets {
        for pair in &set.pairs {
            *counts.entry(*pair).or_default() += set.inodes;
        }
    }
    counts.retain(|_, count| *count > to_usize(u64::from(above)));
    let referred = |set: &'_ Set| {
        let pairs = set.pairs.iter().copied();
        pairs.filter(|pair| counts.contains_key(pair)).take(SHARED_MAX).collect::<Vec<_>>()
    };
    let pairs: HashSet<Pair> = sets.iter().flat_map(referred).collect();
    let mut pairs: Vec<Pair> = pairs.into_iter().collect();
    pairs.sort_unstable_by_key(|pair| text(*pair, strings));
    pairs
}

/// The body of a set: references to what is shared, everything else inline.
fn body(
    set: &Set,
    strings: &Interned<'_>,
    offsets: &HashMap<Pair, u32>,
    options: &Options,
) -> XattrBody {
    let mut body = XattrBody { filter: 0, shared: Vec::new(), inline: Vec::new() };
    for pair in &set.pairs {
        match offsets.get(pair) {
            Some(offset) if body.shared.len() < SHARED_MAX => body.shared.push(*offset),
            _ => push_entry(&mut body.inline, text(*pair, strings), &options.xattr_prefixes),
        }
    }
    body
}

/// The name filter of a set: a cleared bit for each name that may be there.
fn filter<'a>(names: impl Iterator<Item = &'a [u8]>) -> u32 {
    names.fold(u32::MAX, |filter, name| {
        let (index, suffix) = split_name(name).expect("checked before");
        let hash = XxHash32::oneshot(FILTER_SEED + u32::from(index), suffix);
        filter & !(1 << (hash % 32))
    })
}

/// Appends one entry. The longest of `prefixes` that fits stands for the
/// start of its name.
fn push_entry(out: &mut Vec<u8>, (name, value): (&[u8], &[u8]), prefixes: &[XattrPrefix]) {
    let long = prefixes
        .iter()
        .zip(LONG_PREFIX..=u8::MAX)
        .filter(|(prefix, _)| name.starts_with(prefix.as_bytes()))
        .max_by_key(|(prefix, _)| prefix.as_bytes().len());
    let (index, suffix) = match long {
        Some((prefix, index)) => (index, &name[prefix.as_bytes().len()..]),
        None => split_name(name).expect("checked before"),
    };
    let header = XattrEntry {
        e_name_len: u8::try_from(suffix.len()).expect("checked before"),
        e_name_index: index,
        e_value_size: u16::try_from(value.len()).expect("checked before").into(),
    };
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(suffix);
    out.extend_from_slice(value);
    pad(out);
}

fn prefix_table(prefixes: &[XattrPrefix]) -> Vec<u8> {
    let mut out = Vec::new();
    for prefix in prefixes {
        let (index, infix) = split_name(prefix.as_bytes()).expect("checked when made");
        let size = u16::try_from(1 + infix.len()).expect("checked when made").into();
        out.extend_from_slice(LongPrefixEntry { size, base_index: index }.as_bytes());
        out.extend_from_slice(infix);
        pad(&mut out);
    }
    out
}

fn pad(out: &mut Vec<u8>) {
    out.resize(to_usize(round_up(to_u64(out.len()), XATTR_ALIGN)), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_has_the_bits_that_the_kernel_looks_for() {
        let filter_of = |names: &[&'static str]| filter(names.iter().map(|name| name.as_bytes()));
        let all = ["trusted.overlay.opaque", "user.common", "user.own"];
        assert_eq!(filter_of(&all), 0xfdef_dfff);
        assert_eq!(filter_of(&["system.posix_acl_access"]), !(1 << 30));
        assert_eq!(filter_of(&["system.posix_acl_default"]), !(1 << 21));
    }

    #[test]
    fn entries_are_padded_and_the_longest_prefix_wins() {
        let prefixes = ["trusted.", "trusted.overlay."]
            .map(|text| text.parse::<XattrPrefix>().expect("valid"));
        let mut out = Vec::new();
        push_entry(&mut out, (b"trusted.overlay.opaque", b"y"), &prefixes);
        assert_eq!(out, b"\x06\x81\x01\x00opaquey\0");
        out.clear();
        push_entry(&mut out, (b"user.own", b"X1"), &prefixes);
        assert_eq!(out, b"\x03\x01\x02\x00ownX1\0\0\0");
        assert_eq!(prefix_table(&prefixes), b"\x01\x00\x04\0\x09\x00\x04overlay.\0");
    }
}
