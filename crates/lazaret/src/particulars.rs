//! Particulars: what is personal or guessable about a transfer, a party or a person. Sealed under the subject's own key, so
//! that erasing the key erases them everywhere, and bound to the ledger by keyed commitments.

use std::sync::Arc;

use lazaret_core::digest::Commitment;
use lazaret_core::id::{Id, Party, Person, Transfer};
use lazaret_formats::path::CrossingPath;
use lazaret_store::Side;
use lazaret_vault::SubjectKey;
use lazaret_vault::broker::Holder;
use minicbor::{Decode, Encode};

use crate::error::{Error, Result};
use crate::vault::Vault;

pub use lazaret_ledger::disclosed::{CONTENT as CONTENT_LABEL, MANIFEST as MANIFEST_LABEL, REASON as REASON_LABEL};

/// What the sender says it is, and what arrived. Its bytes are what the arrival commits to; they never change. Receipts show
/// them, and whoever verifies one reads no other form: `docs/book/receipt-format.md`, section 8.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Manifest {
    /// The path on the lane, `dir/name`.
    #[n(0)]
    pub path: String,
    /// Bytes that arrived.
    #[n(1)]
    pub size_bytes: u64,
    /// SHA-256 of what arrived; empty while it is arriving.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub sha256: Vec<u8>,
    /// The media type that the sender named.
    #[n(3)]
    pub media_type: Option<String>,
    /// SHA-256 that the sender announced; empty if none was.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub announced_sha256: Vec<u8>,
    /// The nonce of the commitment to this very manifest.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: Vec<u8>,
}

/// What is kept of a transfer beside its object: the committed manifest, what opens the commitments, and how the sender
/// wants it shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Kept {
    /// The manifest's bytes, as committed.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub manifest: Vec<u8>,
    /// The key that opens the content's commitment; its nonce is the object's id.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub content_key: Vec<u8>,
    /// The label: the path under which the sender's directory shows it.
    #[n(2)]
    pub path: String,
    /// Modification time that the sender set, in seconds since 1970.
    #[n(3)]
    pub mtime_s: Option<u64>,
    /// Permission bits that the sender set.
    #[n(4)]
    pub mode: Option<u32>,
}

impl Kept {
    /// The manifest.
    ///
    /// # Errors
    /// Not what was written.
    pub fn manifest(&self) -> Result<Manifest> {
        from_cbor(&self.manifest)
    }

    /// The last part of the label.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// A party's or person's name and contact.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Label {
    /// What people call them.
    #[n(0)]
    pub name: String,
    /// Where to reach them.
    #[n(1)]
    pub contact: Option<String>,
}

/// What stands behind a vote, with the nonce of its commitment: the words, and what the voter's passkey signed. Receipts show
/// its bytes, as those of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Note {
    /// The nonce.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: Vec<u8>,
    /// The words.
    #[n(1)]
    pub text: String,
    /// The passkey's assertion; none for a vote by other means.
    #[n(2)]
    pub assertion: Option<Assertion>,
}

/// What a voter's passkey signed: whoever has its public key can check the vote again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Assertion {
    /// The credential as the browser gave it (Web Authentication Level 3, section 5.1), as JSON.
    #[n(0)]
    pub json: String,
    /// What was drawn for this vote and went into the challenge.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub drawn: Vec<u8>,
}

/// Seals, opens and finds particulars.
#[derive(Debug)]
pub struct Particulars {
    vault: Arc<Vault>,
}

impl Particulars {
    pub(crate) fn new(vault: Arc<Vault>) -> Particulars {
        Particulars { vault }
    }

    /// What is kept of a transfer.
    ///
    /// # Errors
    /// There is none, or it was erased.
    pub fn kept(&self, side: &Side<'_>, transfer: Id<Transfer>) -> Result<Kept> {
        let sealed = side.manifest(transfer)?.ok_or_else(|| Error::internal("a transfer without manifest"))?;
        self.open_kept(transfer, &sealed)
    }

    /// Opens what is kept of a transfer.
    ///
    /// # Errors
    /// Erased, or not what was sealed.
    pub fn open_kept(&self, transfer: Id<Transfer>, sealed: &[u8]) -> Result<Kept> {
        self.open(Holder::Transfer(transfer), MANIFEST_LABEL, sealed)
    }

    /// Seals what is kept of a transfer, under its key already at hand.
    ///
    /// # Errors
    /// The vault's fault.
    pub fn seal_kept(key: &SubjectKey, kept: &Kept) -> Result<Vec<u8>> {
        Ok(key.seal(MANIFEST_LABEL, &to_cbor(kept))?)
    }

    /// Seals any particular under its holder's key.
    ///
    /// # Errors
    /// The vault's fault.
    pub fn seal<T: Encode<()>>(&self, holder: Holder, label: &str, value: &T) -> Result<Vec<u8>> {
        self.vault.seal(holder, label, &to_cbor(value))
    }

    /// Opens any particular.
    ///
    /// # Errors
    /// Erased, or not what was sealed.
    pub fn open<T: for<'b> Decode<'b, ()>>(&self, holder: Holder, label: &str, sealed: &[u8]) -> Result<T> {
        from_cbor(&self.vault.open_sealed(holder, label, sealed)?)
    }

    /// The name of a party; its id where it was erased or never given.
    pub fn party_name(&self, side: &Side<'_>, party: Id<Party>) -> String {
        let label = side.label(party.cast()).ok().flatten();
        label.and_then(|sealed| self.label(Holder::Party(party), &sealed)).unwrap_or_else(|| party.to_string())
    }

    /// The name of a person; their id where it was erased or never given.
    pub fn person_name(&self, side: &Side<'_>, person: Id<Person>) -> String {
        let label = side.label(person.cast()).ok().flatten();
        label.and_then(|sealed| self.label(Holder::Person(person), &sealed)).unwrap_or_else(|| person.to_string())
    }

    /// Seals a name and contact.
    ///
    /// # Errors
    /// The vault's fault.
    pub fn seal_label(&self, holder: Holder, label: &Label) -> Result<Vec<u8>> {
        self.seal(holder, "label", label)
    }

    fn label(&self, holder: Holder, sealed: &[u8]) -> Option<String> {
        self.open::<Label>(holder, "label", sealed).ok().map(|label| label.name)
    }

    /// Keyed digest of (party, lane, path): finds a name again without storing it. Names are compared in Unicode's Normal
    /// Form C, so that `é` sent as one character and as two is one name.
    pub fn name_key(&self, party: Id<Party>, lane: &str, path: &str) -> [u8; 32] {
        let key = |path: &str| self.vault.index(&[b"name", party.as_bytes(), lane.as_bytes(), path.as_bytes()]);
        if path.is_ascii() {
            return key(path);
        }
        CrossingPath::parse(path.as_bytes()).map_or_else(|_| key(path), |parsed| key(parsed.nfc()))
    }

    /// Keyed digest of a peer's own key for an act.
    pub fn natural_key(&self, party: Id<Party>, kind: &str, key: &str) -> [u8; 32] {
        self.vault.index(&[b"key", party.as_bytes(), kind.as_bytes(), key.as_bytes()])
    }

    /// Keyed digest of a plaintext digest: equal marks are equal bytes.
    pub fn mark(&self, sha256: &[u8]) -> Commitment {
        Commitment::from_bytes(self.vault.index(&[b"mark", sha256]))
    }
}

/// CBOR of a particular.
pub(crate) fn to_cbor<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    let written = minicbor::encode(value, &mut out);
    assert!(written.is_ok(), "writing CBOR into memory cannot fail");
    out
}

/// Reads a particular back.
///
/// # Errors
/// Not what was written.
pub(crate) fn from_cbor<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T> {
    minicbor::decode(bytes).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use lazaret_ledger::disclosed::{self, Disclosed};

    use super::*;

    #[test]
    fn a_manifest_reads_in_a_receipt_as_it_was_committed() {
        let kept = |media_type: Option<&str>, announced: bool| Manifest {
            path: "2026/bericht-ü.pdf".to_owned(),
            size_bytes: 70_000,
            sha256: vec![7; 32],
            media_type: media_type.map(str::to_owned),
            announced_sha256: vec![7; if announced { 32 } else { 0 }],
            nonce: vec![9; 16],
        };
        for (media_type, was_announced) in
            [(None, false), (None, true), (Some("application/pdf"), true), (Some(""), false)]
        {
            let shown = Disclosed::parse(MANIFEST_LABEL, &to_cbor(&kept(media_type, was_announced)));
            let expected = disclosed::Manifest {
                path: "2026/bericht-ü.pdf".to_owned(),
                size_bytes: 70_000,
                sha256: [7; 32],
                media_type: media_type.map(str::to_owned),
                was_announced,
                nonce: [9; 16],
            };
            assert_eq!(shown, Ok(Disclosed::Manifest(expected)));
        }
    }

    #[test]
    fn a_voters_words_read_in_a_receipt_as_they_were_committed() {
        for text in ["", "tested\nwith the maker"] {
            for assertion in [None, Some(Assertion { json: "{}".to_owned(), drawn: vec![1; 32] })] {
                let note = Note { nonce: vec![9; 16], text: text.to_owned(), assertion: assertion.clone() };
                let expected = disclosed::Reason {
                    nonce: [9; 16],
                    text: text.to_owned(),
                    assertion: assertion.map(|Assertion { json, drawn }| disclosed::Assertion { json, drawn }),
                };
                assert_eq!(Disclosed::parse(REASON_LABEL, &to_cbor(&note)), Ok(Disclosed::Reason(expected)));
            }
        }
    }
}
