//! HL7 v2: the fields say whom they tell of, free text goes to the rules, encapsulated data is opened.

use lazaret_core::inspection::Why;
use lazaret_formats::hl7::{File, Leaf, Message, PartKind};
use lazaret_formats::role::{self, Role};

use crate::content::{Content, ReadFault, whole};
use crate::inspect::{Member, Walk};
use crate::report::Letter;

use super::people::{Class, Level, Span, Sure};
use super::text::{Line, Voice, look};
use super::tree::{decode, embedded, encoded};

/// Bytes of a file of messages that are read; a batch is parsed as a whole.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Looks through every message. Says why part of it was not seen.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn look_at_messages(
    walk: &mut Walk<'_>,
    member: &Member,
    content: &dyn Content,
) -> Result<Option<Why>, ReadFault> {
    if content.size() > FILE_BYTES_MAX {
        return Ok(Some(Why::Memory));
    }
    let bytes = whole(content)?;
    let Ok(file) = File::parse(&bytes) else { return Ok(Some(Why::Malformed)) };
    let mut unseen = None;
    for message in file.messages() {
        if walk.budget.time().is_err() {
            return Err(ReadFault::Spent);
        }
        if message.charset().is_err() || message.notes().unknown_charset {
            unseen = Some(Why::Charset);
        }
        look_at_message(walk, member, &message);
    }
    // What stands between messages belongs to none of them; it is read as the text that it is.
    let people = &mut walk.people;
    for (_, range) in file.parts().filter(|(kind, _)| *kind == PartKind::Noise) {
        let noise = String::from_utf8_lossy(bytes.get(range).unwrap_or_default());
        noise.split(['\r', '\n']).for_each(|text| {
            look(&Line { label: "", text, voice: Voice::Anyone }, &mut |span| people.add(span));
        });
    }
    Ok(unseen)
}

fn look_at_message(walk: &mut Walk<'_>, member: &Member, message: &Message<'_>) {
    for leaf in message.leaves() {
        if leaf.is_delete() {
            continue;
        }
        let decoded = message.decode(&leaf);
        let value = decoded.text();
        match leaf.role() {
            Role::Identifies { .. } if value.trim().is_empty() => {}
            Role::Identifies { class, level, letter } => walk.people.add(span(class, level, letter)),
            Role::Encoded => match hexadecimal(value).or_else(|| decode(value)) {
                Some(bytes) => embedded(walk, member, &place(&leaf), bytes),
                None => free(walk, value),
            },
            // Base64 outside the field that is made for it is opened too: a gate does not rely on the sender's typing.
            Role::FreeText | Role::Other | Role::Plain => match encoded(value) {
                Some(bytes) => embedded(walk, member, &place(&leaf), bytes),
                None if leaf.role() == Role::FreeText => free(walk, value),
                None => certain(walk, value),
            },
        }
    }
}

/// Where an embedded file was, as a name.
fn place(leaf: &Leaf<'_>) -> String {
    format!("{}-{}-{}.decoded", leaf.segment, leaf.segment_index, leaf.field)
}

/// ED encodes in base64 or hexadecimal (HL7 v2.9, chapter 2A, ED.4: table 0299). What is all hexadecimal digits is that:
/// base64 of anything real uses more of its alphabet.
fn hexadecimal(value: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        value.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let pair = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    };
    if digits.is_empty() { None } else { digits.chunks(2).map(pair).collect() }
}

fn free(walk: &mut Walk<'_>, value: &str) {
    let people = &mut walk.people;
    value.split(['\r', '\n']).for_each(|text| {
        look(&Line { label: "", text, voice: Voice::Anyone }, &mut |span| people.add(span));
    });
}

/// A field that no list knows, or that is for codes: only rules that are certain by themselves.
fn certain(walk: &mut Walk<'_>, value: &str) {
    let people = &mut walk.people;
    look(&Line { label: "", text: value, voice: Voice::Anyone }, &mut |span| {
        if span.sure == Sure::Certain {
            people.add(span);
        }
    });
}

/// A field's role as a span.
pub(super) fn span(class: role::Class, level: role::Level, letter: role::Letter) -> Span {
    Span {
        letter: self::letter(letter),
        class: match class {
            role::Class::Patient => Class::Patient,
            role::Class::Related => Class::Related,
            role::Class::Staff => Class::Staff,
            role::Class::Business => Class::Business,
        },
        level: match level {
            role::Level::Direct => Level::Direct,
            role::Level::Indirect => Level::Indirect,
        },
        sure: Sure::Certain,
    }
}

fn letter(letter: role::Letter) -> Letter {
    match letter {
        role::Letter::Name => Letter::A,
        role::Letter::Geography => Letter::B,
        role::Letter::Date => Letter::C,
        role::Letter::Telephone => Letter::D,
        role::Letter::Fax => Letter::E,
        role::Letter::Email => Letter::F,
        role::Letter::SocialSecurity => Letter::G,
        role::Letter::MedicalRecord => Letter::H,
        role::Letter::HealthPlan => Letter::I,
        role::Letter::Account => Letter::J,
        role::Letter::Licence => Letter::K,
        role::Letter::Vehicle => Letter::L,
        role::Letter::Device => Letter::M,
        role::Letter::Url => Letter::N,
        role::Letter::IpAddress => Letter::O,
        role::Letter::Biometric => Letter::P,
        role::Letter::Photograph => Letter::Q,
        role::Letter::Other => Letter::R,
    }
}
