//! Decoded bytes of pclusters that may be asked for again.
//!
//! Small files are fragments of the packed inode, many in one pcluster. Without these,
//! each of them would decode it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes are kept in all.
const BYTES_MAX: usize = 48 << 20;

/// Where a pcluster is in the image.
type Key = u64;

#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The latest last.
    all: VecDeque<(Key, Arc<[u8]>)>,
    bytes: usize,
}

impl Cache {
    /// The first bytes of a pcluster, at least `len`, if they are kept.
    pub(super) fn get(&self, key: Key, len: usize) -> Option<Arc<[u8]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.all.iter().position(|(other, bytes)| *other == key && bytes.len() >= len)?;
        let found = kept.all.remove(at)?;
        let bytes = Arc::clone(&found.1);
        kept.all.push_back(found);
        Some(bytes)
    }

    pub(super) fn put(&self, key: Key, bytes: Arc<[u8]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bytes.len();
        kept.all.push_back((key, bytes));
        while kept.bytes > BYTES_MAX {
            let Some((_, oldest)) = kept.all.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_dropped() {
        let cache = Cache::default();
        let bytes: Arc<[u8]> = vec![0; BYTES_MAX / 4].into();
        for pos in 0..4 {
            cache.put(pos, Arc::clone(&bytes));
        }
        assert!(cache.get(0, bytes.len()).is_some(), "and it is the latest now");
        assert!(cache.get(2, bytes.len() + 1).is_none(), "it has fewer");
        cache.put(4, bytes);
        assert!(cache.get(0, 1).is_some());
        assert!(cache.get(1, 1).is_none());
    }
}
