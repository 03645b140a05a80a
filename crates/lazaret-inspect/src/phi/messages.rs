//! HL7 v2: the fields say whom they tell of, free text goes to the rules, encapsulated data is opened.

use lazaret_core::inspection::Why;
use lazaret_formats::hl7::{File, Leaf, Message, PartKind, field_role};
use lazaret_formats::role::{self, Role};

use crate::content::{Content, ReadFault, whole};
use crate::inspect::{Member, Walk};
use crate::report::Letter;

use super::people::{Class, Level, Span, Sure};
use super::text::{Line, Voice, look};
use super::tree::{decode, encoded};

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
        let hidden = look_at_message(walk, member, &message);
        if hidden || message.delimiters().are_ambiguous() {
            unseen = unseen.or(Some(Why::Ambiguous));
        }
    }
    // What stands between messages, and the comments of batches, belongs to none of them: it is read as the text that it is.
    for (kind, range) in file.parts().filter(|(kind, _)| *kind != PartKind::Message) {
        let part = bytes.get(range).unwrap_or_default();
        if let Some(messages) = messages_within(part).filter(|_| kind == PartKind::Noise) {
            walk.found_inside(member, "messages", messages);
        }
        let text = String::from_utf8_lossy(part);
        text.split(['\r', '\n']).for_each(|line| {
            free(walk, line);
            line.split(['|', '^', '~', '&'])
                .filter(|piece| piece.len() < line.len())
                .for_each(|piece| free(walk, piece));
        });
    }
    Ok(unseen)
}

/// Segments whose fields name a person.
const PERSONAL: [&[u8]; 6] = [b"PID", b"NK1", b"GT1", b"IN1", b"IN2", b"MRG"];
/// Fields that such a segment has at least where it stands alone in a text.
const FIELDS_MIN: usize = 4;

/// The messages in a text that is something else: from the first header on, or from the first segment about a person.
pub(super) fn messages_within(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = bytes.windows(9).position(is_header);
    let segment = lines(bytes).find(|(_, line)| is_personal(line)).map(|(at, _)| at);
    match (header, segment) {
        (Some(at), other) if other.is_none_or(|other| at <= other) => bytes.get(at..).map(<[u8]>::to_vec),
        (_, Some(at)) => bytes.get(at..).map(|rest| [b"MSH|^~\\&|\r".as_slice(), rest].concat()),
        (_, None) => None,
    }
}

/// `MSH`, a delimiter, four others, and the first again (HL7 v2.9 section 2.14.9.2).
fn is_header(bytes: &[u8]) -> bool {
    let Some((name, [field, others @ .., last])) = bytes.split_first_chunk::<3>() else { return false };
    let apart = |byte: &u8| byte.is_ascii_punctuation() && byte != field && *byte != b'"';
    name == b"MSH" && last == field && field.is_ascii_punctuation() && others.iter().all(apart)
}

/// Lines with where they begin, blanks before them left out.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    bytes.split(|byte| matches!(byte, b'\r' | b'\n')).map(move |line| {
        let blanks = line.len() - line.trim_ascii_start().len();
        let start = at + blanks;
        at += line.len() + 1;
        (start, line.get(blanks..).unwrap_or_default())
    })
}

/// Whether a line is a segment about a person.
pub(super) fn is_personal(line: &[u8]) -> bool {
    PERSONAL.iter().any(|name| line.starts_with(name) && line.get(3) == Some(&b'|'))
        && line.iter().filter(|byte| **byte == b'|').count() > FIELDS_MIN
}

/// Whether a value has, on a line of its own, what a less strict reader than ours takes for a segment: after blanks, in
/// small letters, with another delimiter.
fn hides_segment(raw: &[u8]) -> bool {
    const WIDE: [&[u8]; 3] = [b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9"];
    let wide = |at: usize| WIDE.iter().any(|end| raw.get(..at).is_some_and(|head| head.ends_with(end)));
    let breaks = (1..raw.len()).filter(|at| {
        let before = raw.get(at - 1);
        before.is_some_and(|byte| *byte < b' ' && *byte != b'\t') || wide(*at)
    });
    breaks.into_iter().any(|at| {
        let line = raw.get(at..).unwrap_or_default().trim_ascii_start();
        let Some((name, rest)) = line.split_first_chunk::<3>() else { return false };
        let upper = name.to_ascii_uppercase();
        let personal = PERSONAL.contains(&upper.as_slice()) && rest.first().is_none_or(u8::is_ascii_punctuation);
        let named = upper.first().is_some_and(u8::is_ascii_uppercase) && upper.iter().all(u8::is_ascii_alphanumeric);
        personal || (rest.is_empty() && named)
    })
}

/// Says whether something in it may be a segment to others.
fn look_at_message(walk: &mut Walk<'_>, member: &Member, message: &Message<'_>) -> bool {
    let mut hidden = false;
    for leaf in message.leaves() {
        if leaf.is_delete() {
            continue;
        }
        hidden = hidden || hides_segment(leaf.raw);
        let decoded = message.decode(&leaf);
        let value = decoded.text();
        match leaf.role() {
            Role::Identifies { .. } if value.trim().is_empty() => {}
            Role::Identifies { class, level, letter } => walk.people.add(span(class, level, letter)),
            Role::Encoded => match hexadecimal(value).or_else(|| decode(value)) {
                Some(bytes) => walk.found_inside(member, &place(&leaf), bytes),
                None => free(walk, value),
            },
            // Base64 outside the field that is made for it is opened too: a gate does not rely on the sender's typing.
            role @ (Role::FreeText | Role::Other | Role::Plain) => match encoded(value) {
                Some(bytes) => walk.found_inside(member, &place(&leaf), bytes),
                None => told(walk, &leaf, role, value),
            },
        }
    }
    hidden
}

/// A value in a place that tells of nobody. What is no code is prose; in a field about a person it is the person's, in
/// whatever component it stands.
fn told(walk: &mut Walk<'_>, leaf: &Leaf<'_>, role: Role, value: &str) {
    let prose = value.trim().contains(' ');
    if let Role::Identifies { class, level: role::Level::Direct, letter } = field_role(leaf.segment, leaf.field, 1, 1)
        && prose
        && role == Role::Plain
    {
        walk.people.add(span(class, role::Level::Direct, letter));
    } else if prose || role == Role::FreeText {
        free(walk, value);
    } else {
        certain(walk, value);
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
