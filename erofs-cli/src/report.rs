//! The report about an image that was made.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use erofs_writer::{EntrySize, Phase, Shown, Summary};

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

/// A summary for people.
pub(crate) fn text(summary: &Summary) -> String {
    let inodes = &summary.inodes;
    let mut out = format!(
        "UUID     {}\n\
         Blocks   {} of {} bytes\n\
         Inodes   {}: files {}, directories {}, symlinks {}, others {}\n\
         Size     {} in, {} out, of which {} metadata\n\
         Kernel   {}\n",
        summary.uuid,
        summary.blocks,
        summary.block_size,
        inodes.total(),
        inodes.files,
        inodes.directories,
        inodes.symlinks,
        inodes.others,
        Size(summary.bytes_in),
        Size(summary.bytes_out),
        Size(summary.metadata_bytes),
        kernel(summary),
    );
    let savings = [
        ("Shared   ", summary.shared_bytes),
        ("Repeated ", summary.repeated_bytes),
        ("Packed   ", summary.fragment_bytes),
        ("Holes    ", summary.hole_bytes),
        ("Archive  ", summary.device_bytes),
    ];
    for (name, bytes) in savings.into_iter().filter(|(_, bytes)| *bytes > 0) {
        let _ = writeln!(out, "{name}{}", Size(bytes));
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

/// A summary for machines: one JSON object on a line of its own. `reading` is
/// the time it took to read the source.
pub(crate) fn json(summary: &Summary, reading: Duration) -> String {
    let inodes = &summary.inodes;
    let mut out = String::from("{");
    let _ = write!(out, "\"uuid\":\"{}\"", summary.uuid);
    let _ = write!(out, ",\"oldest_kernel\":\"{}\"", summary.oldest_kernel);
    let numbers = [
        ("page_size_min", u64::from(summary.page_size_min)),
        ("block_size", u64::from(summary.block_size)),
        ("blocks", summary.blocks),
        ("bytes_in", summary.bytes_in),
        ("bytes_out", summary.bytes_out),
        ("metadata_bytes", summary.metadata_bytes),
        ("shared_bytes", summary.shared_bytes),
        ("repeated_bytes", summary.repeated_bytes),
        ("fragment_bytes", summary.fragment_bytes),
        ("hole_bytes", summary.hole_bytes),
        ("device_bytes", summary.device_bytes),
        ("kernel_copied_bytes", summary.kernel_copied_bytes),
    ];
    for (name, number) in numbers {
        let _ = write!(out, ",\"{name}\":{number}");
    }
    let _ = write!(
        out,
        ",\"inodes\":{{\"total\":{},\"directories\":{},\"files\":{},\"symlinks\":{},\"others\":{}}}",
        inodes.total(),
        inodes.directories,
        inodes.files,
        inodes.symlinks,
        inodes.others,
    );
    let phases: Vec<String> = phases(summary, reading)
        .map(|(name, time)| {
            format!("{{\"name\":\"{name}\",\"seconds\":{:.6}}}", time.as_secs_f64())
        })
        .collect();
    if !summary.entry_sizes.is_empty() {
        let entries: Vec<String> = summary.entry_sizes.iter().map(entry).collect();
        let _ = write!(out, ",\"entries\":[{}]", entries.join(","));
    }
    let _ = writeln!(out, ",\"phases\":[{}]}}", phases.join(","));
    out
}

/// The part of the image that an entry takes, as a JSON object.
fn entry(size: &EntrySize) -> String {
    let EntrySize { name, bytes_in, bytes_out, .. } = size;
    let name = quoted(&String::from_utf8_lossy(name));
    format!("{{\"name\":{name},\"bytes_in\":{bytes_in},\"bytes_out\":{bytes_out}}}")
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            // Also the control characters that JSON allows, for those who view it in a
            // terminal.
            _ if char.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
    out
}

/// One line that says how long each phase took.
pub(crate) fn phase_times(summary: &Summary, reading: Duration, output: &Path) -> String {
    let phases: Vec<String> = phases(summary, reading)
        .map(|(name, time)| format!("{name} {:.3} s", time.as_secs_f64()))
        .collect();
    format!("{}: {}", Shown::new(output), phases.join(", "))
}

fn phases(summary: &Summary, reading: Duration) -> impl Iterator<Item = (&'static str, Duration)> {
    let later = summary.times.iter().map(|(phase, time)| (name(*phase), *time));
    [("read", reading)].into_iter().chain(later)
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Check => "check",
        Phase::Plan => "plan",
        Phase::Dedupe => "dedupe",
        Phase::Encode => "encode",
        Phase::Pack => "pack",
        Phase::Place => "place",
        Phase::Write => "write",
        Phase::Finish => "finish",
        _ => "other",
    }
}

/// A number of bytes with one decimal, in the largest unit that it reaches.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, shift) = match self.0 {
            0..0x400 => return write!(f, "{} bytes", self.0),
            0x400..0x10_0000 => ("KiB", 10),
            0x10_0000..0x4000_0000 => ("MiB", 20),
            _ => ("GiB", 30),
        };
        let tenths = (u128::from(self.0) * 10) >> shift;
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_largest_unit_of_which_there_is_one() {
        let shown = |bytes| Size(bytes).to_string();
        assert_eq!(shown(0), "0 bytes");
        assert_eq!(shown(1023), "1023 bytes");
        assert_eq!(shown(1024), "1.0 KiB");
        assert_eq!(shown((1 << 20) - 1), "1023.9 KiB");
        assert_eq!(shown(3 << 19), "1.5 MiB");
        assert_eq!(shown(u64::MAX), "17179869183.9 GiB");
    }

    #[test]
    fn quoted_text_is_a_json_string() {
        assert_eq!(quoted("a-1.0"), "\"a-1.0\"");
        assert_eq!(quoted("\"\\\n\u{7f}"), "\"\\\"\\\\\\u000a\\u007f\"");
    }
}
