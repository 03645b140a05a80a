//! FHIR R4 in JSON: elements say whom they tell of, narrative and notes go to the rules, attachments are opened.

use lazaret_core::inspection::Why;
use lazaret_formats::fhir::{DOCUMENT_BYTES_MAX, Document, Leaf, Malformed, Step, Value, documents};
use lazaret_formats::json;
use lazaret_formats::role::Role;

use crate::content::{Content, ReadFault, whole};
use crate::inspect::{Member, Walk};

use super::headers::{Meaning, meaning};
use super::messages::span;
use super::people::{Span, Sure};
use super::text::{Line, Voice, look};
use super::tree::{decode, encoded};

/// Looks through every resource. Says why part of it was not seen.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn look_at_resources(
    walk: &mut Walk<'_>,
    member: &Member,
    content: &dyn Content,
) -> Result<Option<Why>, ReadFault> {
    if content.size() > DOCUMENT_BYTES_MAX as u64 {
        return Ok(Some(Why::Memory));
    }
    let bytes = whole(content)?;
    let mut unseen = None;
    for document in documents(&bytes) {
        if walk.budget.time().is_err() {
            return Err(ReadFault::Spent);
        }
        match document {
            Ok(document) => {
                document.keys(|key| free(walk, key, Sure::Probable));
                document.walk(|leaf| look_at_leaf(walk, member, leaf));
            }
            Err(malformed) => unseen = Some(why(malformed)),
        }
    }
    Ok(unseen)
}

/// The resources within a document that is not one itself: in a list, an envelope, a request of another protocol.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn look_at_resources_within(
    walk: &mut Walk<'_>,
    member: &Member,
    content: &dyn Content,
) -> Result<Option<Why>, ReadFault> {
    if content.size() > DOCUMENT_BYTES_MAX as u64 {
        return Ok(Some(Why::Memory));
    }
    let bytes = whole(content)?;
    match Document::around(&bytes) {
        Ok(document) => {
            document.walk(|leaf| {
                if !leaf.resource.is_empty() {
                    look_at_leaf(walk, member, leaf);
                }
            });
            Ok(None)
        }
        Err(malformed) => Ok(Some(why(malformed))),
    }
}

fn why(malformed: Malformed) -> Why {
    match malformed {
        Malformed::TooLong => Why::TooLarge,
        // Two readers may take different values of a key that is there twice.
        Malformed::RepeatedKey { .. } => Why::Ambiguous,
        Malformed::Json(json::Malformed::TooDeep { .. }) => Why::TooDeep,
        Malformed::Json(_) | Malformed::NotFhir | _ => Why::Malformed,
    }
}

fn look_at_leaf(walk: &mut Walk<'_>, member: &Member, leaf: &Leaf<'_, '_>) {
    let value = match leaf.value {
        Value::Text(text) => text.to_str(),
        Value::Number { text, .. } => text.into(),
        Value::Bool(_) => return,
    };
    if value.trim().is_empty() {
        return;
    }
    if let (Role::Other | Role::Plain | Role::FreeText, Some(span)) = (leaf.role, foreign(leaf)) {
        walk.people.add(span);
        return;
    }
    match leaf.role {
        Role::Identifies { class, level, letter } => walk.people.add(span(class, level, letter)),
        Role::Encoded => match decode(&value) {
            Some(bytes) => walk.found_inside(member, &format!("{}.decoded", leaf.path_text()), bytes),
            None => free(walk, &value, Sure::Probable),
        },
        Role::FreeText | Role::Other | Role::Plain => match encoded(&value) {
            Some(bytes) => walk.found_inside(member, &format!("{}.decoded", leaf.path_text()), bytes),
            // Codes and addresses have no blanks in them: what has is prose, whatever its place is for.
            None if leaf.role == Role::FreeText || value.trim().contains(' ') => free(walk, &value, Sure::Probable),
            None => free(walk, &value, Sure::Certain),
        },
    }
}

/// An element that FHIR does not have, and whose name says that it is about a person.
fn foreign(leaf: &Leaf<'_, '_>) -> Option<Span> {
    let key = leaf.path.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_ref()),
        Step::Index(_) => None,
    });
    match meaning(key?) {
        Some(known @ Meaning::Person(..)) => known.span(true),
        Some(Meaning::Perhaps(_) | Meaning::Event(_)) | None => None,
    }
}

/// Prose, narrative included: what its tags enclose repeats the fields and is found again; what it adds is found too.
fn free(walk: &mut Walk<'_>, value: &str, at_least: Sure) {
    let people = &mut walk.people;
    let plain = if value.contains('<') { super::markup::without_tags(value) } else { value.to_owned() };
    plain.lines().for_each(|text| {
        look(&Line { label: "", text, voice: Voice::Anyone }, &mut |span| {
            if span.sure >= at_least {
                people.add(span);
            }
        });
    });
}
