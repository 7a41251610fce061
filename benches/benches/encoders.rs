//! Times of the encoders over bytes of the kinds that files have. All of them
//! are made here, and are the same in each run.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use testdata::codecs::AnyEncoder;

const LEN: usize = 1 << 20;

const CODECS: &[&str] = &[
    "lz4",
    "lz4hc,9",
    "lz4hc,12",
    "zstd,1",
    "zstd,3",
    "zstd,9",
    "zstd,15",
    "deflate,1",
    "deflate,6",
    "libdeflate,9",
    "libdeflate,12",
    "lzma,0",
];

/// Numbers that look random: xorshift.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, small ones more often.
    fn below(&mut self, end: usize) -> usize {
        let number = usize::try_from(self.next() % (1 << 31)).expect("31 bits");
        let other = usize::try_from(self.next() % (1 << 31)).expect("31 bits");
        (number % end).min(other % end)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

/// Lines of words, some of which come more often.
fn text() -> Vec<u8> {
    let mut numbers = Numbers(1);
    let words: Vec<Vec<u8>> = (0..2000)
        .map(|_| {
            let len = 2 + numbers.below(10);
            (0..len).map(|_| b"etaoinsrhldcumfpgwybvk_(){}=;.\""[numbers.below(31)]).collect()
        })
        .collect();
    let mut text = Vec::new();
    while text.len() < LEN {
        text.extend(vec![b' '; 4 * numbers.below(4)]);
        for _ in 0..1 + numbers.below(12) {
            text.extend_from_slice(&words[numbers.below(words.len())]);
            text.push(b' ');
        }
        text.push(b'\n');
    }
    text
}

/// Instructions, tables of addresses that grow, names, and gaps of zeros.
fn binary() -> Vec<u8> {
    let mut numbers = Numbers(2);
    let instructions: Vec<Vec<u8>> = (0..400)
        .map(|_| {
            let len = 2 + numbers.below(6);
            numbers.bytes(len)
        })
        .collect();
    let mut binary = Vec::new();
    let mut address = 0x40_0000_u64;
    while binary.len() < LEN {
        for _ in 0..2000 + numbers.below(4000) {
            binary.extend_from_slice(&instructions[numbers.below(instructions.len())]);
            if numbers.next() % 4 == 0 {
                binary.extend_from_slice(&numbers.next().to_le_bytes()[..4]);
            }
        }
        for _ in 0..numbers.below(500) {
            address += numbers.next() % 200;
            binary.extend_from_slice(&address.to_le_bytes());
            binary.extend_from_slice(&(numbers.next() % 64).to_le_bytes());
        }
        for _ in 0..numbers.below(500) {
            binary.extend_from_slice(format!("_ZN{}E\0", numbers.below(100_000)).as_bytes());
        }
        binary.resize(binary.len() + numbers.below(4096), 0);
    }
    binary
}

/// Encodes one segment, and returns how many bytes its blocks take.
fn encode(encoder: &mut AnyEncoder, data: &[u8], out: &mut [u8]) -> usize {
    let mut segment = encoder.segment(data);
    let (mut start, mut written) = (0, 0);
    while start < data.len() {
        let filled = segment.fill(start, data.len(), out);
        start += filled.consumed;
        written += filled.written;
    }
    written
}

fn encoders(criterion: &mut Criterion) {
    let kinds = [
        ("text", text()),
        ("binary", binary()),
        ("zeros", vec![0; LEN]),
        ("random", Numbers(3).bytes(LEN)),
    ];
    for codec in CODECS {
        for pcluster_len in [4096, 65_536] {
            let codec = codec.parse().expect("a codec");
            let mut encoder = AnyEncoder::new(codec, pcluster_len);
            let name = format!("{codec}, {} KiB", pcluster_len / 1024);
            let mut group = criterion.benchmark_group(name);
            group.sample_size(10);
            let mut out = vec![0; pcluster_len];
            for (kind, data) in &kinds {
                group.throughput(Throughput::Bytes(data.len().try_into().expect("fits")));
                group.bench_function(*kind, |bencher| {
                    bencher.iter(|| encode(&mut encoder, black_box(data), &mut out));
                });
            }
            // Most files are short.
            let (kind, data) = &kinds[0];
            group.bench_function(format!("{kind} of 2 KiB a file"), |bencher| {
                bencher.iter(|| {
                    let files = black_box(data).chunks(2048);
                    files.map(|file| encode(&mut encoder, file, &mut out)).sum::<usize>()
                });
            });
            group.finish();
        }
    }
}

criterion_group!(benches, encoders);
criterion_main!(benches);
