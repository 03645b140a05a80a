//! Decide on what is true now, then write what was decided, or write nothing. The only way a register changes.

use lazaret_core::caller::Caller;
use lazaret_core::decision::{Cleared, Inspecting, Position, Unclaimed};
use lazaret_core::event::Event;
use lazaret_core::id::{Id, Object, Subject, Transfer};
use lazaret_core::refusal::Refusal;
use lazaret_core::rules::RULES;
use lazaret_core::time::Timestamp;
use lazaret_ledger::entry::{ENTRY_BYTES_MAX, Envelope, decode, encode};
use lazaret_ledger::tree::leaf_hash;

use crate::apply::apply;
use crate::engine::Db;
use crate::error::{Fault, Result};
use crate::side::Side;
use crate::value::{from_u64, id_of, to_u64};
use crate::view::View;

/// An entry as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// When, never earlier than the entry before.
    pub at: Timestamp,
    /// What it is about.
    pub subject: Id<Subject>,
    /// The pseudonym of who acted.
    pub actor: [u8; 16],
    /// The fact.
    pub event: Event,
    /// The bytes that are the leaf.
    pub bytes: Vec<u8>,
}

/// One open write transaction.
pub struct Tx<'a> {
    db: Db<'a>,
    at: Timestamp,
}

/// What was recorded; the proofs that follow from it can be taken once the transaction is committed.
#[must_use]
#[derive(Debug)]
pub struct Recorded {
    entry: Entry,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(db: Db<'a>, at: Timestamp) -> Tx<'a> {
        Tx { db, at }
    }

    /// What is true now, earlier records of this batch included.
    pub fn view(&self) -> View<'a> {
        View::new(self.db)
    }

    /// What is not derived from the ledger.
    pub fn side(&self) -> Side<'a> {
        Side::new(self.db)
    }

    /// The instant this transaction writes under.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Decides, appends and applies.
    ///
    /// # Errors
    /// The refusal of `decide`, or a fault of the store; nothing is written then. [`Refusal::EntryTooLong`] for a fact that no
    /// entry holds.
    pub fn record(&self, caller: &Caller, decide: impl Fn(&View<'_>) -> Result<Event>) -> Result<Recorded> {
        let event = decide(&self.view())?;
        let entry = append(self.db, caller, self.at, event)?;
        apply(self.db, &entry)?;
        Ok(Recorded { entry })
    }

    /// Proof that neither a transfer nor an open upload has this object; none if one of them does. `ended` is the transfer
    /// that it was to be, if with it every attempt at that has ended.
    ///
    /// Writes are done one after the other, so whoever gives an object up asks here last: an arrival of theirs that was
    /// queued before is recorded by now, and then the object is claimed.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn unclaimed(&self, object: Id<Object>, ended: Option<Id<Transfer>>) -> Result<Option<Unclaimed>> {
        if self.view().has_object(object)? || self.side().has_open_object(object)? {
            return Ok(None);
        }
        let never_arrived = match ended {
            Some(transfer) if self.view().transfer(transfer)?.is_none() => Some(transfer),
            Some(_) | None => None,
        };
        Ok(Some(Unclaimed::assertion(object, never_arrived)))
    }
}

impl Recorded {
    /// The entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        self.entry.position
    }
}

/// Proof from a committed entry that its transfer was released. The entry is read from the ledger, never from a caller.
///
/// # Errors
/// The entry is of another kind.
pub(crate) fn cleared(entry: &Entry) -> Result<Cleared, Fault> {
    let Event::TransferReleased(fact) = &entry.event else {
        return Err(Fault::Corrupt("a release was asked of an entry that is none"));
    };
    Ok(Cleared::assertion(fact.transfer, fact.object, entry.position))
}

/// Proof that a transfer stands where the station may look at it.
///
/// # Errors
/// It is not in quarantine.
pub(crate) fn inspecting(view: &View<'_>, transfer: Id<Transfer>) -> Result<Inspecting> {
    let found = view.transfer(transfer)?.ok_or(Refusal::NotFound)?;
    if found.stage != lazaret_core::transfer::Stage::Quarantined {
        return Err(Refusal::WrongState.into());
    }
    Ok(Inspecting::assertion(found.transfer, found.object))
}

/// Gives the fact its position and stores the exact bytes with their leaf hash.
fn append(db: Db<'_>, caller: &Caller, at: Timestamp, event: Event) -> Result<Entry> {
    let subject = subject_of(db, &event)?;
    let (epoch, index, before) = next_position(db, &event)?;
    let at = at.max(before);
    let previous = db.one(
        "SELECT seq, epoch, idx FROM entry WHERE subject = $1 ORDER BY seq DESC LIMIT 1",
        &[subject.as_bytes()],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
    )?;
    let envelope = Envelope {
        kind: event.kind().to_owned(),
        t: at.as_millis(),
        actor: *caller.actor().as_bytes(),
        subject: *subject.as_bytes(),
        seq: previous.map_or(0, |(seq, _, _)| to_u64(seq) + 1),
        prev: previous.map(|(_, epoch, index)| (to_u64(epoch), to_u64(index))),
    };
    let bytes = encode(&envelope, &event.encode());
    // Said before anything is written: whoever decides looks at each part of a fact, and not at all of it together.
    if bytes.len() > ENTRY_BYTES_MAX {
        return Err(Refusal::EntryTooLong.into());
    }
    assert!(decode(&bytes).is_ok(), "an entry reads back as it was written");
    let leaf = leaf_hash(&bytes);
    db.change_one(
        "INSERT INTO entry (epoch, idx, kind, subject, seq, t, bytes, leaf) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &from_u64(epoch),
            &from_u64(index),
            &envelope.kind,
            subject.as_bytes(),
            &from_u64(envelope.seq),
            &from_u64(at.as_millis()),
            &bytes,
            &leaf,
        ],
    )?;
    db.change_one(
        "INSERT INTO head (one, epoch, size, t) VALUES (1, $1, $2, $3)
         ON CONFLICT (one) DO UPDATE SET epoch = $1, size = $2, t = $3",
        &[&from_u64(epoch), &from_u64(index + 1), &from_u64(at.as_millis())],
    )?;
    Ok(Entry { position: Position { epoch, index }, at, subject, actor: envelope.actor, event, bytes })
}

fn next_position(db: Db<'_>, event: &Event) -> Result<(u64, u64, Timestamp)> {
    let head = db.one("SELECT epoch, size, t FROM head WHERE one = 1", &[], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let (epoch, size, t) = head.map_or((0, 0, 0), |(epoch, size, t)| (to_u64(epoch), to_u64(size), to_u64(t)));
    let before = Timestamp::from_millis(t);
    if let Event::EpochOpened(opened) = event {
        assert!(opened.epoch == epoch + 1, "epochs count up by one");
        return Ok((opened.epoch, 0, before));
    }
    assert!(epoch > 0, "the first entry of a ledger opens its epoch");
    Ok((epoch, size, before))
}

/// What a fact is about. A vote is about what its request is about, so that a transfer's receipt carries its approvals.
fn subject_of(db: Db<'_>, event: &Event) -> Result<Id<Subject>> {
    let request = if let Event::Approved(fact) = event {
        fact.request
    } else if let Event::Rejected(fact) = event {
        fact.request
    } else {
        return Ok(plain_subject(event));
    };
    let subject = db.one("SELECT subject FROM request WHERE id = $1", &[request.as_bytes()], |row| id_of(row, 0))?;
    Ok(subject.ok_or(Refusal::NotFound)?)
}

fn plain_subject(event: &Event) -> Id<Subject> {
    match event {
        Event::TransferArrived(fact) => fact.transfer.cast(),
        Event::TransferInspected(fact) => fact.transfer.cast(),
        Event::TransferRuled(fact) => fact.transfer.cast(),
        Event::TransferReleased(fact) => fact.transfer.cast(),
        Event::TransferWithheld(fact) => fact.transfer.cast(),
        Event::TransferReopened(fact) => fact.transfer.cast(),
        Event::TransferWithdrawn(fact) => fact.transfer.cast(),
        Event::TransferExpired(fact) => fact.transfer.cast(),
        Event::TransferSuperseded(fact) => fact.transfer.cast(),
        Event::TransferDelivered(fact) => fact.transfer.cast(),
        Event::DeliveryBegun(fact) => fact.transfer.cast(),
        Event::DeliveryAborted(fact) => fact.transfer.cast(),
        Event::RequestOpened(fact) => fact.subject,
        Event::Approved(fact) => fact.request.cast(),
        Event::Rejected(fact) => fact.request.cast(),
        Event::PartyRecorded(fact) => fact.party.cast(),
        Event::EngagementRecorded(fact) => fact.engagement.cast(),
        Event::RelianceRecorded(fact) => fact.from.cast(),
        Event::ProductRecorded(fact) => fact.product.cast(),
        Event::PersonRecorded(fact) => fact.person.cast(),
        Event::AgreementRecorded(fact) => fact.agreement.cast(),
        Event::VettingConcluded(fact) => fact.party.cast(),
        Event::PolicyActivated(_) => RULES,
        Event::RoleGranted(fact) => fact.person.cast(),
        Event::RoleEnded(fact) => fact.person.cast(),
        Event::PersonInvited(fact) => fact.person.cast(),
        Event::InvitationEnded(fact) => fact.person.cast(),
        Event::CredentialAdded(fact) => fact.credential.cast(),
        Event::CredentialRevoked(fact) => fact.credential.cast(),
        Event::Isolated(fact) => fact.isolation.cast(),
        Event::IsolationLifted(fact) => fact.isolation.cast(),
        Event::EpochOpened(fact) => fact.gate.cast(),
        Event::KekEpochOpened(_) => KEYS_SUBJECT,
        Event::SessionsObserved(_) => SESSIONS_SUBJECT,
    }
}

/// The subject of what concerns its keys.
const KEYS_SUBJECT: Id<Subject> = Id::from_bytes(*b"lazaret/keys//v1");
/// The subject of sign-ins, starts and stops.
const SESSIONS_SUBJECT: Id<Subject> = Id::from_bytes(*b"lazaret/seen//v1");
