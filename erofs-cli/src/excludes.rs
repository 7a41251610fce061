//! Paths that are left out, and notes about excludes that leave nothing out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use erofs_writer::Shown;
use erofs_writer::ere::Ere;

/// The most bytes of a regular expression that a note shows. One that Nixpkgs of 2022 made
/// has 100,000.
const SHOWN_LEN: usize = 60;

/// The paths to leave out, relative to the source.
#[derive(Default)]
pub(crate) struct Excludes {
    paths: BTreeMap<Vec<u8>, Hit>,
    regexes: Vec<(Ere, Vec<u8>, Hit)>,
}

/// Whether something was left out.
#[derive(Default)]
struct Hit(AtomicBool);

impl Hit {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        // Most calls find it set, and reading costs other threads nothing.
        if !self.is_set() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Excludes {
    /// Leaves out the entry with this path.
    pub(crate) fn add_path(&mut self, path: Vec<u8>) {
        self.paths.insert(path, Hit::default());
    }

    /// Leaves out entries in whose paths `regex`, which was typed as `text`, is found.
    pub(crate) fn add_regex(&mut self, regex: Ere, text: Vec<u8>) {
        self.regexes.push((regex, text, Hit::default()));
    }

    /// Whether nothing is left out.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.regexes.is_empty()
    }

    /// Whether `path` is not left out.
    pub(crate) fn keep(&self, path: &[u8]) -> bool {
        let mut keep = true;
        if let Some(hit) = self.paths.get(path) {
            hit.set();
            keep = false;
        }
        for (regex, _, hit) in &self.regexes {
            // Of an entry that is left out, only what has no hit yet needs to know.
            if (keep || !hit.is_set()) && regex.is_match(path) {
                hit.set();
                keep = false;
            }
        }
        keep
    }

    /// Notes about those that have left nothing out, now that the source has been read.
    pub(crate) fn idle(&self) -> impl Iterator<Item = String> {
        let paths = self.paths.iter().filter(|(path, hit)| !hit.is_set() && can_be(path));
        let paths = paths.map(|(path, _)| {
            format!("--exclude-path={}: leaves nothing out: there is none", Shown::bytes(path))
        });
        let regexes = self.regexes.iter().filter(|(.., hit)| !hit.is_set());
        paths.chain(regexes.map(|(_, text, _)| {
            let start = Shown::bytes(&text[..text.len().min(SHOWN_LEN)]);
            let more = if text.len() > SHOWN_LEN { "..." } else { "" };
            format!("--exclude-regex={start}{more}: leaves nothing out: no path matches")
        }))
    }
}

/// Whether an entry can have this path. Of others there is a note in any case.
pub(crate) fn can_be(path: &[u8]) -> bool {
    !path.is_empty() && !path.starts_with(b"/") && !path.ends_with(b"/")
}

impl fmt::Debug for Excludes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Excludes")
            .field("paths", &self.paths.keys())
            .field("regexes", &self.regexes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(paths: &[&str], regexes: &[&str]) -> Excludes {
        let mut excludes = Excludes::default();
        paths.iter().for_each(|path| excludes.add_path(path.as_bytes().to_vec()));
        for regex in regexes {
            let text = regex.as_bytes();
            excludes.add_regex(Ere::new(text).expect("is one"), text.to_vec());
        }
        excludes
    }

    #[test]
    fn excludes_are_literal_paths_and_regular_expressions() {
        let excludes = excludes(&["a.b"], &["^c|/d$"]);
        assert!(!excludes.keep(b"a.b"));
        assert!(excludes.keep(b"axb"));
        assert!(excludes.keep(b"a.b/c"), "only as its directory is not entered");
        assert!(!excludes.keep(b"cc"));
        assert!(!excludes.keep(b"x/d"));
        assert!(excludes.keep(b"d"));
    }

    #[test]
    fn what_leaves_nothing_out_is_told() {
        let excludes = excludes(&["a", "b", "/c"], &["^a$", "^b", &"x".repeat(100)]);
        assert!(!excludes.keep(b"a") && !excludes.keep(b"bc") && excludes.keep(b"c"));
        let notes: Vec<String> = excludes.idle().collect();
        let long =
            format!("--exclude-regex={}...: leaves nothing out: no path matches", "x".repeat(60));
        let path = "--exclude-path=b: leaves nothing out: there is none".to_owned();
        assert_eq!(notes, [path, long], "both that match a path have a hit");
    }
}
