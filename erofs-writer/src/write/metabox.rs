//! The bytes of the metabox, which are encoded as they are made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::format::to_usize;
use crate::write::job::Job;
use crate::write::window::{self, Window};

/// A window that is longer has several parts: one inode can have an index or a chunk map
/// of hundreds of MiB.
const PART_MAX: u64 = 8 * 1024 * 1024;

/// The metabox, cut into parts.
pub(crate) struct MetaboxParts<'a> {
    job: &'a Job<'a>,
    windows: Vec<Window>,
    parts: Vec<Part>,
    /// Windows that have several parts.
    long: Mutex<HashMap<usize, Long>>,
}

/// A window that was made and has parts that are not encoded.
struct Long {
    bytes: Arc<Vec<u8>>,
    left: u64,
}

/// Some bytes of a window.
struct Part {
    window: usize,
    offset: u64,
    len: u64,
}

impl<'a> MetaboxParts<'a> {
    /// Cuts the metabox, which has `len` bytes.
    pub(crate) fn new(job: &'a Job<'a>, len: u64) -> Self {
        let windows = window::cut_metabox(job, len);
        let of = |(index, window): (usize, &Window)| {
            let len = window.len();
            let part =
                move |offset| Part { window: index, offset, len: PART_MAX.min(len - offset) };
            (0..len).step_by(to_usize(PART_MAX)).map(part)
        };
        let parts = windows.iter().enumerate().flat_map(of).collect();
        MetaboxParts { job, windows, parts, long: Mutex::default() }
    }

    /// The lengths of all parts.
    pub(crate) fn lens(&self) -> Vec<u64> {
        self.parts.iter().map(|part| part.len).collect()
    }

    /// Makes the bytes of the part of this number, and writes the blocks of data of its
    /// inodes.
    pub(crate) fn make(&self, number: usize, data: &mut [u8]) -> Result<()> {
        let Part { window, offset, len } = self.parts[number];
        let bytes = self.window(window)?;
        let (start, len) = (to_usize(offset), to_usize(len));
        data.copy_from_slice(&bytes[start..start + len]);
        Ok(())
    }

    /// The bytes of a window, which is made once, as that writes blocks of data.
    fn window(&self, index: usize) -> Result<Arc<Vec<u8>>> {
        let window = &self.windows[index];
        if window.len() <= PART_MAX {
            return Ok(Arc::new(window.metabox(self.job)?));
        }
        let mut long = self.long.lock().unwrap_or_else(PoisonError::into_inner);
        let Long { bytes, left } = match long.remove(&index) {
            Some(made) => made,
            None => {
                let bytes = Arc::new(window.metabox(self.job)?);
                Long { bytes, left: window.len().div_ceil(PART_MAX) }
            }
        };
        if left > 1 {
            long.insert(index, Long { bytes: Arc::clone(&bytes), left: left - 1 });
        }
        Ok(bytes)
    }
}
