//! `Upload-Metadata`: pairs of a key and a Base64 value (extension *creation*), and what a transfer needs of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::METADATA_BYTES_MAX;
use crate::path::{self, CrossingPath};
use crate::sidecar::hex_digest;

/// Bytes of a declared media type.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// What is wrong with the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataFault {
    /// More than [`METADATA_BYTES_MAX`] bytes.
    TooLong,
    /// A pair without a key, or with more than a key and a value.
    Pair,
    /// A key that is there twice.
    KeyTwice,
    /// A value that is not Base64 (RFC 4648 section 4).
    NotBase64,
    /// A key that every transfer needs is not there.
    Missing {
        /// The key.
        key: &'static str,
    },
    /// `filename` is no name that may cross.
    Name(path::Malformed),
    /// `lane` is no name of a lane.
    Lane,
    /// `filetype` is no media type.
    MediaType,
    /// `sha256` is not 64 hexadecimal digits.
    Sha256,
}

impl fmt::Display for MetadataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetadataFault::TooLong => write!(f, "Upload-Metadata is longer than {METADATA_BYTES_MAX} bytes"),
            MetadataFault::Pair => f.write_str("Upload-Metadata is not pairs of a key and a value"),
            MetadataFault::KeyTwice => f.write_str("a key of Upload-Metadata is there twice"),
            MetadataFault::NotBase64 => f.write_str("a value of Upload-Metadata is not base64"),
            MetadataFault::Missing { key } => write!(f, "Upload-Metadata has no {key}"),
            MetadataFault::Name(why) => write!(f, "filename: {why}"),
            MetadataFault::Lane => f.write_str("lane: not the name of a lane"),
            MetadataFault::MediaType => f.write_str("filetype: not a media type"),
            MetadataFault::Sha256 => f.write_str("sha256: not 64 hexadecimal digits"),
        }
    }
}

impl std::error::Error for MetadataFault {}

/// The pairs, and the header as it was sent, which HEAD gives back.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata<'a> {
    text: &'a str,
    pairs: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Metadata<'a> {
    /// Reads the header. Space around a pair is passed over; the value may be empty, with or without the space before it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &'a str) -> Result<Metadata<'a>, MetadataFault> {
        if text.len() > METADATA_BYTES_MAX {
            return Err(MetadataFault::TooLong);
        }
        let mut pairs: Vec<(&str, Vec<u8>)> = Vec::new();
        if text.trim().is_empty() {
            return Ok(Metadata { text, pairs });
        }
        for pair in text.split(',').map(str::trim) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            if key.is_empty() || value.contains(' ') {
                return Err(MetadataFault::Pair);
            }
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(MetadataFault::KeyTwice);
            }
            pairs.push((key, STANDARD.decode(value).map_err(|_| MetadataFault::NotBase64)?));
        }
        Ok(Metadata { text, pairs })
    }

    /// The header as it was sent.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs.iter().find(|(other, _)| *other == key).map(|(_, value)| value.as_slice())
    }

    /// What a transfer needs: `filename` and `lane`; `filetype` and `sha256` if they are there. Other keys are kept and
    /// mean nothing.
    ///
    /// # Errors
    /// A key that is missing, or whose value is not what it must be.
    pub fn manifest(&self) -> Result<Manifest, MetadataFault> {
        let name = self.get("filename").ok_or(MetadataFault::Missing { key: "filename" })?;
        let lane = self.get("lane").ok_or(MetadataFault::Missing { key: "lane" })?;
        let lane = CrossingPath::parse(lane).map_err(|_| MetadataFault::Lane)?;
        if lane.folder().is_some() {
            return Err(MetadataFault::Lane);
        }
        Ok(Manifest {
            name: CrossingPath::parse(name).map_err(MetadataFault::Name)?,
            lane: lane.name().to_owned(),
            media_type: self.get("filetype").filter(|value| !value.is_empty()).map(media_type).transpose()?,
            sha256: self.get("sha256").map(|hex| hex_digest(hex).ok_or(MetadataFault::Sha256)).transpose()?,
        })
    }
}

/// Values tell of people: only the keys are shown.
impl fmt::Debug for Metadata<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pairs.iter().map(|(key, _)| key)).finish()
    }
}

/// What the sender says about what it uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The name it is to have.
    pub name: CrossingPath,
    /// The lane it goes into, as sent; whether there is such a lane is not known here.
    pub lane: String,
    /// The media type that the sender declares.
    pub media_type: Option<String>,
    /// The SHA-256 that the whole content must have.
    pub sha256: Option<[u8; 32]>,
}

/// Printable ASCII with a slash in it; its grammar (RFC 9110 section 8.3.1) matters to nobody before inspection.
fn media_type(value: &[u8]) -> Result<String, MetadataFault> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= MEDIA_TYPE_BYTES_MAX);
    let text = text.filter(|text| text.contains('/') && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    text.map(str::to_owned).ok_or(MetadataFault::MediaType)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> String {
        let pair = |(key, value): &(&str, &str)| format!("{key} {}", STANDARD.encode(value));
        pairs.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    fn manifest(pairs: &[(&str, &str)]) -> Result<Manifest, MetadataFault> {
        Metadata::parse(&of(pairs)).unwrap().manifest()
    }

    #[test]
    fn pairs_are_read_as_the_protocol_shows_them() {
        // The protocol's own example, then a key without value, then an empty header.
        let text = "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential";
        let metadata = Metadata::parse(text).unwrap();
        assert_eq!(metadata.get("filename"), Some(b"world_domination_plan.pdf".as_slice()));
        assert_eq!(metadata.get("is_confidential"), Some(b"".as_slice()));
        assert_eq!((metadata.get("other"), metadata.as_str()), (None, text));
        assert_eq!(format!("{metadata:?}"), r#"{"filename", "is_confidential"}"#);
        assert_eq!(Metadata::parse("").unwrap(), Metadata::default());
        assert_eq!(Metadata::parse("a YQ==, b ").unwrap().get("b"), Some(b"".as_slice()));
    }

    #[test]
    fn malformed_metadata_is_refused() {
        let refused = |text: &str, fault| assert_eq!(Metadata::parse(text).err(), Some(fault), "{text}");
        refused(",", MetadataFault::Pair);
        refused("a YQ==,", MetadataFault::Pair);
        refused("a YQ== YQ==", MetadataFault::Pair);
        refused("a  YQ==", MetadataFault::Pair);
        refused("a YQ==,a Yg==", MetadataFault::KeyTwice);
        refused("a YQ", MetadataFault::NotBase64);
        refused("a YR==", MetadataFault::NotBase64);
        refused("a ****", MetadataFault::NotBase64);
        assert!(Metadata::parse(&"a".repeat(METADATA_BYTES_MAX)).is_ok());
        refused(&"a".repeat(METADATA_BYTES_MAX + 1), MetadataFault::TooLong);
    }

    #[test]
    fn a_transfer_needs_a_name_and_a_lane() {
        let whole = manifest(&[("filename", "2026/r1.csv"), ("lane", "lab-in")]).unwrap();
        assert_eq!((whole.name.as_str(), whole.lane.as_str()), ("2026/r1.csv", "lab-in"));
        assert_eq!((whole.media_type, whole.sha256), (None, None));
        let hex = "ab".repeat(32);
        let whole = manifest(&[("filename", "a"), ("lane", "b"), ("filetype", "text/csv"), ("sha256", &hex)]).unwrap();
        assert_eq!((whole.media_type.as_deref(), whole.sha256), (Some("text/csv"), Some([0xab; 32])));
        let refused = |pairs: &[(&str, &str)], fault| assert_eq!(manifest(pairs), Err(fault));
        refused(&[("lane", "b")], MetadataFault::Missing { key: "filename" });
        refused(&[("filename", "a")], MetadataFault::Missing { key: "lane" });
        refused(&[("filename", "../a"), ("lane", "b")], MetadataFault::Name(path::Malformed::Dots));
        refused(&[("filename", "a"), ("lane", "b/c")], MetadataFault::Lane);
        refused(&[("filename", "a"), ("lane", "")], MetadataFault::Lane);
        refused(&[("filename", "a"), ("lane", "b"), ("filetype", "csv")], MetadataFault::MediaType);
        refused(&[("filename", "a"), ("lane", "b"), ("sha256", "ab")], MetadataFault::Sha256);
    }
}
