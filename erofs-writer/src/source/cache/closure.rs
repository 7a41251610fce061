//! Store paths that a binary cache has, as a source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::event::Phase;
use crate::observer::Conduct;
use crate::source::cache::info::{PathInfo, registration};
use crate::source::cache::narinfo::NarInfo;
use crate::source::cache::nars::{Nars, read_all};
use crate::source::candidate::{Candidate, Keep};
use crate::source::nar::entries;
use crate::source::setters;
use crate::tree::{Metadata, Tree};

/// Reads store paths of a [`BinaryCache`](crate::source::BinaryCache) into a [`Tree`], each
/// as `/<basename>`.
///
/// The tree is the one that [`StorePaths`](crate::source::StorePaths) reads from a store that
/// has these paths, and so is the image. NARs are read whole, several at a time, and have to
/// have the length and the hash that the cache says. Contents of NARs that are not compressed
/// stay there until the image is written. Other contents are decoded to files without names.
pub struct CachedPaths<'a> {
    folder: PathBuf,
    /// With the basenames.
    found: BTreeMap<Vec<u8>, NarInfo>,
    spool_dir: PathBuf,
    strips_case_hack: bool,
    empties_spool: bool,
    keep: Option<Box<Keep<'a>>>,
    conduct: Conduct<'a>,
}

/// A store path that others refer to, but that is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingReference {
    /// The store path.
    pub path: PathBuf,
    /// The first one that refers to it.
    pub referrer: PathBuf,
}

impl std::fmt::Debug for CachedPaths<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedPaths")
            .field("folder", &self.folder)
            .field("paths", &self.found.len())
            .finish_non_exhaustive()
    }
}

impl<'a> CachedPaths<'a> {
    pub(super) fn new(folder: PathBuf, found: BTreeMap<Vec<u8>, NarInfo>) -> Self {
        CachedPaths {
            folder,
            found,
            spool_dir: PathBuf::from("/var/tmp"),
            strips_case_hack: false,
            empties_spool: false,
            keep: None,
            conduct: Conduct::default(),
        }
    }

    /// What the cache says about each path, in the order of their names. Of what is not read
    /// yet, hashes and lengths are not checked.
    pub fn infos(&self) -> Vec<PathInfo> {
        self.found.values().map(|found| found.info.clone()).collect()
    }

    /// The [`registration`] of the paths.
    pub fn registration(&self) -> Vec<u8> {
        registration(&self.infos())
    }

    /// The store paths to which these refer and which are not among them, in the order of
    /// their names. A closure has none.
    pub fn missing_references(&self) -> Vec<MissingReference> {
        let mut missing: BTreeMap<&Path, &Path> = BTreeMap::new();
        for NarInfo { info, .. } in self.found.values() {
            for path in &info.references {
                let name = path.file_name().unwrap_or_default();
                if !self.found.contains_key(name.as_encoded_bytes()) {
                    missing.entry(path).or_insert(&info.path);
                }
            }
        }
        let owned = |(path, referrer): (&Path, &Path)| MissingReference {
            path: path.to_owned(),
            referrer: referrer.to_owned(),
        };
        missing.into_iter().map(owned).collect()
    }

    /// Where contents wait that are compressed in the cache, until the image is written.
    /// Default: `/var/tmp`.
    #[must_use]
    pub fn spool_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spool_dir = dir.into();
        self
    }

    /// Whether spooled contents are freed as soon as they have been written to an image that
    /// is not compressed. The tree can then be written only once. Default: no.
    #[must_use]
    pub fn empty_spool(mut self, on: bool) -> Self {
        self.empties_spool = on;
        self
    }

    /// As [`StorePaths::keep`](crate::source::StorePaths::keep). NARs are read whole in any
    /// case.
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    /// As [`Directory::strip_case_hack`](crate::source::Directory::strip_case_hack).
    #[must_use]
    pub fn strip_case_hack(mut self, on: bool) -> Self {
        self.strips_case_hack = on;
        self
    }

    setters::threads!();
    setters::events!('a);

    /// Reads the NARs.
    ///
    /// # Errors
    /// [`Error::BinaryCache`](crate::Error::BinaryCache) if a NAR has another length or
    /// hash than the cache says, [`Error::Nar`](crate::Error::Nar) if it is none,
    /// [`Error::Read`](crate::Error::Read) if it cannot be read or decoded, and as for
    /// [`Nar::read`](crate::source::Nar::read).
    pub fn read(mut self) -> Result<Tree> {
        let wanted = self.conduct.wanted.clone();
        let observer = &self.conduct.observer();
        observer.phase(Phase::Scan)?;
        let infos: Vec<&NarInfo> = self.found.values().collect();
        let total = infos.iter().fold(0, |sum: u64, info| sum.saturating_add(info.info.nar_size));
        let threads = wanted.get();
        let nars = Nars::new(&self.folder, &self.spool_dir, &infos, threads.workers());
        let read = observer.watch(&threads, total, |report| read_all(&nars, observer, report))?;
        let mut tree = Tree::new(Metadata::new(0o755));
        for (name, nar) in self.found.keys().zip(read.nars) {
            let path = [b"/", &name[..]].concat();
            let id = entries::add(&mut tree, nar, &path, self.strips_case_hack)?;
            tree.children_mut(Tree::ROOT).insert(name[..].into(), id);
        }
        tree.shrink();
        if self.empties_spool {
            tree.spools = read.spools;
        }
        if let Some(keep) = self.keep {
            tree.retain(|entry| keep(Candidate::new(&entry.path()[1..], entry.is_dir())));
        }
        tree.host.files.extend(read.files.into_iter().map(|file| (file, None)));
        Ok(tree)
    }
}
