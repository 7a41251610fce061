//! Summaries as data, in the form of `docs/report.schema.json`.

use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

#[cfg(feature = "verity")]
use crate::event::VeritySummary;
use crate::event::{EntrySize, InodeCounts, Phase, Summary};

/// Under the names of its fields, with these differences: `uuid`, `oldest_kernel`
/// and the `algorithms` are strings, `inodes` has their `total` too, `entry_sizes` is called `entries` and
/// left out if there are none, as is `verity`, and `times` is called `phases`, which are objects with
/// a `name` and `seconds`. `mkfs-erofs --json` tells the same.
impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let len = 19 + usize::from(!self.entry_sizes.is_empty());
        #[cfg(feature = "verity")]
        let len = len + usize::from(self.verity.is_some());
        let mut out = serializer.serialize_struct("Summary", len)?;
        out.serialize_field("uuid", &self.uuid.to_string())?;
        let algorithms: Vec<String> = self.algorithms.iter().map(ToString::to_string).collect();
        out.serialize_field("algorithms", &algorithms)?;
        out.serialize_field("oldest_kernel", &self.oldest_kernel.to_string())?;
        out.serialize_field("page_size_min", &self.page_size_min)?;
        out.serialize_field("block_size", &self.block_size)?;
        out.serialize_field("blocks", &self.blocks)?;
        out.serialize_field("bytes_in", &self.bytes_in)?;
        out.serialize_field("bytes_out", &self.bytes_out)?;
        out.serialize_field("metadata_bytes", &self.metadata_bytes)?;
        out.serialize_field("shared_bytes", &self.shared_bytes)?;
        out.serialize_field("repeated_bytes", &self.repeated_bytes)?;
        out.serialize_field("taken_bytes", &self.taken_bytes)?;
        out.serialize_field("fragment_bytes", &self.fragment_bytes)?;
        out.serialize_field("hole_bytes", &self.hole_bytes)?;
        out.serialize_field("device_bytes", &self.device_bytes)?;
        out.serialize_field("kernel_copied_bytes", &self.kernel_copied_bytes)?;
        out.serialize_field("verified", &self.verified)?;
        out.serialize_field("inodes", &self.inodes)?;
        if self.entry_sizes.is_empty() {
            out.skip_field("entries")?;
        } else {
            out.serialize_field("entries", &self.entry_sizes)?;
        }
        #[cfg(feature = "verity")]
        match &self.verity {
            Some(verity) => out.serialize_field("verity", verity)?,
            None => out.skip_field("verity")?,
        }
        let phases: Vec<PhaseTime> =
            self.times.iter().map(|(phase, time)| PhaseTime(*phase, *time)).collect();
        out.serialize_field("phases", &phases)?;
        out.end()
    }
}

impl Serialize for InodeCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("InodeCounts", 5)?;
        out.serialize_field("total", &self.total())?;
        out.serialize_field("directories", &self.directories)?;
        out.serialize_field("files", &self.files)?;
        out.serialize_field("symlinks", &self.symlinks)?;
        out.serialize_field("others", &self.others)?;
        out.end()
    }
}

/// Bytes of the name that are no UTF-8 are replaced.
impl Serialize for EntrySize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("EntrySize", 3)?;
        out.serialize_field("name", &String::from_utf8_lossy(&self.name))?;
        out.serialize_field("bytes_in", &self.bytes_in)?;
        out.serialize_field("bytes_out", &self.bytes_out)?;
        out.end()
    }
}

/// By its name, as [`Display`](std::fmt::Display) has it.
impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// With hashes and salt as hexadecimal digits, a salt that is none as `-`, and the length
/// in sectors. `uuid` is left out if there is none.
#[cfg(feature = "verity")]
impl Serialize for VeritySummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out =
            serializer.serialize_struct("VeritySummary", 10 + usize::from(self.uuid.is_some()))?;
        out.serialize_field("root_hash", &self.root_hash_hex())?;
        out.serialize_field("hash", self.hash.name())?;
        out.serialize_field("salt", &self.salt_hex())?;
        match self.uuid {
            Some(uuid) => out.serialize_field("uuid", &uuid.to_string())?,
            None => out.skip_field("uuid")?,
        }
        out.serialize_field("data_block_size", &self.data_block_size)?;
        out.serialize_field("hash_block_size", &self.hash_block_size)?;
        out.serialize_field("data_blocks", &self.data_blocks)?;
        out.serialize_field("data_sectors", &(self.data_len() / 512))?;
        out.serialize_field("hash_offset", &self.hash_offset)?;
        out.serialize_field("hash_start_block", &self.hash_start_block)?;
        out.serialize_field("hash_end", &self.hash_end)?;
        out.end()
    }
}

struct PhaseTime(Phase, Duration);

impl Serialize for PhaseTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PhaseTime(phase, time) = self;
        // To the microsecond.
        let seconds = (time.as_secs_f64() * 1e6).round() / 1e6;
        let mut out = serializer.serialize_struct("PhaseTime", 2)?;
        out.serialize_field("name", phase)?;
        out.serialize_field("seconds", &seconds)?;
        out.end()
    }
}
