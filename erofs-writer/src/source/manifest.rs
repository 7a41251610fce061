//! A tree from a manifest, which describes each entry in a line.

mod assembly;
mod composefs;
mod entry;
mod format;
mod lines;
mod mtree;
mod options;
mod pack;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::event::Phase;
use crate::observer::Conduct;
use crate::pool::Threads;
use crate::source::candidate::Candidate;
use crate::source::hard_links::HardLinks;
use crate::source::setters;
use crate::tree::{FileId, Tree};
use assembly::Assembly;
use lines::Lines;
use options::Options;

pub use format::ManifestFormat;

/// Reads a manifest into a [`Tree`]: a list of entries that need not be anywhere on the host.
///
/// | format | parents | times | contents |
/// | --- | --- | --- | --- |
/// | dump of composefs | have to come before | of the line | in the line, or below the directory of contents |
/// | pack file of gensquashfs | are made, with mode 0755 | 0 | a path of the line, or of the entry |
/// | mtree | are made, with mode 0755 | of the line, or 0 | `contents`, or the path of the entry |
///
/// Paths of contents are relative to the [directory of contents](Manifest::contents_in). In a
/// dump they have to stay in it. The other two formats name any file of the host, as a command
/// line does, so a manifest of somebody else has to be trusted.
///
/// A directory may have several lines, the last of which counts; another entry may not. Hard
/// links may come before their targets.
///
/// **Bounds.** A line has at most 16 MiB, and a path leads through at most 2,048 directories.
/// Contents in lines are kept in memory.
pub struct Manifest<'a> {
    reader: Box<dyn Read + Send + 'a>,
    name: PathBuf,
    format: Option<ManifestFormat>,
    contents: PathBuf,
    options: Options<'a>,
    host_file: Option<FileId>,
    conduct: Conduct<'a>,
}

impl std::fmt::Debug for Manifest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manifest").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Manifest<'a> {
    /// A source that reads the manifest in the file `path`. Contents with relative paths are
    /// in the directory of that file.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::read(path, error))?;
        let stat = file.metadata().map_err(|error| Error::read(path, error))?;
        let mut manifest = Manifest::from_reader(path, file);
        manifest.host_file = stat.is_file().then(|| FileId::of_metadata(&stat));
        manifest.contents = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(manifest)
    }

    /// A source that reads the manifest from `reader`. Messages name it `name`. Contents with
    /// relative paths are in the working directory.
    pub fn from_reader(name: impl Into<PathBuf>, reader: impl Read + Send + 'a) -> Self {
        Manifest {
            reader: Box::new(reader),
            name: name.into(),
            format: None,
            contents: PathBuf::new(),
            options: Options {
                hard_links: HardLinks::default(),
                xattrs: true,
                strip_case_hack: false,
                keep: None,
            },
            host_file: None,
            conduct: Conduct::default(),
        }
    }

    /// The format of the manifest. Default: the first line tells it.
    #[must_use]
    pub fn format(mut self, format: ManifestFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// The directory in which contents with relative paths are.
    #[must_use]
    pub fn contents_in(mut self, dir: impl Into<PathBuf>) -> Self {
        self.contents = dir.into();
        self
    }

    /// How hard links are handled. Default: [`HardLinks::Keep`].
    #[must_use]
    pub fn hard_links(mut self, policy: HardLinks) -> Self {
        self.options.hard_links = policy;
        self
    }

    /// Whether extended attributes count. Default: yes.
    #[must_use]
    pub fn xattrs(mut self, on: bool) -> Self {
        self.options.xattrs = on;
        self
    }

    /// As [`Directory::strip_case_hack`](crate::source::Directory::strip_case_hack).
    #[must_use]
    pub fn strip_case_hack(mut self, on: bool) -> Self {
        self.options.strip_case_hack = on;
        self
    }

    /// Keeps only entries for which `keep` returns `true`. With a directory, all entries in
    /// it are removed. Default: everything is kept.
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.options.keep = Some(Box::new(keep));
        self
    }

    setters::events!('a);

    /// Reads the manifest, on the calling thread.
    ///
    /// # Errors
    /// [`Error::Manifest`] if a line cannot be used, [`Error::Read`] if the manifest cannot
    /// be read or contents are missing, [`Error::Tree`] if an image cannot have an entry,
    /// [`Error::Full`] if there are too many inodes, and [`Error::Cancelled`] if reading
    /// was cancelled.
    pub fn read(mut self) -> Result<Tree> {
        let observer = &self.conduct.observer();
        observer.phase(Phase::Scan)?;
        let Manifest { reader, name, format, contents, options, .. } = self;
        let tree = observer.watch(&Threads::Caller, 0, |report| {
            let mut lines = Lines::new(BufReader::with_capacity(1 << 18, reader), name, observer);
            let format = match format {
                Some(format) => format,
                None => lines.format()?,
            };
            let mut assembly = Assembly::new(format, contents, &options);
            let mut state = mtree::State::default();
            while let Some(line) = lines.next_line()? {
                report(1);
                let entry = match format {
                    ManifestFormat::Composefs => composefs::entry(&line),
                    ManifestFormat::Gensquashfs => pack::entry(&line),
                    ManifestFormat::Mtree => mtree::entry(&line, &mut state),
                };
                let put = match entry {
                    Ok(Some(entry)) => assembly.put(entry, lines.number()),
                    Ok(None) => continue,
                    Err(kind) => Err(kind.into()),
                };
                put.map_err(|refusal| lines.refused(refusal))?;
            }
            assembly.finish().map_err(|(number, refusal)| lines.refused_at(number, refusal))
        })?;
        let mut tree = tree;
        if let Some(keep) = options.keep {
            tree.retain(|entry| keep(Candidate::new(&entry.path()[1..], entry.is_dir())));
        }
        tree.host.files.extend(self.host_file.map(|file| (file, None)));
        Ok(tree)
    }
}

#[cfg(test)]
mod tests;
