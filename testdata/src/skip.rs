//! Which oracles this machine has. A test that lacks one says so and passes;
//! with `EROFS_ORACLES=required` in the environment it fails instead.
//!
//! Notes of skipped oracles go to standard error past the test harness's
//! capture, and to the file named by `EROFS_ORACLE_LOG`, which collects them
//! over all test programs of a run.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, OnceLock};

use crate::{mount, tools};

/// Something that can tell whether an image is right, or make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Oracle {
    /// [`crate::raw::check`]; always there.
    RawCheck,
    /// [`crate::reader`]; always there.
    ErofsRs,
    /// [`erofs_writer::source::Image`], which other oracles have to prove; always there.
    Own,
    /// Mounting by the kernel: needs root and loop devices.
    KernelMount,
    /// `fsck.erofs`.
    Fsck,
    /// `dump.erofs`.
    Dump,
    /// `mkfs.erofs`, to compare with.
    Mkfs,
    /// `blkid`.
    Blkid,
    /// Overlay mounts.
    Overlay,
    /// `fakeroot`, in which owners are those that it makes up.
    Fakeroot,
    /// `gzip`, as a decoder.
    Gzip,
    /// `bzip2`, which writes archives.
    Bzip2,
    /// `lzip`, which writes archives.
    Lzip,
    /// `xz`, as a decoder.
    Xz,
    /// `zstd`, as a decoder.
    Zstd,
    /// `bsdtar`, which writes manifests.
    Bsdtar,
    /// `mtree` of NetBSD, which writes manifests.
    Mtree,
    /// `gensquashfs` and `rdsquashfs`, which read manifests and give back what they say.
    Gensquashfs,
    /// `mkcomposefs` and `composefs-info`, which writes manifests.
    Composefs,
    /// `veritysetup`, which makes and checks hash trees.
    Veritysetup,
    /// `fsverity`, which makes digests of files.
    Fsverity,
    /// Reading through memory maps, which Python does for us: in Rust it is
    /// not safe.
    Maps,
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Oracle {
    /// Why this machine does not have it; None if it does.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        static KERNEL: OnceLock<Option<String>> = OnceLock::new();
        let tool = |name| tools::program(name).err();
        match self {
            Self::RawCheck | Self::ErofsRs | Self::Own => None,
            Self::KernelMount => KERNEL.get_or_init(mount_is_missing).clone(),
            Self::Fsck => tool("fsck.erofs"),
            Self::Dump => tool("dump.erofs"),
            Self::Mkfs => tool("mkfs.erofs"),
            Self::Blkid => tool("blkid"),
            Self::Fakeroot => tool("fakeroot"),
            Self::Gzip => tool("gzip"),
            Self::Bzip2 => tool("bzip2"),
            Self::Lzip => tool("lzip"),
            Self::Xz => tool("xz"),
            Self::Zstd => tool("zstd"),
            Self::Bsdtar => tool("bsdtar"),
            Self::Mtree => tool("mtree"),
            Self::Gensquashfs => tool("gensquashfs").or_else(|| tool("rdsquashfs")),
            Self::Composefs => tool("mkcomposefs").or_else(|| tool("composefs-info")),
            Self::Veritysetup => tool("veritysetup"),
            Self::Fsverity => tool("fsverity"),
            Self::Maps => tool("python3"),
            Self::Overlay => {
                let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
                match known.contains("\toverlay\n") {
                    true => Self::KernelMount.missing(),
                    false => Some("the kernel does not know overlay".into()),
                }
            }
        }
    }
}

/// Whether the oracle is here. If not, notes that it was skipped: the caller
/// goes on without, or returns.
///
/// # Panics
///
/// If it is not here and `EROFS_ORACLES` is `required`.
#[must_use]
pub fn have(oracle: Oracle) -> bool {
    let Some(why) = oracle.missing() else {
        return true;
    };
    let required = std::env::var_os("EROFS_ORACLES").is_some_and(|value| value == "required");
    assert!(!required, "EROFS_ORACLES=required, but no {oracle}: {why}");
    note(oracle, &why);
    false
}

/// Whether all of them are here, as [`have`] has it for each.
#[must_use]
pub fn have_all<const N: usize>(oracles: [Oracle; N]) -> bool {
    oracles.map(have).iter().all(|here| *here)
}

/// Oracles skipped so far by this process, with the names of the tests.
#[must_use]
pub fn skipped() -> Vec<(Oracle, String)> {
    SKIPPED.lock().unwrap().iter().cloned().collect()
}

static SKIPPED: Mutex<BTreeSet<(Oracle, String)>> = Mutex::new(BTreeSet::new());

/// Notes it once for each test, which runs in a thread of its name.
fn note(oracle: Oracle, why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("?");
    if !SKIPPED.lock().unwrap().insert((oracle, test.to_owned())) {
        return;
    }
    let line = format!("SKIPPED: {oracle} in {test}: {why}\n");
    // Unlike the macros, this is not captured.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(log) = std::env::var_os("EROFS_ORACLE_LOG") {
        let file = fs::OpenOptions::new().append(true).create(true).open(log);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

fn mount_is_missing() -> Option<String> {
    for name in ["losetup", "mount", "umount"] {
        if let Err(why) = tools::program(name) {
            return Some(why);
        }
    }
    if fs::metadata("/proc/self").is_ok_and(|me| me.uid() != 0) {
        return Some("mounting needs root".into());
    }
    mount::probe().err()
}
