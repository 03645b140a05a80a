//! JSON by the letter (RFC 8259): a scanner that says what stands where, finds keys that come twice, and goes no deeper
//! than it was told. It builds nothing, so a document costs what its nesting costs.
//!
//! Two readers of one document may differ on repeated keys and on what follows the end; both are found here, before any
//! other reader sees the document.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::text::{Builder, Decoded};

/// Objects and arrays within each other.
pub const DEPTH_MAX: usize = 128;

/// What is wrong with a document, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Something else than the grammar has here.
    Syntax {
        /// Offset of the byte that does not fit; the length if the document ends too early.
        at: usize,
    },
    /// Bytes in a string that are not UTF-8 (section 8.1).
    NotUtf8 {
        /// Offset of the string.
        at: usize,
    },
    /// More than [`DEPTH_MAX`] objects and arrays within each other.
    TooDeep {
        /// Offset of the one too many.
        at: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Syntax { at } => write!(f, "no JSON at byte {at}"),
            Malformed::NotUtf8 { at } => write!(f, "a JSON string that is not UTF-8 at byte {at}"),
            Malformed::TooDeep { at } => write!(f, "JSON nested deeper than {DEPTH_MAX} at byte {at}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// A string as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// What stands between the quotes: UTF-8, with escapes.
    pub raw: &'a str,
    /// Where that begins.
    pub at: usize,
}

impl<'a> Text<'a> {
    /// The string without its escapes. A half of a surrogate pair becomes U+FFFD, and the text is not faithful.
    pub fn decode(&self) -> Decoded<'a> {
        if !self.raw.contains('\\') {
            return Decoded::verbatim(self.raw, self.at);
        }
        let mut builder = Builder::new(self.raw.len());
        let (mut rest, mut at) = (self.raw, self.at);
        while let Some(start) = rest.find('\\') {
            let (before, escape) = rest.split_at(start);
            builder.push_verbatim(before, at);
            at += start;
            let (character, bytes) = unescape(escape);
            match character {
                Some(character) => builder.push(character.encode_utf8(&mut [0; 4]), at, bytes),
                None => builder.push_unreadable(at, bytes),
            }
            at += bytes;
            rest = escape.get(bytes..).unwrap_or_default();
        }
        builder.push_verbatim(rest, at);
        builder.finish()
    }

    /// The string without its escapes, where nobody asks for positions.
    pub fn to_str(&self) -> Cow<'a, str> {
        if self.raw.contains('\\') { self.decode().into_text() } else { Cow::Borrowed(self.raw) }
    }

    /// Its bytes in the document, without the quotes.
    pub fn span(&self) -> Range<usize> {
        self.at..self.at + self.raw.len()
    }
}

/// What an escape stands for and how long it is; the scanner has checked its form (section 7).
fn unescape(escape: &str) -> (Option<char>, usize) {
    let simple = match escape.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_hex(escape),
        Some(&other) => char::from(other),
        None => return (None, escape.len().max(1)),
    };
    (Some(simple), 2)
}

fn unescape_hex(escape: &str) -> (Option<char>, usize) {
    let unit = |from: usize| escape.get(from..from + 4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = unit(2) else { return (None, escape.len().min(6)) };
    let second = if escape.get(6..8) == Some("\\u") { unit(8) } else { None };
    match char::decode_utf16([first].into_iter().chain(second)).next() {
        Some(Ok(character)) => (Some(character), if character.len_utf16() == 2 { 12 } else { 6 }),
        Some(Err(_)) | None => (None, 6),
    }
}

/// What comes next in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// `{`
    BeginObject,
    /// `}`
    EndObject,
    /// `[`
    BeginArray,
    /// `]`
    EndArray,
    /// A member's name.
    Key {
        /// As it is written.
        text: Text<'a>,
        /// Whether this object had it before, escapes aside.
        repeated: bool,
    },
    /// A string.
    String(Text<'a>),
    /// A number, as it is written.
    Number {
        /// Its digits.
        text: &'a str,
        /// Where they begin.
        at: usize,
    },
    /// `true` or `false`.
    Bool(bool),
    /// `null`
    Null,
}

#[derive(Debug)]
enum Container<'a> {
    Object(BTreeSet<Cow<'a, str>>),
    Array,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    /// After `[`: a value or the end.
    ValueOrEnd,
    /// After `{`: a key or the end.
    KeyOrEnd,
    Key,
    /// After a value within a container.
    CommaOrEnd,
    /// After the root.
    Nothing,
}

/// Reads a document event by event.
#[derive(Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Container<'a>>,
    expected: Expected,
}

impl<'a> Scanner<'a> {
    /// Reads from the first byte on; a byte-order mark of UTF-8 is passed over (section 8.1 allows it).
    pub fn new(bytes: &'a [u8]) -> Scanner<'a> {
        let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Scanner { bytes, at, open: Vec::new(), expected: Expected::Value }
    }

    /// Reads the document that a range of bytes holds; positions are those of `bytes`.
    pub fn within(bytes: &'a [u8], range: Range<usize>) -> Scanner<'a> {
        let bytes = bytes.get(..range.end).unwrap_or(bytes);
        Scanner { bytes, at: range.start.min(bytes.len()), open: Vec::new(), expected: Expected::Value }
    }

    /// Objects and arrays that are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Where the next event is looked for.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next event; nothing after the root, if nothing but white space follows it.
    ///
    /// # Errors
    /// What is wrong; the scanner must then be left.
    pub fn next_event(&mut self) -> Result<Option<Event<'a>>, Malformed> {
        loop {
            self.skip_space();
            let Some(&byte) = self.bytes.get(self.at) else {
                return if self.expected == Expected::Nothing { Ok(None) } else { Err(self.syntax()) };
            };
            match (self.expected, byte) {
                (Expected::CommaOrEnd, b',') => {
                    self.at += 1;
                    self.expected = match self.open.last() {
                        Some(Container::Object(_)) => Expected::Key,
                        Some(Container::Array) | None => Expected::Value,
                    };
                }
                (Expected::CommaOrEnd | Expected::KeyOrEnd, b'}') => return self.end(true).map(Some),
                (Expected::CommaOrEnd | Expected::ValueOrEnd, b']') => return self.end(false).map(Some),
                (Expected::KeyOrEnd | Expected::Key, b'"') => return self.key().map(Some),
                (Expected::Value | Expected::ValueOrEnd, byte) => return self.value(byte).map(Some),
                (Expected::CommaOrEnd | Expected::KeyOrEnd | Expected::Key | Expected::Nothing, _) => {
                    return Err(self.syntax());
                }
            }
        }
    }

    /// Passes over the value that comes next, with all that is in it.
    ///
    /// # Errors
    /// As [`Scanner::next_event`].
    pub fn skip_value(&mut self) -> Result<(), Malformed> {
        let depth = self.depth();
        loop {
            let event = self.next_event()?;
            if event.is_none() || (self.depth() <= depth && !matches!(event, Some(Event::Key { .. }))) {
                return Ok(());
            }
        }
    }

    fn syntax(&self) -> Malformed {
        Malformed::Syntax { at: self.at.min(self.bytes.len()) }
    }

    fn skip_space(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|&&byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    /// What may follow a value.
    fn after_value(&mut self) {
        self.expected = if self.open.is_empty() { Expected::Nothing } else { Expected::CommaOrEnd };
    }

    fn value(&mut self, byte: u8) -> Result<Event<'a>, Malformed> {
        let event = match byte {
            b'{' => return self.begin(Container::Object(BTreeSet::new()), Event::BeginObject, Expected::KeyOrEnd),
            b'[' => return self.begin(Container::Array, Event::BeginArray, Expected::ValueOrEnd),
            b'"' => Event::String(self.string()?),
            b't' => self.literal(b"true", Event::Bool(true))?,
            b'f' => self.literal(b"false", Event::Bool(false))?,
            b'n' => self.literal(b"null", Event::Null)?,
            _ => self.number()?,
        };
        self.after_value();
        Ok(event)
    }

    fn begin(
        &mut self,
        container: Container<'a>,
        event: Event<'a>,
        expected: Expected,
    ) -> Result<Event<'a>, Malformed> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Malformed::TooDeep { at: self.at });
        }
        self.open.push(container);
        self.expected = expected;
        self.at += 1;
        Ok(event)
    }

    fn end(&mut self, object: bool) -> Result<Event<'a>, Malformed> {
        match (self.open.last(), object) {
            (Some(Container::Object(_)), true) | (Some(Container::Array), false) => {}
            (Some(_), _) | (None, _) => return Err(self.syntax()),
        }
        self.open.pop();
        self.at += 1;
        self.after_value();
        Ok(if object { Event::EndObject } else { Event::EndArray })
    }

    fn key(&mut self) -> Result<Event<'a>, Malformed> {
        let text = self.string()?;
        self.skip_space();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        self.expected = Expected::Value;
        let repeated = match self.open.last_mut() {
            Some(Container::Object(keys)) => !keys.insert(text.to_str()),
            Some(Container::Array) | None => false,
        };
        Ok(Event::Key { text, repeated })
    }

    fn literal(&mut self, text: &[u8], event: Event<'a>) -> Result<Event<'a>, Malformed> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text)) {
            return Err(self.syntax());
        }
        self.at += text.len();
        Ok(event)
    }

    /// Section 6: no plus sign, no zero before other digits, digits on both sides of the point.
    fn number(&mut self) -> Result<Event<'a>, Malformed> {
        let start = self.at;
        self.eat(b"-");
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.eat(b".") {
            self.digits()?;
        }
        if self.eat(b"eE") {
            self.eat(b"+-");
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).and_then(|digits| std::str::from_utf8(digits).ok());
        Ok(Event::Number { text: text.unwrap_or_default(), at: start })
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { Err(self.syntax()) } else { Ok(()) }
    }

    fn eat(&mut self, any: &[u8]) -> bool {
        let there = self.bytes.get(self.at).is_some_and(|byte| any.contains(byte));
        self.at += usize::from(there);
        there
    }

    /// Section 7: every control character is escaped, every escape is one of nine.
    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        let at = self.at + 1;
        self.at = at;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            self.at += plain.unwrap_or(rest.len());
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at += self.escape_bytes()?,
                Some(_) | None => return Err(self.syntax()),
            }
        }
        let raw = self.bytes.get(at..self.at).unwrap_or_default();
        self.at += 1;
        let raw = std::str::from_utf8(raw).map_err(|_| Malformed::NotUtf8 { at })?;
        Ok(Text { raw, at })
    }

    fn escape_bytes(&self) -> Result<usize, Malformed> {
        match self.bytes.get(self.at + 1..).unwrap_or_default() {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()) => Ok(6),
            _ => Err(self.syntax()),
        }
    }
}

/// What a document is at its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// An object.
    Object,
    /// An array.
    Array,
    /// A string, number, truth value or null.
    Scalar,
}

/// What a look through a whole document found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// What it is at its root.
    pub root: Root,
    /// Objects and arrays within each other, at most.
    pub depth: usize,
    /// Keys that their object had before.
    pub repeated_keys: usize,
}

/// Looks through a whole document.
///
/// # Errors
/// It is no JSON, or too deep.
pub fn outline(bytes: &[u8]) -> Result<Outline, Malformed> {
    let mut scanner = Scanner::new(bytes);
    let mut outline = Outline { root: Root::Scalar, depth: 0, repeated_keys: 0 };
    let mut first = true;
    while let Some(event) = scanner.next_event()? {
        #[expect(clippy::wildcard_enum_match_arm, reason = "of the root only these two are no scalars")]
        match event {
            Event::BeginObject if first => outline.root = Root::Object,
            Event::BeginArray if first => outline.root = Root::Array,
            Event::Key { repeated, .. } => outline.repeated_keys += usize::from(repeated),
            _ => {}
        }
        first = false;
        outline.depth = outline.depth.max(scanner.depth());
    }
    Ok(outline)
}

/// The lines of newline-delimited JSON that are not blank, each with its offset. Each is a document of its own.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    let lines = bytes.split(|&byte| byte == b'\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        (start, line)
    });
    lines.filter(|(_, line)| !line.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Result<String, Malformed> {
        let (mut scanner, mut out) = (Scanner::new(text.as_bytes()), String::new());
        while let Some(event) = scanner.next_event()? {
            match event {
                Event::BeginObject => out.push('{'),
                Event::EndObject => out.push('}'),
                Event::BeginArray => out.push('['),
                Event::EndArray => out.push(']'),
                Event::Key { text, repeated } => {
                    out += &format!("{}{}:", text.to_str(), if repeated { "!" } else { "" })
                }
                Event::String(text) => out += &format!("'{}' ", text.to_str()),
                Event::Number { text, .. } => out += &format!("{text} "),
                Event::Bool(value) => out += &format!("{value} "),
                Event::Null => out += "null ",
            }
        }
        Ok(out)
    }

    #[test]
    fn documents_are_read_as_the_standard_has_them() {
        let check = |text: &str, expected: &str| assert_eq!(events(text).as_deref(), Ok(expected), "{text}");
        check("{}", "{}");
        check(" [ ] ", "[]");
        check("\u{feff}null", "null ");
        check("{\"a\": [1, -0.5e+7, true, {\"b\": \"x\"}], \"c\":null}", "{a:[1 -0.5e+7 true {b:'x' }]c:null }");
        check("\"\\u00e9\\n\\/\\ud83d\\ude00\"", "'é\n/\u{1f600}' ");
        check("0", "0 ");
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_stops_being_json() {
        let check = |text: &str, at: usize| assert_eq!(events(text), Err(Malformed::Syntax { at }), "{text}");
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\":1,}", 7),
            ("{\"a\" 1}", 5),
            ("{a:1}", 1),
            ("{1:1}", 1),
            ("[1 2]", 3),
            ("[}", 1),
            ("{]", 1),
            ("[1}", 2),
            ("1 2", 2),
            ("{} {}", 3),
            ("01", 1),
            ("+1", 0),
            ("1.", 2),
            (".5", 0),
            ("1e", 2),
            ("-", 1),
            ("nul", 0),
            ("NaN", 0),
            ("'a'", 0),
            ("\"a", 2),
            ("\"\t\"", 1),
            ("\"\\x\"", 1),
            ("\"\\u12g4\"", 1),
            ("// a\n1", 0),
            ("]", 0),
        ] {
            check(text, at);
        }
        let mut scanner = Scanner::new(b"[\"\xff\"]");
        scanner.next_event().unwrap();
        assert_eq!(scanner.next_event(), Err(Malformed::NotUtf8 { at: 2 }));
    }

    #[test]
    fn a_repeated_key_is_found_though_written_otherwise() {
        assert_eq!(events("{\"ab\":1,\"\\u0061b\":2}").as_deref(), Ok("{ab:1 ab!:2 }"));
        assert_eq!(
            events("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}").as_deref(),
            Ok("{a:{a:1 }b:[{a:1 }{a:2 }]}")
        );
        assert_eq!(outline(b"{\"a\":1,\"a\":2,\"a\":3}").unwrap().repeated_keys, 2);
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(outline(nested(DEPTH_MAX).as_bytes()).unwrap().depth, DEPTH_MAX);
        let deeper = outline(nested(DEPTH_MAX + 1).as_bytes());
        assert_eq!(deeper, Err(Malformed::TooDeep { at: DEPTH_MAX }));
        assert!(outline("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn strings_lead_back_to_their_bytes() {
        let mut scanner = Scanner::new(b"[\"Jane \\u0052oe\"]");
        scanner.next_event().unwrap();
        let Ok(Some(Event::String(text))) = scanner.next_event() else { panic!("a string") };
        assert_eq!(text.span(), 2..15);
        let decoded = text.decode();
        assert_eq!((decoded.text(), decoded.raw_span(5..8)), ("Jane Roe", 7..15));
        assert_eq!(decoded.raw_span(0..4), 2..6);
        let half = Text { raw: "\\ud83d!", at: 0 }.decode();
        assert_eq!((half.text(), half.is_faithful()), ("\u{fffd}!", false));
        let wrong = Text { raw: "\\ud83d\\u0041", at: 0 }.decode();
        assert_eq!(wrong.text(), "\u{fffd}A");
    }

    #[test]
    fn a_value_can_be_passed_over() {
        let mut scanner = Scanner::new(b"{\"a\":{\"b\":[1,{}]},\"c\":2}");
        scanner.next_event().unwrap();
        scanner.next_event().unwrap();
        scanner.skip_value().unwrap();
        assert!(matches!(scanner.next_event(), Ok(Some(Event::Key { text, .. })) if text.raw == "c"));
        scanner.skip_value().unwrap();
        assert_eq!(scanner.next_event(), Ok(Some(Event::EndObject)));
    }

    #[test]
    fn lines_are_documents_of_their_own() {
        let found: Vec<_> = lines(b"{}\n\n [1]\r\n2").collect();
        assert_eq!(found, [(0, b"{}".as_slice()), (4, b" [1]\r"), (10, b"2")]);
        assert_eq!(outline(b"[1]").unwrap().root, Root::Array);
        assert_eq!(outline(b"{}").unwrap().root, Root::Object);
        assert_eq!(outline(b"1").unwrap().root, Root::Scalar);
    }
}
