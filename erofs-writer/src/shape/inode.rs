//! The forms of inodes, and their lengths without what depends on contents.

use crate::error::{Error, Result, TreeErrorKind};
use crate::format::inode::{COMPACT_LEN, EXTENDED_LEN};
use crate::options::{BlockSize, InodeForm, Options, OptionsError};
use crate::shape::epoch::Epoch;
use crate::shape::far;
use crate::shape::flat::Flat;
use crate::shape::index::{IndexForm, IndexLens};
use crate::shape::order::Order;
use crate::shape::size::Sizes;
use crate::shape::xattr::XattrTable;
use crate::tree::{InodeId, Kind, Metadata, Tree};

/// The decisions about inodes that do not need their data.
#[derive(Debug)]
pub(crate) struct Inodes<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) order: &'a Order,
    pub(crate) xattrs: &'a XattrTable,
    pub(crate) epoch: Epoch,
    /// Whether addresses of blocks may have more than 32 bits.
    pub(crate) far: bool,
    pub(super) index_lens: IndexLens,
    block_size: BlockSize,
    sizes: Sizes,
    /// Whether directories have no entry `.`.
    pub(crate) omits_dots: bool,
    form: InodeForm,
    /// Whether the tails of files may lie inline.
    inline_tails: bool,
}

impl<'a> Inodes<'a> {
    /// Chooses the epoch, and checks that compact inodes suffice if they must.
    pub(crate) fn new(
        tree: &'a Tree,
        order: &'a Order,
        xattrs: &'a XattrTable,
        options: &Options,
    ) -> Result<Self> {
        if options.build_time.is_some_and(|time| time.sec < 0 || time.nsec >= 1_000_000_000) {
            return Err(OptionsError::BuildTime.into());
        }
        let inodes = Inodes {
            tree,
            order,
            xattrs,
            epoch: Epoch::choose(tree, order, options.build_time, options.wide_addresses),
            far: far::is_far(tree, order, xattrs, options),
            index_lens: IndexLens::of(options),
            block_size: options.block_size,
            sizes: Sizes::of(options),
            omits_dots: options.omit_dots,
            form: options.inode_form,
            inline_tails: options.may_have_inline_data(),
        };
        if options.inode_form == InodeForm::Compact {
            if let Some(id) = order.ids.iter().find(|id| inodes.needs_extended(**id)) {
                return Err(Error::tree(tree.path_of(*id), TreeErrorKind::NotCompact));
            }
        }
        Ok(inodes)
    }

    pub(crate) fn is_extended(&self, id: InodeId) -> bool {
        match self.form {
            InodeForm::Auto => self.needs_extended(id),
            InodeForm::Compact => false,
            InodeForm::Extended => true,
        }
    }

    fn needs_extended(&self, id: InodeId) -> bool {
        const FIELD_MAX: u32 = 0xffff;
        let inode = self.tree.inode(id);
        let Metadata { uid, gid, mtime, .. } = inode.metadata;
        // Whether a directory's own length needs 64 bits is left aside: it
        // would have more names than an image has inodes.
        uid > FIELD_MAX
            || gid > FIELD_MAX
            || self.order.links(id) > FIELD_MAX
            || self.epoch.field(mtime).is_none()
            || self.far && !self.has_room_for_address(id)
            || crate::tree::content_len(&inode.kind) > u64::from(u32::MAX)
    }

    /// Whether a compact inode can have an address of 48 bits: the upper bits take the
    /// place of the link count.
    pub(crate) fn has_room_for_address(&self, id: InodeId) -> bool {
        match self.tree.inode(id).kind {
            Kind::Directory(_) => false,
            Kind::File(_) | Kind::Symlink(_) => self.order.links(id) == 1,
            _ => true,
        }
    }

    pub(crate) fn block_len(&self) -> u64 {
        self.block_size.len()
    }

    /// The length of the inode with its xattrs.
    pub(crate) fn head_len(&self, id: InodeId) -> u64 {
        let len = if self.is_extended(id) { EXTENDED_LEN } else { COMPACT_LEN };
        len + self.xattrs.body_len(id)
    }

    /// The size of an inode: bytes of a file, a symlink or a directory.
    pub(crate) fn size(&self, id: InodeId) -> u64 {
        self.sizes.size(self.tree, id)
    }

    /// The room that `id` takes if its data lies in consecutive blocks.
    pub(crate) fn flat(&self, id: InodeId) -> Flat {
        let is_file = matches!(self.tree.inode(id).kind, Kind::File(_));
        let may_have_inline_tail = self.inline_tails || !is_file;
        Flat::new(self.block_size, self.head_len(id), self.size(id), may_have_inline_tail)
    }

    /// The same if its tail lies in a block, which other files can share.
    pub(crate) fn flat_in_blocks(&self, id: InodeId) -> Flat {
        Flat::new(self.block_size, self.head_len(id), self.size(id), false)
    }

    /// The length of the inode of a file with an index of this form.
    pub(crate) fn len_with_index(&self, id: InodeId, form: IndexForm) -> u64 {
        self.index_lens.inode_len(self.head_len(id), self.size(id), form)
    }
}
