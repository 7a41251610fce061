//! A fresh file system that shares blocks between files, in an image file on
//! a loop device. Needs root and the file system's mkfs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::fs::{statvfs, syncfs};

/// A mounted file system; unmounted and deleted when dropped.
#[derive(Debug)]
pub struct Mounted {
    image: PathBuf,
    /// Where it is mounted.
    pub at: PathBuf,
}

impl Mounted {
    /// Makes a file system of `kind` ("btrfs" or "xfs") with `bytes` of room.
    pub fn new(kind: &str, bytes: u64, work: &Path) -> Result<Self> {
        let mounted =
            Self { image: work.join(format!("{kind}.img")), at: work.join(format!("{kind}.mnt")) };
        fs::create_dir_all(&mounted.at)?;
        File::create(&mounted.image)?.set_len(bytes)?;
        command(&format!("mkfs.{kind}"), &[mounted.image.as_os_str()])?;
        let (image, at) = (mounted.image.as_os_str(), mounted.at.as_os_str());
        command("mount", &["-o".as_ref(), "loop".as_ref(), image, at])?;
        Ok(mounted)
    }

    /// Bytes in use on the file system, once all that is pending is on disk.
    pub fn used(&self) -> Result<u64> {
        // Both free the blocks of a deleted file some time after.
        let mut before = None;
        loop {
            syncfs(File::open(&self.at)?)?;
            let stat = statvfs(&self.at)?;
            let used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize;
            if before.replace(used) == Some(used) {
                return Ok(used);
            }
            thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nobody can be told of a failure here; what is left over lies below
        // the work folder.
        let _ = Command::new("umount").arg(&self.at).status();
        let _ = fs::remove_dir(&self.at);
        let _ = fs::remove_file(&self.image);
    }
}

/// Copies a tree. Not the modes, so that anyone can delete it again.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    let how = ["-dR".as_ref(), "--no-preserve=mode".as_ref()];
    command("cp", &[how[0], how[1], from.as_os_str(), to.as_os_str()])
}

pub(super) fn command(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} failed: {status}");
    Ok(())
}
