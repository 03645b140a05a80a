//! Digest fields of HTTP (RFC 9530): what the sender says the content hashes to, and what a receiver wants to know.
//!
//! `sha-256` and `sha-512` count; other algorithms are passed over, as section 5 allows. The deprecated ones among them
//! would prove nothing.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use crate::structured::FIELD_BYTES_MAX;
use crate::structured::{NotADictionary, Value, dictionary};

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Longer than [`FIELD_BYTES_MAX`] bytes.
    TooLong,
    /// No dictionary of structured fields (RFC 9651).
    Syntax {
        /// The byte from which on it cannot be read.
        at: usize,
    },
    /// A value that is no digest of its algorithm.
    NotADigest,
    /// A value that is no preference from 0 to 10.
    NotAPreference,
    /// An algorithm that is there twice: two readers might take different ones.
    Twice,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::TooLong => f.write_str("the digest field is too long"),
            Malformed::Syntax { at } => write!(f, "the digest field cannot be read from byte {at} on"),
            Malformed::NotADigest => f.write_str("a digest field's value is not a digest of its algorithm"),
            Malformed::NotAPreference => f.write_str("a digest preference is not a number from 0 to 10"),
            Malformed::Twice => f.write_str("a digest field has an algorithm twice"),
        }
    }
}

impl std::error::Error for Malformed {}

impl From<NotADictionary> for Malformed {
    fn from(why: NotADictionary) -> Malformed {
        match why {
            NotADictionary::TooLong => Malformed::TooLong,
            NotADictionary::Syntax { at } => Malformed::Syntax { at },
        }
    }
}

/// `Content-Digest` or `Repr-Digest` (sections 2 and 3). Displayed, it is the field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digests {
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512.
    pub sha512: Option<[u8; 64]>,
}

impl Digests {
    /// Reads all lines of the field. Without an algorithm that counts it is empty, and nothing is checked by it.
    ///
    /// # Errors
    /// The first thing that is wrong. A sender that wants its content checked must not be told that it was.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Digests, Malformed> {
        let mut digests = Digests::default();
        for (key, value) in dictionary(lines)? {
            match key.as_str() {
                "sha-256" => once(&mut digests.sha256, digest(value)?)?,
                "sha-512" => once(&mut digests.sha512, digest(value)?)?,
                _ => {}
            }
        }
        Ok(digests)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.sha512.is_none()
    }
}

fn digest<const N: usize>(value: Value) -> Result<[u8; N], Malformed> {
    match value {
        Value::Bytes(bytes) => bytes.try_into().map_err(|_| Malformed::NotADigest),
        Value::Integer(_) | Value::Other => Err(Malformed::NotADigest),
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed::Twice),
    }
}

impl fmt::Display for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha256 = self.sha256.map(|digest| format!("sha-256=:{}:", STANDARD.encode(digest)));
        let sha512 = self.sha512.map(|digest| format!("sha-512=:{}:", STANDARD.encode(digest)));
        let members: Vec<String> = sha256.into_iter().chain(sha512).collect();
        f.write_str(&members.join(", "))
    }
}

/// `Want-Content-Digest` or `Want-Repr-Digest` (section 4): how much each algorithm is wanted, 1 to 10; 0 is not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// SHA-256.
    pub sha256: Option<u8>,
    /// SHA-512.
    pub sha512: Option<u8>,
}

impl Wanted {
    /// Reads all lines of the field.
    ///
    /// # Errors
    /// The first thing that is wrong; a server may as well go on as if the field were not there.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Wanted, Malformed> {
        let mut wanted = Wanted::default();
        for (key, value) in dictionary(lines)? {
            match key.as_str() {
                "sha-256" => once(&mut wanted.sha256, preference(&value)?)?,
                "sha-512" => once(&mut wanted.sha512, preference(&value)?)?,
                _ => {}
            }
        }
        Ok(wanted)
    }
}

fn preference(value: &Value) -> Result<u8, Malformed> {
    match value {
        Value::Integer(number) => u8::try_from(*number).ok().filter(|number| *number <= 10),
        Value::Bytes(_) | Value::Other => None,
    }
    .ok_or(Malformed::NotAPreference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Digests, Malformed> {
        Digests::parse([text.as_bytes()])
    }

    /// RFC 9530 appendix B.1: the digests of `{"hello": "world"}` and a line feed.
    const SHA256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    /// RFC 9530 section 2, of the same content.
    const SHA512: &str =
        "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";

    #[test]
    fn the_fields_of_the_standard_are_read_and_written() {
        let both = parse(&format!("{SHA256}, {SHA512}")).unwrap();
        assert_eq!(both.sha256.map(|digest| digest[..2].to_vec()), Some(vec![0x44, 0xaf]));
        assert_eq!(both.sha512.map(|digest| digest[..2].to_vec()), Some(vec![0x60, 0xc0]));
        assert_eq!(both.to_string(), format!("{SHA256}, {SHA512}"));
        assert_eq!(Digests::parse([SHA512.as_bytes(), SHA256.as_bytes()]), Ok(both));
        assert_eq!(parse(SHA256).unwrap().to_string(), SHA256);
    }

    #[test]
    fn other_algorithms_are_passed_over() {
        assert!(parse("md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, unixsum=:AGE=:, future=(1 2);x").unwrap().is_empty());
        assert!(!parse(&format!("new=:AA==:, {SHA256}")).unwrap().is_empty());
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        assert_eq!(parse("sha-256=:AAAA:"), Err(Malformed::NotADigest));
        assert_eq!(parse("sha-256=\"RK\""), Err(Malformed::NotADigest));
        assert_eq!(parse("sha-512=7"), Err(Malformed::NotADigest));
        assert_eq!(parse("sha-256"), Err(Malformed::NotADigest));
        assert_eq!(parse(&format!("{SHA256}, {SHA256}")), Err(Malformed::Twice));
        assert_eq!(parse("sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="), Err(Malformed::Syntax { at: 51 }));
    }

    #[test]
    fn a_receiver_may_want_digests() {
        let wanted = |text: &str| Wanted::parse([text.as_bytes()]);
        assert_eq!(wanted("sha-512=3, sha-256=10, unixsum=0"), Ok(Wanted { sha256: Some(10), sha512: Some(3) }));
        assert_eq!(wanted("sha-256=11"), Err(Malformed::NotAPreference));
        assert_eq!(wanted("sha-256=-1"), Err(Malformed::NotAPreference));
        assert_eq!(wanted("sha-256"), Err(Malformed::NotAPreference));
    }
}
