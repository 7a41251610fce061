//! The header of a frame (RFC 8878, 3.1.1.1).
//!
//! It tells how many bytes the frame decodes to, as mkfs.erofs up to 1.9 and its tools
//! ask for that. If all of them are within one window, no window has to be told: the
//! frame is a single segment, and its header a byte shorter.

/// The first bytes of a frame.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// The shortest header.
pub(super) const HEADER_MIN: usize = 6;
/// The most bytes of a frame that are told by two bytes, in which 0 stands for 256.
const SHORT_MAX: usize = 65_791;

/// Headers of frames with a window of `1 << window_log` bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Headers {
    pub(super) window_log: u32,
}

impl Headers {
    pub(super) fn window(self) -> usize {
        1 << self.window_log
    }

    /// The length of the header of a frame that decodes to `content` bytes.
    pub(super) fn len(self, content: usize) -> usize {
        let in_window = content <= self.window();
        match content {
            0..256 => HEADER_MIN,
            256..=SHORT_MAX if in_window => 7,
            256..=SHORT_MAX => 8,
            _ if in_window => 9,
            _ => 10,
        }
    }

    /// The most bytes of a frame with a header of `len` bytes.
    pub(super) fn content_max(self, len: usize) -> usize {
        match len {
            0..HEADER_MIN => 0,
            HEADER_MIN => 255,
            7 => SHORT_MAX.min(self.window()),
            8 => SHORT_MAX,
            9 => SHORT_MAX.max(self.window()),
            _ => usize::MAX >> 1,
        }
    }

    /// Writes the header of `len` bytes.
    pub(super) fn write(self, len: usize, content: usize, out: &mut [u8]) {
        out[..4].copy_from_slice(&MAGIC);
        let window = ((self.window_log - 10) << 3) as u8;
        match len {
            HEADER_MIN => out[4..6].copy_from_slice(&[0x20, content as u8]),
            7 => {
                out[4] = 0x60;
                out[5..7].copy_from_slice(&((content - 256) as u16).to_le_bytes());
            }
            8 => {
                out[4..6].copy_from_slice(&[0x40, window]);
                out[6..8].copy_from_slice(&((content - 256) as u16).to_le_bytes());
            }
            9 => {
                out[4] = 0xa0;
                out[5..9].copy_from_slice(&(content as u32).to_le_bytes());
            }
            _ => {
                out[4..6].copy_from_slice(&[0x80, window]);
                out[6..10].copy_from_slice(&(content as u32).to_le_bytes());
            }
        }
    }
}
