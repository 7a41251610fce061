//! Getting bytes onto the disk, and hearing of it when they do not get there.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::{Errno, retry_on_intr};

use super::temporary::descriptor;
use crate::cancel::Stop;
use crate::error::Error;
use crate::format::to_usize;

/// How many bytes are written in one step: as many as take about `STEP_TIME`.
const STEPS: RangeInclusive<u64> = (1 << 20)..=(64 << 20);
const FIRST_STEP: u64 = 4 << 20;
const STEP_TIME: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_millis(200);

/// The unit of direct reads, on every disk.
const SECTOR: u64 = 4096;

/// Writes the first `len` bytes of `file` to the disk. Ends early, without an
/// error, if it is told to stop.
///
/// A sync cannot be interrupted, and may take minutes; nor can a process end
/// while the disk has bytes to write for a file that goes away with it. So they
/// are first written in steps, of which each is waited for.
pub(super) fn sync(file: &File, len: u64, stop: &dyn Stop) -> io::Result<()> {
    let mut disk = Disk::of(file);
    let (mut pos, mut step) = (0, FIRST_STEP);
    while pos < len && !stop.is_set() {
        let began = Instant::now();
        let end = len.min(pos + step);
        begin(file, pos, end - pos);
        disk.wait(end);
        step = next_step(step, began.elapsed());
        pos = end;
    }
    match stop.is_set() {
        true => Ok(()),
        false => file.sync_data(),
    }
}

fn next_step(step: u64, took: Duration) -> u64 {
    let next = match took {
        _ if took < *STEP_TIME.start() => step * 2,
        _ if took > *STEP_TIME.end() => step / 2,
        _ => step,
    };
    next.clamp(*STEPS.start(), *STEPS.end())
}

/// Lets the kernel begin to write `len` bytes from `pos` on. The advice says that they
/// need not be kept in memory, so the kernel starts to write those that are not on the
/// disk. Where there is no such advice, the sync does all of the work.
#[cfg(target_os = "linux")]
fn begin(file: &File, pos: u64, len: u64) {
    let _ = rustix::fs::fadvise(file, pos, NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn begin(_: &File, _: u64, _: u64) {}

/// The file, opened for direct reads. Before such a read the kernel writes these bytes
/// to the disk if they are in memory only.
struct Disk {
    /// `None` where there are no direct reads: then nothing is waited for.
    file: Option<File>,
    buf: Vec<u8>,
}

impl Disk {
    #[cfg(target_os = "linux")]
    fn of(file: &File) -> Self {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::RDONLY | OFlags::DIRECT | OFlags::CLOEXEC;
        let file = retry_on_intr(|| open(descriptor(file), flags, Mode::empty()));
        Disk { file: file.ok().map(File::from), buf: vec![0; 2 * to_usize(SECTOR)] }
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_: &File) -> Self {
        Disk { file: None, buf: Vec::new() }
    }

    /// Waits for the sector before `end`, and so for most of what came before it.
    fn wait(&mut self, end: u64) {
        let Some(file) = &self.file else { return };
        let sector = to_usize(SECTOR);
        let start = self.buf.as_ptr().align_offset(sector);
        let place = (end - 1) / SECTOR * SECTOR;
        if file.read_at(&mut self.buf[start..start + sector], place).is_err() {
            self.file = None;
        }
    }
}

/// Closes another descriptor of the file, because some file systems, such as NFS,
/// report errors only when a file is closed.
pub(super) fn flush(file: &File) -> io::Result<()> {
    let other = file.try_clone()?;
    match nix::unistd::close(other) {
        // It is closed all the same.
        Err(nix::errno::Errno::EINTR) => Ok(()),
        other => other.map_err(io::Error::from),
    }
}

/// Writes the names in `folder` to the disk, if it may be opened.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let late = |error: io::Error| {
        let why = format!("the image is there, but its name may not be on the disk: {error}");
        io::Error::new(error.kind(), why)
    };
    let folder = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        other => other.map_err(late)?,
    };
    match folder.sync_all() {
        // Not all file systems know it of directories.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        other => other.map_err(late),
    }
}

/// The error of an output that cannot be written.
pub(super) fn write_error(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::Write { path: Some(path.to_path_buf()), source }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn steps_take_about_as_long_on_every_disk() {
        for rate in [100 << 10, 8 << 20, 100 << 20, 4 << 30_u64] {
            let time = |step: u64| Duration::from_micros(step * 1_000_000 / rate);
            let step = (0..20).fold(FIRST_STEP, |step, _| next_step(step, time(step)));
            assert!(STEPS.contains(&step), "{step}");
            let is_right = STEP_TIME.contains(&time(step));
            assert!(is_right || [STEPS.start(), STEPS.end()].contains(&&step), "{rate}: {step}");
        }
    }

    #[test]
    fn everything_is_synced_whatever_its_length_and_nothing_once_it_is_to_stop() {
        let file = tempfile::tempfile().expect("there is room");
        for len in [0, 1, 4096, 5000, (9 << 20) + 1] {
            file.set_len(len).expect("there is room");
            for stop in [false, true] {
                sync(&file, len, &AtomicBool::new(stop)).expect("can be synced");
            }
        }
    }
}
