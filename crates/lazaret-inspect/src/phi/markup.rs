//! XML and HTML as text: what stands between tags and in attributes, with the element's name as its label.

use std::io::Read as _;

use crate::content::{Content, ReadFault, Reader, fault_of};

/// Bytes of one stretch of text, tag or name that are kept.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// The same where no blank has come yet: a file in base64.
const ENCODED_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Bytes that an entity may have before its semicolon.
const ENTITY_BYTES_MAX: usize = 16;

/// Elements inside a sentence: text before and after them belongs together.
const INLINE: &[&str] =
    &["t", "r", "span", "b", "i", "u", "em", "strong", "a", "font", "small", "sub", "sup", "rpr", "lang"];

/// Gives each stretch of text with its label to `take`.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn each_text(content: &dyn Content, take: &mut dyn FnMut(&str, &str)) -> Result<(), ReadFault> {
    let (mut text, mut label) = (Vec::new(), String::new());
    let mut tag: Option<Vec<u8>> = None;
    for byte in Reader::new(content).bytes() {
        let byte = byte.map_err(fault_of)?;
        match (&mut tag, byte) {
            (None, b'<') => tag = Some(Vec::new()),
            (None, _) => {
                text.push(byte);
                let prose = text.len() >= PIECE_BYTES_MAX && text.contains(&b' ');
                if (prose && byte == b' ') || text.len() >= ENCODED_BYTES_MAX {
                    flush(&mut text, &label, take);
                }
            }
            (Some(open), b'>') => {
                let open = String::from_utf8_lossy(open).into_owned();
                tag = None;
                if open.starts_with(['!', '?']) {
                    // Comments, instructions and CDATA: what stands in them is text too.
                    text.push(b' ');
                    text.extend(inner(&open).bytes());
                    text.push(b' ');
                    continue;
                }
                let name = element(&open);
                if !INLINE.contains(&name.to_ascii_lowercase().as_str()) {
                    flush(&mut text, &label, take);
                    label = if open.starts_with('/') { String::new() } else { name.to_owned() };
                }
                for (attribute, value) in attributes(&open) {
                    // An attribute that says by itself what it holds is better than its element.
                    let label = if super::headers::meaning(attribute).is_some() { attribute } else { name };
                    take(label, &entities(value));
                }
            }
            (Some(open), _) if open.len() < ENCODED_BYTES_MAX => open.push(byte),
            (Some(open), _) => {
                // A tag as long as this is none, and hides nothing.
                text.append(open);
                tag = None;
            }
        }
    }
    if let Some(open) = tag {
        // A tag that never ends hides nothing.
        text.extend(open);
    }
    flush(&mut text, &label, take);
    Ok(())
}

/// What a comment, an instruction or CDATA encloses.
fn inner(open: &str) -> &str {
    let start = ["![CDATA[", "!--", "!", "?"].iter().find_map(|mark| open.strip_prefix(mark)).unwrap_or(open);
    start.trim_end_matches([']', '-', '?'])
}

/// The text of a fragment, its tags as line breaks.
pub(super) fn without_tags(fragment: &str) -> String {
    let mut lines = Vec::new();
    // A fragment in memory is always readable.
    let _ = each_text(&fragment.as_bytes(), &mut |_, text| lines.push(text.to_owned()));
    lines.join("\n")
}

/// The element's name without prefix and slash.
fn element(open: &str) -> &str {
    let name = open.trim_start_matches('/').split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default()
}

/// Attributes with their values, in quotes or without.
fn attributes(open: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = open;
    std::iter::from_fn(move || {
        let (before, after) = rest.split_once('=')?;
        let name = before.split_ascii_whitespace().next_back().unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or_default();
        let after = after.trim_start();
        let (value, later) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let quoted = after.get(1..).unwrap_or_default();
                quoted.split_once(quote).unwrap_or((quoted, ""))
            }
            _ => after.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((after, "")),
        };
        rest = later;
        Some((name, value))
    })
    .filter(|(_, value)| value.len() > 2)
}

fn flush(text: &mut Vec<u8>, label: &str, take: &mut dyn FnMut(&str, &str)) {
    let plain = String::from_utf8_lossy(text);
    let trimmed = plain.trim();
    if !trimmed.is_empty() {
        let decoded = entities(trimmed);
        // A file in base64 has line breaks that mean nothing; cut at them it would be no file any more.
        if super::tree::encoded(&decoded).is_some() {
            take(label, &decoded);
            text.clear();
            return;
        }
        decoded.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).for_each(|line| take(label, line));
    }
    text.clear();
}

/// The five named entities of XML, a blank, and characters by their numbers (XML 1.0 section 4.1).
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let end = from.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
        let character = end.and_then(|end| character(from.get(1..end)?));
        out.push(character.unwrap_or('&'));
        rest = match (character, end) {
            (Some(_), Some(end)) => from.get(end + 1..).unwrap_or_default(),
            _ => from.get(1..).unwrap_or_default(),
        };
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "amp" => Some('&'),
        "nbsp" | "#160" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
            char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_joined_over_inline_elements_and_labelled() {
        let mut all = Vec::new();
        let bytes: &[u8] = b"<w:p><w:r><w:t>Mrs Mi</w:t></w:r><w:r><w:t>a Banks</w:t></w:r></w:p><dob value='1950-03-01'/><x>A &amp; B</x>";
        each_text(&bytes, &mut |label, text| all.push(format!("{label}={text}"))).unwrap();
        assert_eq!(all, ["p=Mrs Mia Banks", "dob=1950-03-01", "x=A & B"]);
    }

    #[test]
    fn characters_by_number_and_attributes_by_name_are_read() {
        let mut all = Vec::new();
        let bytes: &[u8] =
            b"<row id=\"7\" dob=\"1950&#45;03-01\" surname=Banks c='&#x4d;ia & co'>M&#xfc;ller &bogus; &#1114112;</row>";
        each_text(&bytes, &mut |label, text| all.push(format!("{label}={text}"))).unwrap();
        assert_eq!(all, ["dob=1950-03-01", "surname=Banks", "row=Mia & co", "row=M\u{fc}ller &bogus; &#1114112;"]);
    }
}
