//! The report about an image that was made.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::Path;

use erofs_writer::{Shown, Summary};

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
    if !summary.algorithms.is_empty() {
        let names: Vec<String> = summary.algorithms.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "Codecs   {}", names.join(", "));
    }
    let savings = [
        ("Shared   ", summary.shared_bytes),
        ("Repeated ", summary.repeated_bytes),
        ("Taken    ", summary.taken_bytes),
        ("Packed   ", summary.fragment_bytes),
        ("Holes    ", summary.hole_bytes),
        ("Archive  ", summary.device_bytes),
    ];
    for (name, bytes) in savings.into_iter().filter(|(_, bytes)| *bytes > 0) {
        let _ = writeln!(out, "{name}{}", Size(bytes));
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
    fn no_string_controls_a_terminal() {
        let text = serde_json::to_string("a\"\\\n\u{7f}\u{9b}").expect("is a string");
        assert_eq!(escaped(&text), r#""a\"\\\n\u007f\u009b""#);
    }
}
