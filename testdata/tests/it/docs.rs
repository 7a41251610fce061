//! Paths and links in documents lead to files that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of the repository in which documents name files.
const FOLDERS: &[&str] =
    &["erofs-writer", "erofs-cli", "testdata", "benches", "fuzz", "scripts", "nix", "docs", ".ci"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All documents, with the folders they are in.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "erofs-writer", "erofs-cli", "benches", "testdata"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(repository().join(folder)).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The words in backticks, outside of indented and fenced code.
fn quoted(text: &str) -> Vec<&str> {
    let mut is_fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        is_fenced ^= line.starts_with("```");
        if !is_fenced && !line.starts_with("    ") {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// Whether a word is the path of a source, or of anything in the repository's folders.
fn is_path(word: &str) -> bool {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    let first = word.split('/').next().unwrap_or_default();
    let is_source = word.ends_with(".rs") || (word.ends_with('/') && !word.starts_with('/'));
    is_plain && (is_source || (word.contains('/') && FOLDERS.contains(&first)))
}

#[test]
fn paths_in_documents_exist() {
    let mut missing = Vec::new();
    let mut count = 0;
    for (document, text) in documents() {
        let folder = document.parent().unwrap();
        let roots = [repository(), repository().join("erofs-writer/src"), folder.to_path_buf()];
        for word in quoted(&text).into_iter().filter(|word| is_path(word)) {
            count += 1;
            if !roots.iter().any(|root| root.join(word).exists()) {
                missing.push(format!("{}: {word}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no such file:\n{}", missing.join("\n"));
    assert!(count > 80, "only {count} paths were found");
}

/// The name by which a link reaches a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for (document, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let file = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            let headings = fs::read_to_string(&file).unwrap_or_default();
            let mut headings = headings.lines().filter_map(|line| line.strip_prefix('#'));
            let has_heading = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
            if !file.exists() || !(heading.is_empty() || has_heading) {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links to nothing:\n{}", broken.join("\n"));
}

/// As a merge of two lists would have them.
#[test]
fn nothing_is_in_the_change_log_twice() {
    let text = fs::read_to_string(repository().join("CHANGELOG.md")).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut seen = BTreeSet::new();
    let twice = words.windows(7).find(|words| !seen.insert(*words));
    assert_eq!(twice, None);
}
