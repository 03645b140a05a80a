//! A transfer's entries as sentences, and as stages in time.

use lazaret_core::decision::Outcome;
use lazaret_core::event::{Event, FiredRule, TransferInspected, TransferRuled};
use lazaret_core::inspection::Verdict;
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Channel, DeliveryFault, ReopenCause, Stage, WithholdCause, next_stage};
use lazaret_store::Entry;

use super::chart::{Span, Tint};
use super::words;

/// What happened, in a sentence; `by` is who acted.
pub fn sentence(event: &Event, by: &str) -> String {
    match event {
        Event::TransferArrived(fact) => {
            format!("Received from {by} by {}, encrypted as it arrived", words::channel(fact.channel))
        }
        Event::TransferInspected(fact) => inspected(fact),
        Event::TransferRuled(fact) => ruled(fact),
        Event::TransferReleased(_) => "Released: the recipients may collect it".to_owned(),
        Event::TransferWithheld(fact) => format!("Taken back: {}", withheld(fact.cause)),
        Event::TransferReopened(fact) => format!("Inspection starts again: {}", reopened(fact.cause)),
        Event::TransferWithdrawn(_) => format!("Withdrawn by {by}"),
        Event::TransferExpired(_) => "Expired: nobody cured the hold in fourteen days".to_owned(),
        Event::TransferSuperseded(_) => "Replaced by a newer version".to_owned(),
        Event::TransferDelivered(_) => format!("Delivered to {by}, byte for byte what was inspected"),
        Event::DeliveryBegun(fact) => format!("{by} collects it by {}", words::channel(fact.channel)),
        Event::DeliveryAborted(fact) => format!("Collecting ended early: {}", aborted(fact.fault)),
        Event::Approved(fact) => format!("{by} approved for {}", words::group(fact.group)),
        Event::Rejected(fact) => format!("{by} refused for {}", words::group(fact.group)),
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
        | Event::SessionsObserved(_) => event.kind().to_owned(),
    }
}

fn inspected(fact: &TransferInspected) -> String {
    let count = |wanted: &[Verdict]| fact.verdicts.iter().filter(|row| wanted.contains(&row.verdict)).count();
    let (bad, unchecked) = (count(&[Verdict::Bad]), count(&[Verdict::NotInspected, Verdict::Error]));
    let looked = words::counted(fact.verdicts.len(), "inspector looked", "inspectors looked");
    match (bad, unchecked) {
        (0, 0) => format!("{looked}, and each saw all of it"),
        (0, unchecked) => format!("{looked}; {} could not be checked", words::counted(unchecked, "thing", "things")),
        (1, _) => format!("{looked}; one found what it looks for"),
        (bad, _) => format!("{looked}; {bad} of them found what they look for"),
    }
}

fn ruled(fact: &TransferRuled) -> String {
    let rules = fact.rules.iter().map(|fired: &FiredRule| fired.rule.as_str());
    let by = words::listed(rules);
    match fact.outcome {
        Outcome::Release => format!("Decided: may cross, by {by}"),
        Outcome::Hold if fact.not_checked => format!("Decided: held unchecked, by {by}"),
        Outcome::Hold => format!("Decided: held, by {by}"),
        Outcome::Deny => format!("Decided: denied, by {by}"),
    }
}

const fn withheld(cause: WithholdCause) -> &'static str {
    match cause {
        WithholdCause::Isolated => "the party was isolated",
        WithholdCause::DecisionChanged => "what is true now no longer allows it",
        WithholdCause::VerdictAged => "the inspection is too old",
    }
}

const fn reopened(cause: ReopenCause) -> &'static str {
    match cause {
        ReopenCause::InspectorBack => "the inspector is back",
        ReopenCause::RulesChanged => "the inspection rules changed",
        ReopenCause::Asked => "somebody asked for it, or a key became known",
        ReopenCause::VerdictAged => "the last one is too old",
    }
}

const fn aborted(fault: DeliveryFault) -> &'static str {
    match fault {
        DeliveryFault::PeerLeft => "the connection ended",
        DeliveryFault::ContentDiffers => "the bytes were not those inspected",
        DeliveryFault::NoLongerCleared => "it is no longer cleared",
        DeliveryFault::ReadFailed => "the object could not be read",
    }
}

/// The stages that a transfer went through, each from its entry to the next; the last one to now, unless it is over.
pub fn spans(entries: &[Entry], now: Timestamp) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut stage = None;
    let mut since = None;
    for entry in entries {
        let after = next_stage(stage, &entry.event).ok().or(stage);
        if after != stage || stage.is_none() {
            spans.extend(stage.zip(since).map(|(stage, since)| span(stage, since, entry.at)));
            since = Some(entry.at);
        }
        stage = after;
    }
    if let Some((stage, since)) = stage.zip(since).filter(|(stage, _)| !stage.is_final()) {
        spans.push(span(stage, since, now));
    }
    spans
}

fn span(stage: Stage, from: Timestamp, to: Timestamp) -> Span {
    let (label, tint) = match stage {
        Stage::Quarantined => ("Inspecting", Tint::Flow),
        Stage::Inspected => ("Deciding", Tint::Flow),
        Stage::Held => ("Waiting for people", Tint::Hold),
        Stage::NotChecked => ("Waiting, not checked", Tint::Hold),
        Stage::Cleared => ("Cleared", Tint::Ok),
        Stage::Released => ("Ready to collect", Tint::Ok),
        Stage::Delivered => ("Delivered", Tint::Ok),
        Stage::Denied => ("Denied", Tint::Bad),
        Stage::Withdrawn => ("Withdrawn", Tint::Plain),
        Stage::Expired => ("Expired", Tint::Plain),
        Stage::Superseded => ("Replaced", Tint::Plain),
    };
    Span {
        label: label.to_owned(),
        from_ms: from.as_millis(),
        to_ms: to.as_millis(),
        took: words::duration(to.millis_since(from)),
        tint,
    }
}

/// By which door a transfer came.
pub fn channel_of(entries: &[(Entry, String)]) -> Option<Channel> {
    entries.iter().find_map(
        |(entry, _)| {
            if let Event::TransferArrived(fact) = &entry.event { Some(fact.channel) } else { None }
        },
    )
}
