//! Appending to a kept upload: one writer at a time, durable before the answer, and a chunk whose checksum differs is dropped
//! as if it had never come.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt as _;
use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Upload as UploadKind};
use lazaret_core::refusal::PartyCode;
use lazaret_formats::tus::{Append, Checksum, Declined};
use lazaret_store::side::UploadState;
use sha2::Digest as _;

use super::receiving::{Receiving, said_of};
use super::tus::Stopped;
use super::writers::Turn;
use crate::error::Error;
use crate::gate::Gate;

/// A body that brings nothing for this long is given up; what came stays.
const IDLE_MAX: Duration = Duration::from_secs(5 * 60);

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
    if upload.state != UploadState::Open {
        return Err(Declined::Gone.into());
    }
    let is_part = said_of(gate, &upload)?.tus_concat.is_some();
    let mut receiving = Receiving::resume(gate, caller, &upload).await?;
    if receiving.received_bytes() != wanted.offset {
        // More survived a crash than was told: the peer goes on from there.
        let offset = receiving.save().await?;
        return Err(Declined::OffsetDiffers { offset }.into());
    }
    if let Some(length) = wanted.length {
        receiving.declare_length(length)?;
    }
    let mut body = Content { body: body.into_data_stream(), left: wanted.body.bytes_max, turn: &mut turn };
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

async fn plain(receiving: &mut Receiving, body: &mut Content<'_>) -> Result<(), Stopped> {
    while let Some(bytes) = body.next(receiving).await? {
        receiving.push(bytes).await?;
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
    turn: &'t mut Turn,
}

impl Content<'_> {
    async fn next(&mut self, receiving: &Receiving) -> Result<Option<Bytes>, Stopped> {
        let next = tokio::select! {
            refusal = receiving.isolated() => return Err(refusal.into()),
            next = tokio::time::timeout(IDLE_MAX, self.body.next()) => next,
            () = self.turn.given_up() => return Err(Declined::Locked.into()),
        };
        let broken = |detail: String| Stopped::Error(Error::malformed(PartyCode::Unfinished, detail));
        match next {
            Err(_) => Err(broken("nothing came for five minutes".to_owned())),
            Ok(None) => Ok(None),
            Ok(Some(Err(error))) => Err(broken(error.to_string())),
            Ok(Some(Ok(bytes))) => {
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
