//! Registers of parties, engagements, people, agreements with their lanes, vetting, isolation.

use lazaret_core::event::{
    AgreementRecorded, EngagementRecorded, Isolated, IsolationLifted, PartyRecorded, PersonRecorded, ProductRecorded,
    RelianceRecorded, VettingConcluded,
};
use lazaret_core::request::RequestState;

use super::request::{close_request, close_requests};
use crate::engine::Db;
use crate::error::Fault;
use crate::record::Entry;
use crate::value::{cbor, from_u64, millis};

pub(super) fn party(db: Db<'_>, entry: &Entry, fact: &PartyRecorded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO party (id, kind, state, t) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET kind = $2, state = $3, t = $4",
        &[fact.party.as_bytes(), &(fact.kind as i64), &(fact.state as i64), &millis(entry.at)],
    )
}

pub(super) fn engagement(db: Db<'_>, fact: &EngagementRecorded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO engagement (id, party, ends) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET party = $2, ends = $3",
        &[fact.engagement.as_bytes(), fact.party.as_bytes(), &fact.ends.map(millis)],
    )
}

pub(super) fn reliance(db: Db<'_>, fact: &RelianceRecorded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO reliance (from_engagement, to_engagement, share_permille) VALUES ($1, $2, $3)
         ON CONFLICT (from_engagement, to_engagement) DO UPDATE SET share_permille = $3",
        &[fact.from.as_bytes(), fact.to.as_bytes(), &i64::from(fact.share_permille)],
    )
}

pub(super) fn product(db: Db<'_>, fact: &ProductRecorded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO product (id, party) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET party = $2",
        &[fact.product.as_bytes(), fact.party.as_bytes()],
    )
}

pub(super) fn person(db: Db<'_>, fact: &PersonRecorded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO person (id, side, party, standing) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET side = $2, party = $3, standing = $4",
        &[
            fact.person.as_bytes(),
            &(fact.side as i64),
            &fact.party.map(|party| *party.as_bytes()),
            &(fact.standing as i64),
        ],
    )
}

pub(super) fn agreement(db: Db<'_>, fact: &AgreementRecorded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO agreement (id, engagement, kind, effective, expires) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET engagement = $2, kind = $3, effective = $4, expires = $5",
        &[
            fact.agreement.as_bytes(),
            fact.engagement.as_bytes(),
            &(fact.kind as i64),
            &millis(fact.terms.effective),
            &fact.terms.expires.map(millis),
        ],
    )?;
    // A lane that the new record no longer lists stays known to its transfers, and takes nothing more.
    db.execute("UPDATE lane SET is_open = 0 WHERE agreement = $1", &[fact.agreement.as_bytes()])?;
    for lane in &fact.lanes {
        db.change_one(
            "INSERT INTO lane (id, agreement, name, direction, is_open, terms) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET agreement = $2, name = $3, direction = $4, is_open = $5, terms = $6",
            &[
                lane.lane.as_bytes(),
                fact.agreement.as_bytes(),
                &lane.name.as_str(),
                &(lane.direction as i64),
                &i64::from(lane.open),
                &cbor(lane),
            ],
        )?;
    }
    Ok(())
}

pub(super) fn vetting(db: Db<'_>, entry: &Entry, fact: &VettingConcluded) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO vetting (id, party, outcome, valid_until, t, epoch, idx) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            fact.vetting.as_bytes(),
            fact.party.as_bytes(),
            &(fact.outcome as i64),
            &millis(fact.valid_until),
            &millis(entry.at),
            &from_u64(entry.position.epoch),
            &from_u64(entry.position.index),
        ],
    )
}

pub(super) fn isolated(db: Db<'_>, entry: &Entry, fact: &Isolated) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO isolation (id, party, opened) VALUES ($1, $2, $3)",
        &[fact.isolation.as_bytes(), fact.party.as_bytes(), &millis(entry.at)],
    )
}

pub(super) fn lifted(db: Db<'_>, entry: &Entry, fact: &IsolationLifted) -> Result<(), Fault> {
    db.change_one(
        "UPDATE isolation SET lifted = $2 WHERE id = $1 AND lifted IS NULL",
        &[fact.isolation.as_bytes(), &millis(entry.at)],
    )?;
    close_request(db, fact.request, RequestState::Granted)?;
    close_requests(db, fact.isolation.cast(), RequestState::Lapsed)
}
