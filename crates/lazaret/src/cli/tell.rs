//! A fact in words. What a receipt proves are codes; this says them as a person would.

use lazaret_core::code::Code;
use lazaret_core::decision::Outcome;
use lazaret_core::event::{Event, TransferInspected, TransferRuled};
use lazaret_core::inspection::Verdict;
use lazaret_core::request::Means;

/// What a fact of this kind says; the kind itself where this release does not know it.
pub(crate) fn fact(kind: &str, bytes: &[u8]) -> String {
    Event::decode(kind, bytes).map_or_else(|_| format!("{kind} (this release cannot read it)"), |event| words(&event))
}

fn words(event: &Event) -> String {
    match event {
        Event::TransferArrived(fact) => {
            format!("arrived by {}, as {}, version {}", fact.channel.word(), fact.kind.word(), fact.version)
        }
        Event::TransferInspected(fact) => inspected(fact),
        Event::TransferRuled(fact) => ruled(fact),
        Event::TransferReleased(fact) => {
            let by = if fact.request.is_some() { ", after approval by people" } else { "" };
            format!("released{by}")
        }
        Event::TransferWithheld(fact) => format!("taken back before delivery: {}", plain(fact.cause.word())),
        Event::TransferReopened(fact) => format!("to be inspected again: {}", plain(fact.cause.word())),
        Event::TransferWithdrawn(_) => "withdrawn by its sender".to_owned(),
        Event::TransferExpired(_) => "expired: nobody cured the hold in time".to_owned(),
        Event::TransferSuperseded(fact) => format!("replaced by {}", fact.by.reference()),
        Event::TransferDelivered(fact) => format!("delivered whole to {}", fact.recipient),
        Event::DeliveryBegun(fact) => format!("delivery begun by {}, attempt {}", fact.channel.word(), fact.attempt),
        Event::DeliveryAborted(fact) => format!("delivery broke off: {}", plain(fact.fault.word())),
        Event::Approved(fact) => format!("approved for {} by {}, {}", fact.group.word(), fact.person, by(fact.means)),
        Event::Rejected(fact) => format!("rejected for {} by {}, {}", fact.group.word(), fact.person, by(fact.means)),
        // A receipt of today is about a transfer, and these are not. Should one hold them, the kind says enough.
        Event::RequestOpened(_)
        | Event::PartyRecorded(_)
        | Event::EngagementRecorded(_)
        | Event::RelianceRecorded(_)
        | Event::ProductRecorded(_)
        | Event::PersonRecorded(_)
        | Event::AgreementRecorded(_)
        | Event::VettingConcluded(_)
        | Event::PolicyActivated(_)
        | Event::RoleGranted(_)
        | Event::RoleEnded(_)
        | Event::PersonInvited(_)
        | Event::InvitationEnded(_)
        | Event::CredentialAdded(_)
        | Event::CredentialRevoked(_)
        | Event::Isolated(_)
        | Event::IsolationLifted(_)
        | Event::EpochOpened(_)
        | Event::KekEpochOpened(_)
        | Event::SessionsObserved(_) => plain(event.kind()),
    }
}

fn inspected(fact: &TransferInspected) -> String {
    let verdict = |row: &lazaret_core::event::VerdictRow| {
        let why = row.why.map(|why| format!(" ({})", plain(why.word()))).unwrap_or_default();
        format!("{} {}{why}", row.inspector.word(), plain(row.verdict.word()))
    };
    let worst = fact.verdicts.iter().map(|row| row.verdict).max().unwrap_or(Verdict::NotInspected);
    let rows: Vec<String> = fact.verdicts.iter().map(verdict).collect();
    let (kind, signature) = (fact.content_kind.word(), plain(fact.signature.word()));
    format!("inspected, {}: {}; found to be {kind}, signature {signature}", plain(worst.word()), rows.join(", "))
}

fn ruled(fact: &TransferRuled) -> String {
    let word = match fact.outcome {
        Outcome::Release => "ruled to be released",
        Outcome::Hold if fact.not_checked => "held as not checked",
        Outcome::Hold => "held",
        Outcome::Deny => "denied",
    };
    let rules: Vec<String> = fact.rules.iter().map(|fired| fired.rule).map(|rule: Code| rule.to_string()).collect();
    let policy = fact.policy.to_string();
    let policy = policy.get(..12).unwrap_or(&policy).to_owned();
    format!("{word} by {} (policy {policy}…)", rules.join(", "))
}

fn by(means: Means) -> &'static str {
    match means {
        Means::Passkey => "with a passkey",
        Means::Token => "by token alone",
        Means::Demo => "with a demo's button",
    }
}

fn plain(word: &str) -> String {
    word.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_core::digest::{Commitment, Digest};
    use lazaret_core::event::{Approved, FiredRule, TransferArrived};
    use lazaret_core::id::Id;
    use lazaret_core::request::Group;
    use lazaret_core::transfer::{Channel, Direction, TransferKind};

    fn check(event: &Event, expected: &str) {
        assert_eq!(fact(event.kind(), &event.encode()), expected);
    }

    #[test]
    fn facts_are_told_as_a_person_would() {
        let transfer = Id::from_bytes([1; 16]);
        check(
            &TransferArrived {
                transfer,
                object: Id::from_bytes([2; 16]),
                direction: Direction::In,
                lane: Id::from_bytes([3; 16]),
                party: Id::from_bytes([4; 16]),
                requester: Id::from_bytes([4; 16]),
                channel: Channel::Https,
                kind: TransferKind::Software,
                content: Commitment::from_bytes([5; 32]),
                manifest: Commitment::from_bytes([6; 32]),
                version: 1,
                credential: None,
            }
            .into(),
            "arrived by https, as software, version 1",
        );
        let rule = Code::new("unsigned-code").unwrap();
        check(
            &TransferRuled {
                transfer,
                outcome: Outcome::Hold,
                rules: vec![FiredRule { rule, requirement: None }],
                policy: Digest::from_bytes([0xab; 32]),
                dossier: Digest::from_bytes([0; 32]),
                binding: Digest::from_bytes([0; 32]),
                request: None,
                not_checked: false,
            }
            .into(),
            "held by unsigned-code (policy abababababab…)",
        );
        let person = Id::from_bytes([7; 16]);
        check(
            &Approved {
                request: Id::from_bytes([8; 16]),
                person,
                group: Group::Security,
                binding: Digest::from_bytes([0; 32]),
                means: Means::Token,
                credential: Id::from_bytes([9; 16]),
                reason: None,
            }
            .into(),
            &format!("approved for security by {person}, by token alone"),
        );
    }

    #[test]
    fn a_kind_of_a_later_release_is_named_and_not_guessed() {
        assert_eq!(fact("transfer_blessed.v9", &[0xa0]), "transfer_blessed.v9 (this release cannot read it)");
    }
}
