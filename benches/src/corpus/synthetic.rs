//! Corpora of tiny files, for the cost of an inode and of a store path.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rayon::prelude::*;

use super::name::store_name;

/// One million files of 0 to 200 bytes: 1,000 directories of 1,000 files, in
/// ten store paths.
pub fn tiny(store: &Path) -> Result<()> {
    (0..1_000_u64).into_par_iter().try_for_each(|dir| {
        let package = dir / 100;
        let name = store_name(&package.to_le_bytes(), &format!("tiny-{package}"));
        let path = store.join(name).join(format!("d{dir:03}"));
        fs::create_dir_all(&path)?;
        (0..1_000_u64).try_for_each(|file| {
            let n = dir * 1_000 + file;
            write_text(&path.join(format!("f{file:03}")), n, scrambled(n) % 201)
        })
    })
}

/// 10,000 store paths: a third of them are a file, a third hold one file, a
/// third two.
pub fn paths10k(store: &Path) -> Result<()> {
    (0..10_000_u64).into_par_iter().try_for_each(|n| {
        let path = store.join(store_name(&n.to_le_bytes(), &format!("unit-{n}.service")));
        let len = 100 + scrambled(n) % 3_000;
        if n % 3 == 0 {
            return write_text(&path, n, len);
        }
        fs::create_dir(&path)?;
        write_text(&path.join("unit.service"), n, len)?;
        if n % 3 == 2 {
            write_text(&path.join("unit.conf"), n, len / 2)?;
        }
        Ok(())
    })
}

/// Words that differ from file to file, cut at `len`.
fn write_text(path: &Path, seed: u64, len: u64) -> Result<()> {
    let len = usize::try_from(len)?;
    let mut text = format!("Description=file {seed}\n");
    let mut line = 0;
    while text.len() < len {
        line += 1;
        text.push_str(&format!("option{line}={:x}\n", scrambled(seed ^ (line << 32))));
    }
    text.truncate(len);
    fs::write(path, text).with_context(|| format!("{}", path.display()))
}

/// SplitMix64: even, and the same everywhere.
fn scrambled(n: u64) -> u64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
