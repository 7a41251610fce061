//! How soon a program can be read: images on loop devices, from the mount to
//! the program's last byte, with nothing in memory. Needs root.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use walkdir::WalkDir;

use super::measure::Sample;
use super::reading::{Stored, forget};
use super::reflink::command;
use super::series::Runs;

/// How large a program is, at least.
const PROGRAM_LEN: u64 = 64 << 10;

/// The first program of a tree in the order of paths, relative to the tree.
pub fn first_program(root: &Path) -> Result<PathBuf> {
    for found in WalkDir::new(root).sort_by_file_name() {
        let found = found?;
        let metadata = found.metadata()?;
        if metadata.is_file()
            && metadata.len() >= PROGRAM_LEN
            && metadata.permissions().mode() & 0o111 != 0
        {
            return Ok(found.path().strip_prefix(root)?.to_owned());
        }
    }
    bail!("{}: no program in it", root.display())
}

/// Mounts the images in turn and reads `program`, `rounds` times and once to
/// warm up.
pub fn read_first(images: &[Stored], program: &Path, rounds: usize) -> Result<Vec<Runs>> {
    let drives = images.iter().map(Drive::attach).collect::<Result<Vec<_>>>()?;
    let new =
        |image: &Stored| Runs { name: image.name.clone(), ours: image.ours, samples: Vec::new() };
    let mut all: Vec<Runs> = images.iter().map(new).collect();
    for round in 0..=rounds {
        let mut turns: Vec<_> = drives.iter().zip(&mut all).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (drive, runs) in turns {
            forget()?;
            let wall = drive.mount_and_read(program)?;
            if round > 0 {
                runs.samples.push(Sample { wall, ..Sample::default() });
            }
        }
    }
    Ok(all)
}

/// A loop device of an image; detached when dropped.
struct Drive<'a> {
    device: PathBuf,
    at: PathBuf,
    image: &'a Stored,
}

impl<'a> Drive<'a> {
    fn attach(image: &'a Stored) -> Result<Self> {
        image.wait_for_disk()?;
        let at = image.path.with_extension("mnt");
        fs::create_dir_all(&at)?;
        let output = Command::new("losetup")
            .args(["--find", "--show", "--read-only"])
            .arg(&image.path)
            .output()
            .context("cannot run losetup")?;
        ensure!(output.status.success(), "{}: no loop device for it", image.path.display());
        let device = PathBuf::from(String::from_utf8(output.stdout)?.trim_end());
        Ok(Self { device, at, image })
    }

    fn mount_and_read(&self, program: &Path) -> Result<Duration> {
        let kind = self.image.file_system.kind;
        let path = self.at.join(self.image.file_system.store).join(program);
        let mut bytes = Vec::with_capacity(1 << 20);
        let start = Instant::now();
        mount(&self.device, &self.at, kind, MountFlags::RDONLY, None)
            .with_context(|| format!("{} cannot be mounted", self.image.path.display()))?;
        let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
        let wall = start.elapsed();
        unmount(&self.at, UnmountFlags::empty())?;
        read.with_context(|| format!("{}", path.display()))?;
        Ok(wall)
    }
}

impl Drop for Drive<'_> {
    fn drop(&mut self) {
        // Nobody can be told of a failure here.
        let _ = command("losetup", &["--detach".as_ref(), self.device.as_os_str()]);
        let _ = fs::remove_dir(&self.at);
    }
}
