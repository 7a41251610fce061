//! All encoders of the library in one type, decoders that share no code with them, and
//! contents that are hard for either.

use std::io::Read;

use erofs_writer::Codec;
use erofs_writer::codec::{Filled, Segment, deflate, lz4, lzma, zstd};

use crate::trees::noise;

/// An encoder of any algorithm.
#[derive(Debug)]
#[expect(missing_docs, reason = "they are the algorithms")]
pub enum AnyEncoder {
    Lz4(lz4::Encoder),
    Lzma(lzma::Encoder, u32),
    Deflate(deflate::Encoder, usize),
    Zstd(zstd::Encoder, u64),
}

impl AnyEncoder {
    /// An encoder for outputs of up to `output` bytes.
    ///
    /// # Panics
    /// If `codec` is none of the four.
    pub fn new(codec: Codec, output: usize) -> Self {
        // Windows are read from the text of the codec, so that this does not ask the
        // library what it announces.
        let text = codec.to_string();
        let custom = text.split(',').find_map(|setting| setting.strip_prefix("dictsize="));
        let custom: Option<u32> = custom.map(|bytes| bytes.parse().expect("a number"));
        let output_len = u32::try_from(output).expect("at most 4 GiB");
        match codec {
            Codec::Lz4(level) => AnyEncoder::Lz4(lz4::Encoder::new(level)),
            Codec::Lzma(settings) => {
                let default = output_len.saturating_mul(4).clamp(32 << 10, 8 << 20);
                AnyEncoder::Lzma(lzma::Encoder::new(settings, output), custom.unwrap_or(default))
            }
            Codec::Deflate(settings) => {
                let window = custom.map_or(32 << 10, |bytes| bytes.try_into().expect("is short"));
                AnyEncoder::Deflate(deflate::Encoder::new(settings, output), window)
            }
            Codec::Zstd(settings) => {
                let default = 1 << (output_len.saturating_mul(8).max(1).ilog2()).clamp(10, 20);
                AnyEncoder::Zstd(
                    zstd::Encoder::new(settings, output),
                    custom.unwrap_or(default).into(),
                )
            }
            _ => panic!("{codec} is new"),
        }
    }

    /// Begins a segment.
    pub fn segment<'a>(&'a mut self, data: &'a [u8]) -> Segment<'a> {
        match self {
            AnyEncoder::Lz4(encoder) => encoder.segment(data),
            AnyEncoder::Lzma(encoder, _) => encoder.segment(data),
            AnyEncoder::Deflate(encoder, _) => encoder.segment(data),
            AnyEncoder::Zstd(encoder, _) => encoder.segment(data),
        }
    }

    /// The shortest output that takes anything.
    pub fn output_min(&self) -> usize {
        match self {
            AnyEncoder::Lz4(_) => lz4::OUTPUT_MIN,
            AnyEncoder::Lzma(..) => lzma::OUTPUT_MIN,
            AnyEncoder::Deflate(..) => deflate::OUTPUT_MIN,
            AnyEncoder::Zstd(..) => zstd::OUTPUT_MIN,
        }
    }

    /// What a checker of outputs needs to know.
    pub fn checker(&self) -> Checker {
        match self {
            AnyEncoder::Lz4(_) => Checker::Lz4,
            AnyEncoder::Lzma(_, dict_size) => Checker::Lzma(*dict_size),
            AnyEncoder::Deflate(_, window) => Checker::Deflate(*window),
            AnyEncoder::Zstd(_, window) => Checker::Zstd(*window),
        }
    }
}

/// A codec by numbers that mean something whatever they are.
///
/// # Panics
/// Never.
pub fn choose(algorithm: u8, level: u8, window: u8) -> Codec {
    let window = u32::from(window);
    let text = match algorithm % 4 {
        0 if level.is_multiple_of(13) => "lz4".to_owned(),
        0 => format!("lz4hc,{}", level % 13),
        1 => format!("zstd,{},dictsize={}", level % 22 + 1, 1_u32 << (10 + window % 11)),
        2 => format!("libdeflate,{},dictsize={}", level % 13, 1_u32 << (9 + window % 7)),
        _ => {
            let (lc, pb) = (window % 5, window / 5 % 5);
            format!("lzma,{},lc={lc},pb={pb},dictsize={}", level % 10, 4096 + 500 * window)
        }
    };
    text.parse().expect("a codec")
}

/// How an output is decoded and checked.
#[derive(Debug, Clone, Copy)]
pub enum Checker {
    /// LZ4 blocks.
    Lz4,
    /// MicroLZMA, with a dictionary of so many bytes.
    Lzma(u32),
    /// Deflate, with a window of so many bytes.
    Deflate(usize),
    /// zstd, with a window of so many bytes.
    Zstd(u64),
}

impl Checker {
    /// Checks that `bytes` decode to `expected`, that nothing follows, and that the kernel
    /// will find the first byte, before which it skips zeros.
    ///
    /// # Panics
    /// If that is not so.
    pub fn check(self, bytes: &[u8], expected: &[u8]) {
        assert_ne!(bytes[0], 0, "zeros before an output are skipped");
        match self {
            Checker::Lz4 => {
                let decoded = lz4_flex::block::decompress(bytes, expected.len()).expect("a block");
                assert!(decoded == expected, "the block decodes to something else");
            }
            Checker::Lzma(dict_size) => check_lzma(bytes, dict_size, expected),
            Checker::Deflate(window) => check_deflate(bytes, window, expected),
            Checker::Zstd(window) => check_zstd(bytes, window, expected),
        }
    }

    /// Fills an output and checks it. `data` is all of the segment.
    ///
    /// # Panics
    /// If the output is wrong.
    pub fn fill(
        self,
        segment: &mut Segment<'_>,
        data: &[u8],
        (start, end): (usize, usize),
        (room, least): (usize, usize),
    ) -> (Filled, Vec<u8>) {
        let mut out = vec![0xee; room];
        let filled = segment.fill(start, end, &mut out);
        assert!(filled.written <= room && start + filled.consumed <= end, "{filled:?}");
        assert!(out[filled.written..].iter().all(|byte| *byte == 0xee) || filled.consumed > 0);
        if room >= least && start < end {
            assert!(filled.consumed > 0, "{self:?} takes something into {room} bytes");
        }
        out.truncate(filled.written);
        if filled.consumed > 0 {
            self.check(&out, &data[start..start + filled.consumed]);
        } else {
            assert_eq!(filled.written, 0);
        }
        (filled, out)
    }
}

/// An LZMA file (`.lzma`) whose stream is that of the MicroLZMA stream `bytes`.
pub fn lzma_file(bytes: &[u8], dict_size: u32, len: usize) -> Vec<u8> {
    let mut file = vec![!bytes[0]];
    file.extend(dict_size.to_le_bytes());
    file.extend(u64::try_from(len).expect("64 bits").to_le_bytes());
    file.push(0);
    file.extend(&bytes[1..]);
    file
}

fn check_lzma(bytes: &[u8], dict_size: u32, expected: &[u8]) {
    let file = lzma_file(bytes, dict_size, expected.len());
    let mut reader = lzma_rust2::LzmaReader::new_mem_limit(&file[..], u32::MAX, None)
        .expect("the header is right");
    let mut decoded = Vec::new();
    reader.read_to_end(&mut decoded).expect("lzma-rust2 decodes it");
    assert!(decoded == expected, "the stream decodes to something else");
    assert!(reader.into_inner().is_empty(), "bytes follow the stream");
    let (mut file, mut decoded) = (&file[..], Vec::new());
    lzma_rs::lzma_decompress(&mut file, &mut decoded).expect("lzma-rs decodes it");
    assert!(decoded == expected, "the stream decodes to something else");
}

fn check_deflate(bytes: &[u8], window: usize, expected: &[u8]) {
    let mut decoder = flate2::Decompress::new(false);
    let mut decoded = Vec::with_capacity(expected.len() + 1);
    let status = decoder.decompress_vec(bytes, &mut decoded, flate2::FlushDecompress::Finish);
    assert!(matches!(status, Ok(flate2::Status::StreamEnd)), "{status:?}");
    assert!(decoded == expected, "the stream decodes to something else");
    assert_eq!(decoder.total_in(), bytes.len().try_into().expect("64 bits"), "bytes follow");
    // A decoder with the whole window takes matches that are too far back.
    assert!(window <= 32 << 10);
}

/// The window that a frame needs (RFC 8878, 3.1.1.1.2). The header tells how many bytes the
/// frame decodes to: kernels do without, tools up to 1.9 do not.
fn zstd_window(frame: &[u8]) -> u64 {
    assert_eq!(frame[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    let descriptor = frame[4];
    let is_single = descriptor & 0x20 != 0;
    assert!(is_single || descriptor >> 6 != 0, "the length is told");
    assert_eq!(descriptor & 0x0f, 0, "no checksum, no dictionary");
    if !is_single {
        let (exponent, mantissa) = (frame[5] >> 3, u64::from(frame[5] & 7));
        let base = 1_u64 << (10 + exponent);
        return base + base / 8 * mantissa;
    }
    let field = |len: usize| (0..len).fold(0, |sum, at| sum | u64::from(frame[5 + at]) << (8 * at));
    match descriptor >> 6 {
        0 => field(1),
        1 => field(2) + 256,
        2 => field(4),
        _ => field(8),
    }
}

fn check_zstd(frame: &[u8], window: u64, expected: &[u8]) {
    let needed = zstd_window(frame);
    assert!(needed <= window, "the frame needs a window of {needed}");
    let mut rest = frame;
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&mut rest).expect("the header");
    let mut decoded = Vec::new();
    decoder.read_to_end(&mut decoded).expect("ruzstd decodes it");
    assert!(decoded == expected, "the frame decodes to something else");
    drop(decoder);
    assert!(rest.is_empty(), "bytes follow the frame");
}

/// How many kinds of [`contents`] there are.
pub const KINDS: u8 = 13;

/// Contents of a kind, which a seed makes different.
///
/// # Panics
/// If the seed is too large for the host; it is not on 64 bits.
pub fn contents(kind: u8, len: usize, seed: u64) -> Vec<u8> {
    let number = usize::try_from(seed % (1 << 40)).expect("64 bits");
    let byte = seed.to_le_bytes()[0];
    let noise = noise(seed, len + 70_000);
    match kind % KINDS {
        0 => noise[..len].to_vec(),
        1 => vec![byte; len],
        2 => noise[..number % 37 + 1].iter().copied().cycle().take(len).collect(),
        3 => real().iter().copied().cycle().skip(number % real().len()).take(len).collect(),
        // Few symbols.
        4 => noise[..len].iter().map(|random| random % (byte % 7 + 1)).collect(),
        // All symbols but one, in shares that halve.
        5 => {
            let skewed = |random: &u8| random.leading_zeros().to_le_bytes()[0] * 3 + (random & 1);
            noise[..len].iter().map(skewed).collect()
        }
        // Noise and zeros in turn.
        6 => noise
            .chunks(301)
            .cycle()
            .zip(1..)
            .flat_map(|(part, n)| part.iter().copied().chain(vec![0; n * 7 % 1000]))
            .take(len)
            .collect(),
        // The same noise again at distances near powers of two.
        7 => {
            let period = (1_usize << (seed % 13 + 4)) + number / 64 % 3 - 1;
            noise[..period].iter().copied().cycle().take(len).collect()
        }
        // Digits of base 64.
        8 => noise[..len].iter().map(|random| b'0' + random % 64).collect(),
        9 => short_repeats(&noise, len),
        10 => fibonacci(&noise, len),
        // Parts that have nothing in common.
        11 => (0_u8..8)
            .flat_map(|part| contents(part, len / 8 + 1, seed.wrapping_mul(31)))
            .take(len)
            .collect(),
        // A counter among bytes that stay.
        _ => (0..len)
            .map(|at| if at % 24 < 3 { (at >> (at % 24)).to_le_bytes()[0] } else { 7 })
            .collect(),
    }
}

/// Short repeats of four distances.
fn short_repeats(noise: &[u8], len: usize) -> Vec<u8> {
    let mut data = noise[..64].to_vec();
    while data.len() < len {
        let pick = noise[data.len() % noise.len()];
        let distance = [3, 17, 40, 61][usize::from(pick) % 4];
        for _ in 0..3 + pick % 9 {
            data.push(data[data.len() - distance]);
        }
        if pick & 64 != 0 {
            data.push(pick);
        }
    }
    data.truncate(len);
    data
}

/// Symbols that come as often as Fibonacci numbers say, which makes the longest codes.
fn fibonacci(noise: &[u8], len: usize) -> Vec<u8> {
    let mut data = Vec::new();
    let (mut count, mut next) = (1_usize, 1);
    for symbol in 0_u8..30 {
        data.extend(std::iter::repeat_n(symbol.wrapping_mul(37), count.min(len)));
        (count, next) = (next, count + next);
    }
    let all = data.len();
    for index in 0..all {
        let random = usize::from(noise[index % noise.len()]) << 8 | index;
        data.swap(index, random.wrapping_mul(0x9E37_79B1) % all);
    }
    data.truncate(len);
    data
}

/// Machine code and text.
pub fn real() -> &'static [u8] {
    use std::sync::OnceLock;
    static REAL: OnceLock<Vec<u8>> = OnceLock::new();
    REAL.get_or_init(|| {
        let mut data = std::fs::read(std::env::current_exe().expect("a test")).expect("itself");
        data.truncate(600_000);
        data.extend(include_bytes!("codecs.rs"));
        data
    })
}
