//! Bits written one after the other, the lowest of each byte first.

#![expect(clippy::as_conversions, reason = "counts of bytes in a number of 8 bytes")]

use super::bytes::chunk_mut;

/// Writes numbers of some bits each to a buffer.
///
/// Bits that do not fit any more are left out, and [`BitWriter::finish`] tells so.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut [u8],
    len: usize,
    bits: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    #[inline(always)]
    pub(super) fn new(out: &'a mut [u8]) -> Self {
        BitWriter { out, len: 0, bits: 0, count: 0 }
    }

    /// Adds the `count` bits of `value`, which has no others. Between flushes there
    /// is room for 56 bits.
    #[inline(always)]
    pub(super) fn put(&mut self, value: u64, count: u32) {
        self.bits |= value << (self.count & 63);
        self.count += count;
    }

    /// Moves whole bytes to the buffer.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        match chunk_mut::<8>(self.out, self.len) {
            Some(to) => *to = self.bits.to_le_bytes(),
            None => write_near_end(self.out, self.len, self.bits),
        }
        self.len += (self.count / 8) as usize;
        self.bits >>= self.count & 56;
        self.count &= 7;
    }

    /// Fills the last byte with zeros and returns how many bytes there are, if they
    /// fitted.
    #[inline(always)]
    pub(super) fn finish(mut self) -> Option<usize> {
        self.flush();
        if self.count > 0 {
            self.count = 8;
            self.flush();
        }
        (self.len <= self.out.len()).then_some(self.len)
    }

    /// Ends a stream that is read backwards: above its last bit there is a one, and
    /// then zeros (RFC 8878, 4.1).
    #[cfg(feature = "zstd")]
    #[inline(always)]
    pub(super) fn finish_backward(mut self) -> Option<usize> {
        self.put(1, 1);
        self.finish()
    }

    /// How many bits were written.
    #[cfg(feature = "deflate")]
    #[inline(always)]
    pub(super) fn bits(&self) -> usize {
        self.len * 8 + self.count as usize
    }

    /// Copies bytes after the last whole one, and returns whether they fitted.
    #[cfg(feature = "deflate")]
    pub(super) fn copy(&mut self, bytes: &[u8]) -> bool {
        self.flush();
        let to = self.out.get_mut(self.len..self.len + bytes.len());
        let fits = to.is_some();
        if let Some(to) = to {
            to.copy_from_slice(bytes);
        }
        self.len += bytes.len();
        fits
    }
}

/// Writes as many of eight bytes as fit.
///
/// Only numbers are handed over, so that those of the writer can be in registers.
#[cold]
fn write_near_end(out: &mut [u8], len: usize, bits: u64) {
    let left = out.get_mut(len..).unwrap_or_default();
    for (to, from) in left.iter_mut().zip(bits.to_le_bytes()) {
        *to = from;
    }
}

#[cfg(all(test, feature = "deflate", feature = "zstd"))]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_each_other_from_the_lowest() {
        let mut out = [0xff; 3];
        let mut writer = BitWriter::new(&mut out);
        writer.put(0b101, 3);
        writer.put(0b01, 2);
        writer.flush();
        writer.put(0b1_1100_1010, 9);
        assert_eq!(writer.finish(), Some(2));
        assert_eq!(out, [0b0100_1101, 0b0011_1001, 0]);
        let mut writer = BitWriter::new(&mut out);
        writer.put(0xab, 8);
        assert_eq!(writer.finish_backward(), Some(2));
        assert_eq!(out[..2], [0xab, 1]);
    }

    #[test]
    fn bytes_are_copied_where_they_fit() {
        let mut out = [0; 2];
        let mut writer = BitWriter::new(&mut out);
        writer.put(0xab, 8);
        assert!(writer.copy(&[1]) && writer.bits() == 16);
        assert!(!writer.copy(&[2, 3]));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut out = [0; 20];
        for len in 0..20 {
            let mut writer = BitWriter::new(&mut out[..len]);
            for _ in 0..5 {
                writer.put(0xff_ffff, 24);
                writer.flush();
            }
            assert_eq!(writer.finish(), (len >= 15).then_some(15));
        }
    }
}
