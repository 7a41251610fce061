//! Windows: parts of the metadata area, each with its inodes and the data of those that
//! are not large.

use std::ops::Range;

use crate::error::Result;
use crate::format::{to_u64, to_usize};
use crate::meta::{self, Ends};
use crate::tree::{Content, InodeId, Kind, OpenContent};
use crate::write::buffer::Buffer;
use crate::write::job::{Job, head_len};
use crate::write::piece::large_len;

/// A window ends after this many bytes of metadata ...
const META_LEN: u64 = 256 * 1024;
/// ... or after this many bytes of data.
const DATA_LEN: u64 = 4 * 1024 * 1024;
/// The same for windows of the metabox, each of which ends with a pcluster.
const METABOX_LEN: u64 = 2 * 1024 * 1024;
const METABOX_DATA_LEN: u64 = 64 * 1024 * 1024;

/// Some blocks of the metadata area.
pub(super) struct Window {
    /// Its inodes, as a part of `Placement::by_pos`.
    first: usize,
    last: usize,
    start: u64,
    end: u64,
    /// How many bytes it writes, roughly.
    pub(super) weight: u64,
}

/// Cuts the metadata of the image into windows.
pub(super) fn cut(job: &Job<'_>, ends: &Ends) -> Vec<Window> {
    let mut windows = cut_inodes(job);
    let last = job.placement.by_pos().len();
    let block_len = job.options.block_size.len();
    let (start, end) = (ends.own.start * block_len, ends.own.end * block_len);
    if start < end {
        windows.push(Window { first: last, last, start, end, weight: end - start });
    }
    windows
}

/// Cuts the part of the image with inodes.
fn cut_inodes(job: &Job<'_>) -> Vec<Window> {
    let block_len = job.options.block_size.len();
    let pclusters = &job.placement.pclusters;
    let area = Area {
        pclusters: pclusters.start * block_len..pclusters.end * block_len,
        end: job.placement.meta_end * block_len,
        head_len: to_u64(head_len(job.options.block_size)),
        meta_len: META_LEN,
        data_len: DATA_LEN,
    };
    match job.placement.inodes.metabox_len {
        None => area.cut(job),
        Some(_) => {
            let end = area.first_end();
            vec![Window { first: 0, last: 0, start: 0, end, weight: end }]
        }
    }
}

/// Cuts the metabox, which has `len` bytes, into windows.
pub(super) fn cut_metabox(job: &Job<'_>, len: u64) -> Vec<Window> {
    let (meta_len, data_len) = (METABOX_LEN, METABOX_DATA_LEN);
    Area { pclusters: 0..0, end: len, head_len: 0, meta_len, data_len }.cut(job)
}

/// What is cut into windows: the image up to the end of its inodes, or the metabox.
struct Area {
    /// Bytes in it that are written already.
    pclusters: Range<u64>,
    end: u64,
    /// The first window has at least so many bytes.
    head_len: u64,
    /// A window ends after so many bytes of metadata or of data.
    meta_len: u64,
    data_len: u64,
}

impl Area {
    /// Where the first windows end.
    fn first_end(&self) -> u64 {
        if self.pclusters.is_empty() { self.end } else { self.pclusters.start }
    }

    /// An inode that starts a block is always the first user of that block, so that a
    /// window can start there.
    fn cut(&self, job: &Job<'_>) -> Vec<Window> {
        let Area { pclusters, end, head_len, meta_len, data_len } = self;
        let block_len = job.options.block_size.len();
        let mut windows = Vec::new();
        let mut open = Window { first: 0, last: 0, start: 0, end: self.first_end(), weight: 0 };
        let mut data = 0;
        for (index, id) in job.placement.by_pos().iter().enumerate() {
            let pos = job.placement.pos(*id);
            if pos >= pclusters.end && open.end == pclusters.start {
                // The pclusters between the two are written already.
                let weight = open.end - open.start + data;
                windows.push(Window { last: index, weight, ..open });
                let start = pclusters.end;
                open = Window { first: index, last: 0, start, end: *end, weight: 0 };
                data = 0;
            }
            let full = pos - open.start >= *meta_len || data >= *data_len;
            if full && pos % block_len == 0 && pos >= *head_len {
                open.end_at(pos, index, data, &mut windows);
                data = 0;
            }
            data += window_data(job, *id);
        }
        let weight = open.end - open.start + data;
        windows.push(Window { last: job.placement.by_pos().len(), weight, ..open });
        windows
    }
}

/// How many bytes of the blocks of `id` are written with its inode.
fn window_data(job: &Job<'_>, id: InodeId) -> u64 {
    match large_len(job, id) {
        None => job.placement.own_blocks(id) * job.options.block_size.len(),
        Some(_) => 0,
    }
}

impl Window {
    /// Ends this window at `pos`, before the inode at `index` in the order of places, and
    /// begins the next one.
    fn end_at(&mut self, pos: u64, index: usize, data: u64, windows: &mut Vec<Window>) {
        let next = Window { first: index, last: 0, start: pos, end: self.end, weight: 0 };
        let Window { first, start, .. } = std::mem::replace(self, next);
        windows.push(Window { first, last: index, start, end: pos, weight: pos - start + data });
    }

    /// How many bytes of metadata it has.
    pub(super) fn len(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn inodes<'a>(&self, job: &Job<'a>) -> &'a [InodeId] {
        &job.placement.by_pos()[self.first..self.last]
    }

    /// Writes the blocks of data, and returns the metadata as far as it is made of inodes.
    /// The image has so many blocks.
    fn fill<'a>(&self, job: &Job<'a>, image_blocks: u64) -> Result<meta::MetadataWriter<'a>> {
        let range = (self.start, self.end);
        let meta = meta::MetadataWriter::new(job.placement, range, image_blocks);
        let mut writer = WindowWriter { job, meta, blocks: Buffer::new(job) };
        for index in self.first..self.last {
            writer.inode(job.placement.by_pos()[index], index)?;
        }
        writer.blocks.finish()?;
        Ok(writer.meta)
    }

    /// Writes the blocks of data of a window of the metabox, and returns the bytes of the
    /// metabox.
    pub(super) fn metabox(&self, job: &Job<'_>) -> Result<Vec<u8>> {
        // How many there are depends on these bytes. No pcluster is on a device.
        Ok(self.fill(job, 0)?.finish_metabox())
    }

    /// Writes the window. The first one returns the head of the image unwritten.
    pub(super) fn write(&self, job: &Job<'_>, ends: &Ends) -> Result<Option<Vec<u8>>> {
        let meta = self.fill(job, ends.blocks)?.finish(ends);
        if self.start > 0 {
            job.write_at(&meta, self.start)?;
            return Ok(None);
        }
        let mut head = meta;
        let head_len = head_len(job.options.block_size);
        let rest = head.split_off(head_len);
        if !rest.is_empty() {
            job.write_at(&rest, to_u64(head_len))?;
        }
        Ok(Some(head))
    }
}

/// Fills a window.
struct WindowWriter<'a, 'j> {
    job: &'j Job<'a>,
    meta: meta::MetadataWriter<'a>,
    /// Data in blocks of its own.
    blocks: Buffer<'j>,
}

impl WindowWriter<'_, '_> {
    /// Writes an inode with what follows it, and its blocks.
    fn inode(&mut self, id: InodeId, index: usize) -> Result<()> {
        self.meta.begin(id, index);
        match &self.job.reader.tree.inode(id).kind {
            Kind::Directory(_) if self.job.placement.is_flat(id) => {
                let Job { placement, inodes, .. } = self.job;
                self.flat(id, &placement.inodes.directory(inodes, id))?;
            }
            Kind::Symlink(target) => self.flat(id, target)?,
            Kind::File(content) if self.job.placement.is_flat(id) => self.file(id, content)?,
            _ => {}
        }
        self.meta.end(id);
        Ok(())
    }

    /// Writes bytes that are in memory: full blocks, and the tail inline or
    /// in a block.
    fn flat(&mut self, id: InodeId, bytes: &[u8]) -> Result<()> {
        let tail = to_usize(self.job.options.block_size.tail(to_u64(bytes.len())));
        let inline = if self.job.placement.has_inline_tail(id) { tail } else { 0 };
        let (blocks, inline) = bytes.split_at(bytes.len() - inline);
        if !blocks.is_empty() {
            self.blocks.seek(self.job.placement.data_pos(id))?;
            self.blocks.add(blocks)?;
            self.end_blocks(id)?;
        }
        self.meta.bytes.extend_from_slice(inline);
        Ok(())
    }

    /// Fills the last block of `id`.
    fn end_blocks(&mut self, id: InodeId) -> Result<()> {
        let Job { placement, options, .. } = self.job;
        self.blocks.pad()?;
        let len = placement.own_blocks(id) * options.block_size.len();
        self.blocks.ends_at(placement.data_pos(id) + len);
        Ok(())
    }

    fn file(&mut self, id: InodeId, content: &Content) -> Result<()> {
        let job = self.job;
        let len = content.len();
        let inline = job.placement.has_inline_tail(id);
        let tail = if inline { job.options.block_size.tail(len) } else { 0 };
        let own_blocks = job.placement.own_blocks(id) > 0;
        if len == 0 || (!own_blocks && tail == 0) {
            return Ok(());
        }
        let open = job.reader.open(id, content)?;
        if large_len(job, id).is_some() || !own_blocks {
            // Another task or another file writes the blocks.
            return self.tail_only(&open, id, len - tail, tail);
        }
        self.blocks.seek(job.placement.data_pos(id))?;
        if len - tail >= job.sink.kernel_copy_min {
            self.blocks.add_range(&open, id, 0, len - tail)?;
            self.end_blocks(id)?;
            return self.tail_only(&open, id, len - tail, tail);
        }
        let tail = self.blocks.add_whole(&open, id, len, len - tail)?;
        self.meta.bytes.extend_from_slice(tail);
        self.end_blocks(id)
    }

    /// Reads the last `tail` bytes of a file, which start at `offset`.
    fn tail_only(
        &mut self,
        open: &OpenContent<'_>,
        id: InodeId,
        offset: u64,
        tail: u64,
    ) -> Result<()> {
        let start = self.meta.bytes.len();
        // One byte more than the file has shows whether it has grown.
        self.meta.bytes.resize(start + to_usize(tail) + 1, 0);
        let read = open.read_range(&mut self.meta.bytes[start..], offset);
        self.meta.bytes.truncate(start + to_usize(tail));
        self.job.reader.named(id, read)
    }
}
