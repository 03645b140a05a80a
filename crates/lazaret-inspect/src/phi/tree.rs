//! JSON of unknown schema: keys by name, other strings by the text rules with the key as context, base64 as members.

use std::io::BufRead;

use base64::Engine as _;
use lazaret_core::inspection::Why;

use crate::content::{Content, Reader};
use crate::inspect::{Member, Walk};
use crate::json::{NotJson, Sink, scan};

use super::headers::{Meaning, meaning};
use super::messages::messages_within;
use super::resources::look_at_resources_within;
use super::text::{Line, Voice, look};

/// A string shorter than this is a word or an identifier, never an embedded file.
const ENCODED_BYTES_MIN: usize = 44;

/// Reads every value.
pub(super) fn look_at_json(
    walk: &mut Walk<'_>,
    member: &Member,
    content: &dyn Content,
    voice: Voice,
) -> Result<Option<Why>, NotJson> {
    // Whether the document speaks of persons is known when it was read once: then `name` is a person's name.
    let mut persons = Persons::default();
    scan(&mut reader(content), &mut persons)?;
    let named = persons.found && voice != Voice::Business;
    let mut leaves = Leaves { walk, member, voice, persons: named, keys: vec![String::new()] };
    let values = scan(&mut reader(content), &mut leaves)?;
    match (persons.resources, values) {
        (false, _) => Ok(None),
        (true, 1) => look_at_resources_within(walk, member, content).map_err(NotJson::Read),
        // Several documents of which none is a resource, and some have one within.
        (true, _) => Ok(Some(Why::FormatUnsupported)),
    }
}

fn reader(content: &dyn Content) -> impl BufRead {
    Reader::new(content)
}

#[derive(Default)]
struct Persons {
    /// A key that is about persons.
    found: bool,
    /// A key that only resources of FHIR have.
    resources: bool,
}

impl Sink for Persons {
    fn open(&mut self, _: bool) {}
    fn close(&mut self) {}
    fn key(&mut self, name: &str) {
        self.found = self.found || matches!(meaning(name), Some(Meaning::Person(..)));
        self.resources = self.resources || name == "resourceType";
    }
    fn text(&mut self, _: &str) {}
    fn bare(&mut self, _: &str) {}
}

struct Leaves<'a, 'j, 'm> {
    walk: &'a mut Walk<'j>,
    member: &'m Member,
    voice: Voice,
    persons: bool,
    /// The key that each open object or array stands under.
    keys: Vec<String>,
}

impl Leaves<'_, '_, '_> {
    fn label(&self) -> &str {
        self.keys.iter().rev().find(|key| !key.is_empty()).map_or("", String::as_str)
    }

    fn value(&mut self, value: &str) {
        let label = self.label().to_owned();
        // Authors and suppliers have names and addresses; none has a date of birth or a record number.
        let person = |meaning: &Meaning| self.voice != Voice::Business || matches!(meaning, Meaning::Person(..));
        let known = meaning(&label).filter(person);
        match known.and_then(|meaning| meaning.span(self.persons)) {
            Some(span) if !value.trim().is_empty() && value != "null" => self.walk.people.add(span),
            _ => {
                let spaced = label.replace(['_', '-', '.'], " ");
                let people = &mut self.walk.people;
                value.lines().for_each(|text| {
                    look(&Line { label: &spaced, text, voice: self.voice }, &mut |span| people.add(span));
                });
            }
        }
    }
}

impl Sink for Leaves<'_, '_, '_> {
    fn open(&mut self, _: bool) {
        self.keys.push(String::new());
    }

    fn close(&mut self) {
        self.keys.pop();
    }

    fn key(&mut self, name: &str) {
        if let Some(last) = self.keys.last_mut() {
            last.clear();
            last.push_str(name);
        }
        // Some write data as keys; a short one is only a word.
        if name.len() > 7 {
            let people = &mut self.walk.people;
            look(&Line { label: "", text: name, voice: self.voice }, &mut |span| people.add(span));
        }
    }

    fn text(&mut self, value: &str) {
        match encoded(value) {
            Some(bytes) => {
                let name = format!("{}.decoded", self.label());
                self.walk.found_inside(self.member, &name, bytes);
            }
            None => self.value(value),
        }
    }

    fn bare(&mut self, literal: &str) {
        if !matches!(literal, "true" | "false" | "null") {
            self.value(literal);
        }
    }
}

/// The file in a string: a text with messages in it or a document as it is written, or base64 of something that has a form: a known magic
/// number, or text. Digests and keys in base64 have none.
pub(super) fn encoded(value: &str) -> Option<Vec<u8>> {
    let bytes = value.as_bytes();
    if messages_within(bytes).is_some() || is_document(bytes) {
        return Some(bytes.to_vec());
    }
    let alphabet = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n');
    if bytes.len() < ENCODED_BYTES_MIN || !bytes.iter().all(alphabet) {
        return None;
    }
    let decoded = decode(value)?;
    let head = decoded.get(..decoded.len().min(512)).unwrap_or_default();
    let printable = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\t' | b'\r' | b'\n') || *b >= 0x80;
    let is_text = head.iter().all(printable) && std::str::from_utf8(&decoded).is_ok();
    (is_text || crate::kind::has_magic(&decoded)).then_some(decoded)
}

/// Whether a string is a JSON object or array with something in it.
fn is_document(bytes: &[u8]) -> bool {
    let trimmed = bytes.trim_ascii();
    let closed = matches!((trimmed.first(), trimmed.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')));
    closed && trimmed.contains(&b'"') && scan(&mut &*trimmed, &mut Persons::default()).is_ok()
}

/// Base64 in either alphabet, with or without padding and line breaks (RFC 4648 sections 4 and 5; RFC 2045 section 6.8).
pub(super) fn decode(value: &str) -> Option<Vec<u8>> {
    let unified = |b: u8| match b {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let clean: Vec<u8> = value.bytes().filter(|b| !b.is_ascii_whitespace()).map(unified).collect();
    let end = clean.iter().rposition(|b| *b != b'=').map_or(0, |at| at + 1);
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(clean.get(..end)?).ok()
}
