//! What can go wrong here, by whose fault.

use std::fmt;

use lazaret_core::refusal::Refusal;

/// The domain said no, or the store failed.
#[derive(Debug)]
pub enum Error {
    /// The decision: nothing was written.
    Refused(Refusal),
    /// Ours: logged once with its chain, generic outside.
    Fault(Fault),
}

/// A fault of the store.
#[derive(Debug)]
pub enum Fault {
    /// The disk is full: nothing was written; intake answers 507.
    Full,
    /// The writer's queue is full or closed: try again.
    Busy,
    /// Another process holds this store.
    Locked,
    /// It was opened for reading only.
    ReadOnly,
    /// There is no store here.
    Absent,
    /// The engine's own words.
    Engine(String),
    /// A stored value cannot be what we wrote.
    Corrupt(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Full => f.write_str("the disk that holds the store is full"),
            Fault::Busy => f.write_str("the store is busy"),
            Fault::Locked => f.write_str("another process uses this store"),
            Fault::ReadOnly => f.write_str("the store was opened for reading only"),
            Fault::Absent => f.write_str("there is no store here"),
            Fault::Engine(text) => write!(f, "the store's engine failed: {text}"),
            Fault::Corrupt(what) => write!(f, "the store holds a value that was never written by a gate: {what}"),
        }
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::Fault(fault)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Fault::Full,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Fault::Busy,
            _ => Fault::Engine(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        Error::Fault(error.into())
    }
}

/// A read or write of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;
