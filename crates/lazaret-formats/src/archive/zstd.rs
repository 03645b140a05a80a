//! Zstandard frames (RFC 8878 section 3.1), without decompressing: what stands between the frames that decompress to
//! something. A decoder passes over a *skippable frame* in silence, so nobody who reads the content sees it.

use super::beside::Beside;

const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// A skippable frame's magic number, its last four bits free (section 3.1.2).
const SKIPPABLE: u32 = 0x184d_2a50;
/// Bytes of a skippable frame that are kept.
const SKIPPABLE_BYTES_MAX: usize = 64 * 1024;
/// The longest frame header, its magic number left out (section 3.1.1.1).
const HEADER_BYTES_MAX: usize = 14;

/// Reads frames as their bytes go by.
#[derive(Debug, Default)]
pub struct Frames {
    state: State,
    /// Bytes of a header that are there so far.
    head: Vec<u8>,
    beside: Beside,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Wants a magic number.
    #[default]
    Magic,
    /// Wants the length of a skippable frame.
    SkippableLength,
    /// So many bytes of a skippable frame are left, and are kept or not.
    Skippable(u64),
    /// Wants a frame header.
    Header,
    /// Wants a block header; a checksum ends the frame or not.
    Block { checksum: bool },
    /// So many bytes of a block are left.
    Content { left: u64, last: bool, checksum: bool },
    /// So many bytes of a checksum are left.
    Checksum(u64),
    /// No frames: the decoder says so too.
    Lost,
}

impl Frames {
    /// At the beginning of a stream.
    pub fn new() -> Frames {
        Frames::default()
    }

    /// Takes the bytes that come next.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.step(rest);
        }
    }

    /// What lay in skippable frames.
    pub fn beside(&self) -> &Beside {
        &self.beside
    }

    /// What lay in skippable frames, one that breaks off included.
    pub fn into_beside(mut self) -> Beside {
        if let State::Skippable(_) = self.state {
            self.beside.push(&self.head);
        }
        self.beside
    }

    /// Takes some of the bytes, at least one, and gives back the others.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match self.state {
            State::Magic => self.collect(bytes, 4, Frames::magic),
            State::SkippableLength => self.collect(bytes, 4, |frames| {
                let length = frames.head.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
                frames.skippable(u64::from(length));
            }),
            State::Skippable(left) => {
                let (now, later) = cut(bytes, left);
                let room = SKIPPABLE_BYTES_MAX.saturating_sub(self.head.len());
                self.head.extend_from_slice(now.get(..room).unwrap_or(now));
                if now.len() > room {
                    self.beside.push_unread();
                }
                let left = left.saturating_sub(now.len() as u64);
                self.state = State::Skippable(left);
                if left == 0 {
                    let content = std::mem::take(&mut self.head);
                    self.beside.push(&content);
                    self.state = State::Magic;
                }
                later
            }
            State::Header => {
                let wanted = self.head.first().map_or(1, |descriptor| header_bytes(*descriptor));
                self.collect(bytes, wanted, Frames::header)
            }
            State::Block { checksum } => self.collect(bytes, 3, |frames| frames.block(checksum)),
            State::Content { left, last, checksum } => {
                let (now, later) = cut(bytes, left);
                self.content(left.saturating_sub(now.len() as u64), last, checksum);
                later
            }
            State::Checksum(left) => {
                let (now, later) = cut(bytes, left);
                let left = left.saturating_sub(now.len() as u64);
                self.state = if left == 0 { State::Magic } else { State::Checksum(left) };
                later
            }
            State::Lost => &[],
        }
    }

    /// Fills `head` up to `wanted` bytes, and when it is full goes on.
    fn collect<'a>(&mut self, bytes: &'a [u8], wanted: usize, full: impl FnOnce(&mut Frames)) -> &'a [u8] {
        let missing = wanted.min(HEADER_BYTES_MAX).saturating_sub(self.head.len());
        let (now, later) = bytes.split_at(missing.min(bytes.len()));
        self.head.extend_from_slice(now);
        if self.head.len() >= wanted {
            full(self);
        }
        later
    }

    fn magic(&mut self) {
        let magic = self.head.first_chunk().copied().unwrap_or_default();
        self.head.clear();
        self.state = if magic == MAGIC {
            State::Header
        } else if u32::from_le_bytes(magic) & !0xf == SKIPPABLE {
            State::SkippableLength
        } else {
            State::Lost
        };
    }

    fn skippable(&mut self, length: u64) {
        self.head.clear();
        self.state = if length == 0 { State::Magic } else { State::Skippable(length) };
    }

    /// One byte says how many follow; when they are there the blocks begin.
    fn header(&mut self) {
        let Some(descriptor) = self.head.first().copied() else { return };
        if self.head.len() >= header_bytes(descriptor) {
            self.head.clear();
            self.state = State::Block { checksum: descriptor & 4 != 0 };
        }
    }

    /// Section 3.1.1.2: last block, type, size; a run is one byte however long it gets.
    fn block(&mut self, checksum: bool) {
        let [a, b, c] = self.head.first_chunk().copied().unwrap_or_default();
        self.head.clear();
        let header = u32::from_le_bytes([a, b, c, 0]);
        let (last, size) = (header & 1 == 1, u64::from(header >> 3));
        match header >> 1 & 3 {
            0 | 2 => self.content(size, last, checksum),
            1 => self.content(1, last, checksum),
            _ => self.state = State::Lost,
        }
    }

    fn content(&mut self, left: u64, last: bool, checksum: bool) {
        self.state = match (left, last, checksum) {
            (1.., _, _) => State::Content { left, last, checksum },
            (0, false, _) => State::Block { checksum },
            (0, true, true) => State::Checksum(4),
            (0, true, false) => State::Magic,
        };
    }
}

fn cut(bytes: &[u8], left: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len()))
}

/// Section 3.1.1.1.1: the descriptor says how long window, dictionary and content size are.
fn header_bytes(descriptor: u8) -> usize {
    let single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or(0);
    let content = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    1 + usize::from(!single) + dictionary + content
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skippable(nibble: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap();
        [&[0x50 | nibble, 0x2a, 0x4d, 0x18], length.to_le_bytes().as_slice(), content].concat()
    }

    /// A frame of a raw block, a run and an empty last block.
    fn frame(descriptor: u8) -> Vec<u8> {
        let mut out = [MAGIC.as_slice(), &[descriptor]].concat();
        out.resize(4 + header_bytes(descriptor), 0);
        let block = |kind: u32, size: u32, last: u32| (size << 3 | kind << 1 | last).to_le_bytes();
        out.extend(&block(0, 5, 0)[..3]);
        out.extend(b"\x50\x2a\x4d\x18x");
        out.extend(&block(1, 1000, 0)[..3]);
        out.push(b'r');
        out.extend(&block(0, 0, 1)[..3]);
        out.extend(vec![0xcc; if descriptor & 4 != 0 { 4 } else { 0 }]);
        out
    }

    fn check(stream: &[u8], text: &[u8], cut: bool) {
        for size in [1, 2, 3, 7, stream.len().max(1)] {
            let mut frames = Frames::new();
            stream.chunks(size).for_each(|chunk| frames.push(chunk));
            let beside = frames.into_beside();
            assert_eq!((beside.text(), beside.is_cut()), (text, cut), "in pieces of {size}");
        }
    }

    #[test]
    fn skippable_frames_are_found_between_any_frames() {
        for descriptor in [0, 4, 0x20, 0x24, 0x43, 0x61, 0x82, 0xa6, 0xc7, 0xe0] {
            check(&frame(descriptor), b"", false);
            check(&[frame(descriptor), skippable(3, b"Mrs Roe"), frame(descriptor)].concat(), b"Mrs Roe\n", false);
        }
        check(
            &[skippable(0, b""), skippable(15, b"one"), frame(4), skippable(1, b"two")].concat(),
            b"one\ntwo\n",
            false,
        );
    }

    #[test]
    fn one_that_is_long_or_breaks_off_is_not_lost() {
        let long = skippable(0, &[b'x'; SKIPPABLE_BYTES_MAX + 1]);
        let kept = [&[b'x'; SKIPPABLE_BYTES_MAX][..], b"\n"].concat();
        check(&long, &kept, true);
        check(&skippable(0, b"abc and more")[..11], b"abc\n", false);
        check(b"no frames at all", b"", false);
    }
}
