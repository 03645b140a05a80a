//! Short ASCII codes: rule ids and the like, the only text-like values that a fact may carry.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// Longest code, in bytes.
pub const CODE_BYTES_MAX: usize = 48;

/// Up to 48 bytes of `[a-z0-9._:,+-]`, such as `unsigned-code`. Encoded as a CBOR byte string: facts hold no text but
/// their kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    bytes: [u8; CODE_BYTES_MAX],
    len: u8,
}

impl Code {
    /// The code, or nothing if it is empty, too long or has another byte.
    pub fn new(text: &str) -> Option<Code> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-' | b',' | b'+');
        if text.is_empty() || !text.bytes().all(allowed) {
            return None;
        }
        let mut bytes = [0; CODE_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Code { bytes, len: u8::try_from(text.len()).ok()? })
    }

    /// The code's text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<C> Encode<C> for Code {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.as_str().as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Code {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        std::str::from_utf8(d.bytes()?)
            .ok()
            .and_then(Code::new)
            .ok_or_else(|| decode::Error::message("not a code of at most 48 bytes"))
    }
}
