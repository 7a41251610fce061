//! File systems and devices that are there until they are dropped, also by a
//! panic.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{NamedTempFile, TempDir};
use testdata::tools::{program, run};

/// A mounted file system.
pub(crate) struct Mounted {
    /// None once it is given up.
    point: Option<TempDir>,
}

impl Mounted {
    /// Runs `mount` with `words` and a new folder.
    pub(crate) fn new(words: &[&str]) -> Result<Self, String> {
        let point = tempfile::tempdir().map_err(|error| error.to_string())?;
        run(Command::new(program("mount")?).args(words).arg(point.path()))?;
        Ok(Mounted { point: Some(point) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.point.as_ref().expect("is there until dropped").path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let Some(point) = self.point.take() else { return };
        let umount =
            |words: &[&str]| run(Command::new(program("umount")?).args(words).arg(point.path()));
        if umount(&[]).is_err() && umount(&["--lazy"]).is_err() {
            // Removing the folder would remove what is mounted there.
            let _ = point.keep();
        }
    }
}

/// A file system that can be written.
pub(crate) struct Volume {
    mounted: Mounted,
    /// The file that holds it, which has no name any more once it is dropped.
    _file: Option<NamedTempFile>,
}

impl Volume {
    /// One in memory. None, as below, if this machine has no such file
    /// system, which is said.
    pub(crate) fn tmpfs(options: &str) -> Option<Self> {
        let mounted = Mounted::new(&["-t", "tmpfs", "-o", options, "tmpfs"]);
        told("tmpfs", mounted.map(|mounted| Volume { mounted, _file: None }))
    }

    pub(crate) fn ext4(len: u64) -> Option<Self> {
        told("ext4", Volume::in_file(len, "mkfs.ext4", &["-q", "-F", "-I", "256"]))
    }

    pub(crate) fn btrfs(len: u64) -> Option<Self> {
        told("btrfs", Volume::in_file(len, "mkfs.btrfs", &["-q", "-f"]))
    }

    fn in_file(len: u64, mkfs: &str, words: &[&str]) -> Result<Self, String> {
        let file = NamedTempFile::new().map_err(|error| error.to_string())?;
        file.as_file().set_len(len).map_err(|error| error.to_string())?;
        run(Command::new(program(mkfs)?).args(words).arg(file.path()))?;
        let shown = file.path().display().to_string();
        // The loop device goes away with the mount.
        let mounted = Mounted::new(&["-o", "loop", &shown])?;
        Ok(Volume { mounted, _file: Some(file) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.mounted.path()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("is mounted");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| name(entry.expect("readable"))).collect()
    }
}

/// The value, or `None` after an error, which is printed, and which is a failure where
/// no oracle may be missing.
pub(crate) fn told<T>(what: &str, result: Result<T, String>) -> Option<T> {
    let required = std::env::var_os("EROFS_ORACLES").is_some_and(|value| value == "required");
    result
        .inspect_err(|why| {
            assert!(!required, "EROFS_ORACLES=required, but no {what}: {why}");
            let test = std::thread::current().name().unwrap_or("?").to_owned();
            let line = format!("SKIPPED: {what} in {test}: {why}\n");
            // Unlike the macros, this is not captured.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        })
        .ok()
}

/// A file as a block device that can be written.
pub(crate) struct Disk {
    path: PathBuf,
    file: NamedTempFile,
}

impl Disk {
    /// One of `len` bytes that are not zeros.
    pub(crate) fn new(len: usize) -> Self {
        let file = NamedTempFile::new().expect("there is room");
        fs::write(file.path(), vec![0xa5; len]).expect("there is room");
        let path = Disk::attach(file.path(), &[]).expect("there are loop devices");
        Disk { path, file }
    }

    /// Attaches a file, trying again when another test takes the free device.
    fn attach(file: &Path, words: &[&str]) -> Result<PathBuf, String> {
        let attach = || {
            let mut command = Command::new(program("losetup")?);
            run(command.args(["--find", "--show"]).args(words).arg(file))
        };
        let mut last = attach();
        for _ in 0..5 {
            if last.is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            last = attach();
        }
        last.map(|path| PathBuf::from(path.trim()))
    }

    /// A read-only device of a file, which begins at `offset`.
    pub(crate) fn of_file(file: &Path, offset: u64) -> Self {
        let copy = NamedTempFile::new().expect("there is room");
        fs::copy(file, copy.path()).expect("there is room");
        let offset = offset.to_string();
        let path = Disk::attach(copy.path(), &["--read-only", "--offset", &offset]);
        Disk { path: path.expect("there are loop devices"), file: copy }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes on the device.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let device = File::open(&self.path).expect("is a device of ours");
        // The file of the loop device is written later.
        device.sync_all().expect("is a device of ours");
        fs::read(self.file.path()).expect("is a file of ours")
    }

    /// The bytes where a superblock begins, as others see them now.
    pub(crate) fn magic(&self) -> [u8; 4] {
        let device = File::open(&self.path).expect("is a device of ours");
        let mut magic = [0; 4];
        device.read_exact_at(&mut magic, 1024).expect("is a device of ours");
        magic
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Ok(losetup) = program("losetup") {
            let _ = run(Command::new(losetup).arg("--detach").arg(&self.path));
        }
    }
}
