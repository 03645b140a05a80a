//! Asking for bytes by their place. Archives of any size are read by their directories; nothing is held but what is
//! looked at.

use std::fmt;

/// Something whose bytes can be asked for in any order.
pub trait ReadAt {
    /// Its length in bytes.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset` on and says how many bytes it wrote: fewer than there is room for, or none, at the end
    /// only, or where the source gives less at once.
    ///
    /// # Errors
    /// The source failed; it knows why.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Unreadable>;
}

/// The source of an archive's bytes failed. That says nothing about the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes cannot be read")
    }
}

impl std::error::Error for Unreadable {}

/// Why an archive was not read: its source failed, or its bytes are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure<M> {
    /// The source failed.
    Unreadable,
    /// The archive is malformed.
    Malformed(M),
}

impl<M> From<Unreadable> for Failure<M> {
    fn from(_: Unreadable) -> Failure<M> {
        Failure::Unreadable
    }
}

impl<M: fmt::Display> fmt::Display for Failure<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreadable => Unreadable.fmt(f),
            Failure::Malformed(why) => why.fmt(f),
        }
    }
}

impl<M: fmt::Debug + fmt::Display> std::error::Error for Failure<M> {}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Unreadable> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buf.len());
        let pairs = buf.iter_mut().zip(rest);
        pairs.for_each(|(to, from)| *to = *from);
        Ok(count)
    }
}

impl<R: ReadAt + ?Sized> ReadAt for &R {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Unreadable> {
        (**self).read_at(offset, buf)
    }
}

/// Bytes that are asked for at once, so that records that lie side by side cost one question.
const WINDOW_BYTES: usize = 16 * 1024;

/// Remembers the last stretch that was read.
pub(super) struct Window<'r, R: ?Sized> {
    source: &'r R,
    at: u64,
    bytes: Vec<u8>,
}

impl<'r, R: ReadAt + ?Sized> Window<'r, R> {
    pub(super) fn new(source: &'r R) -> Window<'r, R> {
        Window { source, at: 0, bytes: Vec::new() }
    }

    pub(super) fn size(&self) -> u64 {
        self.source.size()
    }

    /// `length` bytes from `offset` on, or nothing if the source ends before. Callers ask for lengths that they have
    /// bounded: at most one MiB.
    pub(super) fn bytes(&mut self, offset: u64, length: usize) -> Result<Option<&[u8]>, Unreadable> {
        let end = u64::try_from(length).ok().and_then(|length| offset.checked_add(length));
        if end.is_none_or(|end| end > self.source.size()) {
            return Ok(None);
        }
        if !self.holds(offset, length) {
            self.fill(offset, length)?;
        }
        let start = usize::try_from(offset.saturating_sub(self.at)).unwrap_or(usize::MAX);
        Ok(self.bytes.get(start..).and_then(|rest| rest.get(..length)))
    }

    fn holds(&self, offset: u64, length: usize) -> bool {
        let start = offset.checked_sub(self.at).and_then(|start| usize::try_from(start).ok());
        start.and_then(|start| start.checked_add(length)).is_some_and(|end| end <= self.bytes.len())
    }

    fn fill(&mut self, offset: u64, length: usize) -> Result<(), Unreadable> {
        let left = usize::try_from(self.source.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        self.bytes.clear();
        self.bytes.resize(length.max(WINDOW_BYTES).min(left), 0);
        self.at = offset;
        let mut filled = 0;
        while let Some(room) = self.bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
            let bytes = room.len();
            let place = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            let count = self.source.read_at(place, room)?.min(bytes);
            if count == 0 {
                break;
            }
            filled += count;
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}

/// Little-endian numbers off the front of a record.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u16::from_le_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most three bytes at once.
    struct Slow<'a>(&'a [u8]);

    impl ReadAt for Slow<'_> {
        fn size(&self) -> u64 {
            self.0.size()
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Unreadable> {
            let room = buf.len().min(3);
            self.0.read_at(offset, buf.get_mut(..room).unwrap_or_default())
        }
    }

    #[test]
    fn a_window_gives_what_lies_within_the_source() {
        let content: Vec<u8> = (0..40_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        for source in [&content.as_slice() as &dyn ReadAt, &Slow(&content)] {
            let mut window = Window::new(source);
            for (offset, length) in [(0, 10), (39_990, 10), (20_000, 20_000), (5, 3), (40_000, 0)] {
                let expected = content.get(offset..offset + length);
                assert_eq!(window.bytes(u64::try_from(offset).unwrap(), length), Ok(expected));
            }
            assert_eq!(window.bytes(39_991, 10), Ok(None));
            assert_eq!(window.bytes(u64::MAX, 1), Ok(None));
        }
    }

    #[test]
    fn a_source_that_fails_is_not_a_broken_archive() {
        struct Dead;
        impl ReadAt for Dead {
            fn size(&self) -> u64 {
                100
            }
            fn read_at(&self, _: u64, _: &mut [u8]) -> Result<usize, Unreadable> {
                Err(Unreadable)
            }
        }
        assert_eq!(Window::new(&Dead).bytes(0, 4), Err(Unreadable));
    }
}
