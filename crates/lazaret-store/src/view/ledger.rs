//! Reading the ledger's entries: for the sealer, receipts, history and replay.

use lazaret_core::decision::{Cleared, Position};
use lazaret_core::event::Event;
use lazaret_core::id::{Gate, Id, Subject, Transfer};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::Stage;
use lazaret_ledger::entry::decode;
use rusqlite::Row;

use super::View;
use crate::error::{Error, Fault, Result};
use crate::record::{Entry, cleared};
use crate::value::{from_u64, id_of, time_of, u64_of};

/// The ledger's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The epoch that takes entries.
    pub epoch: u64,
    /// How many it holds.
    pub size: u64,
    /// When the last one was written.
    pub at: Timestamp,
}

const ENTRY: &str = "SELECT epoch, idx, t, subject, bytes FROM entry";

struct Stored {
    position: Position,
    at: Timestamp,
    subject: Id<Subject>,
    bytes: Vec<u8>,
}

fn read_stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        position: Position { epoch: u64_of(row, 0)?, index: u64_of(row, 1)? },
        at: time_of(row, 2)?,
        subject: id_of(row, 3)?,
        bytes: row.get(4)?,
    })
}

/// Reads the fact out of stored bytes: stored bytes are verified, nothing is re-serialised to be checked.
fn to_entry(stored: Stored) -> Result<Entry, Fault> {
    let (envelope, fact) = decode(&stored.bytes).map_err(|_| Fault::Corrupt("an entry's bytes"))?;
    let event = Event::decode(&envelope.kind, fact).map_err(|_| Fault::Corrupt("a fact's bytes"))?;
    if envelope.subject != *stored.subject.as_bytes() || envelope.t != stored.at.as_millis() {
        return Err(Fault::Corrupt("an entry whose columns are not its bytes"));
    }
    Ok(Entry {
        position: stored.position,
        at: stored.at,
        subject: stored.subject,
        actor: envelope.actor,
        event,
        bytes: stored.bytes,
    })
}

impl View<'_> {
    /// The ledger's size; none before its first entry.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn head(&self) -> Result<Option<Head>> {
        Ok(self.db.one("SELECT epoch, size, t FROM head WHERE one = 1", &[], |row| {
            Ok(Head { epoch: u64_of(row, 0)?, size: u64_of(row, 1)?, at: time_of(row, 2)? })
        })?)
    }

    /// The gate whose ledger this is.
    pub fn gate(&self) -> Result<Option<Id<Gate>>> {
        Ok(self.db.one("SELECT gate FROM epoch ORDER BY epoch LIMIT 1", &[], |row| id_of(row, 0))?)
    }

    /// Stored bytes and leaf hashes from an index on, at most `rows_max`.
    pub fn leaves(&self, epoch: u64, from: u64, rows_max: u32) -> Result<Vec<(Vec<u8>, [u8; 32])>> {
        Ok(self.db.all(
            "SELECT bytes, leaf FROM entry WHERE epoch = $1 AND idx >= $2 ORDER BY idx LIMIT $3",
            &[&from_u64(epoch), &from_u64(from), &i64::from(rows_max)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?)
    }

    /// The entries about one subject, in order.
    pub fn entries_about(&self, subject: Id<Subject>) -> Result<Vec<Entry>> {
        let stored =
            self.db.all(&format!("{ENTRY} WHERE subject = $1 ORDER BY seq"), &[subject.as_bytes()], read_stored)?;
        Ok(stored.into_iter().map(to_entry).collect::<Result<Vec<_>, Fault>>()?)
    }

    /// Entries from an index on, at most `rows_max`.
    pub fn entries_from(&self, epoch: u64, from: u64, rows_max: u32) -> Result<Vec<Entry>> {
        let stored = self.db.all(
            &format!("{ENTRY} WHERE epoch = $1 AND idx >= $2 ORDER BY idx LIMIT $3"),
            &[&from_u64(epoch), &from_u64(from), &i64::from(rows_max)],
            read_stored,
        )?;
        Ok(stored.into_iter().map(to_entry).collect::<Result<Vec<_>, Fault>>()?)
    }

    /// Where the latest entry about a subject stands.
    pub fn last_position(&self, subject: Id<Subject>) -> Result<Option<Position>> {
        Ok(self.db.one(
            "SELECT epoch, idx FROM entry WHERE subject = $1 ORDER BY seq DESC LIMIT 1",
            &[subject.as_bytes()],
            |row| Ok(Position { epoch: u64_of(row, 0)?, index: u64_of(row, 1)? }),
        )?)
    }

    /// The entry at a position.
    pub fn entry(&self, position: Position) -> Result<Option<Entry>> {
        let stored = self.db.one(
            &format!("{ENTRY} WHERE epoch = $1 AND idx = $2"),
            &[&from_u64(position.epoch), &from_u64(position.index)],
            read_stored,
        )?;
        Ok(stored.map(to_entry).transpose()?)
    }

    /// Walks every entry in order.
    ///
    /// # Errors
    /// What `visit` returns, or a fault of the store.
    pub fn each_entry(&self, mut visit: impl FnMut(Entry) -> Result<()>) -> Result<()> {
        let mut outcome: Result<()> = Ok(());
        self.db.each(&format!("{ENTRY} ORDER BY epoch, idx"), &[], |row| {
            let stored = read_stored(row)?;
            if outcome.is_ok() {
                outcome = to_entry(stored).map_err(Error::from).and_then(&mut visit);
            }
            Ok(())
        })?;
        outcome
    }

    /// Proof that a transfer's release is committed, read from the ledger; none while it is not released.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn cleared(&self, transfer: Id<Transfer>) -> Result<Option<Cleared>> {
        let Some(view) = self.transfer(transfer)? else { return Ok(None) };
        if !matches!(view.stage, Stage::Released | Stage::Delivered) {
            return Ok(None);
        }
        let release = self
            .entries_about(transfer.cast())?
            .into_iter()
            .rev()
            .find(|entry| matches!(entry.event, Event::TransferReleased(_)));
        Ok(release.as_ref().map(cleared).transpose()?)
    }
}
