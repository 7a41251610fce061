//! Logarithms, in 256ths of a bit.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "const functions have no From, and products of numbers below 512 are small"
)]

/// `256 * log2(1 + index / 256)`, rounded.
const FRACTION: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        // Squared, a number from 1 to 2 shows the next binary digit of its
        // logarithm.
        let mut x = (256 + index as u64) << 22;
        let mut digits: u64 = 0;
        let mut place = 0;
        while place < 12 {
            x = (x * x) >> 30;
            digits <<= 1;
            if x >> 31 != 0 {
                x >>= 1;
                digits |= 1;
            }
            place += 1;
        }
        let rounded = (digits + 8) >> 4;
        table[index] = if rounded > 255 { 255 } else { rounded as u8 };
        index += 1;
    }
    table
};

/// The logarithm of `x`, which is not 0.
#[inline(always)]
pub(super) const fn log2(x: u32) -> u32 {
    let whole = 31 - x.leading_zeros();
    let mantissa = (x << (31 - whole)) >> 23 & 0xff;
    whole << 8 | FRACTION[mantissa as usize] as u32
}

/// Products of small numbers with their logarithms.
static PRODUCTS: [u32; 512] = {
    let mut table = [0; 512];
    let mut x = 1;
    while x < 512 {
        table[x] = x as u32 * log2(x as u32);
        x += 1;
    }
    table
};

/// `x * log2(x)`.
#[inline(always)]
pub(super) fn times_log2(x: u32) -> u64 {
    match PRODUCTS.get(x as usize) {
        Some(product) => u64::from(*product),
        None => u64::from(x) * u64::from(log2(x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_near() {
        for x in (1..2000).chain([65_535, 65_536, 1 << 30, u32::MAX]) {
            let exact = f64::from(x).log2() * 256.0;
            assert!((f64::from(log2(x)) - exact).abs() < 2.0, "{x}");
        }
        assert_eq!([0, 1, 2, 8, 1024].map(times_log2), [0, 0, 512, 24 * 256, 10_240 * 256]);
    }
}
