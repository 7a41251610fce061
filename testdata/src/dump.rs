//! An image as text, for people to read and for golden files: a line for each
//! field, in the order of the image.
//!
//! A line is: byte offset, structure, field, value. Data is shown by its first
//! bytes and a digest of all.

use std::fmt::{Display, Write as _};

use crate::digest::Digest;
use crate::entry::{Kind, show};
use crate::num::{le, wide};
use crate::raw::chunk::ChunkMap;
use crate::raw::model::{self, Data, Model, Node};
use crate::raw::superblock::{FIELDS, START};
use crate::raw::xattr::{Attribute, Body};
use crate::raw::zmap::{Place, Zmap};
use crate::raw::{Findings, Image};

/// The dump of an image, with the broken rules, if any, at the end.
#[must_use]
pub fn dump(image: &Image) -> String {
    let mut found = Findings::default();
    let mut dump = Dump { image, lines: Vec::new() };
    if let Some(model) = model::read(image, &mut found) {
        dump.superblock(&model);
        dump.shared(&model);
        for node in model.inodes.values() {
            dump.node(&model, node);
        }
    }
    dump.lines.sort_by_key(|line| line.0);
    // A structure that several inodes share is listed once for each.
    dump.lines.dedup();
    let mut text = String::new();
    for (at, line) in &dump.lines {
        let _ = writeln!(text, "{at:08x}  {line}");
    }
    let _ = writeln!(text, "{:08x}  end", image.len());
    for finding in &found.list {
        let _ = writeln!(text, "BROKEN {finding}");
    }
    for part in &found.not_checked {
        let _ = writeln!(text, "NOT CHECKED {part}");
    }
    text
}

struct Dump<'a> {
    image: &'a Image,
    lines: Vec<(u64, String)>,
}

impl Dump<'_> {
    fn line(&mut self, at: u64, structure: &str, field: &str, value: impl Display) {
        let line = format!("{structure:<10}  {field:<22}  {value}");
        self.lines.push((at, line.trim_end().to_owned()));
    }

    fn superblock(&mut self, model: &Model) {
        let sb = &model.sb;
        for (name, at, _) in FIELDS {
            let value = match *name {
                "epoch" => format!("{}", sb.get(name).cast_signed()),
                "inos" | "build_time" => format!("{}", sb.get(name)),
                _ => format!("{:#x}", sb.get(name)),
            };
            self.line(START + wide(*at), "superblock", name, value);
        }
        self.line(START + 0x30, "superblock", "uuid", hex(sb.uuid()));
        self.line(START + 0x40, "superblock", "volume_name", quoted(sb.label()));
        for config in &model.configs {
            let text = format!("algorithm {}: {}", config.algorithm, hex(&config.payload));
            self.line(config.at, "config", "blob", text);
        }
        for device in &model.devices {
            let text = format!("{} blocks at {}", device.blocks, device.uniaddr);
            self.line(device.at, "device", &quoted(&device.tag), text);
        }
    }

    fn shared(&mut self, model: &Model) {
        for (number, prefix) in model.shared.prefixes.iter().flatten().enumerate() {
            let text = format!("{number}: index {} and {}", prefix.base, quoted(&prefix.infix));
            self.line(prefix.at, "xattr", "prefix", text);
        }
        for (id, attribute) in &model.shared.attributes {
            self.attribute(model, attribute, &format!("shared {id:#x}"));
        }
    }

    fn node(&mut self, model: &Model, node: &Node) {
        let inode = &node.inode;
        let title = format!("nid {}", inode.nid);
        let form = match inode.is_extended() {
            true => "extended",
            false => "compact",
        };
        let text = format!("{} {:?} {form}", show(&node.path), inode.kind);
        self.line(inode.at, &title, "inode", text);
        for (name, at, _) in inode.fields() {
            let value = inode.get(name);
            let value = match *name {
                "i_mode" => format!("{value:#o}"),
                "i_format" | "i_u" => format!("{value:#x}"),
                "i_mtime" => format!("{}", value.cast_signed()),
                _ => format!("{value}"),
            };
            self.line(inode.at + wide(*at), &title, name, value);
        }
        if let Some(body) = &node.xattrs {
            self.xattrs(model, &title, body);
        }
        match &node.data {
            Data::None => {}
            Data::Hole => self.line(inode.end(), &title, "hole", inode.size()),
            Data::Chunks(map) => self.chunks(model, node, &title, map),
            Data::Compressed(map) => self.clusters(&title, map),
            Data::Flat(_) if inode.kind == Kind::Directory => {}
            Data::Flat(runs) => {
                for run in runs {
                    let place = if run.inline { "inline data" } else { "data" };
                    self.data(run.at, run.len, &title, place);
                }
            }
        }
        for entry in &node.dirents {
            let text =
                format!("nid {} nameoff {} type {}", entry.nid, entry.nameoff, entry.file_type);
            let name = quoted(&entry.name);
            self.line(entry.at, &title, "dirent", format!("{text} {name}"));
        }
    }

    fn xattrs(&mut self, model: &Model, title: &str, body: &Body) {
        let filter = format!("{:#010x}", body.filter);
        self.line(body.at, title, "h_name_filter", filter);
        let ids: Vec<_> = body.shared.iter().map(|id| format!("{id:#x}")).collect();
        self.line(body.at + 4, title, "shared ids", format!("[{}]", ids.join(" ")));
        for attribute in &body.inline {
            self.attribute(model, attribute, "inline");
        }
    }

    fn attribute(&mut self, model: &Model, attribute: &Attribute, place: &str) {
        let name = model.shared.full_name(attribute);
        let name = name.map_or_else(|| "?".to_owned(), |name| show(&name));
        let index = attribute.index;
        let text = format!("{name} (index {index}) = {}", bytes(&attribute.value));
        self.line(attribute.at, "xattr", place, text);
    }

    fn chunks(&mut self, model: &Model, node: &Node, title: &str, map: &ChunkMap) {
        let bs = model.sb.block_size();
        for (number, chunk) in map.chunks.iter().enumerate() {
            let at = map.at + map.unit * wide(number);
            let value = match chunk.block {
                None => "hole".to_owned(),
                Some(block) => format!("device {} block {block}", chunk.device),
            };
            self.line(at, title, &format!("chunk {number}"), value);
            let start = map.chunk_size * wide(number);
            if let (Some(block), 0) = (chunk.block, chunk.device) {
                let len = map.chunk_size.min(node.inode.size() - start);
                self.data(block * bs, len, "", "data");
            }
        }
    }

    fn clusters(&mut self, title: &str, map: &Zmap) {
        let text = format!(
            "{} advise {:#x} algorithms {:#x} bits {:#x}",
            hex(&map.header[..4]),
            map.advise(),
            map.header[6],
            map.header[7]
        );
        self.line(map.at, title, "map header", text);
        for extent in &map.extents {
            let range = format!("{}..{}", extent.start, extent.start + extent.len);
            let text = match extent.place {
                Place::Hole => "hole".to_owned(),
                Place::Fragment(from) => format!("fragment from {from}"),
                Place::Stored { at, len, algorithm } => {
                    let how = algorithm.map_or("plain".to_owned(), |a| format!("algorithm {a}"));
                    self.data(at, len, "", "cluster");
                    format!("{at:#x} {len} bytes {how}")
                }
            };
            self.line(map.at + 8, title, &format!("extent {range}"), text);
        }
    }

    fn data(&mut self, at: u64, len: u64, title: &str, place: &str) {
        if len == 0 {
            return;
        }
        let text = match self.image.bytes(at, len) {
            Some(data) => format!("{len} bytes {}", bytes(&data)),
            None => format!("{len} bytes outside"),
        };
        self.line(at, title, place, text);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Text in quotes, without the zeros that fill its field.
fn quoted(bytes: &[u8]) -> String {
    let len = bytes.iter().rposition(|&byte| byte != 0);
    let used = &bytes[..len.map_or(0, |last| last + 1)];
    format!("\"{}\"", used.escape_ascii())
}

/// Short data whole, long data by its start and a digest.
fn bytes(data: &[u8]) -> String {
    if data.len() <= 40 {
        return format!("\"{}\"", data.escape_ascii());
    }
    let digest = Digest::of(data).hash;
    let start = data[..24].escape_ascii();
    format!("\"{start}...\" {:016x}", le(&digest, 0, 8))
}
