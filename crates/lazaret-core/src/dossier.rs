//! Everything a policy may look at about one transfer, gathered in one read. No attribute is a constant: each comes from a
//! recorded fact.

use crate::digest::Digest;
use crate::event::VerdictRow;
use crate::inspection::{Inspector, PhiPresence, SignatureState, Verdict};
use crate::register::{LaneTerms, PartyState};
use crate::request::RequestView;
use crate::transfer::{Stage, TransferView, verdict_of};

/// What is true of the party now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyFacts {
    /// Where it stands.
    pub state: PartyState,
    /// Whether any isolation of it is open.
    pub isolated: bool,
    /// Whether its latest vetting passed and has not run out.
    pub vetting_current: bool,
    /// Whether the lane's agreement is in force, and its engagement has not ended.
    pub agreement_current: bool,
    /// Whether a BAA or DPA of the engagement is in force.
    pub phi_cover: bool,
}

/// What the station found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedFacts {
    /// The answers of all inspectors.
    pub verdicts: Vec<VerdictRow>,
    /// Whether it identifies a person.
    pub phi: PhiPresence,
    /// Whether it is, or holds, code.
    pub is_code: bool,
    /// What the signature inspector found.
    pub signature: SignatureState,
    /// Another bad finding that people may weigh.
    pub other_bad: bool,
    /// False when a digest or signature contradicts the object.
    pub integrity_ok: bool,
    /// Digest of the ordered findings.
    pub evidence: Digest,
}

/// One transfer with all that bears on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    /// The transfer.
    pub transfer: TransferView,
    /// What it is declared to be.
    pub kind: crate::transfer::TransferKind,
    /// Its lane's terms.
    pub lane: LaneTerms,
    /// The party on the other side.
    pub party: PartyFacts,
    /// What the station found; none before it answered.
    pub inspected: Option<InspectedFacts>,
    /// The request for approvals, if one was opened.
    pub request: Option<RequestView>,
    /// Binding and stage of the last ruling.
    pub last_ruling: Option<(Digest, Stage)>,
}

/// The attributes that rules read, derived from the dossier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// The malware inspector found what it looks for.
    pub malware: bool,
    /// Any other bad finding.
    pub other_bad: bool,
    /// A required inspector failed, or nothing was inspected.
    pub error: bool,
    /// A required inspector did not see all of it.
    pub not_inspected: bool,
    /// No digest or signature contradicts the object.
    pub integrity_ok: bool,
    /// It identifies a person, or may.
    pub phi: bool,
    /// It is, or holds, code.
    pub is_code: bool,
    /// A registered key of the party signed it.
    pub signed: bool,
}

impl Dossier {
    /// The attributes as of now. Without an inspection everything is at its worst.
    pub fn attributes(&self) -> Attributes {
        let Some(found) = &self.inspected else {
            return Attributes {
                malware: false,
                other_bad: false,
                error: true,
                not_inspected: true,
                integrity_ok: true,
                phi: true,
                is_code: true,
                signed: false,
            };
        };
        let required = self.lane.required_inspectors();
        let any = |verdict| required.iter().any(|inspector| verdict_of(&found.verdicts, *inspector) == verdict);
        Attributes {
            malware: verdict_of(&found.verdicts, Inspector::Malware) == Verdict::Bad,
            other_bad: found.other_bad,
            error: any(Verdict::Error),
            not_inspected: any(Verdict::NotInspected),
            integrity_ok: found.integrity_ok,
            phi: found.phi != PhiPresence::No,
            is_code: found.is_code,
            signed: found.signature == SignatureState::Registered,
        }
    }

    /// Whether a required inspector gave no plain answer.
    pub fn unchecked(&self) -> bool {
        let attributes = self.attributes();
        attributes.error || attributes.not_inspected
    }

    /// Digest of everything the policy looks at, and nothing else.
    pub fn digest(&self) -> Digest {
        let attributes = self.attributes();
        let flags = [
            attributes.malware,
            attributes.other_bad,
            attributes.error,
            attributes.not_inspected,
            attributes.integrity_ok,
            attributes.phi,
            attributes.is_code,
            attributes.signed,
            self.party.isolated,
            self.party.vetting_current,
            self.party.agreement_current,
            self.party.phi_cover,
        ];
        let flags: Vec<u8> = flags.iter().map(|flag| u8::from(*flag)).collect();
        let votes: Vec<u8> = self
            .request
            .iter()
            .flat_map(RequestView::counted)
            .flat_map(|vote| vote.person.as_bytes().iter().copied().chain([vote.group as u8]).collect::<Vec<u8>>())
            .collect();
        let evidence = self.inspected.as_ref().map(|found| *found.evidence.as_bytes()).unwrap_or_default();
        Digest::of_parts([
            b"lazaret/dossier/v1".as_slice(),
            self.transfer.transfer.as_bytes(),
            self.transfer.content.as_bytes(),
            &evidence,
            self.party.state.word().as_bytes(),
            self.transfer.direction.word().as_bytes(),
            self.kind.word().as_bytes(),
            &flags,
            &votes,
        ])
    }
}
