//! The keyring's rows: a database file of its own, with its own writer. What the rows mean is the vault's business.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, ToSql};

use crate::engine::{Db, Readers, check_schema, migrate, open_writer};
use crate::error::{Fault, Result};
use crate::writer::Writer;

/// Wrapped keys and sealed secrets, as opaque rows.
#[derive(Debug)]
pub struct KeyringDb {
    /// None where it was opened for reading only.
    writer: Option<Writer>,
    readers: Readers,
    /// Rows were deleted that the log may still hold.
    erased: Arc<AtomicBool>,
}

const SCHEMA: &str = include_str!("migrations/keyring_0001_sqlite.sql");
const SCHEMA_VERSION: i64 = 1;

impl KeyringDb {
    /// Opens or makes the keyring's file.
    ///
    /// # Errors
    /// The file cannot be opened, or is of a newer release.
    pub fn open(path: &Path) -> Result<KeyringDb, Fault> {
        let connection = open_writer(path)?;
        migrate(&connection, SCHEMA, SCHEMA_VERSION)?;
        // A crash may have come between a deletion and what follows it.
        let erased = Arc::new(AtomicBool::new(true));
        let to_forget = Arc::clone(&erased);
        let writer = Writer::start("keyring", connection, move |connection| forget(connection, &to_forget))?;
        Ok(KeyringDb { writer: Some(writer), readers: Readers::new(path.to_owned()), erased })
    }

    /// Opens the keyring's file for reading only: every write is refused.
    ///
    /// # Errors
    /// [`Fault::Absent`] when there is none; a schema of another release; what the engine says.
    pub fn open_read_only(path: &Path) -> Result<KeyringDb, Fault> {
        check_schema(path, SCHEMA_VERSION)?;
        Ok(KeyringDb { writer: None, readers: Readers::new(path.to_owned()), erased: Arc::default() })
    }

    fn writer(&self) -> Result<&Writer, Fault> {
        self.writer.as_ref().ok_or(Fault::ReadOnly)
    }

    /// Puts rows durably, all or none.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn put(&self, rows: Vec<KeyRow>) -> Result<()> {
        self.writer()?.call(move |db| rows.iter().try_for_each(|row| put_row(db, row)).map_err(Into::into))
    }

    /// The row of a wrapped key.
    pub fn get(&self, id: &[u8], purpose: u8) -> Result<Option<Vec<u8>>> {
        self.readers.with(|db| {
            let values: [&dyn ToSql; 2] = [&id, &i64::from(purpose)];
            Ok(db.one("SELECT row FROM wrapped WHERE id = $1 AND purpose = $2", &values, |row| row.get(0))?)
        })
    }

    /// In one transaction: `row` is there, and the row of its id under the purpose `gone` is not. Idempotent.
    pub fn replace(&self, row: KeyRow, gone: u8) -> Result<()> {
        self.writer()?.call(move |db| {
            put_row(db, &row)?;
            db.execute("DELETE FROM wrapped WHERE id = $1 AND purpose = $2", &[&row.id, &i64::from(gone)])?;
            Ok(())
        })
    }

    /// Deletes the rows of an id, under every purpose; no copy stays in the file or its log.
    pub fn delete(&self, id: Vec<u8>) -> Result<()> {
        let erased = Arc::clone(&self.erased);
        self.writer()?.call(move |db| {
            erased.store(true, Ordering::Release);
            db.execute("DELETE FROM wrapped WHERE id = $1", &[&id])?;
            Ok(())
        })
    }

    /// Every key-encryption key's row: purpose, epoch, row.
    pub fn keks(&self) -> Result<Vec<(u8, u64, Vec<u8>)>> {
        self.readers.with(|db| {
            Ok(db.all("SELECT purpose, epoch, row FROM kek ORDER BY purpose, epoch", &[], |row| {
                let purpose = u8::try_from(row.get::<_, i64>(0)?).unwrap_or(u8::MAX);
                Ok((purpose, crate::value::u64_of(row, 1)?, row.get(2)?))
            })?)
        })
    }

    /// Puts a key-encryption key's row.
    pub fn put_kek(&self, purpose: u8, epoch: u64, row: Vec<u8>) -> Result<()> {
        self.writer()?.call(move |db| {
            Ok(db.change_one(
                "INSERT INTO kek (purpose, epoch, row) VALUES ($1, $2, $3)
                 ON CONFLICT (purpose, epoch) DO UPDATE SET row = $3",
                &[&i64::from(purpose), &crate::value::from_u64(epoch), &row],
            )?)
        })
    }

    /// Puts a sealed secret of the gate: a signing key, a host key.
    pub fn put_secret(&self, name: String, row: Vec<u8>) -> Result<()> {
        self.writer()?.call(move |db| {
            Ok(db.change_one(
                "INSERT INTO secret (name, row) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET row = $2",
                &[&name, &row],
            )?)
        })
    }

    /// A sealed secret of the gate.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.readers.with(|db| Ok(db.one("SELECT row FROM secret WHERE name = $1", &[&name], |row| row.get(0))?))
    }
}

/// Empties the log if it may hold what was deleted. Deleted pages of the file itself are overwritten (`secure_delete`); those in
/// the log are only followed by newer ones.
fn forget(connection: &Connection, erased: &AtomicBool) {
    if !erased.swap(false, Ordering::AcqRel) {
        return;
    }
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    // Somebody still reads an older state: the next commit comes back to it.
    if emptied != Ok(0) {
        erased.store(true, Ordering::Release);
    }
}

/// One wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Object, transfer, party or person id.
    pub id: Vec<u8>,
    /// The purpose of the key-encryption key.
    pub purpose: u8,
    /// The vault's bytes.
    pub row: Vec<u8>,
}

fn put_row(db: Db<'_>, row: &KeyRow) -> Result<(), Fault> {
    db.change_one(
        "INSERT INTO wrapped (id, purpose, row) VALUES ($1, $2, $3) ON CONFLICT (id, purpose) DO UPDATE SET row = $3",
        &[&row.id, &i64::from(row.purpose), &row.row],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_key_is_in_neither_the_file_nor_its_log() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("keyring.db");
        let keyring = KeyringDb::open(&path).unwrap();
        let (secret, kept) = (b"the wrapped key that goes".to_vec(), b"the wrapped key that stays".to_vec());
        let row = |id: u8, bytes: &[u8]| KeyRow { id: vec![id; 16], purpose: 1, row: bytes.to_vec() };
        keyring.put(vec![row(1, &secret), row(2, &kept)]).unwrap();
        // A reader that is idle, as one is after every look-up.
        assert_eq!(keyring.get(&[1; 16], 1).unwrap(), Some(secret.clone()));
        keyring.delete(vec![1; 16]).unwrap();
        let holds = |bytes: &[u8]| {
            ["keyring.db", "keyring.db-wal"].iter().any(|file| {
                let there = std::fs::read(scratch.path().join(file)).unwrap_or_default();
                there.windows(bytes.len()).any(|window| window == bytes)
            })
        };
        assert!(!holds(&secret) && holds(&kept));
        assert_eq!(keyring.get(&[2; 16], 1).unwrap(), Some(kept));
    }
}
