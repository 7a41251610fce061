//! A tree from a list of store paths, such as the closure of a NixOS system.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::bounded::too_long;
use crate::error::{Result, StorePathsError};
use crate::format::to_u64;
use crate::observer::Conduct;
use crate::source::candidate::Candidate;
use crate::source::hard_links::HardLinks;
use crate::source::scan::{Folders, ScanOptions, Scanner};
use crate::source::setters;
use crate::time::Timestamp;
use crate::tree::{Metadata, Tree};

/// Reads store paths into a [`Tree`], each as `/<basename>`.
///
/// A path may be a directory, a file or a symlink. Only listed directories are read, so
/// the time depends on the size of the closure and not of the store.
///
/// Properties that differ between hosts are left out: owners, groups and times are 0,
/// xattrs and ACLs are dropped, and hard links are ignored. The setters change each of
/// these. The root is a directory of mode 0755.
pub struct StorePaths<'a> {
    paths: Vec<PathBuf>,
    store: Option<PathBuf>,
    owners: bool,
    times: bool,
    options: ScanOptions<'a>,
    conduct: Conduct<'a>,
}

impl std::fmt::Debug for StorePaths<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorePaths")
            .field("paths", &self.paths.len())
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// The most bytes of a line of a list of store paths.
const LINE_MAX: u64 = 64 << 10;
/// The most lines of a list, and the most bytes.
const LINES_MAX: usize = 1 << 22;
const LIST_MAX: u64 = 256 << 20;

/// Splits a list of store paths, one for each line, as `closureInfo` and `writeClosure`
/// of Nixpkgs write it. Empty lines and a carriage return at the end of a line are
/// ignored.
///
/// A line may have 64 KiB, and the list 4,194,304 lines and 256 MiB.
///
/// # Errors
/// Any error of `list`, and [`InvalidData`](io::ErrorKind::InvalidData) if a line or
/// the list is too long.
pub fn parse_store_paths(list: impl BufRead) -> io::Result<Vec<PathBuf>> {
    let mut list = list.take(LIST_MAX + 1);
    let mut paths = Vec::new();
    for number in 1..=LINES_MAX {
        let mut line = Vec::new();
        if list.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(paths);
        }
        let ends = line.last() == Some(&b'\n');
        if ends {
            line.pop();
        }
        if !ends && to_u64(line.len()) > LINE_MAX {
            return Err(too_long(format_args!("line {number} has more than {LINE_MAX} bytes")));
        }
        if list.limit() == 0 {
            return Err(too_long(format_args!("the list has more than {LIST_MAX} bytes")));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if !line.is_empty() {
            line.shrink_to_fit();
            paths.push(PathBuf::from(OsString::from_vec(line)));
        }
    }
    Err(too_long(format_args!("the list has more than {LINES_MAX} lines")))
}

impl<'a> StorePaths<'a> {
    /// A source that reads the store paths `paths`. They must be absolute. Their order
    /// does not matter, and a path may be listed twice.
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        StorePaths {
            paths: paths.into_iter().map(Into::into).collect(),
            store: None,
            owners: false,
            times: false,
            options: ScanOptions {
                hard_links: HardLinks::Ignore,
                xattrs: false,
                ..ScanOptions::default()
            },
            conduct: Conduct::default(),
        }
    }

    /// Reads each path from the directory `store`: `/nix/store/NAME` is then read from
    /// `store/NAME`. Default: paths are read as they are listed.
    #[must_use]
    pub fn store_directory(mut self, store: impl Into<PathBuf>) -> Self {
        self.store = Some(store.into());
        self
    }

    /// Whether owners and groups of the host are kept. Default: no, they are 0.
    #[must_use]
    pub fn keep_owners(mut self, on: bool) -> Self {
        self.owners = on;
        self
    }

    /// Whether times of the host are kept. Default: no, they are 0.
    #[must_use]
    pub fn keep_times(mut self, on: bool) -> Self {
        self.times = on;
        self
    }

    /// How files with several names are handled. Default: [`HardLinks::Ignore`].
    #[must_use]
    pub fn hard_links(mut self, policy: HardLinks) -> Self {
        self.options.hard_links = policy;
        self
    }

    /// Whether extended attributes and ACLs are read. Default: no.
    #[must_use]
    pub fn xattrs(mut self, on: bool) -> Self {
        self.options.xattrs = on;
        self
    }

    /// As [`Directory::keep`](crate::source::Directory::keep). Paths begin with the
    /// basename of a store path.
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.options.keep = Some(Box::new(keep));
        self
    }

    /// As [`Directory::strip_case_hack`](crate::source::Directory::strip_case_hack).
    #[must_use]
    pub fn strip_case_hack(mut self, on: bool) -> Self {
        self.options.strip_case_hack = on;
        self
    }

    setters::threads!();
    setters::events!('a);

    /// Reads the store paths.
    ///
    /// # Errors
    /// [`Error::StorePaths`](crate::Error::StorePaths) if the list is empty, a path is
    /// relative or has no name, or two paths have the same name; all other errors are
    /// as for [`Directory::read`](crate::source::Directory::read).
    pub fn read(mut self) -> Result<Tree> {
        let sources = sources(&self.paths, self.store.as_deref())?;
        let mut tree = Tree::new(Metadata::new(0o755));
        let mut options = self.options;
        options.contents_only = !self.owners
            && !self.times
            && !options.xattrs
            && options.hard_links == HardLinks::Ignore;
        let wanted = self.conduct.wanted.clone();
        let observer = &self.conduct.observer();
        let mut scanner = Scanner::new(options, observer, wanted)?;
        let directories = scanner.insert_all(&mut tree, folders(sources))?;
        scanner.fill(&mut tree, directories)?;
        tree.update_metadata(|metadata| {
            if !self.owners {
                (metadata.uid, metadata.gid) = (0, 0);
            }
            if !self.times {
                metadata.mtime = Timestamp::from_sec(0);
            }
        });
        Ok(tree)
    }
}

/// The names to read in each folder of the host.
fn folders(sources: BTreeMap<Box<[u8]>, PathBuf>) -> Folders {
    let mut folders = Folders::new();
    for (name, path) in sources {
        let folder = path.parent().expect("it has a name in a folder").to_path_buf();
        folders.entry(folder).or_default().push(name.into());
    }
    folders
}

/// Maps the image name of each listed path to the host path to read.
fn sources(
    paths: &[PathBuf],
    store: Option<&Path>,
) -> Result<BTreeMap<Box<[u8]>, PathBuf>, StorePathsError> {
    let mut listed: BTreeMap<&OsStr, &PathBuf> = BTreeMap::new();
    for path in paths {
        if !path.is_absolute() {
            return Err(StorePathsError::Relative { path: path.clone() });
        }
        let name =
            path.file_name().ok_or_else(|| StorePathsError::NoName { path: path.clone() })?;
        match listed.insert(name, path) {
            // Paths are compared by components, so a final slash makes no difference.
            Some(first) if first != path => {
                return Err(StorePathsError::Clash { first: first.clone(), second: path.clone() });
            }
            _ => {}
        }
    }
    if listed.is_empty() {
        return Err(StorePathsError::Empty);
    }
    let source = |(name, path): (&OsStr, &PathBuf)| {
        // Collecting the components drops a final slash. With it, a symlink would be
        // followed.
        let host = store.map_or_else(|| path.components().collect(), |store| store.join(name));
        (Box::from(name.as_bytes()), host)
    };
    Ok(listed.into_iter().map(source).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str], store: Option<&str>) -> Result<Vec<String>, StorePathsError> {
        let paths: Vec<PathBuf> = list.iter().map(PathBuf::from).collect();
        let found = sources(&paths, store.map(Path::new))?;
        Ok(found.values().map(|path| path.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn duplicates_and_final_slashes_are_fine() {
        let found = names(&["/nix/store/b", "/nix/store/a/", "/nix/store/a"], None);
        assert_eq!(found, Ok(vec!["/nix/store/a".into(), "/nix/store/b".into()]));
    }

    #[test]
    fn a_store_elsewhere_is_read_by_basename() {
        let found = names(&["/nix/store/a"], Some("/mnt/store"));
        assert_eq!(found, Ok(vec!["/mnt/store/a".into()]));
    }

    #[test]
    fn lists_that_make_no_image_are_refused() {
        assert_eq!(names(&[], None), Err(StorePathsError::Empty));
        assert!(matches!(names(&["a"], None), Err(StorePathsError::Relative { .. })));
        assert!(matches!(names(&["/"], None), Err(StorePathsError::NoName { .. })));
        assert!(matches!(names(&["/x/.."], None), Err(StorePathsError::NoName { .. })));
        assert!(matches!(names(&["/x/a", "/y/a"], None), Err(StorePathsError::Clash { .. })));
    }

    #[test]
    fn lines_may_end_in_a_carriage_return_and_be_empty() {
        let paths = parse_store_paths(&b"/a\r\n\n/b"[..]).expect("memory can be read");
        assert_eq!(paths, [PathBuf::from("/a"), PathBuf::from("/b")]);
    }
}
