//! The whole image: walks the tree from the root.

use std::collections::{BTreeMap, BTreeSet};

use super::chunk::ChunkMap;
use super::decode::PACKED;
use super::dir::Dirent;
use super::inode::{Inode, Run, layout};
use super::space::{Space, Use};
use super::superblock::{Config, Device, START, Superblock, incompat, reads_as_minix};
use super::xattr::{Body, Shared};
use super::zmap::{Place, Zmap};
use super::{Findings, Image, Rule};
use crate::entry::{Kind, show};
use crate::host::join;
use crate::num::{index, le, wide};

/// Paths of inodes that no directory names.
const PACKED_PATH: &[u8] = b"(packed inode)";
const METABOX_PATH: &[u8] = b"(metabox)";

/// Everything decoded.
#[derive(Debug)]
pub struct Model {
    /// Superblock.
    pub sb: Superblock,
    /// Compression configurations.
    pub configs: Vec<Config>,
    /// Device table.
    pub devices: Vec<Device>,
    /// Long prefixes and shared attributes.
    pub shared: Shared,
    /// Inodes by number.
    pub inodes: BTreeMap<u64, Node>,
}

/// An inode and what belongs to it.
#[derive(Debug)]
pub struct Node {
    /// The inode.
    pub inode: Inode,
    /// The first path it was reached by.
    pub path: Vec<u8>,
    /// Directory entries that name it, without `.` and `..`.
    pub names: u64,
    /// Its extended attributes.
    pub xattrs: Option<Body>,
    /// Where its data is.
    pub data: Data,
    /// Entries of a directory.
    pub dirents: Vec<Dirent>,
}

/// Where data is.
#[derive(Debug)]
pub enum Data {
    /// Nowhere.
    None,
    /// In blocks and after the inode.
    Flat(Vec<Run>),
    /// Nowhere, but it reads as zeros.
    Hole,
    /// In chunks.
    Chunks(ChunkMap),
    /// In physical clusters.
    Compressed(Zmap),
}

/// Decodes an image; None if there is no superblock to begin with.
pub fn read(image: &Image, found: &mut Findings) -> Option<Model> {
    let mut space = Space::default();
    let sb = super::superblock::read(image, &mut space, found)?;
    let configs = super::superblock::read_configs(image, &sb, &mut space, found);
    let devices = super::superblock::read_devices(image, &sb, &mut space, found);
    let bytes = |block: u64| block.saturating_mul(sb.block_size());
    let ends = |device: &Device| {
        (bytes(device.uniaddr), bytes(device.uniaddr.saturating_add(device.blocks)))
    };
    space.set_devices(devices.iter().map(ends).collect());
    let prefixes = super::xattr::read_prefixes(image, &sb, &mut space, found);
    let mut walker = Walker {
        image,
        space,
        model: Model {
            sb,
            configs,
            devices,
            shared: Shared { prefixes, attributes: BTreeMap::new() },
            inodes: BTreeMap::new(),
        },
        found,
    };
    walker.walk();
    let Walker { model, space, .. } = walker;
    check_links(&model, found);
    let maps = model.inodes.values().filter_map(|node| match &node.data {
        Data::Compressed(map) => Some(map),
        _ => None,
    });
    super::zmap::check_shared(maps, found);
    check_fragments(&model, found);
    check_features(&model, found);
    if found.not_checked.is_empty() {
        check_counts(&model, found);
        let metabox = model.inodes.values().find(|node| node.path == METABOX_PATH);
        space.check(image, metabox.map(|node| node.inode.size()), found);
    }
    Some(model)
}

struct Walker<'a> {
    image: &'a Image,
    space: Space,
    model: Model,
    found: &'a mut Findings,
}

/// A directory entry yet to be followed.
struct Step {
    nid: u64,
    path: Vec<u8>,
    /// The directory that names it; its own number for the root.
    parent: u64,
    /// Where the directory entry is, and the type it gives.
    entry: Option<(u64, u8)>,
}

impl Walker<'_> {
    fn walk(&mut self) {
        let root = self.model.sb.root_nid();
        let step = |nid, path: &[u8]| Step { nid, path: path.to_vec(), parent: nid, entry: None };
        let mut steps = vec![step(root, b"/")];
        let packed = self.model.sb.get("packed_nid");
        if packed != 0 {
            steps.push(step(packed, PACKED_PATH));
        }
        if self.model.sb.incompat(incompat::METABOX) {
            let nid = self.image.bytes(START + 0x80, 8).map_or(0, |bytes| le(&bytes, 0, 8));
            steps.push(step(nid, METABOX_PATH));
        }
        while let Some(step) = steps.pop() {
            steps.extend(self.step(&step).into_iter().rev());
        }
        let is_dir = |node: &Node| node.inode.kind == Kind::Directory;
        let good = self.model.inodes.get(&root).is_some_and(is_dir);
        self.found.expect(good, Rule::Superblock, START + 0x0e, "root is no directory");
    }

    /// Reads the inode if it is new. Returns a directory's children.
    fn step(&mut self, step: &Step) -> Vec<Step> {
        let is_new = !self.model.inodes.contains_key(&step.nid);
        if is_new {
            let Some(node) = self.read_node(step) else {
                return Vec::new();
            };
            self.see(&node);
            self.model.inodes.insert(step.nid, node);
        }
        let Some(node) = self.model.inodes.get_mut(&step.nid) else {
            return Vec::new();
        };
        if let Some((at, file_type)) = step.entry {
            node.names += 1;
            let good = file_type == type_of(node.inode.kind);
            let text = format!("{}: type {file_type}", show(&step.path));
            self.found.expect(good, Rule::DirType, at, text);
        }
        if node.inode.kind != Kind::Directory {
            return Vec::new();
        }
        if !is_new {
            let at = step.entry.map_or(0, |(at, _)| at);
            self.found.add(Rule::DirCycle, at, show(&step.path));
            return Vec::new();
        }
        let steps = children(node, step);
        check_dots(node, step, self.found);
        steps
    }

    /// Decodes the metabox when it is read.
    fn see(&mut self, node: &Node) {
        if node.path != METABOX_PATH {
            return;
        }
        let decoded = match &node.data {
            Data::Compressed(map) => {
                super::decode::decode(self.image, map, self.model.sb.block_size())
            }
            Data::Flat(runs) => runs
                .iter()
                .map(|run| self.image.bytes(run.at, run.len))
                .collect::<Option<Vec<_>>>()
                .map(|runs| runs.concat()),
            _ => None,
        };
        match decoded {
            Some(bytes) => drop(self.image.metabox.set(bytes)),
            None => self.found.add(Rule::ZExtents, node.inode.at, "the metabox"),
        }
    }

    /// The entries of a directory that is a fragment.
    fn read_packed_dir(&mut self, inode: &Inode, map: &Zmap) -> Vec<Dirent> {
        let packed = self.model.inodes.get(&self.model.sb.get("packed_nid"));
        let Some((Data::Compressed(all), [extent])) =
            packed.map(|node| &node.data).zip(Some(&map.extents[..]))
        else {
            self.found.not_checked.push(format!("nid {}: directory layout", inode.nid));
            return Vec::new();
        };
        let Place::Fragment(at) = extent.place else {
            self.found.not_checked.push(format!("nid {}: directory layout", inode.nid));
            return Vec::new();
        };
        if self.image.packed.get().is_none() {
            match super::decode::decode(self.image, all, self.model.sb.block_size()) {
                Some(bytes) => drop(self.image.packed.set(bytes)),
                None => self.found.add(Rule::ZExtents, all.at, "the packed inode"),
            }
        }
        // What follows is no part of it.
        let run = Run { at: PACKED + at, len: inode.size(), inline: true };
        super::dir::read(self.image, &[run], self.model.sb.block_size(), self.found)
    }

    fn read_node(&mut self, step: &Step) -> Option<Node> {
        let (image, found, space) = (self.image, &mut *self.found, &mut self.space);
        let model = &mut self.model;
        space.begin(step.nid);
        let inode = super::inode::read(image, &model.sb, step.nid, space, found)?;
        let xattrs = super::xattr::read(image, &model.sb, &inode, &mut model.shared, space, found);
        let data = read_data(image, model, &inode, space, found);
        let mut dirents = Vec::new();
        match (inode.kind, &data) {
            (Kind::Directory, Data::Flat(runs)) => {
                dirents = super::dir::read(image, runs, model.sb.block_size(), found);
            }
            (Kind::Directory, Data::None) => {}
            (Kind::Directory, Data::Compressed(map)) => {
                dirents = self.read_packed_dir(&inode, map);
            }
            (Kind::Directory, _) => {
                found.not_checked.push(format!("{}: directory layout", show(&step.path)));
            }
            (Kind::Symlink, Data::Flat(runs)) => check_target(image, &inode, runs, found),
            _ => {}
        }
        Some(Node { inode, path: step.path.clone(), names: 0, xattrs, data, dirents })
    }
}

fn read_data(
    image: &Image,
    model: &Model,
    inode: &Inode,
    space: &mut Space,
    found: &mut Findings,
) -> Data {
    let sb = &model.sb;
    if !matches!(inode.kind, Kind::Regular | Kind::Directory | Kind::Symlink) {
        return Data::None;
    }
    match inode.layout() {
        layout::FLAT_PLAIN | layout::FLAT_INLINE => {
            let Some(runs) = super::inode::flat(inode, sb, found) else {
                return Data::Hole;
            };
            for run in &runs {
                let (kind, owner) = match run.inline {
                    true => (Use::Meta, "inline tail"),
                    false => (Use::Data, "data"),
                };
                space.claim(run.at, run.len, kind, owner);
            }
            Data::Flat(runs)
        }
        layout::CHUNK_BASED => super::chunk::read(image, sb, &model.devices, inode, space, found)
            .map_or(Data::None, Data::Chunks),
        layout::COMPRESSED_FULL | layout::COMPRESSED_COMPACT => {
            super::zmap::read(image, sb, &model.configs, inode, space, found)
                .map_or(Data::None, Data::Compressed)
        }
        _ => Data::None,
    }
}

fn type_of(kind: Kind) -> u8 {
    match kind {
        Kind::Regular => 1,
        Kind::Directory => 2,
        Kind::CharDevice => 3,
        Kind::BlockDevice => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink => 7,
    }
}

fn is_dot(name: &[u8]) -> bool {
    name == b"." || name == b".."
}

fn children(node: &Node, step: &Step) -> Vec<Step> {
    let entries = node.dirents.iter().filter(|entry| !is_dot(&entry.name));
    entries
        .map(|entry| Step {
            nid: entry.nid,
            path: join(&step.path, &entry.name),
            parent: step.nid,
            entry: Some((entry.at, entry.file_type)),
        })
        .collect()
}

fn check_dots(node: &Node, step: &Step, found: &mut Findings) {
    if !matches!(node.data, Data::Flat(_) | Data::Compressed(_)) {
        return;
    }
    for (name, nid) in [(&b"."[..], step.nid), (b"..", step.parent)] {
        let named: Vec<_> = node.dirents.iter().filter(|e| e.name == name).collect();
        let omitted = name == b"." && node.inode.bit4();
        let good = match named[..] {
            [] => omitted,
            [entry] => !omitted && entry.nid == nid && entry.file_type == 2,
            _ => false,
        };
        let text = format!("{} in {}: {named:?}", show(name), show(&step.path));
        found.expect(good, Rule::DirDots, node.inode.at, text);
    }
}

fn check_target(image: &Image, inode: &Inode, runs: &[Run], found: &mut Findings) {
    for run in runs {
        let Some(bytes) = image.bytes(run.at, run.len) else {
            found.add(Rule::OutOfImage, run.at, "symlink target");
            return;
        };
        let good = !bytes.contains(&0);
        let text = format!("nid {}: NUL in the target", inode.nid);
        found.expect(good, Rule::InodeField, run.at, text);
    }
}

fn check_links(model: &Model, found: &mut Findings) {
    for node in model.inodes.values() {
        if node.path == PACKED_PATH || node.path == METABOX_PATH {
            continue;
        }
        let inode = &node.inode;
        let subdirs = node.dirents.iter().filter(|entry| {
            let is_dir = |node: &Node| node.inode.kind == Kind::Directory;
            !is_dot(&entry.name) && model.inodes.get(&entry.nid).is_some_and(is_dir)
        });
        let wanted = match inode.kind {
            Kind::Directory => 2 + wide(subdirs.count()),
            _ => node.names,
        };
        // A compact inode has no room for more than 65535 links, and "1" is
        // how a directory says that it does not count them.
        let uncounted = inode.kind == Kind::Directory && wanted > 0xffff && inode.nlink() == 1;
        let text = format!("{}: {}, but should be {wanted}", show(&node.path), inode.nlink());
        let good = inode.nlink() == wanted || uncounted;
        found.expect(good, Rule::Nlink, inode.at, text);
    }
}

fn check_fragments(model: &Model, found: &mut Findings) {
    let packed = model.inodes.get(&model.sb.get("packed_nid"));
    let room = packed.map_or(0, |node| node.inode.size());
    for node in model.inodes.values() {
        let Data::Compressed(map) = &node.data else {
            continue;
        };
        for extent in &map.extents {
            let Place::Fragment(at) = extent.place else {
                continue;
            };
            let good = at.checked_add(extent.len).is_some_and(|end| end <= room);
            let text = format!("{}: {extent:?} of {room}", show(&node.path));
            found.expect(good, Rule::ZExtents, map.at, text);
        }
    }
}

/// A feature bit that nothing needs excludes old kernels without a reason.
fn check_features(model: &Model, found: &mut Findings) {
    let any = |test: fn(&Data) -> bool| model.inodes.values().any(|node| test(&node.data));
    let compressed = any(|data| matches!(data, Data::Compressed(_)));
    let chunked = any(|data| matches!(data, Data::Chunks(_)));
    let boxed = model.inodes.keys().any(|nid| nid >> 63 != 0);
    let complete = found.not_checked.is_empty();
    for (name, bit, used) in [
        ("LZ4_0PADDING", incompat::LZ4_0PADDING, compressed),
        ("COMPR_CFGS", incompat::COMPR_CFGS, compressed),
        ("CHUNKED_FILE", incompat::CHUNKED_FILE, chunked),
        ("ZTAILPACKING", incompat::ZTAILPACKING, compressed),
        ("FRAGMENTS", incompat::FRAGMENTS, compressed),
        ("METABOX", incompat::METABOX, boxed),
        ("DEVICE_TABLE", incompat::DEVICE_TABLE, compressed || !model.devices.is_empty()),
    ] {
        let good = used || !complete || !model.sb.incompat(bit);
        found.expect(good, Rule::UnneededFeature, START + 0x50, name);
    }
    let good = compressed || !complete || model.sb.get("u1") == 0;
    found.expect(good, Rule::UnneededFeature, START + 0x54, "u1");
}

fn check_counts(model: &Model, found: &mut Findings) {
    let count = wide(model.inodes.len());
    let inos = model.sb.get("inos");
    let text = format!("inos {inos}, but {count} inodes");
    // One more is right where the count would be mistaken for a minix magic.
    let good = inos == count || (inos == count + 1 && reads_as_minix(count));
    found.expect(good, Rule::InodeCount, START + 0x10, text);
    let mut serials = BTreeSet::new();
    for node in model.inodes.values() {
        let serial = node.inode.get("i_ino");
        if serial == 0 && node.inode.nid >> 63 != 0 {
            continue;
        }
        let text = format!("{}: i_ino {serial}", show(&node.path));
        found.expect(serials.insert(serial), Rule::InodeSerial, node.inode.at, text);
    }
}

impl Model {
    /// Target of a symlink.
    #[must_use]
    pub fn target(&self, image: &Image, node: &Node) -> Vec<u8> {
        let Data::Flat(runs) = &node.data else {
            return Vec::new();
        };
        let bytes = runs.iter().filter_map(|run| image.bytes(run.at, run.len));
        let mut target = bytes.flatten().collect::<Vec<_>>();
        target.truncate(index(node.inode.size()));
        target
    }
}
