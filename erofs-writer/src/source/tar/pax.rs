//! Extended headers: records of a keyword and a value, which go before what
//! the header of the member says.

use std::collections::BTreeMap;

use crate::error::TarErrorKind;
use crate::tree::{Timestamp, Xattrs};

/// What extended headers say, by keyword. Repeated records of a sparse file's
/// map are kept apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Pax {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Offsets and lengths, in the order in which they stand.
    pub(super) sparse: Vec<u64>,
}

impl Pax {
    /// Adds what stands in `data`. An empty value undoes what was said before.
    pub(super) fn add(&mut self, mut data: &[u8]) -> Result<(), TarErrorKind> {
        while !data.is_empty() {
            let (keyword, value, rest) = record(data).ok_or(TarErrorKind::Pax)?;
            data = rest;
            if let b"GNU.sparse.offset" | b"GNU.sparse.numbytes" = keyword {
                self.sparse.push(decimal(value).ok_or(TarErrorKind::Sparse)?);
            } else if value.is_empty() && !is_xattr(keyword) {
                self.records.remove(keyword);
            } else {
                self.records.insert(keyword.to_vec(), value.to_vec());
            }
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// These records, and those of `other` where there is none here.
    pub(super) fn or(mut self, other: &Pax) -> Self {
        for (keyword, value) in &other.records {
            self.records.entry(keyword.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    pub(super) fn text(&self, keyword: &str) -> Option<&[u8]> {
        self.records.get(keyword.as_bytes()).map(Vec::as_slice)
    }

    pub(super) fn number<N: TryFrom<u64>>(
        &self,
        keyword: &str,
        field: &'static str,
    ) -> Result<Option<N>, TarErrorKind> {
        let Some(text) = self.text(keyword) else { return Ok(None) };
        let number = decimal(text).and_then(|number| N::try_from(number).ok());
        number.map(Some).ok_or(TarErrorKind::Number { field })
    }

    pub(super) fn mtime(&self) -> Result<Option<Timestamp>, TarErrorKind> {
        let Some(text) = self.text("mtime") else { return Ok(None) };
        time(text).map(Some).ok_or(TarErrorKind::Number { field: "time" })
    }

    /// The extended attributes.
    pub(super) fn xattrs(&self) -> Result<Xattrs, TarErrorKind> {
        let mut xattrs = Xattrs::new();
        for (keyword, value) in &self.records {
            if let Some(name) = keyword.strip_prefix(SCHILY) {
                xattrs.set(name, &value[..]);
            } else if let Some(name) = keyword.strip_prefix(LIBARCHIVE) {
                let (name, value) = (percent_decoded(name), base64_decoded(value));
                let known = self.records.contains_key(&[SCHILY, &name].concat());
                // Where both are there they say the same.
                if !known {
                    xattrs.set(name, value.ok_or(TarErrorKind::Pax)?);
                }
            } else if keyword == SELINUX {
                xattrs.set("security.selinux", &value[..]);
            }
        }
        Ok(xattrs)
    }
}

const SCHILY: &[u8] = b"SCHILY.xattr.";
const LIBARCHIVE: &[u8] = b"LIBARCHIVE.xattr.";
const SELINUX: &[u8] = b"RHT.security.selinux";

/// Whether an empty value means just that.
fn is_xattr(keyword: &[u8]) -> bool {
    keyword.starts_with(SCHILY) || keyword.starts_with(LIBARCHIVE)
}

/// The first record, `LENGTH KEYWORD=VALUE\n`, and what is behind it.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let len = usize::try_from(decimal(&data[..space])?).ok()?;
    let (record, rest) = data.split_at_checked(len)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

/// A number in decimal digits.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

/// Seconds, perhaps negative, perhaps with a fraction; what is finer than a
/// nanosecond is cut off towards the past.
fn time(text: &[u8]) -> Option<Timestamp> {
    let (text, is_negative) = match text.strip_prefix(b"-") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut halves = text.splitn(2, |byte| *byte == b'.');
    let sec = i64::try_from(decimal(halves.next()?)?).ok()?;
    let fraction = halves.next().unwrap_or(b"0");
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    let nsec = digits.fold(0, |nsec, digit| nsec * 10 + u32::from(digit - b'0'));
    let is_finer = fraction.iter().skip(9).any(|digit| *digit != b'0');
    if !is_negative {
        return Some(Timestamp { sec, nsec });
    }
    let nanos = i128::from(sec) * 1_000_000_000 + i128::from(nsec) + i128::from(is_finer);
    let sec = i64::try_from((-nanos).div_euclid(1_000_000_000)).ok()?;
    let nsec = u32::try_from((-nanos).rem_euclid(1_000_000_000)).ok()?;
    Some(Timestamp { sec, nsec })
}

/// With `%41` as `A`.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, others)) = rest.split_first() {
        let digit = |at: usize| char::from(*others.get(at)?).to_digit(16);
        let byte = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &others[2..] } else { others };
    }
    out
}

/// What base 64 stands for, with or without its padding.
fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = &text[..text.len() - padding];
    if padding > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let digit = |byte: &u8| {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        })
    };
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            bits = bits << 6 | u32::from(group.get(at).map_or(Some(0), digit)?);
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pax(data: &[u8]) -> Result<Pax, TarErrorKind> {
        let mut pax = Pax::default();
        pax.add(data).map(|()| pax)
    }

    /// A record, with its length.
    fn record(keyword: &str, value: &[u8]) -> Vec<u8> {
        let rest = [b" ", keyword.as_bytes(), b"=", value, b"\n"].concat();
        let fits = |digits: &usize| (rest.len() + digits).to_string().len() == *digits;
        let digits = (1..9).find(fits).expect("one does");
        [(rest.len() + digits).to_string().as_bytes(), &rest].concat()
    }

    #[test]
    fn values_may_hold_any_byte() {
        let records = [record("path", b"a\nb"), record("SCHILY.xattr.user.u", b"\n=\0")];
        let all = pax(&records.concat()).expect("two records");
        assert_eq!(all.text("path"), Some(&b"a\nb"[..]));
        assert_eq!(all.xattrs().expect("one").get("user.u"), Some(&b"\n=\0"[..]));
        for bad in [&b"5 a=b"[..], b"6 a=bc", b"x a=b\n", b"6 a-b\n", b"99 a=b\n", b"2 a=b\n", b" "]
        {
            assert!(pax(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn later_records_go_before_earlier_ones_and_empty_ones_undo_them() {
        let both = pax(b"9 path=a\n9 path=b\n").expect("two records");
        assert_eq!(both.text("path"), Some(&b"b"[..]));
        let none = pax(b"9 path=a\n8 path=\n").expect("two records");
        assert_eq!(none.text("path"), None);
        let global = pax(b"9 path=g\n9 size=7\n").expect("two records");
        let merged = both.or(&global);
        assert_eq!(merged.text("path"), Some(&b"b"[..]));
        assert_eq!(merged.number::<u64>("size", "size"), Ok(Some(7)));
    }

    #[test]
    fn times_have_fractions_and_signs() {
        let at = |sec, nsec| Some(Timestamp { sec, nsec });
        assert_eq!(time(b"12"), at(12, 0));
        assert_eq!(time(b"12.5"), at(12, 500_000_000));
        assert_eq!(time(b"12.0000000019"), at(12, 1));
        assert_eq!(time(b"-1.25"), at(-2, 750_000_000));
        assert_eq!(time(b"-1.0000000001"), at(-2, 999_999_999));
        assert_eq!(time(b"-3"), at(-3, 0));
        for bad in [&b""[..], b".5", b"1.x", b"--1", b"99999999999999999999"] {
            assert_eq!(time(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn attributes_of_libarchive_are_decoded() {
        let text = record("LIBARCHIVE.xattr.user.a%3Db%4", b"SGVsbG8h");
        let found = pax(&text).expect("a record").xattrs().expect("one");
        assert_eq!(found.iter().collect::<Vec<_>>(), [(&b"user.a=b%4"[..], &b"Hello!"[..])]);
        assert_eq!(base64_decoded(b"SGVsbG8"), Some(b"Hello".to_vec()));
        assert_eq!(base64_decoded(b"SGVsbA=="), Some(b"Hell".to_vec()));
        assert_eq!(base64_decoded(b""), Some(Vec::new()));
        assert_eq!(
            (base64_decoded(b"S"), base64_decoded(b"S*=="), base64_decoded(b"====")),
            (None, None, None)
        );
    }
}
