//! Registers of rules and access: the active policy and inspection rules, roles, credentials.

use lazaret_core::event::{
    CredentialAdded, CredentialRevoked, InspectionRulesActivated, PolicyActivated, RoleEnded, RoleGranted,
};

use crate::engine::Db;
use crate::error::Fault;
use crate::record::Entry;
use crate::value::{from_u64, millis};

pub(super) fn policy(db: Db<'_>, entry: &Entry, fact: &PolicyActivated) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO policy (digest, t, request, idx) VALUES ($1, $2, $3, $4)",
        &[
            fact.policy.as_bytes(),
            &millis(entry.at),
            &fact.request.map(|request| *request.as_bytes()),
            &from_u64(entry.position.index),
        ],
    )
}

pub(super) fn inspection_rules(db: Db<'_>, entry: &Entry, fact: &InspectionRulesActivated) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO inspection_rules (digest, t, idx) VALUES ($1, $2, $3)",
        &[fact.rules.as_bytes(), &millis(entry.at), &from_u64(entry.position.index)],
    )
}

pub(super) fn role_granted(db: Db<'_>, fact: &RoleGranted) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO role_grant (person, role, until) VALUES ($1, $2, $3)
         ON CONFLICT (person, role) DO UPDATE SET until = $3",
        &[fact.person.as_bytes(), &(fact.role as i64), &fact.until.map(millis)],
    )
}

pub(super) fn role_ended(db: Db<'_>, fact: &RoleEnded) -> Result<(), Fault> {
    db.execute(
        "DELETE FROM role_grant WHERE person = $1 AND role = $2",
        &[fact.person.as_bytes(), &(fact.role as i64)],
    )?;
    Ok(())
}

pub(super) fn credential_added(db: Db<'_>, fact: &CredentialAdded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO credential (id, kind, person, party, valid_from, valid_until) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            fact.credential.as_bytes(),
            &(fact.kind as i64),
            &fact.person.map(|person| *person.as_bytes()),
            &fact.party.map(|party| *party.as_bytes()),
            &millis(fact.valid_from),
            &fact.valid_until.map(millis),
        ],
    )
}

pub(super) fn credential_revoked(db: Db<'_>, fact: &CredentialRevoked) -> Result<(), Fault> {
    db.change_one("UPDATE credential SET revoked = 1 WHERE id = $1", &[fact.credential.as_bytes()])
}
