//! What new entries ask of the reconciler. What must follow a commit follows from its entry: whoever recorded it may have hung
//! up or crashed in the moment after.

use std::collections::BTreeSet;

use lazaret_core::event::{Event, RuleSet};
use lazaret_core::id::{Credential, Id, Party, Request, Transfer};
use lazaret_core::register::CredentialKind;

/// What new entries ask for.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// To be ruled again.
    pub(super) transfers: BTreeSet<Id<Transfer>>,
    /// Whose transfers are to be ruled again.
    pub(super) parties: BTreeSet<Id<Party>>,
    /// Who registered a key: one of theirs may have signed what is held.
    pub(super) keys_of: BTreeSet<Id<Party>>,
    /// Revoked: what was signed by it, or voted with it, counts no longer.
    pub(super) revoked: BTreeSet<Id<Credential>>,
    /// Every transfer is to be ruled again.
    pub(super) everything: bool,
    /// Requests that got a vote.
    pub(super) requests: BTreeSet<Id<Request>>,
    /// Which parties are isolated is to be read again.
    pub(super) isolations: bool,
    /// The policy in force is to be read again.
    pub(super) policy: bool,
}

impl Touched {
    /// Takes in one entry.
    pub(super) fn hear(&mut self, event: &Event, subject: Id<Transfer>) {
        match event {
            Event::Approved(fact) => {
                self.transfers.insert(subject);
                self.requests.insert(fact.request);
            }
            // Whatever was released is not any more: why, and what would help, is for a ruling to say.
            Event::Rejected(_) | Event::TransferWithheld(_) => {
                self.transfers.insert(subject);
            }
            Event::PartyRecorded(fact) => {
                self.parties.insert(fact.party);
            }
            Event::VettingConcluded(fact) => {
                self.parties.insert(fact.party);
            }
            Event::Isolated(fact) => {
                self.isolations = true;
                self.parties.insert(fact.party);
            }
            Event::IsolationLifted(_) => (self.isolations, self.everything) = (true, true),
            Event::PolicyActivated(fact) => {
                self.policy |= fact.set == RuleSet::Policy;
                self.everything = true;
            }
            Event::CredentialAdded(fact) if fact.kind == CredentialKind::SigningKey => {
                self.keys_of.extend(fact.party);
            }
            Event::CredentialRevoked(fact) => {
                self.revoked.insert(fact.credential);
                self.everything = true;
            }
            Event::EngagementRecorded(_)
            | Event::AgreementRecorded(_)
            | Event::PersonRecorded(_)
            | Event::RoleGranted(_)
            | Event::RoleEnded(_) => self.everything = true,
            Event::TransferArrived(_)
            | Event::TransferInspected(_)
            | Event::TransferRuled(_)
            | Event::TransferReleased(_)
            | Event::TransferReopened(_)
            | Event::TransferWithdrawn(_)
            | Event::TransferExpired(_)
            | Event::TransferSuperseded(_)
            | Event::TransferDelivered(_)
            | Event::DeliveryBegun(_)
            | Event::DeliveryAborted(_)
            | Event::RequestOpened(_)
            | Event::RelianceRecorded(_)
            | Event::ProductRecorded(_)
            | Event::PersonInvited(_)
            | Event::InvitationEnded(_)
            | Event::CredentialAdded(_)
            | Event::EpochOpened(_)
            | Event::KekEpochOpened(_)
            | Event::SessionsObserved(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use lazaret_core::digest::Digest;
    use lazaret_core::event::{Approved, Isolated, IsolationLifted, PolicyActivated, TransferWithheld};
    use lazaret_core::request::{Group, Means};
    use lazaret_core::transfer::WithholdCause;

    use super::*;

    fn heard(event: impl Into<Event>) -> Touched {
        let mut touched = Touched::default();
        touched.hear(&event.into(), Id::from_bytes([9; 16]));
        touched
    }

    #[test]
    fn what_must_follow_a_commit_follows_from_its_entry() {
        let (party, request) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let isolated = heard(Isolated { party, isolation: Id::from_bytes([3; 16]) });
        assert!(isolated.isolations && isolated.parties.contains(&party));
        let lifted = heard(IsolationLifted { isolation: Id::from_bytes([3; 16]), request });
        assert!(lifted.isolations && lifted.everything);
        let digest = Digest::from_bytes([4; 32]);
        let policy = heard(PolicyActivated { set: RuleSet::Policy, digest, request: Some(request) });
        assert!(policy.policy && policy.everything);
        let rules = heard(PolicyActivated { set: RuleSet::Inspection, digest, request: None });
        assert!(!rules.policy && rules.everything);
        let approved = heard(Approved {
            request,
            person: Id::from_bytes([5; 16]),
            group: Group::Security,
            binding: digest,
            means: Means::Passkey,
            credential: Id::from_bytes([6; 16]),
            reason: None,
        });
        assert!(approved.requests.contains(&request) && approved.transfers.contains(&Id::from_bytes([9; 16])));
        let withheld =
            heard(TransferWithheld { transfer: Id::from_bytes([9; 16]), cause: WithholdCause::DecisionChanged });
        assert!(withheld.transfers.contains(&Id::from_bytes([9; 16])));
    }
}
