//! Windows of an image that were read for metadata. An inode or an entry of an index has a
//! few bytes, and a call for each would take longer than all the rest of a merge.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The length of a window.
pub(super) const WINDOW_LEN: u64 = 32 << 10;
/// How many are kept: 4 MiB in all.
const WINDOWS_MAX: usize = 128;

/// The latest windows, the last one last.
#[derive(Debug, Default)]
pub(super) struct Windows(Mutex<VecDeque<(u64, Arc<[u8]>)>>);

impl Windows {
    /// The window of this number. If it is not kept, `read` reads it.
    pub(super) fn get(
        &self,
        number: u64,
        read: impl FnOnce() -> io::Result<Arc<[u8]>>,
    ) -> io::Result<Arc<[u8]>> {
        if let Some(known) = self.known(number) {
            return Ok(known);
        }
        let window = read()?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WINDOWS_MAX {
            all.pop_front();
        }
        all.push_back((number, Arc::clone(&window)));
        Ok(window)
    }

    fn known(&self, number: u64) -> Option<Arc<[u8]>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().rposition(|(known, _)| *known == number)?;
        let window = Arc::clone(&all[at].1);
        // Moving the latest ones would cost more than it saves.
        if at < WINDOWS_MAX / 2 {
            let found = all.remove(at)?;
            all.push_back(found);
        }
        Some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_once_while_they_are_kept() {
        let windows = Windows::default();
        let mut reads = 0;
        let mut get = |number: u64| {
            let window = windows.get(number, || {
                reads += 1;
                Ok(vec![number.to_le_bytes()[0]].into())
            });
            assert_eq!(window.expect("is read")[..], [number.to_le_bytes()[0]]);
        };
        (0..128).for_each(&mut get);
        (0..128).for_each(&mut get);
        get(200);
        get(0);
        assert_eq!(reads, 130, "the first one was given up");
        assert!(windows.get(300, || Err(io::ErrorKind::NotFound.into())).is_err());
    }
}
