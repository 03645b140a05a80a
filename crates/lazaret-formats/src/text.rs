//! Text that remembers which bytes it came from: charsets and escapes are taken out, positions are not lost.
//!
//! Rules run over characters, findings point at bytes. [`Decoded`] keeps the two together as a few stretches in which so
//! many bytes of text stand for so many raw bytes.

use std::borrow::Cow;
use std::ops::Range;

/// A way of writing characters as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// ASCII and UTF-8.
    Utf8,
    /// ISO 8859-1.
    Latin1,
    /// ISO 8859-15.
    Latin9,
    /// Windows-1252, which many call ISO 8859-1.
    Windows1252,
    /// UTF-16, least significant byte first.
    Utf16Le,
    /// UTF-16, most significant byte first.
    Utf16Be,
}

impl Charset {
    /// The charset that a byte-order mark announces, and the mark's length (Unicode section 23.8).
    pub fn of_bom(bytes: &[u8]) -> Option<(Charset, usize)> {
        match bytes {
            [0xef, 0xbb, 0xbf, ..] => Some((Charset::Utf8, 3)),
            [0xff, 0xfe, ..] => Some((Charset::Utf16Le, 2)),
            [0xfe, 0xff, ..] => Some((Charset::Utf16Be, 2)),
            _ => None,
        }
    }

    /// Whether ASCII characters are the bytes of ASCII, so that delimiters can be found without decoding.
    pub fn holds_ascii(self) -> bool {
        !matches!(self, Charset::Utf16Le | Charset::Utf16Be)
    }
}

/// A character of a charset with one byte each.
pub(crate) fn single_byte(charset: Charset, byte: u8) -> char {
    match charset {
        Charset::Windows1252 => windows_1252(byte),
        Charset::Latin9 => latin_9(byte),
        Charset::Latin1 | Charset::Utf8 | Charset::Utf16Le | Charset::Utf16Be => char::from(byte),
    }
}

/// The characters of bytes 0x80 to 0x9F (WHATWG Encoding, index windows-1252); undefined bytes stay C1 controls.
#[rustfmt::skip]
const WINDOWS_1252_HIGH: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

fn windows_1252(byte: u8) -> char {
    let high = byte.checked_sub(0x80).and_then(|index| WINDOWS_1252_HIGH.get(usize::from(index)));
    high.copied().unwrap_or(char::from(byte))
}

/// ISO 8859-15 differs from ISO 8859-1 in eight places.
fn latin_9(byte: u8) -> char {
    match byte {
        0xa4 => '€',
        0xa6 => 'Š',
        0xa8 => 'š',
        0xb4 => 'Ž',
        0xb8 => 'ž',
        0xbc => 'Œ',
        0xbd => 'œ',
        0xbe => 'Ÿ',
        other => char::from(other),
    }
}

/// A stretch of text: each `text_unit` bytes of it come from `raw_unit` raw bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    text_at: usize,
    raw_at: usize,
    text_unit: usize,
    raw_unit: usize,
}

/// Text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    text: Cow<'a, str>,
    /// Ordered, gapless in the text; empty for an empty text.
    stretches: Vec<Stretch>,
    faithful: bool,
}

impl<'a> Decoded<'a> {
    /// Decodes bytes that begin at `raw_at` of what positions are counted in. Nothing is refused: what is no character
    /// becomes U+FFFD, and the text is no longer [faithful](Decoded::is_faithful). A byte-order mark is a character.
    pub fn new(bytes: &'a [u8], raw_at: usize, charset: Charset) -> Decoded<'a> {
        if charset == Charset::Utf8
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return Decoded::verbatim(text, raw_at);
        }
        if charset.holds_ascii() && bytes.is_ascii() {
            // ASCII is UTF-8, so this never is the empty alternative.
            return Decoded::verbatim(std::str::from_utf8(bytes).unwrap_or_default(), raw_at);
        }
        let mut builder = Builder::new(bytes.len());
        builder.push_bytes(bytes, raw_at, charset);
        builder.finish()
    }

    /// Text that stands for itself.
    pub fn verbatim(text: &'a str, raw_at: usize) -> Decoded<'a> {
        let stretch = Stretch { text_at: 0, raw_at, text_unit: 1, raw_unit: 1 };
        let stretches = if text.is_empty() { Vec::new() } else { vec![stretch] };
        Decoded { text: Cow::Borrowed(text), stretches, faithful: true }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, apart from its positions.
    pub fn into_text(self) -> Cow<'a, str> {
        self.text
    }

    /// The same, with a text of its own.
    pub fn into_owned(self) -> Decoded<'static> {
        Decoded { text: Cow::Owned(self.text.into_owned()), stretches: self.stretches, faithful: self.faithful }
    }

    /// Whether every raw byte is in the text as the character that it is.
    pub fn is_faithful(&self) -> bool {
        self.faithful
    }

    /// The raw bytes that a range of the text's bytes came from. A range that begins or ends inside a character or an
    /// escape is widened to all of it; one past the end is cut.
    pub fn raw_span(&self, range: Range<usize>) -> Range<usize> {
        let start = self.raw_start(range.start.min(self.text.len()));
        let end = self.raw_end(range.end.min(self.text.len()));
        start..end.max(start)
    }

    fn raw_start(&self, at: usize) -> usize {
        let Some(stretch) = self.stretch_at(at) else { return 0 };
        stretch.raw_at + (at - stretch.text_at) / stretch.text_unit * stretch.raw_unit
    }

    fn raw_end(&self, at: usize) -> usize {
        let Some(before) = at.checked_sub(1) else { return self.raw_start(0) };
        let Some(stretch) = self.stretch_at(before) else { return 0 };
        stretch.raw_at + (at - stretch.text_at).div_ceil(stretch.text_unit) * stretch.raw_unit
    }

    fn stretch_at(&self, at: usize) -> Option<&Stretch> {
        let after = self.stretches.partition_point(|stretch| stretch.text_at <= at);
        self.stretches.get(after.checked_sub(1)?)
    }
}

/// Puts a text together from pieces of raw bytes.
#[derive(Debug)]
pub(crate) struct Builder {
    text: String,
    stretches: Vec<Stretch>,
    /// The raw position at which the last stretch would go on.
    raw_next: usize,
    faithful: bool,
}

impl Builder {
    /// `bytes` is how many raw bytes there are at most: the text is seldom longer.
    pub(crate) fn new(bytes: usize) -> Builder {
        Builder { text: String::with_capacity(bytes), stretches: Vec::new(), raw_next: 0, faithful: true }
    }

    /// One character or more that stand for `raw_bytes` bytes together. Nothing in `text` loses its bytes to no one.
    pub(crate) fn push(&mut self, text: &str, raw_at: usize, raw_bytes: usize) {
        if text.is_empty() || raw_bytes == 0 {
            return;
        }
        self.begin(raw_at, text.len(), raw_bytes);
        self.text.push_str(text);
        self.raw_next = raw_at + raw_bytes;
    }

    /// Text that stands for itself, byte for byte.
    pub(crate) fn push_verbatim(&mut self, text: &str, raw_at: usize) {
        if text.is_empty() {
            return;
        }
        self.begin(raw_at, 1, 1);
        self.text.push_str(text);
        self.raw_next = raw_at + text.len();
    }

    /// What cannot be read.
    pub(crate) fn push_unreadable(&mut self, raw_at: usize, raw_bytes: usize) {
        self.faithful = false;
        self.push("\u{fffd}", raw_at, raw_bytes);
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8], raw_at: usize, charset: Charset) {
        match charset {
            Charset::Utf8 => self.push_utf8(bytes, raw_at),
            Charset::Latin1 | Charset::Latin9 | Charset::Windows1252 => {
                for (index, &byte) in bytes.iter().enumerate() {
                    self.push(single_byte(charset, byte).encode_utf8(&mut [0; 4]), raw_at + index, 1);
                }
            }
            Charset::Utf16Le => self.push_utf16(bytes, raw_at, u16::from_le_bytes),
            Charset::Utf16Be => self.push_utf16(bytes, raw_at, u16::from_be_bytes),
        }
    }

    fn push_utf8(&mut self, bytes: &[u8], raw_at: usize) {
        let mut at = raw_at;
        for chunk in bytes.utf8_chunks() {
            self.push_verbatim(chunk.valid(), at);
            at += chunk.valid().len();
            if !chunk.invalid().is_empty() {
                self.push_unreadable(at, chunk.invalid().len());
                at += chunk.invalid().len();
            }
        }
    }

    fn push_utf16(&mut self, bytes: &[u8], raw_at: usize, unit: fn([u8; 2]) -> u16) {
        let (pairs, odd) = bytes.as_chunks::<2>();
        let mut at = raw_at;
        for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
            let raw_bytes = decoded.as_ref().map_or(2, |c| c.len_utf16() * 2);
            match decoded {
                Ok(c) => self.push(c.encode_utf8(&mut [0; 4]), at, raw_bytes),
                Err(_) => self.push_unreadable(at, raw_bytes),
            }
            at += raw_bytes;
        }
        if !odd.is_empty() {
            self.push_unreadable(at, odd.len());
        }
    }

    /// Goes on with the last stretch where units and positions fit, else begins another.
    fn begin(&mut self, raw_at: usize, text_unit: usize, raw_unit: usize) {
        let goes_on = self
            .stretches
            .last()
            .is_some_and(|last| last.text_unit == text_unit && last.raw_unit == raw_unit && self.raw_next == raw_at);
        if !goes_on {
            self.stretches.push(Stretch { text_at: self.text.len(), raw_at, text_unit, raw_unit });
        }
    }

    pub(crate) fn finish<'a>(self) -> Decoded<'a> {
        Decoded { text: Cow::Owned(self.text), stretches: self.stretches, faithful: self.faithful }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes and checks that each character leads back to its own bytes.
    fn check(bytes: &[u8], charset: Charset, text: &str, spans: &[Range<usize>]) {
        let decoded = Decoded::new(bytes, 100, charset);
        assert_eq!(decoded.text(), text);
        let characters = text.char_indices().map(|(at, c)| decoded.raw_span(at..at + c.len_utf8()));
        let expected: Vec<Range<usize>> = spans.iter().map(|span| span.start + 100..span.end + 100).collect();
        assert_eq!(characters.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn characters_lead_back_to_their_bytes() {
        check(b"ab", Charset::Utf8, "ab", &[0..1, 1..2]);
        check("aé€".as_bytes(), Charset::Utf8, "aé€", &[0..1, 1..3, 3..6]);
        check(b"a\xe9b", Charset::Latin1, "aéb", &[0..1, 1..2, 2..3]);
        check(b"\x80\xa4", Charset::Windows1252, "€¤", &[0..1, 1..2]);
        check(b"\x80\xa4", Charset::Latin9, "\u{80}€", &[0..1, 1..2]);
        check(b"a\0\xe9\0\xac\x20\x3d\xd8\x00\xde", Charset::Utf16Le, "aé€\u{1f600}", &[0..2, 2..4, 4..6, 6..10]);
        check(b"\0a\0b", Charset::Utf16Be, "ab", &[0..2, 2..4]);
    }

    #[test]
    fn what_is_no_character_is_marked_and_keeps_its_place() {
        check(b"a\xffb", Charset::Utf8, "a\u{fffd}b", &[0..1, 1..2, 2..3]);
        check(b"a\0\x00\xd8b\0c", Charset::Utf16Le, "a\u{fffd}b\u{fffd}", &[0..2, 2..4, 4..6, 6..7]);
        assert!(!Decoded::new(b"\xff", 0, Charset::Utf8).is_faithful());
        assert!(Decoded::new(b"\xff", 0, Charset::Latin1).is_faithful());
    }

    #[test]
    fn a_span_is_widened_to_whole_characters_and_cut_at_the_end() {
        let decoded = Decoded::new(b"x\xe9y", 0, Charset::Latin1);
        assert_eq!(decoded.text().len(), 4);
        assert_eq!(decoded.raw_span(2..3), 1..2);
        assert_eq!(decoded.raw_span(0..99), 0..3);
        assert_eq!(decoded.raw_span(4..4), 3..3);
        assert_eq!(decoded.raw_span(0..0), 0..0);
        assert_eq!(Decoded::new(b"", 7, Charset::Utf8).raw_span(0..1), 0..0);
    }

    #[test]
    fn long_text_of_one_kind_takes_one_stretch() {
        let utf16: Vec<u8> = "word ".repeat(1_000).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let decoded = Decoded::new(&utf16, 0, Charset::Utf16Le);
        assert_eq!((decoded.stretches.len(), decoded.raw_span(4_995..5_000)), (1, 9_990..10_000));
    }

    #[test]
    fn a_mark_tells_the_charset() {
        assert_eq!(Charset::of_bom(b"\xef\xbb\xbfMSH"), Some((Charset::Utf8, 3)));
        assert_eq!(Charset::of_bom(b"\xff\xfeM\0"), Some((Charset::Utf16Le, 2)));
        assert_eq!(Charset::of_bom(b"\xfe\xff\0M"), Some((Charset::Utf16Be, 2)));
        assert_eq!(Charset::of_bom(b"MSH"), None);
    }
}
