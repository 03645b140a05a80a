//! Appending to a kept upload: one writer at a time, durable before the answer, and a chunk whose checksum differs is dropped
//! as if it had never come.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt as _;
use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Upload as UploadKind};
use lazaret_core::refusal::PartyCode;
use lazaret_formats::tus::{Append, Checksum, Declined};
use lazaret_store::side::{Upload, UploadState};
use sha2::Digest as _;

use super::https::piece_bytes;
use super::kept::{Said, said_of};
use super::pace::Pace;
use super::receiving::Receiving;
use super::tus::Stopped;
use super::writers::Turn;
use crate::error::Error;
use crate::gate::Gate;

/// Appends one request's content, and finishes the upload if that was the last of it.
pub(super) async fn append(
    gate: &Arc<Gate>,
    caller: &Caller,
    id: Id<UploadKind>,
    lookup: &[u8; 32],
    wanted: Append,
    body: Body,
) -> Result<(), Stopped> {
    let mut turn = gate.writers.turn(id).await.ok_or(Declined::Locked)?;
    // The turn may have been waited for: what is known now counts.
    let upload =
        gate.read(|_, side| side.upload_by_lookup(lookup)).map_err(Stopped::from)?.ok_or(Declined::NotFound)?;
    match upload.state {
        UploadState::Open => {}
        // The request before this one finished it, and its answer was lost: told where it stands, the peer sees that it did.
        UploadState::Arrived => return Err(Declined::OffsetDiffers { offset: upload.received_bytes }.into()),
        UploadState::Ended => return Err(Declined::Gone.into()),
    }
    let is_part = said_of(gate, &upload)?.tus_concat.is_some();
    let mut receiving = Receiving::resume(gate, caller, turn.clone()).await?;
    if receiving.received_bytes() != wanted.offset {
        // More survived a crash than was told: the peer goes on from there.
        let offset = receiving.save().await?;
        return Err(Declined::OffsetDiffers { offset }.into());
    }
    if let Some(length) = wanted.length {
        receiving.declare_length(length)?;
    }
    let (body, left, pace) = (body.into_data_stream(), wanted.body.bytes_max, Pace::default());
    let mut body = Content { body, left, pace, turn: &mut turn };
    let outcome = match wanted.body.checksum {
        None => plain(&mut receiving, &mut body).await,
        Some(checksum) => checked(&mut receiving, &mut body, checksum).await,
    };
    receiving.save().await?;
    outcome?;
    if !is_part && receiving.length_bytes() == Some(receiving.received_bytes()) {
        receiving.finish().await?;
    }
    Ok(())
}

/// Finishes an upload of which every byte is there and that is no transfer yet: the gate stopped in between. A client that
/// was told the last offset would take it for received.
pub(super) async fn complete(gate: &Arc<Gate>, caller: &Caller, id: Id<UploadKind>) -> Result<(), Stopped> {
    let turn = gate.writers.turn(id).await.ok_or(Declined::Locked)?;
    let upload = gate.read(|_, side| side.upload(id)).map_err(Stopped::from)?.ok_or(Declined::NotFound)?;
    if awaits_its_end(&upload, &said_of(gate, &upload)?) {
        Receiving::resume(gate, caller, turn).await?.finish().await?;
    }
    Ok(())
}

/// Whether nothing of an upload is still to come, and yet it has not arrived.
pub(super) fn awaits_its_end(upload: &Upload, said: &Said) -> bool {
    let is_whole = upload.length_bytes == Some(upload.received_bytes) && said.tus_concat.is_none();
    upload.state == UploadState::Open && is_whole
}

async fn plain(receiving: &mut Receiving, body: &mut Content<'_>) -> Result<(), Stopped> {
    while let Some(bytes) = body.next(receiving).await? {
        receiving.push(bytes).await?;
        receiving.save_now_and_then().await?;
    }
    Ok(())
}

/// The content goes into an object of its own first: no chunk of the upload is ever sealed twice, so none can be taken back.
async fn checked(receiving: &mut Receiving, body: &mut Content<'_>, checksum: Checksum) -> Result<(), Stopped> {
    let mut scratch = receiving.scratch().await?;
    let mut hash = Hash::of(&checksum);
    while let Some(bytes) = body.next(receiving).await? {
        hash.update(&bytes);
        scratch.push(bytes).await?;
    }
    if !hash.is(&checksum) {
        return Err(Declined::ChecksumDiffers.into());
    }
    Ok(receiving.take(scratch).await?)
}

/// A request's content, held to its length and to the peer's patience.
struct Content<'t> {
    body: BodyDataStream,
    left: u64,
    pace: Pace,
    turn: &'t mut Turn,
}

impl Content<'_> {
    async fn next(&mut self, receiving: &Receiving) -> Result<Option<Bytes>, Stopped> {
        let next = tokio::select! {
            refusal = receiving.isolated() => return Err(refusal.into()),
            next = self.pace.next(self.body.next(), piece_bytes) => next?,
            () = self.turn.given_up() => return Err(Declined::Locked.into()),
        };
        let broken = |detail: String| Stopped::Error(Error::malformed(PartyCode::Unfinished, detail));
        match next {
            None => Ok(None),
            Some(Err(error)) => Err(broken(error.to_string())),
            Some(Ok(bytes)) => {
                self.left = self.left.checked_sub(bytes.len() as u64).ok_or(Declined::BeyondLength)?;
                Ok(Some(bytes))
            }
        }
    }
}

enum Hash {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Hash {
    fn of(checksum: &Checksum) -> Hash {
        match checksum {
            Checksum::Sha1(_) => Hash::Sha1(sha1::Sha1::new()),
            Checksum::Sha256(_) => Hash::Sha256(sha2::Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Sha1(hash) => hash.update(bytes),
            Hash::Sha256(hash) => hash.update(bytes),
        }
    }

    fn is(self, checksum: &Checksum) -> bool {
        match (self, checksum) {
            (Hash::Sha1(hash), Checksum::Sha1(wanted)) => hash.finalize().as_slice() == wanted.as_slice(),
            (Hash::Sha256(hash), Checksum::Sha256(wanted)) => hash.finalize().as_slice() == wanted.as_slice(),
            (Hash::Sha1(_), Checksum::Sha256(_)) | (Hash::Sha256(_), Checksum::Sha1(_)) => false,
        }
    }
}
