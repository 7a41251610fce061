//! The superblock, the records of algorithms and the device table.

use zerocopy::FromBytes;

use super::fault::{Fault, Found};
use super::input::{Inputs, Slot};
use crate::error::ImageErrorKind;
use crate::format::algorithm::{Algorithm, LzmaCfgs, ZstdCfgs};
use crate::format::superblock::{
    COMPAT_PLAIN_XATTR_PFX, COMPAT_SB_CHKSUM, COMPAT_SHARED_EA_IN_METABOX, DEVT_SLOT_LEN,
    DeviceSlot, INCOMPAT_48BIT, INCOMPAT_ALL, INCOMPAT_COMPR_CFGS, INCOMPAT_DEVICE_TABLE,
    INCOMPAT_FRAGMENTS, INCOMPAT_LZ4_0PADDING, INCOMPAT_METABOX, INCOMPAT_XATTR_PREFIXES,
    SUPER_LEN, SUPER_MAGIC, SUPER_OFFSET, SuperBlock, SuperExtension,
};
use crate::format::xattr::PREFIXES_MAX;
use crate::format::{round_up, to_u64, to_usize};

/// What the superblock says.
#[derive(Debug)]
pub(crate) struct Super {
    /// As it stands in the image.
    pub(super) raw: SuperBlock,
    pub(super) block_bits: u32,
    /// The byte from which nids count.
    pub(super) meta_start: u64,
    /// The byte from which the ids of shared xattrs count.
    pub(super) xattr_start: u64,
    pub(super) shared_in_metabox: bool,
    pub(super) epoch: i64,
    pub(super) fixed_nsec: u32,
    pub(super) root: u64,
    pub(super) packed: Option<u64>,
    pub(super) metabox: Option<u64>,
    pub(super) wide: bool,
    /// Where the blocks of the image end, in bytes.
    pub(super) end: u64,
    /// A bit for each algorithm that inodes may use.
    algorithms: u16,
    pub(super) lzma_dict: u32,
    pub(super) zstd_window: u64,
    pub(super) deflate_window_log: u8,
    /// Whether zeros come before pclusters, and not after them.
    pub(super) zero_padded: bool,
    pub(super) prefixes: Prefixes,
    devices: u16,
    devices_at: u64,
}

/// Where the long prefixes of xattrs are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefixes {
    pub(super) count: u8,
    pub(super) start: u64,
    pub(super) is_plain: bool,
}

/// The dictionary that the kernel takes at most (`Z_EROFS_LZMA_MAX_DICT_SIZE`).
const LZMA_DICT_MAX: u32 = 8 << 20;
/// The longest window of zstd (`z_erofs_load_zstd_config`).
const ZSTD_WINDOW_LOG_MAX: u32 = 20;

impl Super {
    /// Reads and checks it, as `erofs_read_superblock` does.
    pub(super) fn read(inputs: &Inputs) -> Found<Self> {
        let mut bytes = [0; to_usize(SUPER_LEN)];
        inputs.read(&mut bytes, SUPER_OFFSET).map_err(|fault| match fault {
            Fault::Image { .. } => Fault::new(SUPER_OFFSET, ImageErrorKind::NoMagic),
            io @ Fault::Io(_) => io,
        })?;
        let sb = SuperBlock::read_from_bytes(&bytes).expect("as many bytes");
        if sb.magic.get() != SUPER_MAGIC {
            return Err(Fault::new(SUPER_OFFSET, ImageErrorKind::NoMagic));
        }
        let unknown = sb.feature_incompat.get() & !INCOMPAT_ALL;
        if unknown != 0 {
            return Err(Fault::new(SUPER_OFFSET, ImageErrorKind::Features { bits: unknown }));
        }
        let wrong = |what| Fault::malformed(SUPER_OFFSET, what);
        if !(9..=16).contains(&sb.blkszbits) {
            return Err(wrong("the block size is not from 512 bytes to 64 KiB"));
        }
        if sb.dirblkbits != 0 {
            return Err(wrong("blocks of directories have another size than other blocks"));
        }
        check_sum(&sb, inputs)?;
        let mut found = Super::of(&sb, inputs)?;
        if sb.feature_incompat.get() & INCOMPAT_COMPR_CFGS != 0 {
            found.read_records(&sb, inputs)?;
        }
        if usize::from(found.prefixes.count) > PREFIXES_MAX {
            return Err(wrong("there are more than 128 long prefixes of xattrs"));
        }
        Ok(found)
    }

    fn of(sb: &SuperBlock, inputs: &Inputs) -> Found<Self> {
        let (compat, incompat) = (sb.feature_compat.get(), sb.feature_incompat.get());
        let has = |bit| incompat & bit != 0;
        let wide = has(INCOMPAT_48BIT);
        let root = match sb.rootnid_8b.get() {
            root if wide && root != 0 => root,
            _ => sb.rootnid_2b.get().into(),
        };
        let metabox = match has(INCOMPAT_METABOX) {
            true => Some(metabox_nid(sb, inputs)?),
            false => None,
        };
        let packed = Some(sb.packed_nid.get()).filter(|nid| has(INCOMPAT_FRAGMENTS) && *nid != 0);
        let has_prefixes = has(INCOMPAT_XATTR_PREFIXES);
        let has_devices = has(INCOMPAT_DEVICE_TABLE);
        let blocks_hi = if wide { sb.rootnid_2b.get() } else { 0 };
        let blocks = u64::from(sb.blocks_lo.get()) | u64::from(blocks_hi) << 32;
        Ok(Super {
            raw: sb.clone(),
            block_bits: sb.blkszbits.into(),
            meta_start: u64::from(sb.meta_blkaddr.get()) << sb.blkszbits,
            xattr_start: u64::from(sb.xattr_blkaddr.get()) << sb.blkszbits,
            shared_in_metabox: metabox.is_some() && compat & COMPAT_SHARED_EA_IN_METABOX != 0,
            epoch: sb.epoch.get(),
            fixed_nsec: sb.fixed_nsec.get(),
            root,
            packed,
            metabox,
            wide,
            end: blocks << sb.blkszbits,
            algorithms: 1,
            lzma_dict: 0,
            zstd_window: 0,
            deflate_window_log: 0,
            zero_padded: has(INCOMPAT_LZ4_0PADDING),
            prefixes: Prefixes {
                count: if has_prefixes { sb.xattr_prefix_count } else { 0 },
                start: u64::from(sb.xattr_prefix_start.get()) * 4,
                is_plain: compat & COMPAT_PLAIN_XATTR_PFX != 0,
            },
            devices: if has_devices { sb.extra_devices.get() } else { 0 },
            devices_at: u64::from(sb.devt_slotoff.get()) * DEVT_SLOT_LEN,
        })
    }

    /// The bits of a device's number that count (`erofs_load_device_table`).
    pub(super) fn device_mask(&self) -> u16 {
        match self.devices {
            0 => 0,
            devices => {
                u16::try_from((u32::from(devices) + 1).next_power_of_two() - 1).unwrap_or(u16::MAX)
            }
        }
    }

    pub(super) fn block_len(&self) -> u64 {
        1 << self.block_bits
    }

    /// log2 of the longest window of zstd, 0 if there is none.
    pub(super) fn zstd_window_log(&self) -> u8 {
        u8::try_from(self.zstd_window.checked_ilog2().unwrap_or(0)).expect("at most 63")
    }

    /// Whether inodes may use this algorithm.
    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms >> algorithm.number() & 1 != 0
    }

    /// Reads the records of algorithms (`z_erofs_parse_cfgs`).
    fn read_records(&mut self, sb: &SuperBlock, inputs: &Inputs) -> Found<()> {
        self.algorithms = sb.u1.get();
        let mut at = SUPER_OFFSET + SUPER_LEN + 16 * u64::from(sb.sb_extslots);
        for number in 0..16 {
            if self.algorithms >> number & 1 == 0 {
                continue;
            }
            let Some(algorithm) = Algorithm::of_number(number) else {
                return Err(Fault::malformed(SUPER_OFFSET, "there are unknown algorithms"));
            };
            let mut len = [0; 2];
            inputs.read(&mut len, at)?;
            let len = u16::from_le_bytes(len);
            let mut record = vec![0; len.into()];
            inputs.read(&mut record, at + 2)?;
            self.take_record(algorithm, &record)
                .ok_or_else(|| Fault::malformed(at, "the record of an algorithm is wrong"))?;
            at = round_up(at + 2 + u64::from(len), 4);
        }
        Ok(())
    }

    fn take_record(&mut self, algorithm: Algorithm, record: &[u8]) -> Option<()> {
        match algorithm {
            Algorithm::Lz4 => (record.len() >= 14).then_some(()),
            Algorithm::Deflate => {
                self.deflate_window_log = *record.first()?;
                (record.len() >= 6 && record[0] <= 15).then_some(())
            }
            Algorithm::Lzma => {
                let (found, _) = LzmaCfgs::read_from_prefix(record).ok()?;
                self.lzma_dict = found.dict_size.get();
                let is_valid = (4096..=LZMA_DICT_MAX).contains(&self.lzma_dict);
                (is_valid && found.format.get() == 0).then_some(())
            }
            Algorithm::Zstd => {
                let (found, _) = ZstdCfgs::read_from_prefix(record).ok()?;
                let log = u32::from(found.windowlog) + 10;
                self.zstd_window = 1_u64.checked_shl(log)?;
                (log <= ZSTD_WINDOW_LOG_MAX && found.format == 0).then_some(())
            }
        }
    }

    /// Reads the device table.
    pub(super) fn read_slots(&self, inputs: &Inputs) -> Found<Vec<Slot>> {
        let mut bytes = vec![0; usize::from(self.devices) * to_usize(DEVT_SLOT_LEN)];
        inputs.read(&mut bytes, self.devices_at)?;
        let slots = bytes.chunks_exact(to_usize(DEVT_SLOT_LEN)).map(|bytes| {
            let slot = DeviceSlot::read_from_bytes(bytes).expect("as many bytes");
            let bytes = |low: u32, high: u16| {
                let high = if self.wide { u64::from(high) << 32 } else { 0 };
                (high | u64::from(low)) << self.block_bits
            };
            Slot {
                start: bytes(slot.uniaddr_lo.get(), slot.uniaddr_hi.get()),
                len: bytes(slot.blocks_lo.get(), slot.blocks_hi.get()),
            }
        });
        Ok(slots.collect())
    }
}

/// The nid of the metabox inode, which an extension of the superblock has.
fn metabox_nid(sb: &SuperBlock, inputs: &Inputs) -> Found<u64> {
    let wrong = |what| Fault::malformed(SUPER_OFFSET, what);
    if sb.sb_extslots == 0 {
        return Err(wrong("there is no room for the nid of the metabox inode"));
    }
    let mut bytes = [0; size_of::<SuperExtension>()];
    inputs.read(&mut bytes, SUPER_OFFSET + SUPER_LEN)?;
    let found = SuperExtension::read_from_bytes(&bytes).expect("as many bytes");
    Ok(found.metabox_nid.get())
}

/// Checks the checksum (`erofs_superblock_csum_verify`).
fn check_sum(sb: &SuperBlock, inputs: &Inputs) -> Found<()> {
    if sb.feature_compat.get() & COMPAT_SB_CHKSUM == 0 {
        return Ok(());
    }
    let block_len = 1_usize << sb.blkszbits;
    let start = to_usize(SUPER_OFFSET);
    let len = if block_len > start { block_len - start } else { block_len };
    let mut bytes = vec![0; len];
    inputs.read(&mut bytes, SUPER_OFFSET)?;
    bytes[4..8].fill(0);
    // The format has no last inversion, which the crate makes.
    match !crc32c::crc32c(&bytes) == sb.checksum.get() {
        true => Ok(()),
        false => Err(Fault::new(to_u64(start), ImageErrorKind::Checksum)),
    }
}
