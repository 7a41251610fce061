//! Reading an image back and comparing it with the tree of which it was written.
//!
//! What is expected comes from the tree and the options, and what is found comes from
//! [`image`](crate::image), which shares with the code that writes images nothing but the
//! structures of [`format`](crate::format). No result of a stage of the build is used.
//!
//! First the names are walked (`names.rs`), which gives the inode of each file. Then all
//! inodes are compared (`inodes.rs`), in the order in which the image has them. At last
//! the contents are (`contents.rs`), in the order in which they are stored, in parts.

mod check;
mod contents;
mod devices;
mod inodes;
mod names;
mod part;
mod staying;
mod superblock;
mod tasks;

pub(crate) use check::Check;
pub(crate) use devices::devices_of;

use crate::error::Result;
use crate::image::Input;
use crate::tree::Tree;

/// How many bytes of contents a tree has: so much there is to compare.
pub(crate) fn weight(tree: &Tree) -> u64 {
    let files = tree.walk().map(|entry| entry.content().map_or(0, |content| content.len()));
    files.fold(0, u64::saturating_add)
}

impl Check<'_> {
    /// Compares the image in `input` with the tree. `report` is told how many bytes of
    /// contents were compared.
    ///
    /// # Errors
    /// [`Error::Verify`](crate::Error::Verify) for the first difference, or an error of
    /// reading the source or the output.
    pub(crate) fn run(&self, input: Input, report: &(dyn Fn(u64) + Sync)) -> Result<()> {
        let image = &self.open(input)?;
        let names = names::walk(self, image)?;
        superblock::compare(self, image, names.inodes.len())?;
        let files = inodes::compare(self, image, &names)?;
        tasks::compare(self, image, files, report)
    }
}
