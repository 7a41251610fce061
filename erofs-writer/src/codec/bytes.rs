//! Reading and comparing bytes, several at a time.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "positions are below 2^31"
)]

/// The 4 bytes at `at` as a number; `None` if there are fewer.
///
/// `at` has 32 bits, so that the compiler knows that `at + 4` does not overflow.
#[inline(always)]
pub(super) fn word(data: &[u8], at: u32) -> Option<u32> {
    let at = at as usize;
    data.get(at..at + 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The `N` bytes at `at`; `None` if there are fewer.
#[inline(always)]
pub(super) fn chunk<const N: usize>(data: &[u8], at: usize) -> Option<&[u8; N]> {
    let at = at as u32 as usize;
    data.get(at..at + N)?.first_chunk()
}

/// The `N` bytes at `at`, to write to; `None` if there are fewer.
#[inline(always)]
pub(super) fn chunk_mut<const N: usize>(data: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    let at = at as u32 as usize;
    data.get_mut(at..at + N)?.first_chunk_mut()
}

/// The 8 bytes at `at` as a number; `None` if there are fewer.
#[inline(always)]
pub(super) fn long_word(data: &[u8], at: usize) -> Option<u64> {
    chunk(data, at).map(|bytes| u64::from_le_bytes(*bytes))
}

/// How many bytes from `a` on are the same as those from `b` on, of which only those
/// before `end` count. `a` is less than `b`.
#[inline(always)]
pub(super) fn common_prefix(data: &[u8], a: usize, b: usize, end: usize) -> usize {
    let max = end.saturating_sub(b);
    let mut len = 0;
    while let (Some(x), Some(y)) = (long_word(data, a + len), long_word(data, b + len)) {
        if x != y {
            return max.min(len + ((x ^ y).trailing_zeros() / 8) as usize);
        }
        len += 8;
        if len >= max {
            return max;
        }
    }
    common_rest(data, a + len, b + len, max - len) + len
}

/// The rest of `common_prefix` near the end of the data, byte by byte.
#[cold]
fn common_rest(data: &[u8], a: usize, b: usize, max: usize) -> usize {
    let rest = data[a..].iter().zip(&data[b..]).take(max);
    rest.take_while(|(x, y)| x == y).count()
}

/// How many bytes before `a` are the same as those before `b`, up to `max`. `max` is at
/// most `a`, and `a` is less than `b`.
#[inline(always)]
pub(super) fn common_suffix(data: &[u8], a: usize, b: usize, max: usize) -> usize {
    let (mut left, mut right) = (&data[..a], &data[..b]);
    let mut len = 0;
    while len < max {
        let (Some((left_rest, x)), Some((right_rest, y))) =
            (left.split_last_chunk::<8>(), right.split_last_chunk::<8>())
        else {
            let rest = (len..max).take_while(|len| data[a - len - 1] == data[b - len - 1]);
            return len + rest.count();
        };
        let differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differ != 0 {
            return max.min(len + (differ.leading_zeros() / 8) as usize);
        }
        (left, right) = (left_rest, right_rest);
        len += 8;
    }
    max
}
