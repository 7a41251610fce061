//! Codes from their lengths (RFC 1951, 3.2.2).

/// The longest code of all.
pub(super) const BITS_MAX: usize = 15;

/// Sets the codes of symbols with these lengths. The lowest 16 bits are the code, its
/// first bit the lowest, and above is its length.
pub(super) fn assign(lengths: &[u8], codes: &mut [u32]) {
    let mut with_length = [0_u16; BITS_MAX + 1];
    for len in lengths {
        with_length[usize::from(*len) % 16] += 1;
    }
    let mut next = [0_u16; BITS_MAX + 1];
    let mut value = 0_u16;
    for len in 1..=BITS_MAX {
        next[len] = value;
        value = value.wrapping_add(with_length[len]) << 1;
    }
    for (code, len) in codes.iter_mut().zip(lengths) {
        let next = &mut next[usize::from(*len) % 16];
        // Codes begin with their highest bit (RFC 1951, 3.1.1).
        let reversed = next.reverse_bits().checked_shr(16 - u32::from(*len)).unwrap_or(0);
        *code = u32::from(*len) << 16 | u32::from(reversed);
        *next += u16::from(*len > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // The example of RFC 1951, 3.2.2.
        let mut codes = [0; 8];
        assign(&[3, 3, 3, 3, 3, 2, 4, 4], &mut codes);
        let expected = [0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111];
        assert_eq!(codes.map(|code| code & 0xffff), expected);
    }
}
