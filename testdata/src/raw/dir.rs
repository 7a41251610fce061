//! Directory blocks.

use super::inode::Run;
use super::{Findings, Image, Rule};
use crate::entry::show;
use crate::num::{index, le, wide};

/// Bytes of a directory entry without its name.
pub const DIRENT: usize = 12;

/// A directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirent {
    /// Where it is.
    pub at: u64,
    /// The inode.
    pub nid: u64,
    /// Where the name is in the block.
    pub nameoff: u64,
    /// Type, 1 to 7.
    pub file_type: u8,
    /// Name.
    pub name: Vec<u8>,
}

/// Decodes a directory whose data lies in `runs`.
pub fn read(image: &Image, runs: &[Run], block_size: u64, found: &mut Findings) -> Vec<Dirent> {
    let mut entries: Vec<Dirent> = Vec::new();
    let blocks = blocks(runs, block_size);
    for (number, run) in blocks.iter().enumerate() {
        // Lookup searches the whole block, also beyond the directory's size.
        let len = if run.inline { run.len } else { block_size };
        let Some(block) = image.bytes(run.at, len) else {
            found.add(Rule::OutOfImage, run.at, "directory block");
            return entries;
        };
        let (mut names, used) = read_block(&block, run.at, found);
        check_slack(&block, run.at, used, found);
        if number + 1 == blocks.len() {
            let text = format!("{used} bytes used of {}", run.len);
            found.expect(used == run.len, Rule::DirSize, run.at, text);
        }
        if let (Some(before), Some(first)) = (entries.last(), names.first()) {
            let text = format!("{} before {}", show(&before.name), show(&first.name));
            let good = before.name < first.name;
            found.expect(good, Rule::DirBlockOrder, run.at, text);
        }
        entries.append(&mut names);
    }
    entries
}

/// Cuts runs into blocks.
fn blocks(runs: &[Run], block_size: u64) -> Vec<Run> {
    let cut = |run: &Run| {
        let run = *run;
        (0..run.len.div_ceil(block_size)).map(move |number| Run {
            at: run.at + number * block_size,
            len: block_size.min(run.len - number * block_size),
            ..run
        })
    };
    runs.iter().flat_map(cut).collect()
}

/// Entries of a block, and how many of its bytes they and their names use.
fn read_block(block: &[u8], at: u64, found: &mut Findings) -> (Vec<Dirent>, u64) {
    let mut entries: Vec<Dirent> = Vec::new();
    let table = match block.len() > DIRENT {
        true => index(le(block, 8, 2)),
        false => 0,
    };
    if table == 0 || table % DIRENT != 0 || table >= block.len() {
        found.add(Rule::DirNameOffset, at, format!("first name at {table}"));
        return (entries, wide(block.len()));
    }
    let mut end = table;
    for entry in (0..table).step_by(DIRENT) {
        let here = at + wide(entry);
        let start = index(le(block, entry + 8, 2));
        let next = match entry + DIRENT < table {
            true => index(le(block, entry + DIRENT + 8, 2)),
            false => block.len(),
        };
        if start != end || next < start || next > block.len() {
            found.add(Rule::DirNameOffset, here, format!("name at {start}..{next}"));
            return (entries, wide(block.len()));
        }
        let name = match entry + DIRENT < table {
            true => &block[start..next],
            false => until_nul(&block[start..]),
        };
        end = start + name.len();
        let dirent = Dirent {
            at: here,
            nid: le(block, entry, 8),
            nameoff: wide(start),
            file_type: block[entry + 10],
            name: name.to_vec(),
        };
        found.expect(block[entry + 11] == 0, Rule::Reserved, here + 11, "directory entry");
        check_name(&dirent, entries.last(), found);
        entries.push(dirent);
    }
    (entries, wide(end))
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().position(|&byte| byte == 0);
    &bytes[..len.unwrap_or(bytes.len())]
}

fn check_name(entry: &Dirent, before: Option<&Dirent>, found: &mut Findings) {
    let name = &entry.name;
    let good = (1..=255).contains(&name.len()) && !name.contains(&0) && !name.contains(&b'/');
    found.expect(good, Rule::DirName, entry.at, show(name));
    if let Some(before) = before {
        let text = format!("{} before {}", show(&before.name), show(name));
        found.expect(before.name < *name, Rule::DirOrder, entry.at, text);
    }
}

/// The last name ends at the first NUL: any byte before that is part of it.
fn check_slack(block: &[u8], at: u64, used: u64, found: &mut Findings) {
    let slack = &block[index(used)..];
    if let Some(stray) = slack.iter().position(|&byte| byte != 0) {
        let stray = at + used + wide(stray);
        found.add(Rule::DirSlack, stray, format!("{used} bytes are used"));
    }
}
