//! What does not go together with an index of an archive.

use erofs_writer::BlockSize;

use crate::args::{Args, Tar};
use crate::suboptions::{self, Suboption};
use crate::usage::UsageError;

/// The blocks of an index are those of its archive.
pub(super) fn block_size() -> BlockSize {
    BlockSize::new(512).expect("is one")
}

/// An error that names what cannot be had in an index, as that takes contents
/// where and how they are.
pub(super) fn check(args: &Args, words: &[Suboption]) -> Result<(), UsageError> {
    if args.tar != Some(Tar::Index) {
        return Ok(());
    }
    let block_size = args.block_size.filter(|size| *size != block_size());
    let flags = [
        args.compress.as_ref().map(|codec| format!("-z {codec}")),
        block_size.map(|size| format!("blocks of {size} bytes (-b)")),
        args.chunksize.map(|size| format!("--chunksize={size}")),
        args.dsunit.filter(|blocks| *blocks > 1).map(|blocks| format!("--dsunit={blocks}")),
        args.unxz.map(|_| "--unxz".to_owned()),
        suboptions::of_stored_contents(words).map(Suboption::to_string),
    ];
    match flags.into_iter().flatten().next() {
        Some(flag) => Err(UsageError::contradiction(flag, "--tar=i")),
        None => Ok(()),
    }
}
