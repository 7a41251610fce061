//! Extended attributes: a body after the inode, and shared entries elsewhere.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Entries and the body are padded to this.
pub(crate) const XATTR_ALIGN: u64 = 4;
/// The longest value: `e_value_size` has 16 bits.
pub(crate) const VALUE_MAX: usize = 65_535;
/// The longest name, with its prefix. `e_name_len` has 8 bits for the part after the
/// prefix, but Linux has no way to ask for a longer name (`XATTR_NAME_MAX`).
pub(crate) const NAME_MAX: usize = 255;
/// The longest body: `i_xattr_icount` counts 4-byte words after the header, plus one.
pub(crate) const BODY_MAX: u64 = 12 + 4 * (65_535 - 1);
/// How many shared entries one inode may refer to.
pub(crate) const SHARED_MAX: usize = 255;
/// How many long prefixes an image may have.
pub(crate) const PREFIXES_MAX: usize = 128;
/// Bit 7 of `e_name_index`: the other bits count in the long-prefix table.
pub(crate) const LONG_PREFIX: u8 = 0x80;
/// The seed of the name filter's xxh32, to which the name index is added.
pub(crate) const FILTER_SEED: u32 = 0x25BB_E08F;

#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrIbodyHeader {
    pub(crate) h_name_filter: U32,
    pub(crate) h_shared_count: u8,
    pub(crate) h_reserved2: [u8; 7],
}

const _: () = assert!(size_of::<XattrIbodyHeader>() == 12);

/// A reference to a shared entry, after the header: its place in the image, in words of
/// 4 bytes.
pub(crate) type SharedId = U32;

#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct XattrEntry {
    pub(crate) e_name_len: u8,
    pub(crate) e_name_index: u8,
    pub(crate) e_value_size: U16,
}

const _: () = assert!(size_of::<XattrEntry>() == 4);

/// The start of an entry in the table of long prefixes. The rest of the prefix, after
/// the short one, follows.
#[derive(Debug, Clone, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LongPrefixEntry {
    /// How long the rest of the entry is, without padding.
    pub(crate) size: U16,
    pub(crate) base_index: u8,
}

const _: () = assert!(size_of::<LongPrefixEntry>() == 3);

/// The short prefixes and their `e_name_index`. The two ACLs are whole names.
const NAMESPACES: [(u8, &[u8]); 5] = [
    (1, b"user."),
    (2, b"system.posix_acl_access"),
    (3, b"system.posix_acl_default"),
    (4, b"trusted."),
    (6, b"security."),
];

/// The `e_name_index` of an attribute, and the rest of its name after the prefix.
/// `None` if EROFS has no such namespace.
pub(crate) fn split_name(name: &[u8]) -> Option<(u8, &[u8])> {
    let (index, prefix) = NAMESPACES.iter().find(|(_, prefix)| name.starts_with(prefix))?;
    let suffix = &name[prefix.len()..];
    (prefix.ends_with(b".") || suffix.is_empty()).then_some((*index, suffix))
}

/// The name of an attribute of the namespace `index`: its prefix, then `infix` and
/// `suffix`. `None` if there is no such namespace, or an ACL has more of a name.
#[cfg(feature = "image")]
pub(crate) fn join_name(index: u8, infix: &[u8], suffix: &[u8]) -> Option<Vec<u8>> {
    let (_, prefix) = NAMESPACES.iter().find(|(number, _)| *number == index)?;
    let name = [prefix, infix, suffix].concat();
    (split_name(&name)?.0 == index).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_the_namespaces_of_the_format() {
        assert_eq!(split_name(b"user.a.b"), Some((1, &b"a.b"[..])));
        assert_eq!(split_name(b"system.posix_acl_access"), Some((2, &b""[..])));
        assert_eq!(split_name(b"system.posix_acl_access2"), None);
        assert_eq!(split_name(b"security.capability"), Some((6, &b"capability"[..])));
        assert_eq!(split_name(b"btrfs.compression"), None);
        assert_eq!(split_name(b"user"), None);
    }
}
