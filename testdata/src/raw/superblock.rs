//! The superblock, compression configurations and the device table.

use super::decode::METABOX;
use super::space::{Space, Use};
use super::{Findings, Image, Rule};
use crate::num::{index, le, low16, up};

/// Where the superblock is.
pub const START: u64 = 1024;

/// Name, offset and length of each field.
pub const FIELDS: &[(&str, usize, usize)] = &[
    ("magic", 0x00, 4),
    ("checksum", 0x04, 4),
    ("feature_compat", 0x08, 4),
    ("blkszbits", 0x0c, 1),
    ("sb_extslots", 0x0d, 1),
    ("rootnid_2b", 0x0e, 2),
    ("inos", 0x10, 8),
    ("epoch", 0x18, 8),
    ("fixed_nsec", 0x20, 4),
    ("blocks_lo", 0x24, 4),
    ("meta_blkaddr", 0x28, 4),
    ("xattr_blkaddr", 0x2c, 4),
    ("feature_incompat", 0x50, 4),
    ("u1", 0x54, 2),
    ("extra_devices", 0x56, 2),
    ("devt_slotoff", 0x58, 2),
    ("dirblkbits", 0x5a, 1),
    ("xattr_prefix_count", 0x5b, 1),
    ("xattr_prefix_start", 0x5c, 4),
    ("packed_nid", 0x60, 8),
    ("xattr_filter_reserved", 0x68, 1),
    ("ishare_xattr_prefix_id", 0x69, 1),
    ("reserved", 0x6a, 2),
    ("build_time", 0x6c, 4),
    ("rootnid_8b", 0x70, 8),
    ("reserved2", 0x78, 8),
];

/// Bits of `feature_compat`.
pub mod compat {
    /// The checksum is valid.
    pub const SB_CHKSUM: u64 = 0x01;
    /// Name filters are valid.
    pub const XATTR_FILTER: u64 = 0x04;
    /// Shared attributes lie in the metabox.
    pub const SHARED_EA_IN_METABOX: u64 = 0x08;
    /// The prefix table lies in the image itself.
    pub const PLAIN_XATTR_PFX: u64 = 0x10;
    /// All known bits.
    pub const KNOWN: u64 = 0x3f;
}

/// Bits of `feature_incompat`.
pub mod incompat {
    /// Compressed data is padded in front.
    pub const LZ4_0PADDING: u64 = 0x001;
    /// Configuration blobs, or clusters of several blocks.
    pub const COMPR_CFGS: u64 = 0x002;
    /// Chunk-based files.
    pub const CHUNKED_FILE: u64 = 0x004;
    /// Device table, or a second algorithm in a file.
    pub const DEVICE_TABLE: u64 = 0x008;
    /// Inline physical clusters.
    pub const ZTAILPACKING: u64 = 0x010;
    /// Packed inode, or shared physical clusters.
    pub const FRAGMENTS: u64 = 0x020;
    /// Long xattr prefixes.
    pub const XATTR_PREFIXES: u64 = 0x040;
    /// 48-bit addresses and all that came with them.
    pub const BIT48: u64 = 0x080;
    /// Inodes in the metabox.
    pub const METABOX: u64 = 0x100;
    /// All known bits.
    pub const KNOWN: u64 = 0x1ff;
}

/// The 128 bytes of the superblock.
#[derive(Clone, Debug)]
pub struct Superblock {
    bytes: Vec<u8>,
}

impl Superblock {
    /// Value of a field of [`FIELDS`].
    ///
    /// # Panics
    ///
    /// If there is no such field.
    #[must_use]
    pub fn get(&self, field: &str) -> u64 {
        let found = FIELDS.iter().find(|(name, ..)| *name == field);
        let (_, at, len) = found.expect("a field of the superblock");
        le(&self.bytes, *at, *len)
    }

    /// The 16 bytes of the UUID.
    #[must_use]
    pub fn uuid(&self) -> &[u8] {
        &self.bytes[0x30..0x40]
    }

    /// The 16 bytes of the label.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        &self.bytes[0x40..0x50]
    }

    /// Whether a bit of `feature_compat` is set.
    #[must_use]
    pub fn compat(&self, bit: u64) -> bool {
        self.get("feature_compat") & bit != 0
    }

    /// Whether a bit of `feature_incompat` is set.
    #[must_use]
    pub fn incompat(&self, bit: u64) -> bool {
        self.get("feature_incompat") & bit != 0
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_size(&self) -> u64 {
        1 << self.get("blkszbits")
    }

    /// Whether `rootnid_8b` is the root, and `rootnid_2b` block count bits.
    #[must_use]
    pub fn wide_root(&self) -> bool {
        self.incompat(incompat::BIT48) && self.get("rootnid_8b") != 0
    }

    /// Number of the root inode.
    #[must_use]
    pub fn root_nid(&self) -> u64 {
        match self.wide_root() {
            true => self.get("rootnid_8b"),
            false => self.get("rootnid_2b"),
        }
    }

    /// Total number of blocks.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        let high = match self.wide_root() {
            true => self.get("rootnid_2b") << 32,
            false => 0,
        };
        self.get("blocks_lo") | high
    }

    /// Where the inode `nid` starts.
    #[must_use]
    pub fn inode_at(&self, nid: u64) -> Option<u64> {
        if nid >> 63 != 0 {
            return (nid << 1 >> 1).checked_mul(32)?.checked_add(METABOX);
        }
        let base = self.get("meta_blkaddr") * self.block_size();
        nid.checked_mul(32)?.checked_add(base)
    }

    /// Where the superblock and its extension slots end.
    #[must_use]
    pub fn end(&self) -> u64 {
        START + 128 + 16 * self.get("sb_extslots")
    }
}

/// Configuration of a compression algorithm.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its length field is.
    pub at: u64,
    /// Bit of the algorithm in `u1`.
    pub algorithm: u64,
    /// Bytes after the length field.
    pub payload: Vec<u8>,
}

/// Slot of the device table.
#[derive(Clone, Debug)]
pub struct Device {
    /// Where the slot is.
    pub at: u64,
    /// Name given to the device.
    pub tag: Vec<u8>,
    /// Its blocks.
    pub blocks: u64,
    /// Where it stands among the unified block addresses.
    pub uniaddr: u64,
}

/// Decodes and checks the superblock; None if there is nothing to go on with.
pub fn read(image: &Image, space: &mut Space, found: &mut Findings) -> Option<Superblock> {
    let Some(bytes) = image.bytes(START, 128) else {
        found.add(Rule::OutOfImage, START, "no room for a superblock");
        return None;
    };
    let sb = Superblock { bytes };
    let bits = sb.get("blkszbits");
    if sb.get("magic") != 0xe0f5_e1e2 || !(9..=16).contains(&bits) {
        found.add(Rule::Superblock, START, "no magic, or no sane block size");
        return None;
    }
    space.claim(START, sb.end() - START, Use::Meta, "superblock");
    check_fields(&sb, found);
    check_features(&sb, found);
    check_counts(image, &sb, found);
    check_checksum(image, &sb, found);
    Some(sb)
}

fn check_fields(sb: &Superblock, found: &mut Findings) {
    for field in ["xattr_filter_reserved", "reserved", "reserved2"] {
        found.expect(sb.get(field) == 0, Rule::Reserved, START, field);
    }
    let slots = sb.get("sb_extslots");
    let good = slots == u64::from(sb.incompat(incompat::METABOX));
    found.expect(good, Rule::Superblock, START + 0x0d, "sb_extslots");
    let good = sb.get("dirblkbits") == 0;
    found.expect(good, Rule::Superblock, START + 0x5a, "dirblkbits");
    let good = sb.get("fixed_nsec") < 1_000_000_000;
    found.expect(good, Rule::InodeTime, START + 0x20, "fixed_nsec");
    let good = sb.incompat(incompat::BIT48) || sb.get("rootnid_8b") == 0;
    found.expect(good, Rule::MissingFeature, START + 0x70, "rootnid_8b without 48BIT");
    let label = sb.label();
    let name = label.iter().take_while(|&&byte| byte != 0).count();
    let rest_is_zero = label[name..].iter().all(|&byte| byte == 0);
    found.expect(name < 16 && rest_is_zero, Rule::Label, START + 0x40, "label");
}

fn check_features(sb: &Superblock, found: &mut Findings) {
    let unknown = sb.get("feature_compat") & !compat::KNOWN;
    found.expect(unknown == 0, Rule::UnknownFeature, START + 0x08, "feature_compat");
    let unknown = sb.get("feature_incompat") & !incompat::KNOWN;
    found.expect(unknown == 0, Rule::UnknownFeature, START + 0x50, "feature_incompat");
    let good = sb.get("packed_nid") == 0 || sb.incompat(incompat::FRAGMENTS);
    found.expect(good, Rule::MissingFeature, START + 0x60, "packed_nid without FRAGMENTS");
    let prefixes = sb.get("xattr_prefix_count") != 0;
    match (prefixes, sb.incompat(incompat::XATTR_PREFIXES)) {
        (true, false) => found.add(Rule::MissingFeature, START + 0x50, "XATTR_PREFIXES"),
        (false, true) => found.add(Rule::UnneededFeature, START + 0x50, "XATTR_PREFIXES"),
        _ => {}
    }
}

fn check_counts(image: &Image, sb: &Superblock, found: &mut Findings) {
    let bs = sb.block_size();
    let good = image.len().is_multiple_of(bs) && image.len() / bs == sb.blocks();
    let text = format!("{} blocks, but {} bytes", sb.blocks(), image.len());
    found.expect(good, Rule::BlockCount, START + 0x24, text);
    let inos = sb.get("inos");
    let fooled = reads_as_minix(inos);
    found.expect(!fooled, Rule::MinixMagic, START + 0x10, format!("inos {inos:#x}"));
}

/// Whether `inos` fools blkid, which looks for minix at this very place, in
/// both byte orders; minix has no other field that would tell it apart.
pub(super) fn reads_as_minix(inos: u64) -> bool {
    let low = low16(inos);
    let magics: [u16; 4] = [0x137f, 0x138f, 0x2468, 0x2478];
    magics.iter().any(|&magic| low == magic || low == magic.swap_bytes())
}

fn check_checksum(image: &Image, sb: &Superblock, found: &mut Findings) {
    if !sb.compat(compat::SB_CHKSUM) {
        let good = sb.get("checksum") == 0;
        found.expect(good, Rule::Checksum, START + 4, "without its feature bit");
        return;
    }
    let Some(stored) = checksum(image, sb.block_size()) else {
        found.add(Rule::OutOfImage, START, "image is shorter than a block");
        return;
    };
    let good = u64::from(stored) == sb.get("checksum");
    let text = format!("{:#x}, but should be {stored:#x}", sb.get("checksum"));
    found.expect(good, Rule::Checksum, START + 4, text);
}

/// The checksum that an image of the block size should have.
#[must_use]
pub fn checksum(image: &Image, block_size: u64) -> Option<u32> {
    let len = match block_size > START {
        true => block_size - START,
        false => block_size,
    };
    let mut bytes = image.bytes(START, len)?;
    bytes[4..8].fill(0);
    Some(crc32c(&bytes))
}

/// CRC-32C from all ones and without the final inversion.
fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0x82f6_3b78,
            _ => crc >> 1,
        })
    })
}

/// Decodes the configuration blobs after the superblock.
pub fn read_configs(
    image: &Image,
    sb: &Superblock,
    space: &mut Space,
    found: &mut Findings,
) -> Vec<Config> {
    let mut configs = Vec::new();
    if !sb.incompat(incompat::COMPR_CFGS) {
        return configs;
    }
    let mut at = sb.end();
    for algorithm in (0..16).filter(|bit| sb.get("u1") >> bit & 1 != 0) {
        let Some(len) = image.bytes(at, 2).map(|len| le(&len, 0, 2)) else {
            break;
        };
        let Some(payload) = image.bytes(at + 2, len) else {
            found.add(Rule::OutOfImage, at, "configuration blob");
            break;
        };
        space.claim(at, len + 2, Use::Meta, "configuration blob");
        let good = config_is_good(algorithm, &payload, sb.block_size());
        let text = format!("algorithm {algorithm}: {payload:02x?}");
        found.expect(good, Rule::CompressionConfig, at, text);
        configs.push(Config { at, algorithm, payload });
        at = up(at + 2 + len, 4);
    }
    configs
}

fn config_is_good(algorithm: u64, payload: &[u8], block_size: u64) -> bool {
    let zero_from = |at: usize| payload[at..].iter().all(|&byte| byte == 0);
    match (algorithm, payload.len()) {
        (0, 14) => {
            let blocks = le(payload, 2, 2);
            blocks * block_size <= 1 << 20 && zero_from(4)
        }
        (1, 14) => {
            let dict = le(payload, 0, 4);
            (4096..=8 << 20).contains(&dict) && zero_from(4)
        }
        (2, 6) => payload[0] <= 15 && zero_from(1),
        (3, 6) => payload[0] == 0 && payload[1] <= 10 && zero_from(2),
        _ => false,
    }
}

/// Decodes the device table.
pub fn read_devices(
    image: &Image,
    sb: &Superblock,
    space: &mut Space,
    found: &mut Findings,
) -> Vec<Device> {
    let mut devices = Vec::new();
    // Devices follow each other after the image, so that they may be appended.
    let mut next = sb.blocks();
    for slot in 0..sb.get("extra_devices") {
        let at = 128 * (sb.get("devt_slotoff") + slot);
        let Some(bytes) = image.bytes(at, 128) else {
            found.add(Rule::OutOfImage, at, "device slot");
            break;
        };
        space.claim(at, 128, Use::Meta, "device slot");
        let zero = bytes[0x4c..].iter().all(|&byte| byte == 0);
        found.expect(zero, Rule::Reserved, at, "device slot");
        let device = Device {
            at,
            tag: bytes[..64].to_vec(),
            blocks: le(&bytes, 0x40, 4) | le(&bytes, 0x48, 2) << 32,
            uniaddr: le(&bytes, 0x44, 4) | le(&bytes, 0x4a, 2) << 32,
        };
        let text = format!("device at block {}, but should be at {next}", device.uniaddr);
        found.expect(device.uniaddr == next, Rule::DeviceTable, at, text);
        next += device.blocks;
        let text = format!("{next} blocks with this device");
        let good = next <= 0xffff_ffff || sb.incompat(incompat::BIT48);
        found.expect(good, Rule::DeviceTable, at, text);
        let mut after_name = device.tag.iter().skip_while(|&&byte| byte != 0);
        found.expect(after_name.all(|&byte| byte == 0), Rule::DeviceTable, at, "tag");
        devices.push(device);
    }
    let good = !devices.is_empty() || sb.get("devt_slotoff") == 0;
    found.expect(good, Rule::DeviceTable, START + 0x58, "devt_slotoff without devices");
    let good = devices.is_empty() || sb.incompat(incompat::DEVICE_TABLE);
    found.expect(good, Rule::MissingFeature, START + 0x56, "DEVICE_TABLE");
    devices
}

/// Writes the right checksum into the bytes of an image: for tests that break
/// something else and want only that to be seen.
///
/// # Panics
///
/// If there is not even one block.
pub fn repair_checksum(image: &mut [u8]) {
    let start = index(START);
    let copy = Image::from_bytes(image.to_vec());
    let sum = checksum(&copy, 1 << image[start + 0x0c]).expect("a whole first block");
    image[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
}
