//! Particulars of transfers: sealed manifests and findings, natural keys, notes, policy texts.

use lazaret_core::digest::{Commitment, Digest};
use lazaret_core::id::{Id, Lane, Party, Subject, Transfer};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::Stage;

use super::Side;
use crate::error::Result;
use crate::value::{code_of, from_u64, id_of, millis, time_of};

/// A sealed manifest as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRow {
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// Its party.
    pub party: Id<Party>,
    /// Its lane.
    pub lane: Id<Lane>,
    /// Keyed digest of (party, lane, name).
    pub name_key: [u8; 32],
    /// Ciphertext.
    pub sealed: Vec<u8>,
}

/// One of a sender's own objects, as its directory shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// Its lane.
    pub lane: Id<Lane>,
    /// Where it stands.
    pub stage: Stage,
    /// When it arrived.
    pub arrived: Timestamp,
    /// The sealed manifest.
    pub sealed: Vec<u8>,
}

impl Side<'_> {
    /// Keeps a transfer's manifest.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn put_manifest(&self, row: &ManifestRow, at: Timestamp) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_manifest (transfer, party, lane, name_key, sealed, at) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                row.transfer.as_bytes(),
                row.party.as_bytes(),
                row.lane.as_bytes(),
                &row.name_key,
                &row.sealed,
                &millis(at),
            ],
        )?)
    }

    /// A transfer's sealed manifest.
    pub fn manifest(&self, transfer: Id<Transfer>) -> Result<Option<Vec<u8>>> {
        Ok(self
            .db
            .one("SELECT sealed FROM side_manifest WHERE transfer = $1", &[transfer.as_bytes()], |row| row.get(0))?)
    }

    /// Puts the label of a sealed, uninspected object under another name.
    pub fn relabel(&self, transfer: Id<Transfer>, name_key: &[u8; 32], sealed: &[u8]) -> Result<()> {
        Ok(self.db.change_one(
            "UPDATE side_manifest SET name_key = $2, sealed = $3 WHERE transfer = $1",
            &[transfer.as_bytes(), name_key, &sealed],
        )?)
    }

    /// Hides a label from the sender's directory; the transfer lives on.
    pub fn hide(&self, transfer: Id<Transfer>) -> Result<()> {
        Ok(self.db.change_one("UPDATE side_manifest SET hidden = 1 WHERE transfer = $1", &[transfer.as_bytes()])?)
    }

    /// Hides every visible object of this name from the sender's directory; how many there were.
    pub fn hide_named(&self, name_key: &[u8; 32]) -> Result<usize> {
        Ok(self.db.execute("UPDATE side_manifest SET hidden = 1 WHERE name_key = $1 AND hidden = 0", &[name_key])?)
    }

    /// Shows an object in its sender's directory again: it was sent again.
    pub fn show(&self, transfer: Id<Transfer>) -> Result<()> {
        Ok(self.db.change_one("UPDATE side_manifest SET hidden = 0 WHERE transfer = $1", &[transfer.as_bytes()])?)
    }

    /// Keeps particulars that changed, under the same name.
    pub fn put_kept(&self, transfer: Id<Transfer>, sealed: &[u8]) -> Result<()> {
        Ok(self
            .db
            .change_one("UPDATE side_manifest SET sealed = $2 WHERE transfer = $1", &[transfer.as_bytes(), &sealed])?)
    }

    /// A party's own objects on a lane since an instant, newest first, hidden ones left out.
    pub fn listed(&self, party: Id<Party>, lane: Id<Lane>, since: Timestamp, rows_max: u32) -> Result<Vec<Listed>> {
        Ok(self.db.all(
            "SELECT m.transfer, m.lane, t.stage, t.arrived, m.sealed FROM side_manifest m
             JOIN transfer t ON t.id = m.transfer
             WHERE m.party = $1 AND m.lane = $2 AND m.at >= $3 AND m.hidden = 0
             ORDER BY m.at DESC, m.transfer LIMIT $4",
            &[party.as_bytes(), lane.as_bytes(), &millis(since), &i64::from(rows_max)],
            |row| {
                Ok(Listed {
                    transfer: id_of(row, 0)?,
                    lane: id_of(row, 1)?,
                    stage: code_of(row, 2, Stage::ALL)?,
                    arrived: time_of(row, 3)?,
                    sealed: row.get(4)?,
                })
            },
        )?)
    }

    /// The newest visible transfer of this name.
    pub fn newest_named(&self, name_key: &[u8; 32]) -> Result<Option<Id<Transfer>>> {
        Ok(self.db.one(
            "SELECT transfer FROM side_manifest WHERE name_key = $1 AND hidden = 0 ORDER BY at DESC, rowid DESC LIMIT 1",
            &[name_key],
            |row| id_of(row, 0),
        )?)
    }

    /// Counts an object that was sent again and is the same.
    pub fn count_repeat(&self, transfer: Id<Transfer>) -> Result<()> {
        Ok(self
            .db
            .change_one("UPDATE side_manifest SET repeats = repeats + 1 WHERE transfer = $1", &[transfer.as_bytes()])?)
    }

    /// How often an object was sent again.
    pub fn repeats(&self, transfer: Id<Transfer>) -> Result<u32> {
        let found =
            self.db.one("SELECT repeats FROM side_manifest WHERE transfer = $1", &[transfer.as_bytes()], |row| {
                row.get::<_, u32>(0)
            })?;
        Ok(found.unwrap_or(0))
    }

    /// Remembers which transfer a peer's own key made, until the window ends.
    pub fn put_natural_key(
        &self,
        key: &[u8; 32],
        transfer: Id<Transfer>,
        mark: Commitment,
        until: Timestamp,
    ) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_natural_key (key, transfer, mark, until) VALUES ($1, $2, $3, $4)
             ON CONFLICT (key) DO UPDATE SET transfer = $2, mark = $3, until = $4",
            &[key, transfer.as_bytes(), mark.as_bytes(), &millis(until)],
        )?)
    }

    /// Forgets a natural key: what comes under it next is new.
    pub fn forget_natural_key(&self, key: &[u8; 32]) -> Result<()> {
        self.db.execute("DELETE FROM side_natural_key WHERE key = $1", &[key])?;
        Ok(())
    }

    /// Keeps the station's full answer.
    pub fn put_findings(&self, transfer: Id<Transfer>, sealed: &[u8]) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_findings (transfer, sealed) VALUES ($1, $2) ON CONFLICT (transfer) DO UPDATE SET sealed = $2",
            &[transfer.as_bytes(), &sealed],
        )?)
    }

    /// The station's full answer.
    pub fn findings(&self, transfer: Id<Transfer>) -> Result<Option<Vec<u8>>> {
        Ok(self
            .db
            .one("SELECT sealed FROM side_findings WHERE transfer = $1", &[transfer.as_bytes()], |row| row.get(0))?)
    }

    /// Keeps the words behind a vote, by the index of its entry.
    pub fn put_note(&self, subject: Id<Subject>, index: u64, sealed: &[u8]) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_note (subject, idx, sealed) VALUES ($1, $2, $3)",
            &[subject.as_bytes(), &from_u64(index), &sealed],
        )?)
    }

    /// The words behind the votes on a subject, by the index of their entries.
    pub fn notes(&self, subject: Id<Subject>) -> Result<Vec<(u64, Vec<u8>)>> {
        Ok(self.db.all(
            "SELECT idx, sealed FROM side_note WHERE subject = $1 ORDER BY idx",
            &[subject.as_bytes()],
            |row| Ok((crate::value::u64_of(row, 0)?, row.get(1)?)),
        )?)
    }

    /// Keeps a policy set's text under its digest.
    pub fn put_policy_text(&self, digest: Digest, text: &str) -> Result<()> {
        self.db.execute(
            "INSERT INTO side_policy_text (digest, text) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
            &[digest.as_bytes(), &text],
        )?;
        Ok(())
    }

    /// The text of a policy set.
    pub fn policy_text(&self, digest: Digest) -> Result<Option<String>> {
        Ok(self
            .db
            .one("SELECT text FROM side_policy_text WHERE digest = $1", &[digest.as_bytes()], |row| row.get(0))?)
    }

    /// Notes an upload that became no transfer, for the sender's journal.
    pub fn put_not_received(&self, party: Id<Party>, at: Timestamp, sealed: &[u8]) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_not_received (party, at, sealed) VALUES ($1, $2, $3)",
            &[party.as_bytes(), &millis(at), &sealed],
        )?)
    }

    /// A party's uploads that became no transfer, in order.
    pub fn not_received(&self, party: Id<Party>, since: Timestamp) -> Result<Vec<(Timestamp, Vec<u8>)>> {
        Ok(self.db.all(
            "SELECT at, sealed FROM side_not_received WHERE party = $1 AND at >= $2 ORDER BY at, rowid",
            &[party.as_bytes(), &millis(since)],
            |row| Ok((time_of(row, 0)?, row.get(1)?)),
        )?)
    }
}
