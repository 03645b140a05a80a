//! SQLite: opening, pragmas, the lock against a second process, bound statements. No business words.
//!
//! The statements' text is `$n` throughout, bound by name, so that the same text runs on another engine.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Row, Statement, ToSql};

use crate::error::{Fault, Result};

/// Read connections kept open; a burst opens more and drops them again.
const READERS_KEPT_MAX: usize = 8;
/// Page cache of one connection, in KiB.
const CACHE_KIB: i64 = 4_096;
/// Prepared statements kept per connection.
const STATEMENTS_KEPT_MAX: usize = 256;

/// One open transaction or read connection.
#[derive(Clone, Copy)]
pub(crate) struct Db<'a>(&'a Connection);

impl<'a> Db<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Db<'a> {
        Db(connection)
    }

    /// Runs a statement; the number of changed rows.
    pub(crate) fn execute(&self, sql: &str, values: &[&dyn ToSql]) -> Result<usize, Fault> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        Ok(statement.raw_execute()?)
    }

    /// The first row, if there is one.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Fault> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        let mut rows = statement.raw_query();
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// Every row.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut out = Vec::new();
        self.each(sql, values, |row| {
            out.push(read(row)?);
            Ok(())
        })?;
        Ok(out)
    }

    /// Walks the rows without keeping them.
    pub(crate) fn each(
        &self,
        sql: &str,
        values: &[&dyn ToSql],
        mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Fault> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            visit(row)?;
        }
        Ok(())
    }

    /// Exactly one changed row, or what is written does not fit what is there: a bug, and the task must die.
    pub(crate) fn change_one(&self, sql: &str, values: &[&dyn ToSql]) -> Result<(), Fault> {
        let changed = self.execute(sql, values)?;
        assert!(changed == 1, "a statement changed {changed} rows where one was due");
        Ok(())
    }
}

/// `$n` is a *name* in SQLite: binding by position would follow first appearance, not the number.
fn bind(statement: &mut Statement<'_>, values: &[&dyn ToSql]) -> Result<(), Fault> {
    for (position, value) in values.iter().enumerate() {
        let name = NAMES.get(position).ok_or(Fault::Corrupt("a statement with too many parameters"))?;
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(())
}

const NAMES: [&str; 24] = [
    "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17",
    "$18", "$19", "$20", "$21", "$22", "$23", "$24",
];

/// Opens a database file for writing: WAL, every commit fsynced, deleted bytes overwritten.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    settle(&connection)?;
    Ok(connection)
}

/// An empty database in memory, for replay.
pub(crate) fn open_memory() -> Result<Connection, Fault> {
    let connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    settle(&connection)?;
    Ok(connection)
}

fn settle(connection: &Connection) -> Result<(), Fault> {
    // Without the stability guarantee (SQLite C API, "SQLITE_DBCONFIG_ENABLE_QPSG") the planner peeks at bound values, and a
    // statement that it peeked for is prepared again at each new value: the kept statements would be kept in vain.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT_MAX);
    Ok(())
}

/// Brings an empty database to the schema of this release; refuses one of another.
pub(crate) fn migrate(connection: &Connection, sql: &str, version: i64) -> Result<(), Fault> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == version {
        return Ok(());
    }
    if found != 0 {
        return Err(Fault::Corrupt("a schema that this release does not know: use the release that wrote it"));
    }
    connection.execute_batch(&format!("BEGIN; {sql} PRAGMA user_version = {version}; COMMIT;"))?;
    Ok(())
}

/// Holds the store against a second process for as long as it lives.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// # Errors
    /// [`Fault::Locked`] when another process holds it; what the system says where it cannot be locked at all.
    pub(crate) fn take(path: &Path) -> Result<StoreLock, Fault> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|error| Fault::Engine(error.to_string()))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Fault::Locked,
            TryLockError::Error(error) => Fault::Engine(error.to_string()),
        })?;
        Ok(StoreLock { _file: file })
    }
}

/// Refuses a file that is not there or has another schema: reading only means neither making nor changing one.
pub(crate) fn check_schema(path: &Path, version: i64) -> Result<(), Fault> {
    if !path.exists() {
        return Err(Fault::Absent);
    }
    let found: i64 = open_reader(path)?.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == version {
        return Ok(());
    }
    Err(Fault::Corrupt("a schema that this release does not know: use the release that wrote it"))
}

/// What SQLite itself finds wrong with a file: pages, indices, constraints; at most `rows_max` findings.
pub(crate) fn integrity(path: &Path, rows_max: u32) -> Result<Vec<String>, Fault> {
    let connection = open_reader(path)?;
    let mut found = Vec::new();
    connection.pragma(None, "integrity_check", rows_max, |row| {
        found.push(row.get::<_, String>(0)?);
        Ok(())
    })?;
    found.retain(|finding| finding != "ok");
    Ok(found)
}

/// Opens a database file for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    settle(&connection)?;
    Ok(connection)
}

/// Read connections to one database.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Readers {
        Readers { path, idle: Mutex::new(Vec::new()) }
    }

    /// Runs a read on a connection of its own snapshot.
    pub(crate) fn with<T, E: From<Fault>>(&self, read: impl FnOnce(Db<'_>) -> Result<T, E>) -> Result<T, E> {
        let taken = self.idle().pop();
        let connection = match taken {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        let db = Db::new(&connection);
        // Kept like every other statement: parsing two for each of thousands of reads a second shows in a profile.
        db.execute("BEGIN", &[])?;
        let out = read(db);
        db.execute("COMMIT", &[])?;
        let mut idle = self.idle();
        if idle.len() < READERS_KEPT_MAX {
            idle.push(connection);
        }
        out
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A panic while holding the list leaves a list of whole connections: it stays usable.
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
