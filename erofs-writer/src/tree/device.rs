//! Contents that stay outside of an image: on a device that is mounted
//! together with it.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use crate::tree::read_at::ReadAt;

/// What holds contents that do not go into the image.
#[derive(Debug)]
pub(crate) struct Device {
    /// A file with its bytes, and where in that they start. None if they came
    /// from a stream, and were not kept.
    readable: Option<(Arc<File>, u64)>,
    /// How many bytes it has, once that is known.
    len: OnceLock<u64>,
}

impl Device {
    #[cfg(feature = "tar")]
    pub(crate) fn new(readable: Option<(Arc<File>, u64)>) -> Self {
        Device { readable, len: OnceLock::new() }
    }

    /// Says how many bytes there are, which whoever reads them does at the end.
    #[cfg(feature = "tar")]
    pub(crate) fn set_len(&self, len: u64) {
        self.len.set(len).expect("an end is reached once");
    }

    pub(crate) fn len(&self) -> u64 {
        *self.len.get().expect("a tree is there when its source has been read")
    }

    /// A file in which its bytes can be read, and where they start.
    pub(crate) fn readable(&self) -> Option<&(Arc<File>, u64)> {
        self.readable.as_ref()
    }
}

/// Bytes of a file that lie side by side on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceRun {
    /// Where in the file they start.
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// Where on the device they start.
    pub(crate) pos: u64,
}

impl DeviceRun {
    /// Where in the file they end.
    pub(crate) fn end(self) -> u64 {
        self.offset + self.len
    }
}

/// The contents of a file of which a device holds some runs; between them
/// are zeros.
pub(crate) struct Scattered {
    pub(crate) device: Arc<Device>,
    /// In the order of the file.
    pub(crate) runs: Vec<DeviceRun>,
    /// All of it, if the device can be read.
    pub(crate) reader: Option<Box<dyn ReadAt>>,
}

/// log2 of the longest chunks in which a file of `len` bytes can be cut so that
/// each is all zeros, or bytes side by side on a device.
pub(crate) fn chunk_bits(runs: &[DeviceRun], len: u64) -> u32 {
    let whole = len.max(1).next_power_of_two().trailing_zeros();
    let edges = runs.iter().flat_map(|run| [run.offset, run.end()]);
    let edges = edges.filter(|edge| (1..len).contains(edge)).map(u64::trailing_zeros);
    edges.min().unwrap_or(whole).min(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_where_runs_do() {
        let bits = |runs: &[(u64, u64)], len| {
            let run = |(offset, len): &(u64, u64)| DeviceRun { offset: *offset, len: *len, pos: 0 };
            chunk_bits(&runs.iter().map(run).collect::<Vec<_>>(), len)
        };
        assert_eq!(bits(&[(0, 1)], 1), 0);
        assert_eq!(bits(&[(0, 4096)], 4096), 12);
        assert_eq!(bits(&[(0, 4097)], 4097), 13);
        // The end of the file is no edge, wherever it is.
        assert_eq!(bits(&[(8192, 5000)], 13_192), 13);
        assert_eq!(bits(&[(0, 5000)], 13_192), 3);
        assert_eq!(bits(&[(4096, 512), (65_536, 512)], 1 << 20), 9);
        assert_eq!(bits(&[], 1 << 20), 20);
        assert_eq!(bits(&[(0, u64::MAX >> 1)], u64::MAX >> 1), 63);
    }
}
