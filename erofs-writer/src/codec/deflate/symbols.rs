//! The symbols of a block (RFC 1951, 3.2.5).
//!
//! Both alphabets are in one array: that of literals and lengths, and from
//! [`DISTANCES`] on that of distances.

/// The end of a block.
pub(super) const END: usize = 256;
/// The symbol of the shortest lengths.
pub(super) const LENS: usize = 257;
/// How many literals and lengths there are.
pub(super) const LITLENS_LEN: usize = 286;
/// The place of the first distance.
pub(super) const DISTANCES: usize = 288;
pub(super) const DISTANCES_LEN: usize = 30;
/// The length of arrays of symbols. What is left over is not used.
pub(super) const SYMBOLS: usize = 320;

pub(super) const MIN_MATCH: usize = 3;
pub(super) const MAX_MATCH: usize = 258;
/// The longest distance.
pub(super) const WINDOW: usize = 1 << 15;

/// How many extra bits each symbol has.
pub(super) static EXTRA: [u8; SYMBOLS] = {
    let mut extra = [0; SYMBOLS];
    let mut code = 4;
    while code < DISTANCES_LEN {
        extra[DISTANCES + code] = (code / 2 - 1) as u8;
        code += 1;
    }
    // The longest length has a symbol of its own.
    let mut code = 8;
    while code < 28 {
        extra[LENS + code] = (code / 4 - 1) as u8;
        code += 1;
    }
    extra
};

/// The first length of each code, less the shortest length.
const LEN_FIRST: [u8; 29] = {
    let mut first = [255; 29];
    let mut code = 0;
    let mut len = 0_u8;
    while code < 28 {
        first[code] = len;
        len = len.saturating_add(1 << EXTRA[LENS + code]);
        code += 1;
    }
    first
};

/// The code of each length, less the shortest length.
static LEN_CODES: [u8; 256] = {
    let mut codes = [0; 256];
    let mut code = 0;
    while code < 29 {
        let mut len = LEN_FIRST[code] as usize;
        while len < 256 {
            codes[len] = code as u8;
            len += 1;
        }
        code += 1;
    }
    codes
};

/// The symbol of a length.
#[inline(always)]
pub(super) fn len_symbol(len: u32) -> usize {
    LENS + usize::from(LEN_CODES[(len as u8).wrapping_sub(MIN_MATCH as u8) as usize])
}

/// The extra bits of a length with this symbol.
#[inline(always)]
pub(super) fn len_extra(len: u32, symbol: usize) -> u32 {
    len - MIN_MATCH as u32 - u32::from(LEN_FIRST[(symbol - LENS) % 29])
}

/// The symbol of a distance.
#[inline(always)]
pub(super) fn distance_symbol(distance: u32) -> usize {
    let value = distance.wrapping_sub(1);
    // One more bit than the highest one tells the code.
    let bits = (value | 1).ilog2();
    let code = if value < 2 { value } else { 2 * bits + (value >> (bits - 1) & 1) };
    DISTANCES + code as usize % 32
}

/// The extra bits of a distance with so many of them.
#[inline(always)]
pub(super) fn distance_extra(distance: u32, bits: u32) -> u32 {
    distance.wrapping_sub(1) & ((1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_those_of_the_tables() {
        // Some lines of the tables in RFC 1951, 3.2.5.
        let lens =
            [(3, 257, 0), (10, 264, 0), (11, 265, 1), (12, 265, 1), (130, 280, 4), (131, 281, 5)];
        for (len, symbol, extra) in lens.into_iter().chain([(257, 284, 5), (258, 285, 0)]) {
            assert_eq!((len_symbol(len), EXTRA[symbol]), (symbol, extra), "{len}");
        }
        assert_eq!([len_extra(12, 265), len_extra(257, 284), len_extra(258, 285)], [1, 30, 0]);
        let distances = [(1, 0, 0), (2, 1, 0), (4, 3, 0), (5, 4, 1), (7, 5, 1), (24_577, 29, 13)];
        for (distance, code, extra) in distances.into_iter().chain([(32_768, 29, 13)]) {
            let symbol = distance_symbol(distance);
            assert_eq!((symbol - DISTANCES, EXTRA[symbol]), (code, extra), "{distance}");
        }
        assert_eq!([distance_extra(24_577, 13), distance_extra(32_768, 13)], [0, 8191]);
    }
}
