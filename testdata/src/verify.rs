//! All oracles on one image.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt};
use std::path::Path;

use erofs_writer::source;
use rustix::fs::{Timespec, Timestamps};

use crate::entry::{Compare, Kind, Snapshot, diff, show};
use crate::expected;
use crate::host::{self, host_path};
use crate::mount::KernelMount;
use crate::num::index;
use crate::raw::{self, superblock::incompat};
use crate::skip::{Oracle, have};
use crate::{reader, tools};

/// How to verify an image.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The fields to compare.
    pub compare: Compare,
    /// Further devices of the image, in the order of its device table.
    pub devices: &'a [&'a Path],
    /// Label that `blkid` must find.
    pub label: Option<&'a str>,
    /// UUID that `blkid` must find.
    pub uuid: Option<&'a str>,
    /// Reads at odd places of each file through the mount.
    pub random_reads: usize,
    /// Rules that [`raw::check`] may find broken.
    pub allow: &'a [raw::Rule],
    /// Oracles to leave out.
    pub without: &'a [Oracle],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            compare: Compare::ALL,
            devices: &[],
            label: None,
            uuid: None,
            random_reads: 4,
            allow: &[],
            without: &[],
        }
    }
}

/// Which oracles have found an image good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Those that ran.
    pub ran: Vec<Oracle>,
    /// Those that cannot judge this image, and why.
    pub not_applicable: Vec<(Oracle, String)>,
    /// Parts of the image that [`raw::check`] does not know.
    pub not_checked: Vec<String>,
}

/// Lets every oracle read the image and compares with `expected`.
///
/// # Errors
///
/// The complaints of all oracles.
pub fn verify_image(
    image: &Path,
    expected: &Snapshot,
    options: &Options<'_>,
) -> Result<Verified, String> {
    let mut verified = Verified::default();
    let mut complaints = String::new();
    for (oracle, judge) in JUDGES {
        if options.without.contains(oracle) || !have(*oracle) {
            continue;
        }
        match judge(image, expected, options) {
            Ok(Verdict::Good) => verified.ran.push(*oracle),
            Ok(Verdict::NotApplicable(why)) => verified.not_applicable.push((*oracle, why)),
            Ok(Verdict::Partly(list)) => {
                verified.ran.push(*oracle);
                verified.not_checked = list;
            }
            Err(text) => complaints.push_str(&format!("{oracle}:\n{}\n", text.trim_end())),
        }
    }
    match complaints.is_empty() {
        true => Ok(verified),
        false => Err(format!("{}\n{complaints}", image.display())),
    }
}

enum Verdict {
    Good,
    Partly(Vec<String>),
    NotApplicable(String),
}

type Judge = fn(&Path, &Snapshot, &Options<'_>) -> Result<Verdict, String>;

const JUDGES: &[(Oracle, Judge)] = &[
    (Oracle::RawCheck, by_raw_check),
    (Oracle::ErofsRs, by_erofs_rs),
    (Oracle::Own, by_own_reader),
    (Oracle::KernelMount, by_kernel),
    (Oracle::Fsck, by_fsck),
    (Oracle::Blkid, by_blkid),
];

fn by_raw_check(image: &Path, _: &Snapshot, options: &Options<'_>) -> Result<Verdict, String> {
    let image = raw::Image::open(image).map_err(|error| error.to_string())?;
    match raw::check(&image) {
        Ok(report) => Ok(Verdict::Partly(report.not_checked)),
        Err(mut found) => {
            let allowed = |finding: &raw::Finding| options.allow.contains(&finding.rule);
            found.list.retain(|finding| !allowed(finding));
            match found.list.is_empty() {
                true => Ok(Verdict::Partly(found.not_checked)),
                false => Err(found.to_string()),
            }
        }
    }
}

fn by_erofs_rs(
    image: &Path,
    expected: &Snapshot,
    options: &Options<'_>,
) -> Result<Verdict, String> {
    let actual = reader::snapshot(image, options.devices).map_err(|error| error.to_string())?;
    diff(expected, &actual, options.compare)?;
    Ok(Verdict::Good)
}

fn by_own_reader(
    image: &Path,
    expected: &Snapshot,
    options: &Options<'_>,
) -> Result<Verdict, String> {
    let text = |error: &dyn std::error::Error| format!("{error}: {:?}", error.source());
    let mut source = source::Image::open(image).map_err(|error| text(&error))?;
    for device in options.devices {
        source = source.device(device).map_err(|error| text(&error))?;
    }
    let tree = source.read().map_err(|error| text(&error))?;
    let actual = expected::snapshot(&tree).map_err(|error| text(&error))?;
    diff(expected, &actual, options.compare)?;
    Ok(Verdict::Good)
}

fn by_kernel(image: &Path, expected: &Snapshot, options: &Options<'_>) -> Result<Verdict, String> {
    let (bits, page) = (block_bits(image), rustix::param::page_size().trailing_zeros());
    if bits > page {
        let text = format!("blocks of 2^{bits} bytes, pages of 2^{page}");
        return Ok(Verdict::NotApplicable(text));
    }
    let io = |error: std::io::Error| error.to_string();
    // Once in order, as readahead likes it, and once with the page cache
    // filled by reads at odd places: wrong pages stay there to be seen.
    let mount = KernelMount::with_devices(image, options.devices)?;
    let actual = host::snapshot(mount.path()).map_err(io)?;
    diff(expected, &actual, options.compare)?;
    check_listing(mount.path(), &actual)?;
    if options.random_reads > 0 {
        drop(mount);
        let mount = KernelMount::with_devices(image, options.devices)?;
        read_at_odd_places(mount.path(), &actual, options.random_reads).map_err(io)?;
        let again = host::snapshot(mount.path()).map_err(io)?;
        diff(expected, &again, options.compare)
            .map_err(|text| format!("read at random: {text}"))?;
    }
    Ok(Verdict::Good)
}

/// Directories must list in byte order, with the inode number that `stat`
/// gives.
fn check_listing(root: &Path, tree: &Snapshot) -> Result<(), String> {
    for (path, _) in tree.iter().filter(|(_, entry)| entry.kind == Kind::Directory) {
        let dir = host_path(root, path);
        let list = std::fs::read_dir(&dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let list = list.map_err(|error| format!("{}: {error}", show(path)))?;
        let names: Vec<_> = list.iter().map(std::fs::DirEntry::file_name).collect();
        if !names.is_sorted() {
            return Err(format!("{}: not listed in byte order", show(path)));
        }
        for entry in list {
            let child = host::join(path, entry.file_name().as_bytes());
            let ino = tree.get(&child).map(|entry| entry.ino);
            if ino != Some(entry.ino()) {
                return Err(format!("{}: listed as inode {}", show(&child), entry.ino()));
            }
        }
    }
    Ok(())
}

fn read_at_odd_places(root: &Path, tree: &Snapshot, count: usize) -> std::io::Result<()> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut buffer = vec![0; 20_000];
    for (path, entry) in tree.iter().filter(|(_, entry)| entry.size > 0) {
        if entry.kind != Kind::Regular {
            continue;
        }
        let file = File::open(host_path(root, path))?;
        debug_assert_eq!(file.metadata()?.size(), entry.size);
        for _ in 0..count {
            let at = random.below(entry.size);
            let len = index(1 + random.below(20_000)).min(buffer.len());
            file.read_at(&mut buffer[..len], at)?;
        }
    }
    Ok(())
}

/// Xorshift: the same places in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn by_fsck(image: &Path, expected: &Snapshot, options: &Options<'_>) -> Result<Verdict, String> {
    // It is built for one page size, and so is the kernel it runs on.
    let (bits, page) = (block_bits(image), rustix::param::page_size().trailing_zeros());
    if bits > page {
        return Ok(Verdict::NotApplicable(format!("fsck.erofs and blocks of 2^{bits} bytes")));
    }
    tools::fsck(image, options.devices)?;
    // `fsck.erofs` 1.9.4 takes ends of files, also compressed ones, that are in the metabox
    // from the image instead, also in images of `mkfs.erofs`.
    let features = incompat_features(image);
    let has_metabox = features & incompat::METABOX != 0;
    if has_metabox && features & incompat::ZTAILPACKING != 0 {
        return Ok(Verdict::Good);
    }
    // Of an address after the image, it finds the byte of the device, and then reads that byte
    // of the image (`erofs_map_dev` of 1.9.4).
    if !options.devices.is_empty() && features & incompat::LZ4_0PADDING != 0 {
        return Ok(Verdict::Good);
    }
    let folder = tools::extract(image, options.devices)?;
    let mut expected = expected.clone();
    forgive_extraction(folder.path(), &mut expected).map_err(|error| error.to_string())?;
    let actual = host::snapshot(folder.path()).map_err(|error| error.to_string())?;
    let root_user = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let compare = Compare {
        // It extracts to a file system of this machine, which has its own link counts
        // and times of directories.
        symlink_mode: false,
        dir_nlink: false,
        root: false,
        owner: options.compare.owner && root_user,
        xattrs: options.compare.xattrs && root_user,
        content: options.compare.content && !has_metabox,
        ..options.compare
    };
    diff(&expected, &actual, compare)?;
    Ok(Verdict::Good)
}

/// `feature_incompat`.
fn incompat_features(image: &Path) -> u64 {
    let mut bits = [0; 4];
    let read = File::open(image).and_then(|image| image.read_exact_at(&mut bits, 1024 + 0x50));
    if read.is_ok() { u32::from_le_bytes(bits).into() } else { 0 }
}

/// Corrects errors of `fsck.erofs` 1.9.3 when it extracts, also from images of
/// `mkfs.erofs`: a hole at the end of a file with chunk indexes is left out, and so are
/// the attributes after the first without a value.
fn forgive_extraction(folder: &Path, expected: &mut Snapshot) -> std::io::Result<()> {
    for (path, entry) in expected.iter_mut() {
        let host = host_path(folder, path);
        if entry.kind == Kind::Regular && host.symlink_metadata()?.len() < entry.size {
            // Only zeros can have been there, or the content differs.
            let file = File::options().write(true).open(&host)?;
            file.set_len(entry.size)?;
            let time = Timespec { tv_sec: entry.mtime_sec, tv_nsec: entry.mtime_nsec.into() };
            let times = Timestamps { last_access: time, last_modification: time };
            rustix::fs::futimens(&file, &times)?;
        }
        if entry.xattrs.values().any(Vec::is_empty) {
            let there = host::xattrs(&host)?;
            entry.xattrs.retain(|name, _| there.contains_key(name));
        }
    }
    Ok(())
}

fn by_blkid(image: &Path, _: &Snapshot, options: &Options<'_>) -> Result<Verdict, String> {
    let found = tools::blkid(image)?;
    if found.is_empty() && block_bits(image) <= 10 {
        // Recent versions hash the wrong range when blocks are that small.
        return Ok(Verdict::NotApplicable("blkid and the checksum of small blocks".into()));
    }
    let wanted = [("TYPE", Some("erofs")), ("LABEL", options.label), ("UUID", options.uuid)];
    for (name, value) in wanted {
        let Some(value) = value else { continue };
        if found.get(name).map(String::as_str) != Some(value) {
            return Err(format!("{name} should be {value}: {found:?}"));
        }
    }
    Ok(Verdict::Good)
}

/// `blkszbits` of an image, 0 if it has none.
fn block_bits(image: &Path) -> u32 {
    let image = raw::Image::open(image).ok();
    let bits = image.and_then(|image| image.bytes(1024 + 0x0c, 1));
    bits.map_or(0, |bits| bits[0].into())
}
