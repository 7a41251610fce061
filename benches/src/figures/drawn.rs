//! The files that are drawn from the file of what was measured.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::data::Measured;
use super::picture::picture;
use super::tables::{full, recommended, sentence};
use super::theme::Theme;

/// The corpus of the picture, and of the table of what is recommended.
const SHOWN: &str = "small";
/// Documents that may have a table between two comments. Paths in the repository.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/benchmarks.md"];

/// A file and the text that it should have.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Where it is.
    pub path: PathBuf,
    /// What it should have.
    pub text: String,
}

/// The file of what was measured with a corpus.
#[must_use]
pub fn data_path(repository: &Path, corpus: &str) -> PathBuf {
    folder(repository).join(corpus).with_extension("json")
}

fn folder(repository: &Path) -> PathBuf {
    repository.join("docs/figures")
}

/// The files of data, in the order of their names.
fn data_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_data = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut files: Vec<_> = paths.into_iter().filter(is_data).collect();
    files.sort();
    Ok(files)
}

/// All that is drawn from all files of data in the repository.
pub fn draw(repository: &Path) -> Result<Vec<Drawn>> {
    let folder = folder(repository);
    let mut drawn = Vec::new();
    let mut blocks = Vec::new();
    for path in data_files(&folder)? {
        let measured = Measured::from_file(&path)?;
        let name = measured.corpus.name.clone();
        let table = format!("{}\n{}", sentence(&measured), full(&measured));
        if name == SHOWN {
            for theme in Theme::ALL {
                let path = folder.join(format!("size-time-{}.svg", theme.name()));
                drawn.push(Drawn { path, text: picture(&measured, theme)? });
            }
            blocks.push(("recommended".to_owned(), recommended(&measured)));
        }
        blocks.push((name, table));
    }
    for (name, table) in &blocks {
        drawn.push(Drawn { path: folder.join(name).with_extension("md"), text: table.clone() });
    }
    for document in DOCUMENTS {
        let path = repository.join(document);
        let before = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let text = blocks.iter().try_fold(before, |text, block| with_block(&text, block));
        drawn.push(Drawn { text: text.with_context(|| format!("{}", path.display()))?, path });
    }
    Ok(drawn)
}

/// A document with the table between the comments of its name, if it has these.
fn with_block(document: &str, (name, table): &(String, String)) -> Result<String> {
    let start = format!("<!-- figures: {name} -->\n");
    let Some((before, rest)) = document.split_once(&start) else { return Ok(document.to_owned()) };
    let end = "<!-- end of figures -->";
    let (_, after) = rest.split_once(end).with_context(|| format!("no {end} after {start}"))?;
    ensure!(!after.contains(&start), "{start} is there twice");
    Ok(format!("{before}{start}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_comments_changes() {
        let block = ("a".to_owned(), "new\n".to_owned());
        let document = "x\n<!-- figures: a -->\nold\n<!-- end of figures -->\ny\n";
        let expected = "x\n<!-- figures: a -->\nnew\n<!-- end of figures -->\ny\n";
        assert_eq!(with_block(document, &block).expect("it has an end"), expected);
        assert_eq!(with_block("x", &block).expect("it has no block"), "x");
        assert!(with_block("<!-- figures: a -->\nold\n", &block).is_err());
    }
}
