//! Arguments that an index of an archive has no use for. Contents stay where and how they
//! are, so mkfs.erofs accepts flags about them and ignores them. Callers send some of
//! them with every mode.

use erofs_writer::{BlockSize, Shown};

use crate::args::{Args, Tar};
use crate::suboptions::Suboption;
use crate::usage::UsageError;

/// The blocks of an index are those of its archive.
fn block_size() -> BlockSize {
    BlockSize::new(512).expect("is one")
}

/// Removes the arguments that mean nothing for an index, and returns notes about them.
///
/// # Errors
/// If the arguments say that the archive is compressed: an index cannot point into such
/// an archive.
pub(super) fn settle(
    args: &mut Args,
    words: &mut Vec<Suboption>,
) -> Result<Vec<String>, UsageError> {
    if args.source.tar != Some(Tar::Index) {
        return Ok(Vec::new());
    }
    if args.source.unxz.is_some() {
        return Err(UsageError::contradiction("--unxz", "--tar=i"));
    }
    let size = args.block_size.replace(block_size()).filter(|size| *size != block_size());
    let blocks =
        size.map(|size| format!("-b {size}: an index has the blocks of its archive, of 512 bytes"));
    let without_use = [
        args.compress.take().map(|codec| format!("-z {}", Shown::new(&codec))),
        args.pcluster_size.take().map(|size| format!("-C {size}")),
        args.max_extent_bytes.take().map(|bytes| format!("--max-extent-bytes={bytes}")),
        args.compress_hints.take().map(|file| format!("--compress-hints={}", Shown::new(&file))),
        args.chunksize.take().map(|size| format!("--chunksize={size}")),
        args.dsunit.take().filter(|blocks| *blocks > 1).map(|blocks| format!("--dsunit={blocks}")),
    ];
    let (of_contents, others): (Vec<_>, Vec<_>) =
        words.drain(..).partition(Suboption::is_of_contents);
    *words = others;
    let without_use = without_use.into_iter().flatten();
    let without_use = without_use.chain(of_contents.iter().map(Suboption::to_string));
    let contents = without_use.map(|flag| format!("{flag}: an index has no contents of files"));
    Ok(blocks.into_iter().chain(contents).collect())
}
