//! The tables in Markdown.

use std::fmt::Write;

use super::data::{Measured, Row};
use super::modes::Program;
use crate::compare::table::float;

/// A column: its title and what it says of a mode.
type Column = (&'static str, fn(&Row, &Measured) -> String);

const MODE: Column = ("mode", |row, _| row.name.clone());
const FLAGS: Column = ("flags", |row, _| code(&row.flags));
const COMMAND: Column =
    ("command", |row, _| code(&format!("{} {}", row.program.name(), row.flags)));
const SIZE: Column = ("MB", |row, _| format!("{:.1}", float(row.bytes) / 1e6));
const SHARE: Column = ("of the files", |row, measured| {
    format!("{:.0} %", float(row.bytes) / float(measured.corpus.bytes) * 100.0)
});
const BUILD: Column = ("build s", |row, _| seconds(row.build));
const BUILD_CPU: Column = ("build CPU s", |row, _| seconds(row.build_cpu));
const PEAK: Column = ("peak MB", |row, _| format!("{:.0}", float(row.build_peak) / 1e6));
const PROGRAM: Column = ("a program ms", |row, _| format!("{:.0}", row.program_read * 1e3));
const WALK: Column = ("list s", |row, _| seconds(row.walk));
const READ: Column = ("read s", |row, _| seconds(row.read));
const READ_CPU: Column = ("read CPU s", |row, _| seconds(row.read_cpu));
const LINUX: Column = ("Linux", |row, _| row.oldest_linux.clone());

/// Our modes, with what a person decides by.
#[must_use]
pub fn recommended(measured: &Measured) -> String {
    let ours: Vec<_> = measured.modes.iter().filter(|row| row.program == Program::Ours).collect();
    table(&[MODE, FLAGS], &[SIZE, BUILD_CPU, PEAK, READ, LINUX], &ours, measured)
}

/// All modes with all figures.
#[must_use]
pub fn full(measured: &Measured) -> String {
    let text = [MODE, COMMAND];
    let figures = [SIZE, SHARE, BUILD, BUILD_CPU, PEAK, PROGRAM, WALK, READ, READ_CPU, LINUX];
    table(&text, &figures, &measured.modes.iter().collect::<Vec<_>>(), measured)
}

/// What was measured on what, in a sentence.
#[must_use]
pub fn sentence(measured: &Measured) -> String {
    let Measured { date, processors, processor, linux, programs, corpus, rounds, .. } = measured;
    let programs = programs.join(", ");
    let megabytes = float(corpus.bytes) / 1e6;
    let medians = match rounds {
        1 => "one round".to_owned(),
        _ => format!("medians of {rounds} rounds"),
    };
    let peers = if programs.is_empty() { String::new() } else { format!(" {programs}.") };
    format!(
        "Corpus `{}`: {megabytes:.1} MB in {} inodes and {} store paths, of packages of Debian \
         {}. {date}, {processors} processors ({processor}), Linux {linux}; {medians}.{peers}\n",
        corpus.name, corpus.inodes, corpus.store_paths, corpus.suite,
    )
}

fn table(text: &[Column], figures: &[Column], rows: &[&Row], measured: &Measured) -> String {
    let columns: Vec<_> = text.iter().chain(figures).collect();
    let mut table = String::new();
    let mut line = |cells: Vec<String>| {
        let _ = writeln!(table, "| {} |", cells.join(" | "));
    };
    line(columns.iter().map(|(title, _)| (*title).to_owned()).collect());
    let dashes = [vec!["---"; text.len()], vec!["---:"; figures.len()]].concat();
    line(dashes.into_iter().map(str::to_owned).collect());
    for row in rows {
        line(columns.iter().map(|(_, cell)| cell(row, measured)).collect());
    }
    table
}

fn code(text: &str) -> String {
    match text.trim() {
        "" => "none".to_owned(),
        text => format!("`{text}`"),
    }
}

/// Two digits, and one from ten seconds on.
fn seconds(time: f64) -> String {
    if time < 10.0 { format!("{time:.2}") } else { format!("{time:.1}") }
}
