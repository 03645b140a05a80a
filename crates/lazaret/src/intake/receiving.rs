//! Bytes on their way in, behind every door: reserve, encrypt and hash as they arrive, then arrive. The one way in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lazaret_core::arrival::Landing;
use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Object, Party, Transfer, Upload as UploadKind};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::time::DAY_MS;
use lazaret_core::transfer::TransferView;
use lazaret_store::side::{NewUpload, Upload, UploadState};
use lazaret_vault::SubjectKey;
use lazaret_vault::broker::{Holder, Intake, Unfinished};
use tokio::time::Instant;

use super::kept::{Particulars, Said, discard, discard_later, particulars_of};
use super::quota::{Reservation, STEP_BYTES};
use super::writers::Turn;
use super::writing::Writing;
use crate::clock::new_id;
use crate::crossing::{self, Announcement, Arrived, Incoming};
use crate::error::{Error, Fault, Result};
use crate::gate::Gate;
use crate::particulars::Manifest;

/// An interrupted upload can be gone on with for this long after it was last saved.
pub const RESUMABLE_MS: u64 = DAY_MS;
/// What arrived of a kept upload is made durable again after so much more, or after this time: a power cut costs no more.
const SAVED_EVERY_BYTES: u64 = 512 << 20;
const SAVED_EVERY: Duration = Duration::from_secs(60);

/// One object arriving. Dropped unfinished, it is destroyed, unless it was kept for resumption.
#[derive(Debug)]
pub struct Receiving {
    gate: Arc<Gate>,
    caller: Caller,
    announcement: Announcement,
    landing: Landing,
    transfer: Id<Transfer>,
    object: Id<Object>,
    key: KeyHolder,
    writing: Option<Writing>,
    received_bytes: u64,
    length_bytes: Option<u64>,
    reservation: Reservation,
    /// Bytes at which it was last seen that the disk has room.
    room_at_bytes: u64,
    /// When it was last saved, and with how many bytes.
    saved: Instant,
    saved_bytes: u64,
    /// The kept upload, with the right to write to it.
    upload: Option<Turn>,
    /// Kept uploads that end with the arrival of this one, and the right to end them.
    parts: Vec<(Turn, Upload)>,
    /// What the sender said beside the bytes.
    pub said: Said,
}

/// What is settled about a new object before its first byte.
struct Begun {
    announcement: Announcement,
    landing: Landing,
    transfer: Id<Transfer>,
    object: Id<Object>,
    reservation: Reservation,
    length_bytes: Option<u64>,
}

/// The subject key, without a `Debug` that could show it.
struct KeyHolder(SubjectKey);

impl std::fmt::Debug for KeyHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectKey")
    }
}

impl Receiving {
    /// Asks whether it may come, reserves quota and disk, and opens a new encrypted object.
    ///
    /// # Errors
    /// What core refuses; quota; a full disk; the vault's fault.
    pub async fn begin(
        gate: &Arc<Gate>,
        caller: &Caller,
        announcement: Announcement,
        length_bytes: Option<u64>,
    ) -> Result<Receiving> {
        let landing = crossing::may_send(gate, caller, &announcement)?;
        let object_bytes_max = object_bytes_max(gate, &landing);
        if length_bytes.is_some_and(|length| length > object_bytes_max) {
            return Err(Refusal::TooLarge.into());
        }
        let reservation = gate.quota.reserve(landing.party, length_bytes)?;
        room_on_disk(gate, gate.quota.promised_bytes())?;
        let (transfer, object) = (fresh_transfer(gate)?, new_id());
        let intake = gate.vault.quarantine(transfer, object, object_bytes_max).await?;
        let begun = Begun { announcement, landing, transfer, object, reservation, length_bytes };
        Ok(Receiving::of(gate, caller, begun, intake))
    }

    /// Goes on with what was sealed before its client was done: a new object that begins with all its bytes.
    ///
    /// # Errors
    /// As [`Receiving::begin`]; the sealed one was released meanwhile.
    pub async fn begin_with(
        gate: &Arc<Gate>,
        caller: &Caller,
        announcement: Announcement,
        sealed: &TransferView,
        sealed_bytes: u64,
    ) -> Result<Receiving> {
        let landing = crossing::may_send(gate, caller, &announcement)?;
        if sealed.party != landing.party || sealed.lane != landing.lane.lane {
            return Err(Refusal::NotFound.into());
        }
        room_on_disk(gate, gate.quota.promised_bytes().saturating_add(sealed_bytes))?;
        let mut reservation = gate.quota.reserve(landing.party, None)?;
        reservation.cover(sealed_bytes)?;
        let (transfer, object) = (fresh_transfer(gate)?, new_id());
        let (closed, bytes_max) = ((sealed.transfer, sealed.object), object_bytes_max(gate, &landing));
        let intake = gate.vault.continue_closed(closed, transfer, object, bytes_max).await?;
        let begun = Begun { announcement, landing, transfer, object, reservation, length_bytes: None };
        Ok(Receiving::of(gate, caller, begun, intake))
    }

    fn of(gate: &Arc<Gate>, caller: &Caller, begun: Begun, intake: Intake) -> Receiving {
        let received_bytes = intake.writer.received_bytes();
        Receiving {
            gate: Arc::clone(gate),
            caller: caller.clone(),
            announcement: begun.announcement,
            landing: begun.landing,
            transfer: begun.transfer,
            object: begun.object,
            key: KeyHolder(intake.subject),
            writing: Some(Writing::new(intake.writer, None)),
            received_bytes,
            length_bytes: begun.length_bytes,
            reservation: begun.reservation,
            room_at_bytes: received_bytes,
            saved: Instant::now(),
            saved_bytes: 0,
            upload: None,
            parts: Vec::new(),
            said: Said::default(),
        }
    }

    /// Goes on with a kept upload after a dropped connection or a restart, in its turn. Only the same principal may.
    ///
    /// # Errors
    /// Another principal; it arrived or ended; what core refuses now; a disk without room for what is missing; a half-written
    /// object that does not verify.
    pub async fn resume(gate: &Arc<Gate>, caller: &Caller, turn: Turn) -> Result<Receiving> {
        let id = turn.upload();
        // The turn may have been waited for: what is known now counts.
        let upload = gate.read(|_, side| side.upload(id))?.ok_or(Refusal::NotFound)?;
        if caller.actor() != upload.principal || upload.state != UploadState::Open {
            return Err(Refusal::NotFound.into());
        }
        let holder = Holder::Transfer(upload.transfer);
        let known = particulars_of(gate, &upload)?;
        let announcement = Announcement {
            lane: known.lane,
            path: known.path,
            channel: known.channel,
            kind: known.kind,
            key: known.key,
            only_if_new: false,
        };
        let landing = crossing::may_send(gate, caller, &announcement)?;
        gate.quota.count(id, upload.party, upload.length_bytes, upload.received_bytes);
        let reservation = gate.quota.adopt(id)?;
        // While it rested nothing was kept free for it. What misses no byte needs no room.
        if upload.length_bytes != Some(upload.received_bytes) {
            room_on_disk(gate, gate.quota.promised_bytes())?;
        }
        let state = upload.resume.clone().ok_or_else(|| Error::internal("a kept upload without its state"))?;
        let fresh = new_id();
        let object_bytes_max = object_bytes_max(gate, &landing);
        let resumed = gate.vault.resume(upload.transfer, upload.object, state, fresh, object_bytes_max).await?;
        let mut receiving = Receiving {
            gate: Arc::clone(gate),
            caller: caller.clone(),
            announcement,
            landing,
            transfer: upload.transfer,
            object: resumed.writer.object(),
            key: KeyHolder(gate.vault.subject_key(holder)?),
            received_bytes: resumed.writer.received_bytes(),
            room_at_bytes: resumed.writer.received_bytes(),
            saved: Instant::now(),
            saved_bytes: upload.received_bytes,
            writing: Some(Writing::new(resumed.writer, Some(turn.clone()))),
            length_bytes: upload.length_bytes,
            reservation,
            upload: Some(turn),
            parts: Vec::new(),
            said: known.said,
        };
        if resumed.moved {
            receiving.save().await?;
            discard(gate, upload.object, None).await?;
        }
        Ok(receiving)
    }

    /// Takes the next bytes. Isolation and limits are looked at with each.
    ///
    /// # Errors
    /// Isolation, size, quota, a full disk; its end is to be answered negatively then.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        if self.gate.is_isolated(self.landing.party) {
            return Err(Refusal::Isolated.into());
        }
        let after = self.received_bytes.saturating_add(bytes.len() as u64);
        let declared_max = self.length_bytes.unwrap_or(u64::MAX);
        if after > declared_max.min(object_bytes_max(&self.gate, &self.landing)) {
            return Err(Refusal::TooLarge.into());
        }
        self.reservation.cover(after)?;
        if after.saturating_sub(self.room_at_bytes) >= STEP_BYTES {
            room_on_disk(&self.gate, 0)?;
            self.room_at_bytes = after;
        }
        self.writing()?.push(bytes).await?;
        self.received_bytes = after;
        Ok(())
    }

    /// Adds all the bytes of a kept upload, a part of the whole, at the end of this one. The part ends when the whole arrives;
    /// until then its own share stands for these bytes.
    ///
    /// # Errors
    /// As [`Receiving::push`]; the part does not verify.
    pub async fn append(&mut self, turn: Turn, part: Upload) -> Result<()> {
        let state = part.resume.clone().ok_or_else(|| Error::internal("a kept upload without its state"))?;
        let received_bytes = part.received_bytes;
        let piece = Unfinished { transfer: part.transfer, object: part.object, state, received_bytes };
        room_on_disk(&self.gate, self.gate.quota.promised_bytes().saturating_add(received_bytes))?;
        self.pour(piece).await?;
        self.parts.push((turn, part));
        Ok(())
    }

    async fn pour(&mut self, piece: Unfinished) -> Result<()> {
        if self.gate.is_isolated(self.landing.party) {
            return Err(Refusal::Isolated.into());
        }
        let after = self.received_bytes.saturating_add(piece.received_bytes);
        let declared_max = self.length_bytes.unwrap_or(u64::MAX);
        if after > declared_max.min(object_bytes_max(&self.gate, &self.landing)) {
            return Err(Refusal::TooLarge.into());
        }
        self.writing()?.pour(Arc::clone(self.gate.vault.broker()), piece).await?;
        self.received_bytes = after;
        Ok(())
    }

    /// Another object of the same transfer, for bytes that may yet have to be dropped.
    ///
    /// # Errors
    /// A fault of disk or store.
    pub async fn scratch(&self) -> Result<Scratch> {
        let (object, max) = (new_id(), object_bytes_max(&self.gate, &self.landing));
        let intake = self.gate.vault.quarantine(self.transfer, object, max).await?;
        Ok(Scratch {
            gate: Arc::clone(&self.gate),
            transfer: self.transfer,
            object,
            writing: Writing::new(intake.writer, None),
            received_bytes: 0,
        })
    }

    /// Takes what was put into a scratch object.
    ///
    /// # Errors
    /// As [`Receiving::push`].
    pub async fn take(&mut self, scratch: Scratch) -> Result<()> {
        let state = scratch.writing.checkpoint().await?.state;
        let received_bytes = scratch.received_bytes;
        let piece = Unfinished { transfer: scratch.transfer, object: scratch.object, state, received_bytes };
        self.reservation.cover(self.received_bytes.saturating_add(received_bytes))?;
        self.pour(piece).await
    }

    /// Keeps the upload, so that it can be gone on with after a restart; from now on a drop does not destroy it.
    /// `lookup` is the digest of the capability in its URL, where the door has one.
    ///
    /// # Errors
    /// A fault of disk or store.
    pub async fn keep(&mut self, lookup: Option<[u8; 32]>) -> Result<Id<UploadKind>> {
        if let Some(known) = self.upload() {
            self.save().await?;
            return Ok(known);
        }
        let checkpoint = self.writing()?.checkpoint().await?;
        let at = self.gate.clock.now();
        let id = new_id();
        let turn = self.gate.writers.turn_if_free(id).ok_or_else(|| Error::internal("a new upload has a writer"))?;
        let party = self.landing.party;
        let expires = at.plus_millis(RESUMABLE_MS);
        let row = NewUpload {
            id,
            lookup,
            party,
            lane: self.landing.lane.lane,
            principal: self.caller.actor(),
            name_key: self.name_key(),
            transfer: self.transfer,
            object: self.object,
            length_bytes: self.length_bytes,
            sealed: self.sealed_particulars()?,
            expires,
        };
        self.writing()?.hold(turn.clone());
        self.gate
            .write(move |tx| {
                tx.side().make_upload(&row, at)?;
                tx.side().save_progress(id, row.object, checkpoint.received_bytes, &checkpoint.state, expires)
            })
            .await?;
        self.gate.quota.keep(id, &mut self.reservation);
        self.upload = Some(turn);
        (self.saved, self.saved_bytes) = (Instant::now(), self.received_bytes);
        Ok(id)
    }

    /// Makes durable what arrived so far; returns the offset from which the peer may go on after a crash. From now on it may
    /// for [`RESUMABLE_MS`].
    ///
    /// # Errors
    /// A fault of disk or store; not a kept upload.
    pub async fn save(&mut self) -> Result<u64> {
        let id = self.upload().ok_or_else(|| Error::internal("only a kept upload is saved"))?;
        let checkpoint = self.writing()?.checkpoint().await?;
        let (object, received_bytes) = (self.object, checkpoint.received_bytes);
        let (name_key, sealed, length_bytes) = (self.name_key(), self.sealed_particulars()?, self.length_bytes);
        let expires = self.gate.clock.now().plus_millis(RESUMABLE_MS);
        self.gate
            .write(move |tx| {
                let side = tx.side();
                side.save_progress(id, object, received_bytes, &checkpoint.state, expires)?;
                side.rename_upload(id, &name_key, &sealed)?;
                length_bytes.map_or(Ok(()), |length| side.set_length(id, length))
            })
            .await?;
        (self.saved, self.saved_bytes) = (Instant::now(), received_bytes);
        Ok(received_bytes)
    }

    /// Saves a kept upload where enough has come since, or enough time has passed.
    ///
    /// # Errors
    /// As [`Receiving::save`].
    pub async fn save_now_and_then(&mut self) -> Result<()> {
        let more = self.received_bytes.saturating_sub(self.saved_bytes);
        let is_due = more >= SAVED_EVERY_BYTES || (more > 0 && self.saved.elapsed() >= SAVED_EVERY);
        if self.upload.is_some() && is_due {
            self.save().await?;
        }
        Ok(())
    }

    /// Goes back to fewer bytes. What was sealed is never cut, so the bytes that stay become another object.
    ///
    /// # Errors
    /// More than arrived; a fault of disk or store.
    pub async fn cut_back(&mut self, to_bytes: u64) -> Result<()> {
        if to_bytes > self.received_bytes {
            return Err(Refusal::WrongState.into());
        }
        let checkpoint = self.writing()?.checkpoint().await?;
        let (old, fresh, bytes_max) = (self.object, new_id(), object_bytes_max(&self.gate, &self.landing));
        let vault = &self.gate.vault;
        let writer = vault.cut_back(self.transfer, old, checkpoint.state, fresh, to_bytes, bytes_max).await?;
        self.received_bytes = writer.received_bytes();
        self.room_at_bytes = self.room_at_bytes.min(self.received_bytes);
        self.saved_bytes = self.saved_bytes.min(self.received_bytes);
        self.object = fresh;
        self.writing = Some(Writing::new(writer, self.upload.clone()));
        if self.upload.is_some() {
            self.save().await?;
        }
        discard(&self.gate, old, None).await
    }

    /// Makes the bytes so far durable, without a row to go on from.
    ///
    /// # Errors
    /// A fault of the disk.
    pub async fn sync(&mut self) -> Result<()> {
        self.writing()?.checkpoint().await.map(drop)
    }

    /// The last byte is here: seal, check what was announced, arrive. The answer is durable.
    ///
    /// # Errors
    /// Fewer bytes than declared, another digest than announced, what core refuses: the upload is over then. A fault of
    /// ours: a kept upload can still be gone on with.
    pub async fn finish(self) -> Result<(Arrived, Digests)> {
        // In a task of its own: a peer that hangs up ends its request's work, and an arrival that was begun goes to its end.
        tokio::spawn(self.finish_here()).await.map_err(Error::internal)?
    }

    async fn finish_here(mut self) -> Result<(Arrived, Digests)> {
        let outcome = self.seal_and_arrive().await;
        match &outcome {
            Ok((arrived, _)) => {
                if let Some(turn) = self.upload.take() {
                    self.gate.quota.forget(turn.upload());
                }
                if !arrived.replayed {
                    self.writing = None;
                }
                for (turn, part) in std::mem::take(&mut self.parts) {
                    self.gate.quota.forget(turn.upload());
                    discard_later(&self.gate, part.object, Some(part.transfer));
                }
            }
            Err(Error::Fault(_)) => {}
            Err(_) => self.end_row().await,
        }
        outcome
    }

    async fn seal_and_arrive(&mut self) -> Result<(Arrived, Digests)> {
        if self.length_bytes.is_some_and(|length| length != self.received_bytes) {
            return Err(Error::malformed(PartyCode::Unfinished, "fewer bytes arrived than were declared"));
        }
        let sealed = self.writing()?.finish().await?;
        if sealed.size_bytes != self.received_bytes {
            return Err(Error::internal("an object of another size than was received was sealed"));
        }
        if !self.said.sha256.is_empty() && self.said.sha256.as_slice() != sealed.sha256.as_slice() {
            return Err(Refusal::DigestMismatch.into());
        }
        let digests = Digests { sha256: sealed.sha256, size_bytes: sealed.size_bytes };
        let said = self.said.clone();
        let incoming = Incoming {
            manifest: Manifest {
                path: self.announcement.path.clone(),
                size_bytes: sealed.size_bytes,
                sha256: sealed.sha256.to_vec(),
                media_type: said.media_type,
                announced_sha256: said.sha256,
                ..Manifest::default()
            },
            sealed,
            mtime_s: said.mtime_s,
            mode: said.mode,
            upload: self.upload(),
            parts: self.parts.iter().map(|(_, part)| part.id).collect(),
        };
        let arrived = crossing::arrive(&self.gate, &self.caller, &self.announcement, &self.key.0, incoming).await?;
        let (party, lane, name) = (self.landing.party, self.landing.lane.lane, &self.announcement.lane);
        // A label that is missing makes a folder that listings show and STAT does not find: no reason to refuse the object.
        if let Err(error) = super::folders::keep_above(&self.gate, party, lane, name, &self.announcement.path).await {
            tracing::warn!(%error, "the folders of an object could not be kept");
        }
        Ok((arrived, digests))
    }

    /// Ends an upload for good: its object is destroyed and its row ended.
    pub async fn abandon(mut self) {
        self.end_row().await;
    }

    async fn end_row(&mut self) {
        let Some(id) = self.upload() else { return };
        match self.gate.write(move |tx| tx.side().end_upload(id)).await {
            Ok(_) => {
                self.gate.quota.forget(id);
                self.upload = None;
            }
            Err(error) => tracing::warn!(%error, "an upload could not be ended; it expires by itself"),
        }
    }

    /// Returns when the party is isolated: what waits for its bytes waits no longer.
    pub async fn isolated(&self) -> Refusal {
        let (mut isolations, party) = (self.gate.isolations(), self.landing.party);
        // The sender lives in the gate, which this upload keeps alive.
        drop(isolations.wait_for(|isolated| isolated.contains(&party)).await);
        Refusal::Isolated
    }

    /// Bytes taken so far.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The party whose quota this uses.
    pub fn party(&self) -> Id<Party> {
        self.landing.party
    }

    /// The kept upload's id.
    pub fn upload(&self) -> Option<Id<UploadKind>> {
        self.upload.as_ref().map(Turn::upload)
    }

    /// The transfer that this will be.
    pub fn transfer(&self) -> Id<Transfer> {
        self.transfer
    }

    /// The largest that it may be.
    #[cfg(test)]
    pub fn object_bytes_max(&self) -> u64 {
        object_bytes_max(&self.gate, &self.landing)
    }

    /// The object that takes the bytes.
    #[cfg(test)]
    pub fn object(&self) -> Id<Object> {
        self.object
    }

    /// What was announced.
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// Puts it under another name before it arrives.
    pub fn rename(&mut self, path: String) {
        self.announcement.path = path;
    }

    /// The length that was declared.
    pub fn length_bytes(&self) -> Option<u64> {
        self.length_bytes
    }

    /// The length became known.
    ///
    /// # Errors
    /// More arrived already, or more than the lane takes.
    pub fn declare_length(&mut self, length_bytes: u64) -> Result<()> {
        if length_bytes < self.received_bytes || length_bytes > object_bytes_max(&self.gate, &self.landing) {
            return Err(Refusal::TooLarge.into());
        }
        self.length_bytes = Some(length_bytes);
        Ok(())
    }

    fn writing(&self) -> Result<&Writing> {
        self.writing.as_ref().ok_or_else(|| Error::internal("the object is sealed"))
    }

    fn name_key(&self) -> [u8; 32] {
        self.gate.particulars.name_key(self.landing.party, &self.announcement.lane, &self.announcement.path)
    }

    fn sealed_particulars(&self) -> Result<Vec<u8>> {
        Particulars {
            lane: self.announcement.lane.clone(),
            path: self.announcement.path.clone(),
            channel: self.announcement.channel,
            kind: self.announcement.kind,
            key: self.announcement.key.clone(),
            said: self.said.clone(),
        }
        .seal(&self.key.0)
    }
}

/// Bytes that are not part of the upload yet. Dropped, they are destroyed.
#[derive(Debug)]
pub struct Scratch {
    gate: Arc<Gate>,
    transfer: Id<Transfer>,
    object: Id<Object>,
    writing: Writing,
    received_bytes: u64,
}

impl Scratch {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// A write failed.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        self.received_bytes += bytes.len() as u64;
        self.writing.push(bytes).await
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        discard_later(&self.gate, self.object, None);
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        // Arrived, or kept for resumption: the object has an owner. In doubt it is asked for, behind whatever was queued.
        if self.writing.take().is_none() || self.upload.is_some() {
            return;
        }
        discard_later(&self.gate, self.object, Some(self.transfer));
    }
}

/// What an object was found to be while it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256 of the plaintext.
    pub sha256: [u8; 32],
    /// Plaintext bytes.
    pub size_bytes: u64,
}

fn object_bytes_max(gate: &Gate, landing: &Landing) -> u64 {
    landing.lane.object_bytes_max.min(gate.config.limits.object_bytes_max)
}

/// A new transfer id whose reference no other transfer has; people name transfers by it.
fn fresh_transfer(gate: &Gate) -> Result<Id<Transfer>> {
    loop {
        let drawn: Id<Transfer> = new_id();
        if gate.read(|view, _| view.by_reference(drawn.reference()))?.is_none() {
            return Ok(drawn);
        }
    }
}

/// Intake stops before the ledger starves: below the floor, or where bytes that are coming now would reach it. Asked before an
/// upload begins or goes on, and again with each [`STEP_BYTES`] of it.
fn room_on_disk(gate: &Gate, more_bytes: u64) -> Result<()> {
    let (free, total) = gate.vault.disk_bytes()?;
    let floor = gate.config.limits.free_bytes_min.min(total / 20);
    if free < floor.saturating_add(more_bytes) { Err(Error::Fault(Fault::DiskFull)) } else { Ok(()) }
}
