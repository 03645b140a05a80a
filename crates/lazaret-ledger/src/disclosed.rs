//! What a receipt may open: where in the facts a commitment stands, under which label it is opened, and in what form the value
//! stands behind it.
//!
//! Labels and nonces are not signed. The table of places keeps a manifest from being shown as the content; the forms keep a
//! value from being understood by halves, and say where its nonce stands. Both are closed: what a later gate opens at another
//! place, or in another form, is refused and not guessed. `docs/book/receipt-format.md`, section 8, says the same.

use crate::cbor::{NotDeterministic, Reader};

/// The label of the commitment to an object's bytes. Its nonce is the object's id, its value the SHA-256 of the plaintext.
pub const CONTENT: &str = "content";
/// The label of the commitment to what the sender said, and what arrived.
pub const MANIFEST: &str = "manifest";
/// The label of the commitment to a voter's words.
pub const REASON: &str = "reason";

/// The places in which the facts of today hold a commitment: the kind, the key of its map, and the label under which a receipt
/// opens it.
pub const PLACES: &[(&str, u64, &str)] = &[
    ("transfer_arrived.v1", 8, CONTENT),
    ("transfer_arrived.v1", 9, MANIFEST),
    ("transfer_inspected.v1", 1, CONTENT),
    ("transfer_released.v1", 2, CONTENT),
    ("transfer_delivered.v1", 3, CONTENT),
    ("approved.v1", 6, REASON),
    ("rejected.v1", 6, REASON),
];

/// The places in which the facts of today hold the object's id, which is the nonce of its content.
pub const OBJECTS: &[(&str, u64)] = &[("transfer_arrived.v1", 1), ("transfer_released.v1", 1)];

/// One opened commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disclosed {
    /// `content`: the SHA-256 of the object's plaintext.
    Content([u8; 32]),
    /// `manifest`.
    Manifest(Manifest),
    /// `reason`.
    Reason(Reason),
}

/// What the sender said it is, and what arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The path on the lane, `dir/name`.
    pub path: String,
    /// Bytes that arrived.
    pub size_bytes: u64,
    /// SHA-256 of what arrived.
    pub sha256: [u8; 32],
    /// The media type that the sender named, if any.
    pub media_type: Option<String>,
    /// Whether the sender announced the SHA-256 before.
    pub was_announced: bool,
    /// The nonce of the commitment to this manifest.
    pub nonce: [u8; 16],
}

/// What stands behind a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The nonce of the commitment to this reason.
    pub nonce: [u8; 16],
    /// The voter's words; empty where they gave none.
    pub text: String,
    /// What the voter's passkey signed; none for a vote by other means.
    pub assertion: Option<Assertion>,
}

/// What a voter's passkey signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// The credential as the browser gave it (Web Authentication Level 3, section 5.1), as JSON.
    pub json: String,
    /// What was drawn for this vote and went into the challenge.
    pub drawn: Vec<u8>,
}

impl Disclosed {
    /// Reads the value that a receipt shows under a label. What is accepted is the one spelling of what it says.
    ///
    /// # Errors
    /// A form that is not the label's, or a label that is not known.
    pub fn parse(label: &str, value: &[u8]) -> Result<Disclosed, NotDeterministic> {
        match label {
            CONTENT => value.try_into().map(Disclosed::Content).map_err(|_| NotDeterministic::Unexpected),
            MANIFEST => Manifest::read(value).map(Disclosed::Manifest),
            REASON => Reason::read(value).map(Disclosed::Reason),
            _ => Err(NotDeterministic::Unexpected),
        }
    }
}

impl Manifest {
    fn read(value: &[u8]) -> Result<Manifest, NotDeterministic> {
        let mut reader = Reader::new(value);
        let has_media_type = reader.map_with_option(5)?;
        reader.exactly(0)?;
        let path = reader.text()?.to_owned();
        reader.exactly(1)?;
        let size_bytes = reader.uint()?;
        reader.exactly(2)?;
        let sha256 = reader.bytes_of()?;
        let media_type = if has_media_type {
            reader.exactly(3)?;
            Some(reader.text()?.to_owned())
        } else {
            None
        };
        reader.exactly(4)?;
        let announced = reader.bytes()?;
        // What is not what was announced does not arrive, so nothing else can stand here.
        if !announced.is_empty() && announced != sha256 {
            return Err(NotDeterministic::Unexpected);
        }
        reader.exactly(5)?;
        let nonce = reader.bytes_of()?;
        reader.end()?;
        Ok(Manifest { path, size_bytes, sha256, media_type, was_announced: !announced.is_empty(), nonce })
    }
}

impl Reason {
    fn read(value: &[u8]) -> Result<Reason, NotDeterministic> {
        let mut reader = Reader::new(value);
        let has_assertion = reader.map_with_option(2)?;
        reader.exactly(0)?;
        let nonce = reader.bytes_of()?;
        reader.exactly(1)?;
        let text = reader.text()?.to_owned();
        let assertion = if has_assertion {
            reader.exactly(2)?;
            Some(Assertion::read(&mut reader)?)
        } else {
            None
        };
        reader.end()?;
        Ok(Reason { nonce, text, assertion })
    }
}

impl Assertion {
    fn read(reader: &mut Reader<'_>) -> Result<Assertion, NotDeterministic> {
        if reader.map()? != 2 {
            return Err(NotDeterministic::Unexpected);
        }
        reader.exactly(0)?;
        let json = reader.text()?.to_owned();
        reader.exactly(1)?;
        Ok(Assertion { json, drawn: reader.bytes()?.to_vec() })
    }
}
