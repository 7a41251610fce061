//! Contents that are not in the image but on a device that is mounted with it.

use std::fs::File;
use std::sync::{Arc, OnceLock};

use crate::tree::read_at::ReadAt;

/// A device with contents that do not go into the image.
#[derive(Debug)]
pub(crate) struct Device {
    /// A file that has the bytes of the device, and the position in it at which they
    /// start. None if the bytes came from a stream and were not kept.
    readable: Option<(Arc<File>, u64)>,
    /// The length in bytes, once it is known.
    len: OnceLock<u64>,
    /// Contents begin at multiples of this many bytes.
    unit: u32,
}

impl Device {
    #[cfg(any(feature = "image", feature = "tar"))]
    pub(crate) fn new(readable: Option<(Arc<File>, u64)>, unit: u32) -> Self {
        Device { readable, len: OnceLock::new(), unit }
    }

    /// Contents begin at multiples of this many bytes, and so blocks have as many.
    pub(crate) fn unit(&self) -> u32 {
        self.unit
    }

    /// Sets the length in bytes. The source calls this when it has reached the end.
    #[cfg(any(feature = "image", feature = "tar"))]
    pub(crate) fn set_len(&self, len: u64) {
        self.len.set(len).expect("an end is reached once");
    }

    pub(crate) fn len(&self) -> u64 {
        *self.len.get().expect("a tree is there when its source has been read")
    }

    /// The file that has the bytes of the device, and the position at which they start.
    pub(crate) fn readable(&self) -> Option<&(Arc<File>, u64)> {
        self.readable.as_ref()
    }
}

/// A run of bytes of a file that are contiguous on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceRun {
    /// The offset of the run in the file, in bytes.
    pub(crate) offset: u64,
    pub(crate) len: u64,
    /// The position of the run on the device, in bytes.
    pub(crate) pos: u64,
}

impl DeviceRun {
    /// The end of the run in the file.
    pub(crate) fn end(self) -> u64 {
        self.offset + self.len
    }
}

/// Contents of which a device has some runs. Between the runs are zeros.
pub(crate) struct Scattered {
    pub(crate) device: Arc<Device>,
    /// The runs, in the order of their offsets.
    pub(crate) runs: Vec<DeviceRun>,
    /// Reads the whole contents. None if the device cannot be read.
    pub(crate) reader: Option<Box<dyn ReadAt>>,
}

/// log2 of the length of the longest chunks into which a file of `len` bytes can be cut
/// so that each chunk is all zeros, or contiguous on the device.
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
        // The end of the file does not limit chunks.
        assert_eq!(bits(&[(8192, 5000)], 13_192), 13);
        assert_eq!(bits(&[(0, 5000)], 13_192), 3);
        assert_eq!(bits(&[(4096, 512), (65_536, 512)], 1 << 20), 9);
        assert_eq!(bits(&[], 1 << 20), 20);
        assert_eq!(bits(&[(0, u64::MAX >> 1)], u64::MAX >> 1), 63);
    }
}
