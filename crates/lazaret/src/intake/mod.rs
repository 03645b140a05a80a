//! The doors in. Each turns its protocol into a caller, an announcement and a stream of bytes; [`receiving`] is the one way
//! from there.

pub mod appending;
pub mod folders;
pub mod https;
pub mod quota;
pub mod receiving;
pub mod resting;
pub mod sftp;
pub mod tus;
pub mod writers;
pub mod writing;

use lazaret_core::id::{Id, Party};
use lazaret_core::refusal::PartyCode;
use lazaret_store::side::Upload;
use lazaret_vault::broker::Holder;

use crate::delivery::told::NotReceived;
use crate::error::{Error, Result};
use crate::gate::Gate;
use receiving::Receiving;

/// Notes an upload that became no transfer, so that its sender reads the truth in the journal, whatever its client said.
pub async fn note_not_received(gate: &Gate, receiving: &Receiving, error: &Error) {
    note_lost(gate, receiving.party(), &lost(receiving), error.code()).await;
}

/// What would be noted of this upload, for doors that find out only when it is gone.
pub fn lost(receiving: &Receiving) -> NotReceived {
    let announcement = receiving.announcement();
    NotReceived {
        lane: announcement.lane.clone(),
        path: announcement.path.clone(),
        bytes: receiving.received_bytes(),
        code: PartyCode::Unfinished.word().to_owned(),
    }
}

/// Notes it, with the reason.
pub async fn note_lost(gate: &Gate, party: Id<Party>, lost: &NotReceived, why: PartyCode) {
    let lost = NotReceived { code: why.word().to_owned(), ..lost.clone() };
    if let Err(error) = note(gate, party, &lost).await {
        tracing::warn!(%error, "an upload that was not received could not be noted");
    }
}

/// The same for a kept upload whose time is over.
///
/// # Errors
/// A fault of store or vault.
pub async fn note_unfinished(gate: &Gate, upload: &Upload) -> Result<()> {
    let Ok((lane, path)) = receiving::place_of(gate, upload) else { return Ok(()) };
    let code = PartyCode::Unfinished.word().to_owned();
    note(gate, upload.party, &NotReceived { lane, path, bytes: upload.received_bytes, code }).await
}

async fn note(gate: &Gate, party: Id<Party>, lost: &NotReceived) -> Result<()> {
    let sealed = gate.particulars.seal(Holder::Party(party), "not-received", lost)?;
    let at = gate.clock.now();
    gate.write(move |tx| tx.side().put_not_received(party, at, &sealed)).await
}
