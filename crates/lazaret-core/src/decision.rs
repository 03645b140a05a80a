//! What the gate decides, and the two proofs against which plaintext leaves the vault.

use crate::id::{Id, Object, Transfer};

/// Where an entry stands in the ledger: tree epoch and index in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The ledger's epoch, from 1.
    pub epoch: u64,
    /// The entry's index in that epoch's tree, from 0.
    pub index: u64,
}

/// Proof that this transfer's object may be looked at by the station. Not Clone, not serialisable.
#[must_use]
#[derive(Debug)]
pub struct Inspecting {
    transfer: Id<Transfer>,
    object: Id<Object>,
}

impl Inspecting {
    /// Called once, in `lazaret-store/src/record.rs`; `xtask tidy` counts the callers.
    pub fn assertion(transfer: Id<Transfer>, object: Id<Object>) -> Inspecting {
        Inspecting { transfer, object }
    }

    /// The transfer under inspection.
    pub fn transfer(&self) -> Id<Transfer> {
        self.transfer
    }

    /// The object to be read.
    pub fn object(&self) -> Id<Object> {
        self.object
    }
}

/// Proof that this release is on the ledger. Not Clone, not serialisable; the vault delivers against nothing else.
#[must_use]
#[derive(Debug)]
pub struct Cleared {
    transfer: Id<Transfer>,
    object: Id<Object>,
    position: Position,
}

impl Cleared {
    /// Called once, in `lazaret-store/src/record.rs`; `xtask tidy` counts the callers.
    pub fn assertion(transfer: Id<Transfer>, object: Id<Object>, position: Position) -> Cleared {
        Cleared { transfer, object, position }
    }

    /// The transfer that was released.
    pub fn transfer(&self) -> Id<Transfer> {
        self.transfer
    }

    /// Its object.
    pub fn object(&self) -> Id<Object> {
        self.object
    }

    /// Where the release stands in the ledger.
    pub fn position(&self) -> Position {
        self.position
    }
}
