//! Snapshot of an image by `erofs-rs`, a reader written by other people. It
//! knows all layouts, compression, shared attributes and long prefixes.
//!
//! The image is read by position, not mapped: mapping a file needs `unsafe`.
//! So the reader's asynchronous face is used, on futures that never wait.

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use erofs_rs::r#async::EroFS;
use erofs_rs::backend::AsyncImage;
use erofs_rs::types::Inode;

use crate::digest::{ContentHasher, Digest};
use crate::entry::{Entry, Kind, Snapshot};
use crate::num::wide;

/// Snapshot of the image at `path`, whose further devices are `devices`.
///
/// # Errors
///
/// Those of the reader, with the path in the image.
pub fn snapshot(path: &Path, devices: &[&Path]) -> io::Result<Snapshot> {
    run(read(path, devices))
}

#[derive(Debug)]
struct Disk(File);

impl AsyncImage for Disk {
    async fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> erofs_rs::Result<()> {
        Ok(self.0.read_exact_at(buf, offset)?)
    }
}

/// Polls a future whose every step is done at once.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

async fn read(path: &Path, devices: &[&Path]) -> io::Result<Snapshot> {
    let image = Disk(File::open(path)?);
    let devices = devices.iter().map(|path| File::open(path).map(Disk));
    let devices = devices.collect::<io::Result<_>>()?;
    let fs =
        EroFS::new_with_devices(image, devices).await.map_err(|error| at(b"superblock", error))?;

    let mut tree = Snapshot::new();
    let root = fs.get_inode(fs.super_block().root_inode_id()).await;
    let root = root.map_err(|error| at(b"/", error))?;
    tree.insert(b"/".to_vec(), entry(&fs, root, b"/").await?);
    let mut walk = fs.walk_dir("/").await.map_err(|error| at(b"/", error))?;
    let mut last = b"/".to_vec();
    while let Some(next) = walk.next_entry().await {
        let next = next.map_err(|error| at(&[b"after ", &last[..]].concat(), error))?;
        let path = next.dir_entry.path().as_bytes().to_vec();
        let entry = entry(&fs, next.inode, &path).await?;
        if tree.insert(path.clone(), entry).is_some() {
            return Err(at(&path, "listed twice"));
        }
        last = path;
    }
    Ok(tree)
}

async fn entry(fs: &EroFS<Disk>, inode: Inode, path: &[u8]) -> io::Result<Entry> {
    let kind = Kind::from_mode(inode.file_type().as_raw_mode());
    let kind = kind.ok_or_else(|| at(path, "unknown file type"))?;
    let mut entry = Entry::new(kind, inode.permissions().mode() & 0o7777);
    entry.uid = inode.uid();
    entry.gid = inode.gid();
    (entry.mtime_sec, entry.mtime_nsec) = inode.modified_unix();
    entry.nlink = inode.nlink().into();
    entry.ino = inode.id();
    entry.rdev = inode.device().unwrap_or_default();
    match kind {
        Kind::Regular => {
            entry.size = inode.data_size();
            let digest = content(fs, inode).await;
            entry.content = Some(digest.map_err(|error| at(path, error))?);
        }
        Kind::Symlink => {
            let target = fs.read_link_inode(inode).await;
            let target = target.map_err(|error| at(path, error))?;
            entry.link_target = target.as_bytes().to_vec();
            entry.size = inode.data_size();
        }
        _ => {}
    }
    let xattrs = fs.xattrs_inode(inode).await;
    entry.xattrs = xattrs.map_err(|error| at(path, error))?;
    Ok(entry)
}

async fn content(fs: &EroFS<Disk>, inode: Inode) -> erofs_rs::Result<Digest> {
    let mut file = fs.open_inode_file(inode)?;
    let mut hasher = ContentHasher::new();
    let mut buffer = vec![0; 1 << 16];
    let mut len = 0;
    loop {
        match file.read(&mut buffer).await? {
            0 if len == inode.data_size() => return Ok(hasher.finish()),
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            n => {
                hasher.update(&buffer[..n]);
                len += wide(n);
            }
        }
    }
}

fn at(path: &[u8], error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.escape_ascii()))
}
