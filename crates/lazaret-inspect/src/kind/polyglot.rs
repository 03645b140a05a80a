//! A second format that is valid where its readers accept it, and other tricks with two readings.

use lazaret_core::inspection::ContentKind as Kind;

use super::text::{Doctype, doctype, xml_root};
use super::{Peek, Rule, magic};
use crate::content::{ReadFault, read_vec};

/// Where readers of PDF look for its header, and browsers for a page.
const SNIFFED_BYTES: usize = 1024;
/// End records that are looked at, from the last one on: each can point anywhere.
const END_RECORDS_MAX: usize = 64;

/// What else it is.
pub(super) fn rules(peek: &Peek<'_>, kind: Kind) -> Result<Vec<Rule>, ReadFault> {
    let mut rules = Vec::new();
    let start = peek.head.get(..peek.head.len().min(SNIFFED_BYTES)).unwrap_or_default();
    if !is_zip(kind) && has_zip_end(peek)? {
        rules.push(Rule::bad("kind.polyglot"));
    }
    if kind != Kind::Pdf && magic::find(start, b"%PDF-").is_some() && ends_as_pdf(&peek.tail) {
        rules.push(Rule::bad("kind.polyglot"));
    }
    if kind == Kind::Dicom {
        rules.extend(preamble(start));
    }
    if is_binary(kind) && holds_page(start) {
        rules.push(Rule::bad("kind.polyglot"));
    }
    if kind == Kind::Xml {
        rules.extend(document_type(peek)?);
    }
    Ok(rules)
}

fn is_zip(kind: Kind) -> bool {
    // A tar's last member may be a ZIP: it is a member there, opened and inspected as one.
    matches!(kind, Kind::Zip | Kind::OfficeOpenXml | Kind::OpenDocument | Kind::Jar | Kind::Tar)
}

/// A ZIP end record (APPNOTE.TXT 4.3.16) whose directory stands right before it, so that readers would take the file for
/// an archive.
fn has_zip_end(peek: &Peek<'_>) -> Result<bool, ReadFault> {
    let start = peek.size.saturating_sub(peek.tail.len() as u64);
    let records = peek.tail.windows(22).enumerate().rev().filter(|(_, window)| window.starts_with(b"PK\x05\x06"));
    for (at, window) in records.take(END_RECORDS_MAX) {
        let word = |at: usize| window.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
        let (place, length) = (start.saturating_add(at as u64), u64::from(word(12)));
        let directory = read_vec(peek.content, place.saturating_sub(length), 4)?;
        if (length > 0 && directory == b"PK\x01\x02") || (length == 0 && word(8) == 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn ends_as_pdf(tail: &[u8]) -> bool {
    let last = tail.get(tail.len().saturating_sub(SNIFFED_BYTES)..).unwrap_or_default();
    magic::find(last, b"%%EOF").is_some() && magic::find(tail, b"startxref").is_some()
}

/// DICOM PS3.10 section 7.1 leaves the preamble free; TIFF there is a known dual use, programs are an attack.
fn preamble(start: &[u8]) -> Option<Rule> {
    let preamble = start.get(..128).unwrap_or_default();
    let program =
        [b"MZ".as_slice(), b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa", b"\xca\xfe\xba\xbe", b"<?php"]
            .iter()
            .any(|sign| preamble.starts_with(sign));
    if program {
        return Some(Rule::bad("kind.polyglot"));
    }
    let image = preamble.starts_with(b"II*\0") || preamble.starts_with(b"MM\0*");
    image.then(|| Rule::note("kind.dicom_tiff"))
}

/// Kinds in which the beginning of a web page has no business. Archives are not among them: a stored page is a member.
fn is_binary(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Png
            | Kind::Jpeg
            | Kind::Gif
            | Kind::Dicom
            | Kind::Elf
            | Kind::Pe
            | Kind::MachO
            | Kind::Ole2
            | Kind::Unknown
            | Kind::Firmware
    )
}

/// What browsers take for a page when they sniff (WHATWG MIME Sniffing, 7.1).
fn holds_page(start: &[u8]) -> bool {
    let lower: Vec<u8> = start.iter().map(u8::to_ascii_lowercase).collect();
    [b"<!doctype html".as_slice(), b"<html", b"<script", b"<iframe", b"<body"]
        .iter()
        .any(|tag| magic::find(&lower, tag).is_some())
}

/// Health and trade documents have no document type; one with entities of its own is an attack on any reader.
fn document_type(peek: &Peek<'_>) -> Result<Option<Rule>, ReadFault> {
    const NEVER: [&str; 12] = [
        "ClinicalDocument",
        "Bundle",
        "Patient",
        "bom",
        "EPCISDocument",
        "Invoice",
        "Order",
        "DespatchAdvice",
        "CreditNote",
        "Observation",
        "DiagnosticReport",
        "MessageHeader",
    ];
    let root = xml_root(peek.content)?;
    Ok(match doctype(&peek.head) {
        None => None,
        Some(Doctype::Entities) => Some(Rule::bad("xml.doctype")),
        Some(Doctype::Plain) if NEVER.contains(&root.as_str()) => Some(Rule::bad("xml.doctype")),
        Some(Doctype::Plain) => Some(Rule::note("xml.doctype")),
    })
}
