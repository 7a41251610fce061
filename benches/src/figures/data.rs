//! The file of what was measured.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::modes::Program;

/// All of one run of the command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The day.
    pub date: String,
    /// How many processors there were ...
    pub processors: usize,
    /// ... and which.
    pub processor: String,
    /// The release of Linux that read the images.
    pub linux: String,
    /// The programs, as they call themselves.
    pub programs: Vec<String>,
    /// What was packed.
    pub corpus: Corpus,
    /// How many times each was built and read, after one to warm up.
    pub rounds: usize,
    /// The ways to make an image, in the order of the tables.
    pub modes: Vec<Row>,
}

/// What was packed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Corpus {
    /// Its name in corpus.sh.
    pub name: String,
    /// The suite of Debian that its packages are of.
    pub suite: String,
    /// The bytes of its files.
    pub bytes: u64,
    /// Files, directories and symlinks.
    pub inodes: u64,
    /// Its store paths.
    pub store_paths: usize,
}

/// The figures of one way to make an image. Times are medians, in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What made it.
    pub program: Program,
    /// What a person calls it.
    pub name: String,
    /// The same in the picture.
    pub label: String,
    /// The flags that matter.
    pub flags: String,
    /// The length of the image.
    pub bytes: u64,
    /// How many times it was built: fewer than the others if that takes long.
    pub builds: usize,
    /// The time to build it.
    pub build: f64,
    /// User and system time of the build.
    pub build_cpu: f64,
    /// The most memory that a process of the build had, in bytes.
    pub build_peak: u64,
    /// The time until a program was read, from before the mount.
    pub program_read: f64,
    /// The time to list all inodes.
    pub walk: f64,
    /// The time to read all files.
    pub read: f64,
    /// How long processors were busy meanwhile, with the kernel's threads.
    pub read_cpu: f64,
    /// The oldest Linux that can mount it.
    pub oldest_linux: String,
}

impl Measured {
    /// Reads the file.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
    }

    /// The text of the file.
    pub fn to_text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The programs that are in it, in their order.
    #[must_use]
    pub fn used(&self) -> Vec<Program> {
        let is_used = |program: &Program| self.modes.iter().any(|row| row.program == *program);
        Program::ALL.into_iter().filter(is_used).collect()
    }

    /// The name of a program with the version that was measured.
    #[must_use]
    pub fn name_of(&self, program: Program) -> String {
        let name = program.name();
        if program == Program::Ours {
            return format!("{name} (this project)");
        }
        let line = self.programs.iter().find(|line| line.starts_with(name));
        let version = line.and_then(|line| {
            line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        });
        version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))
    }
}
