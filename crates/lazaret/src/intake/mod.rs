//! The doors in. Each turns its protocol into a caller, an announcement and a stream of bytes; [`receiving`] is the one way
//! from there.

pub mod appending;
pub mod folders;
pub mod https;
pub mod kept;
pub mod pace;
pub mod quota;
pub mod receiving;
pub mod resting;
pub mod sftp;
pub mod tus;
pub mod writers;
pub mod writing;

#[cfg(test)]
mod tests;

use lazaret_core::id::{Id, Party, Upload as UploadKind};
use lazaret_core::refusal::PartyCode;
use lazaret_core::time::Timestamp;
use lazaret_store::side::UploadState;
use lazaret_vault::broker::Holder;

use crate::delivery::told::NotReceived;
use crate::error::Result;
use crate::gate::Gate;
use receiving::Receiving;

/// What would be noted of this upload, for when it is gone.
pub fn lost(receiving: &Receiving) -> NotReceived {
    let announcement = receiving.announcement();
    NotReceived {
        lane: announcement.lane.clone(),
        path: announcement.path.clone(),
        bytes: receiving.received_bytes(),
        code: PartyCode::Unfinished.word().to_owned(),
    }
}

/// Notes an upload that became no transfer, so that its sender reads the truth in the journal, whatever its client said.
pub async fn note_lost(gate: &Gate, party: Id<Party>, lost: &NotReceived, why: PartyCode) {
    let lost = NotReceived { code: why.word().to_owned(), ..lost.clone() };
    if let Err(error) = note(gate, party, &lost).await {
        tracing::warn!(%error, "an upload that was not received could not be noted");
    }
}

/// Ends a kept upload whose time is over, unless somebody writes to it; its sender reads so in the journal.
///
/// # Errors
/// A fault of store or vault.
pub async fn end_expired(gate: &Gate, upload: Id<UploadKind>, at: Timestamp) -> Result<()> {
    // Whoever writes to it saves it, and its time with it.
    let Some(turn) = gate.writers.turn_if_free(upload) else { return Ok(()) };
    let found = gate.read(|_, side| side.upload(upload))?;
    let Some(upload) = found.filter(|upload| upload.state == UploadState::Open && upload.expires <= at) else {
        return Ok(());
    };
    if let Ok((lane, path)) = kept::place_of(gate, &upload) {
        let code = PartyCode::Unfinished.word().to_owned();
        note(gate, upload.party, &NotReceived { lane, path, bytes: upload.received_bytes, code }).await?;
    }
    kept::drop_kept(gate, turn).await?;
    Ok(())
}

async fn note(gate: &Gate, party: Id<Party>, lost: &NotReceived) -> Result<()> {
    let sealed = gate.particulars.seal(Holder::Party(party), "not-received", lost)?;
    let at = gate.clock.now();
    gate.write(move |tx| tx.side().put_not_received(party, at, &sealed)).await
}
