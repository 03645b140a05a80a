//! Errors by whose fault they are: our rule says no, the peer's bytes, or us.

use std::fmt;

use lazaret_core::refusal::{PartyCode, Refusal};

/// What can go wrong at the edge.
#[derive(Debug)]
pub enum Error {
    /// The domain says no: shown with the next step.
    Refused(Refusal),
    /// The peer's bytes: 4xx, counted against the party.
    Malformed(Malformed),
    /// Ours: logged once with its cause, generic outside.
    Fault(Fault),
    /// The command line or configuration is off.
    Usage(String),
}

/// What the peer did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What its sender is told, as a code.
    pub code: PartyCode,
    /// What is wrong with it. Its sender is told, whoever that is: it speaks of what they sent, and of nothing else.
    pub detail: String,
}

/// What failed on our side.
#[derive(Debug)]
pub enum Fault {
    /// No room on disk.
    DiskFull,
    /// Too much waits: try again.
    Busy,
    /// The ledger is older than what was signed of it: nothing is recorded until a person has looked.
    Fenced(&'static str),
    /// One object or key cannot be read back, or is not what was sealed; others may be whole. With its cause.
    Unreadable(String),
    /// Anything else, with its cause.
    Internal(String),
}

/// A result at the edge.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A fault with this cause.
    pub fn internal(cause: impl fmt::Display) -> Error {
        Error::Fault(Fault::Internal(cause.to_string()))
    }

    /// The peer's bytes are wrong in this way.
    pub fn malformed(code: PartyCode, detail: impl Into<String>) -> Error {
        Error::Malformed(Malformed { code, detail: detail.into() })
    }

    /// What a party is told.
    pub fn code(&self) -> PartyCode {
        match self {
            Error::Refused(refusal) => refusal.code(),
            Error::Malformed(malformed) => malformed.code,
            Error::Fault(Fault::DiskFull) => PartyCode::DiskFull,
            Error::Fault(Fault::Busy | Fault::Fenced(_) | Fault::Unreadable(_) | Fault::Internal(_))
            | Error::Usage(_) => PartyCode::GateBusy,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Malformed(malformed) => f.write_str(&malformed.detail),
            Error::Fault(Fault::DiskFull) => f.write_str("the gate's disk is full"),
            Error::Fault(Fault::Busy) => f.write_str("the gate is busy"),
            Error::Fault(Fault::Fenced(why)) => write!(f, "the ledger is fenced: {why}"),
            Error::Fault(Fault::Unreadable(cause) | Fault::Internal(cause)) => f.write_str(cause),
            Error::Usage(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl From<lazaret_store::Error> for Error {
    fn from(error: lazaret_store::Error) -> Error {
        match error {
            lazaret_store::Error::Refused(refusal) => Error::Refused(refusal),
            lazaret_store::Error::Fault(fault) => fault.into(),
        }
    }
}

impl From<lazaret_store::Fault> for Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other fault is ours, and says nothing outside")]
    fn from(fault: lazaret_store::Fault) -> Error {
        Error::Fault(match fault {
            lazaret_store::Fault::Full => Fault::DiskFull,
            lazaret_store::Fault::Busy => Fault::Busy,
            other => Fault::Internal(other.to_string()),
        })
    }
}

impl From<lazaret_vault::Fault> for Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other fault is ours, and says nothing outside")]
    fn from(fault: lazaret_vault::Fault) -> Error {
        if fault.is_fatal() {
            // After a failed write or fsync nothing that this process believes about the disk can be trusted.
            tracing::error!(%fault, "the disk failed; ending at once");
            std::process::abort();
        }
        match fault {
            lazaret_vault::Fault::Full => Error::Fault(Fault::DiskFull),
            lazaret_vault::Fault::TooLarge { .. } => Error::Refused(Refusal::TooLarge),
            fault if fault.is_of_one_object() => Error::Fault(Fault::Unreadable(fault.to_string())),
            other => Error::internal(other),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        if error.kind() == std::io::ErrorKind::StorageFull {
            Error::Fault(Fault::DiskFull)
        } else {
            Error::internal(error)
        }
    }
}
