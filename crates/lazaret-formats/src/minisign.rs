//! minisign's text files (jedisct1/minisign, "minisign signature format"): public keys and signatures, read apart.
//!
//! No cryptography happens here. Whoever verifies takes [`Signature::signature`] over the content (or its BLAKE2b-512, see
//! [`Algorithm`]) and then [`Signature::global_signature`] over signature and trusted comment together.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a file: minisign's own limits on comments, and the rest.
pub const FILE_BYTES_MAX: usize = 16_384;
/// Bytes of the untrusted comment, its prefix not counted.
pub const COMMENT_BYTES_MAX: usize = 1_024;
/// Bytes of the trusted comment, its prefix not counted.
pub const TRUSTED_COMMENT_BYTES_MAX: usize = 8_192;

const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// More than [`FILE_BYTES_MAX`] bytes, or a comment over its limit.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// Fewer lines than it must have.
    Short,
    /// More lines than it may have.
    Trailing,
    /// A line that does not begin with its kind of comment.
    Comment,
    /// A line that is not Base64 of the right length.
    NotBase64,
    /// An algorithm that is neither `Ed` nor `ED`.
    Algorithm,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::TooLong => "the minisign file or a comment in it is too long",
            Malformed::NotUtf8 => "the minisign file is not UTF-8",
            Malformed::Short => "the minisign file lacks a line",
            Malformed::Trailing => "the minisign file has lines that do not belong to it",
            Malformed::Comment => "a line of the minisign file is not the comment that belongs there",
            Malformed::NotBase64 => "a line of the minisign file is not base64 of the right length",
            Malformed::Algorithm => "the minisign file names an unknown algorithm",
        })
    }
}

impl std::error::Error for Malformed {}

/// A key's identity, by which a signature names its key. Not a proof of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

/// Sixteen digits, as minisign shows them: the number is little-endian.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// What was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `Ed`: Ed25519 over the content itself.
    Legacy,
    /// `ED`: Ed25519 over the content's BLAKE2b-512.
    Prehashed,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Its identity.
    pub key_id: KeyId,
    /// Ed25519 public key (RFC 8032).
    pub key: [u8; 32],
    /// What its owner wrote beside it; anyone could have.
    pub untrusted_comment: Option<String>,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What was signed.
    pub algorithm: Algorithm,
    /// The key that it names.
    pub key_id: KeyId,
    /// Ed25519 signature of the content, or of its hash.
    pub signature: [u8; 64],
    /// Ed25519 signature of `signature` and `trusted_comment` together.
    pub global_signature: [u8; 64],
    /// What stands beside it; anyone could have written it.
    pub untrusted_comment: String,
    /// What the signer says about it: to be believed once `global_signature` holds.
    pub trusted_comment: String,
}

impl PublicKey {
    /// Reads a key file, or the one line of Base64 by which people pass keys on.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(bytes: &[u8]) -> Result<PublicKey, Malformed> {
        let lines = lines(bytes)?;
        let (untrusted_comment, key) = match lines.as_slice() {
            [key] => (None, *key),
            [first, key] => (Some(comment(first, UNTRUSTED, COMMENT_BYTES_MAX)?), *key),
            [] => return Err(Malformed::Short),
            _ => return Err(Malformed::Trailing),
        };
        let decoded: [u8; 42] = decode(key)?;
        let (algorithm, key_id, key) = split(&decoded)?;
        // A key has no hash: `Ed` is the only word for it.
        if algorithm != Algorithm::Legacy {
            return Err(Malformed::Algorithm);
        }
        Ok(PublicKey { key_id, key, untrusted_comment })
    }
}

impl Signature {
    /// Reads a signature file: four lines.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Signature, Malformed> {
        let lines = lines(bytes)?;
        let [untrusted, signature, trusted, global] = lines.as_slice() else {
            return Err(if lines.len() < 4 { Malformed::Short } else { Malformed::Trailing });
        };
        let decoded: [u8; 74] = decode(signature)?;
        let (algorithm, key_id, signature) = split(&decoded)?;
        Ok(Signature {
            algorithm,
            key_id,
            signature,
            global_signature: decode(global)?,
            untrusted_comment: comment(untrusted, UNTRUSTED, COMMENT_BYTES_MAX)?,
            trusted_comment: comment(trusted, TRUSTED, TRUSTED_COMMENT_BYTES_MAX)?,
        })
    }
}

/// Lines without their ends; blank ones at the end do not count.
fn lines(bytes: &[u8]) -> Result<Vec<&str>, Malformed> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)?;
    let mut lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    Ok(lines)
}

/// The trusted comment is signed, so every byte of it counts: nothing is trimmed.
fn comment(line: &str, prefix: &str, bytes_max: usize) -> Result<String, Malformed> {
    let text = line.strip_prefix(prefix).ok_or(Malformed::Comment)?;
    if text.len() > bytes_max { Err(Malformed::TooLong) } else { Ok(text.to_owned()) }
}

fn decode<const N: usize>(line: &str) -> Result<[u8; N], Malformed> {
    STANDARD.decode(line).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Malformed::NotBase64)
}

/// Two bytes of algorithm, eight of key id, and the rest.
fn split<const N: usize>(decoded: &[u8]) -> Result<(Algorithm, KeyId, [u8; N]), Malformed> {
    let (algorithm, rest) = decoded.split_first_chunk::<2>().ok_or(Malformed::NotBase64)?;
    let (key_id, rest) = rest.split_first_chunk::<8>().ok_or(Malformed::NotBase64)?;
    let algorithm = match algorithm {
        b"Ed" => Algorithm::Legacy,
        b"ED" => Algorithm::Prehashed,
        _ => return Err(Malformed::Algorithm),
    };
    Ok((algorithm, KeyId(*key_id), rest.try_into().map_err(|_| Malformed::NotBase64)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the signature of the file `test`, with which minisign's verifiers are tested.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
        RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\n\
        trusted comment: timestamp:1555779966\tfile:test\n\
        QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==";

    const PREHASHED: &str = "untrusted comment: signature from minisign secret key\n\
        RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n\
        trusted comment: timestamp:1556193335\tfile:test\n\
        y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n";

    fn lines_of(change: impl FnOnce(&mut Vec<String>)) -> String {
        let mut lines: Vec<String> = SIGNATURE.lines().map(str::to_owned).collect();
        change(&mut lines);
        lines.join("\n")
    }

    fn refused(text: &str, why: Malformed) {
        assert_eq!(Signature::parse(text.as_bytes()), Err(why), "{text}");
    }

    #[test]
    fn keys_are_read_from_a_file_or_a_line() {
        let line = PublicKey::parse(KEY.as_bytes()).unwrap();
        assert_eq!(line.key_id.to_string(), "E7620F1842B4E81F");
        let text = format!("untrusted comment: minisign public key E7620F1842B4E81F\r\n{KEY}\r\n\n");
        let file = PublicKey::parse(text.as_bytes()).unwrap();
        assert_eq!((file.key, file.key_id), (line.key, line.key_id));
        assert_eq!(file.untrusted_comment.as_deref(), Some("minisign public key E7620F1842B4E81F"));
        assert_eq!(line.key[..2], [0x79, 0xa5]);
    }

    #[test]
    fn signatures_are_read_with_their_comments() {
        for text in [SIGNATURE.to_owned(), format!("{SIGNATURE}\n"), SIGNATURE.replace('\n', "\r\n")] {
            let signature = Signature::parse(text.as_bytes()).unwrap();
            assert_eq!(signature.algorithm, Algorithm::Legacy);
            assert_eq!(signature.key_id.to_string(), "E7620F1842B4E81F");
            assert_eq!(signature.trusted_comment, "timestamp:1555779966\tfile:test");
            assert_eq!(signature.untrusted_comment, "signature from minisign secret key");
            assert_eq!((signature.signature[0], signature.global_signature[0]), (0xd4, 0x42));
        }
        let prehashed = Signature::parse(PREHASHED.as_bytes()).unwrap();
        assert_eq!(prehashed.algorithm, Algorithm::Prehashed);
        assert_eq!(prehashed.key_id.to_string(), "E7620F1842B4E81F");
        let mut bytes = STANDARD.decode(SIGNATURE.lines().nth(1).unwrap()).unwrap();
        bytes[0] = b'X';
        refused(&lines_of(|lines| lines[1] = STANDARD.encode(&bytes)), Malformed::Algorithm);
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        refused("", Malformed::Short);
        refused(&lines_of(|lines| drop(lines.pop())), Malformed::Short);
        refused(&lines_of(|lines| lines.push("more".into())), Malformed::Trailing);
        refused(&lines_of(|lines| lines[0] = "comment: x".into()), Malformed::Comment);
        refused(&lines_of(|lines| lines[2] = "untrusted comment: x".into()), Malformed::Comment);
        refused(&lines_of(|lines| lines.swap(1, 3)), Malformed::NotBase64);
        refused(&lines_of(|lines| lines[3].push(' ')), Malformed::NotBase64);
        refused(&lines_of(|lines| lines[2] = format!("{TRUSTED}{}", "x".repeat(8_193))), Malformed::TooLong);
        assert_eq!(Signature::parse(b"\xff"), Err(Malformed::NotUtf8));
        assert_eq!(Signature::parse(&[b'a'; FILE_BYTES_MAX + 1]), Err(Malformed::TooLong));
        let of_key = |text: &str| PublicKey::parse(text.as_bytes()).unwrap_err();
        assert_eq!(of_key(""), Malformed::Short);
        assert_eq!(of_key(&format!("{KEY}\n{KEY}")), Malformed::Comment);
        assert_eq!(of_key(SIGNATURE), Malformed::Trailing);
        assert_eq!(of_key("RWQf"), Malformed::NotBase64);
    }
}
