//! JSON from front to back (RFC 8259), as events: no tree, so a bundle of any size takes the memory of its longest string.

use std::io::BufRead;

use lazaret_core::inspection::Why;

use crate::content::{ReadFault, fault_of};

/// Arrays and objects inside each other.
const DEPTH_MAX: usize = 256;
/// Bytes of one string, decoded: an attachment in base64 of about 36 MiB.
const STRING_BYTES_MAX: usize = 48 * 1024 * 1024;

/// Takes what is read.
pub(crate) trait Sink {
    /// An object or array begins.
    fn open(&mut self, array: bool);
    /// It ends.
    fn close(&mut self);
    /// A member's name.
    fn key(&mut self, name: &str);
    /// A string.
    fn text(&mut self, value: &str);
    /// A number, `true`, `false` or `null`, as written.
    fn bare(&mut self, literal: &str);
}

/// Why the bytes are not JSON, or cannot be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotJson {
    /// Not a value, or damaged.
    Malformed,
    /// Deeper or longer than this reader follows.
    Limit(Why),
    /// Reading failed.
    Read(ReadFault),
}

/// Reads every value there is, one or more of them. Returns how many.
pub(crate) fn scan(reader: &mut impl BufRead, sink: &mut impl Sink) -> Result<u64, NotJson> {
    let mut scanner = Scanner { reader, text: Vec::new() };
    scanner.byte_order_mark()?;
    let mut values = 0;
    while scanner.peek_past_blanks()?.is_some() {
        scanner.value(sink)?;
        values += 1;
    }
    if values == 0 { Err(NotJson::Malformed) } else { Ok(values) }
}

struct Scanner<'a, R> {
    reader: &'a mut R,
    text: Vec<u8>,
}

fn unread(error: std::io::Error) -> NotJson {
    NotJson::Read(fault_of(error))
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// A value.
    Value,
    /// A value or `]`.
    FirstElement,
    /// A name or `}`.
    FirstName,
    /// A name.
    Name,
    /// A comma or the end of what is open.
    Next,
}

impl<R: BufRead> Scanner<'_, R> {
    fn peek(&mut self) -> Result<Option<u8>, NotJson> {
        self.reader.fill_buf().map(|bytes| bytes.first().copied()).map_err(unread)
    }

    fn take(&mut self) -> Result<u8, NotJson> {
        let byte = self.peek()?.ok_or(NotJson::Malformed)?;
        self.reader.consume(1);
        Ok(byte)
    }

    fn peek_past_blanks(&mut self) -> Result<Option<u8>, NotJson> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.reader.consume(1),
                other => return Ok(other),
            }
        }
    }

    /// RFC 8259 section 8.1 lets a parser ignore a byte-order mark.
    fn byte_order_mark(&mut self) -> Result<(), NotJson> {
        if self.peek()? == Some(0xef) {
            for expected in [0xef, 0xbb, 0xbf] {
                if self.take()? != expected {
                    return Err(NotJson::Malformed);
                }
            }
        }
        Ok(())
    }

    /// One whole value, its stack on the heap: depth is a limit, not a crash.
    fn value(&mut self, sink: &mut impl Sink) -> Result<(), NotJson> {
        let mut open: Vec<bool> = Vec::new();
        let mut want = Want::Value;
        loop {
            let byte = self.peek_past_blanks()?.ok_or(NotJson::Malformed)?;
            want = match (want, byte) {
                (Want::Value | Want::FirstElement, b'{' | b'[') => {
                    self.reader.consume(1);
                    let array = byte == b'[';
                    open.push(array);
                    if open.len() > DEPTH_MAX {
                        return Err(NotJson::Limit(Why::TooDeep));
                    }
                    sink.open(array);
                    if array { Want::FirstElement } else { Want::FirstName }
                }
                (Want::FirstElement, b']') | (Want::FirstName, b'}') => self.leave(&mut open, sink)?,
                (Want::Value | Want::FirstElement, _) => {
                    self.scalar(byte, sink)?;
                    Want::Next
                }
                (Want::FirstName | Want::Name, b'"') => {
                    self.name(sink)?;
                    Want::Value
                }
                (Want::Next, b',') => {
                    self.reader.consume(1);
                    if open.last() == Some(&true) { Want::Value } else { Want::Name }
                }
                (Want::Next, b']') if open.last() == Some(&true) => self.leave(&mut open, sink)?,
                (Want::Next, b'}') if open.last() == Some(&false) => self.leave(&mut open, sink)?,
                (Want::FirstName | Want::Name | Want::Next, _) => return Err(NotJson::Malformed),
            };
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    fn leave(&mut self, open: &mut Vec<bool>, sink: &mut impl Sink) -> Result<Want, NotJson> {
        self.reader.consume(1);
        open.pop();
        sink.close();
        Ok(Want::Next)
    }

    fn name(&mut self, sink: &mut impl Sink) -> Result<(), NotJson> {
        self.string()?;
        sink.key(std::str::from_utf8(&self.text).map_err(|_| NotJson::Malformed)?);
        if self.peek_past_blanks()? != Some(b':') {
            return Err(NotJson::Malformed);
        }
        self.reader.consume(1);
        Ok(())
    }

    fn scalar(&mut self, first: u8, sink: &mut impl Sink) -> Result<(), NotJson> {
        if first == b'"' {
            self.string()?;
            sink.text(std::str::from_utf8(&self.text).map_err(|_| NotJson::Malformed)?);
            return Ok(());
        }
        self.text.clear();
        while let Some(byte) = self.peek()?.filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
            self.reader.consume(1);
            self.text.push(byte);
            if self.text.len() > 4096 {
                return Err(NotJson::Malformed);
            }
        }
        let literal = std::str::from_utf8(&self.text).map_err(|_| NotJson::Malformed)?;
        if !matches!(literal, "true" | "false" | "null") && !is_number(literal) {
            return Err(NotJson::Malformed);
        }
        sink.bare(literal);
        Ok(())
    }

    /// A string, decoded into `text`.
    fn string(&mut self) -> Result<(), NotJson> {
        self.text.clear();
        self.reader.consume(1);
        loop {
            let bytes = self.reader.fill_buf().map_err(unread)?;
            if bytes.is_empty() {
                return Err(NotJson::Malformed);
            }
            let plain = bytes.iter().position(|b| matches!(b, b'"' | b'\\') || *b < 0x20).unwrap_or(bytes.len());
            self.text.extend_from_slice(bytes.get(..plain).unwrap_or_default());
            let stop = bytes.get(plain).copied();
            self.reader.consume(plain);
            if self.text.len() > STRING_BYTES_MAX {
                return Err(NotJson::Limit(Why::Memory));
            }
            match stop {
                None => {}
                Some(b'"') => {
                    self.reader.consume(1);
                    return Ok(());
                }
                Some(b'\\') => {
                    self.reader.consume(1);
                    self.escape()?;
                }
                Some(_) => return Err(NotJson::Malformed),
            }
        }
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        let decoded = match self.take()? {
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return Err(NotJson::Malformed),
        };
        self.text.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// `\uXXXX`, two of them for what lies beyond the first plane; half a pair is a replacement character.
    fn unicode(&mut self) -> Result<char, NotJson> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let next = self.reader.fill_buf().map_err(unread)?;
        if !(next.starts_with(b"\\u") || next == b"\\") {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        self.reader.consume(1);
        if self.take()? != b'u' {
            return Err(NotJson::Malformed);
        }
        let second = self.four_digits()?;
        let joined = 0x10000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff);
        let pair = (0xdc00..0xe000).contains(&second);
        Ok(char::from_u32(joined).filter(|_| pair).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Result<u32, NotJson> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.take()?).to_digit(16).ok_or(NotJson::Malformed)?;
            value = value * 16 + digit;
        }
        Ok(value)
    }
}

/// RFC 8259 section 6.
fn is_number(text: &str) -> bool {
    let rest = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = rest.split_once(['e', 'E']).map_or((rest, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|part| digits(part.strip_prefix(['+', '-']).unwrap_or(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Written(String);

    impl Sink for Written {
        fn open(&mut self, array: bool) {
            self.0.push(if array { '[' } else { '{' });
        }
        fn close(&mut self) {
            self.0.push('.');
        }
        fn key(&mut self, name: &str) {
            self.0 += &format!("{name}:");
        }
        fn text(&mut self, value: &str) {
            self.0 += &format!("<{value}>");
        }
        fn bare(&mut self, literal: &str) {
            self.0 += literal;
        }
    }

    fn check(json: &str, expected: Result<(u64, &str), NotJson>) {
        for size in [1, 3, 8192] {
            let mut sink = Written::default();
            let mut reader = std::io::BufReader::with_capacity(size, json.as_bytes());
            let values = scan(&mut reader, &mut sink);
            assert_eq!(values.map(|values| (values, sink.0.as_str())), expected, "{json} in pieces of {size}");
        }
    }

    #[test]
    fn values_are_read_as_written() {
        check(r#"{"a":[1,-2.5e+3,true,null,"x\n\u00e9"],"b":{}}"#, Ok((1, "{a:[1-2.5e+3truenull<x\né>.b:{..")));
        check("\u{feff} [] ", Ok((1, "[.")));
        check("{}\n{}\n", Ok((2, "{.{.")));
        check(r#""\ud83d\ude00 \ud800x""#, Ok((1, "<😀 \u{fffd}x>")));
    }

    #[test]
    fn damaged_values_are_refused() {
        for json in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "[01]",
            "[1.]",
            "nul",
            "\"\u{1}\"",
            "{\"a\":1,}",
            "[1 2]",
            "{1:2}",
            "]",
            "\"\\x\"",
        ] {
            let mut sink = Written::default();
            assert_eq!(scan(&mut json.as_bytes(), &mut sink), Err(NotJson::Malformed), "{json}");
        }
        let deep = "[".repeat(300);
        assert_eq!(scan(&mut deep.as_bytes(), &mut Written::default()), Err(NotJson::Limit(Why::TooDeep)));
    }
}
