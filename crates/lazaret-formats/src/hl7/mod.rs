//! HL7 version 2, any version from 2.1 on, as it really comes (HL7 v2.9 chapter 2; `inspection.md` section 9).
//!
//! Reading order: [`File`] cuts bytes into messages and what stands around them; [`Message`] has the header that a reply
//! needs and yields [`Leaf`]s, each a value with its place and its raw bytes; [`field_role`] says whom a place tells of.
//!
//! Nothing is refused that can be read in part: a reply needs MSH-10 even of a message that is broken further down.

mod delimiters;
mod escape;
mod fields;
mod leaf;
mod message;
mod table;

use std::fmt;
use std::ops::Range;

pub use delimiters::Delimiters;
pub use escape::escape;
pub use fields::{contact_letter_of, field_role};
pub use leaf::{Leaf, Leaves};
pub use message::{Header, Message, Notes, Unknown};
pub use table::{FIELDS, Field, Shape};

use crate::text::{Charset, Decoded};

/// Bytes of a file that are looked at as HL7. A message by MLLP may have 32 MiB; batches are longer.
pub const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why a file is no HL7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// More than [`FILE_BYTES_MAX`] bytes.
    TooLong,
    /// It begins with none of MSH, FHS and BHS.
    NotHl7,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::TooLong => write!(f, "an HL7 file of more than {FILE_BYTES_MAX} bytes"),
            Malformed::NotHl7 => f.write_str("no HL7: it begins with none of MSH, FHS and BHS"),
        }
    }
}

impl std::error::Error for Malformed {}

/// What a stretch of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// From an MSH to the next one, or to the batch's end.
    Message,
    /// FHS, BHS, BTS, FTS: the wrapping of batches (section 2.10.3).
    Wrapping,
    /// Anything else between them.
    Noise,
}

/// A stretch of a file, without gap or overlap to its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    kind: PartKind,
    /// In the file's text.
    range: Range<usize>,
}

/// Bytes in which delimiters are bytes.
#[derive(Debug, Clone)]
enum Source<'a> {
    /// The file itself.
    Verbatim(&'a [u8]),
    /// UTF-8 made of its UTF-16.
    Transcoded(Decoded<'static>),
}

/// A file of one message or many.
#[derive(Debug, Clone)]
pub struct File<'a> {
    source: Source<'a>,
    /// What a byte-order mark said.
    bom: Option<Charset>,
    parts: Vec<Part>,
}

/// Whether bytes begin as HL7 does: MSH, FHS or BHS and a delimiter, after a mark, MLLP's 0B or blank lines.
pub fn is_hl7(bytes: &[u8]) -> bool {
    let (charset, bom_bytes) = Charset::of_bom(bytes).unwrap_or((Charset::Utf8, 0));
    let text = bytes.get(bom_bytes..).unwrap_or_default();
    if charset.holds_ascii() {
        return begins_part(trim_start(text));
    }
    let head = text.get(..text.len().min(64)).unwrap_or_default();
    begins_part(trim_start(Decoded::new(head, 0, charset).text().as_bytes()))
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_break(byte) && byte != b' ' && byte != b'\t');
    start.and_then(|start| bytes.get(start..)).unwrap_or_default()
}

/// Ends of segments, and the two bytes that MLLP puts around a message.
fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c)
}

/// Whether a line may stand at the beginning of a file.
fn begins_part(line: &[u8]) -> bool {
    match part_kind(line) {
        Some(PartKind::Message) => true,
        Some(PartKind::Wrapping) => line.starts_with(b"FHS") || line.starts_with(b"BHS"),
        Some(PartKind::Noise) | None => false,
    }
}

/// What a line begins, if anything; a header needs a delimiter that no name and no sentence could go on with.
fn part_kind(line: &[u8]) -> Option<PartKind> {
    let (name, rest) = line.split_first_chunk::<3>()?;
    let delimited = rest.first().is_none_or(|&byte| byte.is_ascii_punctuation() || is_break(byte));
    match name {
        b"MSH" if delimited && !rest.is_empty() => Some(PartKind::Message),
        b"FHS" | b"BHS" | b"BTS" | b"FTS" if delimited => Some(PartKind::Wrapping),
        _ => None,
    }
}

impl<'a> File<'a> {
    /// Cuts a file into its parts. A part that is broken does not stop the rest.
    ///
    /// # Errors
    /// It is too long, or it has no MSH, FHS or BHS at its beginning.
    pub fn parse(bytes: &'a [u8]) -> Result<File<'a>, Malformed> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        if !is_hl7(bytes) {
            return Err(Malformed::NotHl7);
        }
        let bom = Charset::of_bom(bytes);
        let (charset, bom_bytes) = bom.unwrap_or((Charset::Utf8, 0));
        let (source, parts) = if charset.holds_ascii() {
            (Source::Verbatim(bytes), parts(bytes, bom_bytes))
        } else {
            let text = bytes.get(bom_bytes..).unwrap_or_default();
            let decoded = Decoded::new(text, bom_bytes, charset).into_owned();
            let parts = parts(decoded.text().as_bytes(), 0);
            (Source::Transcoded(decoded), parts)
        };
        Ok(File { source, bom: bom.map(|(charset, _)| charset), parts })
    }

    /// The messages, in their order.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        let of_messages = self.parts.iter().filter(|part| part.kind == PartKind::Message);
        of_messages.map(|part| Message::new(self, part.range.clone()))
    }

    /// All parts with the raw bytes that they take up in the file; together they are the file, but for its mark.
    pub fn parts(&self) -> impl Iterator<Item = (PartKind, Range<usize>)> {
        self.parts.iter().map(|part| (part.kind, self.raw(part.range.clone())))
    }

    /// What a byte-order mark said of the charset.
    pub fn bom(&self) -> Option<Charset> {
        self.bom
    }

    fn text(&self) -> &[u8] {
        match &self.source {
            Source::Verbatim(bytes) => bytes,
            Source::Transcoded(decoded) => decoded.text().as_bytes(),
        }
    }

    /// Whether the text was made of UTF-16, and is UTF-8 whatever MSH-18 says.
    fn is_transcoded(&self) -> bool {
        matches!(self.source, Source::Transcoded(_))
    }

    /// Bytes of the file that a range of the text came from.
    fn raw(&self, range: Range<usize>) -> Range<usize> {
        match &self.source {
            Source::Verbatim(_) => range,
            Source::Transcoded(decoded) => decoded.raw_span(range),
        }
    }
}

/// Parts begin at lines that begin one; what stands before the first, or after a trailer, is noise.
fn parts(bytes: &[u8], start: usize) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut open = Part { kind: PartKind::Noise, range: start..start };
    let mut at = start;
    while at < bytes.len() {
        let line_end = line_end(bytes, at);
        let line = bytes.get(at..line_end).unwrap_or_default();
        let blanks = line.len() - trim_start(line).len();
        let begins = part_kind(line.get(blanks..).unwrap_or_default());
        // A wrapping is one line: what follows it without a header of its own belongs to nothing.
        let kind =
            begins.or((open.kind == PartKind::Wrapping && !trim_start(line).is_empty()).then_some(PartKind::Noise));
        if let Some(kind) = kind {
            open.range.end = at;
            push(&mut parts, open);
            open = Part { kind, range: at..at };
        }
        at = line_end;
    }
    open.range.end = bytes.len();
    push(&mut parts, open);
    parts
}

fn push(parts: &mut Vec<Part>, part: Part) {
    if !part.range.is_empty() {
        parts.push(part);
    }
}

/// The end of the line that begins at `at`, all breaks after it included.
fn line_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let text = rest.iter().position(|&byte| is_break(byte)).unwrap_or(rest.len());
    let breaks = rest.get(text..).unwrap_or_default().iter().take_while(|&&byte| is_break(byte)).count();
    // A line that is only breaks is still a step forward.
    at + (text + breaks).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(PartKind, Range<usize>)> {
        File::parse(text.as_bytes()).unwrap().parts().collect()
    }

    #[test]
    fn hl7_is_recognised_by_its_first_segment() {
        for yes in ["MSH|^~\\&|", "\u{b}MSH|^~\\&", "\u{feff}MSH|", "\r\n FHS|", "BHS^", "MSH#"] {
            assert!(is_hl7(yes.as_bytes()), "{yes:?}");
        }
        for no in
            ["", "MS", "MSH", "MSHX", "FHSX|", "BTS|1", "PID|1", "xMSH|", "MSH is a hospital", "{\"MSH\":1}", "ISA*00*"]
        {
            assert!(!is_hl7(no.as_bytes()), "{no:?}");
        }
        let utf16: Vec<u8> = "\u{feff}MSH|^~\\&|".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(is_hl7(&utf16));
        assert_eq!(File::parse(b"PID|1").err(), Some(Malformed::NotHl7));
    }

    #[test]
    fn a_file_may_hold_batches_of_messages() {
        let text = "FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A\rPID|1\rMSH|^~\\&|B\rBTS|2\rFTS|1\r";
        let parts = kinds(text);
        let of = |kind| parts.iter().filter(|part| part.0 == kind).count();
        assert_eq!((of(PartKind::Message), of(PartKind::Wrapping), of(PartKind::Noise)), (2, 4, 0));
        assert_eq!((parts[0].1.start, parts[parts.len() - 1].1.end), (0, text.len()));
        assert!(parts.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
    }

    #[test]
    fn a_broken_message_does_not_stop_the_rest() {
        let file = File::parse(b"MSH|\rMSH|^~\\&|A\rgarbage\rMSH|^~\\&||||||||ID3\r").unwrap();
        let ids: Vec<_> = file.messages().map(|message| message.header().control_id).collect();
        assert_eq!(ids, [None, None, Some(b"ID3".as_slice())]);
    }

    #[test]
    fn what_belongs_to_no_message_is_noise() {
        let parts = kinds("MSH|^~\\&|A\rBTS|1\rPatient Jane Roe\rFTS|1\rtail");
        assert_eq!(
            parts.iter().map(|part| part.0).collect::<Vec<_>>(),
            [PartKind::Message, PartKind::Wrapping, PartKind::Noise, PartKind::Wrapping, PartKind::Noise]
        );
        assert!(kinds("MSH|a\r\u{1c}\r\u{b}MSH|b\r\u{1c}\r").iter().all(|part| part.0 == PartKind::Message));
    }

    #[test]
    fn positions_in_utf16_are_those_of_the_file() {
        let text = "\u{feff}MSH|^~\\&|Ä\rPID|||é1\r";
        let raw: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let file = File::parse(&raw).unwrap();
        let message = file.messages().next().unwrap();
        let leaf = message.leaves().find(|leaf| leaf.segment == "PID").unwrap();
        assert_eq!((leaf.field, message.decode(&leaf).text()), (3, "é1"));
        let span = message.span(&leaf);
        assert_eq!(raw[span.clone()], [0, 0xe9, 0, b'1']);
        assert_eq!(message.raw_span(&message.decode(&leaf), 2..3), span.start + 2..span.end);
    }
}
