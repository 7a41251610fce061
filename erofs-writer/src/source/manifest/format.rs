//! The formats of manifests, and how they are told apart.

/// A format of a [`Manifest`](crate::source::Manifest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManifestFormat {
    /// The dump of composefs, composefs-dump(5), as `composefs-info dump` writes it and
    /// `mkcomposefs --from-file` reads it.
    Composefs,
    /// The pack file of `gensquashfs --pack-file`, which is like the list of
    /// `gen_init_cpio`.
    Gensquashfs,
    /// The mtree(5) of BSD, in the forms that libarchive and NetBSD write.
    Mtree,
}

impl ManifestFormat {
    /// The format that has `line` as its first one. None if it is a comment of several.
    pub(super) fn of(line: &[u8]) -> Option<Result<Self, ()>> {
        let line = line.trim_ascii();
        let word = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        Some(match word {
            b"" => return None,
            b"#mtree" | b"/set" | b"/unset" => Ok(ManifestFormat::Mtree),
            [b'#', ..] => return None,
            b"dir" | b"file" | b"slink" | b"link" | b"nod" | b"pipe" | b"sock" | b"glob" => {
                Ok(ManifestFormat::Gensquashfs)
            }
            _ if line.windows(6).any(|word| word == b" type=") => Ok(ManifestFormat::Mtree),
            [b'/', ..] => Ok(ManifestFormat::Composefs),
            _ => Err(()),
        })
    }
}
