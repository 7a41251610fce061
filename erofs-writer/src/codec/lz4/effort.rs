//! How far the search for matches goes: by level, and by the room for a block.

/// The longest output of a block that counts as short ...
const SHORT_BLOCK: usize = 8192;
/// ... or as of medium length.
const MEDIUM_BLOCK: usize = 16_384;

/// How far the search for a match goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effort {
    /// How many earlier places are tried.
    pub(super) depth: u32,
    /// A match of this length ends the search.
    pub(super) nice: usize,
    /// log2 of the length of the hash table.
    pub(super) hash_bits: u32,
    /// A match has to contain the four bytes that begin this far before the reach.
    pub(super) back: usize,
}

impl Effort {
    /// The effort at `level`, which is not 0, for a block of `room` bytes.
    pub(super) fn of(level: u8, room: usize) -> Self {
        let [short, medium, long] = LEVELS[usize::from(level) - 1];
        match room {
            0..=SHORT_BLOCK => short,
            _ if room <= MEDIUM_BLOCK => medium,
            _ => long,
        }
    }
}

/// The efforts for short, medium and long blocks below level 10. A shorter block has
/// fewer earlier places, and a table for them fits into a faster cache.
const fn low(depth: [u32; 3], nice: [usize; 3]) -> [Effort; 3] {
    [
        Effort { depth: depth[0], nice: nice[0], hash_bits: 14, back: 2 },
        Effort { depth: depth[1], nice: nice[1], hash_bits: 16, back: 3 },
        Effort { depth: depth[2], nice: nice[2], hash_bits: 17, back: 3 },
    ]
}

/// The efforts for short, medium and long blocks from level 10 on.
const fn high(depth: [u32; 3], nice: usize) -> [Effort; 3] {
    [
        Effort { depth: depth[0], nice, hash_bits: 16, back: 3 },
        Effort { depth: depth[1], nice, hash_bits: 17, back: 3 },
        Effort { depth: depth[2], nice, hash_bits: 17, back: 3 },
    ]
}

/// The effort at each level from 1 on.
///
/// Images of 155 MB of store paths, with pclusters of 4, 16 and 64 KiB: sizes in MB, and
/// the processor time of the whole build, in one run each on a busy machine.
///
/// | level | 4 KiB | 16 KiB | 64 KiB |
/// | ---: | ---: | ---: | ---: |
/// | 1, 2 | 81.1, 1.0 s | 73.3, 1.4 s | 69.9, 1.7 s |
/// | 3 | 80.9, 1.3 s | 73.0, 1.7 s | 69.5, 2.0 s |
/// | 4 | 80.7, 1.3 s | 72.9, 1.8 s | 69.3, 2.2 s |
/// | 5 | 80.7, 1.6 s | 72.8, 1.9 s | 69.2, 2.2 s |
/// | 6 | 80.6, 1.6 s | 72.7, 1.9 s | 69.1, 2.4 s |
/// | 7 | 80.5, 1.7 s | 72.7, 1.9 s | 69.0, 2.6 s |
/// | 8 | 80.5, 1.4 s | 72.7, 2.0 s | 69.0, 3.0 s |
/// | 9 | 80.4, 1.8 s | 72.7, 1.9 s | 68.9, 2.9 s |
/// | 10 | 80.1, 1.8 s | 72.5, 2.6 s | 68.9, 3.4 s |
/// | 11 | 80.0, 1.8 s | 72.5, 2.8 s | 68.8, 3.9 s |
/// | 12 | 80.0, 2.2 s | 72.5, 2.9 s | 68.8, 4.4 s |
///
/// Shorter blocks get less effort, because more would not pay: at level 9, a `back` of 3
/// in short blocks would save 0.3 % and take 17 % more time, and a depth of 16 would save
/// 0.1 %. A depth of 28 in medium blocks would save 0.14 % and take 20 % more time.
const LEVELS: [[Effort; 3]; 12] = [
    low([2, 2, 2], [32, 32, 32]),
    low([2, 2, 2], [32, 32, 32]),
    low([3, 4, 4], [48, 48, 48]),
    low([4, 6, 6], [64, 64, 64]),
    low([5, 8, 8], [64, 64, 64]),
    low([6, 10, 12], [64, 96, 96]),
    low([7, 12, 16], [64, 128, 128]),
    low([8, 12, 20], [64, 192, 192]),
    low([11, 12, 28], [64, 256, 256]),
    high([48, 96, 96], 512),
    high([96, 192, 192], 1024),
    high([384, 384, 384], 4096),
];
