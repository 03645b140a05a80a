//! One gate's store: the writer, the readers, and the lock against a second process.

use std::path::Path;

use lazaret_core::time::Timestamp;

use crate::engine::{Readers, StoreLock, migrate, open_writer};
use crate::error::{Fault, Result};
use crate::record::Tx;
use crate::side::Side;
use crate::view::View;
use crate::writer::Writer;

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
        let path = dir.join("lazaret.db");
        let connection = open_writer(&path)?;
        migrate(&connection, SCHEMA, SCHEMA_VERSION)?;
        Ok(Store { writer: Writer::start("store", connection, committed)?, readers: Readers::new(path), _lock: lock })
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
