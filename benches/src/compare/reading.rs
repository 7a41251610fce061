//! How fast the kernel reads images: on loop devices, whole and in small pieces. Needs
//! root.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use walkdir::WalkDir;

use super::measure::run;
use super::series::Runs;

/// The word by which the runner calls itself to read at random places.
pub const WORD: &str = "read-at-random";
/// How many reads ...
const READS: u64 = 20_000;
/// ... of how many bytes.
const READ_LEN: usize = 4096;

/// The contents of an image.
#[derive(Clone, Copy, Debug)]
pub struct FileSystem {
    /// The kernel's name of it.
    pub kind: &'static str,
    /// Where the store paths lie in it.
    pub store: &'static str,
}

impl FileSystem {
    /// Ours.
    pub const EROFS: Self = Self { kind: "erofs", store: "" };
}

/// An image that is a file.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The name of the command that made it.
    pub name: String,
    /// Is that a command of this project?
    pub ours: bool,
    /// The file; the image is mounted beside it.
    pub path: PathBuf,
    /// Its contents.
    pub file_system: FileSystem,
}

impl Stored {
    /// Bytes that still have to be written do not leave the memory.
    pub(super) fn wait_for_disk(&self) -> Result<()> {
        let file = File::open(&self.path).with_context(|| format!("{}", self.path.display()))?;
        Ok(file.sync_all()?)
    }
}

/// An image, mounted until it is dropped.
#[derive(Debug)]
pub struct Image {
    stored: Stored,
    bytes: u64,
    at: PathBuf,
}

impl Image {
    /// Mounts the image beside itself.
    pub fn mount(stored: Stored) -> Result<Self> {
        stored.wait_for_disk()?;
        let path = &stored.path;
        let at = path.with_extension("mnt");
        fs::create_dir_all(&at)?;
        let bytes = fs::metadata(path)?.len();
        let status = Command::new("mount")
            .args(["-t", stored.file_system.kind, "-o", "loop,ro"])
            .args([path, &at])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "{} cannot be mounted", path.display());
        Ok(Self { stored, bytes, at })
    }

    /// Where its store paths are.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.at.join(self.stored.file_system.store)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Nobody can be told of a failure here.
        let _ = Command::new("umount").arg(&self.at).status();
        let _ = fs::remove_dir(&self.at);
    }
}

/// Mounts the images, each of which has to hold as many inodes as the tree that it was
/// made of.
pub fn mount_all(files: &[Stored], inodes: u64) -> Result<Vec<Image>> {
    let images = files.iter().cloned().map(Image::mount).collect::<Result<Vec<_>>>()?;
    for (image, file) in images.iter().zip(files) {
        let there = count_inodes(&image.store())?;
        ensure!(there == inodes, "{}: {there} inodes, not {inodes}", file.name);
    }
    Ok(images)
}

/// How an image is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All of it, with nothing in memory.
    ColdTar,
    /// All of it, again.
    WarmTar,
    /// In small pieces, with nothing in memory.
    ColdRandom,
    /// All names and inodes, with nothing in memory.
    ColdWalk,
}

impl Way {
    /// Those that read contents, in the order in which they are measured.
    pub const ALL: [Way; 3] = [Way::ColdTar, Way::WarmTar, Way::ColdRandom];

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Way::ColdTar => "tar, nothing in memory",
            Way::WarmTar => "tar again",
            Way::ColdRandom => "20,000 reads of 4 KiB at random places, nothing in memory",
            Way::ColdWalk => "find -ls, nothing in memory",
        }
    }

    fn command(self, at: &Path) -> Result<Vec<OsString>> {
        if self == Way::ColdRandom {
            return Ok(vec![std::env::current_exe()?.into(), WORD.into(), at.into()]);
        }
        let script = match self {
            Way::ColdWalk => "find \"$1\" -ls >/dev/null",
            // tar reads nothing if its output is /dev/null itself.
            _ => "tar -C \"$1\" -cf - . | cat >/dev/null",
        };
        let words: [&OsStr; 5] =
            ["sh".as_ref(), "-c".as_ref(), script.as_ref(), "sh".as_ref(), at.as_ref()];
        Ok(words.map(OsStr::to_owned).into())
    }
}

/// Reads the images in turn, `rounds` times and once to warm up.
pub fn read_all(images: &[Image], way: Way, rounds: usize) -> Result<Vec<Runs>> {
    let new = |image: &Image| Runs {
        name: image.stored.name.clone(),
        ours: image.stored.ours,
        samples: Vec::new(),
    };
    let mut all: Vec<Runs> = images.iter().map(new).collect();
    for round in 0..=rounds {
        let mut turns: Vec<_> = images.iter().zip(&mut all).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (image, runs) in turns {
            let command = way.command(&image.store())?;
            if way == Way::WarmTar {
                run(&command)?;
            } else {
                forget()?;
            }
            let mut sample = run(&command)?;
            sample.bytes = image.bytes;
            if round > 0 {
                runs.samples.push(sample);
            }
        }
    }
    Ok(all)
}

/// Empties the memory of all that was read.
pub(super) fn forget() -> Result<()> {
    Ok(fs::write("/proc/sys/vm/drop_caches", "3")?)
}

/// The other side of [`Way::ColdRandom`]: reads files below `at`, the same
/// ones in the same order each time.
pub fn read_at_random(at: &Path) -> Result<()> {
    let mut files = list(at)?;
    files.sort_unstable();
    ensure!(!files.is_empty(), "{}: no files", at.display());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut buffer = [0; READ_LEN];
    for _ in 0..READS {
        let count = u64::try_from(files.len())?;
        let (path, len) = &files[usize::try_from(random(count))?];
        let file = File::open(path).with_context(|| format!("{}", path.display()))?;
        file.read_at(&mut buffer, random(*len))?;
    }
    Ok(())
}

/// The files below `dir` that have bytes, with their lengths.
fn list(dir: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    for found in WalkDir::new(dir) {
        let found = found?;
        let is_file = found.file_type().is_file();
        let len = if is_file { found.metadata()?.len() } else { 0 };
        if len > 0 {
            files.push((found.into_path(), len));
        }
    }
    Ok(files)
}

/// Everything below `path`, and itself.
pub fn count_inodes(path: &Path) -> Result<u64> {
    let mut count = 0;
    for found in WalkDir::new(path).follow_root_links(false) {
        found?;
        count += 1;
    }
    Ok(count)
}
