//! XML and HTML as text: what stands between tags and in attributes, with the element's name as its label.

use std::io::Read as _;

use crate::content::{Content, ReadFault, Reader, fault_of};

/// Bytes of one stretch of text, tag or name that are kept.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// The same where no blank has come yet: a file in base64.
const ENCODED_BYTES_MAX: usize = 24 * 1024 * 1024;

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
                attributes(&open).for_each(|value| take(name, value));
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

/// Values in quotes.
fn attributes(open: &str) -> impl Iterator<Item = &str> {
    open.split(['"', '\'']).skip(1).step_by(2).filter(|value| value.len() > 2)
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

/// The five named entities of XML, and a blank.
fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&nbsp;", " "), ("&#160;", " "), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
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
}
