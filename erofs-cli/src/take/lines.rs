//! A line for each file of an image.

use std::fmt::Write as _;
use std::io::{self, Write};

use erofs_writer::source::{Listed, ListedKind};
use erofs_writer::{Rdev, Shown, Timestamp};
use serde_json::{Map, Value, json};

use crate::report::escaped;

/// As `ls -l` shows it, and how it is stored.
pub(super) fn text(out: &mut impl Write, listed: &Listed) -> io::Result<()> {
    let metadata = &listed.metadata;
    let size = match rdev(&listed.kind) {
        Some(Rdev { major, minor }) => format!("{major}, {minor}"),
        None => listed.size.to_string(),
    };
    write!(
        out,
        "{} {:>3} {:>5} {:>5} {:>10} {} {:<16} {:>10} {}",
        mode(listed),
        listed.links,
        metadata.uid,
        metadata.gid,
        size,
        time(metadata.mtime, ' '),
        layout(listed),
        listed.stored_bytes,
        Shown::bytes(&listed.path),
    )?;
    if let ListedKind::Symlink(target) = &listed.kind {
        write!(out, " -> {}", Shown::bytes(target))?;
    }
    writeln!(out)
}

/// As one JSON object.
pub(super) fn json(out: &mut impl Write, listed: &Listed) -> io::Result<()> {
    let metadata = &listed.metadata;
    let mut object = Map::new();
    add_bytes(&mut object, "path", &listed.path);
    let fields = json!({
        "type": kind(&listed.kind),
        "mode": format!("{:04o}", metadata.mode & 0o7777),
        "uid": metadata.uid,
        "gid": metadata.gid,
        "mtime": time(metadata.mtime, 'T'),
        "links": listed.links,
        "nid": listed.nid,
        "size": listed.size,
        "layout": listed.layout.to_string(),
        "algorithms": listed.algorithms.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "stored_bytes": listed.stored_bytes,
        "packed_bytes": listed.packed_bytes,
        "metadata_bytes": listed.metadata_bytes,
        "further_name": listed.is_further_name,
    });
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    if let ListedKind::Symlink(target) = &listed.kind {
        add_bytes(&mut object, "target", target);
    }
    if let Some(Rdev { major, minor }) = rdev(&listed.kind) {
        object.insert("rdev".to_owned(), json!([major, minor]));
    }
    if !metadata.xattrs.is_empty() {
        let names = metadata.xattrs.iter().map(|(name, _)| String::from_utf8_lossy(name).into());
        object.insert("xattrs".to_owned(), Value::Array(names.collect()));
    }
    writeln!(out, "{}", escaped(&Value::Object(object).to_string()))
}

/// Adds a text, and its bytes in hexadecimal if it is no UTF-8.
pub(super) fn add_bytes(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    object.insert(name.to_owned(), String::from_utf8_lossy(bytes).into());
    if std::str::from_utf8(bytes).is_err() {
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        object.insert(format!("{name}_hex"), hex.into());
    }
}

fn rdev(kind: &ListedKind) -> Option<Rdev> {
    match kind {
        ListedKind::CharDevice(rdev) | ListedKind::BlockDevice(rdev) => Some(*rdev),
        _ => None,
    }
}

fn kind(kind: &ListedKind) -> &'static str {
    match kind {
        ListedKind::Directory => "directory",
        ListedKind::File => "file",
        ListedKind::Symlink(_) => "symlink",
        ListedKind::CharDevice(_) => "char_device",
        ListedKind::BlockDevice(_) => "block_device",
        ListedKind::Fifo => "fifo",
        ListedKind::Socket => "socket",
        _ => "other",
    }
}

/// The layout with the algorithms.
fn layout(listed: &Listed) -> String {
    if listed.is_further_name {
        return "=".to_owned();
    }
    let names: Vec<String> = listed.algorithms.iter().map(ToString::to_string).collect();
    let all = if names.is_empty() { listed.layout.to_string() } else { names.join("+") };
    match listed.packed_bytes > 0 && listed.packed_bytes < listed.size {
        true => all + "+packed",
        false => all,
    }
}

/// Ten characters.
fn mode(listed: &Listed) -> String {
    let mode = listed.metadata.mode;
    let first = match listed.kind {
        ListedKind::Directory => 'd',
        ListedKind::Symlink(_) => 'l',
        ListedKind::CharDevice(_) => 'c',
        ListedKind::BlockDevice(_) => 'b',
        ListedKind::Fifo => 'p',
        ListedKind::Socket => 's',
        _ => '-',
    };
    let mut text = String::from(first);
    let classes = [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')];
    for (shift, special, letter) in classes {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// A time in UTC, in the proleptic Gregorian calendar, with nanoseconds if it has some.
fn time(time: Timestamp, between: char) -> String {
    const DAY: i64 = 86_400;
    /// Days of 400 years, and from the first of March of year 0 to 1970.
    const ERA: i64 = 146_097;
    const TO_1970: i64 = 719_468;
    let (days, secs) = (time.sec.div_euclid(DAY), time.sec.rem_euclid(DAY));
    let days = days + TO_1970;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    // Years begin in March, so that the leap day is the last one.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + later;
    let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
    let mut text =
        format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}");
    if time.nsec != 0 {
        let _ = write!(text, ".{:09}", time.nsec);
    }
    if between == 'T' {
        text.push('Z');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let shown = |sec, nsec| time(Timestamp { sec, nsec }, ' ');
        // As date --utc --date=@N shows them.
        for (sec, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (-62_135_596_800, "0001-01-01 00:00:00"),
            (253_402_300_800, "10000-01-01 00:00:00"),
        ] {
            assert_eq!(shown(sec, 0), text);
        }
        assert_eq!(shown(1, 5), "1970-01-01 00:00:01.000000005");
        assert_eq!(time(Timestamp::from_sec(0), 'T'), "1970-01-01T00:00:00Z");
        // The extremes do not overflow.
        assert!(shown(i64::MAX, 0).starts_with("292277026596-12-04"));
        assert!(shown(i64::MIN, 0).starts_with("-292277022657-01-27"));
    }
}
