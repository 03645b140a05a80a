//! Registers of transfers: where each stands, what was found, what was ruled, what was delivered.

use lazaret_core::event::{
    DeliveryAborted, DeliveryBegun, TransferArrived, TransferDelivered, TransferInspected, TransferReleased,
    TransferRuled,
};
use lazaret_core::id::{Id, Transfer};
use lazaret_core::register::LaneTerms;
use lazaret_core::request::{Act, RequestState};
use lazaret_core::transfer::{HOLD_MS_MAX, Stage, next_stage};

use super::request::{close_request, close_requests, upsert};
use crate::engine::Db;
use crate::error::{Fault, Result};
use crate::record::Entry;
use crate::value::{cbor, cbor_of, code_of, from_u64, id_of, millis};

/// Where a delivery stands.
const WAITING: i64 = 0;
const SENDING: i64 = 1;
const DELIVERED: i64 = 2;

/// What the lane requires at this moment is kept: other terms later take nothing back from it.
pub(super) fn arrived(db: Db<'_>, entry: &Entry, fact: &TransferArrived) -> Result<(), Fault> {
    let at = millis(entry.at);
    let terms: LaneTerms = db
        .one("SELECT terms FROM lane WHERE id = $1", &[fact.lane.as_bytes()], |row| cbor_of(row, 0))?
        .ok_or(Fault::Corrupt("a transfer on no lane"))?;
    db.change_one(
        "INSERT INTO transfer (id, reference, object, direction, lane, party, requester, channel, kind, content, manifest,
           version, credential, inspectors, stage, since, arrived, epoch, idx)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17, $18)",
        &[
            fact.transfer.as_bytes(),
            &from_u64(fact.transfer.reference().value()),
            fact.object.as_bytes(),
            &(fact.direction as i64),
            fact.lane.as_bytes(),
            fact.party.as_bytes(),
            fact.requester.as_bytes(),
            &(fact.channel as i64),
            &(fact.kind as i64),
            fact.content.as_bytes(),
            fact.manifest.as_bytes(),
            &i64::from(fact.version),
            &fact.credential.map(|credential| *credential.as_bytes()),
            &cbor(&terms.inspectors),
            &(Stage::Quarantined as i64),
            &at,
            &from_u64(entry.position.epoch),
            &from_u64(entry.position.index),
        ],
    )
}

pub(super) fn inspected(db: Db<'_>, entry: &Entry, fact: &TransferInspected) -> Result<(), Fault> {
    moved(db, entry, fact.transfer)?;
    db.change_one(
        "INSERT INTO inspected (transfer, content, evidence, content_kind, phi, is_code, signature, other_bad, integrity_ok,
           rules, verdicts, t)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (transfer) DO UPDATE SET content = $2, evidence = $3, content_kind = $4, phi = $5, is_code = $6,
           signature = $7, other_bad = $8, integrity_ok = $9, rules = $10, verdicts = $11, t = $12",
        &[
            fact.transfer.as_bytes(),
            fact.content.as_bytes(),
            fact.evidence.as_bytes(),
            &(fact.content_kind as i64),
            &(fact.phi as i64),
            &i64::from(fact.is_code),
            &(fact.signature as i64),
            &i64::from(fact.other_bad),
            &i64::from(fact.integrity_ok),
            fact.rules.as_bytes(),
            &cbor(&fact.verdicts),
            &millis(entry.at),
        ],
    )
}

pub(super) fn ruled(db: Db<'_>, entry: &Entry, fact: &TransferRuled) -> Result<(), Fault> {
    let stage = moved_to(db, entry, fact.transfer)?;
    db.change_one(
        "INSERT INTO ruling (transfer, outcome, rules, policy, dossier, binding, request, stage, t)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (transfer) DO UPDATE SET outcome = $2, rules = $3, policy = $4, dossier = $5, binding = $6,
           request = $7, stage = $8, t = $9",
        &[
            fact.transfer.as_bytes(),
            &(fact.outcome as i64),
            &cbor(&fact.rules),
            fact.policy.as_bytes(),
            fact.dossier.as_bytes(),
            fact.binding.as_bytes(),
            &fact.request.map(|request| *request.as_bytes()),
            &(stage as i64),
            &millis(entry.at),
        ],
    )?;
    if stage == Stage::Denied {
        return close_requests(db, fact.transfer.cast(), RequestState::Lapsed);
    }
    let Some(request) = fact.request else { return Ok(()) };
    let (required, groups) = lazaret_core::policy::approvals_wanted(&fact.rules)
        .ok_or(Fault::Corrupt("a ruling with a request that asks for no approvals"))?;
    let requester =
        db.one("SELECT requester FROM transfer WHERE id = $1", &[fact.transfer.as_bytes()], |row| id_of(row, 0))?;
    upsert(
        db,
        entry,
        &super::request::Opening {
            request,
            act: Act::ReleaseTransfer,
            subject: fact.transfer.cast(),
            requester: requester.ok_or(Fault::Corrupt("a ruling on no transfer"))?,
            binding: fact.binding,
            required,
            groups,
            until: entry.at.plus_millis(HOLD_MS_MAX),
        },
    )
}

pub(super) fn released(db: Db<'_>, entry: &Entry, fact: &TransferReleased) -> Result<(), Fault> {
    moved(db, entry, fact.transfer)?;
    if let Some(request) = fact.request {
        close_request(db, request, RequestState::Granted)?;
    }
    close_requests(db, fact.transfer.cast(), RequestState::Lapsed)?;
    db.change_one(
        "UPDATE transfer SET delivery = $2 WHERE id = $1",
        &[fact.transfer.as_bytes(), fact.delivery.as_bytes()],
    )?;
    db.change_one(
        "INSERT INTO delivery (id, transfer, attempt, state, t) VALUES ($1, $2, 0, $3, $4)",
        &[fact.delivery.as_bytes(), fact.transfer.as_bytes(), &WAITING, &millis(entry.at)],
    )
}

pub(super) fn delivery_begun(db: Db<'_>, entry: &Entry, fact: &DeliveryBegun) -> Result<(), Fault> {
    moved(db, entry, fact.transfer)?;
    db.change_one(
        "UPDATE delivery SET attempt = $2, recipient = $3, state = CASE WHEN state = $6 THEN state ELSE $4 END, t = $5
         WHERE id = $1",
        &[
            fact.delivery.as_bytes(),
            &i64::from(fact.attempt),
            fact.recipient.as_bytes(),
            &SENDING,
            &millis(entry.at),
            &DELIVERED,
        ],
    )
}

pub(super) fn delivery_aborted(db: Db<'_>, entry: &Entry, fact: &DeliveryAborted) -> Result<(), Fault> {
    moved(db, entry, fact.transfer)?;
    db.change_one(
        "UPDATE delivery SET state = CASE WHEN state = $4 THEN state ELSE $2 END, t = $3 WHERE id = $1",
        &[fact.delivery.as_bytes(), &WAITING, &millis(entry.at), &DELIVERED],
    )
}

pub(super) fn delivered(db: Db<'_>, entry: &Entry, fact: &TransferDelivered) -> Result<(), Fault> {
    moved(db, entry, fact.transfer)?;
    db.change_one(
        "UPDATE delivery SET state = $2, recipient = $3, t = $4 WHERE id = $1",
        &[fact.delivery.as_bytes(), &DELIVERED, fact.recipient.as_bytes(), &millis(entry.at)],
    )
}

/// Inspection starts again: what was found before no longer speaks for the object. Votes on it count again only if exactly the
/// same is found.
pub(super) fn reopened(db: Db<'_>, entry: &Entry, transfer: Id<Transfer>) -> Result<(), Fault> {
    moved(db, entry, transfer)?;
    db.execute("DELETE FROM inspected WHERE transfer = $1", &[transfer.as_bytes()])?;
    Ok(())
}

/// Nothing more can be decided about it.
pub(super) fn closed(db: Db<'_>, entry: &Entry, transfer: Id<Transfer>) -> Result<(), Fault> {
    moved(db, entry, transfer)?;
    close_requests(db, transfer.cast(), RequestState::Lapsed)
}

pub(super) fn moved(db: Db<'_>, entry: &Entry, transfer: Id<Transfer>) -> Result<(), Fault> {
    moved_to(db, entry, transfer).map(|_| ())
}

/// Moves a transfer along an edge of the stage graph; anything else is a bug of whoever recorded the fact.
pub(super) fn moved_to(db: Db<'_>, entry: &Entry, transfer: Id<Transfer>) -> Result<Stage, Fault> {
    let stage = db
        .one("SELECT stage FROM transfer WHERE id = $1", &[transfer.as_bytes()], |row| code_of(row, 0, Stage::ALL))?
        .ok_or(Fault::Corrupt("a fact about a transfer that never arrived"))?;
    let next = next_stage(Some(stage), &entry.event);
    assert!(next.is_ok(), "a recorded fact is not an edge from stage {}", stage.word());
    let next = next.map_err(|_| Fault::Corrupt("not an edge"))?;
    db.change_one(
        "UPDATE transfer SET stage = $2, since = CASE WHEN stage = $2 THEN since ELSE $3 END, epoch = $4, idx = $5 WHERE id = $1",
        &[
            transfer.as_bytes(),
            &(next as i64),
            &millis(entry.at),
            &from_u64(entry.position.epoch),
            &from_u64(entry.position.index),
        ],
    )?;
    Ok(next)
}
