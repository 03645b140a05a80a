//! What the gate decides, the two proofs against which plaintext leaves the vault, and the one against which an object is
//! destroyed.

use crate::code::Code;
use crate::digest::Digest;
use crate::id::{Id, Object, Request, Transfer};
use crate::inspection::codes;
use crate::request::{Group, RequestView};

codes! {
    /// What policy says about a crossing.
    Outcome {
        0 Release = "release",
        1 Hold = "hold",
        2 Deny = "deny",
    }
}

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

/// Proof that no transfer and no open upload has this object: it may be destroyed. Not Clone, not serialisable.
#[must_use]
#[derive(Debug)]
pub struct Unclaimed {
    object: Id<Object>,
    never_arrived: Option<Id<Transfer>>,
}

impl Unclaimed {
    /// Called once, in `lazaret-store/src/record.rs`; `xtask tidy` counts the callers.
    pub fn assertion(object: Id<Object>, never_arrived: Option<Id<Transfer>>) -> Unclaimed {
        Unclaimed { object, never_arrived }
    }

    /// The object that nobody has.
    pub fn object(&self) -> Id<Object> {
        self.object
    }

    /// The transfer that it was to be, where that never arrived and never will: the key of its particulars goes too.
    pub fn never_arrived(&self) -> Option<Id<Transfer>> {
        self.never_arrived
    }
}

/// One rule that fired, with what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The rule's `@id`.
    pub rule: Code,
    /// The rule's `@reason`: a sentence for the hospital's own people.
    pub reason: String,
    /// What its `@hold` asks for; empty for a rule that denies.
    pub requirement: Vec<Term>,
    /// The `@hold` text.
    pub hold: Option<Code>,
}

impl Fired {
    /// The requirement as facts keep it.
    pub fn requirement_code(&self) -> Option<Code> {
        self.hold
    }
}

/// One part of a requirement; all parts together cure the hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// `approvals:n:groups`
    Approvals {
        /// Distinct people.
        people: u8,
        /// Groups that must be among them.
        groups: Vec<Group>,
    },
    /// `evidence:kind`, such as `evidence:baa`.
    Evidence(Code),
    /// `fact:name`, such as `fact:inspected`.
    Fact(Code),
}

/// What policy says about a dossier, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Release, hold or deny.
    pub outcome: Outcome,
    /// The rules that fired, in the order of their ids.
    pub reasons: Vec<Fired>,
    /// The digest of the policy set.
    pub policy: Digest,
    /// What approvals of this decision bind.
    pub binding: Digest,
    /// What people can give, if approvals can help: how many, and of which groups.
    pub approvals: Option<(u8, Vec<Group>)>,
    /// The dossier's request, as votes on it count now: it asks and binds what is true now, whatever the registers say still.
    pub request: Option<RequestView>,
    /// The request whose votes make it a release; none where it is one without them.
    pub granted_by: Option<Id<Request>>,
}

impl Decision {
    /// Whether votes are worth asking for.
    pub fn approvals_help(&self) -> bool {
        self.outcome == Outcome::Hold && self.approvals.is_some()
    }
}
