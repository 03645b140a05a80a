//! The one type for a name that a peer gives to what it sends or fetches: a label, never a place on a disk.
//!
//! Content lies under random ids; a [`CrossingPath`] is only shown, compared and looked up. All channels come through
//! [`CrossingPath::parse`]: HTTP after [`percent_decode_once`], SFTP after [`ServerPath::resolve`] has taken out `.` and
//! `..`. Whoever takes a name in any other way has two path rules, and attackers live between them.

mod server;
mod temporary;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::text::{Charset, single_byte};

pub use server::{REQUESTED_BYTES_MAX, ServerPath};
pub use temporary::{NamePattern, NotAPattern, PATTERNS_MAX, TEMPORARY_NAMES, TemporaryNames};

/// Components that a path may have at most, the name included.
pub const COMPONENTS_MAX: usize = 8;
/// Bytes of UTF-8 that one component may have at most.
pub const COMPONENT_BYTES_MAX: usize = 255;
/// Bytes of UTF-8 that a whole path may have at most, separators included.
pub const PATH_BYTES_MAX: usize = 1_024;

/// Why bytes are no path. The first thing found is reported, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Not UTF-8, from this byte on.
    NotUtf8 {
        /// Offset of the first byte that is not part of a character.
        at: usize,
    },
    /// Nothing at all, or nothing before, between or after slashes.
    Empty,
    /// A component `.` or `..`.
    Dots,
    /// A NUL character.
    Nul,
    /// Another control character: C0, DEL or C1.
    Control,
    /// A character that turns the direction of the text around it, so that a name reads as another.
    Bidi,
    /// A backslash, which some systems take for a separator.
    Backslash,
    /// A component that ends in a dot, which some systems drop.
    TrailingDot,
    /// A component that ends in a space, which some systems drop and no one sees.
    TrailingSpace,
    /// More than [`COMPONENTS_MAX`] components.
    TooDeep,
    /// A component of more than [`COMPONENT_BYTES_MAX`] bytes.
    ComponentTooLong,
    /// More than [`PATH_BYTES_MAX`] bytes in all; for a server path, more than [`REQUESTED_BYTES_MAX`].
    TooLong,
    /// A percent sign that two hexadecimal digits do not follow.
    BadPercent {
        /// Offset of the percent sign.
        at: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::NotUtf8 { at } => write!(f, "the name is not UTF-8 at byte {at}; send names as UTF-8"),
            Malformed::Empty => f.write_str("the name is empty, or has an empty part at a slash"),
            Malformed::Dots => f.write_str("the name has a part that is only dots"),
            Malformed::Nul => f.write_str("the name holds a NUL character"),
            Malformed::Control => f.write_str("the name holds a control character"),
            Malformed::Bidi => f.write_str("the name holds a character that changes the direction of text"),
            Malformed::Backslash => f.write_str("the name holds a backslash; separate folders by a slash"),
            Malformed::TrailingDot => f.write_str("the name, or a folder in it, ends in a dot"),
            Malformed::TrailingSpace => f.write_str("the name, or a folder in it, ends in a space"),
            Malformed::TooDeep => write!(f, "the name has more than {COMPONENTS_MAX} parts"),
            Malformed::ComponentTooLong => write!(f, "a part of the name is longer than {COMPONENT_BYTES_MAX} bytes"),
            Malformed::TooLong => f.write_str("the name is too long"),
            Malformed::BadPercent { at } => write!(f, "a percent sign without two hexadecimal digits at byte {at}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// How a peer's names are encoded, an option of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameCharset {
    /// UTF-8, the default.
    #[default]
    Utf8,
    /// Windows-1252, for old senders. Its five undefined bytes count as control characters.
    Windows1252,
}

/// A checked name relative to a lane: one to eight components, the last of which is the name.
///
/// Equality, order and hash follow Unicode Normalisation Form C, so that `é` sent as one character and as two is one
/// name; [`as_str`](CrossingPath::as_str) gives it back as it was sent. Case is kept and distinguishes.
#[derive(Clone)]
pub struct CrossingPath {
    text: Box<str>,
    /// Only where it differs from `text`.
    nfc: Option<Box<str>>,
}

impl CrossingPath {
    /// Checks a name in UTF-8.
    ///
    /// A slash separates components; at the beginning, at the end or doubled it makes an empty component and is
    /// refused. The limits hold for the name as sent and for its normal form.
    ///
    /// # Errors
    /// The first thing that is wrong, see [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<CrossingPath, Malformed> {
        // Before decoding: an overlong name costs nothing more than this comparison.
        if bytes.len() > PATH_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|error| Malformed::NotUtf8 { at: error.valid_up_to() })?;
        check(text)?;
        let nfc = if is_nfc(text) { None } else { Some(text.nfc().collect::<String>().into_boxed_str()) };
        if let Some(nfc) = &nfc {
            check(nfc)?;
        }
        Ok(CrossingPath { text: text.into(), nfc })
    }

    /// Checks a name in the charset that the lane says.
    ///
    /// # Errors
    /// As [`CrossingPath::parse`].
    pub fn parse_in(bytes: &[u8], charset: NameCharset) -> Result<CrossingPath, Malformed> {
        if bytes.len() > PATH_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        match charset {
            NameCharset::Utf8 => CrossingPath::parse(bytes),
            NameCharset::Windows1252 => {
                let text: String = bytes.iter().map(|&byte| single_byte(Charset::Windows1252, byte)).collect();
                CrossingPath::parse(text.as_bytes())
            }
        }
    }

    /// The path as it was sent, to show and to list.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path in Unicode Normalisation Form C, to look up and to compare.
    pub fn nfc(&self) -> &str {
        self.nfc.as_deref().unwrap_or(&self.text)
    }

    /// The components, as sent, folder first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split('/')
    }

    /// The last component: the name of the file.
    pub fn name(&self) -> &str {
        self.text.rsplit_once('/').map_or(&self.text, |(_, name)| name)
    }

    /// The components before the last, joined by slashes; nothing if the file lies directly in its lane.
    pub fn folder(&self) -> Option<&str> {
        self.text.rsplit_once('/').map(|(folder, _)| folder)
    }
}

impl PartialEq for CrossingPath {
    fn eq(&self, other: &CrossingPath) -> bool {
        self.nfc() == other.nfc()
    }
}

impl Eq for CrossingPath {}

impl PartialOrd for CrossingPath {
    fn partial_cmp(&self, other: &CrossingPath) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CrossingPath {
    fn cmp(&self, other: &CrossingPath) -> Ordering {
        self.nfc().cmp(other.nfc())
    }
}

impl Hash for CrossingPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nfc().hash(state);
    }
}

/// Names tell of people: a log line that prints one by accident shows its length instead.
impl fmt::Debug for CrossingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrossingPath({} bytes)", self.text.len())
    }
}

/// Turns `%41` into `A`, once and everywhere (RFC 3986 section 2.1). `+` stays `+`. What comes out is parsed, never
/// decoded again: a second pass would turn `%252e` into a dot that the first had let through as text.
///
/// # Errors
/// A percent sign without two hexadecimal digits.
pub fn percent_decode_once(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            out.push(byte);
            rest = after;
            continue;
        }
        let bad = Malformed::BadPercent { at: text.len() - rest.len() };
        let (high, low, after) = match after {
            [high, low, after @ ..] => (hex(*high).ok_or(bad)?, hex(*low).ok_or(bad)?, after),
            [] | [_] => return Err(bad),
        };
        out.push(high << 4 | low);
        rest = after;
    }
    Ok(out)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The twelve characters with the property Bidi_Control (UAX #9 section 2, Unicode PropList).
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn check(text: &str) -> Result<(), Malformed> {
    if text.len() > PATH_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    for (index, component) in text.split('/').enumerate() {
        if index >= COMPONENTS_MAX {
            return Err(Malformed::TooDeep);
        }
        check_component(component)?;
    }
    Ok(())
}

fn check_component(component: &str) -> Result<(), Malformed> {
    if component.len() > COMPONENT_BYTES_MAX {
        return Err(Malformed::ComponentTooLong);
    }
    for c in component.chars() {
        match c {
            '\0' => return Err(Malformed::Nul),
            '\\' => return Err(Malformed::Backslash),
            c if c.is_control() => return Err(Malformed::Control),
            c if is_bidi_control(c) => return Err(Malformed::Bidi),
            _ => {}
        }
    }
    match component {
        "" => Err(Malformed::Empty),
        "." | ".." => Err(Malformed::Dots),
        other if other.ends_with('.') => Err(Malformed::TrailingDot),
        other if other.ends_with(char::is_whitespace) => Err(Malformed::TrailingSpace),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8], why: Malformed) {
        assert_eq!(CrossingPath::parse(bytes).map(|path| path.as_str().to_owned()), Err(why), "{bytes:?}");
    }

    fn accepted(text: &str) -> CrossingPath {
        let path = CrossingPath::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text:?}: {why}"));
        assert_eq!(path.as_str(), text);
        assert_eq!(CrossingPath::parse(path.as_str().as_bytes()).as_ref(), Ok(&path));
        path
    }

    #[test]
    fn ordinary_names_are_kept_as_sent() {
        for text in
            ["r1.csv", "a/b/c.hl7", "..a", "a..b", " leading", "x y.pdf", "%41", ".hidden", "a:b", "Ärzte/é.txt"]
        {
            accepted(text);
        }
        let path = accepted("2026/03/r1.csv");
        assert_eq!(path.components().collect::<Vec<_>>(), ["2026", "03", "r1.csv"]);
        assert_eq!((path.folder(), path.name()), (Some("2026/03"), "r1.csv"));
        assert_eq!((accepted("a").folder(), accepted("a").name()), (None, "a"));
    }

    #[test]
    fn what_some_system_reads_otherwise_is_refused() {
        for empty in ["", "/", "/a", "a/", "a//b", "//"] {
            refused(empty.as_bytes(), Malformed::Empty);
        }
        for dots in [".", "..", "a/../b", "../a", "a/.", "./a"] {
            refused(dots.as_bytes(), Malformed::Dots);
        }
        refused(b"a\0b", Malformed::Nul);
        for control in ["a\n", "\u{1b}[2J", "a\u{7f}", "a\u{85}b", "\u{9b}31m"] {
            refused(control.as_bytes(), Malformed::Control);
        }
        for bidi in ["cod\u{202e}fdp.exe", "\u{2066}a", "a\u{200f}", "\u{061c}a", "\u{2069}"] {
            refused(bidi.as_bytes(), Malformed::Bidi);
        }
        for backslash in ["a\\b", "..\\..\\etc", "C:\\x"] {
            refused(backslash.as_bytes(), Malformed::Backslash);
        }
        for dot in ["a.", "...", "a./b", "con..", "x/y."] {
            refused(dot.as_bytes(), Malformed::TrailingDot);
        }
        for space in ["a ", " ", "a /b", "a\u{a0}", "a\u{3000}"] {
            refused(space.as_bytes(), Malformed::TrailingSpace);
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused_where_it_begins() {
        refused(b"ab\xff", Malformed::NotUtf8 { at: 2 });
        // RFC 3629 section 10: an overlong slash and dot, and a surrogate.
        refused(b"\xc0\xaf", Malformed::NotUtf8 { at: 0 });
        refused(b"a/\xc0\xae\xc0\xae/b", Malformed::NotUtf8 { at: 2 });
        refused(b"\xed\xa0\x80", Malformed::NotUtf8 { at: 0 });
    }

    #[test]
    fn the_limits_hold_and_one_more_is_refused() {
        accepted(&["a"; COMPONENTS_MAX].join("/"));
        refused(["a"; COMPONENTS_MAX + 1].join("/").as_bytes(), Malformed::TooDeep);
        accepted(&"a".repeat(COMPONENT_BYTES_MAX));
        refused("a".repeat(COMPONENT_BYTES_MAX + 1).as_bytes(), Malformed::ComponentTooLong);
        let long = [&"a".repeat(255)[..]; 4].join("/");
        assert_eq!(long.len(), 1_023);
        accepted(&long);
        refused(format!("{long}/b").as_bytes(), Malformed::TooLong);
        refused(&[b'a'; 5_000_000], Malformed::TooLong);
    }

    #[test]
    fn a_name_is_compared_in_its_normal_form() {
        let (one, two) = (accepted("caf\u{e9}.txt"), accepted("cafe\u{301}.txt"));
        assert_eq!(one, two);
        assert_eq!(one.cmp(&two), Ordering::Equal);
        assert_eq!(one.nfc(), two.nfc());
        assert_ne!(one.as_str(), two.as_str());
        assert_ne!(accepted("A"), accepted("a"));
        // U+0958 is a composition exclusion: three bytes become six, so a fitting name has a form that does not fit.
        refused("\u{958}".repeat(85).as_bytes(), Malformed::ComponentTooLong);
        // U+2000 becomes U+2002; both are spaces at the end.
        refused("a\u{2000}".as_bytes(), Malformed::TrailingSpace);
    }

    #[test]
    fn a_lane_may_take_names_in_windows_1252() {
        let path = CrossingPath::parse_in(b"M\xfcller \x80.txt", NameCharset::Windows1252).unwrap();
        assert_eq!(path.as_str(), "Müller €.txt");
        for undefined in [0x81, 0x8d, 0x8f, 0x90, 0x9d] {
            let parsed = CrossingPath::parse_in(&[b'a', undefined, b'b'], NameCharset::Windows1252);
            assert_eq!(parsed, Err(Malformed::Control));
        }
        assert_eq!(CrossingPath::parse_in(b"a\\b", NameCharset::Windows1252), Err(Malformed::Backslash));
        assert_eq!(CrossingPath::parse_in(b"\xfc", NameCharset::Utf8), Err(Malformed::NotUtf8 { at: 0 }));
    }

    #[test]
    fn percent_signs_are_decoded_once() {
        let decoded = |text: &str| percent_decode_once(text.as_bytes());
        assert_eq!(decoded("a%20b+c").unwrap(), b"a b+c");
        assert_eq!(decoded("%252e%252E").unwrap(), b"%2e%2E");
        assert_eq!(decoded("%c3%A9").unwrap(), "é".as_bytes());
        assert_eq!(decoded("%2e%2e/x").unwrap(), b"../x");
        assert_eq!(decoded("a%"), Err(Malformed::BadPercent { at: 1 }));
        assert_eq!(decoded("%4"), Err(Malformed::BadPercent { at: 0 }));
        assert_eq!(decoded("ab%zz"), Err(Malformed::BadPercent { at: 2 }));
        assert_eq!(decoded("%%41"), Err(Malformed::BadPercent { at: 0 }));
        assert_eq!(decoded("%+1"), Err(Malformed::BadPercent { at: 0 }));
    }

    #[test]
    fn a_name_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", accepted("Jane Roe.pdf")), "CrossingPath(12 bytes)");
    }
}
