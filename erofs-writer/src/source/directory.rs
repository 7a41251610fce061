//! A tree from a directory of the host.

use std::path::PathBuf;

use crate::error::Result;
use crate::observer::Conduct;
use crate::source::candidate::Candidate;
use crate::source::hard_links::HardLinks;
use crate::source::scan::{ScanOptions, Scanner};
use crate::source::setters;
use crate::tree::Tree;

/// Reads a directory of the host into a [`Tree`], several subdirectories at a time.
/// Only names and metadata are read. Contents stay where they are until the image is
/// written.
///
/// No symlink below the root is followed, neither now nor when contents are read. If a
/// file or directory has been replaced by then, that is an error
/// ([`Error::Changed`](crate::Error::Changed)). Paths may have any length.
pub struct Directory<'a> {
    root: PathBuf,
    options: ScanOptions<'a>,
    conduct: Conduct<'a>,
}

impl std::fmt::Debug for Directory<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("root", &self.root).finish_non_exhaustive()
    }
}

impl<'a> Directory<'a> {
    /// A source that reads the directory `root`. Its metadata becomes that of the
    /// image's root. If `root` is a symlink to a directory, it is followed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let (options, conduct) = (ScanOptions::default(), Conduct::default());
        Directory { root: root.into(), options, conduct }
    }

    /// How files with several names are handled. Default: [`HardLinks::Keep`].
    #[must_use]
    pub fn hard_links(mut self, policy: HardLinks) -> Self {
        self.options.hard_links = policy;
        self
    }

    /// Whether extended attributes and ACLs are read. Default: yes.
    #[must_use]
    pub fn xattrs(mut self, on: bool) -> Self {
        self.options.xattrs = on;
        self
    }

    /// Reads only entries for which `keep` returns `true`. Other directories are not
    /// entered. Several threads may call `keep` at the same time. Default: everything
    /// is read.
    ///
    /// ```no_run
    /// use erofs_writer::source::Directory;
    ///
    /// let tree = Directory::new("build")
    ///     .keep(|found| found.is_dir() || !found.path().ends_with(b".o"))
    ///     .read()?;
    /// # Ok::<(), erofs_writer::Error>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: impl Fn(Candidate<'_>) -> bool + Send + Sync + 'a) -> Self {
        self.options.keep = Some(Box::new(keep));
        self
    }

    /// Whether the suffix is stripped that Nix on macOS adds to names which differ only
    /// in case (`~nix~case~hack~1`). Default: no.
    #[must_use]
    pub fn strip_case_hack(mut self, on: bool) -> Self {
        self.options.strip_case_hack = on;
        self
    }

    setters::threads!();
    setters::events!('a);

    /// Reads the directory.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read) if something cannot be read or the root is
    /// not a directory, [`Error::Changed`](crate::Error::Changed) if a directory has
    /// been replaced since it was found, [`Error::Tree`](crate::Error::Tree) if a name
    /// cannot be stored or two become one, [`Error::Full`](crate::Error::Full) if there
    /// are too many inodes, [`Error::Cancelled`](crate::Error::Cancelled) if reading
    /// was cancelled.
    pub fn read(mut self) -> Result<Tree> {
        let wanted = self.conduct.wanted.clone();
        let observer = &self.conduct.observer();
        let mut scanner = Scanner::new(self.options, observer, wanted)?;
        let (mut tree, root) = scanner.root(&self.root)?;
        scanner.fill(&mut tree, vec![root])?;
        Ok(tree)
    }
}
