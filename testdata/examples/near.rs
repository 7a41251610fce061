//! Writes trees of files that are nearly the same below a folder, for `benches/near.py`:
//!
//! ```sh
//! cargo run --release -p testdata --example near -- FOLDER
//! ```

use std::path::PathBuf;
use std::{env, fs, io};

use testdata::trees::{BYTES, NEAR, near_files};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or(io::ErrorKind::InvalidInput)?);
    for (kind, bytes) in BYTES {
        for family in NEAR {
            let name = format!("{family:?}-{kind}");
            for tree in [folder.join(&name), folder.join("all").join(&name)] {
                fs::create_dir_all(&tree)?;
                for (name, file) in near_files(family, bytes) {
                    fs::write(tree.join(name), file)?;
                }
            }
        }
    }
    Ok(())
}
