//! Particulars: small encrypted fields, and the keyed commitments that bind them to the ledger (`assurance.md` section 1.1).

use std::sync::Arc;

use lazaret_core::digest::Commitment;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::key::{ALG_AES_256_GCM, KEY_BYTES, Key, hmac};
use crate::random::{Random, draw};

const FIELD_INFO: &[u8] = b"lazaret/field/v1\x00";
const COMMIT_INFO: &[u8] = b"lazaret/commit/v1\x00";
/// Plaintext bytes of one field at most.
pub const FIELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of a commitment's nonce, kept with its particular.
pub const COMMIT_NONCE_BYTES: usize = 16;

/// A commitment with the one key that opens it. Showing `key`, nonce and value to someone opens this commitment alone.
pub struct Bound {
    /// What the fact carries.
    pub commitment: Commitment,
    /// `k_c`: kept with the particular, shown in receipts to the side that may see the value.
    pub key: Zeroizing<[u8; KEY_BYTES]>,
}

/// The key of one transfer's, party's or person's particulars. It has no `Debug` and is wiped when dropped.
pub struct SubjectKey {
    key: Key,
    random: Arc<dyn Random>,
}

impl SubjectKey {
    pub(crate) fn new(key: Key, random: Arc<dyn Random>) -> SubjectKey {
        SubjectKey { key, random }
    }

    /// Seals a field. `label` says which field it is, so that no field opens in another's place; it has no NUL.
    ///
    /// # Errors
    /// [`Fault::Random`], or [`Fault::TooLarge`] above [`FIELD_BYTES_MAX`].
    pub fn seal(&self, label: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        seal(&self.key, self.random.as_ref(), label, plain)
    }

    /// Opens a field that was sealed under this label.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] for any other bytes, label or key.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        open(&self.key, label, sealed)
    }

    /// The commitment to a value under a nonce that the caller keeps with it.
    pub fn commit(&self, label: &str, nonce: &[u8; COMMIT_NONCE_BYTES], value: &[u8]) -> Bound {
        commit(&self.key, label, nonce, value)
    }

    /// A fresh nonce for [`SubjectKey::commit`].
    ///
    /// # Errors
    /// [`Fault::Random`].
    pub fn commit_nonce(&self) -> Result<[u8; COMMIT_NONCE_BYTES], Fault> {
        draw(self.random.as_ref())
    }
}

fn check_label(label: &str) {
    assert!(
        !label.is_empty() && !label.contains('\0'),
        "a label is not empty and has no NUL: the info string is parsed by it"
    );
}

pub(crate) fn seal(key: &Key, random: &dyn Random, label: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
    check_label(label);
    if plain.len() > FIELD_BYTES_MAX {
        return Err(Fault::TooLarge { object_size_max: FIELD_BYTES_MAX as u64 });
    }
    let body = key.expand(&[FIELD_INFO, label.as_bytes()]).aead().seal(random, &[ALG_AES_256_GCM], plain)?;
    let mut out = Vec::with_capacity(1 + body.len());
    out.push(ALG_AES_256_GCM);
    out.extend_from_slice(&body);
    Ok(out)
}

pub(crate) fn open(key: &Key, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    check_label(label);
    match sealed.split_first() {
        Some((&ALG_AES_256_GCM, body)) => {
            key.expand(&[FIELD_INFO, label.as_bytes()]).aead().open(&[ALG_AES_256_GCM], body)
        }
        Some(_) | None => Err(Fault::Corrupt),
    }
}

pub(crate) fn commit(key: &Key, label: &str, nonce: &[u8; COMMIT_NONCE_BYTES], value: &[u8]) -> Bound {
    check_label(label);
    let opening = key.expand(&[COMMIT_INFO, label.as_bytes(), &[0], nonce]);
    let commitment = Commitment::from_bytes(hmac(&opening, value));
    Bound { commitment, key: opening.into_bytes() }
}
