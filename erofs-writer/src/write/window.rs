//! Windows: parts of the metadata area, each with the inodes in it and with
//! the data of those that are not large.

use zerocopy::IntoBytes;

use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::format::chunk::ChunkIndex;
use crate::format::{
    NULL_ADDR, NULL_ADDR_48, checked_u32, high_bits, low_half, round_up, to_u64, to_usize,
};
use crate::meta::dir;
use crate::tree::{Children, Content, InodeId, Kind, OpenContent};
use crate::write::Job;
use crate::write::piece::large_len;
use crate::write::run::Run;

/// A window ends after this many bytes of metadata ...
const META_LEN: u64 = 256 * 1024;
/// ... or after this many bytes of data.
const DATA_LEN: u64 = 4 * 1024 * 1024;

/// Some blocks of the metadata area.
pub(crate) struct Window {
    /// Its inodes, as a part of `Placement::by_pos`.
    first: usize,
    last: usize,
    start: u64,
    end: u64,
    /// How many bytes it writes, roughly.
    pub(crate) weight: u64,
}

/// Cuts the metadata area into windows.
///
/// An inode that starts a block is always the first user of that block, so
/// that a window can start there.
pub(crate) fn cut(job: &Job<'_>) -> Vec<Window> {
    let block_len = job.options.block_size.len();
    let end = job.placement.meta_end * block_len;
    let pclusters = &job.placement.pclusters;
    let pclusters = pclusters.start * block_len..pclusters.end * block_len;
    let head_len = to_u64(super::head_len(job.options.block_size));
    let mut windows = Vec::new();
    let first_end = if pclusters.is_empty() { end } else { pclusters.start };
    let mut open = Window { first: 0, last: 0, start: 0, end: first_end, weight: 0 };
    let mut data = 0;
    for (index, id) in job.placement.by_pos.iter().enumerate() {
        let pos = job.placement.pos(*id);
        if pos >= pclusters.end && open.end == pclusters.start {
            // Between the two the image has been written already.
            let weight = open.end - open.start + data;
            windows.push(Window { last: index, weight, ..open });
            open = Window { first: index, last: 0, start: pclusters.end, end, weight: 0 };
            data = 0;
        }
        let len = pos - open.start;
        let full = len >= META_LEN || data >= DATA_LEN;
        if full && pos % block_len == 0 && pos >= head_len {
            windows.push(Window { last: index, end: pos, weight: len + data, ..open });
            open = Window { first: index, last: 0, start: pos, end: open.end, weight: 0 };
            data = 0;
        }
        if large_len(job, *id).is_none() {
            data += job.placement.own_blocks(*id) * block_len;
        }
    }
    let weight = open.end - open.start + data;
    windows.push(Window { last: job.placement.by_pos.len(), weight, ..open });
    windows
}

impl Window {
    pub(crate) fn inodes<'a>(&self, job: &Job<'a>) -> &'a [InodeId] {
        &job.placement.by_pos[self.first..self.last]
    }

    /// Writes the window. The first one gives back the head of the image
    /// unwritten.
    pub(crate) fn write(&self, job: &Job<'_>) -> Result<(Option<Vec<u8>>, Option<Fingerprint>)> {
        let mut filler = Filler {
            job,
            start: self.start,
            meta: Vec::with_capacity(to_usize(self.end - self.start)),
            run: Run::new(job),
        };
        for index in self.first..self.last {
            filler.inode(job.placement.by_pos[index], index)?;
        }
        let Filler { mut meta, run, .. } = filler;
        let needed = to_usize(self.end - self.start);
        assert!(meta.len() <= needed, "a window has {needed} bytes and got {}", meta.len());
        meta.resize(needed, 0);
        self.add_table(&mut meta, &job.xattrs.prefixes, job.placement.prefixes_pos);
        self.add_table(&mut meta, &job.xattrs.shared, job.placement.shared_xattrs_pos);
        self.add_table(&mut meta, &job.placement.device_table, job.placement.devices_pos);
        let digest = run.finish(&meta)?;
        if self.start > 0 {
            job.write_at(&meta, self.start)?;
            return Ok((None, digest));
        }
        let head_len = super::head_len(job.options.block_size);
        let rest = meta.split_off(head_len);
        if !rest.is_empty() {
            job.write_at(&rest, to_u64(head_len))?;
        }
        Ok((Some(meta), digest))
    }

    /// Copies the part of a table at `pos` that lies in this window.
    fn add_table(&self, meta: &mut [u8], table: &[u8], pos: u64) {
        let from = pos.max(self.start);
        let to = (pos + to_u64(table.len())).min(self.end);
        if from < to {
            let part = &table[to_usize(from - pos)..to_usize(to - pos)];
            meta[to_usize(from - self.start)..to_usize(to - self.start)].copy_from_slice(part);
        }
    }
}

/// Fills a window.
struct Filler<'a> {
    job: &'a Job<'a>,
    start: u64,
    meta: Vec<u8>,
    run: Run<'a>,
}

impl Filler<'_> {
    /// Writes one inode with its data.
    fn inode(&mut self, id: InodeId, index: usize) -> Result<()> {
        let start = self.head(id, index);
        self.behind(id)?;
        // Where everything lies was decided by this length.
        let placed = self.job.placement.inode_len(id, self.job.inodes.head_len(id)).0;
        let written = to_u64(self.meta.len() - start);
        assert!(written == placed, "an inode has {placed} bytes and got {written}");
        Ok(())
    }

    /// Writes an inode with its attributes, and returns where it starts.
    fn head(&mut self, id: InodeId, index: usize) -> usize {
        let job = self.job;
        let pos = to_usize(job.placement.pos(id) - self.start);
        assert!(self.meta.len() <= pos, "the inode before ends at {} past {pos}", self.meta.len());
        self.meta.resize(pos, 0);
        let size = job.placement.size(id);
        let ino = checked_u32(to_u64(index) + 1);
        let data = job.placement.data_at(id, job.inodes.head_len(id), size);
        job.inodes.write(&mut self.meta, id, ino, size, data);
        job.xattrs.write_body(&mut self.meta, id, job.placement.shared_xattrs_pos);
        pos
    }

    /// Writes what is behind the inode, and its blocks.
    fn behind(&mut self, id: InodeId) -> Result<()> {
        let job = self.job;
        match &job.reader.tree.inode(id).kind {
            Kind::Directory(children) => self.directory(id, children),
            Kind::Symlink(target) => self.flat(id, target),
            Kind::File(_) if job.placement.chunk_map(id).is_some() => {
                self.chunk_map(id);
                Ok(())
            }
            Kind::File(content) => match job.placement.compressed(id) {
                Some(file) => {
                    job.placement.write_index(&mut self.meta, file, job.placement.size(id));
                    Ok(())
                }
                None => self.file(id, content),
            },
            _ => Ok(()),
        }
    }

    fn directory(&mut self, id: InodeId, children: &Children) -> Result<()> {
        let job = self.job;
        let mut bytes = Vec::new();
        let nid = |id| job.placement.nid(id);
        let lookup = |child| (nid(child), dir::file_type(&job.reader.tree.inode(child).kind));
        let dots = (nid(id), nid(job.order.parent(id)));
        dir::write(&mut bytes, children, dots, lookup, job.options.block_size.len());
        self.flat(id, &bytes)
    }

    /// Writes bytes that are in memory: full blocks, and the tail inline or
    /// in a block.
    fn flat(&mut self, id: InodeId, bytes: &[u8]) -> Result<()> {
        let (placed, written) = (self.job.placement.size(id), to_u64(bytes.len()));
        assert!(written == placed, "an inode of {placed} bytes got {written}");
        let tail = to_usize(self.job.options.block_size.tail(to_u64(bytes.len())));
        let inline = if self.job.placement.has_inline_tail(id) { tail } else { 0 };
        let (blocks, inline) = bytes.split_at(bytes.len() - inline);
        if !blocks.is_empty() {
            self.run.seek(self.job.placement.data_pos(id))?;
            self.run.add(blocks)?;
            self.run.pad()?;
        }
        self.meta.extend_from_slice(inline);
        Ok(())
    }

    fn chunk_map(&mut self, id: InodeId) {
        let job = self.job;
        let (index, entry_len) = job.placement.chunk_map(id).expect("the caller asked");
        let aligned = round_up(self.start + to_u64(self.meta.len()), entry_len) - self.start;
        self.meta.resize(to_usize(aligned), 0);
        let map = &job.plan.maps[index];
        let null = match job.placement.has_wide_chunks(index) {
            true => NULL_ADDR_48,
            false => u64::from(NULL_ADDR),
        };
        for chunk in map.chunks() {
            let (block, device) = match (chunk, map.device) {
                (None, _) => (null, 0),
                (Some(block), 0) => (job.placement.chunk_area + block, 0),
                (Some(block), device) => (block, device),
            };
            if entry_len == to_u64(size_of::<ChunkIndex>()) {
                let record = ChunkIndex {
                    startblk_hi: high_bits(block).into(),
                    device_id: device.into(),
                    startblk_lo: low_half(block).into(),
                };
                self.meta.extend_from_slice(record.as_bytes());
            } else {
                self.meta.extend_from_slice(&checked_u32(block).to_le_bytes());
            }
        }
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
        self.run.seek(job.placement.data_pos(id))?;
        if len - tail >= job.sink.kernel_copy_min {
            self.run.add_range(&open, id, 0, len - tail)?;
            self.run.pad()?;
            return self.tail_only(&open, id, len - tail, tail);
        }
        let tail = self.run.add_whole(&open, id, len, len - tail)?;
        self.meta.extend_from_slice(tail);
        self.run.pad()
    }

    /// Reads the last `tail` bytes of a file, which start at `offset`.
    fn tail_only(
        &mut self,
        open: &OpenContent<'_>,
        id: InodeId,
        offset: u64,
        tail: u64,
    ) -> Result<()> {
        let start = self.meta.len();
        // One byte more than the file has shows whether it has grown.
        self.meta.resize(start + to_usize(tail) + 1, 0);
        let read = open.read_range(&mut self.meta[start..], offset);
        self.meta.truncate(start + to_usize(tail));
        self.job.reader.named(id, read)
    }
}
