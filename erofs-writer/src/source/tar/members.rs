//! The members of an archive, one by one. Each has the properties that extended headers
//! before it give.

use crate::error::{Error, Result, TarErrorKind};
use crate::format::superblock::{SUPER_MAGIC, SUPER_OFFSET};
use crate::format::to_u64;
use crate::source::tar::header::{BLOCK_LEN, Block, Header};
use crate::source::tar::input::{Input, Left, METADATA_MAX, Stored};
use crate::source::tar::pax::{Global, Pax, Said, decimal};
use crate::source::tar::sparse::{CHUNKS_MAX, Map, SparseFile};
use crate::time::Timestamp;
use crate::tree::{Content, Metadata, Rdev, Xattrs};

/// The longest path, in bytes. Nobody can unpack longer ones.
pub(super) const PATH_LEN_MAX: usize = 1 << 16;

const ZEROS: Block = [0; BLOCK_LEN];

/// A member of an archive.
#[derive(Debug)]
pub(super) struct Member {
    /// The position of its header.
    pub(super) offset: u64,
    /// The path as it is in the archive.
    pub(super) path: Vec<u8>,
    pub(super) metadata: Metadata,
    pub(super) kind: MemberKind,
}

#[derive(Debug)]
pub(super) enum MemberKind {
    Directory,
    File(Content),
    /// A further name for the member with this path.
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    CharDevice(Rdev),
    BlockDevice(Rdev),
    Fifo,
}

/// Reads the members of an archive.
pub(super) struct Members<'a> {
    input: Input<'a>,
    /// Whether extended attributes are read.
    xattrs: bool,
    global: Global,
    /// The number of chunks that further sparse files of an index may have.
    chunks_left: u64,
}

/// Properties from headers that come before the header of a member.
#[derive(Default)]
struct Before {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Pax,
    /// The length of these headers, in bytes.
    len: u64,
}

impl<'a> Members<'a> {
    pub(super) fn new(input: Input<'a>, xattrs: bool) -> Self {
        Members { input, xattrs, global: Global::default(), chunks_left: CHUNKS_MAX }
    }

    /// The error about the member whose header is at `offset`.
    pub(super) fn error(&self, offset: u64, kind: TarErrorKind) -> Error {
        self.input.error(offset, kind)
    }

    fn check<T>(&self, offset: u64, result: Result<T, TarErrorKind>) -> Result<T> {
        result.map_err(|kind| self.error(offset, kind))
    }

    /// The next member. None at the end of the archive, which is a block of zeros, or
    /// the end of the bytes between two members.
    pub(super) fn next(&mut self) -> Result<Option<Member>> {
        let mut before = Before::default();
        loop {
            let offset = self.input.pos;
            let block = match self.input.block()? {
                None if offset == 0 => return Err(self.error(offset, TarErrorKind::Empty)),
                None if before.len == 0 => return Ok(None),
                None => return Err(self.error(offset, TarErrorKind::Truncated)),
                Some(ZEROS) => {
                    // There should be two blocks of zeros.
                    if self.input.peek()? == Some(ZEROS) {
                        self.input.block()?;
                    }
                    return match offset == 0 && self.is_image()? {
                        true => Err(self.error(offset, TarErrorKind::ErofsImage)),
                        false => Ok(None),
                    };
                }
                Some(block) => block,
            };
            let header = self.check(offset, Header::new(&block))?;
            if !self.is_before(offset, &header, &mut before)? {
                return self.member(offset, &header, before).map(Some);
            }
        }
    }

    /// Whether a superblock follows at the place that it has in an image.
    fn is_image(&mut self) -> Result<bool> {
        let is_here = self.input.pos == SUPER_OFFSET;
        let magic = SUPER_MAGIC.to_le_bytes();
        Ok(is_here && self.input.peek()?.is_some_and(|block| block.starts_with(&magic)))
    }

    /// If this header, at `offset`, only comes before that of a member, reads its body
    /// and returns true.
    fn is_before(&mut self, offset: u64, header: &Header<'_>, before: &mut Before) -> Result<bool> {
        let flag = header.typeflag();
        if !matches!(flag, b'x' | b'X' | b'g' | b'L' | b'K' | b'V' | b'A') {
            return Ok(false);
        }
        let size = self.check(offset, header.size())?;
        if let b'V' | b'A' = flag {
            // Names of volumes are not needed, and the ACLs of Solaris differ from
            // those of Linux.
            self.input.skip(size)?;
            return Ok(true);
        }
        if flag == b'g' {
            let data = self.input.metadata(size)?;
            let added = self.global.add(&data);
            self.check(offset, added)?;
            return Ok(true);
        }
        before.len = before.len.saturating_add(size.max(1));
        if before.len > METADATA_MAX {
            let kind = TarErrorKind::Metadata { len: before.len };
            return Err(self.error(self.input.pos, kind));
        }
        let data = self.input.metadata(size)?;
        match flag {
            b'L' => before.path = Some(before_nul(data)),
            b'K' => before.link = Some(before_nul(data)),
            // If there are several, the last one counts, as in GNU tar.
            _ => {
                before.pax = Pax::default();
                self.check(offset, before.pax.add(&data))?;
            }
        }
        Ok(true)
    }

    /// The member whose header is at `offset`.
    fn member(&mut self, offset: u64, header: &Header<'_>, before: Before) -> Result<Member> {
        let said = Said { own: &before.pax, global: &self.global };
        let text = |keyword| said.text(keyword).map(<[u8]>::to_vec);
        let path = text("GNU.sparse.name").or_else(|| text("path")).or(before.path);
        let path = path.unwrap_or_else(|| header.path());
        let link = text("linkpath").or(before.link).unwrap_or_else(|| header.link());
        if path.len().max(link.len()) > PATH_LEN_MAX {
            return Err(self.error(offset, TarErrorKind::LongPath { path }));
        }
        let mut metadata = self.check(offset, metadata(header, &said))?;
        let size = match self.check(offset, said.number("size", "size"))? {
            Some(size) => size,
            None => self.check(offset, header.size())?,
        };
        let device = device(header, &said);
        if self.xattrs {
            let xattrs = self.global.xattrs(&before.pax);
            metadata.xattrs = self.check(offset, xattrs)?;
        }
        let kind = match header.typeflag() {
            // In old archives, directories are files whose names end in a slash.
            b'0' | 0 if path.ends_with(b"/") => {
                self.pass_body(size)?;
                MemberKind::Directory
            }
            b'0' | 0 | b'7' => MemberKind::File(self.contents(offset, size, &before.pax)?),
            b'S' => MemberKind::File(self.old_sparse(offset, size, header.block())?),
            b'1' => {
                self.pass_body(size)?;
                MemberKind::HardLink(link)
            }
            // The size is the length of the target, or the room that the directory
            // should get. There is no body.
            b'2' => MemberKind::Symlink(link),
            b'3' => MemberKind::CharDevice(self.check(offset, device)?),
            b'4' => MemberKind::BlockDevice(self.check(offset, device)?),
            b'5' => MemberKind::Directory,
            b'6' => MemberKind::Fifo,
            // The body is GNU's list of the names in the directory.
            b'D' => {
                self.input.skip(size)?;
                MemberKind::Directory
            }
            flag => return Err(self.error(offset, TarErrorKind::Type { flag })),
        };
        Ok(Member { offset, path, metadata, kind })
    }

    /// Skips the body of a member, if it has one. Some programs write no body for such
    /// members, but give the length that it would have. If a header or the end of the
    /// archive follows at once, there is no body.
    fn pass_body(&mut self, size: u64) -> Result<()> {
        if size == 0 {
            return Ok(());
        }
        match self.input.peek()? {
            Some(block) if block != ZEROS && !Header::is(&block) => self.input.skip(size),
            _ => Ok(()),
        }
    }

    /// The contents of a file with `size` bytes in the archive.
    fn contents(&mut self, offset: u64, size: u64, pax: &Pax) -> Result<Content> {
        let said = Said { own: pax, global: &self.global };
        let len = said.text("GNU.sparse.realsize").or_else(|| said.text("GNU.sparse.size"));
        let Some(len) = len else {
            // This is a sparse file of star, or only a part of a file.
            let real = self.check(offset, said.number("SCHILY.realsize", "size"))?;
            let is_sparse = said.text("SCHILY.filetype") == Some(b"sparse");
            if is_sparse || real.is_some_and(|real: u64| real != size) {
                return Err(self.error(offset, TarErrorKind::Sparse));
            }
            return Ok(match self.input.contents(size)? {
                Stored::InFile(file, start) => Content::from_file_range(file, start..start + size),
                Stored::OnDevice(device, pos) => Content::on_device(device, pos, size),
            });
        };
        let len = self.check(offset, decimal(len).ok_or(TarErrorKind::Sparse))?;
        if said.text("GNU.sparse.major") == Some(b"1") {
            let start = self.input.pos;
            let map = self.map_before_contents(offset, size)?;
            return self.sparse(offset, size - (self.input.pos - start), len, map);
        }
        let map = match said.text("GNU.sparse.map") {
            Some(list) => Map::from_list(list),
            None => Map::from_numbers(&pax.sparse),
        };
        let map = self.check(offset, map)?;
        self.sparse(offset, size, len, map)
    }

    /// The map at the start of the contents of a sparse file. It has decimal numbers,
    /// one for each line: the number of runs, then the offset and the length of each
    /// run.
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

    /// The contents of a sparse file whose map is in its header `block`.
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

    /// The contents of a sparse file of `len` bytes. Its runs have `stored` bytes,
    /// which follow.
    fn sparse(&mut self, offset: u64, stored: u64, len: u64, map: Map) -> Result<Content> {
        self.check(offset, map.check(len, stored))?;
        match self.input.contents(stored)? {
            Stored::InFile(file, start) => {
                Ok(Content::new(SparseFile::new(file, start, len, &map)))
            }
            Stored::OnDevice(device, pos) => {
                let content = map.on_device(device, pos, len, &mut self.chunks_left);
                self.check(offset, content)
            }
        }
    }

    /// Reads the bytes after the end of the archive.
    pub(super) fn finish(self) -> Result<Left> {
        self.input.finish()
    }
}

/// The metadata of a member, without extended attributes.
fn metadata(header: &Header<'_>, said: &Said<'_>) -> Result<Metadata, TarErrorKind> {
    let mtime = match said.mtime()? {
        Some(mtime) => mtime,
        None => Timestamp::from_sec(header.mtime()?),
    };
    Ok(Metadata {
        mode: header.mode()?,
        uid: match said.number("uid", "user")? {
            Some(uid) => uid,
            None => header.uid()?,
        },
        gid: match said.number("gid", "group")? {
            Some(gid) => gid,
            None => header.gid()?,
        },
        mtime,
        xattrs: Xattrs::new(),
    })
}

fn device(header: &Header<'_>, said: &Said<'_>) -> Result<Rdev, TarErrorKind> {
    let major = said.number("SCHILY.devmajor", "device number")?;
    let minor = said.number("SCHILY.devminor", "device number")?;
    Ok(match (major, minor) {
        (Some(major), Some(minor)) => Rdev { major, minor },
        _ => {
            let (in_major, in_minor) = header.device()?;
            Rdev { major: major.unwrap_or(in_major), minor: minor.unwrap_or(in_minor) }
        }
    })
}

fn before_nul(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    text.truncate(end);
    text
}
