//! Registers of rules and access: the active policy and inspection rules, roles, credentials.

use lazaret_core::event::{
    CredentialAdded, CredentialRevoked, PolicyActivated, RoleEnded, RoleGranted, SessionsObserved,
};
use lazaret_core::person::is_founded;
use lazaret_core::request::RequestState;

use super::request::{close_request, close_requests};
use crate::engine::Db;
use crate::error::{Fault, Result};
use crate::record::Entry;
use crate::value::{from_u64, millis};
use crate::view::View;

pub(super) fn rules(db: Db<'_>, entry: &Entry, fact: &PolicyActivated) -> Result<(), Fault> {
    if let Some(request) = fact.request {
        close_request(db, request, RequestState::Granted)?;
        close_requests(db, entry.subject, RequestState::Lapsed)?;
    }
    db.change_one(
        "INSERT INTO rule_set (idx, kind, digest, request, t) VALUES ($1, $2, $3, $4, $5)",
        &[
            &from_u64(entry.position.index),
            &(fact.set as i64),
            fact.digest.as_bytes(),
            &fact.request.map(|request| *request.as_bytes()),
            &millis(entry.at),
        ],
    )
}

/// The last time that each thing was seen of each actor: enough for *last used* and for the gate's own state.
pub(super) fn sessions_observed(db: Db<'_>, fact: &SessionsObserved) -> Result<(), Fault> {
    for seen in &fact.seen {
        let actor = seen.actor.map_or([0; 16], |actor| *actor.as_bytes());
        db.change_one(
            "INSERT INTO observed (actor, what, t) VALUES ($1, $2, $3)
             ON CONFLICT (actor, what) DO UPDATE SET t = $3",
            &[&actor, &(seen.what as i64), &millis(seen.at)],
        )?;
    }
    Ok(())
}

/// The role is theirs. Once there are the people who grant by four eyes, the house is founded for good.
pub(super) fn role_granted(db: Db<'_>, entry: &Entry, fact: &RoleGranted) -> Result<()> {
    if let Some(request) = fact.request {
        close_request(db, request, RequestState::Granted)?;
    }
    db.change_one(
        "INSERT INTO role_grant (person, role, until) VALUES ($1, $2, $3)
         ON CONFLICT (person, role) DO UPDATE SET until = $3",
        &[fact.person.as_bytes(), &(fact.role as i64), &fact.until.map(millis)],
    )?;
    let view = View::new(db);
    if view.is_being_founded()? && is_founded(&view.members(entry.at)?, &view.invited()?) {
        db.change_one("INSERT INTO founded (one, t) VALUES (1, $1)", &[&millis(entry.at)])?;
    }
    Ok(())
}

/// It ended before all time, not at the entry's: a clock that is set back revives nothing.
pub(super) fn role_ended(db: Db<'_>, fact: &RoleEnded) -> Result<(), Fault> {
    db.execute(
        "UPDATE role_grant SET until = 0 WHERE person = $1 AND role = $2",
        &[fact.person.as_bytes(), &(fact.role as i64)],
    )?;
    Ok(())
}

pub(super) fn credential_added(db: Db<'_>, entry: &Entry, fact: &CredentialAdded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO credential (id, kind, person, party, valid_from, valid_until, asked_by, invited_by, added_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            fact.credential.as_bytes(),
            &(fact.kind as i64),
            &fact.person.map(|person| *person.as_bytes()),
            &fact.party.map(|party| *party.as_bytes()),
            &millis(fact.valid_from),
            &fact.valid_until.map(millis),
            &fact.asked_by.map(|shown| *shown.as_bytes()),
            &fact.invited_by.map(|person| *person.as_bytes()),
            &entry.actor,
        ],
    )
}

pub(super) fn credential_revoked(db: Db<'_>, fact: &CredentialRevoked) -> Result<(), Fault> {
    db.change_one("UPDATE credential SET revoked = 1 WHERE id = $1", &[fact.credential.as_bytes()])?;
    db.execute(
        "UPDATE credential SET revoked = 1 WHERE id IN (
           WITH RECURSIVE made (id) AS (
             SELECT id FROM credential WHERE asked_by = $1
             UNION SELECT c.id FROM credential c JOIN made m ON c.asked_by = m.id)
           SELECT id FROM made)",
        &[fact.credential.as_bytes()],
    )?;
    Ok(())
}
