//! Reading and comparing bytes, several at a time.

/// The 4 bytes at `at`.
#[inline(always)]
pub(super) fn word(data: &[u8], at: usize) -> u32 {
    data[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// How many bytes from `a` and from `b` on are the same, where `b` ends
/// before `end` and `a` is less than `b`.
#[inline(always)]
pub(super) fn common_prefix(data: &[u8], a: usize, b: usize, end: usize) -> usize {
    let len = end.saturating_sub(b);
    let (left, right) = (&data[a..a + len], &data[b..b + len]);
    let mut done = 0;
    for (x, y) in left.chunks_exact(8).zip(right.chunks_exact(8)) {
        let load = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let differ = load(x) ^ load(y);
        if differ != 0 {
            return done + (differ.trailing_zeros() / 8) as usize;
        }
        done += 8;
    }
    let rest = left[done..].iter().zip(&right[done..]);
    done + rest.take_while(|(x, y)| x == y).count()
}

/// How many bytes before `a` and before `b` are the same, at most `max`,
/// which is at most `a`, which is less than `b`.
#[inline(always)]
pub(super) fn common_suffix(data: &[u8], a: usize, b: usize, max: usize) -> usize {
    let left = data[a - max..a].iter().rev();
    let right = data[b - max..b].iter().rev();
    left.zip(right).take_while(|(x, y)| x == y).count()
}
