//! Other people's programs: erofs-utils and `blkid`.
//!
//! erofs-utils come from the folder in `EROFS_PEERS`, from `target/peers` of
//! the workspace (filled by `testdata/fetch-peers.sh`), or from `PATH`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;

use crate::entry::Snapshot;
use crate::host;

/// Where a program is.
///
/// # Errors
///
/// Why it cannot be used: not found, or erofs-utils that are too old.
pub fn program(name: &str) -> Result<PathBuf, String> {
    static FOUND: Mutex<BTreeMap<String, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap();
    let known = found.entry(name.to_owned());
    known.or_insert_with(|| find(name)).clone()
}

fn find(name: &str) -> Result<PathBuf, String> {
    let peers = std::env::var_os("EROFS_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers"),
        PathBuf::from,
    );
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A user's PATH often lacks the folders of system tools.
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders =
        std::iter::once(peers.join("bin")).chain(std::env::split_paths(&path)).chain(system);
    let file = folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("no {name} in PATH (testdata/fetch-peers.sh gets erofs-utils)"))?;
    if name.ends_with(".erofs") {
        check_version(&file)?;
    }
    Ok(file)
}

/// Older ones cannot do what the tests ask for.
fn check_version(file: &Path) -> Result<(), String> {
    let text = run(Command::new(file).arg("--version"))?;
    let version = text.split_once("erofs-utils) 1.").map(|(_, rest)| rest);
    let minor = version.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    match minor.and_then(|minor| minor.parse::<u32>().ok()) {
        Some(minor) if minor >= 9 => Ok(()),
        _ => Err(format!("{} is older than 1.9", file.display())),
    }
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
///
/// That it cannot be started, or its exit status and all that it printed.
pub fn run(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output =
        command.env("LC_ALL", "C").output().map_err(|error| format!("{shown}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{shown}: {}\n{text}{errors}", output.status))
}

fn command(name: &str) -> Result<Command, String> {
    Ok(Command::new(program(name)?))
}

/// Runs `mkfs.erofs`.
///
/// # Errors
///
/// Its output.
pub fn mkfs<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<(), String> {
    run(command("mkfs.erofs")?.arg("--quiet").args(args)).map(drop)
}

/// Runs `fsck.erofs` on an image.
///
/// # Errors
///
/// Its output.
pub fn fsck(image: &Path, devices: &[&Path]) -> Result<(), String> {
    let mut command = command("fsck.erofs")?;
    command.args(devices.iter().map(|path| device_option(path)));
    run(command.arg(image)).map(drop)
}

fn device_option(path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from("--device=");
    option.push(path);
    option
}

/// Lets `fsck.erofs` extract an image to a new folder.
///
/// # Errors
///
/// Its output.
pub fn extract(image: &Path, devices: &[&Path]) -> Result<TempDir, String> {
    let folder = scratch().map_err(|error| error.to_string())?;
    let mut option = std::ffi::OsString::from("--extract=");
    option.push(folder.path());
    let mut command = command("fsck.erofs")?;
    command.args(devices.iter().map(|path| device_option(path)));
    command.args(["--preserve", "--xattrs", "--overwrite"]);
    run(command.arg(option).arg(image))?;
    Ok(folder)
}

/// A new folder in memory, where thousands of files take the least time; in
/// the usual place if memory has no extended attributes (Linux before 6.6).
fn scratch() -> io::Result<TempDir> {
    let in_memory = tempfile::tempdir_in("/dev/shm").ok().filter(|folder| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::lsetxattr(folder.path(), "user.probe", b"", flags).is_ok()
            && rustix::fs::lremovexattr(folder.path(), "user.probe").is_ok()
    });
    in_memory.map_or_else(tempfile::tempdir, Ok)
}

/// Snapshot of what `fsck.erofs` extracts.
///
/// # Errors
///
/// Its output, or why that cannot be read.
pub fn extracted_snapshot(image: &Path, devices: &[&Path]) -> Result<Snapshot, String> {
    let folder = extract(image, devices)?;
    host::snapshot(folder.path()).map_err(|error: io::Error| error.to_string())
}

/// The superblock as `dump.erofs -s` prints it: name to value.
///
/// # Errors
///
/// Its output.
pub fn dump_superblock(image: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = run(command("dump.erofs")?.arg("-s").arg(image))?;
    Ok(pairs(&text, ':'))
}

/// The statistics that `dump.erofs -S` prints: name to value.
///
/// # Errors
///
/// Its output.
pub fn dump_statistics(image: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = run(command("dump.erofs")?.arg("-S").arg(image))?;
    Ok(pairs(&text, ':'))
}

/// The fields that `blkid` finds by probing a file or device: `TYPE`, `LABEL`,
/// `UUID`... Nothing if it does not recognise it.
///
/// # Errors
///
/// Its output.
pub fn blkid(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut command = command("blkid")?;
    command.args(["--probe", "--output", "export"]).arg(path);
    let output = command.env("LC_ALL", "C").output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    // 2 is "nothing found", 8 is "several things found".
    match output.status.code() {
        Some(0) => Ok(pairs(&String::from_utf8_lossy(&output.stdout), '=')),
        Some(2) => Ok(BTreeMap::new()),
        _ => {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?}: {}\n{errors}", output.status))
        }
    }
}

fn pairs(text: &str, between: char) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once(between));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}
