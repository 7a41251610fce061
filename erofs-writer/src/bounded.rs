//! Reading files into memory, up to a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::format::to_u64;

/// The bytes of the file `path`; an error if there are more than `max`.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if to_u64(bytes.len()) > max {
        return Err(too_long(format_args!("it has more than {max} bytes")));
    }
    Ok(bytes)
}

/// The error of something that is longer than it may be.
pub(crate) fn too_long(why: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_read_up_to_the_bound() {
        let error = read(Path::new("/dev/zero"), 1000).expect_err("it has no end");
        assert_eq!(error.to_string(), "it has more than 1000 bytes");
        assert_eq!(read(Path::new("/dev/null"), 0).expect("it is empty"), []);
    }
}
