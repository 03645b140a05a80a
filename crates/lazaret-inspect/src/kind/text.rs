//! The first look at what has no magic number: is it text, and whose? The second look is the format's own: a JSON value to
//! its end, tags that balance, a segment that names its separators, an envelope that closes.

use std::io::{BufRead as _, Read as _};

use lazaret_core::inspection::ContentKind as Kind;
use lazaret_formats::hl7::is_hl7;

use super::{Declared, Peek, Probe, declared, json};
use crate::content::{Content, ReadFault, Reader, fault_of, read_vec};

/// Lines looked at to tell a table from prose.
const TABLE_LINES: usize = 20;
/// Bytes of a text in UTF-16 that are tried.
const HEAD_BYTES_SAMPLED: usize = 16 * 1024;

/// The kind of a text with its probe; none if it is not text.
pub(super) fn kind(peek: &Peek<'_>, declared: &Declared<'_>) -> Result<Option<(Kind, Probe)>, ReadFault> {
    let wide = is_utf16(&peek.head);
    if wide && !is_wide_text(&peek.head) || !wide && !is_text(peek.content)? {
        return Ok(None);
    }
    let start = start_of(&peek.head);
    if let Some(found) = by_start(peek, start)? {
        return Ok(Some(found));
    }
    let head = String::from_utf8_lossy(start);
    let plain = if is_record_file(&head, b':') || is_record_file(&head, b'S') {
        Kind::Firmware
    } else if is_mail(&head) {
        Kind::Email
    } else if is_table(&head, declared) {
        Kind::Csv
    } else {
        Kind::Text
    };
    Ok(Some((plain, Probe::Sound)))
}

/// Whether a script can be no more than this to look at: any text.
pub(super) const fn is_plain(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Text
            | Kind::Csv
            | Kind::Json
            | Kind::Ndjson
            | Kind::Xml
            | Kind::Hl7v2
            | Kind::Fhir
            | Kind::CycloneDx
            | Kind::Spdx
            | Kind::X12
            | Kind::Edifact
            | Kind::Signature
            | Kind::Html
            | Kind::Email
    )
}

/// The text without byte-order mark and leading blanks.
fn start_of(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

fn by_start(peek: &Peek<'_>, start: &[u8]) -> Result<Option<(Kind, Probe)>, ReadFault> {
    let lower: Vec<u8> = start.iter().take(512).map(u8::to_ascii_lowercase).collect();
    Ok(Some(if is_hl7(&peek.head) {
        (Kind::Hl7v2, Probe::Sound)
    } else if start.starts_with(b"ISA") && is_x12(start) {
        (Kind::X12, envelope(&peek.tail, b"IEA"))
    } else if start.starts_with(b"UNA") || start.starts_with(b"UNB+") {
        (Kind::Edifact, envelope(&peek.tail, b"UNZ"))
    } else if json::begins(start) {
        json::probe(peek.content)?
    } else if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") || lower.starts_with(b"<head") {
        (Kind::Html, Probe::Sound)
    } else if lower.starts_with(b"<?xml") || (lower.starts_with(b"<") && is_element(&lower)) {
        (Kind::Xml, xml(peek.content)?)
    } else if lower.starts_with(b"untrusted comment: signature") || lower.starts_with(b"-----begin pgp signature") {
        (Kind::Signature, Probe::Sound)
    } else if lower.starts_with(b"@echo off") {
        (Kind::Script, Probe::Sound)
    } else {
        return Ok(None);
    }))
}

/// UTF-16 by its byte-order mark, or because every other byte of the first is zero.
pub(crate) fn is_utf16(head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return true;
    }
    let sample = head.get(..head.len().min(1024) & !1).unwrap_or_default();
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let half = sample.len() / 2;
    half >= 8 && ((odd * 10 >= half * 9 && even == 0) || (even * 10 >= half * 9 && odd == 0))
}

/// Whether what looks like UTF-16 is characters: no half pairs, no control characters but those that texts have.
fn is_wide_text(head: &[u8]) -> bool {
    let big = head.starts_with(b"\xfe\xff") || head.first() == Some(&0);
    let unit = |pair: &[u8]| match pair {
        [a, b] if big => u16::from_be_bytes([*a, *b]),
        [a, b] => u16::from_le_bytes([*a, *b]),
        _ => u16::from(b' '),
    };
    // The sample may end inside a pair.
    let sample = head.get(..head.len().min(HEAD_BYTES_SAMPLED) & !3).unwrap_or_default();
    let sound = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1b}'..='\u{1f}');
    let mut units = sample.chunks(2).map(unit).collect::<Vec<u16>>();
    if units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) {
        units.pop();
    }
    char::decode_utf16(units).all(|c| c.is_ok_and(sound))
}

/// No control characters but those that texts have: tab, line ends, form feed, escape, and the frame bytes of MLLP.
fn is_text(content: &dyn Content) -> Result<bool, ReadFault> {
    let mut reader = Reader::new(content);
    loop {
        let bytes = reader.fill_buf().map_err(fault_of)?;
        if bytes.is_empty() {
            return Ok(true);
        }
        let control = |b: &u8| *b < 0x20 && !matches!(*b, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1b | 0x1c..=0x1f);
        if bytes.iter().any(|b| control(b) || *b == 0x7f) {
            return Ok(false);
        }
        let length = bytes.len();
        reader.consume(length);
    }
}

/// The interchange header has a fixed length of 106 (X12.5, ISA): its separator stands at the places it must.
fn is_x12(start: &[u8]) -> bool {
    let Some(separator) = start.get(3) else { return false };
    [6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103].iter().all(|at| start.get(*at) == Some(separator))
}

fn envelope(tail: &[u8], end: &[u8]) -> Probe {
    let last = tail.get(tail.len().saturating_sub(256)..).unwrap_or_default();
    if super::magic::find(last, end).is_some() { Probe::Sound } else { Probe::Fails }
}

fn is_element(lower: &[u8]) -> bool {
    lower.get(1).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'!' | b'_'))
}

/// Whether the tags balance. It reads names only; entities and document types are the caller's rule.
fn xml(content: &dyn Content) -> Result<Probe, ReadFault> {
    let mut bytes = Reader::new(content).bytes();
    let mut depth = 0_i64;
    let mut opened = false;
    while let Some(byte) = bytes.next() {
        if byte.map_err(fault_of)? != b'<' {
            continue;
        }
        let Some(tag) = tag(&mut bytes)? else { return Ok(Probe::Fails) };
        match tag {
            Tag::Open => depth = depth.saturating_add(1),
            Tag::Close => depth = depth.saturating_sub(1),
            Tag::Alone | Tag::Other => {}
        }
        opened = opened || matches!(tag, Tag::Open | Tag::Alone);
        if depth < 0 {
            return Ok(Probe::Fails);
        }
    }
    Ok(if opened && depth == 0 { Probe::Sound } else { Probe::Fails })
}

enum Tag {
    Open,
    Close,
    Alone,
    Other,
}

/// One tag up to its `>`, quotes respected; comments, CDATA and instructions up to their own ends. None at the end of
/// the bytes.
fn tag(bytes: &mut std::io::Bytes<Reader<'_>>) -> Result<Option<Tag>, ReadFault> {
    let mut next = || bytes.next().transpose().map_err(fault_of);
    let Some(first) = next()? else { return Ok(None) };
    let mut seen = vec![first];
    let (mut quote, mut brackets) = (None, 0_u32);
    loop {
        let Some(byte) = next()? else { return Ok(None) };
        let long = match seen.as_slice() {
            [b'!', b'-', b'-', ..] => Some(b"--".as_slice()),
            [b'!', b'[', b'C', ..] => Some(b"]]".as_slice()),
            [b'?', ..] => Some(b"?".as_slice()),
            _ => None,
        };
        match (long, byte, quote) {
            (Some(end), b'>', _) if seen.ends_with(end) => return Ok(Some(Tag::Other)),
            (Some(_), _, _) => {}
            (None, b'"' | b'\'', None) => quote = Some(byte),
            (None, _, Some(open)) if byte == open => quote = None,
            (None, b'[', None) => brackets += 1,
            (None, b']', None) => brackets = brackets.saturating_sub(1),
            (None, b'>', None) if brackets == 0 => break,
            (None, _, _) => {}
        }
        seen.push(byte);
        if seen.len() > 4096 {
            // Only how a tag begins and ends matters.
            seen.drain(64..4000);
        }
    }
    Ok(Some(match (first, seen.last()) {
        (b'/', _) => Tag::Close,
        (b'!', _) => Tag::Other,
        (_, Some(b'/')) => Tag::Alone,
        _ => Tag::Open,
    }))
}

/// Intel HEX (`:`) or Motorola S-records (`S`): firmware as text. Every line of the sample is a record.
fn is_record_file(head: &str, mark: u8) -> bool {
    let mut lines = head.lines().take(TABLE_LINES).filter(|line| !line.trim().is_empty()).peekable();
    let record = |line: &str| {
        let bytes = line.trim_end().as_bytes();
        bytes.first() == Some(&mark) && bytes.len() >= 10 && bytes.iter().skip(1).all(u8::is_ascii_hexdigit)
    };
    lines.peek().is_some() && lines.all(record)
}

/// Internet message headers (RFC 5322): three of the usual ones before the first empty line.
fn is_mail(head: &str) -> bool {
    const NAMES: [&str; 8] =
        ["from:", "to:", "date:", "subject:", "received:", "mime-version:", "message-id:", "return-path:"];
    let header = |line: &str| line.chars().take(13).collect::<String>().to_ascii_lowercase();
    let lines: Vec<String> = head.lines().take_while(|line| !line.is_empty()).take(60).map(header).collect();
    let first = lines.first().is_some_and(|line| NAMES.iter().any(|name| line.starts_with(name)));
    first && NAMES.iter().filter(|name| lines.iter().any(|line| line.starts_with(**name))).count() >= 3
}

/// A table: several lines with the same number, two at least, of one separator.
fn is_table(head: &str, declared: &Declared<'_>) -> bool {
    let lines: Vec<&str> = head.lines().take(TABLE_LINES).filter(|line| !line.is_empty()).collect();
    let wanted = declared::is_table(declared);
    let enough = if wanted { 1 } else { 3 };
    [',', ';', '\t', '|'].iter().any(|separator| {
        let counts: Vec<usize> = lines.iter().map(|line| fields(line, *separator)).collect();
        let first = counts.first().copied().unwrap_or(0);
        lines.len() >= enough && first >= 2 && counts.iter().take(lines.len().max(2) - 1).all(|count| *count == first)
    })
}

fn fields(line: &str, separator: char) -> usize {
    let mut quoted = false;
    let split = |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    };
    line.split(split).count()
}

/// `<!DOCTYPE` and `<!ENTITY` in an XML text: both in the first 64 KiB, where a prologue must be.
pub(super) fn doctype(head: &[u8]) -> Option<Doctype> {
    let upper: Vec<u8> = head.iter().map(u8::to_ascii_uppercase).collect();
    super::magic::find(&upper, b"<!DOCTYPE")?;
    Some(if super::magic::find(&upper, b"<!ENTITY").is_some() { Doctype::Entities } else { Doctype::Plain })
}

/// What a document type declaration holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doctype {
    /// A name, perhaps a public identifier.
    Plain,
    /// Entities of its own.
    Entities,
}

/// The name of an XML document's root element, without its prefix.
pub(crate) fn xml_root(content: &dyn Content) -> Result<String, ReadFault> {
    let head = read_vec(content, 0, 64 * 1024)?;
    let text = String::from_utf8_lossy(&head);
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let name: String =
                rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.')).collect();
            return Ok(name.rsplit(':').next().unwrap_or_default().to_owned());
        }
        let skip = if rest.starts_with("!--") { rest.find("-->") } else { rest.find('>') };
        rest = rest.get(skip.unwrap_or(rest.len())..).unwrap_or_default();
    }
    Ok(String::new())
}
