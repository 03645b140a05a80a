//! The beginning of a WRITE, read before its data is there.

use super::extended::handle;
use super::request::offset_before;
use super::wire::Reader;
use super::{HANDLE_BYTES_MAX, Malformed, Undecodable, kind};

/// A WRITE whose data may still be arriving: what its first bytes say, so that the data goes straight to where it will lie
/// instead of waiting for the whole packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteHead<'a> {
    /// Repeated in the answer.
    pub id: u32,
    /// The handle.
    pub handle: &'a [u8],
    /// Where in the file the data belongs.
    pub offset: u64,
    /// Bytes of data.
    pub data_bytes: usize,
    /// Bytes of the packet before the data.
    pub head_bytes: usize,
}

impl<'a> WriteHead<'a> {
    /// Within so many bytes of the packet the data of every WRITE begins: type, id, handle, offset, length of the data.
    pub const BYTES_MAX: usize = 1 + 4 + 4 + HANDLE_BYTES_MAX + 8 + 4;

    /// Reads the head of a packet of `packet_bytes` from its first bytes, of which at least [`WriteHead::BYTES_MAX`] are
    /// there or all; nothing if it is no WRITE.
    ///
    /// # Errors
    /// What [`Incoming::decode`] would say of the whole packet.
    pub fn read(start: &'a [u8], packet_bytes: usize) -> Result<Option<WriteHead<'a>>, Undecodable> {
        let mut reader = Reader::new(start);
        let broken = |why| Undecodable { id: None, why };
        if reader.u8("type").map_err(broken)? != kind::WRITE {
            return Ok(None);
        }
        let id = reader.u32("request id").map_err(broken)?;
        let broken = |why| Undecodable { id: Some(id), why };
        let handle = handle(&mut reader).map_err(broken)?;
        let offset = reader.u64("offset").map_err(broken)?;
        let data_bytes = usize::try_from(reader.u32("data").map_err(broken)?).unwrap_or(usize::MAX);
        let head_bytes = start.len() - reader.rest().len();
        if data_bytes > packet_bytes.saturating_sub(head_bytes) {
            return Err(broken(Malformed::Short { field: "data" }));
        }
        let offset = offset_before(offset, data_bytes).map_err(broken)?;
        Ok(Some(WriteHead { id, handle, offset, data_bytes, head_bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Incoming, Request};
    use super::*;

    #[test]
    fn the_head_of_a_write_says_what_the_whole_packet_would() {
        let mut packet = Vec::new();
        let write = Request::Write { handle: b"h1", offset: 7, data: &[9; 300] };
        Incoming::Request { id: 5, request: write }.encode(&mut packet);
        let packet = &packet[4..];
        let head = WriteHead { id: 5, handle: b"h1", offset: 7, data_bytes: 300, head_bytes: 23 };
        assert_eq!(WriteHead::read(&packet[..WriteHead::BYTES_MAX], packet.len()), Ok(Some(head)));
        assert_eq!(&packet[head.head_bytes..], &[9; 300]);
        assert_eq!(WriteHead::read(&[kind::CLOSE, 0, 0], 3), Ok(None));
        let short = WriteHead::read(&packet[..WriteHead::BYTES_MAX], packet.len() - 1);
        assert_eq!(short, Err(Undecodable { id: Some(5), why: Malformed::Short { field: "data" } }));
        let mut past = packet.to_vec();
        past[11..19].fill(0xff);
        let past = WriteHead::read(&past, past.len());
        assert_eq!(past, Err(Undecodable { id: Some(5), why: Malformed::PastAnyEnd }));
    }
}
