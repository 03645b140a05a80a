//! The small closed vocabularies of the register: parties, persons, agreements and lanes, vetting, credentials, roles.

use minicbor::{Decode, Encode};

use crate::code::Code;
use crate::id::{Id, Lane, Person};
use crate::inspection::{Inspector, codes};
use crate::time::Timestamp;
use crate::transfer::{Direction, TransferKind};

codes! {
    /// What a party is to the hospital (closed).
    PartyKind {
        0 Manufacturer = "manufacturer",
        1 Distributor = "distributor",
        2 Transporter = "transporter",
        3 Contractor = "contractor",
        4 SoftwareDeveloper = "software_developer",
        5 ServiceProvider = "service_provider",
        6 Agency = "agency",
    }
}

codes! {
    /// Where a party stands. Nothing of a party that is not active is released.
    PartyState {
        0 Stub = "stub",
        1 Vetting = "vetting",
        2 Active = "active",
        3 Suspended = "suspended",
        4 Ended = "ended",
    }
}

codes! {
    /// On whose side a person stands.
    PersonSide {
        0 Hospital = "hospital",
        1 Party = "party",
    }
}

codes! {
    /// Whether a person still works here, or there.
    Standing {
        0 Current = "current",
        1 Past = "past",
    }
}

codes! {
    /// What kind of paper an agreement is.
    AgreementKind {
        0 Contract = "contract",
        1 Baa = "baa",
        2 Dpa = "dpa",
        3 Nda = "nda",
        4 DataSharing = "data_sharing",
    }
}

codes! {
    /// How a vetting ended.
    VettingOutcome {
        0 Passed = "passed",
        1 Adverse = "adverse",
    }
}

codes! {
    /// What a credential is.
    CredentialKind {
        0 Token = "token",
        1 SshKey = "ssh_key",
        2 Passkey = "passkey",
        3 SigningKey = "signing_key",
        4 Demo = "demo",
    }
}

codes! {
    /// What a person may do here, or a party's person for their party.
    Role {
        0 Admin = "admin",
        1 Security = "security",
        2 Biomed = "biomed",
        3 Privacy = "privacy",
        4 Integration = "integration",
        5 Receiver = "receiver",
        6 Clinician = "clinician",
        7 Auditor = "auditor",
        8 Sender = "sender",
        9 Respondent = "respondent",
    }
}

impl Role {
    /// Whether whoever holds it may send something out of the hospital: those whose work it is with what crosses. Keeping the
    /// register, or reading what happened, is not.
    pub const fn sends_outward(self) -> bool {
        match self {
            Role::Security | Role::Biomed | Role::Privacy | Role::Integration | Role::Receiver | Role::Clinician => {
                true
            }
            Role::Admin | Role::Auditor | Role::Sender | Role::Respondent => false,
        }
    }
}

/// When an agreement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AgreementTerms {
    /// First instant of its force.
    #[n(0)]
    pub effective: Timestamp,
    /// Exclusive end of its force; none while it lasts.
    #[n(1)]
    pub expires: Option<Timestamp>,
}

impl AgreementTerms {
    /// Whether the agreement is in force at this instant.
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.effective <= at && self.expires.is_none_or(|end| at < end)
    }
}

/// One named way in or out, under an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LaneTerms {
    /// The lane.
    #[n(0)]
    pub lane: Id<Lane>,
    /// Its name in paths and URLs, unique in the gate.
    #[n(1)]
    pub name: Code,
    /// In or out.
    #[n(2)]
    pub direction: Direction,
    /// What may be sent on it; empty means any kind.
    #[n(3)]
    pub kinds: Vec<TransferKind>,
    /// Inspectors whose answer is required, beside kind, archive and malware, which always are.
    #[n(4)]
    pub inspectors: Vec<Inspector>,
    /// People who may collect; on an outbound lane the party's own credentials may.
    #[n(5)]
    pub recipients: Vec<Id<Person>>,
    /// Largest object in bytes.
    #[n(6)]
    pub object_bytes_max: u64,
    /// False when the lane no longer takes anything.
    #[n(7)]
    pub open: bool,
}

impl LaneTerms {
    /// Every inspector whose answer the lane requires, in the order of their numbers.
    pub fn required_inspectors(&self) -> Vec<Inspector> {
        let mut required = vec![Inspector::Kind, Inspector::Archive, Inspector::Malware];
        required.extend(self.inspectors.iter().copied());
        required.sort_unstable();
        required.dedup();
        required
    }
}
