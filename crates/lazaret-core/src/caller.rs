//! Who acts: an authenticated person, a party's credential, or the gate itself.

use crate::id::{Actor, Credential, Gate, Id, Party, Person};
use crate::register::Role;
use crate::request::Means;

/// Who stands behind a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A person of the hospital or of a party.
    Person {
        /// The person.
        person: Id<Person>,
        /// Their party, if they are not the hospital's.
        party: Option<Id<Party>>,
        /// The roles they hold now.
        roles: Vec<Role>,
    },
    /// A party's machine or script, by its credential.
    Party {
        /// The party.
        party: Id<Party>,
    },
    /// A task of the gate: reconcilers, followers, set-up.
    Gate {
        /// The gate.
        gate: Id<Gate>,
    },
}

/// An authenticated caller. Made only after a credential was verified; every entry in the ledger names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    who: Who,
    credential: Option<Id<Credential>>,
    means: Means,
    stepup_age_s: u64,
}

impl Caller {
    /// Called once, in `lazaret/src/auth/caller.rs`, on success only; `xtask tidy` counts the callers.
    pub fn assertion(who: Who, credential: Option<Id<Credential>>, means: Means, stepup_age_s: u64) -> Caller {
        Caller { who, credential, means, stepup_age_s }
    }

    /// Who stands behind the call.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The pseudonym under which the ledger knows them: the person, the party, or the gate.
    pub fn actor(&self) -> Id<Actor> {
        match &self.who {
            Who::Person { person, .. } => person.cast(),
            Who::Party { party } => party.cast(),
            Who::Gate { gate } => gate.cast(),
        }
    }

    /// The person, if it is one.
    pub fn person(&self) -> Option<Id<Person>> {
        match &self.who {
            Who::Person { person, .. } => Some(*person),
            Who::Party { .. } | Who::Gate { .. } => None,
        }
    }

    /// The party on whose behalf they act, if any.
    pub fn party(&self) -> Option<Id<Party>> {
        match &self.who {
            Who::Person { party, .. } => *party,
            Who::Party { party } => Some(*party),
            Who::Gate { .. } => None,
        }
    }

    /// Whether this is one of the hospital's own people.
    pub fn is_hospital_person(&self) -> bool {
        matches!(&self.who, Who::Person { party: None, .. })
    }

    /// Whether they hold the role. A party's credential is a sender; the gate holds none.
    pub fn has_role(&self, role: Role) -> bool {
        match &self.who {
            Who::Person { roles, .. } => roles.contains(&role),
            Who::Party { .. } => role == Role::Sender,
            Who::Gate { .. } => false,
        }
    }

    /// The credential they showed.
    pub fn credential(&self) -> Option<Id<Credential>> {
        self.credential
    }

    /// How they proved who they are.
    pub fn means(&self) -> Means {
        self.means
    }

    /// Seconds since they showed a factor.
    pub fn stepup_age_s(&self) -> u64 {
        self.stepup_age_s
    }
}
