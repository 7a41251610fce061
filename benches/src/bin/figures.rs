//! Measures what images cost, and draws the picture and the tables of the documents.
//! figures.sh calls it.

#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use benches::compare::contender::Programs;
use benches::compare::measure;
use benches::compare::series::Series;
use benches::figures::drawn::{data_path, draw};
use benches::figures::measured::Bench;
use benches::figures::modes::{MODES, Mode};
use clap::Parser;

/// Measures our modes and the peers, and draws a picture and tables
#[derive(Debug, Parser)]
struct Args {
    /// The corpus, made by corpus.sh
    #[arg(default_value = "small")]
    corpus: String,
    /// Measure nothing: draw what was measured before
    #[arg(long)]
    draw: bool,
    /// Rounds that count, after one to warm up
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A build that takes more seconds than this runs twice at most
    #[arg(long, default_value_t = 10)]
    long: u64,
    /// Only modes whose program and flags contain one of these words; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    only: Vec<String>,
    /// No modes whose program and flags contain one of these words; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    without: Vec<String>,
    /// The suite of Debian that the corpus is made of
    #[arg(long, default_value = "unknown")]
    suite: String,
    /// mksquashfs of squashfs-tools
    #[arg(long, default_value = "mksquashfs")]
    mksquashfs: PathBuf,
    /// Folder for the images, best in memory; all have to have room there at once
    #[arg(long, required_unless_present = "draw")]
    work: Option<PathBuf>,
    /// The repository
    #[arg(long, default_value = ".")]
    repository: PathBuf,
}

fn main() -> Result<()> {
    // Before clap, which needs memory that would be counted.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == measure::WORD) {
        println!("{}", measure::measure_one(&words.collect::<Vec<_>>())?);
        return Ok(());
    }
    let args = Args::parse();
    if !args.draw {
        measure(&args)?;
    }
    for file in draw(&args.repository)? {
        if fs::read_to_string(&file.path).is_ok_and(|text| text == file.text) {
            continue;
        }
        println!("drawn: {}", file.path.display());
        fs::write(&file.path, file.text).with_context(|| format!("{}", file.path.display()))?;
    }
    Ok(())
}

fn measure(args: &Args) -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "root is needed to mount");
    let work = args.work.clone().context("no folder for the images")?;
    let corpus = args.repository.join("target/corpus").join(&args.corpus);
    let modes: Vec<_> = MODES.iter().filter(|mode| args.chooses(mode)).collect();
    let bench = Bench {
        programs: Programs {
            ours: args.repository.join("target/release/mkfs-erofs"),
            peer: args.repository.join("target/peers/bin/mkfs.erofs"),
            mksquashfs: args.mksquashfs.clone(),
            floor: PathBuf::new(),
        },
        corpus,
        suite: args.suite.clone(),
        series: Series {
            work,
            rounds: args.rounds,
            prime: true,
            warm_up: true,
            keep: true,
            long: Some(Duration::from_secs(args.long)),
        },
        say: |line| println!("{line}"),
    };
    let measured = bench.measure(&modes)?;
    let path = data_path(&args.repository, &args.corpus);
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    fs::write(&path, measured.to_text()?).with_context(|| format!("{}", path.display()))?;
    println!("measured: {}", path.display());
    Ok(())
}

impl Args {
    fn chooses(&self, mode: &Mode) -> bool {
        let text = format!("{} {}", mode.program.name(), mode.flags);
        let has_any = |words: &[String]| words.iter().any(|word| text.contains(word.as_str()));
        (self.only.is_empty() || has_any(&self.only)) && !has_any(&self.without)
    }
}
