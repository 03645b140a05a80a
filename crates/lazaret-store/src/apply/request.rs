//! Registers of four eyes: requests and the votes on them.

use lazaret_core::digest::{Commitment, Digest};
use lazaret_core::event::{Approved, Rejected, RequestOpened};
use lazaret_core::id::{Actor, Credential, Id, Person, Request, Subject};
use lazaret_core::request::{Act, Group, Means, RequestState};
use lazaret_core::time::Timestamp;

use super::transfer::moved;
use crate::engine::Db;
use crate::error::Fault;
use crate::record::Entry;
use crate::value::{cbor, code_of, from_u64, millis};

pub(super) struct Opening {
    pub(super) request: Id<Request>,
    pub(super) act: Act,
    pub(super) subject: Id<Subject>,
    pub(super) requester: Id<Actor>,
    pub(super) binding: Digest,
    pub(super) required: u8,
    pub(super) groups: Vec<Group>,
    pub(super) until: Timestamp,
}

/// A request waits from now on; one about the same subject that nobody granted in its time waits no longer.
pub(super) fn opened(db: Db<'_>, entry: &Entry, fact: &RequestOpened) -> Result<(), Fault> {
    db.execute(
        "UPDATE request SET state = $2 WHERE subject = $1 AND state = $3 AND until <= $4",
        &[fact.subject.as_bytes(), &(RequestState::Lapsed as i64), &(RequestState::Open as i64), &millis(entry.at)],
    )?;
    let opening = Opening {
        request: fact.request,
        act: fact.act,
        subject: fact.subject,
        requester: Id::from_bytes(entry.actor),
        binding: fact.binding,
        required: fact.required,
        groups: fact.groups.clone(),
        until: fact.until,
    };
    upsert(db, entry, &opening)
}

/// Opens a request, or moves an open one to a new binding: votes stay, and those bound to the old one no longer count.
pub(super) fn upsert(db: Db<'_>, entry: &Entry, opening: &Opening) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO request (id, act, subject, requester, binding, required, groups, until, state, opened, epoch, idx)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (id) DO UPDATE SET binding = $5, required = $6, groups = $7, until = $8, state = $9",
        &[
            opening.request.as_bytes(),
            &(opening.act as i64),
            opening.subject.as_bytes(),
            opening.requester.as_bytes(),
            opening.binding.as_bytes(),
            &i64::from(opening.required),
            &cbor(&opening.groups),
            &millis(opening.until),
            &(RequestState::Open as i64),
            &millis(entry.at),
            &from_u64(entry.position.epoch),
            &from_u64(entry.position.index),
        ],
    )
}

/// Closes one request, as its votes say.
pub(super) fn close_request(db: Db<'_>, request: Id<Request>, state: RequestState) -> Result<(), Fault> {
    db.change_one("UPDATE request SET state = $2 WHERE id = $1", &[request.as_bytes(), &(state as i64)])
}

/// Closes what is open about a subject, about which nothing is asked any more.
pub(super) fn close_requests(db: Db<'_>, subject: Id<Subject>, state: RequestState) -> Result<(), Fault> {
    db.execute(
        "UPDATE request SET state = $2 WHERE subject = $1 AND state = $3",
        &[subject.as_bytes(), &(state as i64), &(RequestState::Open as i64)],
    )?;
    Ok(())
}

pub(super) fn approved(db: Db<'_>, entry: &Entry, fact: &Approved) -> Result<(), Fault> {
    let ballot = Ballot {
        request: fact.request,
        person: fact.person,
        group: fact.group,
        approves: true,
        binding: fact.binding,
        means: fact.means,
        credential: fact.credential,
        reason: fact.reason,
    };
    cast(db, entry, &ballot)
}

pub(super) fn rejected(db: Db<'_>, entry: &Entry, fact: &Rejected) -> Result<(), Fault> {
    let ballot = Ballot {
        request: fact.request,
        person: fact.person,
        group: fact.group,
        approves: false,
        binding: fact.binding,
        means: fact.means,
        credential: fact.credential,
        reason: fact.reason,
    };
    cast(db, entry, &ballot)?;
    close_request(db, fact.request, RequestState::Rejected)
}

struct Ballot {
    request: Id<Request>,
    person: Id<Person>,
    group: Group,
    approves: bool,
    binding: Digest,
    means: Means,
    credential: Id<Credential>,
    reason: Option<Commitment>,
}

fn cast(db: Db<'_>, entry: &Entry, ballot: &Ballot) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO approval (request, person, approver_group, approves, binding, means, credential, reason, t, idx)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            ballot.request.as_bytes(),
            ballot.person.as_bytes(),
            &(ballot.group as i64),
            &i64::from(ballot.approves),
            ballot.binding.as_bytes(),
            &(ballot.means as i64),
            ballot.credential.as_bytes(),
            &ballot.reason.map(|reason| *reason.as_bytes()),
            &millis(entry.at),
            &from_u64(entry.position.index),
        ],
    )?;
    let act = db
        .one("SELECT act FROM request WHERE id = $1", &[ballot.request.as_bytes()], |row| code_of(row, 0, Act::ALL))?
        .ok_or(Fault::Corrupt("a vote on no request"))?;
    if act == Act::ReleaseTransfer {
        moved(db, entry, entry.subject.cast())?;
    }
    Ok(())
}
