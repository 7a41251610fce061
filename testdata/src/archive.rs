//! Tar archives made by hand, member by member, right or wrong.

/// The length of a block of an archive.
pub const BLOCK_LEN: usize = 512;

/// A header, which may be changed before it is used.
#[derive(Clone, Debug)]
pub struct Header {
    fields: [u8; BLOCK_LEN],
}

impl Header {
    /// A member of type `flag` with so many bytes after its header.
    #[must_use]
    pub fn new(flag: u8, name: &str, size: usize) -> Self {
        let mut header = Header { fields: [0; BLOCK_LEN] };
        header.set(257, b"ustar\x0000");
        header.set(156, &[flag]);
        header.set(0, name.as_bytes());
        header.set(100, if flag == b'5' { b"0000755\0" } else { b"0000644\0" });
        header.set(108, b"0000000\0");
        header.set(116, b"0000000\0");
        header.set(124, format!("{size:011o}\0").as_bytes());
        header.set(136, b"00000000007\0");
        header
    }

    /// Writes `bytes` at `at`.
    pub fn set(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.fields[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// With the name that a link leads to.
    #[must_use]
    pub fn link(mut self, target: &str) -> Self {
        self.set(157, target.as_bytes());
        self
    }

    /// With its checksum.
    #[must_use]
    pub fn block(&self) -> [u8; BLOCK_LEN] {
        let mut fields = self.fields;
        fields[148..156].fill(b' ');
        let sum: u32 = fields.iter().map(|byte| u32::from(*byte)).sum();
        fields[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        fields
    }
}

/// An archive that grows.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
}

impl Archive {
    /// Appends a header and the bytes after it.
    #[must_use]
    pub fn member(mut self, header: &Header, data: &[u8]) -> Self {
        self.bytes.extend_from_slice(&header.block());
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK_LEN), 0);
        self
    }

    /// Appends a file.
    #[must_use]
    pub fn file(self, name: &str, data: &[u8]) -> Self {
        self.member(&Header::new(b'0', name, data.len()), data)
    }

    /// Appends a directory.
    #[must_use]
    pub fn dir(self, name: &str) -> Self {
        self.member(&Header::new(b'5', name, 0), &[])
    }

    /// Appends a hard link.
    #[must_use]
    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.member(&Header::new(b'1', name, 0).link(target), &[])
    }

    /// Appends records for the next member, or with `g` for all that follow.
    #[must_use]
    pub fn pax(self, flag: u8, records: &[(&str, &[u8])]) -> Self {
        let data: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.member(&Header::new(flag, "pax", data.len()), &data)
    }

    /// The bytes so far.
    #[must_use]
    pub fn unfinished(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes with the end of an archive.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK_LEN, 0);
        self.bytes
    }
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let fits = |digits: &usize| (rest.len() + digits).to_string().len() == *digits;
    let digits = (1..9).find(fits).expect("one does");
    [(rest.len() + digits).to_string().as_bytes(), &rest].concat()
}
