//! The fs-verity digests of files.

use crate::error::Result;
use crate::event::{FsVerityDigest, Phase};
use crate::observer::Observer;
use crate::pool::{Share, Threads, try_map};
use crate::tree::{Kind, Reader};
use crate::verity::Digester;

/// Files are read in steps of so many bytes.
const STEP: u64 = 256 << 10;

/// The digests of all regular files, by their paths.
pub(super) fn digests(
    reader: Reader<'_>,
    observer: &Observer<'_>,
    threads: &Threads,
) -> Result<Vec<FsVerityDigest>> {
    observer.phase(Phase::Digest)?;
    let mut files = Vec::new();
    for entry in reader.tree.walk() {
        if let Kind::File(content) = &reader.tree.inode(entry.arena_id()).kind {
            files.push((entry.arena_id(), content, entry.path().to_vec()));
        }
    }
    files.sort_by(|(.., a), (.., b)| a.cmp(b));
    // Each inode is read once, however many names it has.
    let mut inodes: Vec<_> = files.iter().map(|(id, content, _)| (*id, *content)).collect();
    inodes.sort_unstable_by_key(|(id, _)| *id);
    inodes.dedup_by_key(|(id, _)| *id);
    let total = inodes.iter().map(|(_, content)| content.len()).fold(0, u64::saturating_add);
    let digests = observer.watch(threads, total, |report| {
        try_map(0..inodes.len(), Share::Single, |at| {
            let (id, content) = inodes[at];
            let mut digester = Digester::default();
            reader.steps(id, content, 0..content.len(), STEP, false, |_, bytes| {
                digester.add(bytes);
                report(crate::format::to_u64(bytes.len()));
            })?;
            Ok(digester.finish())
        })
    })?;
    let digest = |id| digests[inodes.partition_point(|(other, _)| *other < id)];
    let named = files.into_iter().map(|(id, _, path)| FsVerityDigest { path, digest: digest(id) });
    Ok(named.collect())
}
