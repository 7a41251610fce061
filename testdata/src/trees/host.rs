//! Files of gigabytes, which take no space on the host.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Makes a file of 5 GiB with little data, and a copy of it of 1 byte less.
///
/// # Errors
///
/// Those of the file system.
pub fn sparse_file(dir: &Path) -> io::Result<()> {
    for (name, len) in [("sparse", 5 << 30), ("shorter", (5 << 30) - 1)] {
        let file = File::create(dir.join(name))?;
        file.set_len(len)?;
        file.write_all_at(b"in the middle", (2 << 30) + 12_345)?;
        file.write_all_at(b"past 4 GiB", (4 << 30) + 1)?;
    }
    Ok(())
}

/// Makes a file of 1 TiB with data at both ends and in the middle.
///
/// # Errors
///
/// Those of the file system.
pub fn sparse_tebibyte(dir: &Path) -> io::Result<()> {
    let file = File::create(dir.join("tebibyte"))?;
    let len = (1 << 40) + 5;
    file.set_len(len)?;
    file.write_all_at(b"start", 0)?;
    file.write_all_at(b"middle", 1 << 39)?;
    file.write_all_at(b"end", len - 3)
}

/// Makes a file over 4 GiB with data at both ends only.
///
/// # Errors
///
/// Those of the file system.
pub fn huge_with_data_at_both_ends(dir: &Path) -> io::Result<()> {
    let file = File::create(dir.join("huge"))?;
    let len = (4 << 30) + 4097;
    file.set_len(len)?;
    file.write_all_at(&super::noise(1, 100_000), 0)?;
    file.write_all_at(&super::noise(2, 100_000), len - 100_000)
}
