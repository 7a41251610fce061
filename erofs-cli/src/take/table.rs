//! What fills an image, by the entries of its root.

use std::cmp::Reverse;
use std::io::{self, Write};

use erofs_writer::source::ImageUsage;
use erofs_writer::{EntrySize, Shown};
use serde_json::{Map, Value, json};

use super::lines::add_bytes;
use crate::report::escaped;

/// The largest entry first, those of a size in the order of names.
fn sorted(usage: &ImageUsage) -> Vec<&EntrySize> {
    let mut entries: Vec<&EntrySize> = usage.entries.iter().collect();
    entries.sort_by_key(|entry| Reverse(entry.bytes_out));
    entries
}

/// What no entry takes.
fn rest(usage: &ImageUsage) -> u64 {
    let all = usage.entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.bytes_out));
    usage.bytes.saturating_sub(all)
}

/// Writes it as text, or as one JSON object.
pub(super) fn write(out: &mut impl Write, usage: &ImageUsage, is_json: bool) -> io::Result<()> {
    if is_json {
        return json(out, usage);
    }
    writeln!(out, "{:>14} {:>14}  entry", "bytes", "stored")?;
    for EntrySize { name, bytes_in, bytes_out, .. } in sorted(usage) {
        writeln!(out, "{bytes_in:>14} {bytes_out:>14}  {}", Shown::bytes(name))?;
    }
    let rest = rest(usage);
    writeln!(out, "{:>14} {rest:>14}  (the root, tables and padding)", 0)?;
    writeln!(out, "{:>14} {:>14}  (all)", usage.bytes_in, usage.bytes)?;
    if usage.packed_bytes > 0 {
        let (bytes, stored) = (usage.packed_bytes, usage.packed_stored_bytes);
        writeln!(out, "{bytes:>14} {stored:>14}  (of the entries, in the packed inode)")?;
    }
    Ok(())
}

fn json(out: &mut impl Write, usage: &ImageUsage) -> io::Result<()> {
    let entry = |entry: &EntrySize| {
        let mut object = Map::new();
        add_bytes(&mut object, "name", &entry.name);
        object.insert("bytes_in".to_owned(), entry.bytes_in.into());
        object.insert("bytes_out".to_owned(), entry.bytes_out.into());
        Value::Object(object)
    };
    let entries: Vec<Value> = sorted(usage).into_iter().map(entry).collect();
    let inodes = usage.inodes;
    let object = json!({
        "bytes": usage.bytes,
        "bytes_in": usage.bytes_in,
        "inodes": {
            "total": inodes.total(),
            "directories": inodes.directories,
            "files": inodes.files,
            "symlinks": inodes.symlinks,
            "others": inodes.others,
        },
        "entries": entries,
        "rest_bytes": rest(usage),
        "packed_bytes": usage.packed_bytes,
        "packed_stored_bytes": usage.packed_stored_bytes,
    });
    writeln!(out, "{}", escaped(&object.to_string()))
}
