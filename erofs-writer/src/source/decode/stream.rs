//! Decoding of streams, of which several may follow each other.

use std::io::{self, BufRead, BufReader, Read};

/// The compressed input.
pub(super) struct Stream<'a> {
    /// Bytes that a decoder has read and not used, from `at` on.
    unused: Vec<u8>,
    at: usize,
    input: BufReader<Box<dyn Read + Send + 'a>>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(input: Box<dyn Read + Send + 'a>, buffer_len: usize) -> Self {
        Stream { unused: Vec::new(), at: 0, input: BufReader::with_capacity(buffer_len, input) }
    }

    /// Gives back the bytes that were read last.
    pub(super) fn give_back(&mut self, mut bytes: Vec<u8>) {
        if bytes.len() <= self.at {
            // They are still there. Thus many short streams are not copied again and again.
            self.at -= bytes.len();
        } else {
            bytes.extend_from_slice(&self.unused[self.at..]);
            (self.unused, self.at) = (bytes, 0);
        }
    }

    /// Whether bytes that were given back are next. If not, `unused` is empty: its bytes
    /// are no longer the ones that were read last.
    fn has_unused(&mut self) -> bool {
        if self.at == self.unused.len() {
            self.unused.clear();
            self.at = 0;
        }
        !self.unused.is_empty()
    }

    /// The bytes that can be read at once.
    pub(super) fn buffer(&self) -> &[u8] {
        match self.unused.is_empty() {
            true => self.input.buffer(),
            false => &self.unused[self.at..],
        }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.has_unused() {
            return self.input.read(buf);
        }
        let len = (&self.unused[self.at..]).read(buf)?;
        self.at += len;
        Ok(len)
    }
}

impl BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.has_unused() {
            true => Ok(&self.unused[self.at..]),
            false => self.input.fill_buf(),
        }
    }

    fn consume(&mut self, len: usize) {
        match self.unused.is_empty() {
            true => self.input.consume(len),
            false => self.at += len,
        }
    }
}

/// The longest dictionary, in bytes, of xz, lzma and lzip. A decoder allocates its
/// dictionary at once, whatever it decodes. The levels of xz and lzip need up to 64
/// MiB.
pub(super) const DICTIONARY_MAX: u64 = 256 << 20;

/// A decoder of one stream.
pub(super) trait Decode<'a>: Read + Sized {
    /// Makes a decoder of the next stream in `stream`. `is_first` says whether it is
    /// the first one. At the end, gives `stream` back.
    fn start(stream: Stream<'a>, is_first: bool) -> io::Result<Next<'a, Self>>;

    /// The input after the stream that has been decoded.
    fn into_rest(self) -> io::Result<Stream<'a>>;
}

/// The result of [`Decode::start`].
pub(super) enum Next<'a, D> {
    Decoder(D),
    End(Stream<'a>),
}

/// Streams, one after the other.
pub(super) enum Streams<'a, D> {
    Between(Stream<'a>, bool),
    Within(D),
    /// The end, or an error. Also for the moment between two states.
    Ended,
}

impl<'a, D> Streams<'a, D> {
    pub(super) fn new(stream: Stream<'a>) -> Self {
        Streams::Between(stream, true)
    }
}

impl<'a, D: Decode<'a>> Read for Streams<'a, D> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(self, Streams::Ended) {
                Streams::Ended => return Ok(0),
                Streams::Between(stream, is_first) => match D::start(stream, is_first)? {
                    Next::Decoder(decoder) => *self = Streams::Within(decoder),
                    Next::End(mut stream) => {
                        // The rest is read, so that the program that writes it does not
                        // fail.
                        io::copy(&mut stream, &mut io::sink())?;
                    }
                },
                Streams::Within(mut decoder) => match decoder.read(buf)? {
                    0 => *self = Streams::Between(decoder.into_rest()?, false),
                    len => {
                        *self = Streams::Within(decoder);
                        return Ok(len);
                    }
                },
            }
        }
    }
}

pub(super) fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

/// Refuses a stream whose dictionary or window is too long.
pub(super) fn check_memory(name: &str, needed: u64, most: u64) -> io::Result<()> {
    if needed <= most {
        return Ok(());
    }
    Err(invalid(format!(
        "needs {} MiB of memory for its {name}, but at most {} are allowed",
        needed.div_ceil(1 << 20),
        most >> 20
    )))
}

/// The next byte, which is not consumed. None at the end.
pub(super) fn next_byte(stream: &mut Stream<'_>) -> io::Result<Option<u8>> {
    loop {
        match stream.fill_buf() {
            Ok(bytes) => return Ok(bytes.first().copied()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
