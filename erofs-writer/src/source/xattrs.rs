//! Reading the extended attributes of a host path, ACLs among them.

use std::io;
use std::path::Path;

use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;

use crate::tree::Xattrs;

/// There is no attribute of this name.
#[cfg(not(target_vendor = "apple"))]
const MISSING: Errno = Errno::NODATA;
#[cfg(target_vendor = "apple")]
const MISSING: Errno = Errno::NOATTR;

/// The attributes of `path` itself, not of what a symlink points at. A file
/// system without attributes has none.
pub(crate) fn read(path: &Path) -> io::Result<Xattrs> {
    // Most files have no attribute, and few have more than this holds.
    let mut buf = [0_u8; 512];
    let names = match llistxattr(path, &mut buf) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Xattrs::new()),
        Ok(len) => buf[..len].to_vec(),
        Err(Errno::RANGE) => grow(|buf| llistxattr(path, buf))?,
        Err(error) => return Err(error.into()),
    };
    names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| match grow(|buf| lgetxattr(path, name, buf)) {
            Ok(value) => Some(Ok((name.to_vec(), value))),
            // Removed since it was listed, or listed but kept from us.
            Err(MISSING) => None,
            Err(error) => Some(Err(error.into())),
        })
        .collect()
}

/// Calls `get` with ever larger buffers, as what it reads may grow.
fn grow(mut get: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    // Never an empty buffer: that would ask for a size, and rustix then says 0.
    let mut len = 512;
    loop {
        let mut buf = vec![0; len];
        match get(&mut buf) {
            Ok(used) => {
                buf.truncate(used);
                return Ok(buf);
            }
            Err(Errno::RANGE) => len *= 4,
            Err(error) => return Err(error),
        }
    }
}
