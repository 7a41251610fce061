//! Values of flags, from text.

use std::error::Error;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use erofs_writer::{
    BlockSize, ChunkSize, KernelVersion, Label, OptionsError, PclusterSize, Uuid, VerityHash,
    XattrPrefix,
};

use crate::args::metadata::MetaboxArg;
use crate::args::verity::SaltArg;
use crate::edits::AddedFile;
use crate::number;
use crate::suboptions::{self, Suboption};

/// The value of the flag for the UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UuidArg {
    Clear,
    Random,
    Fixed(Uuid),
}

/// The way in which a tar archive is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tar {
    /// All of it goes into the image.
    Full,
    /// The image points to contents that stay in the archive.
    Index,
}

/// The missing value of a flag with which mkfs.erofs can also copy an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoCopy;

type Parsed<T> = Result<T, Box<dyn Error + Send + Sync>>;

pub(super) fn tar_mode(text: &str) -> Parsed<Tar> {
    match text {
        "f" => Ok(Tar::Full),
        "i" | "0" => Ok(Tar::Index),
        "headerball" => Err("archives without contents are not built yet".into()),
        _ if text.contains(',') => Err("a map of blocks is not written".into()),
        _ => Err("use f for a full image, or i for an index".into()),
    }
}

pub(super) fn verity_hash(text: &str) -> Result<VerityHash, OptionsError> {
    text.parse()
}

pub(super) fn verity_salt(text: &str) -> Parsed<SaltArg> {
    match text {
        "-" => return Ok(SaltArg::None),
        "uuid" => return Ok(SaltArg::FromUuid),
        _ => {}
    }
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len() % 2 == 0);
    let digits = digits.ok_or("must be bytes of two hexadecimal digits, -, or uuid")?;
    if digits.len() > 512 {
        return Err(OptionsError::VeritySalt.into());
    }
    let bytes = digits.chunks(2).map(|pair| u8::try_from(16 * pair[0] + pair[1]));
    Ok(SaltArg::Given(bytes.collect::<Result<_, _>>()?))
}

pub(super) fn zero_or_one(text: &str) -> Parsed<bool> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err("must be 0 or 1".into()),
    }
}

pub(super) fn no_copy(text: &str) -> Parsed<NoCopy> {
    match text {
        "" => Ok(NoCopy),
        _ => Err("a copy of the archive is not kept".into()),
    }
}

pub(super) fn block_size(text: &str) -> Parsed<BlockSize> {
    Ok(BlockSize::new(number::with_unit(text)?)?)
}

pub(super) fn chunk_size(text: &str) -> Parsed<ChunkSize> {
    Ok(ChunkSize::new(number::unsigned(text)?)?)
}

pub(super) fn words(text: &str) -> Parsed<Vec<Suboption>> {
    Ok(suboptions::parse(text)?)
}

pub(super) fn pcluster_size(text: &str) -> Parsed<PclusterSize> {
    Ok(PclusterSize::new(number::with_unit(text)?)?)
}

/// A size, perhaps with a colon and an algorithm after it.
pub(super) fn metabox(text: &str) -> Parsed<MetaboxArg> {
    let (size, algorithm) = match text.split_once(':') {
        Some((size, algorithm)) => (size, Some(algorithm.to_owned())),
        None => (text, None),
    };
    Ok(MetaboxArg { size: pcluster_size(size)?, algorithm })
}

/// What goes into the zone of metadata. Directories go there only if inodes do.
pub(super) fn metadata_zone(text: &str) -> Parsed<()> {
    match text {
        "0" => Ok(()),
        _ if text.bytes().all(|byte| matches!(byte, b'i' | b'd')) && text.contains('i') => Ok(()),
        "d" => Err("directories lie beside inodes, so i is needed, too".into()),
        _ => Err("use 0, i or id".into()),
    }
}

pub(super) fn kernel_version(text: &str) -> Parsed<KernelVersion> {
    Ok(text.parse()?)
}

pub(super) fn label(text: OsString) -> Result<Label, OptionsError> {
    Label::new(text.as_bytes())
}

/// A path in the image, up to the first equals sign, and after it a path of the host.
pub(super) fn added_file(text: OsString) -> Parsed<AddedFile> {
    let bytes = text.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=').ok_or("there is no = in it")?;
    let (path, file) = (&bytes[..equals], &bytes[equals + 1..]);
    if path.is_empty() || file.is_empty() {
        return Err("a path is missing before or after the =".into());
    }
    Ok(AddedFile { path: path.to_vec(), file: OsString::from_vec(file.to_vec()).into() })
}

pub(super) fn xattr_prefix(text: OsString) -> Result<XattrPrefix, OptionsError> {
    XattrPrefix::new(text.into_vec())
}

pub(super) fn uuid(text: &str) -> Parsed<UuidArg> {
    match text {
        "clear" => Ok(UuidArg::Clear),
        "random" => Ok(UuidArg::Random),
        // Only the form with hyphens, not the others the library reads.
        _ if text.len() == 36 => Ok(UuidArg::Fixed(Uuid::parse_str(text)?)),
        _ => Err("must be 'clear', 'random' or a UUID of 36 characters".into()),
    }
}

pub(super) fn seconds(text: &str) -> Parsed<i64> {
    Ok(i64::try_from(number::unsigned::<u64>(text)?)?)
}

/// The number of a user or a group. The greatest number means none.
pub(super) fn id(text: &str) -> Parsed<u32> {
    match number::unsigned(text)? {
        u32::MAX => Err("this number is reserved for no user and no group".into()),
        id => Ok(id),
    }
}

/// A number to add to users or groups. mkfs.erofs subtracts by adding a number that wraps
/// around.
pub(super) fn id_offset(text: &str) -> Parsed<i64> {
    let offset = number::signed(text)?;
    match u32::try_from(offset.unsigned_abs()) {
        Ok(_) => Ok(offset),
        Err(_) => Err(number::NumberError::OutOfRange.into()),
    }
}

/// Permissions, always octal.
pub(super) fn mode(text: &str) -> Parsed<u16> {
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u16::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o7777);
    mode.ok_or_else(|| "must be octal permissions, such as 0755 or 1775".into())
}

/// The number of threads. With 0 further threads, the calling one does the work.
pub(super) fn workers(text: &str) -> Parsed<NonZeroUsize> {
    Ok(NonZeroUsize::new(number::unsigned(text)?).unwrap_or(NonZeroUsize::MIN))
}
