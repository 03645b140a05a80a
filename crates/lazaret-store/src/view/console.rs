//! Lists and counts for people: the console, the CLI and the API read the same rows.

use lazaret_core::id::{Id, Lane, Party, Person, Request, Subject, Transfer};
use lazaret_core::request::{Act, Group};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Channel, Direction, Stage, TransferKind};

use super::View;
use crate::error::Result;
use crate::value::{code_of, id_of, millis, time_of};

/// Which transfers a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this party's.
    pub party: Option<Id<Party>>,
    /// Only what this party may know of: what it sent, and what is sent to it from the release on.
    pub known_to: Option<Id<Party>>,
    /// Only in this stage.
    pub stage: Option<Stage>,
    /// Only in this direction.
    pub direction: Option<Direction>,
    /// Only what arrived at this instant or later.
    pub since: Option<Timestamp>,
}

/// Where a page begins: after this row, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Arrival of the last row shown.
    pub arrived: Timestamp,
    /// Its id.
    pub transfer: Id<Transfer>,
}

/// One row of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferRow {
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// Where it stands.
    pub stage: Stage,
    /// Which way it crosses.
    pub direction: Direction,
    /// Its lane.
    pub lane: Id<Lane>,
    /// The party on the other side.
    pub party: Id<Party>,
    /// The door.
    pub channel: Channel,
    /// What it is declared to be.
    pub kind: TransferKind,
    /// When it arrived.
    pub arrived: Timestamp,
    /// Since when it stands in its stage.
    pub since: Timestamp,
}

/// One vote that a person cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoteRow {
    /// The request.
    pub request: Id<Request>,
    /// What it asked for.
    pub act: Act,
    /// What that changes.
    pub subject: Id<Subject>,
    /// For which group.
    pub group: Group,
    /// Whether they said yes.
    pub approves: bool,
    /// When.
    pub at: Timestamp,
}

/// How many transfers of a window came by each door and stand in each stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By door.
    pub channels: Vec<(Channel, u64)>,
    /// By stage.
    pub stages: Vec<(Stage, u64)>,
}

impl View<'_> {
    /// A page of transfers, newest first, by keyset.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn transfers(&self, filter: &Filter, after: Option<Page>, rows_max: u32) -> Result<Vec<TransferRow>> {
        let far = (i64::MAX, [0xff_u8; 16]);
        let (arrived, id) = after.map_or(far, |page| (millis(page.arrived), *page.transfer.as_bytes()));
        Ok(self.db.all(
            "SELECT id, stage, direction, lane, party, channel, kind, arrived, since FROM transfer
             WHERE (arrived, id) < ($1, $2) AND ($3 IS NULL OR party = $3) AND ($4 IS NULL OR stage = $4)
               AND ($5 IS NULL OR direction = $5) AND ($7 IS NULL OR arrived >= $7)
               AND ($8 IS NULL OR (party = $8 AND (direction = $9 OR stage IN ($10, $11))))
             ORDER BY arrived DESC, id DESC LIMIT $6",
            &[
                &arrived,
                &id,
                &filter.party.map(|party| *party.as_bytes()),
                &filter.stage.map(|stage| stage as i64),
                &filter.direction.map(|direction| direction as i64),
                &i64::from(rows_max),
                &filter.since.map(millis),
                &filter.known_to.map(|party| *party.as_bytes()),
                &(Direction::In as i64),
                &(Stage::Released as i64),
                &(Stage::Delivered as i64),
            ],
            |row| {
                Ok(TransferRow {
                    transfer: id_of(row, 0)?,
                    stage: code_of(row, 1, Stage::ALL)?,
                    direction: code_of(row, 2, Direction::ALL)?,
                    lane: id_of(row, 3)?,
                    party: id_of(row, 4)?,
                    channel: code_of(row, 5, Channel::ALL)?,
                    kind: code_of(row, 6, TransferKind::ALL)?,
                    arrived: time_of(row, 7)?,
                    since: time_of(row, 8)?,
                })
            },
        )?)
    }

    /// What a person voted on, newest first.
    pub fn votes_of(&self, person: Id<Person>, rows_max: u32) -> Result<Vec<VoteRow>> {
        Ok(self.db.all(
            "SELECT a.request, r.act, r.subject, a.approver_group, a.approves, a.t FROM approval a
             JOIN request r ON r.id = a.request WHERE a.person = $1 ORDER BY a.idx DESC LIMIT $2",
            &[person.as_bytes(), &i64::from(rows_max)],
            |row| {
                Ok(VoteRow {
                    request: id_of(row, 0)?,
                    act: code_of(row, 1, Act::ALL)?,
                    subject: id_of(row, 2)?,
                    group: code_of(row, 3, Group::ALL)?,
                    approves: row.get::<_, i64>(4)? == 1,
                    at: time_of(row, 5)?,
                })
            },
        )?)
    }

    /// What crossed since an instant, by door and by stage.
    pub fn counts(&self, since: Timestamp) -> Result<Counts> {
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(1).map(crate::value::to_u64);
        let channels = self.db.all(
            "SELECT channel, COUNT(*) FROM transfer WHERE arrived >= $1 GROUP BY channel ORDER BY channel",
            &[&millis(since)],
            |row| Ok((code_of(row, 0, Channel::ALL)?, count(row)?)),
        )?;
        let stages = self.db.all(
            "SELECT stage, COUNT(*) FROM transfer WHERE arrived >= $1 GROUP BY stage ORDER BY stage",
            &[&millis(since)],
            |row| Ok((code_of(row, 0, Stage::ALL)?, count(row)?)),
        )?;
        Ok(Counts { channels, stages })
    }
}
