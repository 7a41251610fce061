//! Ending a build from another thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// Ends builds from any thread, also while their own threads wait for a read.
///
/// ```
/// use erofs_writer::{Canceller, Error, ImageWriter, Metadata, Options, SeekWriter, Tree};
/// use std::io::Cursor;
///
/// let canceller = Canceller::new();
/// canceller.cancel();
/// let output = SeekWriter::new(Cursor::new(Vec::new()));
/// let result = ImageWriter::new(Options::new())
///     .canceller(&canceller)
///     .write(&Tree::new(Metadata::new(0o755)), &output);
/// assert!(matches!(result, Err(Error::Cancelled)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Canceller(Arc<Shared>);

/// Tells those who work whether they are to stop before all is done.
pub(crate) trait Stop: Sync {
    fn is_set(&self) -> bool;

    fn set(&self);

    /// Is told of bytes that were read, which are progress where nothing else is told.
    fn has_read(&self, _bytes: u64) {}
}

impl Stop for AtomicBool {
    fn is_set(&self) -> bool {
        self.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.store(true, Ordering::Relaxed);
    }
}

/// Stops the others if this thread panics.
pub(crate) struct StopOnPanic<'a>(pub(crate) &'a dyn Stop);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set();
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    /// Unfinished files that have names. Whoever takes a name or gives it up holds the
    /// lock, so that no name is left when `cancel` returns.
    names: Mutex<Vec<PathBuf>>,
}

impl Canceller {
    /// A canceller that has cancelled nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the builds that have this canceller, and all that will get it, with
    /// [`Error::Cancelled`].
    ///
    /// Unfinished files are removed before this returns, and no new ones are
    /// made, so that the process may end at once. The builds themselves return
    /// when their threads have noticed, which in a read that waits may be later.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        for name in self.names().drain(..) {
            // If that fails, there is no one to tell.
            drop(fs::remove_file(name));
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    fn names(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `change` take and give up names of unfinished files, unless it is
    /// too late for that.
    pub(crate) fn change_names<T>(
        &self,
        change: impl FnOnce(&mut Vec<PathBuf>) -> Result<T>,
    ) -> Result<T> {
        let mut names = self.names();
        if self.is_cancelled() {
            return Err(Error::Cancelled);
        }
        change(&mut names)
    }

    /// Removes an unfinished file, if nobody has yet.
    pub(crate) fn remove(&self, path: &Path) {
        let mut names = self.names();
        if let Some(index) = names.iter().position(|name| name == path) {
            names.swap_remove(index);
            // The build has failed already; there is no one to tell.
            drop(fs::remove_file(path));
        }
    }
}
