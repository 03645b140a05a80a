//! Cutting a stream of bytes into packets: four bytes of length, then so many bytes (draft section 3).

use super::{Malformed, PACKET_BYTES_MAX};

/// Bytes before a packet's type: its length.
pub const FRAME_HEAD_BYTES: usize = 4;
/// Consumed bytes are moved out only when there are so many of them, so that small packets cost no copying.
const COMPACT_BYTES: usize = 65_536;

/// The first packet in `buffer`, without its length, and how many bytes of the buffer it takes up.
///
/// Nothing means that more must be read first. The length is judged as soon as its four bytes are there, before anyone
/// waits for, or allocates, what it claims.
///
/// # Errors
/// A length of nothing or over [`PACKET_BYTES_MAX`]; where the next packet begins is then unknown, so the session ends.
pub fn split_frame(buffer: &[u8]) -> Result<Option<(&[u8], usize)>, Malformed> {
    let Some((head, rest)) = buffer.split_first_chunk::<FRAME_HEAD_BYTES>() else { return Ok(None) };
    let bytes = u32::from_be_bytes(*head);
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    match length {
        0 => Err(Malformed::EmptyPacket),
        length if length > PACKET_BYTES_MAX => Err(Malformed::PacketTooLong { bytes }),
        length => Ok(rest.get(..length).map(|packet| (packet, FRAME_HEAD_BYTES + length))),
    }
}

/// A buffer that grows by what has arrived and gives packets out, for callers that have none of their own.
///
/// It holds at most one unfinished packet beyond what was pushed since the last call of [`next_frame`](Frames::next_frame).
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    consumed: usize,
    /// A stream that lost its step never finds it again.
    broken: Option<Malformed>,
}

impl Frames {
    /// An empty buffer.
    pub fn new() -> Frames {
        Frames::default()
    }

    /// Takes in what was read from the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.consumed == self.buffer.len() || self.consumed >= COMPACT_BYTES {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet, without its length; nothing until more is pushed.
    ///
    /// # Errors
    /// As [`split_frame`]; the same error again from then on.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Malformed> {
        if let Some(why) = self.broken {
            return Err(why);
        }
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        match split_frame(rest) {
            Ok(Some((packet, bytes))) => {
                self.consumed += bytes;
                Ok(Some(packet))
            }
            Ok(None) => Ok(None),
            Err(why) => {
                self.broken = Some(why);
                Err(why)
            }
        }
    }

    /// Bytes that wait for the rest of their packet.
    pub fn waiting_bytes(&self) -> usize {
        self.buffer.len() - self.consumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_cut_wherever_reads_ended() {
        let mut stream = Vec::new();
        for length in [1_usize, 5, 300, 70_000] {
            stream.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
            stream.extend(std::iter::repeat_n(7, length));
        }
        for step in [1, 3, 4, 5, 1_000, 65_535, stream.len()] {
            let (mut frames, mut lengths) = (Frames::new(), Vec::new());
            for piece in stream.chunks(step) {
                frames.push(piece);
                while let Some(packet) = frames.next_frame().unwrap() {
                    assert!(packet.iter().all(|&byte| byte == 7));
                    lengths.push(packet.len());
                }
            }
            assert_eq!((lengths, frames.waiting_bytes()), (vec![1, 5, 300, 70_000], 0), "step {step}");
        }
    }

    #[test]
    fn a_length_is_judged_before_its_bytes_arrive() {
        let refused = |length: u32| split_frame(&length.to_be_bytes()).map(|packet| packet.is_some());
        assert_eq!(refused(0), Err(Malformed::EmptyPacket));
        assert_eq!(refused(262_144), Ok(false));
        assert_eq!(refused(262_145), Err(Malformed::PacketTooLong { bytes: 262_145 }));
        assert_eq!(refused(u32::MAX), Err(Malformed::PacketTooLong { bytes: u32::MAX }));
        assert_eq!(split_frame(&[0xff, 0xff, 0xff]), Ok(None));
    }

    #[test]
    fn a_broken_stream_stays_broken() {
        let mut frames = Frames::new();
        frames.push(&[0, 0, 0, 1, 7, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(frames.next_frame(), Ok(Some([7].as_slice())));
        assert!(frames.next_frame().is_err());
        frames.push(&[0, 0, 0, 1, 7]);
        assert!(frames.next_frame().is_err());
    }
}
