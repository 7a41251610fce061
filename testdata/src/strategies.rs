//! Strategies of `proptest`: arbitrary trees and arbitrary options.
//!
//! A tree is drawn as a [`TreeSpec`], plain data that shrinks well and prints
//! short, and built from it. Contents come from a small pool so that files
//! repeat, and sizes lie mostly at boundaries.

mod settings;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use erofs_writer::{Content, InodeId, Metadata, Node, Rdev, Timestamp, Tree};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub use settings::{Settings, options};

use crate::entry::show;
use crate::trees::{mixed, noise, text};

/// The features that the trees may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything that the format has.
    Format,
    /// The features that the kernel shows unchanged and that a file system of a host can hold.
    Host,
}

/// A tree to be built.
#[derive(Clone)]
pub struct TreeSpec {
    /// Metadata of the root.
    pub root: Metadata,
    /// Everything else. A node whose name is taken is left out.
    pub nodes: Vec<NodeSpec>,
}

/// A name of a tree.
#[derive(Clone)]
pub struct NodeSpec {
    /// Which of the directories before it is its parent.
    pub parent: usize,
    /// Its name.
    pub name: Vec<u8>,
    /// Its metadata.
    pub metadata: Metadata,
    /// Its kind.
    pub kind: KindSpec,
}

impl fmt::Debug for TreeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "root {}", Shown(&self.root))?;
        self.nodes.iter().try_for_each(|node| write!(f, "\n{node:?}"))
    }
}

impl fmt::Debug for NodeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parent, name, metadata, kind } = self;
        write!(f, "in {parent} {:?} {} ", show(name), Shown(metadata))?;
        match kind {
            KindSpec::Symlink(target) => write!(f, "link of {} bytes", target.len()),
            kind => write!(f, "{kind:?}"),
        }
    }
}

/// Metadata in short: values of attributes by their lengths.
struct Shown<'a>(&'a Metadata);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metadata { mode, uid, gid, mtime, xattrs, .. } = self.0;
        write!(f, "{mode:o} {uid}:{gid} {}.{}", mtime.sec, mtime.nsec)?;
        xattrs.iter().try_for_each(|(name, value)| write!(f, " {}={}", show(name), value.len()))
    }
}

/// A kind of inode.
#[derive(Clone, Debug)]
pub enum KindSpec {
    /// A directory.
    Directory,
    /// A file.
    File(ContentSpec),
    /// A file with the content of one before it.
    SameAs(usize),
    /// A further name of an inode before it.
    HardLink(usize),
    /// A symlink.
    Symlink(Vec<u8>),
    /// A device.
    Device(bool, u32, u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentSpec {
    /// Which of a few patterns; 0 is zeros.
    pub pattern: u8,
    /// Length in bytes.
    pub len: usize,
    /// Starts and ends of zeros, in 64ths of the length.
    pub zeros: Vec<(usize, usize)>,
}

impl ContentSpec {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = match self.pattern {
            0 => vec![0; self.len],
            3 | 4 => text(self.pattern.into(), self.len),
            5 => mixed(self.pattern.into(), self.len),
            pattern => noise(pattern.into(), self.len),
        };
        for &(start, end) in &self.zeros {
            let at = |part: usize| part.min(64) * self.len / 64;
            if start < end {
                bytes[at(start)..at(end)].fill(0);
            }
        }
        bytes
    }
}

impl TreeSpec {
    /// Builds the tree.
    #[must_use]
    pub fn build(&self) -> Tree {
        let mut tree = Tree::new(self.root.clone());
        let mut made = Made { dirs: vec![Vec::new()], ..Made::default() };
        for spec in &self.nodes {
            made.add(&mut tree, spec);
        }
        tree
    }
}

/// The nodes of a tree so far.
#[derive(Default)]
struct Made {
    dirs: Vec<Vec<u8>>,
    files: Vec<Content>,
    inodes: Vec<InodeId>,
}

/// Below this, paths of the longest names stay under the limit of Linux.
const DEPTH: usize = 8;

impl Made {
    fn add(&mut self, tree: &mut Tree, spec: &NodeSpec) {
        let mut path = self.dirs[spec.parent % self.dirs.len()].clone();
        path.push(b'/');
        path.extend_from_slice(&spec.name);
        let node = match &spec.kind {
            KindSpec::Directory => Node::Directory,
            KindSpec::File(content) => {
                Node::File(Content::from_bytes(Arc::<[u8]>::from(content.bytes())))
            }
            KindSpec::SameAs(number) if !self.files.is_empty() => {
                Node::File(self.files[number % self.files.len()].clone())
            }
            KindSpec::HardLink(number) if !self.inodes.is_empty() => {
                let target = self.inodes[number % self.inodes.len()];
                // A taken name is no fault of the tree.
                drop(tree.hard_link(&path, target));
                return;
            }
            KindSpec::SameAs(_) | KindSpec::HardLink(_) | KindSpec::Fifo => Node::Fifo,
            KindSpec::Symlink(target) => Node::Symlink(target.clone()),
            KindSpec::Device(true, major, minor) => {
                Node::CharDevice(Rdev { major: *major, minor: *minor })
            }
            KindSpec::Device(false, major, minor) => {
                Node::BlockDevice(Rdev { major: *major, minor: *minor })
            }
            KindSpec::Socket => Node::Socket,
        };
        let mut metadata = spec.metadata.clone();
        if !matches!(node, Node::File(_) | Node::Directory) {
            // The kernel shows them on files and directories only.
            metadata.xattrs.retain(|name, _| !name.starts_with(b"user."));
        }
        let Ok(id) = tree.insert(&path, metadata, node.clone()) else {
            return;
        };
        match node {
            Node::Directory if path.iter().filter(|byte| **byte == b'/').count() < DEPTH => {
                self.dirs.push(path);
            }
            Node::Directory => {}
            Node::File(content) => {
                self.files.push(content);
                self.inodes.push(id);
            }
            _ => self.inodes.push(id),
        }
    }
}

/// Arbitrary trees.
pub fn tree(scope: Scope) -> impl Strategy<Value = TreeSpec> {
    let count = prop_oneof![4 => 0..12_usize, 3 => 12..60_usize, 1 => 60..250_usize];
    let nodes = count.prop_flat_map(move |count| vec(node(scope), count));
    (metadata(scope), nodes).prop_map(|(root, nodes)| TreeSpec { root, nodes })
}

fn node(scope: Scope) -> impl Strategy<Value = NodeSpec> {
    let parts = (any::<u8>(), name(), metadata(scope), kind());
    parts.prop_map(|(parent, name, metadata, kind)| NodeSpec {
        parent: parent.into(),
        name,
        metadata,
        kind,
    })
}

/// Names of arbitrary bytes, many of them short and so equal or prefixes of
/// each other.
pub fn name() -> impl Strategy<Value = Vec<u8>> {
    let odd = select(b"\x01 -.ab\x7f\x80\xff".to_vec());
    let any_byte = any::<u8>().prop_filter("no separator", |byte| !matches!(byte, 0 | b'/'));
    let name = prop_oneof![
        4 => vec(odd.clone(), 1..4),
        4 => "[a-z]{1,12}".prop_map(String::into_bytes),
        2 => vec(any_byte, 1..=255),
        1 => vec(odd, 250..=255),
        1 => (any::<u8>(), 100..=255_usize).prop_map(|(number, len)| {
            let mut name = format!("n{number:03}").into_bytes();
            name.resize(len, b'x');
            name
        }),
    ];
    name.prop_filter("dots have a meaning", |name| name != b"." && name != b"..")
}

fn kind() -> impl Strategy<Value = KindSpec> {
    let limit = |bits: u32| {
        let most = (1_u32 << bits) - 1;
        prop_oneof![select(vec![0, 1, 255, 256, most]), 0..=most]
    };
    prop_oneof![
        6 => Just(KindSpec::Directory),
        12 => content().prop_map(KindSpec::File),
        6 => any::<u8>().prop_map(|number| KindSpec::SameAs(number.into())),
        3 => any::<u8>().prop_map(|number| KindSpec::HardLink(number.into())),
        4 => target().prop_map(KindSpec::Symlink),
        2 => (any::<bool>(), limit(12), limit(20))
            .prop_map(|(char, major, minor)| KindSpec::Device(char, major, minor)),
        1 => Just(KindSpec::Fifo),
        1 => Just(KindSpec::Socket),
    ]
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        4 => 1..40_usize,
        1 => select(vec![447, 448, 479, 480, 481, 511, 512, 513, 4031, 4032, 4063, 4064, 4095]),
    ];
    (len, 1..=255_u8).prop_map(|(len, byte)| vec![byte; len])
}

/// Contents of a few patterns and mostly of boundary sizes.
pub fn content() -> impl Strategy<Value = ContentSpec> {
    let small = (0..6_u8, size()).prop_map(|(pattern, len)| ContentSpec {
        pattern,
        len,
        zeros: Vec::new(),
    });
    // Holes are looked for from 1 MiB on.
    let large = (0..3_u8, 0..4_usize, vec((0..64_usize, 0..=64_usize), 0..4)).prop_map(
        |(pattern, extra, zeros)| {
            let len = (1 << 20) + [0, 1, 70_000, 300_000][extra];
            ContentSpec { pattern, len, zeros }
        },
    );
    prop_oneof![60 => small, 1 => large]
}

fn size() -> impl Strategy<Value = usize> {
    let mut edges = BTreeSet::from([0, 1, 31, 32, 33, 100]);
    for block in [512, 1024, 2048, 4096, 16_384] {
        for edge in [block - 64, block - 32, block, 2 * block, 3 * block] {
            edges.extend(edge - 1..=edge + 1);
        }
    }
    let edges: Vec<usize> = edges.into_iter().collect();
    prop_oneof![
        8 => select(edges),
        4 => 0..300_usize,
        2 => 0..20_000_usize,
        1 => select(vec![65_471, 65_472, 65_504, 65_535, 65_536, 65_537, 131_072]),
    ]
}

/// Metadata with few different owners and times, as trees have them.
fn metadata(scope: Scope) -> impl Strategy<Value = Metadata> {
    let largest = if scope == Scope::Format { u32::MAX } else { u32::MAX - 1 };
    let owner = || {
        prop_oneof![
            10 => Just(0_u32),
            2 => select(vec![1000, 65_535, 65_536, largest]),
            1 => 0..=largest,
        ]
    };
    (0..=0o7777_u16, owner(), owner(), time(scope), xattrs(scope)).prop_map(
        |(mode, uid, gid, mtime, xattrs)| {
            let xattrs = xattrs.into_iter().collect();
            Metadata::new(mode).with_owner(uid, gid).with_mtime(mtime).with_xattrs(xattrs)
        },
    )
}

fn time(scope: Scope) -> impl Strategy<Value = Timestamp> {
    // ext4 keeps times from 1901 to 2446.
    let (first, last) = match scope {
        Scope::Format => (i64::MIN, i64::MAX),
        Scope::Host => (-2_147_483_648, 15_032_385_535),
    };
    let nsec = || prop_oneof![3 => Just(0_u32), 1 => 0..1_000_000_000_u32];
    prop_oneof![
        10 => Just(Timestamp::from_sec(1)),
        2 => (-2..3_i64, nsec()).prop_map(|(sec, nsec)| Timestamp { sec, nsec }),
        1 => (first..=last, nsec()).prop_map(|(sec, nsec)| Timestamp { sec, nsec }),
    ]
}

/// Few different pairs, so that some are shared. With [`Scope::Host`] their
/// sum stays under the block that ext4 has for them.
fn xattrs(scope: Scope) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let mut names: Vec<Vec<u8>> = [
        "user.a",
        "user.common",
        "user.common.more",
        "trusted.overlay.opaque",
        "trusted.overlay.x",
        "trusted.t",
        "security.test",
    ]
    .map(|name| name.as_bytes().to_vec())
    .into();
    names.push([&b"user."[..], &[b'n'; 250]].concat());
    let mut values = vec![Vec::new(), b"y".to_vec(), vec![b'v'; 20], noise(8, 301)];
    if scope == Scope::Format {
        names.push(b"user.\x01\xff".to_vec());
        values.extend([noise(9, 5000), noise(10, 40_000)]);
    }
    let pair = (select(names), select(values));
    prop_oneof![8 => Just(Vec::new()), 3 => vec(pair, 1..6)]
}
