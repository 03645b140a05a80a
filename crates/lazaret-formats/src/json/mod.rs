//! JSON by the letter (RFC 8259): a scanner that says what stands where, finds keys that come twice, and goes no deeper
//! than it was told. It builds nothing, so a document costs what its nesting costs.
//!
//! Two readers of one document may differ on repeated keys and on what follows the end; both are found here, before any
//! other reader sees the document.

mod string;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

pub use string::Text;

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
mod tests;
