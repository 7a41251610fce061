//! Which bytes of the image belong to what: finds structures that overlap, and
//! bytes that belong to nothing and are not zero.

use std::fmt;

use super::decode::{METABOX, PACKED};
use super::{Findings, Image, Rule};
use crate::digest::is_zero;

/// The use of a byte range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A structure that nothing may share.
    Meta,
    /// File data, which several files may share.
    Data,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    start: u64,
    end: u64,
    kind: Use,
    owner: &'static str,
    nid: u64,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, owner, nid, .. } = self;
        write!(f, "{owner} {start:#x}..{end:#x} of nid {nid}")
    }
}

/// All byte ranges in use.
#[derive(Debug, Default)]
pub struct Space {
    claims: Vec<Claim>,
    /// Where the devices begin and end in the address space after the image.
    devices: Vec<(u64, u64)>,
    nid: u64,
}

impl Space {
    /// From now on, claims are in the name of this inode.
    pub fn begin(&mut self, nid: u64) {
        self.nid = nid;
    }

    /// Sets the addresses of devices: first byte and end.
    pub fn set_devices(&mut self, devices: Vec<(u64, u64)>) {
        self.devices = devices;
    }

    /// Notes that `len` bytes from `start` have a cluster, which may be on a device.
    pub fn claim_cluster(&mut self, start: u64, len: u64, owner: &'static str) {
        let end = start.saturating_add(len);
        let is_in = |device: &(u64, u64)| device.0 != 0 && device.0 <= start && end <= device.1;
        if !self.devices.iter().any(is_in) {
            self.claim(start, len, Use::Data, owner);
        }
    }

    /// Notes that `len` bytes from `start` belong to `owner`.
    pub fn claim(&mut self, start: u64, len: u64, kind: Use, owner: &'static str) {
        if len == 0 {
            return;
        }
        if let Some(last) = self.claims.last_mut() {
            // Keeps the list of a file of many chunks short.
            if kind == Use::Data && last.kind == kind && (last.end, last.nid) == (start, self.nid) {
                last.end += len;
                return;
            }
        }
        self.claims.push(Claim {
            start,
            end: start.saturating_add(len),
            kind,
            owner,
            nid: self.nid,
        });
    }

    /// Checks for overlaps, for ranges outside and for stray bytes, also in the metabox if
    /// there is one of so many bytes.
    pub fn check(self, image: &Image, metabox: Option<u64>, found: &mut Findings) {
        let (inside, plain): (Vec<_>, Vec<_>) =
            self.claims.into_iter().partition(|claim| claim.start >= PACKED);
        let (inside, _): (Vec<_>, Vec<_>) =
            inside.into_iter().partition(|claim| claim.start >= METABOX);
        check_area(image, plain, 0, image.len(), found);
        if let Some(len) = metabox {
            check_area(image, inside, METABOX, METABOX + len, found);
        }
    }
}

/// Checks the claims to the bytes from `start` to `end`.
fn check_area(image: &Image, claims: Vec<Claim>, start: u64, end: u64, found: &mut Findings) {
    {
        let mut claims = claims;
        claims.sort_by_key(|claim| (claim.start, claim.end));
        // The furthest end of anything, and of metadata, so far.
        let mut reach = start;
        let mut meta: Option<Claim> = None;
        let mut any: Option<Claim> = None;
        for claim in claims {
            let other = match claim.kind {
                Use::Meta => any,
                Use::Data => meta,
            };
            if let Some(other) = other.filter(|other| other.end > claim.start) {
                found.add(Rule::Overlap, claim.start, format!("{other} and {claim}"));
            }
            if claim.end > end {
                found.add(Rule::OutOfImage, claim.start, claim);
                return;
            }
            if claim.start > reach {
                check_gap(image, reach, claim.start, found);
            }
            reach = reach.max(claim.end);
            let further = |old: Option<Claim>| match old {
                Some(old) if old.end >= claim.end => Some(old),
                _ => Some(claim),
            };
            any = further(any);
            if claim.kind == Use::Meta {
                meta = further(meta);
            }
        }
        check_gap(image, reach, end, found);
    }
}

fn check_gap(image: &Image, mut from: u64, to: u64, found: &mut Findings) {
    while from < to {
        let len = (to - from).min(1 << 20);
        let bytes = image.bytes(from, len).expect("inside the image");
        if !is_zero(&bytes) {
            let stray = bytes.iter().position(|&byte| byte != 0).unwrap_or(0);
            let at = from + crate::num::wide(stray);
            found.add(Rule::Padding, at, format!("byte {:#04x}", bytes[stray]));
            return;
        }
        from += len;
    }
}
