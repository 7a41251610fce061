//! Extended headers. Their records of a keyword and a value override the fields of a
//! member's own header.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};

use crate::error::TarErrorKind;
use crate::time::Timestamp;
use crate::tree::{XattrMap, Xattrs};

/// The most records that are kept for all members that follow ...
const GLOBAL_RECORDS_MAX: usize = 128;
/// ... and the most bytes in them. The attributes of an inode cannot have more.
const GLOBAL_BYTES_MAX: usize = 256 << 10;

/// Keywords that are read, apart from those of attributes.
const KEYWORDS: &[&str] = &[
    "path",
    "linkpath",
    "size",
    "uid",
    "gid",
    "mtime",
    "SCHILY.devmajor",
    "SCHILY.devminor",
    "SCHILY.filetype",
    "SCHILY.realsize",
    "GNU.sparse.name",
    "GNU.sparse.major",
    "GNU.sparse.realsize",
    "GNU.sparse.size",
    "GNU.sparse.map",
];

/// Keywords, or their beginnings, that describe the runs of one file. A global header
/// must not have them.
const OF_ONE_FILE: [&[u8]; 3] = [b"GNU.sparse.", b"SCHILY.filetype", b"SCHILY.realsize"];

/// Records of extended headers, for one member or for all that follow.
#[derive(Debug, Default)]
pub(super) struct Pax {
    /// The values by keyword. None if an empty value has undone an earlier record.
    records: BTreeMap<&'static str, Option<Box<[u8]>>>,
    xattrs: Attributes,
    /// Offsets and lengths of runs, in the order of their records.
    pub(super) sparse: Vec<u64>,
}

/// Attributes by name.
type Attributes = BTreeMap<Arc<[u8]>, Attribute>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attribute {
    form: Form,
    value: Value,
}

/// The form of an attribute's record. If an attribute comes in several forms, the last
/// of these counts: all have the same value, and it has it most exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Libarchive,
    Selinux,
    Schily,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Value {
    Is(Arc<[u8]>),
    /// An empty value has undone an earlier record.
    Undone,
    /// The value is not base 64.
    Bad,
}

impl Pax {
    /// Adds the records in `data`. An empty value undoes an earlier record.
    pub(super) fn add(&mut self, mut data: &[u8]) -> Result<(), TarErrorKind> {
        while !data.is_empty() {
            let (keyword, value, rest) = record(data).ok_or(TarErrorKind::Pax)?;
            data = rest;
            if let b"GNU.sparse.offset" | b"GNU.sparse.numbytes" = keyword {
                self.sparse.push(decimal(value).ok_or(TarErrorKind::Sparse)?);
            } else if let Some((name, attribute)) = attribute(keyword, value) {
                let known = self.xattrs.get(&name[..]);
                if known.is_none_or(|known| known.form <= attribute.form) {
                    self.xattrs.insert(name.into(), attribute);
                }
            } else if let Some(keyword) = KEYWORDS.iter().find(|known| known.as_bytes() == keyword)
            {
                self.records.insert(keyword, (!value.is_empty()).then(|| value.into()));
            }
        }
        Ok(())
    }

    /// The extended attributes. They override those of `global`.
    fn xattrs(&self, global: &Pax) -> Result<XattrMap, TarErrorKind> {
        let mut map = XattrMap::new();
        for (name, attribute) in global.xattrs.iter().chain(&self.xattrs) {
            match &attribute.value {
                Value::Is(value) => map.insert(name.clone(), value.clone()),
                Value::Undone => map.remove(name),
                Value::Bad if self.xattrs.get(name).is_none_or(|own| own == attribute) => {
                    return Err(TarErrorKind::Pax);
                }
                Value::Bad => None,
            };
        }
        // A map that is made at once has full nodes. One that has grown name by name
        // has half-empty ones.
        Ok(map.into_iter().collect())
    }
}

/// The records for all members that follow.
#[derive(Debug, Default)]
pub(super) struct Global {
    pax: Pax,
    /// The attributes of members, by those of their own headers, so that members with
    /// the same ones share them.
    known: HashMap<Attributes, Xattrs>,
}

impl Global {
    /// Adds records as [`Pax::add`] does. It is an error if there are too many, or if
    /// one can only belong to a single file.
    pub(super) fn add(&mut self, data: &[u8]) -> Result<(), TarErrorKind> {
        let mut rest = data;
        while let Some((keyword, _, behind)) = record(rest) {
            if OF_ONE_FILE.iter().any(|start| keyword.starts_with(start)) {
                return Err(TarErrorKind::Pax);
            }
            rest = behind;
        }
        self.pax.add(data)?;
        self.known.clear();
        let Pax { records, xattrs, .. } = &mut self.pax;
        // An empty value has no earlier record to undo.
        records.retain(|_, value| value.is_some());
        xattrs.retain(|_, attribute| attribute.value != Value::Undone);
        let len = |attribute: &Attribute| match &attribute.value {
            Value::Is(value) => value.len(),
            _ => 0,
        };
        let bytes = records.values().flatten().map(|value| value.len()).sum::<usize>()
            + xattrs.iter().map(|(name, attribute)| name.len() + len(attribute)).sum::<usize>();
        match records.len() + xattrs.len() <= GLOBAL_RECORDS_MAX && bytes <= GLOBAL_BYTES_MAX {
            true => Ok(()),
            false => Err(TarErrorKind::Global),
        }
    }

    /// The extended attributes of a member with the records `own`.
    pub(super) fn xattrs(&mut self, own: &Pax) -> Result<Xattrs, TarErrorKind> {
        if let Some(known) = self.known.get(&own.xattrs) {
            return Ok(known.clone());
        }
        let xattrs = Xattrs::from_map(own.xattrs(&self.pax)?);
        self.known.insert(own.xattrs.clone(), xattrs.clone());
        Ok(xattrs)
    }
}

/// The records for a member: those of its own headers, and for other keywords, those
/// for all members.
pub(super) struct Said<'a> {
    pub(super) own: &'a Pax,
    pub(super) global: &'a Global,
}

impl<'a> Said<'a> {
    pub(super) fn text(&self, keyword: &'static str) -> Option<&'a [u8]> {
        debug_assert!(KEYWORDS.contains(&keyword), "{keyword} is kept");
        let own = self.own.records.get(keyword);
        own.or_else(|| self.global.pax.records.get(keyword))?.as_deref()
    }

    pub(super) fn number<N: TryFrom<u64>>(
        &self,
        keyword: &'static str,
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
}

const SCHILY: &[u8] = b"SCHILY.xattr.";
const LIBARCHIVE: &[u8] = b"LIBARCHIVE.xattr.";
const SELINUX: &[u8] = b"RHT.security.selinux";

/// The attribute that a record sets. An empty value is a value, except that an empty
/// SELinux label undoes an earlier one.
fn attribute(keyword: &[u8], value: &[u8]) -> Option<(Vec<u8>, Attribute)> {
    if let Some(name) = keyword.strip_prefix(SCHILY) {
        let value = Value::Is(value.into());
        return Some((name.to_vec(), Attribute { form: Form::Schily, value }));
    }
    if let Some(name) = keyword.strip_prefix(LIBARCHIVE) {
        let value = BASE64.decode(value).map_or(Value::Bad, |value| Value::Is(value.into()));
        return Some((percent_decoded(name), Attribute { form: Form::Libarchive, value }));
    }
    let value = if value.is_empty() { Value::Undone } else { Value::Is(value.into()) };
    let attribute = Attribute { form: Form::Selinux, value };
    (keyword == SELINUX).then(|| (b"security.selinux".to_vec(), attribute))
}

/// The keyword and the value of the first record, `LENGTH KEYWORD=VALUE\n`, and the
/// bytes after it.
fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(20).position(|byte| *byte == b' ')?;
    let len = usize::try_from(decimal(&data[..space])?).ok()?;
    let (record, rest) = data.split_at_checked(len)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

/// The number that decimal digits stand for.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

/// A time in seconds, which may have a sign and a fraction. It is rounded down to
/// nanoseconds.
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

/// Decodes `%41` to `A`.
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

/// Base 64 as libarchive writes it, without padding, and as others do.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn pax(data: &[u8]) -> Result<Pax, TarErrorKind> {
        let mut pax = Pax::default();
        pax.add(data).map(|()| pax)
    }

    fn global(data: &[u8]) -> Result<Global, TarErrorKind> {
        let mut global = Global::default();
        global.add(data).map(|()| global)
    }

    fn xattrs(own: &Pax) -> Result<Xattrs, TarErrorKind> {
        Global::default().xattrs(own)
    }

    /// A record with its length before it.
    fn record(keyword: &str, value: &[u8]) -> Vec<u8> {
        let rest = [b" ", keyword.as_bytes(), b"=", value, b"\n"].concat();
        let fits = |digits: &usize| (rest.len() + digits).to_string().len() == *digits;
        let digits = (1..9).find(fits).expect("one does");
        [(rest.len() + digits).to_string().as_bytes(), &rest].concat()
    }

    #[test]
    fn values_may_hold_any_byte() {
        let records = [record("path", b"a\nb"), record("SCHILY.xattr.user.u", b"\n=\0")];
        let own = &pax(&records.concat()).expect("two records");
        assert_eq!(Said { own, global: &Global::default() }.text("path"), Some(&b"a\nb"[..]));
        assert_eq!(xattrs(own).expect("one").get("user.u"), Some(&b"\n=\0"[..]));
        for bad in [&b"5 a=b"[..], b"6 a=bc", b"x a=b\n", b"6 a-b\n", b"99 a=b\n", b"2 a=b\n", b" "]
        {
            assert!(pax(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn later_records_go_before_earlier_ones_and_empty_ones_undo_them() {
        let none = Global::default();
        let own = &pax(b"9 path=a\n9 path=b\n").expect("two records");
        assert_eq!(Said { own, global: &none }.text("path"), Some(&b"b"[..]));
        let undone = &pax(b"9 path=a\n8 path=\n").expect("two records");
        assert_eq!(Said { own: undone, global: &none }.text("path"), None);

        let mut global = global(b"9 path=g\n9 size=7\n").expect("two records");
        let said = Said { own, global: &global };
        assert_eq!(said.text("path"), Some(&b"b"[..]));
        assert_eq!(said.number::<u64>("size", "size"), Ok(Some(7)));
        assert_eq!(Said { own: undone, global: &global }.text("path"), None);
        let nothing = &Pax::default();
        assert_eq!(Said { own: nothing, global: &global }.text("path"), Some(&b"g"[..]));
        global.add(b"8 path=\n").expect("a record");
        assert_eq!(Said { own: nothing, global: &global }.text("path"), None);
    }

    #[test]
    fn members_with_the_same_attributes_share_them() {
        let label = record("RHT.security.selinux", b"g");
        let mut global = global(&[&label[..], &record("SCHILY.xattr.user.a", b"1")].concat())
            .expect("two records");
        let xattrs = |global: &mut Global, data: &[u8]| {
            global.xattrs(&pax(data).expect("records")).expect("attributes")
        };
        let all = [(); 2].map(|()| xattrs(&mut global, b""));
        assert!(std::ptr::eq(&**all[0].shared().expect("two"), &**all[1].shared().expect("two")));
        let own = [(); 2].map(|()| xattrs(&mut global, &record("SCHILY.xattr.user.b", b"2")));
        assert!(std::ptr::eq(
            &**own[0].shared().expect("three"),
            &**own[1].shared().expect("three")
        ));
        assert_eq!(own[0].iter().count(), 3);
        let unlabeled = xattrs(&mut global, &record("RHT.security.selinux", b""));
        assert_eq!(unlabeled.iter().collect::<Vec<_>>(), [(&b"user.a"[..], &b"1"[..])]);
        global.add(&record("RHT.security.selinux", b"")).expect("a record");
        assert_eq!(xattrs(&mut global, b"").get("security.selinux"), None);
    }

    #[test]
    fn what_is_kept_for_all_members_is_bounded() {
        let many = |count: usize| -> Vec<u8> {
            (0..count).flat_map(|n| record(&format!("SCHILY.xattr.user.{n}"), b"")).collect()
        };
        assert!(global(&many(GLOBAL_RECORDS_MAX)).is_ok());
        assert_eq!(global(&many(GLOBAL_RECORDS_MAX + 1)).err(), Some(TarErrorKind::Global));
        let mut again = Global::default();
        for _ in 0..3 {
            again.add(&many(GLOBAL_RECORDS_MAX)).expect("the same ones");
        }
        let long = record("SCHILY.xattr.user.l", &vec![b'x'; GLOBAL_BYTES_MAX]);
        assert_eq!(global(&long).err(), Some(TarErrorKind::Global));
        // Records with unknown keywords do not count.
        assert!(global(&record("comment", &vec![b'x'; GLOBAL_BYTES_MAX])).is_ok());
        for keyword in ["GNU.sparse.realsize", "GNU.sparse.offset", "SCHILY.realsize"] {
            assert_eq!(global(&record(keyword, b"1")).err(), Some(TarErrorKind::Pax), "{keyword}");
        }
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
        for bad in [&b""[..], b".5", b"1.x", b"--1", b"1e9", b" 1", b"+1", b"99999999999999999999"]
        {
            assert_eq!(time(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn attributes_of_libarchive_are_decoded() {
        let text = record("LIBARCHIVE.xattr.user.a%3Db%4", b"SGVsbG8h");
        let found = xattrs(&pax(&text).expect("a record")).expect("one");
        assert_eq!(found.iter().collect::<Vec<_>>(), [(&b"user.a=b%4"[..], &b"Hello!"[..])]);
        let bad = record("LIBARCHIVE.xattr.user.a", b"S");
        assert_eq!(xattrs(&pax(&bad).expect("a record")).err(), Some(TarErrorKind::Pax));
        let both = [record("SCHILY.xattr.user.a", b"1"), bad].concat();
        assert_eq!(xattrs(&pax(&both).expect("two")).expect("one").get("user.a"), Some(&b"1"[..]));
        let decoded = |text: &[u8]| BASE64.decode(text).ok();
        assert_eq!(decoded(b"SGVsbG8"), Some(b"Hello".to_vec()));
        assert_eq!(decoded(b"SGVsbA=="), Some(b"Hell".to_vec()));
        assert_eq!(decoded(b"SGVsbB"), Some(b"Hell".to_vec()));
        assert_eq!(decoded(b""), Some(Vec::new()));
        assert_eq!((decoded(b"S"), decoded(b"S*=="), decoded(b"====")), (None, None, None));
    }
}
