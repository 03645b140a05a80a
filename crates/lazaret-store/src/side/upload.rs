//! Bytes still arriving that outlive a restart: an upload is no fact.

use lazaret_core::id::{Actor, Id, Lane, Object, Party, Transfer, Upload as UploadKind};
use lazaret_core::refusal::Refusal;
use lazaret_core::time::Timestamp;
use rusqlite::{Row, ToSql};

use super::Side;
use crate::error::Result;
use crate::value::{from_u64, id_of, millis, time_of, to_u64, u64_of};

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Bytes may arrive.
    Open,
    /// It became the transfer.
    Arrived,
    /// Ended by the sender, by time, or by a failed write.
    Ended,
}

const STATES: [UploadState; 3] = [UploadState::Open, UploadState::Arrived, UploadState::Ended];

/// An upload to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// Its id.
    pub id: Id<UploadKind>,
    /// SHA-256 of the capability in its URL; none for channels without one.
    pub lookup: Option<[u8; 32]>,
    /// The party whose quota it uses.
    pub party: Id<Party>,
    /// Its lane.
    pub lane: Id<Lane>,
    /// Who may go on with it.
    pub principal: Id<Actor>,
    /// Keyed digest of (party, lane, name).
    pub name_key: [u8; 32],
    /// The transfer it will be.
    pub transfer: Id<Transfer>,
    /// The object it will be.
    pub object: Id<Object>,
    /// Declared length, if known.
    pub length_bytes: Option<u64>,
    /// Sealed manifest.
    pub sealed: Vec<u8>,
    /// When it ends by itself.
    pub expires: Timestamp,
}

/// An upload as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: Id<UploadKind>,
    /// The party whose quota it uses.
    pub party: Id<Party>,
    /// Its lane.
    pub lane: Id<Lane>,
    /// Who may go on with it.
    pub principal: Id<Actor>,
    /// The transfer it will be, or is.
    pub transfer: Id<Transfer>,
    /// The object it will be, or is.
    pub object: Id<Object>,
    /// Bytes that are durable.
    pub received_bytes: u64,
    /// Declared length, if known.
    pub length_bytes: Option<u64>,
    /// Sealed manifest.
    pub sealed: Vec<u8>,
    /// Sealed state of the half-written object.
    pub resume: Option<Vec<u8>>,
    /// Where it stands.
    pub state: UploadState,
    /// When it ends by itself.
    pub expires: Timestamp,
}

const UPLOAD: &str =
    "SELECT id, party, lane, principal, transfer, object, received_bytes, length_bytes, sealed, resume, state,
  expires FROM side_upload";

fn read_upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: id_of(row, 0)?,
        party: id_of(row, 1)?,
        lane: id_of(row, 2)?,
        principal: id_of(row, 3)?,
        transfer: id_of(row, 4)?,
        object: id_of(row, 5)?,
        received_bytes: u64_of(row, 6)?,
        length_bytes: row.get::<_, Option<i64>>(7)?.map(to_u64),
        sealed: row.get(8)?,
        resume: row.get(9)?,
        state: crate::value::code_of(row, 10, &STATES)?,
        expires: time_of(row, 11)?,
    })
}

impl Side<'_> {
    /// Keeps an upload that can be resumed after a restart.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn make_upload(&self, upload: &NewUpload, at: Timestamp) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_upload (id, lookup, party, lane, principal, name_key, transfer, object, received_bytes, length_bytes, sealed, state, expires, made)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, 0, $11, $12)",
            &[
                upload.id.as_bytes(),
                &upload.lookup,
                upload.party.as_bytes(),
                upload.lane.as_bytes(),
                upload.principal.as_bytes(),
                &upload.name_key,
                upload.transfer.as_bytes(),
                upload.object.as_bytes(),
                &upload.length_bytes.map(from_u64),
                &upload.sealed,
                &millis(upload.expires),
                &millis(at),
            ],
        )?)
    }

    /// Changes an upload that is open.
    ///
    /// # Errors
    /// `WrongState` if it arrived or ended meanwhile: whoever still writes to it hears so.
    fn change_open(&self, sql: &str, values: &[&dyn ToSql]) -> Result<()> {
        if self.db.execute(sql, values)? == 1 { Ok(()) } else { Err(Refusal::WrongState.into()) }
    }

    /// What is durable of an open upload, and how long it can be gone on with from now.
    ///
    /// # Errors
    /// `WrongState` if it is open no more, as for every change of one.
    pub fn save_progress(
        &self,
        id: Id<UploadKind>,
        object: Id<Object>,
        received_bytes: u64,
        resume: &[u8],
        expires: Timestamp,
    ) -> Result<()> {
        self.change_open(
            "UPDATE side_upload SET object = $2, received_bytes = $3, resume = $4, expires = $5
             WHERE id = $1 AND state = 0",
            &[id.as_bytes(), object.as_bytes(), &from_u64(received_bytes), &resume, &millis(expires)],
        )
    }

    /// The length became known.
    pub fn set_length(&self, id: Id<UploadKind>, length_bytes: u64) -> Result<()> {
        self.change_open(
            "UPDATE side_upload SET length_bytes = $2 WHERE id = $1 AND state = 0",
            &[id.as_bytes(), &from_u64(length_bytes)],
        )
    }

    /// An upload became its transfer, with so many bytes; whoever knows its address still learns that.
    pub fn upload_arrived(&self, id: Id<UploadKind>, received_bytes: u64) -> Result<()> {
        self.change_open(
            "UPDATE side_upload SET state = 1, resume = NULL, received_bytes = $2, length_bytes = $2
             WHERE id = $1 AND state = 0",
            &[id.as_bytes(), &from_u64(received_bytes)],
        )
    }

    /// Points an upload at the transfer that the same bytes had made before.
    pub fn upload_was(&self, id: Id<UploadKind>, transfer: Id<Transfer>) -> Result<()> {
        Ok(self
            .db
            .change_one("UPDATE side_upload SET transfer = $2 WHERE id = $1", &[id.as_bytes(), transfer.as_bytes()])?)
    }

    /// Ends an open upload: its reservation is free from now on. Gives the transfer and the object that it would have been;
    /// nothing if it arrived or ended before, for then they are not its own to destroy.
    pub fn end_upload(&self, id: Id<UploadKind>) -> Result<Option<(Id<Transfer>, Id<Object>)>> {
        Ok(self.db.one(
            "UPDATE side_upload SET state = 2, resume = NULL WHERE id = $1 AND state = 0 RETURNING transfer, object",
            &[id.as_bytes()],
            |row| Ok((id_of(row, 0)?, id_of(row, 1)?)),
        )?)
    }

    /// The upload behind a capability's digest.
    pub fn upload_by_lookup(&self, lookup: &[u8; 32]) -> Result<Option<Upload>> {
        Ok(self.db.one(&format!("{UPLOAD} WHERE lookup = $1"), &[lookup], read_upload)?)
    }

    /// The upload with this id.
    pub fn upload(&self, id: Id<UploadKind>) -> Result<Option<Upload>> {
        Ok(self.db.one(&format!("{UPLOAD} WHERE id = $1"), &[id.as_bytes()], read_upload)?)
    }

    /// The newest open upload of this name that is gone on with by its name; those with a capability in their URL are not.
    pub fn open_upload_named(&self, name_key: &[u8; 32]) -> Result<Option<Upload>> {
        Ok(self.db.one(
            &format!("{UPLOAD} WHERE name_key = $1 AND state = 0 AND lookup IS NULL ORDER BY made DESC LIMIT 1"),
            &[name_key],
            read_upload,
        )?)
    }

    /// A party's open uploads on a lane.
    pub fn open_uploads(&self, party: Id<Party>, lane: Id<Lane>, rows_max: u32) -> Result<Vec<Upload>> {
        Ok(self.db.all(
            &format!("{UPLOAD} WHERE party = $1 AND lane = $2 AND state = 0 ORDER BY made DESC LIMIT $3"),
            &[party.as_bytes(), lane.as_bytes(), &i64::from(rows_max)],
            read_upload,
        )?)
    }

    /// Open uploads of every party, for counting their quota at start.
    pub fn all_open_uploads(&self) -> Result<Vec<Upload>> {
        Ok(self.db.all(&format!("{UPLOAD} WHERE state = 0"), &[], read_upload)?)
    }

    /// Whether an open upload writes this object: the reaper leaves it alone.
    pub fn has_open_object(&self, object: Id<Object>) -> Result<bool> {
        let found =
            self.db
                .one("SELECT 1 FROM side_upload WHERE object = $1 AND state = 0", &[object.as_bytes()], |_| Ok(()))?;
        Ok(found.is_some())
    }

    /// Open uploads whose time is over.
    pub fn expired_uploads(&self, at: Timestamp, rows_max: u32) -> Result<Vec<Upload>> {
        Ok(self.db.all(
            &format!("{UPLOAD} WHERE state = 0 AND expires <= $1 ORDER BY expires LIMIT $2"),
            &[&millis(at), &i64::from(rows_max)],
            read_upload,
        )?)
    }

    /// Puts an open upload under another name.
    pub fn rename_upload(&self, id: Id<UploadKind>, name_key: &[u8; 32], sealed: &[u8]) -> Result<()> {
        self.change_open(
            "UPDATE side_upload SET name_key = $2, sealed = $3 WHERE id = $1 AND state = 0",
            &[id.as_bytes(), name_key, &sealed],
        )
    }
}
