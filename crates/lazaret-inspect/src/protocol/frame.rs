//! Frames: 4 bytes of length, big-endian, then one message in its canonical CBOR. Nothing is allocated that a length
//! merely claims beyond the receiver's limit.

use std::io::{Read, Write};

use minicbor::{Decode, Encode};

/// Bytes before each message.
pub const HEADER_BYTES: usize = 4;

/// Bytes that are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAMessage {
    /// Longer than this side takes.
    TooLong,
    /// Not CBOR of this message, or with a missing or mistyped field.
    Malformed,
    /// It holds more than the message: an unknown field, a repeated one, or bytes after the end.
    NotCanonical,
}

impl std::fmt::Display for NotAMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NotAMessage::TooLong => "a message longer than the limit",
            NotAMessage::Malformed => "a message with a missing or mistyped field",
            NotAMessage::NotCanonical => "a message that says more than it may",
        })
    }
}

impl std::error::Error for NotAMessage {}

/// The frame of a message.
///
/// # Errors
/// The message is longer than a frame can say.
pub fn encode<T: Encode<()>>(message: &T) -> Result<Vec<u8>, NotAMessage> {
    let mut bytes = vec![0; HEADER_BYTES];
    minicbor::encode(message, &mut bytes).map_err(|_| NotAMessage::TooLong)?;
    let length = u32::try_from(bytes.len().saturating_sub(HEADER_BYTES)).map_err(|_| NotAMessage::TooLong)?;
    if let Some(header) = bytes.get_mut(..HEADER_BYTES) {
        header.copy_from_slice(&length.to_be_bytes());
    }
    Ok(bytes)
}

/// How long the message after this header is.
///
/// # Errors
/// Longer than `max`.
pub fn length(header: [u8; HEADER_BYTES], max: usize) -> Result<usize, NotAMessage> {
    match usize::try_from(u32::from_be_bytes(header)) {
        Ok(length) if length <= max => Ok(length),
        _ => Err(NotAMessage::TooLong),
    }
}

/// The message in a frame's body. Decoding takes unknown fields in its stride, so the message is written again: only the
/// one encoding that this release would write is taken.
///
/// # Errors
/// The bytes are not exactly this message.
pub fn decode<'b, T: Decode<'b, ()> + Encode<()>>(body: &'b [u8]) -> Result<T, NotAMessage> {
    let message: T = minicbor::decode(body).map_err(|_| NotAMessage::Malformed)?;
    let again = minicbor::to_vec(&message).map_err(|_| NotAMessage::Malformed)?;
    if again == body { Ok(message) } else { Err(NotAMessage::NotCanonical) }
}

/// Writes one message and flushes.
///
/// # Errors
/// As the writer's.
pub fn write<T: Encode<()>>(output: &mut impl Write, message: &T) -> std::io::Result<()> {
    output.write_all(&encode(message).map_err(std::io::Error::other)?)?;
    output.flush()
}

/// Reads one message's body; none at a clean end.
///
/// # Errors
/// As the reader's; a frame that is too long or cut off.
pub fn read(input: &mut impl Read, max: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut header = [0; HEADER_BYTES];
    let mut got = 0;
    while let Some(rest) = header.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => got += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = length(header, max).map_err(std::io::Error::other)?;
    let mut body = Vec::new();
    input.take(length as u64).read_to_end(&mut body)?;
    if body.len() == length { Ok(Some(body)) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}
