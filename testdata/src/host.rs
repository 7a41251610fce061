//! Snapshot of a folder or mount point of this machine.
//!
//! Every path is looked up by its name, not only listed: a directory whose
//! entries are in the wrong order lists well and fails only then.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use walkdir::WalkDir;

use crate::digest::{ContentHasher, Digest};
use crate::entry::{Entry, Kind, Snapshot};
use crate::num::{index, low32, wide};

/// Snapshot of all below `root`, which becomes `/`.
///
/// # Errors
///
/// The first failing system call, with the path it was about.
pub fn snapshot(root: &Path) -> io::Result<Snapshot> {
    let mut tree = Snapshot::new();
    for found in WalkDir::new(root) {
        let found = found?;
        let host = found.path();
        let below = host.strip_prefix(root).expect("lies below it").as_os_str().as_bytes();
        let entry = read_entry(host).map_err(|error| at(host, error))?;
        tree.insert([b"/", below].concat(), entry);
    }
    Ok(tree)
}

/// Where the image path lies below `root`.
#[must_use]
pub fn host_path(root: &Path, path: &[u8]) -> PathBuf {
    let below = path.strip_prefix(b"/").unwrap_or(path);
    if below.is_empty() { root.to_path_buf() } else { root.join(OsStr::from_bytes(below)) }
}

/// The image path of `name` in the directory `dir`.
pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = dir.to_vec();
    if path != b"/" {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn read_entry(path: &Path) -> io::Result<Entry> {
    let stat = fs::symlink_metadata(path)?;
    let kind = Kind::from_mode(stat.mode())
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "unknown file type"))?;
    let mut entry = Entry::new(kind, stat.mode() & 0o7777);
    entry.uid = stat.uid();
    entry.gid = stat.gid();
    entry.mtime_sec = stat.mtime();
    entry.mtime_nsec = u32::try_from(stat.mtime_nsec()).map_err(io::Error::other)?;
    entry.nlink = stat.nlink();
    entry.ino = stat.ino();
    match kind {
        Kind::Regular => {
            entry.size = stat.size();
            entry.content = Some(digest(path)?);
        }
        Kind::Symlink => {
            entry.size = stat.size();
            entry.link_target = fs::read_link(path)?.as_os_str().as_bytes().to_vec();
        }
        Kind::CharDevice | Kind::BlockDevice => {
            let rdev = stat.rdev();
            entry.rdev = (rustix::fs::major(rdev), rustix::fs::minor(rdev));
        }
        Kind::Directory | Kind::Fifo | Kind::Socket => {}
    }
    entry.xattrs = xattrs(path)?;
    Ok(entry)
}

/// Digest of a file, whose holes are skipped, not read.
///
/// # Errors
///
/// Those of the system calls.
pub fn digest(path: &Path) -> io::Result<Digest> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut hasher = ContentHasher::new();
    let mut buffer = vec![0; 1 << 16];
    let mut at = 0;
    while at < len {
        let data = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
            Ok(data) => data.min(len),
            Err(Errno::NXIO) => len,
            Err(error) => return Err(error.into()),
        };
        hasher.zeros(data - at);
        at = data;
        if at == len {
            break;
        }
        let hole = rustix::fs::seek(&file, SeekFrom::Hole(at))?.min(len);
        rustix::fs::seek(&file, SeekFrom::Start(at))?;
        while at < hole {
            let want = index((hole - at).min(wide(buffer.len())));
            let got = (&file).read(&mut buffer[..want])?;
            if got == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            hasher.update(&buffer[..got]);
            at += wide(got);
        }
    }
    Ok(hasher.finish())
}

/// All extended attributes of a path, not following a symlink.
///
/// # Errors
///
/// Also when a listed name cannot be got: that is how a wrong name filter
/// shows.
pub fn xattrs(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let names = match with_room(|room| rustix::fs::llistxattr(path, room)) {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP) if !on_erofs(path) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = BTreeMap::new();
    for name in names.split(|&byte| byte == 0) {
        if name.is_empty() {
            continue;
        }
        let value = with_room(|room| rustix::fs::lgetxattr(path, name, room));
        let value = value.map_err(|error| {
            let text = format!("listed xattr {}: {error}", name.escape_ascii());
            io::Error::new(io::Error::from(error).kind(), text)
        })?;
        if found.insert(name.to_vec(), value).is_some() {
            let text = format!("xattr {} is listed twice", name.escape_ascii());
            return Err(io::Error::other(text));
        }
    }
    Ok(found)
}

/// Calls with a small buffer, and once more with the largest that Linux fills.
fn with_room(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut room = vec![0; 512];
    let mut len = call(&mut room);
    if len == Err(Errno::RANGE) {
        room = vec![0; 1 << 16];
        len = call(&mut room);
    }
    room.truncate(len?);
    Ok(room)
}

/// EROFS gives EOPNOTSUPP for a malformed xattr body, where other file systems
/// only say that they have no xattrs.
fn on_erofs(path: &Path) -> bool {
    const EROFS_MAGIC: u32 = 0xe0f5_e1e2;
    path.parent()
        .and_then(|dir| rustix::fs::statfs(dir).ok())
        .and_then(|stat| u64::try_from(stat.f_type).ok())
        .is_some_and(|magic| low32(magic) == EROFS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt, symlink};

    #[test]
    fn a_folder_is_read_with_its_links_and_sizes() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/f"), b"content").unwrap();
        fs::hard_link(dir.path().join("d/f"), dir.path().join("g")).unwrap();
        symlink("d/f", dir.path().join("l")).unwrap();

        let tree = snapshot(dir.path()).unwrap();
        let keys: Vec<_> = tree.keys().map(|key| &key[..]).collect();
        assert_eq!(keys, [&b"/"[..], b"/d", b"/d/f", b"/g", b"/l"]);
        assert_eq!(tree[&b"/g"[..]].nlink, 2);
        assert_eq!(tree[&b"/g"[..]].content, Some(Digest::of(b"content")));
        assert_eq!(tree[&b"/l"[..]].link_target, b"d/f");
        assert_eq!(tree[&b"/g"[..]].ino, tree[&b"/d/f"[..]].ino);
    }

    #[test]
    fn a_sparse_file_of_gigabytes_is_digested_like_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(3 << 30).unwrap();
        file.write_at(b"middle", 1 << 30).unwrap();
        let mut expected = ContentHasher::new();
        expected.zeros(1 << 30);
        expected.update(b"middle");
        expected.zeros((3 << 30) - (1 << 30) - 6);
        assert_eq!(digest(&path).unwrap(), expected.finish());
    }
}
