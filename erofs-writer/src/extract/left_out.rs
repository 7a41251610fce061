//! What the host cannot hold, or the user may not make.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What was left out. See [`LeftOut`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LeftOutKind {
    /// An owner that is not that of the image.
    Owner,
    /// The setuid or setgid bit of a file that has another owner than in the image.
    SetId,
    /// An extended attribute.
    Xattr,
    /// A device, or another file that is none of the usual kinds.
    Device,
}

/// The kind in the plural, with a verb: `owners were not kept`.
impl fmt::Display for LeftOutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeftOutKind::Owner => "owners were not kept",
            LeftOutKind::SetId => "setuid and setgid bits were left out",
            LeftOutKind::Xattr => "extended attributes were left out",
            LeftOutKind::Device => "devices were left out",
        })
    }
}

/// What an extraction has left out, because the user may not make it or the file system
/// cannot hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// What it is.
    pub kind: LeftOutKind,
    /// How many inodes it was, or of attributes how many of these.
    pub count: u64,
    /// The first path, in the order of paths, of which it was left out.
    pub path: Vec<u8>,
}

/// Collects what is left out.
#[derive(Debug, Default)]
pub(super) struct Losses(Mutex<Vec<LeftOut>>);

impl Losses {
    pub(super) fn add(&self, kind: LeftOutKind, path: Vec<u8>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|known| known.kind == kind) {
            Some(known) => {
                known.count += 1;
                if names(&path).lt(names(&known.path)) {
                    known.path = path;
                }
            }
            None => all.push(LeftOut { kind, count: 1, path }),
        }
    }

    /// In the order of kinds.
    pub(super) fn into_all(self) -> Vec<LeftOut> {
        let mut all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_by_key(|left_out| left_out.kind);
        all
    }
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_path_is_told() {
        let losses = Losses::default();
        for path in ["/b", "/a.x/y", "/a/z", "/c"] {
            losses.add(LeftOutKind::Device, path.as_bytes().to_vec());
        }
        losses.add(LeftOutKind::Owner, b"/".to_vec());
        let all = losses.into_all();
        let device = LeftOut { kind: LeftOutKind::Device, count: 4, path: b"/a/z".to_vec() };
        assert_eq!(all[0].kind, LeftOutKind::Owner);
        assert_eq!(all[1..], [device]);
    }
}
