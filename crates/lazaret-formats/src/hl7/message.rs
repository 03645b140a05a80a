//! One message: its header as far as it can be read, its charset, and what is unusual about it.

use std::ops::Range;

use super::delimiters::Delimiters;
use super::escape;
use super::leaf::{Leaf, Leaves, Lines};
use super::{File, is_break};
use crate::text::{Charset, Decoded};

/// What a reply needs, and what routes a message: fields of MSH as raw bytes, those that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'f> {
    /// MSH-1 and MSH-2.
    pub delimiters: Delimiters,
    /// MSH-3, whole, with its components.
    pub sending_application: Option<&'f [u8]>,
    /// MSH-4.
    pub sending_facility: Option<&'f [u8]>,
    /// MSH-5.
    pub receiving_application: Option<&'f [u8]>,
    /// MSH-6.
    pub receiving_facility: Option<&'f [u8]>,
    /// MSH-9.
    pub message_type: Option<&'f [u8]>,
    /// MSH-10.
    pub control_id: Option<&'f [u8]>,
    /// MSH-11.
    pub processing_id: Option<&'f [u8]>,
    /// MSH-12.
    pub version: Option<&'f [u8]>,
    /// MSH-15.
    pub accept_acknowledgement: Option<&'f [u8]>,
    /// MSH-16.
    pub application_acknowledgement: Option<&'f [u8]>,
    /// MSH-18, all repetitions.
    pub charsets: Option<&'f [u8]>,
}

/// Charsets that a message declares and that we cannot read: what is written in them was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

/// What is unusual about a message, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// Segments that end in LF.
    pub lf_ends: usize,
    /// Segments that end in CR LF.
    pub crlf_ends: usize,
    /// Lines that begin no segment: part of the field before them.
    pub continued_lines: usize,
    /// Delimiters that are missing, doubled or letters.
    pub odd_delimiters: bool,
    /// MSH-18 or an escape names a charset that we cannot read.
    pub unknown_charset: bool,
    /// Bytes that are no characters of the charset.
    pub undecodable: bool,
}

/// A message within a file.
#[derive(Debug, Clone)]
pub struct Message<'f> {
    file: &'f File<'f>,
    /// In the file's text, blanks before MSH left out.
    range: Range<usize>,
    delimiters: Delimiters,
    charset: Result<Charset, Unknown>,
    /// Whether MSH-18 declares a charset of ISO 2022 whose two-byte characters look like delimiters.
    two_byte: bool,
}

impl<'f> Message<'f> {
    pub(super) fn new(file: &'f File<'f>, range: Range<usize>) -> Message<'f> {
        let text = file.text().get(range.clone()).unwrap_or_default();
        let blanks = text.iter().take_while(|&&byte| is_break(byte) || byte == b' ' || byte == b'\t').count();
        let range = range.start + blanks..range.end;
        let text = text.get(blanks..).unwrap_or_default();
        let delimiters = Delimiters::read(text.get(3..).unwrap_or_default());
        let mut message = Message { file, range, delimiters, charset: Ok(Charset::Utf8), two_byte: false };
        let declared = message.header().charsets;
        message.two_byte = declared.is_some_and(|names| has_two_byte_set(names, &delimiters));
        message.charset = message.find_charset(declared);
        message
    }

    /// The message's bytes as they are read: the file's own, or UTF-8 made of its UTF-16.
    pub(super) fn text(&self) -> &'f [u8] {
        self.file.text().get(self.range.clone()).unwrap_or_default()
    }

    /// The raw bytes that it takes up in the file.
    pub fn raw_range(&self) -> Range<usize> {
        self.file.raw(self.range.clone())
    }

    /// Its delimiters.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// The charset that values are in: that of a byte-order mark, else of MSH-18, else UTF-8.
    ///
    /// # Errors
    /// MSH-18 names one that we cannot read. Values are then decoded as UTF-8, and not to be called seen.
    pub fn charset(&self) -> Result<Charset, Unknown> {
        self.charset
    }

    /// Without a declaration ASCII is meant (section 2.14.9.18); what comes is UTF-8 or, from old systems, Windows-1252.
    fn find_charset(&self, declared: Option<&[u8]>) -> Result<Charset, Unknown> {
        if self.file.is_transcoded() {
            return Ok(Charset::Utf8);
        }
        if let Some(bom) = self.file.bom() {
            return Ok(bom);
        }
        let repetition = self.delimiters.repetition;
        let mut names = declared.unwrap_or_default().split(|&byte| Some(byte) == repetition).map(<[u8]>::trim_ascii);
        let first = names.next().unwrap_or_default();
        // Further repetitions are switched to by escapes; only ASCII needs no looking at.
        if names.any(|name| !name.is_empty() && charset_of(name) != Some(Charset::Utf8)) {
            return Err(Unknown);
        }
        if first.is_empty() {
            let is_utf8 = std::str::from_utf8(self.text()).is_ok();
            return Ok(if is_utf8 { Charset::Utf8 } else { Charset::Windows1252 });
        }
        charset_of(first).ok_or(Unknown)
    }

    /// The header, as far as it can be read.
    pub fn header(&self) -> Header<'f> {
        let line = self.text();
        let line = line.get(..line.iter().position(|&byte| is_break(byte)).unwrap_or(line.len())).unwrap_or_default();
        // MSH-1 is the delimiter itself: the first piece is `MSH`, the second MSH-2, and so on.
        let mut fields = line.split(|&byte| byte == self.delimiters.field).skip(2);
        let mut next = |skipped: usize| fields.nth(skipped).filter(|field| !field.is_empty());
        Header {
            delimiters: self.delimiters,
            sending_application: next(0),
            sending_facility: next(0),
            receiving_application: next(0),
            receiving_facility: next(0),
            message_type: next(2),
            control_id: next(0),
            processing_id: next(0),
            version: next(0),
            accept_acknowledgement: next(2),
            application_acknowledgement: next(0),
            charsets: next(1),
        }
    }

    /// Every value of the message that is not empty, in order, with its place.
    pub fn leaves(&self) -> Leaves<'f> {
        Leaves::new(self.text(), self.delimiters, self.two_byte)
    }

    /// A leaf's value: escapes taken out, characters decoded.
    pub fn decode(&self, leaf: &Leaf<'f>) -> Decoded<'f> {
        let at = self.range.start + leaf.at;
        escape::decode(leaf.raw, at, &self.delimiters, self.charset.unwrap_or(Charset::Utf8))
    }

    /// The raw bytes of a leaf in the file.
    pub fn span(&self, leaf: &Leaf<'_>) -> Range<usize> {
        let at = self.range.start + leaf.at;
        self.file.raw(at..at + leaf.raw.len())
    }

    /// The raw bytes in the file of a part of a leaf's value.
    pub fn raw_span(&self, decoded: &Decoded<'_>, range: Range<usize>) -> Range<usize> {
        self.file.raw(decoded.raw_span(range))
    }

    /// Looks through the whole message for what is unusual.
    pub fn notes(&self) -> Notes {
        let mut notes = Notes { odd_delimiters: self.delimiters.are_odd(), ..Notes::default() };
        notes.unknown_charset = self.charset.is_err() || self.two_byte;
        for line in Lines::new(self.text(), self.delimiters.field) {
            notes.lf_ends += usize::from(line.ends_in(b"\n"));
            notes.crlf_ends += usize::from(line.ends_in(b"\r\n"));
            notes.continued_lines += line.continued;
        }
        for leaf in self.leaves() {
            notes.unknown_charset |= escape::switches_charset(leaf.raw, &self.delimiters);
            notes.undecodable |= !leaf.raw.is_ascii() && !self.decode(&leaf).is_faithful();
        }
        notes
    }
}

/// Table 0211, as far as we can read it. ASCII is UTF-8; a tolerant reader loses nothing by that.
fn charset_of(name: &[u8]) -> Option<Charset> {
    match name.to_ascii_uppercase().as_slice() {
        b"ASCII" | b"US-ASCII" | b"ISO IR6" | b"UNICODE UTF-8" | b"UTF-8" | b"UTF8" => Some(Charset::Utf8),
        b"8859/1" | b"ISO-8859-1" | b"ISO8859-1" => Some(Charset::Latin1),
        b"8859/15" | b"ISO-8859-15" | b"ISO8859-15" => Some(Charset::Latin9),
        b"WINDOWS-1252" | b"CP1252" => Some(Charset::Windows1252),
        _ => None,
    }
}

/// The Japanese sets of two bytes: JIS X 0208 and JIS X 0212.
fn has_two_byte_set(names: &[u8], delimiters: &Delimiters) -> bool {
    let mut names = names.split(|&byte| Some(byte) == delimiters.repetition).map(<[u8]>::trim_ascii);
    names.any(|name| name.eq_ignore_ascii_case(b"ISO IR87") || name.eq_ignore_ascii_case(b"ISO IR159"))
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    const MSH: &str = "MSH|^~\\&|App^1.2^ISO|Fac|Gate|Site|20260101||ADT^A01^ADT_A01|ID1|P|2.5.1|||AL|NE||";

    fn with<T>(bytes: &[u8], look: impl FnOnce(Message<'_>) -> T) -> T {
        let file = File::parse(bytes).unwrap();
        look(file.messages().next().unwrap())
    }

    #[test]
    fn the_header_has_what_a_reply_needs() {
        with(format!("{MSH}UNICODE UTF-8\rPID|1\r").as_bytes(), |message| {
            let header = message.header();
            assert_eq!(header.sending_application, Some(b"App^1.2^ISO".as_slice()));
            assert_eq!(header.sending_facility, Some(b"Fac".as_slice()));
            assert_eq!(header.receiving_application, Some(b"Gate".as_slice()));
            assert_eq!(header.receiving_facility, Some(b"Site".as_slice()));
            assert_eq!(header.message_type, Some(b"ADT^A01^ADT_A01".as_slice()));
            assert_eq!(header.control_id, Some(b"ID1".as_slice()));
            assert_eq!((header.processing_id, header.version), (Some(b"P".as_slice()), Some(b"2.5.1".as_slice())));
            assert_eq!(header.accept_acknowledgement, Some(b"AL".as_slice()));
            assert_eq!(header.application_acknowledgement, Some(b"NE".as_slice()));
            assert_eq!(header.charsets, Some(b"UNICODE UTF-8".as_slice()));
        });
    }

    #[test]
    fn a_broken_header_yields_what_is_left_of_it() {
        with(b"MSH|^~\\&|App", |message| {
            let header = message.header();
            assert_eq!((header.sending_application, header.control_id), (Some(b"App".as_slice()), None));
        });
        with(b"MSH*", |message| assert_eq!(message.delimiters().field, b'*'));
        // nextgenhealthcare/connect 4382: an HD field of separators only; 1275: a CR inside a field.
        with(b"MSH|^~\\&|A|B|C|^^|2026||ADT^A01|ID9|P|2.5\r", |message| {
            assert_eq!(message.header().receiving_facility, Some(b"^^".as_slice()));
            assert_eq!(message.header().control_id, Some(b"ID9".as_slice()));
        });
        with(b"MSH|^~\\&|A|B|C\rD|2026||ADT^A01|ID9\r", |message| assert_eq!(message.header().control_id, None));
    }

    #[test]
    fn the_charset_is_that_of_the_mark_then_of_msh_18() {
        let charset = |text: &[u8]| with(text, |message| message.charset());
        let declared = |name: &str| charset(format!("{MSH}{name}\r").as_bytes());
        assert_eq!(declared(""), Ok(Charset::Utf8));
        assert_eq!(declared("8859/1"), Ok(Charset::Latin1));
        assert_eq!(declared("8859/15"), Ok(Charset::Latin9));
        assert_eq!(declared("unicode utf-8"), Ok(Charset::Utf8));
        assert_eq!(declared("ASCII~UNICODE UTF-8"), Ok(Charset::Utf8));
        for unknown in ["8859/7", "GB 18030-2000", "ASCII~ISO IR87", "UNICODE UTF-16", "nonsense"] {
            assert_eq!(declared(unknown), Err(Unknown), "{unknown}");
        }
        assert_eq!(charset(format!("\u{feff}{MSH}8859/7\r").as_bytes()), Ok(Charset::Utf8));
        let mut old = format!("{MSH}\rPID|||||").into_bytes();
        old.extend_from_slice(b"M\xfcller\r");
        assert_eq!(charset(&old), Ok(Charset::Windows1252));
    }

    #[test]
    fn what_is_unusual_is_counted() {
        let notes = |text: &str| with(text.as_bytes(), |message| message.notes());
        assert_eq!(notes(&format!("{MSH}\rPID|1\r")), Notes::default());
        assert_eq!(notes(&format!("{MSH}\nPID|1\nPV1|1")).lf_ends, 2);
        assert_eq!(notes(&format!("{MSH}\r\nPID|1\r\n")).crlf_ends, 2);
        assert_eq!(notes(&format!("{MSH}\rNTE|1||one\rtwo\rthree\rPID|1")).continued_lines, 2);
        assert!(notes("MSH|^~\\\rPID|1").odd_delimiters);
        assert!(notes(&format!("{MSH}8859/7\r")).unknown_charset);
        assert!(notes(&format!("{MSH}\rNTE|1||\\M248A\\\r")).unknown_charset);
        let bad = [format!("{MSH}UNICODE UTF-8\rPID|||||").as_bytes(), b"M\xfc\r"].concat();
        assert!(with(&bad, |message| message.notes()).undecodable);
    }
}
