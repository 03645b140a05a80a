//! What a peer's directory shows beside objects: folders that it made, and names that it took away from its own sight.

use lazaret_core::id::{Actor, Id, Lane, Party};
use lazaret_core::time::Timestamp;

use super::Side;
use crate::error::Result;
use crate::value::{id_of, millis, u64_of};

/// A folder that a sender made on a lane: a label, nothing lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The party whose folder it is.
    pub party: Id<Party>,
    /// The lane.
    pub lane: Id<Lane>,
    /// Keyed digest of (party, lane, path).
    pub name_key: [u8; 32],
    /// Its path, sealed.
    pub sealed: Vec<u8>,
}

impl Side<'_> {
    /// Keeps a folder; one that is there stays.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn put_folder(&self, folder: &Folder, at: Timestamp) -> Result<()> {
        self.db.execute(
            "INSERT INTO side_folder (party, lane, name_key, sealed, at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (party, lane, name_key) DO NOTHING",
            &[folder.party.as_bytes(), folder.lane.as_bytes(), &folder.name_key, &folder.sealed, &millis(at)],
        )?;
        Ok(())
    }

    /// Whether a party has this folder on a lane.
    pub fn has_folder(&self, party: Id<Party>, lane: Id<Lane>, name_key: &[u8; 32]) -> Result<bool> {
        let found = self.db.one(
            "SELECT 1 FROM side_folder WHERE party = $1 AND lane = $2 AND name_key = $3",
            &[party.as_bytes(), lane.as_bytes(), name_key],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// How many folders a party has on a lane.
    pub fn count_folders(&self, party: Id<Party>, lane: Id<Lane>) -> Result<u64> {
        let found = self.db.one(
            "SELECT COUNT(*) FROM side_folder WHERE party = $1 AND lane = $2",
            &[party.as_bytes(), lane.as_bytes()],
            |row| u64_of(row, 0),
        )?;
        Ok(found.unwrap_or(0))
    }

    /// Takes a folder away; whether it was there.
    pub fn remove_folder(&self, party: Id<Party>, lane: Id<Lane>, name_key: &[u8; 32]) -> Result<bool> {
        let removed = self.db.execute(
            "DELETE FROM side_folder WHERE party = $1 AND lane = $2 AND name_key = $3",
            &[party.as_bytes(), lane.as_bytes(), name_key],
        )?;
        Ok(removed > 0)
    }

    /// A party's folders on a lane, the oldest first.
    pub fn folders(&self, party: Id<Party>, lane: Id<Lane>, rows_max: u32) -> Result<Vec<Folder>> {
        Ok(self.db.all(
            "SELECT party, lane, name_key, sealed FROM side_folder WHERE party = $1 AND lane = $2
             ORDER BY at, name_key LIMIT $3",
            &[party.as_bytes(), lane.as_bytes(), &i64::from(rows_max)],
            |row| {
                Ok(Folder { party: id_of(row, 0)?, lane: id_of(row, 1)?, name_key: row.get(2)?, sealed: row.get(3)? })
            },
        )?)
    }

    /// Hides something from one reader's listings. `what` is a keyed digest of it.
    pub fn put_hidden(&self, actor: Id<Actor>, what: &[u8; 32], at: Timestamp) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_hidden (actor, what, at) VALUES ($1, $2, $3) ON CONFLICT (actor, what) DO UPDATE SET at = $3",
            &[actor.as_bytes(), what, &millis(at)],
        )?)
    }

    /// Whether something is hidden from this reader.
    pub fn is_hidden(&self, actor: Id<Actor>, what: &[u8; 32]) -> Result<bool> {
        let found = self.db.one(
            "SELECT 1 FROM side_hidden WHERE actor = $1 AND what = $2",
            &[actor.as_bytes(), what],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Forgets what was hidden before an instant: by then it is no longer listed.
    pub fn forget_hidden(&self, before: Timestamp) -> Result<usize> {
        Ok(self.db.execute("DELETE FROM side_hidden WHERE at < $1", &[&millis(before)])?)
    }
}
