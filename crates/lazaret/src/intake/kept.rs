//! Kept uploads at rest: what is known of one, and how it ends. What is done to one while bytes arrive is `receiving`'s.

use std::sync::Arc;

use lazaret_core::id::{Credential, Id, Object, Transfer};
use lazaret_core::transfer::{Channel, TransferKind};
use lazaret_store::side::Upload;
use lazaret_vault::SubjectKey;
use lazaret_vault::broker::Holder;
use minicbor::{Decode, Encode};

use super::writers::Turn;
use crate::error::Result;
use crate::gate::Gate;
use crate::particulars::{from_cbor, to_cbor};

/// The label under which an upload's particulars are sealed.
const UPLOAD_LABEL: &str = "upload";

/// What the sender said beside the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Said {
    /// The media type.
    #[n(0)]
    pub media_type: Option<String>,
    /// SHA-256; empty if none was announced.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sha256: Vec<u8>,
    /// Modification time, in seconds since 1970.
    #[n(2)]
    pub mtime_s: Option<u64>,
    /// Permission bits.
    #[n(3)]
    pub mode: Option<u32>,
    /// `Upload-Metadata` as it was sent, for tus to give back.
    #[n(4)]
    pub tus_metadata: Option<String>,
    /// `Upload-Concat` as it was sent.
    #[n(5)]
    pub tus_concat: Option<String>,
    /// The credential of whoever made the upload, where its URL alone is the right to go on with it.
    #[n(6)]
    pub credential: Option<Id<Credential>>,
}

/// The particulars of an upload that can be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Particulars {
    #[n(0)]
    pub(super) lane: String,
    #[n(1)]
    pub(super) path: String,
    #[n(2)]
    pub(super) channel: Channel,
    #[n(3)]
    pub(super) kind: TransferKind,
    #[n(4)]
    pub(super) key: Option<String>,
    #[n(5)]
    pub(super) said: Said,
}

impl Particulars {
    /// Sealed under the key of the transfer that the upload will be.
    pub(super) fn seal(&self, key: &SubjectKey) -> Result<Vec<u8>> {
        Ok(key.seal(UPLOAD_LABEL, &to_cbor(self))?)
    }
}

/// Ends a kept upload, whose turn the caller has: its place is free, its object is destroyed. Whether it was open still:
/// what arrived meanwhile stays.
///
/// # Errors
/// A fault of disk or store.
pub async fn drop_kept(gate: &Gate, turn: Turn) -> Result<bool> {
    let id = turn.upload();
    let Some((transfer, object)) = gate.write(move |tx| tx.side().end_upload(id)).await? else { return Ok(false) };
    gate.quota.forget(id);
    discard(gate, object, Some(transfer)).await?;
    Ok(true)
}

/// Destroys an object, unless a transfer or an open upload has it: the one way to it, whatever the caller believes. `ended`
/// is the transfer that it was to be, if that will not arrive by another attempt.
///
/// # Errors
/// A fault of disk or store; the reaper comes back to it: an object that no entry and no upload names is an orphan.
pub async fn discard(gate: &Gate, object: Id<Object>, ended: Option<Id<Transfer>>) -> Result<()> {
    match gate.write(move |tx| tx.unclaimed(object, ended)).await? {
        Some(proof) => gate.vault.discard(proof).await,
        None => Ok(()),
    }
}

/// The same for whoever cannot wait for it.
pub(super) fn discard_later(gate: &Arc<Gate>, object: Id<Object>, ended: Option<Id<Transfer>>) {
    let gate = Arc::clone(gate);
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move { drop(discard(&gate, object, ended).await) });
    }
}

/// What the sender of a kept upload said.
///
/// # Errors
/// Its key was erased.
pub fn said_of(gate: &Gate, upload: &Upload) -> Result<Said> {
    Ok(particulars_of(gate, upload)?.said)
}

/// Lane and path of a kept upload.
///
/// # Errors
/// Its key was erased.
pub fn place_of(gate: &Gate, upload: &Upload) -> Result<(String, String)> {
    let known = particulars_of(gate, upload)?;
    Ok((known.lane, known.path))
}

/// Path of a kept upload, and what its sender said of it.
///
/// # Errors
/// Its key was erased.
pub fn shown_of(gate: &Gate, upload: &Upload) -> Result<(String, Said)> {
    let known = particulars_of(gate, upload)?;
    Ok((known.path, known.said))
}

/// Everything that was said of a kept upload.
pub(super) fn particulars_of(gate: &Gate, upload: &Upload) -> Result<Particulars> {
    from_cbor(&gate.vault.open_sealed(Holder::Transfer(upload.transfer), UPLOAD_LABEL, &upload.sealed)?)
}
