//! Directories: how names fill blocks, and how they sort.

use erofs_writer::{Metadata, Node, Tree};

use super::{BLOCK_SIZES, Builder};

/// Directories of no, one and two entries.
#[must_use]
pub fn few_names() -> Tree {
    let mut tree = Builder::new();
    tree.dir("0");
    tree.dir("1");
    tree.file("1/a", "");
    tree.dir("2");
    tree.file("2/a", "");
    tree.dir("2/b");
    tree.dir("long");
    tree.file([&b"long/"[..], &[b'n'; 255]].concat(), "255");
    tree.done()
}

/// Directories whose last block is full, one byte short of that, or one byte
/// over it, for each block size, and with one and two blocks.
#[must_use]
pub fn block_fills() -> Tree {
    let mut tree = Builder::new();
    for block in BLOCK_SIZES {
        for blocks in [1, 2] {
            for (name, spare) in [("less", 1), ("full", 0), ("more", usize::MAX)] {
                let dir = format!("{block} {blocks} {name}");
                tree.dir(&dir);
                fill(&mut tree, &dir, block, blocks, spare);
            }
        }
    }
    tree.done()
}

/// Fills `blocks` blocks of a directory but for `spare` bytes; `usize::MAX`
/// stands for one byte too many.
fn fill(tree: &mut Builder, dir: &str, block: usize, blocks: usize, spare: usize) {
    // An entry has 12 bytes and its name; the dots are in the first block.
    const ENTRY: usize = 12;
    let mut number = 0_u32;
    for nth in 1..=blocks {
        let dots = if nth == 1 { 2 * ENTRY + 3 } else { 0 };
        let spare = if nth == blocks { spare } else { 0 };
        let mut left = block.wrapping_sub(dots).wrapping_sub(spare);
        while left > 0 {
            // No rest may be too small for an entry with a name like these.
            let entry = if left <= 200 { left } else { 150.min(left - 50) };
            let mut name = format!("{dir}/n{number:06}").into_bytes();
            let prefix = dir.len() + 1;
            name.resize(prefix + entry - ENTRY, b'x');
            tree.node(&name, Metadata::new(0o644), Node::Fifo);
            number += 1;
            left -= entry;
        }
    }
}

/// Names that sort before, between and after the dots, beginnings of each
/// other, and bytes that are not text.
#[must_use]
pub fn odd_names() -> Tree {
    let mut tree = Builder::new();
    let names: [&[u8]; 31] = [
        b"\x01",
        b"\x01\x01",
        b"\t",
        b"\n",
        b" ",
        b" .",
        b"-",
        b"--",
        b"-\xff",
        b".\x01",
        b".-",
        b"...",
        b"..x",
        b"..\xff",
        b"..-",
        b".a",
        b".\xff",
        b"0",
        b"a",
        b"aa",
        b"aaa",
        b"ab",
        b"A",
        b"\\",
        b"~",
        b"\x7f",
        b"\x80",
        b"\x80\x01",
        b"\xc3\x28",
        b"\xff",
        b"\xff\xff",
    ];
    for dir in ["", "all/"] {
        if !dir.is_empty() {
            tree.dir(dir);
        }
        for name in names {
            tree.file([dir.as_bytes(), name].concat(), name);
        }
        tree.file([dir.as_bytes(), &[0xff; 255]].concat(), "");
    }
    // The dots in a later block than the first, for small and usual blocks.
    for dir in ["late dots", "dots last"] {
        tree.dir(dir);
        for number in 0..400 {
            tree.file(format!("{dir}/ {number:0100}"), "");
        }
    }
    for number in 0..400 {
        tree.file(format!("late dots/z{number:0100}"), "");
    }
    tree.done()
}

/// A directory of 60,000 entries.
#[must_use]
pub fn many_names() -> Tree {
    let mut tree = Builder::new();
    tree.dir("many");
    for number in 0..60_000_u32 {
        let name = format!("many/{number}");
        match number % 3 {
            0 => tree.file(name, ""),
            1 => tree.file(name, number.to_le_bytes()),
            _ => tree.symlink(name, number.to_string()),
        };
    }
    tree.done()
}

/// Directories 500 deep.
#[must_use]
pub fn deep() -> Tree {
    let mut tree = Builder::new();
    let mut path = String::new();
    for _ in 0..500 {
        path.push_str("/d");
        tree.dir(&path);
    }
    tree.file(format!("{path}/end"), "bottom");
    tree.done()
}
