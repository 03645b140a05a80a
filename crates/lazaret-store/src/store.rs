//! One gate's store: the writer, the readers, and the lock against a second process. And the same store for whoever only looks.

use std::path::Path;

use lazaret_core::time::Timestamp;

use crate::engine::{Readers, StoreLock, check_schema, integrity, migrate, open_writer};
use crate::error::{Fault, Result};
use crate::record::Tx;
use crate::side::Side;
use crate::view::View;
use crate::writer::Writer;

const FILE: &str = "lazaret.db";
pub(crate) const SCHEMA: &str = include_str!("migrations/0001_sqlite.sql");
pub(crate) const SCHEMA_VERSION: i64 = 1;

/// One gate's store.
#[derive(Debug)]
pub struct Store {
    writer: Writer,
    readers: Readers,
    _lock: StoreLock,
}

impl Store {
    /// Opens or makes the store in this directory. `committed` is called on the writer's thread after each commit.
    ///
    /// # Errors
    /// [`Fault::Locked`] when another process has it; a schema of another release; what the engine says.
    pub fn open(dir: &Path, committed: impl Fn() + Send + 'static) -> Result<Store, Fault> {
        let lock = StoreLock::take(&dir.join("store.lock"))?;
        let path = dir.join(FILE);
        let connection = open_writer(&path)?;
        migrate(&connection, SCHEMA, SCHEMA_VERSION)?;
        Ok(Store {
            writer: Writer::start("store", connection, move |_| committed())?,
            readers: Readers::new(path),
            _lock: lock,
        })
    }

    /// Reads registers and side tables in one snapshot.
    ///
    /// # Errors
    /// What `read` returns, or a fault of the store.
    pub fn read<T>(&self, read: impl FnOnce(&View<'_>, &Side<'_>) -> Result<T>) -> Result<T> {
        self.readers.with(|db| read(&View::new(db), &Side::new(db)))
    }

    /// Queues a write; `answer` hears after the commit. All of `work` is kept, or nothing.
    ///
    /// # Errors
    /// [`Fault::Busy`] when too much waits; nothing was done.
    pub fn submit<T: Send + 'static>(
        &self,
        at: Timestamp,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<(), Fault> {
        self.writer.submit(move |db| work(&Tx::new(db, at)), answer)
    }

    /// Writes and waits for the commit. For threads that may block.
    ///
    /// # Errors
    /// What `work` returns, or a fault of the store.
    pub fn write<T: Send + 'static>(
        &self,
        at: Timestamp,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.call(move |db| work(&Tx::new(db, at)))
    }
}

/// One gate's store for reading only: beside a running gate or without one. It takes no lock, makes nothing and changes
/// nothing; each read sees one snapshot.
#[derive(Debug)]
pub struct StoreReader {
    readers: Readers,
    path: std::path::PathBuf,
}

impl StoreReader {
    /// Opens the store in this directory.
    ///
    /// # Errors
    /// [`Fault::Absent`] when there is none; a schema of another release; what the engine says.
    pub fn open(dir: &Path) -> Result<StoreReader, Fault> {
        let path = dir.join(FILE);
        check_schema(&path, SCHEMA_VERSION)?;
        Ok(StoreReader { readers: Readers::new(path.clone()), path })
    }

    /// Reads registers and side tables in one snapshot.
    ///
    /// # Errors
    /// What `read` returns, or a fault of the store.
    pub fn read<T>(&self, read: impl FnOnce(&View<'_>, &Side<'_>) -> Result<T>) -> Result<T> {
        self.readers.with(|db| read(&View::new(db), &Side::new(db)))
    }

    /// What the engine itself finds wrong with the file, at most so many findings.
    ///
    /// # Errors
    /// The file cannot be read at all.
    pub fn integrity(&self, rows_max: u32) -> Result<Vec<String>, Fault> {
        integrity(&self.path, rows_max)
    }
}
