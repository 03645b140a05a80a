//! The last signed head of each log, in a small store apart from what it guards. Swapping it is what makes a fork
//! impossible: a head is published only after it stands here.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::engine::{Db, check_schema, migrate, open_reader, open_writer};
use crate::error::{Fault, Result};
use crate::value::{from_u64, u64_of};

const SCHEMA: &str = include_str!("migrations/checkpoint_0001_sqlite.sql");
const SCHEMA_VERSION: i64 = 1;

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Tree size.
    pub size: u64,
    /// Root hash.
    pub root: [u8; 32],
    /// The signed note.
    pub note: String,
}

/// The checkpoint store.
#[derive(Debug)]
pub struct CheckpointDb {
    connection: Mutex<Connection>,
}

impl CheckpointDb {
    /// Opens the store; makes it only where `create` says that the gate itself is being made.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] when it is missing beside an existing ledger: then the gate is fenced.
    pub fn open(path: &Path, create: bool) -> Result<CheckpointDb, Fault> {
        if !create && !path.exists() {
            return Err(Fault::Corrupt("the checkpoint store is missing beside an existing ledger"));
        }
        let connection = open_writer(path)?;
        migrate(&connection, SCHEMA, SCHEMA_VERSION)?;
        Ok(CheckpointDb { connection: Mutex::new(connection) })
    }

    /// Opens the store for reading only, as whoever only looks does.
    ///
    /// # Errors
    /// [`Fault::Absent`] when there is none; a schema of another release; what the engine says.
    pub fn open_read_only(path: &Path) -> Result<CheckpointDb, Fault> {
        check_schema(path, SCHEMA_VERSION)?;
        Ok(CheckpointDb { connection: Mutex::new(open_reader(path)?) })
    }

    /// The last head signed for this origin.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn latest(&self, origin: &str) -> Result<Option<Latest>, Fault> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        Db::new(&connection).one("SELECT size, root, note FROM latest WHERE origin = $1", &[&origin], |row| {
            Ok(Latest { size: u64_of(row, 0)?, root: row.get(1)?, note: row.get(2)? })
        })
    }

    /// Puts `next` in place of `old`, durably, if `old` is still what stands there.
    ///
    /// # Errors
    /// A fault of the store: the outcome is unknown, and the caller must stop and start again.
    pub fn swap(&self, origin: &str, old: Option<&Latest>, next: &Latest) -> Result<bool, Fault> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let db = Db::new(&connection);
        let changed = match old {
            Some(old) => db.execute(
                "UPDATE latest SET size = $2, root = $3, note = $4 WHERE origin = $1 AND size = $5 AND root = $6",
                &[&origin, &from_u64(next.size), &next.root, &next.note, &from_u64(old.size), &old.root],
            )?,
            None => db.execute(
                "INSERT INTO latest (origin, size, root, note) VALUES ($1, $2, $3, $4) ON CONFLICT (origin) DO NOTHING",
                &[&origin, &from_u64(next.size), &next.root, &next.note],
            )?,
        };
        Ok(changed == 1)
    }
}
