//! Names and paths in messages.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Names up to this many bytes are shown whole. Any path that a system call takes is
/// short enough.
const WHOLE_LEN: usize = 4096;
/// The number of bytes that are shown of the start and of the end of a longer name.
const PART_LEN: usize = 500;

/// Shows a name or a path in a message. Characters that could control a terminal or
/// change the direction of its text are escaped, and bytes that are not UTF-8 are
/// replaced. Of a name with more than 4,096 bytes only the start and the end are shown.
///
/// ```
/// use erofs_writer::Shown;
///
/// assert_eq!(Shown::new("a\x1b[31mb\n").to_string(), "a\\u{1b}[31mb\\n");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    bytes: &'a [u8],
    is_whole: bool,
}

impl<'a> Shown<'a> {
    /// A name or a path.
    pub fn new(name: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        Shown::bytes(name.as_ref().as_bytes())
    }

    /// A name or a path given as bytes.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Shown { bytes, is_whole: bytes.len() <= WHOLE_LEN }
    }

    /// A text that is shown whole, however long it is.
    pub fn whole(text: &'a str) -> Self {
        Shown { bytes: text.as_bytes(), is_whole: true }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole {
            return escaped(self.bytes, f);
        }
        escaped(&self.bytes[..PART_LEN], f)?;
        write!(f, "[... {} bytes ...]", self.bytes.len() - 2 * PART_LEN)?;
        escaped(&self.bytes[self.bytes.len() - PART_LEN..], f)
    }
}

fn escaped(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for char in String::from_utf8_lossy(bytes).chars() {
        match turns(char) || char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            true => write!(f, "{}", char.escape_default())?,
            false => fmt::Write::write_char(f, char)?,
        }
    }
    Ok(())
}

/// Whether a character changes the direction of those around it.
fn turns(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_control_the_terminal() {
        assert_eq!(
            Shown::new("a\x1b[31m\u{9b}b\u{202e}\u{200f}c").to_string(),
            "a\\u{1b}[31m\\u{9b}b\\u{202e}\\u{200f}c"
        );
        assert_eq!(Shown::new("a\tb\nc\u{2028}").to_string(), "a\\tb\\nc\\u{2028}");
        assert_eq!(
            Shown::bytes(b"\xc3\xa4 stays, \xff does not").to_string(),
            "\u{e4} stays, \u{fffd} does not"
        );
    }

    #[test]
    fn long_names_are_cut_in_their_middle() {
        let long = "n".repeat(WHOLE_LEN);
        assert_eq!(Shown::new(&long).to_string(), long);
        let longer = format!("start{}end", "n".repeat(1 << 20));
        let shown = Shown::new(&longer).to_string();
        assert!(shown.starts_with("startn") && shown.ends_with("nend"), "{shown}");
        assert!(shown.contains("[... 1047584 bytes ...]") && shown.len() < 1100, "{shown}");
        assert_eq!(Shown::whole(&longer).to_string(), longer);
    }
}
