//! The speed of one encoder over the bytes of a file, and how much it saves:
//!
//!     encoder FILE CODEC ROOM [ROUNDS]
//!
//! FILE is encoded as parts of 4 MiB, into outputs of ROOM bytes. Prints the fastest of
//! the rounds. `zstd -b3 -B<taken> FILE` measures the C library over inputs as long as
//! those that one output takes.

use std::time::Instant;

use anyhow::{Context, Result};
use erofs_writer::Codec;
use testdata::codecs::AnyEncoder;

const PART_LEN: usize = 4 << 20;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = |name| args.next().with_context(|| format!("{name} is missing"));
    let data = std::fs::read(next("FILE")?)?;
    let codec: Codec = next("CODEC")?.parse()?;
    let room: usize = next("ROOM")?.parse()?;
    let rounds: u32 = next("ROUNDS").unwrap_or_else(|_| "3".into()).parse()?;
    let mut encoder = AnyEncoder::new(codec, room);
    let mut out = vec![0; room];
    let mut best = f64::MAX;
    let (mut outputs, mut written) = (0_u32, 0_u64);
    for _ in 0..rounds {
        (outputs, written) = (0, 0);
        let start = Instant::now();
        for part in data.chunks(PART_LEN) {
            let mut segment = encoder.segment(part);
            let mut at = 0;
            while at < part.len() {
                let filled = segment.fill(at, part.len(), &mut out);
                at += filled.consumed;
                written += u64::try_from(filled.written)?;
                outputs += 1;
            }
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let len = u32::try_from(data.len()).context("the file is too long")?;
    let ratio = f64::from(len) / f64::from(u32::try_from(written)?);
    let taken = len / outputs.max(1);
    let speed = f64::from(len) / 1e6 / best;
    anyhow::ensure!(written > 0, "the file is empty");
    #[expect(clippy::print_stdout, reason = "the report of a program")]
    {
        println!("{codec}, {room} bytes: {speed:.1} MB/s, ratio {ratio:.3}, {taken} bytes taken");
    }
    Ok(())
}
