//! What an inspector reads from: bytes with a size and random access, whether they lie in memory, behind the pipe, in a
//! part of something larger, or inside a compressed member.

use std::borrow::Cow;
use std::sync::Arc;

/// How much is asked for at once where nothing says otherwise, in bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Bytes that can be read from any place. Implementations keep memory constant in the size of the content.
pub trait Content: Send + Sync {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `buffer` from position `at`; returns fewer bytes only at the end of the content.
    ///
    /// # Errors
    /// The bytes cannot be had; the object is then in error, never clean.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault>;

    /// All bytes, where they lie in memory anyway.
    fn in_memory(&self) -> Option<&[u8]> {
        None
    }
}

/// Reading failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFault {
    /// The other side of the pipe did not give what was asked for, or is gone.
    Gone,
    /// A compressed member does not decompress to what it did before.
    Malformed,
    /// The job's time, or its budget of unpacked bytes, is used up.
    Spent,
}

impl std::fmt::Display for ReadFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ReadFault::Gone => "the content cannot be read",
            ReadFault::Malformed => "the member is damaged",
            ReadFault::Spent => "the budget is used up",
        })
    }
}

impl std::error::Error for ReadFault {}

impl From<ReadFault> for std::io::Error {
    fn from(fault: ReadFault) -> std::io::Error {
        std::io::Error::other(fault)
    }
}

/// The fault behind an error of [`Reader`].
pub(crate) fn fault_of(error: std::io::Error) -> ReadFault {
    error.get_ref().and_then(|inner| inner.downcast_ref()).copied().unwrap_or(ReadFault::Gone)
}

/// Reads `length` bytes from `at`, fewer at the end.
///
/// # Errors
/// As [`Content::read_at`].
pub fn read_vec(content: &dyn Content, at: u64, length: usize) -> Result<Vec<u8>, ReadFault> {
    let left = usize::try_from(content.size().saturating_sub(at)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(left)];
    let read = content.read_at(at, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// All bytes of something small enough to be parsed as a whole.
///
/// # Errors
/// As [`Content::read_at`].
pub(crate) fn whole(content: &dyn Content) -> Result<Cow<'_, [u8]>, ReadFault> {
    match content.in_memory() {
        Some(bytes) => Ok(Cow::Borrowed(bytes)),
        None => read_vec(content, 0, usize::MAX).map(Cow::Owned),
    }
}

/// Bytes in memory.
#[derive(Debug, Clone)]
pub struct Bytes(Arc<Vec<u8>>);

impl Bytes {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Bytes {
        Bytes(Arc::new(bytes))
    }

    /// All of them.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl Content for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault> {
        self.as_slice().read_at(at, buffer)
    }

    fn in_memory(&self) -> Option<&[u8]> {
        Some(self.as_slice())
    }
}

impl Content for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }

    fn in_memory(&self) -> Option<&[u8]> {
        Some(self)
    }
}

/// A part of something larger: a stored member.
pub struct Part<'a> {
    whole: &'a dyn Content,
    start: u64,
    length: u64,
}

impl<'a> Part<'a> {
    /// `length` bytes of `whole` from `start`, as far as they are there.
    pub fn new(whole: &'a dyn Content, start: u64, length: u64) -> Part<'a> {
        Part { whole, start, length: length.min(whole.size().saturating_sub(start)) }
    }
}

impl Content for Part<'_> {
    fn size(&self) -> u64 {
        self.length
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        match buffer.get_mut(..length) {
            Some(buffer) if !buffer.is_empty() => self.whole.read_at(self.start.saturating_add(at), buffer),
            _ => Ok(0),
        }
    }
}

/// Content from front to back, as `std::io::Read`, with its own buffer.
pub struct Reader<'a> {
    content: &'a dyn Content,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning.
    pub fn new(content: &'a dyn Content) -> Reader<'a> {
        Reader { content, at: 0, buffer: Vec::new(), used: 0 }
    }
}

impl std::io::Read for Reader<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        use std::io::BufRead as _;
        let from = self.fill_buf()?;
        let length = from.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
            to.copy_from_slice(from);
        }
        self.consume(length);
        Ok(length)
    }
}

impl std::io::BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.used >= self.buffer.len() {
            self.buffer.resize(CHUNK_BYTES, 0);
            let read = self.content.read_at(self.at, &mut self.buffer)?;
            self.buffer.truncate(read);
            self.at = self.at.saturating_add(read as u64);
            self.used = 0;
        }
        Ok(self.buffer.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, length: usize) {
        self.used = self.used.saturating_add(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_part_ends_where_it_ends() {
        let whole: &[u8] = b"0123456789";
        let part = Part::new(&whole, 2, 5);
        assert_eq!(read_vec(&part, 0, 100).unwrap(), b"23456");
        assert_eq!(read_vec(&part, 4, 100).unwrap(), b"6");
        assert_eq!(read_vec(&part, 5, 100).unwrap(), b"");
        assert_eq!(read_vec(&part, u64::MAX, 100).unwrap(), b"");
        assert_eq!(Part::new(&whole, 8, u64::MAX).size(), 2);
        assert_eq!(Part::new(&whole, 80, 1).size(), 0);
    }

    #[test]
    fn a_reader_gives_everything_once() {
        let bytes: Vec<u8> = (0..CHUNK_BYTES * 2 + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let mut all = Vec::new();
        Reader::new(&bytes.as_slice()).read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes);
    }
}
