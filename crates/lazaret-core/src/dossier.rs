//! Everything a policy may look at about one transfer, gathered in one read. No attribute is a constant: each comes from a
//! recorded fact.

use crate::digest::Digest;
use crate::event::{FiredRule, VerdictRow};
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
    /// The last ruling, if there is one.
    pub last_ruling: Option<LastRuling>,
}

/// What the last ruling said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRuling {
    /// What approvals bound.
    pub binding: Digest,
    /// The rules that fired.
    pub rules: Vec<FiredRule>,
    /// Where it left the transfer.
    pub stage: Stage,
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
    /// The attributes as of now. Without an inspection nothing is known; that alone holds, whatever else is assumed here. What an
    /// inspector calls bad is bad, whatever the station made of it beside the verdicts.
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
            other_bad: found.other_bad
                || any_bad(&found.verdicts, &[Inspector::Kind, Inspector::Archive, Inspector::Phi]),
            error: any(Verdict::Error),
            not_inspected: any(Verdict::NotInspected),
            integrity_ok: found.integrity_ok && !any_bad(&found.verdicts, &[Inspector::Signature, Inspector::Sbom]),
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

fn any_bad(rows: &[VerdictRow], inspectors: &[Inspector]) -> bool {
    inspectors.iter().any(|inspector| verdict_of(rows, *inspector) == Verdict::Bad)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::code::Code;
    use crate::digest::Commitment;
    use crate::id::Id;
    use crate::time::Timestamp;
    use crate::transfer::{Direction, TransferKind};

    /// A clean file of a vetted party, held on a lane that asks for every inspector; nobody was asked anything.
    pub(crate) fn clean() -> Dossier {
        let (transfer, lane) = (Id::from_bytes([1; 16]), Id::from_bytes([4; 16]));
        let row = |inspector: &Inspector| VerdictRow { inspector: *inspector, verdict: Verdict::Clean, why: None };
        Dossier {
            transfer: TransferView {
                transfer,
                object: Id::from_bytes([2; 16]),
                stage: Stage::Held,
                direction: Direction::In,
                lane,
                party: Id::from_bytes([5; 16]),
                requester: Id::from_bytes([6; 16]),
                content: Commitment::from_bytes([7; 32]),
                evidence: None,
                inspected_at: None,
                delivery: None,
                since: Timestamp::from_millis(0),
                arrived_at: Timestamp::from_millis(0),
            },
            kind: TransferKind::File,
            lane: LaneTerms {
                lane,
                name: Code::new("acme-in").unwrap(),
                direction: Direction::In,
                kinds: Vec::new(),
                inspectors: Inspector::ALL.to_vec(),
                recipients: Vec::new(),
                object_bytes_max: 1,
                open: true,
            },
            party: PartyFacts {
                state: PartyState::Active,
                isolated: false,
                vetting_current: true,
                agreement_current: true,
                phi_cover: true,
            },
            inspected: Some(InspectedFacts {
                verdicts: Inspector::ALL.iter().map(row).collect(),
                phi: PhiPresence::No,
                is_code: false,
                signature: SignatureState::Unsigned,
                other_bad: false,
                integrity_ok: true,
                evidence: Digest::from_bytes([8; 32]),
            }),
            request: None,
            last_ruling: None,
        }
    }

    /// As [`clean`], but what was found is otherwise.
    pub(crate) fn found(change: impl FnOnce(&mut InspectedFacts)) -> Dossier {
        let mut dossier = clean();
        dossier.inspected.as_mut().map(change).unwrap();
        dossier
    }

    #[test]
    fn what_an_inspector_calls_bad_is_bad_whatever_is_said_beside_it() {
        let clean = clean().attributes();
        for inspector in Inspector::ALL {
            let bad = found(|found| {
                found.verdicts.iter_mut().filter(|row| row.inspector == *inspector).for_each(|row| {
                    row.verdict = Verdict::Bad;
                });
            });
            let expected = match inspector {
                Inspector::Malware => Attributes { malware: true, ..clean },
                Inspector::Signature | Inspector::Sbom => Attributes { integrity_ok: false, ..clean },
                Inspector::Kind | Inspector::Archive | Inspector::Phi => Attributes { other_bad: true, ..clean },
            };
            assert_eq!(bad.attributes(), expected, "{}", inspector.word());
        }
    }
}
