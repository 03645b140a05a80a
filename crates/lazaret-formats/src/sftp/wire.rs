//! The data types of RFC 4251 section 5 as SFTP uses them: big-endian integers and counted byte strings.

use super::Malformed;

/// Reads fields off the front of a packet. A length is compared with what is there before anything is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.take::<1>(field).map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.take(field).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.take(field).map(u64::from_be_bytes)
    }

    /// A counted string, as the bytes it is made of.
    pub(super) fn string(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let length = self.u32(field)?;
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (string, rest) = split.ok_or(Malformed::Short { field })?;
        self.rest = rest;
        Ok(string)
    }

    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed::Short { field })?;
        self.rest = rest;
        Ok(*bytes)
    }
}

pub(super) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Lengths that we write are bounded by the packet; a longer one would be a bug of ours.
pub(super) fn length_u32(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

pub(super) fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    put_u32(out, length_u32(string.len()));
    out.extend_from_slice(string);
}

/// Writes one packet: the length is filled in when the body is there.
pub(super) fn packet(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let at = begin(out, kind);
    body(out);
    end(out, at);
}

/// Begins a packet and says where; [`end`] fills its length in.
pub(super) fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    at
}

pub(super) fn end(out: &mut [u8], at: usize) {
    let Some((head, body)) = out.get_mut(at..).and_then(|packet| packet.split_first_chunk_mut::<4>()) else { return };
    *head = length_u32(body.len()).to_be_bytes();
}
