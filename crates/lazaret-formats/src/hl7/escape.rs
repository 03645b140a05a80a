//! Escapes within values (HL7 v2.9 section 2.7): taken out when reading, put in when writing.

use super::delimiters::Delimiters;
use crate::text::{Builder, Charset, Decoded};

/// Characters that an escape may have between its delimiters. Longer ones are text with two stray delimiters.
const ESCAPE_BYTES_MAX: usize = 1_024;

/// Whether a value switches to another charset on its way, which we cannot follow.
pub(super) fn switches_charset(raw: &[u8], delimiters: &Delimiters) -> bool {
    let Some(escape) = delimiters.escape else { return false };
    let mut rest = raw;
    while let Some((_, after)) = split(rest, escape) {
        if body(after, escape).is_some_and(is_switch) {
            return true;
        }
        rest = after;
    }
    false
}

/// What stands before the next escape delimiter, and what follows it.
fn split(raw: &[u8], escape: u8) -> Option<(&[u8], &[u8])> {
    let start = raw.iter().position(|&byte| byte == escape)?;
    Some((raw.get(..start)?, raw.get(start + 1..)?))
}

/// What stands between two escape delimiters, of which the first was just passed.
fn body(after: &[u8], escape: u8) -> Option<&[u8]> {
    let length = after.iter().take(ESCAPE_BYTES_MAX + 1).position(|&byte| byte == escape)?;
    after.get(..length)
}

/// `\Cxxyy\` and `\Mxxyyzz\` (section 2.7.3).
fn is_switch(body: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.len() >= 4 && digits.iter().all(u8::is_ascii_hexdigit);
    matches!(body, [b'C' | b'M', digits @ ..] if hex(digits))
}

/// A value without its escapes. What is no escape stays as it is written.
pub(super) fn decode<'a>(raw: &'a [u8], at: usize, delimiters: &Delimiters, charset: Charset) -> Decoded<'a> {
    let escape = delimiters.escape.filter(|escape| raw.contains(escape));
    let Some(escape) = escape else { return Decoded::new(raw, at, charset) };
    let mut builder = Builder::new(raw.len());
    let (mut rest, mut at) = (raw, at);
    while let Some((before, after)) = split(rest, escape) {
        builder.push_bytes(before, at, charset);
        at += before.len();
        let found = body(after, escape);
        match found.filter(|body| push_escape(&mut builder, body, at, delimiters, charset)) {
            Some(body) => {
                at += body.len() + 2;
                rest = after.get(body.len() + 1..).unwrap_or_default();
            }
            // A delimiter that begins nothing stands for itself; the next one may begin an escape of its own.
            None => {
                builder.push_bytes(&[escape], at, charset);
                at += 1;
                rest = after;
            }
        }
    }
    builder.push_bytes(rest, at, charset);
    builder.finish()
}

/// Puts what an escape stands for; `false` if it is none.
fn push_escape(builder: &mut Builder, body: &[u8], at: usize, delimiters: &Delimiters, charset: Charset) -> bool {
    let raw_bytes = body.len() + 2;
    let mut put = |byte: Option<u8>| {
        let text = byte.map(char::from).unwrap_or_default().to_string();
        builder.push(&text, at, raw_bytes);
        true
    };
    match body {
        b"F" => put(Some(delimiters.field)),
        b"S" => put(Some(delimiters.component.unwrap_or(b'^'))),
        b"R" => put(Some(delimiters.repetition.unwrap_or(b'~'))),
        b"E" => put(delimiters.escape),
        b"T" => put(Some(delimiters.subcomponent.unwrap_or(b'&'))),
        b"P" => put(Some(delimiters.truncation.unwrap_or(b'#'))),
        // Highlighting stands for no character at all.
        b"H" | b"N" => true,
        [b'.', command @ ..] if is_command(command) => put(Some(b'\n')),
        [b'X', digits @ ..] => push_hex(builder, digits, at, raw_bytes, charset),
        body if is_switch(body) => {
            builder.push_unreadable(at, raw_bytes);
            true
        }
        _ => false,
    }
}

/// Formatting commands: `.br`, `.sp`, `.in`, `.ti`, `.sk`, `.fi`, `.nf`, `.ce`, some with a number. All part words.
fn is_command(command: &[u8]) -> bool {
    let Some((name, number)) = command.split_first_chunk::<2>() else { return false };
    let known = matches!(name, b"br" | b"sp" | b"in" | b"ti" | b"sk" | b"fi" | b"nf" | b"ce");
    known && number.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b' '))
}

/// `\Xdd..\`: bytes in the message's charset (section 2.7.5).
fn push_hex(builder: &mut Builder, digits: &[u8], at: usize, raw_bytes: usize, charset: Charset) -> bool {
    let (pairs, odd) = digits.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    let Some(bytes) = bytes.filter(|bytes| odd.is_empty() && !bytes.is_empty()) else { return false };
    let decoded = Decoded::new(&bytes, 0, charset);
    if decoded.is_faithful() {
        builder.push(decoded.text(), at, raw_bytes);
    } else {
        builder.push_unreadable(at, raw_bytes);
    }
    true
}

/// A text as it may stand in a field: delimiters and breaks escaped, so that it cannot begin a field or a segment.
pub fn escape(text: &str, delimiters: &Delimiters) -> String {
    let Some(escape) = delimiters.escape.map(char::from) else {
        // Without an escape character nothing can be escaped: what would be a delimiter becomes a space.
        return text.chars().map(|c| if needs_escape(c, delimiters).is_some() { ' ' } else { c }).collect();
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match needs_escape(c, delimiters) {
            None => out.push(c),
            Some(Escaped::Letter(letter)) => out.extend([escape, letter, escape]),
            Some(Escaped::Hex) => out.push_str(&format!("{escape}X{:02X}{escape}", u32::from(c))),
        }
    }
    out
}

enum Escaped {
    Letter(char),
    Hex,
}

fn needs_escape(c: char, delimiters: &Delimiters) -> Option<Escaped> {
    if c.is_ascii_control() {
        return Some(Escaped::Hex);
    }
    let byte = u8::try_from(c).ok().filter(u8::is_ascii)?;
    let letters = [
        (Some(delimiters.field), 'F'),
        (delimiters.component, 'S'),
        (delimiters.repetition, 'R'),
        (delimiters.escape, 'E'),
        (delimiters.subcomponent, 'T'),
        (delimiters.truncation, 'P'),
    ];
    letters.into_iter().find(|(delimiter, _)| *delimiter == Some(byte)).map(|(_, letter)| Escaped::Letter(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str) -> String {
        decode(raw.as_bytes(), 0, &Delimiters::default(), Charset::Utf8).text().to_owned()
    }

    #[test]
    fn escapes_are_taken_out() {
        assert_eq!(decoded("inc.A\\T\\E"), "inc.A&E");
        assert_eq!(decoded("\\F\\\\S\\\\T\\\\R\\\\E\\"), "|^&~\\");
        assert_eq!(decoded("a\\.br\\b\\.sp+2\\c"), "a\nb\nc");
        assert_eq!(decoded("\\H\\bold\\N\\ text"), "bold text");
        assert_eq!(decoded("\\X4A616E65\\ \\X0d0a\\x"), "Jane \r\nx");
        assert_eq!(decoded("\\XC3A9\\"), "é");
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in ["a\\b", "C:\\dir\\file", "\\", "\\\\", "\\X4\\", "\\XZZ\\", "\\.zz\\", "a\\Zlocal\\"] {
            assert_eq!(decoded(text), text, "{text}");
        }
        assert_eq!(decoded("C:\\dir\\T\\x"), "C:\\dir&x");
        let long = format!("\\X{}\\", "41".repeat(ESCAPE_BYTES_MAX));
        assert_eq!(decoded(&long), long);
        // A stray delimiter does not shield what follows it, however far away.
        let shielded = format!("\\{}\\X4A616E65\\", "x".repeat(5_000));
        assert!(decoded(&shielded).ends_with("xJane"));
        assert!(switches_charset(format!("\\{}\\M248A\\", "x".repeat(5_000)).as_bytes(), &Delimiters::default()));
    }

    #[test]
    fn positions_lead_back_to_the_escapes() {
        let value = decode(b"A\\T\\E \\X4A616E65\\ x", 10, &Delimiters::default(), Charset::Utf8);
        assert_eq!(value.text(), "A&E Jane x");
        assert_eq!(value.raw_span(0..1), 10..11);
        assert_eq!(value.raw_span(1..2), 11..14);
        assert_eq!(value.raw_span(4..8), 16..27);
        assert_eq!(value.raw_span(5..6), 16..27);
        assert_eq!(value.raw_span(9..10), 28..29);
    }

    #[test]
    fn a_switch_of_charset_is_not_called_read() {
        let delimiters = Delimiters::default();
        assert!(switches_charset(b"x\\C2842\\", &delimiters) && switches_charset(b"\\M248A1B\\", &delimiters));
        assert!(!switches_charset(b"x\\T\\ \\Cab\\ \\MORE\\", &delimiters));
        assert!(!decode(b"\\M248A\\", 0, &delimiters, Charset::Utf8).is_faithful());
    }

    #[test]
    fn what_is_written_can_begin_no_field_and_no_segment() {
        let delimiters = Delimiters::default();
        let hostile = "a|b^c~d\\e&f\rPID|1\n\u{b}\u{1c}é";
        let written = escape(hostile, &delimiters);
        assert!(!written.contains(['|', '^', '~', '&', '\r', '\n', '\u{b}', '\u{1c}']), "{written}");
        assert_eq!(decode(written.as_bytes(), 0, &delimiters, Charset::Utf8).text(), hostile);
        let without = Delimiters::read(b"|^~");
        assert_eq!(escape("a|b\rc", &without), "a b c");
    }
}
