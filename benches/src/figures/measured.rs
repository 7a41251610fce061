//! Builds images in all chosen ways, and reads them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use walkdir::WalkDir;

use super::data::{Corpus, Measured, Row};
use super::modes::{Mode, Program};
use crate::compare::alternatives::{EXT4_STORE, make_ext4, remove_trees};
use crate::compare::contender::{Contender, Programs};
use crate::compare::first::{first_program, read_first};
use crate::compare::reading::{FileSystem, Stored, Way, count_inodes, mount_all, read_all};
use crate::compare::series::{Runs, Series, image_len};
use crate::compare::table::{busy, cpu, median, wall};

/// How to measure.
#[derive(Debug)]
pub struct Bench {
    /// Where the programs are.
    pub programs: Programs,
    /// The folder of the corpus.
    pub corpus: PathBuf,
    /// The suite of Debian that it is made of.
    pub suite: String,
    /// How often, and where the images go; all have room there at once.
    pub series: Series,
    /// Is told what happens.
    pub say: fn(&str),
}

/// A mode and the command that makes its image.
struct Candidate<'a> {
    mode: &'a Mode,
    contender: Contender,
}

/// The three ways to read, in the order of the candidates.
struct Reads {
    program: Vec<Runs>,
    walk: Vec<Runs>,
    all: Vec<Runs>,
}

impl Bench {
    /// Measures these modes; one whose program is missing is left out with a line.
    pub fn measure(&self, modes: &[&Mode]) -> Result<Measured> {
        let list = self.corpus.join("store-paths");
        let text = fs::read_to_string(&list).with_context(|| format!("{}", list.display()))?;
        let first = text.lines().next().and_then(|path| Path::new(path).parent());
        let store = first.context("no store paths")?;
        let candidates = self.installed(modes, store, &list);
        ensure!(!candidates.is_empty(), "no command to run");
        let corpus = self.corpus(store, text.lines().count())?;
        let built = self.build(&candidates)?;
        let reads = self.read(&candidates, store)?;
        let mut rows = Vec::new();
        for (number, candidate) in candidates.iter().enumerate() {
            rows.push(self.row(number, candidate, &built[number], &reads)?);
        }
        Ok(Measured {
            date: printed("date", &["-u", "+%F"])?,
            processors: available_parallelism()?.get(),
            processor: processor()?,
            linux: printed("uname", &["-r"])?,
            programs: self.versions(&candidates)?,
            corpus,
            rounds: self.series.rounds,
            modes: rows,
        })
    }

    fn installed<'a>(&self, modes: &[&'a Mode], store: &Path, list: &Path) -> Vec<Candidate<'a>> {
        let all = modes.iter().map(|mode| {
            let contender = self.contender(mode, store, list);
            Candidate { mode, contender }
        });
        let (there, missing): (Vec<_>, Vec<_>) = all.partition(|c| c.contender.is_installed());
        for Candidate { mode, contender } in missing {
            let (program, needs) = (mode.program.name(), contender.needs().display());
            (self.say)(&format!("left out: {program}, {}: {needs} is not there", mode.name));
        }
        there
    }

    fn contender(&self, mode: &Mode, store: &Path, list: &Path) -> Contender {
        let (programs, flags) = (&self.programs, mode.flags);
        match mode.program {
            Program::Ours => programs.ours_store("ours", list).with_flags(flags).with_report(),
            Program::Erofs => programs.peer_directory(store).with_flags(flags),
            Program::Squashfs => programs.squashfs_directory(store, flags),
            Program::Ext4 => make_ext4(list),
        }
    }

    fn corpus(&self, store: &Path, store_paths: usize) -> Result<Corpus> {
        let name = self.corpus.file_name().context("a corpus has a name")?;
        let mut bytes = 0;
        for found in WalkDir::new(store) {
            let metadata = found?.metadata()?;
            bytes += if metadata.is_file() { metadata.len() } else { 0 };
        }
        Ok(Corpus {
            name: name.to_string_lossy().into_owned(),
            suite: self.suite.clone(),
            bytes,
            inodes: count_inodes(store)?,
            store_paths,
        })
    }

    fn build(&self, candidates: &[Candidate]) -> Result<Vec<Runs>> {
        (self.say)(&format!("building {} images, in turn", candidates.len()));
        let contenders: Vec<_> = candidates.iter().map(|c| c.contender.clone()).collect();
        let built = self.series.run(&contenders, image_len, |contender| {
            (self.say)(&format!("building: {}", contender.shown()));
            remove_trees(&self.series.work)
        })?;
        remove_trees(&self.series.work)?;
        Ok(built)
    }

    fn read(&self, candidates: &[Candidate], store: &Path) -> Result<Reads> {
        let inodes = count_inodes(store)?;
        let stored = |(number, candidate): (usize, &Candidate)| Stored {
            name: candidate.contender.shown(),
            ours: candidate.contender.is_ours(),
            path: self.series.kept(number),
            file_system: file_system(candidate.mode.program),
        };
        let files: Vec<_> = candidates.iter().enumerate().map(stored).collect();
        let rounds = self.series.rounds;
        (self.say)("reading a program of each, in turn");
        let program = read_first(&files, &first_program(store)?, rounds)?;
        let images = mount_all(&files, inodes)?;
        (self.say)("listing each, in turn");
        let walk = read_all(&images, Way::ColdWalk, rounds)?;
        (self.say)("reading all of each, in turn");
        let all = read_all(&images, Way::ColdTar, rounds)?;
        Ok(Reads { program, walk, all })
    }

    fn row(&self, number: usize, of: &Candidate, built: &Runs, reads: &Reads) -> Result<Row> {
        let image = self.series.kept(number);
        let peak = built.samples.iter().map(|sample| sample.peak_kib * 1024).max();
        let seconds = |value: f64| (value * 1000.0).round() / 1000.0;
        let all = &reads.all[number];
        Ok(Row {
            program: of.mode.program,
            name: of.mode.name.to_owned(),
            label: of.mode.label.to_owned(),
            flags: of.mode.flags.to_owned(),
            bytes: image_len(&image)?,
            builds: built.samples.len(),
            build: seconds(median(built, wall)),
            build_cpu: seconds(median(built, cpu)),
            build_peak: peak.context("no runs")?,
            program_read: seconds(median(&reads.program[number], wall)),
            walk: seconds(median(&reads.walk[number], wall)),
            read: seconds(median(all, wall)),
            read_cpu: seconds(median(all, busy)),
            oldest_linux: match of.mode.linux {
                Some(version) => version.to_owned(),
                None => reported_linux(&image)?,
            },
        })
    }

    /// How the programs call themselves.
    fn versions(&self, candidates: &[Candidate]) -> Result<Vec<String>> {
        let mut versions = Vec::new();
        for program in Program::ALL {
            if !candidates.iter().any(|candidate| candidate.mode.program == program) {
                continue;
            }
            let (path, flag) = match program {
                Program::Ours => (self.programs.ours.as_path(), "--version"),
                Program::Erofs => (self.programs.peer.as_path(), "--version"),
                Program::Squashfs => (self.programs.mksquashfs.as_path(), "-version"),
                Program::Ext4 => (Path::new(program.name()), "-V"),
            };
            let text = printed(&path.to_string_lossy(), &[flag])?;
            let line = text.lines().find(|line| line.starts_with(program.name()));
            let line = line.and_then(|line| line.split(',').next());
            versions.push(line.with_context(|| format!("unexpected version: {text}"))?.to_owned());
        }
        Ok(versions)
    }
}

fn file_system(program: Program) -> FileSystem {
    match program {
        Program::Ours | Program::Erofs => FileSystem::EROFS,
        Program::Squashfs => FileSystem { kind: "squashfs", store: "" },
        Program::Ext4 => FileSystem { kind: "ext4", store: EXT4_STORE },
    }
}

/// The oldest Linux for an image, by the report beside it.
fn reported_linux(image: &Path) -> Result<String> {
    let path = image.with_extension("json");
    let file = File::open(&path).with_context(|| format!("{}", path.display()))?;
    let report: Value = serde_json::from_reader(file)?;
    let version = report.get("oldest_kernel").and_then(Value::as_str);
    Ok(version.context("a report without oldest_kernel")?.to_owned())
}

/// All that a command prints.
fn printed(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

fn processor() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let model = text.lines().find(|line| line.starts_with("model name"));
    let name = model.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    Ok(name.unwrap_or("of unknown model").to_owned())
}
