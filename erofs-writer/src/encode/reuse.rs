//! Taking the result for a part from an earlier image.

use crate::encode::bytes::PartBytes;
use crate::encode::earlier::{Earlier, PartPlace};
use crate::encode::extent::{Extent, InlinePcluster, PclusterOf};
use crate::encode::pclusters::{End, Pclusters, Rules, Stretch, Tail, extent, plain_block};
use crate::format::algorithm::Algorithm;
use crate::format::{to_u64, to_usize};
use crate::tree::{StoredAt, StoredExtent};

/// A part whose result is wanted.
pub(super) struct Wanted<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) bytes: PartBytes<'a>,
    pub(super) rules: Rules<'a>,
    pub(super) stretches: &'a [Stretch],
}

/// The result so far.
struct Taken<'a> {
    wanted: &'a Wanted<'a>,
    pclusters: Pclusters,
    /// The byte of the part that is next.
    at: usize,
    /// Where the part's own pclusters begin in the earlier image, and how many bytes of
    /// these have been found.
    pos: u64,
    own: u64,
    /// Where each extent begins.
    starts: Vec<usize>,
    /// Own extents of plain bytes: where each begins in the part, how long it is, and
    /// where it is among the own pclusters.
    plain: Vec<(usize, usize, usize)>,
    /// The stretch, and the index of the extent there, of the extent before, if that has
    /// the pcluster of another extent.
    linked: Option<(usize, usize)>,
}

/// The extent whose pcluster another one has.
struct Source {
    /// The stretch.
    stretch: usize,
    /// Its index in its part.
    of: usize,
    extent: Extent,
    /// Whether its pcluster lies right after that of the extent before it.
    follows: bool,
}

impl Wanted<'_> {
    /// The result that the earlier image has at `place`, whose pclusters are appended to
    /// `out`. `None`, and nothing is appended, if it is not one that could have been made
    /// here. It is compared with the bytes, if these were read.
    pub(super) fn take(
        &self,
        earlier: &dyn Earlier,
        place: PartPlace,
        out: &mut Vec<u8>,
    ) -> Option<Pclusters> {
        let data = match self.bytes {
            PartBytes::Read(data, _) => Some(data),
            PartBytes::Known(_) => None,
        };
        let extents = earlier.extents(place, self.bytes.len(), data)?;
        let mut taken = Taken {
            wanted: self,
            pclusters: Pclusters::default(),
            at: 0,
            pos: place.pos,
            own: 0,
            starts: Vec::new(),
            plain: Vec::new(),
            linked: None,
        };
        for extent in &extents {
            taken.add(extent)?;
        }
        if taken.at != self.bytes.len() {
            return None;
        }
        let base = out.len();
        out.resize(base + to_usize(taken.own), 0);
        if !earlier.read(&mut out[base..], place.pos) {
            out.truncate(base);
            return None;
        }
        if let Some(data) = data {
            taken.put_plain(data, &mut out[base..]);
        }
        // Other bytes may decode to the same.
        if taken.pclusters.check(&out[base..]) != place.check {
            out.truncate(base);
            return None;
        }
        Some(taken.pclusters)
    }
}

impl Taken<'_> {
    /// Adds the next extent.
    fn add(&mut self, extent: &StoredExtent) -> Option<()> {
        let rules = &self.wanted.rules;
        let len = to_usize(extent.len);
        let end =
            self.at.checked_add(len).filter(|end| *end <= self.wanted.bytes.len() && len > 0)?;
        let block_len = to_u64(rules.block_len);
        let algorithm = self.wanted.algorithm;
        match &extent.at {
            StoredAt::Fragment { .. } => self.add_fragment(end)?,
            StoredAt::Inline { algorithm: None, bytes } => self.add_inline(len, bytes, true)?,
            StoredAt::Inline { algorithm: Some(by), bytes } if *by == algorithm => {
                self.add_inline(len, bytes, false)?;
            }
            StoredAt::Plain { pos } if !rules.interlaced => {
                self.add_blocks(len, (*pos, block_len), true)?;
            }
            StoredAt::Interlaced { pos, len: stored } if rules.interlaced => {
                self.add_blocks(len, (*pos, *stored), true)?;
            }
            StoredAt::Encoded { algorithm: by, pos, len: stored, .. } if *by == algorithm => {
                self.add_blocks(len, (*pos, *stored), false)?;
            }
            _ => return None,
        }
        self.at = end;
        Some(())
    }

    /// Adds an extent of `len` bytes whose pcluster is at `pos` and has `stored` bytes.
    fn add_blocks(&mut self, len: usize, (pos, stored): (u64, u64), plain: bool) -> Option<()> {
        let rules = &self.wanted.rules;
        let (at, end) = (self.at, self.at + len);
        // The last extent of a file need not reach the next lcluster.
        let is_last = end == self.wanted.bytes.len() && rules.end != End::Part;
        if at / rules.block_len == end / rules.block_len && !is_last {
            return None;
        }
        match self.pos.checked_add(self.own) == Some(pos) {
            true => self.add_own(len, stored, plain)?,
            false => self.add_link(len, stored, plain)?,
        }
        self.starts.push(at);
        Some(())
    }

    fn add_fragment(&mut self, end: usize) -> Option<()> {
        let rules = &self.wanted.rules;
        if rules.end != End::Fragment || end != self.wanted.bytes.len() {
            return None;
        }
        let rest = self.wanted.bytes.fragment(self.at, rules.kept)?;
        self.pclusters.tail = Tail::Fragment(rest);
        Some(())
    }

    fn add_inline(&mut self, len: usize, bytes: &[u8], plain: bool) -> Option<()> {
        let rules = &self.wanted.rules;
        let End::Inline(room) = rules.end else { return None };
        let is_last = self.at + len == self.wanted.bytes.len();
        let is_possible = match plain {
            true => bytes.len() == len && len < rules.block_len,
            false => bytes.len() < len,
        };
        if !is_last || !is_possible || bytes.len() > room {
            return None;
        }
        let len = u32::try_from(len).ok()?;
        self.pclusters.tail = Tail::Inline(InlinePcluster { len, plain, bytes: bytes.into() });
        Some(())
    }

    /// Adds an extent whose pcluster was made for it.
    fn add_own(&mut self, len: usize, stored: u64, plain: bool) -> Option<()> {
        let rules = &self.wanted.rules;
        let block_len = to_u64(rules.block_len);
        let is_possible = match plain {
            true => stored == block_len && len <= rules.block_len,
            false => {
                let is_whole = stored > 0 && stored % block_len == 0;
                is_whole
                    && stored <= to_u64(rules.pcluster_len)
                    && to_u64(len) > stored
                    && len <= rules.extent_len
            }
        };
        if !is_possible {
            return None;
        }
        if plain {
            self.plain.push((self.at, len, to_usize(self.own)));
        }
        self.own += stored;
        self.linked = None;
        self.pclusters.extents.push(extent(len, to_usize(stored / block_len), plain));
        Some(())
    }

    /// Adds an extent that has the pcluster of another part.
    fn add_link(&mut self, len: usize, stored: u64, plain: bool) -> Option<()> {
        let Source { stretch, of, extent: source, follows } = self.source()?;
        let whole = to_usize(u64::from(source.len));
        let blocks = u64::from(source.blocks) * to_u64(self.wanted.rules.block_len);
        let is_part = len < whole;
        if source.plain != plain || blocks != stored || len > whole || (is_part && plain) {
            return None;
        }
        let is_next = follows && self.linked == Some((stretch, of.wrapping_sub(1)));
        let pcluster = if is_next { PclusterOf::AnotherNext } else { PclusterOf::Another };
        let (len, partial) = (u32::try_from(len).ok()?, source.partial || is_part);
        let linked = Extent { len, partial, pcluster, ..source };
        let part = self.wanted.stretches[stretch].source;
        self.pclusters.link(part, of, &[linked]);
        self.linked = Some((stretch, of));
        Some(())
    }

    /// The extent, of another part or of this one, that holds the next bytes.
    fn source(&self) -> Option<Source> {
        let stretches = self.wanted.stretches;
        let index = stretches.partition_point(|stretch| stretch.at <= self.at).checked_sub(1)?;
        let stretch = &stretches[index];
        // Where the bytes are in the part that has them.
        let wanted = stretch.source_at + (self.at - stretch.at);
        let source = |of: usize, extent: &Extent, before: Option<&Extent>| Source {
            stretch: index,
            of,
            extent: *extent,
            follows: before.is_some_and(|before| extent.follows(before)),
        };
        let before = |extents: &'_ [Extent], at: usize| at.checked_sub(1).map(|at| extents[at]);
        let Some(run) = &stretch.extents else {
            let of = self.starts.binary_search(&wanted).ok()?;
            let extents = &self.pclusters.extents;
            return Some(source(of, &extents[of], before(extents, of).as_ref()));
        };
        let mut start = run.at;
        for (at, extent) in run.extents.iter().enumerate() {
            if start == wanted {
                return Some(source(run.first + at, extent, before(&run.extents, at).as_ref()));
            }
            start += to_usize(u64::from(extent.len));
        }
        None
    }

    /// Puts plain bytes into their blocks among the own ones. So nothing but the bytes of
    /// the file gets into the image.
    fn put_plain(&self, data: &[u8], own: &mut [u8]) {
        let Rules { block_len, interlaced, .. } = self.wanted.rules;
        for (at, len, place) in &self.plain {
            let block = &mut own[*place..][..block_len];
            plain_block(&data[*at..at + len], *at, interlaced, block);
        }
    }
}
