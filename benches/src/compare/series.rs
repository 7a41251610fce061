//! Runs several commands in turn, round after round, so that other work of the machine
//! hits all of them alike.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::contender::Contender;
use super::measure::{Sample, run};

/// The runs of one command, in the order of the rounds.
#[derive(Debug)]
pub struct Runs {
    /// The command's name.
    pub name: String,
    /// Is it a command of this project?
    pub ours: bool,
    /// One for each round.
    pub samples: Vec<Sample>,
}

/// How to run a series.
#[derive(Clone, Debug)]
pub struct Series {
    /// The folder for the outputs.
    pub work: PathBuf,
    /// Rounds that count.
    pub rounds: usize,
    /// Write and delete a file as large as the output just before each run.
    ///
    /// On a virtual machine that hands free memory back to its host, memory
    /// that was just freed is cheap and any other costs several times what
    /// the program does with it. This gives every run the same cheap start.
    pub prime: bool,
    /// Run all once before the rounds that count.
    pub warm_up: bool,
    /// Leave the last output of each command, where [`Series::kept`] says.
    pub keep: bool,
    /// A command that takes longer than this runs twice at most. Both runs count, as it
    /// warms up in a small part of the first one.
    pub long: Option<Duration>,
}

impl Series {
    /// Runs each command `rounds` times in turn, after one to warm up. `size`
    /// tells what an output took; unless it is kept, it is deleted right after.
    pub fn run(
        &self,
        contenders: &[Contender],
        size: impl Fn(&Path) -> Result<u64>,
        mut before_each: impl FnMut(&Contender) -> Result<()>,
    ) -> Result<Vec<Runs>> {
        let mut all: Vec<Runs> = contenders
            .iter()
            .map(|contender| Runs {
                name: contender.name.clone(),
                ours: contender.is_ours(),
                samples: Vec::new(),
            })
            .collect();
        let mut largest = 0;
        let first = usize::from(!self.warm_up);
        for round in first..=self.rounds {
            let mut turns: Vec<_> = contenders.iter().zip(&mut all).enumerate().collect();
            // Every other round goes backwards, so that the state that a command
            // leaves, such as freed memory, does not always meet the same successor.
            if round % 2 == 1 {
                turns.reverse();
            }
            for (number, (contender, runs)) in turns {
                if self.is_done(runs) {
                    continue;
                }
                let out = match self.keep {
                    true => self.kept(number),
                    false => self.work.join(format!("image-{round}")),
                };
                remove_if_there(&out)?;
                if self.prime {
                    self.prime(largest)?;
                }
                before_each(contender)?;
                let mut sample = run(&contender.command(&out))?;
                largest = largest.max(fs::metadata(&out)?.len());
                sample.bytes = size(&out)?;
                if !self.keep {
                    remove_if_there(&out)?;
                }
                if round > 0 || self.is_long(&sample) {
                    runs.samples.push(sample);
                }
            }
        }
        Ok(all)
    }

    /// Where the output of the command with this number is.
    #[must_use]
    pub fn kept(&self, number: usize) -> PathBuf {
        self.work.join(format!("kept-{number}"))
    }

    fn is_long(&self, sample: &Sample) -> bool {
        self.long.is_some_and(|long| sample.wall > long)
    }

    fn is_done(&self, runs: &Runs) -> bool {
        runs.samples.len() > 1 && runs.samples.iter().all(|sample| self.is_long(sample))
    }

    fn prime(&self, bytes: u64) -> Result<()> {
        let path = self.work.join("prime");
        let mut file = File::create(&path).with_context(|| format!("{}", path.display()))?;
        let buffer = vec![1; 1 << 20];
        for _ in 0..bytes.div_ceil(1 << 20) {
            file.write_all(&buffer)?;
        }
        Ok(fs::remove_file(&path)?)
    }
}

/// The length of an image.
pub fn image_len(out: &Path) -> Result<u64> {
    Ok(fs::metadata(out)?.len())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("{}", path.display()))
        }
        _ => Ok(()),
    }
}
