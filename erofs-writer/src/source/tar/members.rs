//! The members of an archive, one by one, with all that headers before them
//! say of them.

use crate::error::{Error, Result, TarErrorKind};
use crate::format::to_u64;
use crate::source::tar::header::{BLOCK_LEN, Block, Header};
use crate::source::tar::input::{Input, Left, METADATA_MAX, Stored};
use crate::source::tar::pax::{Pax, decimal};
use crate::source::tar::sparse::{Map, SparseFile};
use crate::tree::{Content, Metadata, Rdev, Timestamp, Xattrs};

/// What an archive has under one name.
#[derive(Debug)]
pub(super) struct Member {
    /// Where its header is.
    pub(super) offset: u64,
    /// As it stands in the archive.
    pub(super) path: Vec<u8>,
    pub(super) metadata: Metadata,
    pub(super) kind: MemberKind,
}

#[derive(Debug)]
pub(super) enum MemberKind {
    Directory,
    File(Content),
    /// One more name for the member with this path.
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    CharDevice(Rdev),
    BlockDevice(Rdev),
    Fifo,
}

/// Reads members.
pub(super) struct Members<'a> {
    input: Input<'a>,
    /// Whether extended attributes are read.
    xattrs: bool,
    global: Pax,
}

/// What stands before the header of a member.
#[derive(Default)]
struct Before {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Pax,
}

impl<'a> Members<'a> {
    pub(super) fn new(input: Input<'a>, xattrs: bool) -> Self {
        Members { input, xattrs, global: Pax::default() }
    }

    /// What is wrong with the member whose header is at `offset`.
    pub(super) fn error(&self, offset: u64, kind: TarErrorKind) -> Error {
        self.input.error(offset, kind)
    }

    fn check<T>(&self, offset: u64, result: Result<T, TarErrorKind>) -> Result<T> {
        result.map_err(|kind| self.error(offset, kind))
    }

    /// The next member; none at the end of the archive.
    pub(super) fn next(&mut self) -> Result<Option<Member>> {
        let mut before = Before::default();
        let mut was_empty = false;
        loop {
            let offset = self.input.pos;
            let block = match self.input.block()? {
                None if was_empty => return Ok(None),
                None => return Err(self.error(offset, TarErrorKind::Truncated)),
                Some(block) => block,
            };
            if block == [0; BLOCK_LEN] {
                if was_empty {
                    return Ok(None);
                }
                was_empty = true;
                continue;
            }
            was_empty = false;
            let header = self.check(offset, Header::new(&block))?;
            let flag = header.typeflag();
            if !matches!(flag, b'x' | b'X' | b'g' | b'L' | b'K' | b'V') {
                return self.member(offset, &header, before).map(Some);
            }
            let size = self.check(offset, header.size())?;
            let data = self.input.metadata(size)?;
            match flag {
                b'g' => {
                    let added = self.global.add(&data);
                    self.check(offset, added)?;
                }
                b'L' => before.path = Some(before_nul(data)),
                b'K' => before.link = Some(before_nul(data)),
                // The name of a volume is of no use.
                b'V' => {}
                _ => self.check(offset, before.pax.add(&data))?,
            }
        }
    }

    /// The member with this header, at `offset`.
    fn member(&mut self, offset: u64, header: &Header<'_>, before: Before) -> Result<Member> {
        let pax = before.pax.or(&self.global);
        let said = |keyword: &str| pax.text(keyword).map(<[u8]>::to_vec);
        let path = said("GNU.sparse.name").or_else(|| said("path")).or(before.path);
        let path = path.unwrap_or_else(|| header.path());
        let link = said("linkpath").or(before.link).unwrap_or_else(|| header.link());
        let metadata = self.check(offset, metadata(header, &pax, self.xattrs))?;
        let size = match self.check(offset, pax.number("size", "size"))? {
            Some(size) => size,
            None => self.check(offset, header.size())?,
        };
        let is_dir = path.ends_with(b"/");
        // Elsewhere a size is that of the file a link leads to, or says how
        // much room a directory is to have.
        let has_body = match header.typeflag() {
            b'1' => !pax.is_empty(),
            b'D' => true,
            _ => false,
        };
        let kind = match header.typeflag() {
            // Long ago directories were files whose names end in a slash.
            b'0' | 0 if is_dir => MemberKind::Directory,
            b'0' | 0 | b'7' => MemberKind::File(self.contents(offset, size, &pax)?),
            b'S' => MemberKind::File(self.old_sparse(offset, size, header.block())?),
            b'1' => MemberKind::HardLink(link),
            b'2' => MemberKind::Symlink(link),
            b'3' => MemberKind::CharDevice(self.check(offset, device(header))?),
            b'4' => MemberKind::BlockDevice(self.check(offset, device(header))?),
            // GNU's `D` has a list of names behind it.
            b'5' | b'D' => MemberKind::Directory,
            b'6' => MemberKind::Fifo,
            flag => return Err(self.error(offset, TarErrorKind::Type { flag })),
        };
        if has_body {
            self.input.skip(size)?;
        }
        Ok(Member { offset, path, metadata, kind })
    }

    /// The contents of a file with `size` bytes in the archive.
    fn contents(&mut self, offset: u64, size: u64, pax: &Pax) -> Result<Content> {
        let len = match pax.text("GNU.sparse.realsize") {
            Some(len) => Some(len),
            None => pax.text("GNU.sparse.size"),
        };
        let Some(len) = len else {
            return Ok(match self.input.contents(size)? {
                Stored::InFile(file, start) => Content::from_file_range(file, start..start + size),
                Stored::OnDevice(device, pos) => Content::on_device(device, pos, size),
            });
        };
        let len = self.check(offset, decimal(len).ok_or(TarErrorKind::Sparse))?;
        if pax.text("GNU.sparse.major") == Some(b"1") {
            let start = self.input.pos;
            let map = self.map_before_contents(offset, size)?;
            return self.sparse(offset, size - (self.input.pos - start), len, map);
        }
        let map = match pax.text("GNU.sparse.map") {
            Some(list) => Map::from_list(list),
            None => Map::from_numbers(&pax.sparse),
        };
        let map = self.check(offset, map)?;
        self.sparse(offset, size, len, map)
    }

    /// The map with which the contents of a sparse file begin, in decimal
    /// lines: how many pieces, then the offset and the length of each.
    fn map_before_contents(&mut self, offset: u64, size: u64) -> Result<Map> {
        let bad = |input: &Input<'_>| input.error(offset, TarErrorKind::Sparse);
        let mut left = size;
        let mut text: Vec<u8> = Vec::new();
        let mut numbers: Vec<u64> = Vec::new();
        while numbers.first().is_none_or(|count| to_u64(numbers.len()) <= count.saturating_mul(2)) {
            match text.iter().position(|byte| *byte == b'\n') {
                Some(_) if size - left > METADATA_MAX => {
                    let kind = TarErrorKind::Metadata { len: size - left };
                    return Err(self.error(offset, kind));
                }
                Some(end) => {
                    let number = decimal(&text[..end]).ok_or_else(|| bad(&self.input))?;
                    numbers.push(number);
                    text.drain(..=end);
                }
                None if text.len() > 20 => return Err(bad(&self.input)),
                None => {
                    left = left.checked_sub(to_u64(BLOCK_LEN)).ok_or_else(|| bad(&self.input))?;
                    text.extend(self.input.metadata(to_u64(BLOCK_LEN))?);
                }
            }
        }
        self.check(offset, Map::from_numbers(&numbers[1..]))
    }

    /// The contents of a sparse file whose header `block` tells of them.
    fn old_sparse(&mut self, offset: u64, size: u64, block: &Block) -> Result<Content> {
        let mut map = Map::default();
        let (mut has_more, len) = self.check(offset, map.add_header(block))?;
        while has_more {
            let next = self.input.block()?;
            let next = next.ok_or_else(|| self.error(offset, TarErrorKind::Truncated))?;
            has_more = self.check(offset, map.add_block(&next))?;
        }
        self.sparse(offset, size, len, map)
    }

    /// The contents of a sparse file of `len` bytes, of which `stored` follow.
    fn sparse(&mut self, offset: u64, stored: u64, len: u64, map: Map) -> Result<Content> {
        self.check(offset, map.check(len, stored))?;
        match self.input.contents(stored)? {
            Stored::InFile(file, start) => {
                Ok(Content::new(SparseFile::new(file, start, len, &map)))
            }
            Stored::OnDevice(device, pos) => self.check(offset, map.on_device(device, pos, len)),
        }
    }

    /// Reads what is behind the end of the archive.
    pub(super) fn finish(self) -> Result<Left> {
        self.input.finish()
    }
}

fn metadata(header: &Header<'_>, pax: &Pax, xattrs: bool) -> Result<Metadata, TarErrorKind> {
    let mtime = match pax.mtime()? {
        Some(mtime) => mtime,
        None => Timestamp::from_sec(header.mtime()?),
    };
    Ok(Metadata {
        mode: header.mode()?,
        uid: match pax.number("uid", "user")? {
            Some(uid) => uid,
            None => header.uid()?,
        },
        gid: match pax.number("gid", "group")? {
            Some(gid) => gid,
            None => header.gid()?,
        },
        mtime,
        xattrs: if xattrs { pax.xattrs()? } else { Xattrs::new() },
    })
}

fn device(header: &Header<'_>) -> Result<Rdev, TarErrorKind> {
    let (major, minor) = header.device()?;
    Ok(Rdev { major, minor })
}

fn before_nul(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    text
}
