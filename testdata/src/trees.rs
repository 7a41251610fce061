//! Trees at the boundaries of the format, each a function. [`CASES`] lists
//! them for tests that go through all.

mod dirs;
mod files;
mod host;
mod inodes;
mod near;
mod sharing;
mod xattrs;

use erofs_writer::{Content, InodeId, Metadata, Node, Rdev, Tree};

pub use dirs::{block_fills, deep, few_names, many_names, odd_names};
pub use files::{file_sizes, symlink_sizes, zero_runs};
pub use host::{huge_with_data_at_both_ends, sparse_file, sparse_tebibyte};
pub use inodes::{
    different_times, equal_times, extreme_times, file_types, hard_links, many_hard_links,
    owner_without_number, owners,
};
pub use near::{BYTES, Bytes, NEAR, Near, near, near_files};
pub use sharing::{identical_files, identical_with_other_heads};
pub use xattrs::{
    acl, large_xattr_bodies, many_shared_xattrs, root_xattrs, shared_xattrs, xattr_namespaces,
    xattr_values,
};

/// Block sizes whose boundaries the trees have.
pub const BLOCK_SIZES: [usize; 5] = [512, 1024, 2048, 4096, 65_536];

/// A tree, and what must be known to judge an image of it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Name for messages.
    pub name: &'static str,
    /// Makes the tree.
    pub tree: fn() -> Tree,
    /// Whether an ordinary file system can hold the tree, so that
    /// `fsck.erofs` can extract an image of it.
    pub extract: bool,
    /// Whether it has so many inodes or bytes that it must not go through
    /// every oracle with all options.
    pub large: bool,
}

const fn case(name: &'static str, tree: fn() -> Tree) -> Case {
    Case { name, tree, extract: true, large: false }
}

/// All trees but those that need a host directory or an owner that the kernel
/// cannot show.
pub const CASES: &[Case] = &[
    case("file_sizes", file_sizes),
    case("symlink_sizes", symlink_sizes),
    case("zero_runs", zero_runs),
    case("few_names", few_names),
    case("block_fills", block_fills),
    case("odd_names", odd_names),
    case("deep", deep),
    Case { large: true, ..case("many_names", many_names) },
    case("file_types", file_types),
    case("owners", owners),
    case("equal_times", equal_times),
    case("different_times", different_times),
    // File systems of hosts know fewer times.
    Case { extract: false, ..case("extreme_times", extreme_times) },
    case("hard_links", hard_links),
    // ext4 has at most 65,000 links.
    Case { extract: false, large: true, ..case("many_hard_links", many_hard_links) },
    case("xattr_namespaces", xattr_namespaces),
    case("acl", acl),
    // ext4 has at most a block of attributes.
    Case { extract: false, ..case("xattr_values", xattr_values) },
    Case { extract: false, ..case("large_xattr_bodies", large_xattr_bodies) },
    case("shared_xattrs", shared_xattrs),
    Case { extract: false, ..case("many_shared_xattrs", many_shared_xattrs) },
    case("root_xattrs", root_xattrs),
    case("identical_files", identical_files),
    case("identical_with_other_heads", identical_with_other_heads),
];

/// Bytes that repeat nowhere, the same for the same seed.
#[must_use]
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Bytes that can be compressed as text can, the same for the same seed.
#[must_use]
pub fn text(seed: u64, len: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the ",
        "of ",
        "inode ",
        "block ",
        "is\n",
        "a ",
        "extent",
        "superblock ",
        "0x",
        "};\n",
        "        ",
        "return ",
        "and ",
        "directory ",
        "fn ",
        "----------------\n",
    ];
    let mut bytes = Vec::with_capacity(len + 32);
    let mut choices = noise(seed, len / 2 + 16).into_iter();
    while bytes.len() < len {
        let choice = choices.next().unwrap_or_default();
        bytes.extend_from_slice(WORDS[usize::from(choice % 16)].as_bytes());
        // Some bytes that no match has.
        if choice >= 224 {
            bytes.extend(choices.next());
        }
    }
    bytes.truncate(len);
    bytes
}

/// Text with parts that cannot be compressed.
#[must_use]
pub fn mixed(seed: u64, len: usize) -> Vec<u8> {
    let (text, noise) = (text(seed, len), noise(seed + 1, len));
    let part = |at: usize| (at / 5000 + at / 17_000) % 3;
    (0..len).map(|at| if part(at) == 1 { noise[at] } else { text[at] }).collect()
}

/// Puts a tree together from what is known to be valid.
#[derive(Debug)]
pub struct Builder(Tree);

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Of an empty root.
    #[must_use]
    pub fn new() -> Self {
        Self(Tree::new(Metadata::new(0o755)))
    }

    /// Inserts anything.
    ///
    /// # Panics
    ///
    /// If that is impossible, as all methods do.
    pub fn node(&mut self, path: impl AsRef<[u8]>, metadata: Metadata, node: Node) -> InodeId {
        let path = path.as_ref();
        let inserted = self.0.insert(path, metadata, node);
        inserted.unwrap_or_else(|error| panic!("{}: {error}", path.escape_ascii()))
    }

    /// Inserts a directory.
    pub fn dir(&mut self, path: impl AsRef<[u8]>) -> InodeId {
        self.node(path, Metadata::new(0o755), Node::Directory)
    }

    /// Inserts a file.
    pub fn file(&mut self, path: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> InodeId {
        self.file_with(path, Metadata::new(0o644), bytes)
    }

    /// Inserts a file with metadata.
    pub fn file_with(
        &mut self,
        path: impl AsRef<[u8]>,
        metadata: Metadata,
        bytes: impl Into<Vec<u8>>,
    ) -> InodeId {
        self.node(path, metadata, Node::File(Content::from_bytes(bytes.into())))
    }

    /// Inserts a symlink.
    pub fn symlink(&mut self, path: impl AsRef<[u8]>, target: impl Into<Vec<u8>>) -> InodeId {
        self.node(path, Metadata::new(0o777), Node::Symlink(target.into()))
    }

    /// Inserts a character device.
    pub fn device(&mut self, path: impl AsRef<[u8]>, major: u32, minor: u32) -> InodeId {
        self.node(path, Metadata::new(0o600), Node::CharDevice(Rdev { major, minor }))
    }

    /// Inserts a further name.
    ///
    /// # Panics
    ///
    /// If that is impossible.
    pub fn link(&mut self, path: impl AsRef<[u8]>, target: InodeId) {
        self.0.hard_link(path, target).unwrap();
    }

    /// The tree so far.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.0
    }

    /// The tree.
    #[must_use]
    pub fn done(self) -> Tree {
        self.0
    }
}

/// Puts the trees side by side into one, each below a directory of its name.
#[must_use]
pub fn merged(cases: &[Case]) -> Tree {
    let mut all = Builder::new();
    for case in cases {
        let tree = (case.tree)();
        let mut known = std::collections::BTreeMap::new();
        for entry in tree.walk() {
            let path = [b"/", case.name.as_bytes(), entry.path()].concat();
            if let Some(id) = known.get(&entry.id()) {
                all.link(path, *id);
            } else {
                let id = all.node(path, entry.metadata().clone(), entry.node());
                known.insert(entry.id(), id);
            }
        }
    }
    all.done()
}
