//! Strings of JSON: escapes taken out, positions kept (RFC 8259 section 7).

use std::borrow::Cow;
use std::ops::Range;

use crate::text::{Builder, Decoded};

/// A string as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// What stands between the quotes: UTF-8, with escapes.
    pub raw: &'a str,
    /// Where that begins.
    pub at: usize,
}

impl<'a> Text<'a> {
    /// The string without its escapes. A half of a surrogate pair becomes U+FFFD, and the text is not faithful.
    pub fn decode(&self) -> Decoded<'a> {
        if !self.raw.contains('\\') {
            return Decoded::verbatim(self.raw, self.at);
        }
        let mut builder = Builder::new(self.raw.len());
        let (mut rest, mut at) = (self.raw, self.at);
        while let Some(start) = rest.find('\\') {
            let (before, escape) = rest.split_at(start);
            builder.push_verbatim(before, at);
            at += start;
            let (character, bytes) = unescape(escape);
            match character {
                Some(character) => builder.push(character.encode_utf8(&mut [0; 4]), at, bytes),
                None => builder.push_unreadable(at, bytes),
            }
            at += bytes;
            rest = escape.get(bytes..).unwrap_or_default();
        }
        builder.push_verbatim(rest, at);
        builder.finish()
    }

    /// The string without its escapes, where nobody asks for positions.
    pub fn to_str(&self) -> Cow<'a, str> {
        if self.raw.contains('\\') { self.decode().into_text() } else { Cow::Borrowed(self.raw) }
    }

    /// Its bytes in the document, without the quotes.
    pub fn span(&self) -> Range<usize> {
        self.at..self.at + self.raw.len()
    }
}

/// What an escape stands for and how long it is; the scanner has checked its form (section 7).
fn unescape(escape: &str) -> (Option<char>, usize) {
    let simple = match escape.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_hex(escape),
        Some(&other) => char::from(other),
        None => return (None, escape.len().max(1)),
    };
    (Some(simple), 2)
}

fn unescape_hex(escape: &str) -> (Option<char>, usize) {
    let unit = |from: usize| escape.get(from..from + 4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = unit(2) else { return (None, escape.len().min(6)) };
    let second = if escape.get(6..8) == Some("\\u") { unit(8) } else { None };
    match char::decode_utf16([first].into_iter().chain(second)).next() {
        Some(Ok(character)) => (Some(character), if character.len_utf16() == 2 { 12 } else { 6 }),
        Some(Err(_)) | None => (None, 6),
    }
}
