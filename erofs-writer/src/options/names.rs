//! The label of an image, its UUID, and prefixes of xattr names.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::options::error::OptionsError;

/// The volume label, by which a system can mount the image: at most 15 bytes.
///
/// The field has 16 bytes, but `erofs_read_superblock` of Linux before 6.15 refuses a
/// label without a NUL at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Label([u8; 16]);

impl Label {
    /// A label of these bytes.
    ///
    /// # Errors
    /// [`OptionsError::Label`] if there are more than 15 bytes, or one is NUL.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, OptionsError> {
        let bytes = bytes.as_ref();
        if bytes.len() > 15 || bytes.contains(&0) {
            return Err(OptionsError::Label);
        }
        let mut label = [0; 16];
        label[..bytes.len()].copy_from_slice(bytes);
        Ok(Label(label))
    }

    /// The bytes of the label.
    pub fn as_bytes(&self) -> &[u8] {
        let len = self.0.iter().position(|byte| *byte == 0);
        &self.0[..len.expect("the last one is NUL")]
    }

    pub(crate) fn field(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for Label {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        Label::new(text)
    }
}

/// Bytes that are not UTF-8 are replaced, and characters that could control a terminal
/// are escaped.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(self.as_bytes(), f)
    }
}

/// The UUID of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ImageUuid {
    /// A version 8 UUID, derived from every byte of the image by XXH3 of 128 bits.
    /// Equal images have the same UUID, and different ones do not, unless somebody
    /// constructs them so.
    #[default]
    FromContent,
    /// All zeros: the image has no UUID.
    None,
    /// This UUID.
    Fixed(Uuid),
}

/// A prefix of xattr names, such as `trusted.overlay.`, that is stored once instead of
/// with every name (Linux 6.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XattrPrefix(Vec<u8>);

impl XattrPrefix {
    /// A prefix, given in full.
    ///
    /// # Errors
    /// [`OptionsError::XattrPrefix`] if `prefix` is in no namespace that EROFS can
    /// store, has more than 255 bytes after the namespace, or has a NUL.
    pub fn new(prefix: impl Into<Vec<u8>>) -> Result<Self, OptionsError> {
        let prefix = prefix.into();
        match crate::format::xattr::split_name(&prefix) {
            Some((_, infix)) if infix.len() <= 255 && !prefix.contains(&0) => {
                Ok(XattrPrefix(prefix))
            }
            _ => Err(OptionsError::XattrPrefix),
        }
    }

    /// The bytes of the whole prefix.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for XattrPrefix {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        XattrPrefix::new(text)
    }
}

/// Bytes and characters are treated as for a [`Label`].
impl fmt::Display for XattrPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(self.as_bytes(), f)
    }
}

fn shown(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    String::from_utf8_lossy(bytes).chars().try_for_each(|char| match char.is_control() {
        true => write!(f, "{}", char.escape_default()),
        false => fmt::Write::write_char(f, char),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_comes_out() {
        for text in ["", "nix-store", "fifteen letters"] {
            let label: Label = text.parse().expect("fits");
            assert_eq!((label.as_bytes(), label.to_string()), (text.as_bytes(), text.to_owned()));
        }
        assert_eq!(Label::new(b"a\x1b[\xff").expect("fits").to_string(), "a\\u{1b}[\u{fffd}");
        let prefix: XattrPrefix = "trusted.overlay.".parse().expect("is one");
        assert_eq!(prefix.to_string(), "trusted.overlay.");
        assert_eq!(prefix.as_bytes(), b"trusted.overlay.");
    }
}
