//! phi: does this identify a person, and does the manifest say so?
//!
//! Structure first: in a known format the identifying fields are certain and only free text goes to rules. Then text: rules
//! by check digit, form and context. A number alone is nothing: one in ten passes a check digit by chance.
//!
//! *Unknown* means that something relevant was not looked at: an image, a PDF, a format of health care that is not read
//! yet. Programs and firmware are looked through for identifiers in their printable runs and have no text that would
//! identify a person, so they do not make an object unknown; people named in them, in scripts and in bills of materials
//! are authors and suppliers.

use lazaret_core::inspection::{ContentKind as Kind, Inspector, Verdict, Why};

use crate::content::{Content, ReadFault};
use crate::inspect::{Member, Walk, of_fault};
use crate::json::NotJson;

mod cues;
mod headers;
mod lines;
mod markup;
mod messages;
mod people;
mod resources;
mod table;
mod text;
mod tokens;
mod trade;
mod tree;

pub(crate) use people::People;

use table::Rows;
use text::{Line, Voice};

/// A text up to this size is tried as base64, in bytes.
const ENCODED_TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Looks at a member.
pub(crate) fn look(walk: &mut Walk<'_>, member: &Member, kind: Kind, content: &dyn Content) -> (Verdict, Option<Why>) {
    let answer = match kind {
        Kind::Empty => Ok(None),
        Kind::Text | Kind::Signature => return text(walk, member, content),
        Kind::Email | Kind::Rtf | Kind::Html => prose(walk, member, kind, content),
        Kind::Csv => table(walk, member, content),
        Kind::Json | Kind::Ndjson => return json(walk, member, content, Voice::Anyone),
        Kind::CycloneDx | Kind::Spdx => return json(walk, member, content, Voice::Business),
        Kind::Xml => xml(walk, member, content),
        Kind::Script => lines(walk, content, Voice::Business),
        Kind::Elf | Kind::Pe | Kind::MachO | Kind::Firmware | Kind::Jar => runs(walk, member, content),
        // What is in them is looked at member by member.
        Kind::Zip | Kind::Gzip | Kind::Tar | Kind::OfficeOpenXml | Kind::OpenDocument | Kind::Bzip2 | Kind::Zstd => {
            Ok(None)
        }
        Kind::Png | Kind::Jpeg | Kind::Gif => Ok(Some(Why::Pixels)),
        Kind::Hl7v2 => messages::look_at_messages(walk, member, content),
        Kind::Fhir => resources::look_at_resources(walk, member, content),
        Kind::X12 | Kind::Edifact => interchange(walk, kind, content),
        Kind::Pdf | Kind::Dicom | Kind::Ole2 | Kind::SevenZip | Kind::Rar | Kind::Xz => {
            Ok(Some(Why::FormatUnsupported))
        }
        Kind::Unknown => runs(walk, member, content).map(|_| Some(Why::FormatUnknown)),
    };
    finish(walk, member, answer)
}

fn finish(walk: &mut Walk<'_>, member: &Member, answer: Result<Option<Why>, ReadFault>) -> (Verdict, Option<Why>) {
    let (verdict, why) = match answer {
        Ok(None) => return (Verdict::Clean, None),
        Ok(Some(why)) => (Verdict::NotInspected, why),
        Err(fault) => of_fault(fault),
    };
    let rule = if why == Why::Pixels {
        "phi.pixels"
    } else if why == Why::Charset {
        "phi.charset"
    } else if why == Why::FormatUnsupported {
        "phi.unsupported"
    } else {
        "phi.unread"
    };
    walk.tally.find(member, Inspector::Phi, rule, verdict, Some(why));
    (verdict, Some(why))
}

/// A name or comment that an archive gives: it can name a person as well as any text.
pub(crate) fn look_at_name(people: &mut People, name: &str) {
    let spaced = name.replace(['_', '/', '\\'], " ");
    text::look(&Line { label: "", text: &spaced, voice: Voice::Anyone }, &mut |span| people.add(span));
}

/// Bytes beside the members of an archive, as the lines that they are.
pub(crate) fn look_at_lines(people: &mut People, bytes: &[u8]) {
    // Bytes in memory are always readable.
    let mut rows = Rows::default();
    let _ = lines::each_line(&bytes, &mut |line| rows.look(line, Voice::Anyone, &mut |span| people.add(span)));
}

/// What else a text may be, where it is short enough to be tried: base64 of a file, messages, a text in UTF-16 that is read
/// again as what it then is.
fn within(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> Result<Within, ReadFault> {
    if content.size() > ENCODED_TEXT_BYTES_MAX {
        return Ok(Within::Untried);
    }
    let bytes = crate::content::whole(content)?;
    if let Some(text) = lines::narrowed(&bytes) {
        walk.found_inside(member, "decoded", text.trim_start_matches('\u{feff}').as_bytes().to_vec());
        return Ok(Within::All);
    }
    let value = std::str::from_utf8(&bytes).ok();
    if let Some(messages) = messages::messages_within(&bytes) {
        walk.found_inside(member, "messages", messages);
    } else if let Some(file) = value.and_then(|text| tree::encoded(text.trim())) {
        walk.found_inside(member, "decoded", file);
    }
    Ok(Within::Tried)
}

enum Within {
    /// All of it was looked at as something else.
    All,
    /// What was found in it was looked at; the text is still to be read.
    Tried,
    /// It is too long.
    Untried,
}

/// Prose, with what else it may be.
fn text(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> (Verdict, Option<Why>) {
    let answer = prose(walk, member, Kind::Text, content);
    finish(walk, member, answer)
}

fn table(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    match within(walk, member, content)? {
        Within::All => Ok(None),
        Within::Tried | Within::Untried => table::look_at_table(content, &mut walk.people),
    }
}

/// Text without structure. Tags and control words of mark-up are not text.
fn prose(walk: &mut Walk<'_>, member: &Member, kind: Kind, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    if matches!(within(walk, member, content)?, Within::All) {
        return Ok(None);
    }
    if kind == Kind::Html {
        return elements(walk, member, content).map(|_| None);
    }
    let why = lines(walk, content, Voice::Anyone)?;
    // Parts of a message in base64 and text behind RTF's control words are not read yet.
    Ok(if matches!(kind, Kind::Email | Kind::Rtf) { Some(Why::FormatUnsupported) } else { why })
}

/// Lines of a text, tables in it by their headers. Messages that a long text holds were not looked for: it says so if it
/// has them.
fn lines(walk: &mut Walk<'_>, content: &dyn Content, voice: Voice) -> Result<Option<Why>, ReadFault> {
    let (people, budget) = (&mut walk.people, &walk.budget);
    let (mut rows, mut spent, mut messages) = (Rows::default(), false, false);
    let long = content.size() > ENCODED_TEXT_BYTES_MAX;
    let why = lines::each_line(content, &mut |line| {
        spent = spent || budget.time().is_err();
        messages = messages || (long && messages::is_personal(line.trim_start().as_bytes()));
        if !spent {
            rows.look(line, voice, &mut |span| people.add(span));
        }
    })?;
    match (spent, messages) {
        (true, _) => Err(ReadFault::Spent),
        (false, true) => Ok(Some(Why::TooLarge)),
        (false, false) => Ok(why),
    }
}

/// Parties of trade are businesses; a health care interchange has fields that are not read yet.
fn interchange(walk: &mut Walk<'_>, kind: Kind, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    let why = lines(walk, content, Voice::Business)?;
    let trade = if kind == Kind::X12 { trade::is_x12_trade(content)? } else { trade::is_edifact_trade(content)? };
    Ok(if trade { why } else { Some(Why::FormatUnsupported) })
}

/// Programs: only what is certain by itself counts, and it is somebody's, whoever wrote the program. A table about persons
/// is no part of any program.
fn runs(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    let people = &mut walk.people;
    let mut rows = Rows::default();
    let mut messages = false;
    lines::each_printable_run(content, &mut |text| {
        messages = messages || messages::is_personal(text.as_bytes());
        rows.look(text, Voice::Business, &mut |span| {
            let class = if span.class == people::Class::Business { people::Class::Unknown } else { span.class };
            if span.sure == people::Sure::Certain {
                people.add(people::Span { class, ..span });
            }
        });
    })?;
    if !messages {
        return Ok(None);
    }
    if content.size() > ENCODED_TEXT_BYTES_MAX {
        return Ok(Some(Why::TooLarge));
    }
    let bytes = crate::content::whole(content)?;
    let parts = bytes.split(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n' | 0x0b | 0x1c));
    for messages in parts.filter_map(messages::messages_within) {
        walk.found_inside(member, "messages", messages);
    }
    Ok(None)
}

fn json(walk: &mut Walk<'_>, member: &Member, content: &dyn Content, voice: Voice) -> (Verdict, Option<Why>) {
    let answer = match tree::look_at_json(walk, member, content, voice) {
        Ok(why) => Ok(why),
        Err(NotJson::Malformed) => Ok(Some(Why::Malformed)),
        Err(NotJson::Limit(why)) => Ok(Some(why)),
        Err(NotJson::Read(fault)) => Err(fault),
    };
    finish(walk, member, answer)
}

/// XML of unknown schema is read as text with labels. Clinical documents have fields that this does not know.
fn xml(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    let root = crate::kind::xml_root(content)?;
    let clinical = elements(walk, member, content)?;
    Ok((clinical || root == "ClinicalDocument").then_some(Why::FormatUnsupported))
}

/// What stands between tags and in attributes. Says whether one of the namespaces of health care is among it.
fn elements(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> Result<bool, ReadFault> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut clinical = false;
    let people = &mut walk.people;
    markup::each_text(content, &mut |label, text| {
        clinical = clinical || text == "urn:hl7-org:v3" || text == "http://hl7.org/fhir";
        if let Some(bytes) = tree::encoded(text) {
            files.push((format!("{label}.decoded"), bytes));
            return;
        }
        match headers::meaning(label).and_then(|meaning| meaning.span(false)) {
            Some(span) => people.add(span),
            None => text::look(&Line { label, text, voice: Voice::Anyone }, &mut |span| people.add(span)),
        }
    })?;
    files.into_iter().for_each(|(name, bytes)| walk.found_inside(member, &name, bytes));
    Ok(clinical)
}

#[cfg(test)]
mod tests;
