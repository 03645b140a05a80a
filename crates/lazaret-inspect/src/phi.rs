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

use text::{Line, Voice};

/// A text up to this size is tried as base64, in bytes.
const ENCODED_TEXT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Looks at a member.
pub(crate) fn look(walk: &mut Walk<'_>, member: &Member, kind: Kind, content: &dyn Content) -> (Verdict, Option<Why>) {
    let answer = match kind {
        Kind::Empty => Ok(None),
        Kind::Text | Kind::Signature => return text(walk, member, content),
        Kind::Email | Kind::Rtf | Kind::Html => prose(walk, kind, content),
        Kind::Csv => table::look_at_table(content, &mut walk.people).map(|()| None),
        Kind::Json | Kind::Ndjson => return json(walk, member, content, Voice::Anyone),
        Kind::CycloneDx | Kind::Spdx => return json(walk, member, content, Voice::Business),
        Kind::Xml => xml(walk, member, content),
        Kind::Script => lines(walk, content, Voice::Business).map(|()| None),
        Kind::Elf | Kind::Pe | Kind::MachO | Kind::Firmware | Kind::Jar => runs(walk, content).map(|()| None),
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
        Kind::Unknown => runs(walk, content).map(|()| Some(Why::FormatUnknown)),
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

/// Prose; a text that is one base64 value is the file in it.
fn text(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> (Verdict, Option<Why>) {
    let small = content.size() <= ENCODED_TEXT_BYTES_MAX;
    let whole = if small { crate::content::whole(content).ok() } else { None };
    let value = whole.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let decoded = value.and_then(|text| tree::encoded(text.trim()));
    if let Some(bytes) = decoded {
        tree::embedded(walk, member, "decoded", bytes);
    }
    let answer = prose(walk, Kind::Text, content);
    finish(walk, member, answer)
}

/// Text without structure. Tags and control words of mark-up are not text.
fn prose(walk: &mut Walk<'_>, kind: Kind, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    if kind == Kind::Html {
        let people = &mut walk.people;
        return markup::each_text(content, &mut |label, text| {
            text::look(&Line { label, text, voice: Voice::Anyone }, &mut |span| people.add(span));
        })
        .map(|()| None);
    }
    lines(walk, content, Voice::Anyone)?;
    // Parts of a message in base64 and text behind RTF's control words are not read yet.
    Ok(matches!(kind, Kind::Email | Kind::Rtf).then_some(Why::FormatUnsupported))
}

fn lines(walk: &mut Walk<'_>, content: &dyn Content, voice: Voice) -> Result<(), ReadFault> {
    let (people, budget) = (&mut walk.people, &walk.budget);
    let mut spent = false;
    lines::each_line(content, &mut |text| {
        spent = spent || budget.time().is_err();
        if !spent {
            text::look(&Line { label: "", text, voice }, &mut |span| people.add(span));
        }
    })?;
    if spent { Err(ReadFault::Spent) } else { Ok(()) }
}

/// Parties of trade are businesses; a health care interchange has fields that are not read yet.
fn interchange(walk: &mut Walk<'_>, kind: Kind, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    lines(walk, content, Voice::Business)?;
    let trade = if kind == Kind::X12 { trade::is_x12_trade(content)? } else { trade::is_edifact_trade(content)? };
    Ok((!trade).then_some(Why::FormatUnsupported))
}

/// Programs: only what is certain by itself counts, and it is somebody's, whoever wrote the program.
fn runs(walk: &mut Walk<'_>, content: &dyn Content) -> Result<(), ReadFault> {
    let people = &mut walk.people;
    lines::each_printable_run(content, &mut |text| {
        text::look(&Line { label: "", text, voice: Voice::Business }, &mut |span| {
            let class = if span.class == people::Class::Business { people::Class::Unknown } else { span.class };
            if span.sure == people::Sure::Certain {
                people.add(people::Span { class, ..span });
            }
        });
    })
}

fn json(walk: &mut Walk<'_>, member: &Member, content: &dyn Content, voice: Voice) -> (Verdict, Option<Why>) {
    let answer = match tree::look_at_json(walk, member, content, voice) {
        Ok(()) => Ok(None),
        Err(NotJson::Malformed) => Ok(Some(Why::Malformed)),
        Err(NotJson::Limit(why)) => Ok(Some(why)),
        Err(NotJson::Read(fault)) => Err(fault),
    };
    finish(walk, member, answer)
}

/// XML of unknown schema is read as text with labels. Clinical documents have fields that this does not know.
fn xml(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> Result<Option<Why>, ReadFault> {
    let root = crate::kind::xml_root(content)?;
    let head = String::from_utf8_lossy(&crate::content::read_vec(content, 0, 4096)?).into_owned();
    let clinical =
        root == "ClinicalDocument" || head.contains("urn:hl7-org:v3") || head.contains("http://hl7.org/fhir");
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let people = &mut walk.people;
    markup::each_text(content, &mut |label, text| {
        if let Some(bytes) = tree::encoded(text) {
            files.push((format!("{label}.decoded"), bytes));
            return;
        }
        match headers::meaning(label).and_then(|meaning| meaning.span(false)) {
            Some(span) => people.add(span),
            None => text::look(&Line { label, text, voice: Voice::Anyone }, &mut |span| people.add(span)),
        }
    })?;
    files.into_iter().for_each(|(name, bytes)| tree::embedded(walk, member, &name, bytes));
    Ok(clinical.then_some(Why::FormatUnsupported))
}

#[cfg(test)]
mod tests;
