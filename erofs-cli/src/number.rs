//! Numbers as `strtoul` and `strtol` read them with base 0: `0x` begins a hexadecimal
//! number and `0` an octal one. Unlike with these, nothing wraps around, and an empty
//! string is no number.

use std::fmt;

/// The reason why a text is not a number of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberError {
    NotANumber,
    OutOfRange,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NumberError::NotANumber => "not a whole number",
            NumberError::OutOfRange => "out of range",
        })
    }
}

impl std::error::Error for NumberError {}

/// A number that is not negative.
pub(crate) fn unsigned<T: TryFrom<u64>>(text: &str) -> Result<T, NumberError> {
    let number = match text.strip_prefix('-') {
        Some(digits) if magnitude(digits)? == 0 => 0,
        Some(_) => return Err(NumberError::OutOfRange),
        None => magnitude(text)?,
    };
    T::try_from(number).map_err(|_| NumberError::OutOfRange)
}

/// A number that may be negative.
pub(crate) fn signed(text: &str) -> Result<i64, NumberError> {
    let number = match text.strip_prefix('-') {
        Some(digits) => -i128::from(magnitude(digits)?),
        None => i128::from(magnitude(text)?),
    };
    i64::try_from(number).map_err(|_| NumberError::OutOfRange)
}

/// A number that is not negative, in units of 1024, 1024^2 or 1024^3 if it
/// ends in `k`, `m` or `g`.
pub(crate) fn with_unit<T: TryFrom<u64>>(text: &str) -> Result<T, NumberError> {
    // In a hexadecimal number none of the three letters is a digit.
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number = unsigned::<u64>(digits)?;
    let bytes = number.checked_mul(1 << shift).ok_or(NumberError::OutOfRange)?;
    T::try_from(bytes).map_err(|_| NumberError::OutOfRange)
}

fn magnitude(text: &str) -> Result<u64, NumberError> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would accept a sign.
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(NumberError::NotANumber);
    }
    u64::from_str_radix(digits, radix).map_err(|_| NumberError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use NumberError::{NotANumber, OutOfRange};

    #[test]
    fn the_base_follows_the_prefix() {
        assert_eq!(unsigned("0"), Ok(0_u32));
        assert_eq!(unsigned("4096"), Ok(4096_u32));
        assert_eq!(unsigned("0x1000"), Ok(4096_u32));
        assert_eq!(unsigned("0Xff"), Ok(255_u32));
        assert_eq!(unsigned("010"), Ok(8_u32));
        assert_eq!(unsigned("00"), Ok(0_u32));
        assert_eq!(signed("-0x10"), Ok(-16));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", "+1", " 1", "1 ", "0x", "08", "1.5", "ten", "--1", "0x-1"] {
            assert_eq!(unsigned::<u64>(text), Err(NotANumber), "{text:?}");
        }
    }

    #[test]
    fn nothing_wraps_around() {
        assert_eq!(unsigned::<u32>("4294967296"), Err(OutOfRange));
        assert_eq!(unsigned::<u32>("-1"), Err(OutOfRange));
        assert_eq!(unsigned::<u32>("-0"), Ok(0));
        assert_eq!(unsigned::<u64>("18446744073709551616"), Err(OutOfRange));
        assert_eq!(signed("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(signed("9223372036854775808"), Err(OutOfRange));
    }

    #[test]
    fn units_are_powers_of_1024() {
        assert_eq!(with_unit("4k"), Ok(4096_u32));
        assert_eq!(with_unit("0x4K"), Ok(4096_u32));
        assert_eq!(with_unit("1M"), Ok(1_u32 << 20));
        assert_eq!(with_unit("1g"), Ok(1_u64 << 30));
        assert_eq!(with_unit::<u64>("k"), Err(NotANumber));
        assert_eq!(with_unit::<u32>("4g"), Err(OutOfRange));
        assert_eq!(with_unit::<u64>("17179869184g"), Err(OutOfRange));
    }
}
