//! The picture and the tables of the documents are those of the figures in the repository.
//! `UPDATE_FIGURES=1` writes them.

use std::path::Path;
use std::{env, fs};

use benches::figures::drawn::draw;

#[test]
fn documents_show_what_was_measured() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let update = env::var_os("UPDATE_FIGURES").is_some();
    let drawn = draw(&repository).expect("the figures can be drawn");
    let mut old = Vec::new();
    for file in &drawn {
        let there = fs::read_to_string(&file.path).unwrap_or_default();
        if there == file.text {
            continue;
        }
        if update {
            fs::write(&file.path, &file.text).expect("the repository can be written");
        } else {
            old.push(file.path.display().to_string());
        }
    }
    assert!(old.is_empty(), "not as drawn; UPDATE_FIGURES=1 draws it: {}", old.join(", "));
    assert!(drawn.len() > 4, "only {} files are drawn", drawn.len());
}
