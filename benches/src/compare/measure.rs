//! Runs one command and measures it.
//!
//! The kernel counts the memory of a program from before its `exec`, so that
//! of the one that started it. Therefore a second, fresh process of the
//! runner starts the command, and it is small; it also has no other child
//! whose figures would be added.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use rustix::param::clock_ticks_per_second;

/// The word by which the runner calls itself to measure.
pub const WORD: &str = "measure-one";

/// The figures of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// From start to end.
    pub wall: Duration,
    /// User and system time of the command and all its children.
    pub cpu: Duration,
    /// How long all processors were busy meanwhile, whatever with: threads of the kernel
    /// decompress what is read, and no command is charged for them.
    pub busy: Duration,
    /// Peak resident memory of the largest process, in KiB.
    pub peak_kib: u64,
    /// The size of the output: an image's length, or the disk blocks it took.
    pub bytes: u64,
}

/// Runs the command by way of a fresh process of this program. `bytes` is 0.
pub fn run(command: &[OsString]) -> Result<Sample> {
    let busy_before = busy()?;
    let output = Command::new(env::current_exe()?)
        .arg(WORD)
        .args(command)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let line = command.join(" ".as_ref());
    ensure!(output.status.success(), "failed: {}", Path::new(&line).display());
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let [wall, cpu, peak_kib] = numbers[..] else {
        bail!("unexpected answer {text:?}");
    };
    Ok(Sample {
        wall: Duration::from_micros(wall),
        cpu: Duration::from_micros(cpu),
        busy: busy()?.saturating_sub(busy_before),
        peak_kib,
        bytes: 0,
    })
}

/// How long all processors have been busy since the machine started.
fn busy() -> Result<Duration> {
    const STAT: &str = "/proc/stat";
    let text = fs::read_to_string(STAT)?;
    let line = text.lines().next().and_then(|line| line.strip_prefix("cpu "));
    let ticks = line.with_context(|| format!("{STAT}: no processors"))?.split_whitespace();
    let ticks = ticks.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let [user, nice, system, _idle, _waiting, interrupts, soft_interrupts, ..] = ticks[..] else {
        bail!("{STAT}: unexpected line");
    };
    let busy = user + nice + system + interrupts + soft_interrupts;
    Ok(Duration::from_millis(busy * 1000 / clock_ticks_per_second()))
}

/// The other side of `run`: runs the command; returns the line that `run`
/// reads.
pub fn measure_one(command: &[OsString]) -> Result<String> {
    let (program, arguments) = command.split_first().context("no command")?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("{}", Path::new(program).display()))?;
    let wall = start.elapsed();
    ensure!(status.success(), "{status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = microseconds(usage.user_time()) + microseconds(usage.system_time());
    Ok(format!("{} {cpu} {}", wall.as_micros(), usage.max_rss()))
}

fn microseconds(time: TimeVal) -> i64 {
    time.tv_sec() * 1_000_000 + time.tv_usec()
}
