//! The report about an image that was made.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use erofs_writer::{Shown, Summary};

use crate::size::Size;

/// Writes `text` to standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes `text` to standard error, because standard output is the image.
pub(crate) fn print_elsewhere(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(text.as_bytes())
}

/// A summary of the image `output` for people; with `details`, all that is known.
pub(crate) fn text(summary: &Summary, output: &Path, details: bool) -> String {
    let inodes = &summary.inodes;
    let counts = [
        (inodes.files, "files"),
        (inodes.directories, "directories"),
        (inodes.symlinks, "symlinks"),
        (inodes.others, "others"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, name)| format!("{name} {count}")).collect();
    let mut out = format!(
        "{}: {}{}, in {}\nContents {} inodes: {}\n",
        Shown::new(output),
        Size(summary.bytes_out),
        share(summary),
        seconds(summary),
        inodes.total(),
        counts.join(", "),
    );
    out.push_str(&saved(summary));
    let _ = writeln!(out, "Kernel   {}", kernel(summary));
    if details {
        out.push_str(&self::details(summary));
    }
    if let Some(verity) = &summary.verity {
        let (start, end) = (verity.hash_offset, verity.hash_end);
        let _ = writeln!(out, "Verity   {} {}", verity.hash, verity.root_hash_hex());
        let _ = writeln!(out, "Tree     from byte {start} to {end}");
        let _ = writeln!(out, "Table    {}", verity.table("DATA", "HASHES"));
    }
    if summary.verified {
        out.push_str("Verified read back, and all of it is as in the source\n");
    }
    out
}

/// The share of the lengths of all files that the image has.
fn share(summary: &Summary) -> String {
    match u128::from(summary.bytes_in) {
        0 => String::new(),
        all if u128::from(summary.bytes_out) <= 2 * all => {
            let percent = (u128::from(summary.bytes_out) * 100).div_ceil(all);
            format!(", {percent} % of the {} in its files", Size(summary.bytes_in))
        }
        _ => format!(", for {} of files", Size(summary.bytes_in)),
    }
}

/// How long it took, from the first phase to the last one.
fn seconds(summary: &Summary) -> String {
    let time: Duration = summary.times.iter().map(|(_, time)| *time).sum();
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        sec => format!("{} min {} s", sec / 60, sec % 60),
    }
}

/// What was stored once, or not at all.
fn saved(summary: &Summary) -> String {
    let bytes = [
        (summary.shared_bytes, "in equal files or parts"),
        (summary.repeated_bytes, "that repeat"),
        (summary.hole_bytes, "of zeros"),
        (summary.taken_bytes, "taken from the base"),
        (summary.device_bytes, "left in the archive or in images"),
    ];
    let bytes = bytes.into_iter().filter(|(bytes, _)| *bytes > 0);
    let bytes: Vec<String> = bytes.map(|(bytes, what)| format!("{} {what}", Size(bytes))).collect();
    match bytes.is_empty() {
        true => String::new(),
        false => format!("Saved    {}\n", bytes.join(", ")),
    }
}

/// What matters to those who look closely.
fn details(summary: &Summary) -> String {
    let mut out = format!(
        "UUID     {}\n\
         Blocks   {} of {} bytes\n\
         Metadata {}\n",
        summary.uuid,
        summary.blocks,
        summary.block_size,
        Size(summary.metadata_bytes),
    );
    if !summary.algorithms.is_empty() {
        let names: Vec<String> = summary.algorithms.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "Codecs   {}", names.join(", "));
    }
    if summary.fragment_bytes > 0 {
        let _ = writeln!(out, "Packed   {}", Size(summary.fragment_bytes));
    }
    out
}

/// The kernels that can mount the image.
fn kernel(summary: &Summary) -> String {
    let Summary { oldest_kernel: version, page_size_min: pages, .. } = summary;
    match pages {
        4096 => format!("Linux {version} or later"),
        _ => format!("Linux {version} or later, where pages have {pages} bytes or more"),
    }
}

/// A summary for machines: one JSON object on a line of its own.
pub(crate) fn json(summary: &Summary) -> serde_json::Result<String> {
    Ok(escaped(&serde_json::to_string(summary)?) + "\n")
}

/// `json` with escapes also for the control characters that JSON allows, for those who view
/// it in a terminal. They can only be in strings.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        if char.is_control() {
            let _ = write!(out, "\\u{:04x}", u32::from(char));
        } else {
            out.push(char);
        }
    }
    out
}

/// One line that says how long each phase took.
pub(crate) fn phase_times(summary: &Summary, output: &Path) -> String {
    let phases: Vec<String> = summary
        .times
        .iter()
        .map(|(phase, time)| format!("{phase} {:.3} s", time.as_secs_f64()))
        .collect();
    format!("{}: {}", Shown::new(output), phases.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_string_controls_a_terminal() {
        let text = serde_json::to_string("a\"\\\n\u{7f}\u{9b}").expect("is a string");
        assert_eq!(escaped(&text), r#""a\"\\\n\u007f\u009b""#);
    }
}
