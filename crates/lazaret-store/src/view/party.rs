//! Reading parties, lanes and what is true of a party now.

use lazaret_core::dossier::PartyFacts;
use lazaret_core::event::Event;
use lazaret_core::id::{Actor, Agreement, Engagement, Id, Isolation, Lane, Party};
use lazaret_core::inspection::Inspector;
use lazaret_core::register::{AgreementKind, LaneTerms, PartyKind, PartyState};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Direction, TransferView};
use rusqlite::Row;

use super::View;
use crate::error::{Fault, Result};
use crate::value::{cbor_of, code_of, id_of, millis, time_opt};

/// A lane with where it hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneView {
    /// Its terms.
    pub terms: LaneTerms,
    /// The agreement that it belongs to.
    pub agreement: Id<Agreement>,
    /// The engagement of that agreement.
    pub engagement: Id<Engagement>,
    /// The party of that engagement.
    pub party: Id<Party>,
}

/// A party as the registers have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartyView {
    /// The party.
    pub party: Id<Party>,
    /// What it is to the hospital.
    pub kind: PartyKind,
    /// Where it stands.
    pub state: PartyState,
    /// Whether an isolation of it is open.
    pub isolated: bool,
}

const LANE: &str = "SELECT l.terms, l.agreement, a.engagement, e.party, l.is_open FROM lane l
  JOIN agreement a ON a.id = l.agreement JOIN engagement e ON e.id = a.engagement";

fn read_lane(row: &Row<'_>) -> rusqlite::Result<LaneView> {
    let mut terms: LaneTerms = cbor_of(row, 0)?;
    terms.open = terms.open && row.get::<_, i64>(4)? == 1;
    Ok(LaneView { terms, agreement: id_of(row, 1)?, engagement: id_of(row, 2)?, party: id_of(row, 3)? })
}

const PARTY: &str = "SELECT p.id, p.kind, p.state,
  EXISTS (SELECT 1 FROM isolation i WHERE i.party = p.id AND i.lifted IS NULL) FROM party p";

fn read_party(row: &Row<'_>) -> rusqlite::Result<PartyView> {
    Ok(PartyView {
        party: id_of(row, 0)?,
        kind: code_of(row, 1, PartyKind::ALL)?,
        state: code_of(row, 2, PartyState::ALL)?,
        isolated: row.get::<_, i64>(3)? == 1,
    })
}

impl View<'_> {
    /// The lane with this id.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn lane(&self, lane: Id<Lane>) -> Result<Option<LaneView>> {
        Ok(self.db.one(&format!("{LANE} WHERE l.id = $1"), &[lane.as_bytes()], read_lane)?)
    }

    /// The lane of a transfer, on the terms that count for it: every inspector that the lane requires now, or did when it
    /// arrived. What a lane asked for is not taken back from what came by it.
    pub fn lane_of(&self, transfer: &TransferView) -> Result<Option<LaneView>> {
        let Some(mut lane) = self.lane(transfer.lane)? else { return Ok(None) };
        let then: Option<Vec<Inspector>> =
            self.db.one("SELECT inspectors FROM transfer WHERE id = $1", &[transfer.transfer.as_bytes()], |row| {
                cbor_of(row, 0)
            })?;
        lane.terms.inspectors.extend(then.unwrap_or_default());
        Ok(Some(lane))
    }

    /// The lane with this name.
    pub fn lane_by_name(&self, name: &str) -> Result<Option<LaneView>> {
        Ok(self.db.one(&format!("{LANE} WHERE l.name = $1"), &[&name], read_lane)?)
    }

    /// A party's lanes in this direction, by name.
    pub fn lanes_of(&self, party: Id<Party>, direction: Direction) -> Result<Vec<LaneView>> {
        Ok(self.db.all(
            &format!("{LANE} WHERE e.party = $1 AND l.direction = $2 ORDER BY l.name"),
            &[party.as_bytes(), &(direction as i64)],
            read_lane,
        )?)
    }

    /// Every lane in this direction, by name.
    pub fn lanes(&self, direction: Direction) -> Result<Vec<LaneView>> {
        Ok(self.db.all(&format!("{LANE} WHERE l.direction = $1 ORDER BY l.name"), &[&(direction as i64)], read_lane)?)
    }

    /// The party with this id.
    pub fn party(&self, party: Id<Party>) -> Result<Option<PartyView>> {
        Ok(self.db.one(&format!("{PARTY} WHERE p.id = $1"), &[party.as_bytes()], read_party)?)
    }

    /// Every party, by id.
    pub fn parties(&self, rows_max: u32) -> Result<Vec<PartyView>> {
        Ok(self.db.all(&format!("{PARTY} ORDER BY p.id LIMIT $1"), &[&i64::from(rows_max)], read_party)?)
    }

    /// A party's first engagement without an end.
    pub fn engagement_of(&self, party: Id<Party>) -> Result<Option<Id<Engagement>>> {
        Ok(self.db.one(
            "SELECT id FROM engagement WHERE party = $1 AND ends IS NULL ORDER BY rowid LIMIT 1",
            &[party.as_bytes()],
            |row| id_of(row, 0),
        )?)
    }

    /// The open isolation of a party.
    pub fn open_isolation(&self, party: Id<Party>) -> Result<Option<Id<Isolation>>> {
        Ok(self.db.one("SELECT id FROM isolation WHERE party = $1 AND lifted IS NULL", &[party.as_bytes()], |row| {
            id_of(row, 0)
        })?)
    }

    /// The party that an isolation is of, while it is open.
    pub fn isolated_party(&self, isolation: Id<Isolation>) -> Result<Option<Id<Party>>> {
        Ok(self.db.one(
            "SELECT party FROM isolation WHERE id = $1 AND lifted IS NULL",
            &[isolation.as_bytes()],
            |row| id_of(row, 0),
        )?)
    }

    /// What is true of a lane's party now: its state, isolation, vetting, agreement, cover for patient data.
    pub fn party_facts(&self, lane: &LaneView, at: Timestamp) -> Result<PartyFacts> {
        let party = self.party(lane.party)?.ok_or(Fault::Corrupt("a lane of no party"))?;
        let ends = self
            .db
            .one("SELECT ends FROM engagement WHERE id = $1", &[lane.engagement.as_bytes()], |row| time_opt(row, 0))?
            .flatten();
        let in_force = self.db.one(
            "SELECT 1 FROM agreement WHERE id = $1 AND effective <= $2 AND (expires IS NULL OR expires > $2)",
            &[lane.agreement.as_bytes(), &millis(at)],
            |_| Ok(()),
        )?;
        let cover = self.covers(lane, at)?;
        Ok(PartyFacts {
            state: party.state,
            isolated: party.isolated,
            vetting_current: self.vetted_until(lane.party)?.is_some_and(|until| at < until),
            agreement_current: in_force.is_some() && ends.is_none_or(|end| at < end),
            phi_cover: !cover.is_empty(),
        })
    }

    /// Whether somebody else than this actor, and than whoever recorded or invited them, recorded an agreement in force that
    /// covers patient data: nobody opens the way for what an account of their making sends.
    pub(super) fn is_covered_by_another(&self, lane: &LaneView, actor: Id<Actor>, at: Timestamp) -> Result<bool> {
        let behind = self.behind(actor, at)?;
        for agreement in self.covers(lane, at)? {
            let entries = self.entries_about(agreement.cast())?;
            if entries.iter().all(|entry| !behind.contains(&Id::from_bytes(entry.actor))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An actor, and for a person whoever recorded or invited them, but for the gate itself.
    fn behind(&self, actor: Id<Actor>, at: Timestamp) -> Result<Vec<Id<Actor>>> {
        let mut behind = vec![actor];
        if self.person(actor.cast(), at)?.is_none() {
            return Ok(behind);
        }
        for entry in self.entries_about(actor.cast())? {
            let lets_in = matches!(entry.event, Event::PersonRecorded(_) | Event::PersonInvited(_));
            let by: Id<Actor> = Id::from_bytes(entry.actor);
            if lets_in && !behind.contains(&by) && self.person(by.cast(), at)?.is_some() {
                behind.push(by);
            }
        }
        Ok(behind)
    }

    /// The agreements in force that cover patient data on a lane.
    fn covers(&self, lane: &LaneView, at: Timestamp) -> Result<Vec<Id<Agreement>>> {
        Ok(self.db.all(
            "SELECT id FROM agreement WHERE engagement = $1 AND kind IN ($3, $4) AND effective <= $2
               AND (expires IS NULL OR expires > $2)",
            &[lane.engagement.as_bytes(), &millis(at), &(AgreementKind::Baa as i64), &(AgreementKind::Dpa as i64)],
            |row| id_of(row, 0),
        )?)
    }
}
