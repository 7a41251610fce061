//! Mounts by the kernel, undone when the value is dropped, also by a panic.
//!
//! Each mount gets a fresh loop device: a device that was left over would
//! still serve the old content of a file that has been written anew. The
//! device is told to go away with its last user as soon as it is mounted, so
//! that even a killed test leaves a mount at most.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tools::{program, run};

/// A file as a read-only block device.
#[derive(Debug)]
pub struct LoopDevice {
    path: PathBuf,
    attached: bool,
}

impl LoopDevice {
    /// Attaches a file.
    ///
    /// # Errors
    ///
    /// The output of `losetup`.
    pub fn attach(file: &Path) -> Result<Self, String> {
        Self::attach_with(file, &["--read-only"])
    }

    /// Attaches a file so that it can be written through the device.
    ///
    /// # Errors
    ///
    /// The output of `losetup`.
    pub fn attach_writable(file: &Path) -> Result<Self, String> {
        Self::attach_with(file, &[])
    }

    fn attach_with(file: &Path, options: &[&str]) -> Result<Self, String> {
        let attach = || {
            let mut command = Command::new(program("losetup")?);
            command.args(["--find", "--show"]).args(options).arg(file);
            let path = run(&mut command)?;
            Ok(Self { path: PathBuf::from(path.trim()), attached: true })
        };
        // Two tests may be given the same free device, and one then loses it.
        let tries = std::iter::repeat_with(attach).take(5);
        let mut last = Err(String::new());
        for result in tries {
            last = result;
            if last.is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        last
    }

    /// The device.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Detaches at once, or after the unmount if it is mounted. Not twice: the
    /// device may be somebody else's by then.
    fn detach(&mut self) {
        if !std::mem::take(&mut self.attached) {
            return;
        }
        if let Ok(losetup) = program("losetup") {
            let _ = run(Command::new(losetup).arg("--detach").arg(&self.path));
        }
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        self.detach();
    }
}

/// A mounted file system of any kind.
#[derive(Debug)]
struct Mounted {
    /// None once unmounted, or given up.
    point: Option<TempDir>,
}

impl Mounted {
    /// Runs `mount` with the arguments and a new folder.
    fn new(configure: impl FnOnce(&mut Command)) -> Result<Self, String> {
        let point = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut command = Command::new(program("mount")?);
        configure(&mut command);
        run(command.arg(point.path()))?;
        Ok(Self { point: Some(point) })
    }

    fn path(&self) -> &Path {
        self.point.as_ref().expect("mounted until dropped").path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let Some(point) = self.point.take() else {
            return;
        };
        let umount = |option: &[&str]| {
            let program = program("umount")?;
            run(Command::new(program).args(option).arg(point.path()))
        };
        if umount(&[]).is_err() && umount(&["--lazy"]).is_err() {
            // Removing the folder would remove what is mounted there.
            let _ = point.keep();
        }
    }
}

/// An image mounted by the kernel.
#[derive(Debug)]
pub struct KernelMount {
    mounted: Mounted,
    device: PathBuf,
}

impl KernelMount {
    /// Mounts an image as EROFS, read-only.
    ///
    /// # Errors
    ///
    /// The output of `losetup` or `mount`.
    pub fn new(image: &Path) -> Result<Self, String> {
        Self::with_devices(image, &[])
    }

    /// Mounts an image that has further devices.
    ///
    /// # Errors
    ///
    /// The output of `losetup` or `mount`.
    pub fn with_devices(image: &Path, devices: &[&Path]) -> Result<Self, String> {
        let device = LoopDevice::attach(image)?;
        let more = devices.iter().map(|path| LoopDevice::attach(path));
        let more = more.collect::<Result<Vec<_>, _>>()?;
        let mut options = String::from("ro");
        for device in &more {
            options.push_str(&format!(",device={}", device.path.display()));
        }
        let mounted = Mounted::new(|command| {
            command.args(["-t", "erofs", "-o", &options]).arg(&device.path);
        })?;
        Ok(Self::mounted(mounted, device, more))
    }

    /// Mounts by label, as /etc/fstab would: the kind of file system and the
    /// device are found by libblkid. Its cache is kept away from the system's.
    ///
    /// # Errors
    ///
    /// The output of `losetup` or `mount`.
    pub fn by_label(image: &Path, label: &str) -> Result<Self, String> {
        let cache = tempfile::tempdir().map_err(|error| error.to_string())?;
        let cache = cache.path().join("blkid.tab");
        let device = LoopDevice::attach(image)?;
        let by_mount = Mounted::new(|command| {
            command.env("BLKID_FILE", &cache);
            command.args(["-o", "ro"]).arg(format!("LABEL={label}"));
        });
        // Without udev, libmount may not scan devices; findfs does.
        let mounted = by_mount.or_else(|_| {
            let mut find = Command::new(program("findfs")?);
            find.env("BLKID_FILE", &cache).arg(format!("LABEL={label}"));
            let found = run(&mut find)?;
            Mounted::new(|command| {
                command.args(["-o", "ro"]).arg(found.trim());
            })
        })?;
        Ok(Self::mounted(mounted, device, Vec::new()))
    }

    fn mounted(mounted: Mounted, mut device: LoopDevice, mut more: Vec<LoopDevice>) -> Self {
        device.detach();
        more.iter_mut().for_each(LoopDevice::detach);
        Self { mounted, device: device.path.clone() }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.mounted.path()
    }

    /// The loop device of the image.
    #[must_use]
    pub fn device(&self) -> &Path {
        &self.device
    }
}

/// A file system in memory, empty at first.
#[derive(Debug)]
pub struct Tmpfs(Mounted);

impl Tmpfs {
    /// Of this many bytes at most.
    ///
    /// # Errors
    ///
    /// The output of `mount`.
    pub fn new(bytes: u64) -> Result<Self, String> {
        let mounted = Mounted::new(|command| {
            command.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]);
        })?;
        Ok(Self(mounted))
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// An overlay of folders.
#[derive(Debug)]
pub struct Overlay {
    mounted: Mounted,
    scratch: TempDir,
}

impl Overlay {
    /// Stacks `lower` (the first on top) below a new, empty, writable folder.
    ///
    /// # Errors
    ///
    /// The output of `mount`.
    pub fn new(lower: &[&Path]) -> Result<Self, String> {
        let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (upper, work) = (scratch.path().join("upper"), scratch.path().join("work"));
        for folder in [&upper, &work] {
            std::fs::create_dir(folder).map_err(|error| error.to_string())?;
        }
        let lower: Vec<_> = lower.iter().map(|path| path.display().to_string()).collect();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            upper.display(),
            work.display()
        );
        let mounted = Mounted::new(|command| {
            command.args(["-t", "overlay", "-o", &options, "overlay"]);
        })?;
        Ok(Self { mounted, scratch })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.mounted.path()
    }

    /// The writable folder.
    #[must_use]
    pub fn upper(&self) -> PathBuf {
        self.scratch.path().join("upper")
    }
}

/// Mounts the smallest image there is, to see whether that works here.
///
/// # Errors
///
/// Why not.
pub fn probe() -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    std::fs::write(file.path(), empty_image()).map_err(|error| error.to_string())?;
    KernelMount::new(file.path()).map(drop)
}

/// The smallest image there is: one block, nothing but a root directory.
#[must_use]
pub fn empty_image() -> Vec<u8> {
    let mut image = vec![0; 4096];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    // Superblock: magic, 4096-byte blocks, root nid 36, one inode, one block.
    put(0x400, &[0xe2, 0xe1, 0xf5, 0xe0]);
    put(0x40c, &[12, 0, 36, 0, 1]);
    put(0x424, &[1]);
    // Compact inode with inline data: a directory, two links, 27 bytes.
    put(0x480, &[4, 0, 0, 0, 0xed, 0x41, 2, 0, 27]);
    put(0x490, &[0xff, 0xff, 0xff, 0xff, 1]);
    // "." and "..", both the root.
    put(0x4a0, &[36, 0, 0, 0, 0, 0, 0, 0, 24, 0, 2]);
    put(0x4ac, &[36, 0, 0, 0, 0, 0, 0, 0, 25, 0, 2]);
    put(0x4b8, b"...");
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{Image, check};

    #[test]
    fn the_probe_image_breaks_no_rule() {
        let image = Image::from_bytes(empty_image());
        assert_eq!(check(&image).unwrap().inodes, 1);
        crate::golden::compare("empty-root", &crate::dump::dump(&image));
    }
}
