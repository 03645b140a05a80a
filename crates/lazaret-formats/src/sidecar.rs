//! `NAME.sha256`: the small file beside an upload that says what the upload hashes to. A manifest, not a transfer.
//!
//! It is read as the common tools write it: GNU coreutils (`HEX  NAME`, `HEX *NAME`), BSD and `--tag` (`SHA256 (NAME) =
//! HEX`), OpenSSL (`SHA2-256(NAME)= HEX`), or the digits alone.

use std::fmt;

/// What a sidecar's name has after the name of its subject.
pub const SIDECAR_SUFFIX: &str = ".sha256";
/// Bytes that a sidecar may have.
pub const SIDECAR_BYTES_MAX: usize = 65_536;

/// Why a sidecar says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// More than [`SIDECAR_BYTES_MAX`] bytes.
    TooLong,
    /// A line in no form that we know.
    Line {
        /// Its number, from 1 on.
        number: usize,
    },
    /// No line at all.
    Empty,
    /// No line is about this name.
    NotNamed,
    /// Two lines say different things about it.
    Contradicts,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::TooLong => write!(f, "the checksum file is longer than {SIDECAR_BYTES_MAX} bytes"),
            Malformed::Line { number } => write!(f, "line {number} of the checksum file is in no known form"),
            Malformed::Empty => f.write_str("the checksum file is empty"),
            Malformed::NotNamed => f.write_str("the checksum file does not name the file that it lies beside"),
            Malformed::Contradicts => f.write_str("the checksum file has two checksums for one name"),
        }
    }
}

impl std::error::Error for Malformed {}

/// The lines of a sidecar.
#[derive(Clone, PartialEq, Eq)]
pub struct Sidecar {
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Eq)]
struct Line {
    sha256: [u8; 32],
    name: Option<String>,
}

/// The name that a sidecar is about: `r1.csv` for `r1.csv.sha256`.
pub fn subject(name: &str) -> Option<&str> {
    name.strip_suffix(SIDECAR_SUFFIX).filter(|subject| !subject.is_empty())
}

impl Sidecar {
    /// Reads the file. Blank lines and those that begin with `#` are passed over, as is a byte-order mark; text in
    /// UTF-16 is read too, because that is what an older PowerShell's `>` writes.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<Sidecar, Malformed> {
        if bytes.len() > SIDECAR_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let text = text(bytes);
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            lines.push(Line::parse(line).ok_or(Malformed::Line { number: index + 1 })?);
        }
        if lines.is_empty() { Err(Malformed::Empty) } else { Ok(Sidecar { lines }) }
    }

    /// What the sidecar says about a name: the lines for it, folders before it aside, or the lines without a name.
    ///
    /// # Errors
    /// It says nothing, or two things.
    pub fn digest_of(&self, name: &str) -> Result<[u8; 32], Malformed> {
        let is_about = |line: &&Line| line.name.as_deref().is_none_or(|other| last_component(other) == name);
        let mut digests = self.lines.iter().filter(is_about).map(|line| line.sha256);
        let first = digests.next().ok_or(Malformed::NotNamed)?;
        if digests.all(|other| other == first) { Ok(first) } else { Err(Malformed::Contradicts) }
    }
}

/// Names tell of people: see [`crate::path::CrossingPath`].
impl fmt::Debug for Sidecar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sidecar({} lines)", self.lines.len())
    }
}

/// Bytes that are no text become characters that no form has, or that no name equals.
fn text(bytes: &[u8]) -> String {
    let (big, units) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => (false, rest),
        [0xfe, 0xff, rest @ ..] => (true, rest),
        rest => return String::from_utf8_lossy(rest).into_owned(),
    };
    let unit = |pair: &[u8; 2]| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let (pairs, _) = units.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(unit)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn last_component(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

impl Line {
    fn parse(line: &str) -> Option<Line> {
        // GNU: a backslash before the line says that the name has escapes in it.
        let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
        let (hex, name) = Line::tagged(line).or_else(|| Line::plain(line))?;
        let name = if escaped { name.map(unescape) } else { name.map(str::to_owned) };
        Some(Line { sha256: hex_digest(hex.as_bytes())?, name })
    }

    /// `SHA256 (NAME) = HEX`, `SHA256(NAME)= HEX`, `SHA2-256(NAME)= HEX`.
    fn tagged(line: &str) -> Option<(&str, Option<&str>)> {
        let rest = line.strip_prefix("SHA256").or_else(|| line.strip_prefix("SHA2-256"))?;
        let rest = rest.trim_start_matches(' ').strip_prefix('(')?;
        let (name, hex) = rest.rsplit_once(')')?;
        let hex = hex.trim_start_matches(' ').strip_prefix('=')?;
        Some((hex.trim(), Some(name)))
    }

    /// `HEX`, `HEX  NAME`, `HEX *NAME`.
    fn plain(line: &str) -> Option<(&str, Option<&str>)> {
        let Some((hex, rest)) = line.split_once([' ', '\t']) else { return Some((line, None)) };
        let name = rest.strip_prefix([' ', '*', '\t']).unwrap_or(rest);
        Some((hex, (!name.is_empty()).then_some(name)))
    }
}

fn unescape(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    plain
}

/// A SHA-256 in 64 hexadecimal digits, in either case.
pub fn hex_digest(text: &[u8]) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of nothing (FIPS 180-4 example).
    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const OTHER: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn check(text: &str) {
        let sidecar = Sidecar::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text:?}: {why}"));
        assert_eq!(sidecar.digest_of("r 1.csv"), Ok(hex_digest(HEX.as_bytes()).unwrap()), "{text:?}");
    }

    #[test]
    fn every_common_form_is_read() {
        check(HEX);
        check(&HEX.to_uppercase());
        check(&format!("{HEX}\r\n"));
        check(&format!("{HEX}  r 1.csv\n"));
        check(&format!("{HEX} *r 1.csv\n"));
        check(&format!("{HEX} r 1.csv"));
        check(&format!("{HEX}\tr 1.csv"));
        check(&format!("{HEX}  ./out/r 1.csv\n"));
        check(&format!("{HEX} *C:\\out\\r 1.csv\r\n"));
        check(&format!("SHA256 (r 1.csv) = {HEX}\n"));
        check(&format!("SHA256 (a (b)/r 1.csv) = {HEX}"));
        check(&format!("SHA256(r 1.csv)= {HEX}\n"));
        check(&format!("SHA2-256(r 1.csv)= {HEX}\n"));
        check(&format!("\u{feff}# made by us\n\n{HEX}  r 1.csv\n"));
        check(&format!("{OTHER}  other\n{HEX}  r 1.csv\n{HEX}  x/r 1.csv\n"));
    }

    #[test]
    fn utf16_of_a_windows_shell_is_read() {
        let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        let little: Vec<u8> = units(&format!("\u{feff}{HEX}\r\n")).iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units(&format!("\u{feff}{HEX}  r\n")).iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [little, big] {
            assert!(Sidecar::parse(&bytes).unwrap().digest_of("r").is_ok());
        }
    }

    #[test]
    fn escaped_names_are_unescaped() {
        let sidecar = Sidecar::parse(format!("\\{HEX}  a\\nb\\\\c").as_bytes()).unwrap();
        assert_eq!(sidecar.lines[0].name.as_deref(), Some("a\nb\\c"));
    }

    #[test]
    fn what_says_nothing_or_two_things_is_refused() {
        let parse = |text: &str| Sidecar::parse(text.as_bytes());
        assert_eq!(parse(""), Err(Malformed::Empty));
        assert_eq!(parse("# only\n\n"), Err(Malformed::Empty));
        assert_eq!(parse("hello"), Err(Malformed::Line { number: 1 }));
        assert_eq!(parse(&format!("{HEX}  a\n{}  b", &HEX[1..])), Err(Malformed::Line { number: 2 }));
        assert_eq!(parse(&format!("MD5 (a) = {HEX}")), Err(Malformed::Line { number: 1 }));
        assert_eq!(Sidecar::parse(&[b'a'; SIDECAR_BYTES_MAX + 1]), Err(Malformed::TooLong));
        let other = parse(&format!("{HEX}  a.csv")).unwrap();
        assert_eq!(other.digest_of("b.csv"), Err(Malformed::NotNamed));
        let two = parse(&format!("{HEX}  a\n{OTHER}  x/a\n{HEX}")).unwrap();
        assert_eq!(two.digest_of("a"), Err(Malformed::Contradicts));
    }

    #[test]
    fn a_sidecar_is_named_after_its_subject() {
        assert_eq!(subject("r1.csv.sha256"), Some("r1.csv"));
        assert_eq!((subject("r1.csv"), subject(".sha256"), subject("r1.SHA256")), (None, None, None));
    }
}
