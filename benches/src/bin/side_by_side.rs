//! Runs `mkfs-erofs`, its peers and the floor in turn on a corpus, and prints
//! medians and ratios. README.md says how to read them.

#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use benches::compare::alternatives;
use benches::compare::contender::{Contender, Programs};
use benches::compare::measure;
use benches::compare::reading::{self, FileSystem, Image, Stored, Way, count_inodes, read_all};
use benches::compare::reflink::{Mounted, copy_tree};
use benches::compare::series::{Series, image_len};
use benches::compare::table::{Output, table};
use clap::{Parser, ValueEnum};

/// Compares mkfs-erofs with its peers and with the floor
#[derive(Debug, Parser)]
struct Args {
    #[arg(required = true)]
    scenarios: Vec<Scenario>,
    /// Our command
    #[arg(long, default_value = "target/release/mkfs-erofs")]
    ours: PathBuf,
    /// mkfs.erofs of erofs-utils
    #[arg(long, default_value = "target/peers/bin/mkfs.erofs")]
    peer: PathBuf,
    /// mksquashfs of squashfs-tools
    #[arg(long, default_value = "mksquashfs")]
    mksquashfs: PathBuf,
    /// The floor [default: beside this program]
    #[arg(long)]
    floor: Option<PathBuf>,
    /// Where corpus.sh has put the corpora
    #[arg(long, default_value = "target/corpus")]
    corpus: PathBuf,
    /// Folder for the images; what is in it may be deleted
    #[arg(long, default_value = "target/side-by-side")]
    work: PathBuf,
    /// Rounds that count, after one to warm up
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Only commands whose name contains one of these words
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Flags of ours and of mkfs.erofs in the scenarios flags and read; may be repeated
    #[arg(long, allow_hyphen_values = true)]
    flags: Vec<String>,
    /// The corpus of the scenarios tar, flags, read and alternatives
    #[arg(long, default_value = "system")]
    flags_corpus: String,
    /// The corpus of the reflink scenario
    #[arg(long, default_value = "system")]
    reflink_corpus: String,
    /// Leave out the round to warm up, for commands that take minutes
    #[arg(long)]
    no_warm_up: bool,
    /// Do not write and delete a file before each run to have free memory at
    /// hand
    #[arg(long)]
    no_prime: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// Plain image of the small corpus
    PlainSmall,
    /// Plain image of the large corpus
    PlainSystem,
    /// Half of the large corpus' store paths, against all and against the peer
    Half,
    /// One million tiny files
    Tiny,
    /// 10,000 store paths
    Paths10k,
    /// Plain image of a tar archive, by a pipe and of a file
    Tar,
    /// Images by the same flags (--flags)
    Flags,
    /// Reading what the same flags give, mounted; needs root
    Read,
    /// The ways of Nix projects today: builds, and as root reads, as Markdown
    Alternatives,
    /// Time and new disk blocks on btrfs and XFS; needs root
    Reflink,
}

fn main() -> Result<()> {
    // Before clap, which needs memory that would be counted.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == measure::WORD) {
        println!("{}", measure::measure_one(&words.collect::<Vec<_>>())?);
        return Ok(());
    }
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == reading::WORD) {
        let dir = words.next().context("no folder to read")?;
        return reading::read_at_random(Path::new(&dir));
    }
    let args = Args::parse();
    fs::create_dir_all(&args.work).with_context(|| format!("{}", args.work.display()))?;
    let bench = Bench::new(&args)?;
    for &scenario in &args.scenarios {
        match scenario {
            Scenario::PlainSmall => bench.plain("small")?,
            Scenario::PlainSystem => bench.plain("system")?,
            Scenario::Half => bench.half()?,
            Scenario::Tiny => bench.plain("tiny")?,
            Scenario::Paths10k => bench.plain("paths10k")?,
            Scenario::Tar => bench.tar(&args.flags_corpus)?,
            Scenario::Flags => bench.flags(&args.flags_corpus, &args.flags)?,
            Scenario::Read => bench.read(&args.flags_corpus, &args.flags)?,
            Scenario::Alternatives => bench.alternatives(&args.flags_corpus)?,
            Scenario::Reflink => bench.reflink(&args.reflink_corpus)?,
        }
    }
    Ok(())
}

struct Bench {
    programs: Programs,
    corpus: PathBuf,
    series: Series,
    only: Vec<String>,
}

impl Bench {
    fn new(args: &Args) -> Result<Self> {
        let floor = match &args.floor {
            Some(floor) => floor.clone(),
            None => std::env::current_exe()?.with_file_name("floor"),
        };
        Ok(Self {
            programs: Programs {
                ours: args.ours.clone(),
                peer: args.peer.clone(),
                mksquashfs: args.mksquashfs.clone(),
                floor,
            },
            corpus: args.corpus.clone(),
            series: Series {
                work: args.work.clone(),
                rounds: args.rounds,
                prime: !args.no_prime,
                warm_up: !args.no_warm_up,
                keep: false,
                long: None,
            },
            only: args.only.clone(),
        })
    }

    fn plain(&self, corpus: &str) -> Result<()> {
        let dir = self.corpus(corpus)?;
        let (store, list) = (dir.join("nix/store"), dir.join("store-paths"));
        let programs = &self.programs;
        let contenders = self.chosen(vec![
            programs.ours_store("ours", &list),
            programs.ours_directory(&store),
            programs.peer_directory(&store),
            programs.squashfs_directory(&store, "-noI -noD -noF -noX"),
            programs.floor_directory(&store),
        ])?;
        let inodes = count_inodes(&store)?;
        let runs = self.series.run(&contenders, image_len, |_| Ok(()))?;
        println!("\nplain image of {corpus}: {inodes} inodes");
        println!("{}", table(&runs, inodes, Output::Image));
        Ok(())
    }

    fn tar(&self, corpus: &str) -> Result<()> {
        let store = self.corpus(corpus)?.join("nix/store");
        let archive = self.series.work.join("archive.tar");
        let words = ["-C".as_ref(), store.as_os_str(), "-cf".as_ref(), archive.as_ref()];
        let status = Command::new("tar").args(words).arg(".").status()?;
        ensure!(status.success(), "{}: tar failed", store.display());
        let inodes = count_inodes(&store)?;
        let programs = &self.programs;
        for (contenders, what) in [
            (programs.of_pipe(&store), "by a pipe from tar"),
            (programs.of_archive(&archive), "of a file"),
        ] {
            let contenders = self.chosen(contenders.into())?;
            let runs = self.series.run(&contenders, image_len, |_| Ok(()))?;
            println!("\nplain image of the archive of {corpus}, {what}: {inodes} inodes");
            println!("{}", table(&runs, inodes, Output::Image));
        }
        Ok(fs::remove_file(&archive)?)
    }

    fn flags(&self, corpus: &str, flags: &[String]) -> Result<()> {
        ensure!(!flags.is_empty(), "--flags says which");
        let store = self.corpus(corpus)?.join("nix/store");
        let inodes = count_inodes(&store)?;
        for flags in flags {
            let contenders = self.chosen(self.by_flags(&store, flags))?;
            let runs = self.series.run(&contenders, image_len, |_| Ok(()))?;
            println!("\n{flags}: image of {corpus}, {inodes} inodes");
            println!("{}", table(&runs, inodes, Output::Image));
        }
        Ok(())
    }

    /// Ours and the peer's command with the same flags.
    fn by_flags(&self, store: &Path, flags: &str) -> Vec<Contender> {
        let programs = &self.programs;
        let both = [programs.ours_directory(store), programs.peer_directory(store)];
        both.map(|contender| contender.with_flags(flags)).into()
    }

    fn read(&self, corpus: &str, flags: &[String]) -> Result<()> {
        ensure!(!flags.is_empty(), "--flags says which");
        if !rustix::process::geteuid().is_root() {
            println!("\nread: skipped, needs root to mount");
            return Ok(());
        }
        let store = self.corpus(corpus)?.join("nix/store");
        let inodes = count_inodes(&store)?;
        for flags in flags {
            let mut images = Vec::new();
            for (number, contender) in self.chosen(self.by_flags(&store, flags))?.iter().enumerate()
            {
                let path = self.series.work.join(format!("read-{number}"));
                measure::run(&contender.command(&path))?;
                let (name, ours) = (contender.name.clone(), contender.is_ours());
                let file_system = FileSystem::EROFS;
                images.push(Image::mount(Stored { name, ours, path, file_system })?);
            }
            for way in Way::ALL {
                let runs = read_all(&images, way, self.series.rounds)?;
                println!("\n{flags}: {corpus} read by {}", way.name());
                println!("{}", table(&runs, inodes, Output::Image));
            }
            drop(images);
            for number in 0..2 {
                let _ = fs::remove_file(self.series.work.join(format!("read-{number}")));
            }
        }
        Ok(())
    }

    fn alternatives(&self, corpus: &str) -> Result<()> {
        let dir = self.corpus(corpus)?;
        let all = self.chosen(alternatives::all(&self.programs, &dir)?)?;
        let text = alternatives::compare(&all, &self.series, &dir.join("nix/store"))?;
        println!("\n{text}");
        Ok(())
    }

    fn half(&self) -> Result<()> {
        let dir = self.corpus("system")?;
        let (whole, half) = (dir.join("store-paths"), dir.join("half-store-paths"));
        // The peer has no list of store paths. A tree of hard links would
        // make it look for hard links, which costs time, so it gets a copy.
        let tree = self.series.work.join("half");
        if tree.exists() {
            fs::remove_dir_all(&tree)?;
        }
        fs::create_dir_all(&tree)?;
        let mut inodes = 1;
        for path in fs::read_to_string(&half)?.lines().map(Path::new) {
            copy_tree(path, &tree)?;
            inodes += count_inodes(path)?;
        }
        let programs = &self.programs;
        let contenders = self.chosen(vec![
            programs.ours_store("ours", &half),
            programs.ours_store("ours, whole", &whole),
            programs.peer_directory(&tree),
            programs.floor_store(&half),
        ])?;
        let runs = self.series.run(&contenders, image_len, |_| Ok(()))?;
        let all = count_inodes(&dir.join("nix/store"))?;
        println!("\nhalf of system's store paths: {inodes} of {all} inodes");
        println!("{}", table(&runs, inodes, Output::Image));
        Ok(fs::remove_dir_all(&tree)?)
    }

    fn reflink(&self, corpus: &str) -> Result<()> {
        if !rustix::process::geteuid().is_root() {
            println!("\nreflink: skipped, needs root to mount");
            return Ok(());
        }
        let store = self.corpus(corpus)?.join("nix/store");
        let inodes = count_inodes(&store)?;
        for kind in ["btrfs", "xfs"] {
            if let Err(e) = self.reflink_on(kind, corpus, &store, inodes) {
                println!("\nreflink on {kind}: skipped: {e:#}");
            }
        }
        Ok(())
    }

    fn reflink_on(&self, kind: &str, corpus: &str, store: &Path, inodes: u64) -> Result<()> {
        // Room for the corpus and two copies; the file is sparse.
        let fs = Mounted::new(kind, 16 << 30, &self.series.work)?;
        let copy = fs.at.join("store");
        copy_tree(store, &copy)?;
        let programs = &self.programs;
        let contenders = self.chosen(vec![
            programs.ours_directory(&copy),
            programs.peer_directory(&copy),
            programs.floor_directory(&copy),
        ])?;
        let used = std::cell::Cell::new(0);
        let series = Series {
            work: fs.at.clone(),
            // The wait for the disk before each run would undo it.
            prime: false,
            ..self.series.clone()
        };
        let new_blocks = |_: &Path| Ok(fs.used()?.saturating_sub(used.get()));
        let runs = series.run(&contenders, new_blocks, |_| {
            used.set(fs.used()?);
            Ok(())
        })?;
        println!("\nplain image of {corpus} on one {kind}; the floor is a plain copy");
        println!("{}", table(&runs, inodes, Output::NewBlocks));
        Ok(())
    }

    fn corpus(&self, name: &str) -> Result<PathBuf> {
        let dir = self.corpus.join(name);
        ensure!(
            dir.join(".stamp").is_file(),
            "{}: not there; run benches/corpus.sh {name}",
            dir.display()
        );
        Ok(dir)
    }

    /// Leaves out what is not asked for, and, with a word, what is not there.
    fn chosen<T: AsRef<Contender>>(&self, candidates: Vec<T>) -> Result<Vec<T>> {
        let asked = |name: &str| {
            self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
        };
        let mut chosen = Vec::new();
        for candidate in candidates {
            let contender = candidate.as_ref();
            if !asked(&contender.name) {
                continue;
            }
            if contender.is_installed() {
                chosen.push(candidate);
            } else {
                println!(
                    "{}: skipped, {} is not there",
                    contender.name,
                    contender.needs().display()
                );
            }
        }
        if chosen.is_empty() {
            bail!("no command to run");
        }
        Ok(chosen)
    }
}
