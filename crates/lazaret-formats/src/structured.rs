//! Structured field dictionaries (RFC 9651, which replaces RFC 8941): as much of them as digest fields need.
//!
//! Values that nobody asks for are checked for their form and passed over, so that a field with an algorithm of next
//! year is still read.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Bytes of all lines of one field together.
pub const FIELD_BYTES_MAX: usize = 8_192;

/// RFC 9651 section 4.2.7: padding that is missing is no error.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A member's value, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Integer(i64),
    /// Any other: well-formed, and not looked at.
    Other,
}

/// A dictionary that is too long, or malformed from this byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotADictionary {
    TooLong,
    Syntax { at: usize },
}

/// Reads the lines of one field as one dictionary (section 4.2). Keys that come twice are given twice.
pub(crate) fn dictionary<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<(String, Value)>, NotADictionary> {
    let mut text = Vec::new();
    for line in lines {
        if text.len() + line.len() > FIELD_BYTES_MAX {
            return Err(NotADictionary::TooLong);
        }
        if !text.is_empty() {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(line);
    }
    let mut parser = Parser { rest: &text };
    parser.members().ok_or(NotADictionary::Syntax { at: text.len() - parser.rest.len() })
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn members(&mut self) -> Option<Vec<(String, Value)>> {
        let mut members = Vec::new();
        self.skip(b" ");
        while !self.rest.is_empty() {
            let key = self.key()?;
            let value = if self.eat(b'=') { self.item_or_list()? } else { Value::Other };
            self.parameters()?;
            members.push((String::from_utf8(key.to_vec()).ok()?, value));
            self.skip(b" \t");
            if self.rest.is_empty() {
                break;
            }
            if !self.eat(b',') {
                return None;
            }
            self.skip(b" \t");
            // Section 4.2.2: a comma at the end is an error.
            if self.rest.is_empty() {
                return None;
            }
        }
        self.skip(b" ");
        self.rest.is_empty().then_some(members)
    }

    fn item_or_list(&mut self) -> Option<Value> {
        if !self.eat(b'(') {
            return self.bare_item();
        }
        loop {
            self.skip(b" ");
            if self.eat(b')') {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.rest.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.skip(b" ");
            self.key()?;
            if self.eat(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn bare_item(&mut self) -> Option<Value> {
        match *self.rest.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.quoted(),
            b':' => self.bytes(),
            b'?' => {
                self.take(1)?;
                matches!(self.take(1)?, b"0" | b"1").then_some(Value::Other)
            }
            b'@' => {
                self.take(1)?;
                matches!(self.number()?, Value::Integer(_)).then_some(Value::Other)
            }
            b'%' => {
                self.take(1)?;
                self.quoted()
            }
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => {
                let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                self.take_while(token);
                Some(Value::Other)
            }
            _ => None,
        }
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let first = *self.rest.first()?;
        let start = first.is_ascii_lowercase() || first == b'*';
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte);
        start.then(|| self.take_while(inside))
    }

    /// Section 4.2.4: at most 15 digits, or 12 and up to 3 decimals.
    fn number(&mut self) -> Option<Value> {
        let negative = self.eat(b'-');
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if self.eat(b'.') {
            let decimals = self.take_while(|byte| byte.is_ascii_digit());
            let fits = (1..=12).contains(&digits.len()) && (1..=3).contains(&decimals.len());
            return fits.then_some(Value::Other);
        }
        if !(1..=15).contains(&digits.len()) {
            return None;
        }
        let value: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Value::Integer(if negative { -value } else { value }))
    }

    fn quoted(&mut self) -> Option<Value> {
        if !self.eat(b'"') {
            return None;
        }
        loop {
            match *self.take(1)? {
                [b'"'] => return Some(Value::Other),
                [b'\\'] => matches!(self.take(1)?, b"\"" | b"\\").then_some(())?,
                [b' '..=b'~'] => {}
                _ => return None,
            }
        }
    }

    fn bytes(&mut self) -> Option<Value> {
        self.take(1)?;
        let encoded = self.take_while(|byte| byte != b':');
        if !self.eat(b':') {
            return None;
        }
        BASE64.decode(encoded).ok().map(Value::Bytes)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn take_while(&mut self, inside: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !inside(byte)).unwrap_or(self.rest.len());
        self.take(end).unwrap_or_default()
    }

    fn skip(&mut self, any: &[u8]) {
        self.take_while(|byte| any.contains(&byte));
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.rest.first() == Some(&byte);
        if there {
            self.take(1);
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Vec<(String, Value)>> {
        dictionary([text.as_bytes()]).ok()
    }

    fn one(text: &str) -> Option<Value> {
        parse(&format!("a={text}")).map(|mut members| members.remove(0).1)
    }

    #[test]
    fn values_of_every_type_are_read_or_passed_over() {
        assert_eq!(one(":aGVsbG8=:"), Some(Value::Bytes(b"hello".to_vec())));
        assert_eq!(one(":aGVsbG8:"), Some(Value::Bytes(b"hello".to_vec())));
        assert_eq!(one("::"), Some(Value::Bytes(Vec::new())));
        assert_eq!((one("10"), one("-7")), (Some(Value::Integer(10)), Some(Value::Integer(-7))));
        assert_eq!(one("999999999999999"), Some(Value::Integer(999_999_999_999_999)));
        for other in [
            "1.5",
            "\"a \\\"b\\\\\"",
            "token/x:y",
            "*",
            "?1",
            "@1659578233",
            "%\"f%c3\"",
            "(\"a\" b;x=1 :AA==:)",
            "()",
            "( a )",
        ] {
            assert_eq!(one(other), Some(Value::Other), "{other}");
        }
    }

    #[test]
    fn members_follow_each_other_over_commas_and_lines() {
        let keys = |lines: &[&str]| {
            let members = dictionary(lines.iter().map(|line| line.as_bytes())).ok()?;
            Some(members.into_iter().map(|(key, _)| key).collect::<Vec<_>>())
        };
        assert_eq!(keys(&["a=1,b;x;y=2 ,\t c=(1 2);z"]), Some(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(keys(&["a=1", "a=2"]), Some(vec!["a".into(), "a".into()]));
        assert_eq!(keys(&[" a "]), Some(vec!["a".into()]));
        assert_eq!(keys(&[""]), Some(vec![]));
    }

    #[test]
    fn what_is_malformed_is_refused_where_it_begins() {
        for bad in [
            "a,",
            ",a",
            "A=1",
            "a=",
            "a=1 b=2",
            "a==1",
            "1=a",
            "a=:aGV",
            "a=:!:",
            "a=\"x",
            "a=\"\u{1}\"",
            "a=?2",
            "a=1.",
            "a=1.2345",
            "a=1234567890123456",
            "a=-",
            "a=(1,2)",
            "a=(1",
            "a=@1.5",
            "a;",
            "a=1;B",
            "é=1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(dictionary([b"ok=1, Bad".as_slice()]), Err(NotADictionary::Syntax { at: 6 }));
    }

    #[test]
    fn a_field_has_a_limit() {
        let long = format!("a=\"{}\"", "x".repeat(FIELD_BYTES_MAX - 4));
        assert!(parse(&long).is_some());
        assert_eq!(dictionary([long.as_bytes(), b"b"]), Err(NotADictionary::TooLong));
    }
}
