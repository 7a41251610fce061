//! Comparison with a text that is kept under version control.

use std::fs;
use std::path::{Path, PathBuf};

/// Compares `actual` with `testdata/golden/NAME.txt`. With `UPDATE_GOLDEN=1` in
/// the environment the file is written instead; the diff is then the review.
///
/// # Panics
///
/// If they differ, with the first lines that do.
#[track_caller]
pub fn compare(name: &str, actual: &str) {
    compare_file(&path(name), actual);
}

fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    folder.join(format!("{name}.txt"))
}

#[track_caller]
fn compare_file(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        let folder = path.parent().expect("a file in a folder");
        fs::create_dir_all(folder).expect("the folder of golden files can be made");
        fs::write(path, actual).expect("a golden file can be written");
        return;
    }
    let expected = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    if expected != actual {
        panic!(
            "{} differs; if that is intended, UPDATE_GOLDEN=1 writes it anew\n{}",
            path.display(),
            first_differences(&expected, actual)
        );
    }
}

/// The first lines that only one of the texts has.
fn first_differences(expected: &str, actual: &str) -> String {
    let mut lines = Vec::new();
    for (sign, one, other) in [("-", expected, actual), ("+", actual, expected)] {
        let known: std::collections::BTreeSet<_> = other.lines().collect();
        let only = one.lines().filter(|line| !known.contains(line));
        lines.extend(only.take(15).map(|line| format!("{sign} {line}")));
    }
    match lines.is_empty() {
        true => "only the order of lines differs".to_owned(),
        false => lines.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_the_lines_of_both_sides() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.txt");
        fs::write(&path, "same\nold\n").unwrap();
        compare_file(&path, "same\nold\n");
        let text = first_differences("same\nold\n", "same\nnew\n");
        assert_eq!(text, "- old\n+ new");
    }
}
