//! Medians and ratios as a table.

use std::fmt::Write;
use std::time::Duration;

use super::measure::Sample;
use super::series::Runs;

/// The meaning of a table's last column.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// The length of the image in bytes.
    Image,
    /// The disk blocks that became used, in bytes.
    NewBlocks,
}

/// Medians of each command, then ratios of ours to each other command. Where
/// ours is missing, the first command takes its place.
#[must_use]
pub fn table(all: &[Runs], inodes: u64, output: Output) -> String {
    let mut text = String::new();
    let last = match output {
        Output::Image => "image bytes",
        Output::NewBlocks => "new on disk",
    };
    let _ = writeln!(
        text,
        "{:<24}{:>9}{:>9}{:>9}{:>9}{:>15}",
        "median", "wall s", "CPU s", "peak MB", "B/inode", last
    );
    for runs in all {
        let peak = median(runs, |s| float(s.peak_kib * 1024));
        let _ = writeln!(
            text,
            "{:<24}{:>9.3}{:>9.3}{:>9.1}{:>9.0}{:>15.0}",
            runs.name,
            median(runs, wall),
            median(runs, cpu),
            peak / 1e6,
            peak / float(inodes.max(1)),
            median(runs, bytes),
        );
    }
    let _ = writeln!(
        text,
        "{:<44}{:>7}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "ratio", "wall", "(pairs)", "CPU", "(pairs)", "peak", "bytes"
    );
    let any_ours = all.iter().any(|runs| runs.ours);
    for (i, a) in all.iter().enumerate() {
        let counts = if any_ours { a.ours } else { i == 0 };
        for (j, b) in all.iter().enumerate() {
            // Two of ours are compared once.
            if counts && i != j && !(b.ours && j < i) {
                let _ = writeln!(text, "{}", ratios(a, b));
            }
        }
    }
    text
}

fn ratios(a: &Runs, b: &Runs) -> String {
    let of_medians = |f: fn(&Sample) -> f64| median(a, f) / median(b, f);
    let of_pairs = |f: fn(&Sample) -> f64| {
        let pairs = a.samples.iter().zip(&b.samples);
        middle(pairs.map(|(a, b)| f(a) / f(b)).collect())
    };
    format!(
        "{:<44}{:>7.2}{:>9.2}{:>9.2}{:>9.2}{:>9.2}{:>9.4}",
        format!("{} / {}", a.name, b.name),
        of_medians(wall),
        of_pairs(wall),
        of_medians(cpu),
        of_pairs(cpu),
        of_medians(peak),
        of_medians(bytes),
    )
}

pub(crate) fn wall(sample: &Sample) -> f64 {
    seconds(sample.wall)
}

pub(crate) fn cpu(sample: &Sample) -> f64 {
    seconds(sample.cpu)
}

#[cfg(feature = "figures")]
pub(crate) fn busy(sample: &Sample) -> f64 {
    seconds(sample.busy)
}

pub(crate) fn peak(sample: &Sample) -> f64 {
    float(sample.peak_kib)
}

pub(crate) fn bytes(sample: &Sample) -> f64 {
    float(sample.bytes)
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

pub(crate) fn median(runs: &Runs, f: impl Fn(&Sample) -> f64) -> f64 {
    middle(runs.samples.iter().map(f).collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

#[expect(clippy::as_conversions, reason = "std has no conversion; figures are rounded anyway")]
pub(crate) fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_number_lies_between_the_middle_two() {
        assert!((middle(vec![4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
        assert!((middle(vec![9.0, 1.0, 3.0]) - 3.0).abs() < 1e-9);
    }
}
