//! The place that the path of an output leads to.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

/// How many symlinks are followed, as many as the kernel follows.
const LINKS_MAX: usize = 40;

/// The place that the path of an output leads to.
pub(super) struct Place {
    /// Its directory is resolved, and it is no symlink to another name.
    pub(super) path: PathBuf,
    /// Whether it is a descriptor of a process, such as `/dev/stdout`, which stands for
    /// an open file, whatever the name of that is.
    pub(super) is_descriptor: bool,
}

/// Follows `path`, which need not exist. A symlink stands for what it points
/// at, even if that is missing.
pub(super) fn resolve(path: &Path) -> io::Result<Place> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        // With a slash after its name, a directory is meant.
        let is_last = |name: &&OsStr| path.as_os_str().as_bytes().ends_with(name.as_bytes());
        let Some(name) = path.file_name().filter(is_last) else {
            return Ok(Place { path: fs::canonicalize(path)?, is_descriptor: false });
        };
        let folder = fs::canonicalize(parent(&path))?;
        let full = folder.join(name);
        if is_of_descriptors(&folder) {
            return Ok(Place { path: full, is_descriptor: true });
        }
        match fs::read_link(&full) {
            // Joining replaces all of it if the target is absolute.
            Ok(target) => path = folder.join(target),
            Err(_) => return Ok(Place { path: full, is_descriptor: false }),
        }
    }
    Err(Errno::LOOP.into())
}

impl Place {
    /// The name of the file; for a descriptor, that of its open file if it has one.
    pub(super) fn real_path(&self) -> PathBuf {
        match self.is_descriptor {
            true => fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone()),
            false => self.path.clone(),
        }
    }

    /// Whether everything written through the descriptor goes to the end.
    pub(super) fn appends(&self) -> bool {
        let flags = || {
            let number = self.path.file_name()?;
            let info = self.path.parent()?.parent()?.join("fdinfo").join(number);
            let text = fs::read_to_string(info).ok()?;
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
            u32::from_str_radix(flags.trim(), 8).ok()
        };
        self.is_descriptor && flags().is_some_and(|flags| flags & OFlags::APPEND.bits() != 0)
    }
}

/// Whether `folder`, which is resolved, has the open files of a process.
fn is_of_descriptors(folder: &Path) -> bool {
    folder.starts_with("/proc") && folder.file_name() == Some(OsStr::new("fd"))
}

pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
