//! The only writers of the registers, one file per family. `apply` takes only the entry: replaying the ledger gives the
//! same registers, row for row.

mod access;
mod party;
mod request;
mod transfer;

use lazaret_core::event::Event;

use crate::engine::Db;
use crate::error::Result;
use crate::record::Entry;
use crate::value::{from_u64, millis};

/// Changes the registers as this fact says.
///
/// # Errors
/// A fault of the store. A fact that does not fit the registers is a bug and panics: the savepoint is rolled back.
pub(crate) fn apply(db: Db<'_>, entry: &Entry) -> Result<()> {
    match &entry.event {
        Event::TransferArrived(fact) => transfer::arrived(db, entry, fact)?,
        Event::TransferInspected(fact) => transfer::inspected(db, entry, fact)?,
        Event::TransferRuled(fact) => transfer::ruled(db, entry, fact)?,
        Event::TransferReleased(fact) => transfer::released(db, entry, fact)?,
        Event::TransferWithheld(fact) => transfer::moved(db, entry, fact.transfer)?,
        Event::TransferReopened(fact) => transfer::reopened(db, entry, fact.transfer)?,
        Event::TransferWithdrawn(fact) => transfer::closed(db, entry, fact.transfer)?,
        Event::TransferExpired(fact) => transfer::closed(db, entry, fact.transfer)?,
        Event::TransferSuperseded(fact) => transfer::closed(db, entry, fact.transfer)?,
        Event::TransferDelivered(fact) => transfer::delivered(db, entry, fact)?,
        Event::DeliveryBegun(fact) => transfer::delivery_begun(db, entry, fact)?,
        Event::DeliveryAborted(fact) => transfer::delivery_aborted(db, entry, fact)?,
        Event::RequestOpened(fact) => request::opened(db, entry, fact)?,
        Event::Approved(fact) => request::approved(db, entry, fact)?,
        Event::Rejected(fact) => request::rejected(db, entry, fact)?,
        Event::PartyRecorded(fact) => party::party(db, entry, fact)?,
        Event::EngagementRecorded(fact) => party::engagement(db, fact)?,
        Event::RelianceRecorded(fact) => party::reliance(db, fact)?,
        Event::ProductRecorded(fact) => party::product(db, fact)?,
        Event::PersonRecorded(fact) => party::person(db, fact)?,
        Event::AgreementRecorded(fact) => party::agreement(db, fact)?,
        Event::VettingConcluded(fact) => party::vetting(db, entry, fact)?,
        Event::Isolated(fact) => party::isolated(db, entry, fact)?,
        Event::IsolationLifted(fact) => party::lifted(db, entry, fact)?,
        Event::PolicyActivated(fact) => access::rules(db, entry, fact)?,
        Event::RoleGranted(fact) => access::role_granted(db, entry, fact)?,
        Event::RoleEnded(fact) => access::role_ended(db, fact)?,
        // What the link opens is no register's row: its digest lies beside it, and what it made is a fact of its own.
        Event::PersonInvited(_) | Event::InvitationEnded(_) => {}
        Event::CredentialAdded(fact) => access::credential_added(db, entry, fact)?,
        Event::CredentialRevoked(fact) => access::credential_revoked(db, fact)?,
        Event::EpochOpened(fact) => db.change_one(
            "INSERT INTO epoch (epoch, gate, previous, reason, t) VALUES ($1, $2, $3, $4, $5)",
            &[
                &from_u64(fact.epoch),
                fact.gate.as_bytes(),
                &fact.previous.0.map(|digest| *digest.as_bytes()),
                &(fact.reason as i64),
                &millis(entry.at),
            ],
        )?,
        Event::KekEpochOpened(fact) => db.change_one(
            "INSERT INTO kek_epoch (purpose, epoch, t) VALUES ($1, $2, $3)",
            &[&i64::from(fact.purpose), &from_u64(fact.epoch), &millis(entry.at)],
        )?,
        Event::SessionsObserved(fact) => access::sessions_observed(db, fact)?,
    }
    Ok(())
}
