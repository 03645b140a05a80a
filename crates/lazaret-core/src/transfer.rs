//! The life of a transfer: its stages, the facts that move it, and the pure functions that decide each of them.

use crate::caller::{Caller, Who};
use crate::decision::{Decision, Outcome};
use crate::digest::{Commitment, Digest};
use crate::dossier::Dossier;
use crate::event::{
    DeliveryAborted, DeliveryBegun, Event, FiredRule, TransferDelivered, TransferExpired, TransferInspected,
    TransferReleased, TransferReopened, TransferRuled, TransferSuperseded, TransferWithdrawn, TransferWithheld,
    VerdictRow,
};
use crate::id::{Delivery, Id, Lane, Object, Party, Request, Transfer};
use crate::inspection::InspectorReport;
use crate::inspection::{ContentKind, Inspector, PhiPresence, SignatureState, Verdict, codes};
use crate::party::{self, Choice};
use crate::policy::Bundle;
use crate::refusal::Refusal;
use crate::request::{Group, Voter};
use crate::time::{DAY_MS, Timestamp};

/// How long a held transfer waits before it expires.
pub const HOLD_MS_MAX: u64 = 14 * DAY_MS;
/// A verdict older than this is looked at again before a byte leaves.
pub const VERDICT_AGE_MS_MAX: u64 = 7 * DAY_MS;

codes! {
    /// Which way it crosses.
    Direction {
        0 In = "in",
        1 Out = "out",
    }
}

codes! {
    /// What crosses.
    TransferKind {
        0 File = "file",
        1 Software = "software",
        2 Message = "message",
        3 Device = "device",
        4 Consignment = "consignment",
        5 Access = "access",
    }
}

codes! {
    /// The door it came by or leaves by.
    Channel {
        0 Https = "https",
        1 Tus = "tus",
        2 Sftp = "sftp",
        3 Form = "form",
    }
}

codes! {
    /// Where a transfer stands.
    Stage {
        0 Quarantined = "quarantined",
        1 Inspected = "inspected",
        2 Held = "held",
        3 NotChecked = "not_checked",
        4 Cleared = "cleared",
        5 Released = "released",
        6 Delivered = "delivered",
        7 Denied = "denied",
        8 Withdrawn = "withdrawn",
        9 Expired = "expired",
        10 Superseded = "superseded",
    }
}

codes! {
    /// Why a release was taken back.
    WithholdCause {
        0 Isolated = "isolated",
        1 DecisionChanged = "decision_changed",
        2 VerdictAged = "verdict_aged",
    }
}

codes! {
    /// Why inspection starts again.
    ReopenCause {
        0 InspectorBack = "inspector_back",
        1 RulesChanged = "rules_changed",
        2 Asked = "asked",
        3 VerdictAged = "verdict_aged",
    }
}

codes! {
    /// Why a delivery attempt ended early.
    DeliveryFault {
        0 PeerLeft = "peer_left",
        1 ContentDiffers = "content_differs",
        2 NoLongerCleared = "no_longer_cleared",
        3 ReadFailed = "read_failed",
    }
}

impl Stage {
    /// Whether nothing moves it any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Stage::Delivered | Stage::Denied | Stage::Withdrawn | Stage::Expired | Stage::Superseded)
    }

    /// What the sender, and a clinician, see of it.
    pub const fn sender_word(self) -> &'static str {
        match self {
            Stage::Quarantined | Stage::Inspected | Stage::Cleared => "checking",
            Stage::Held => "reviewing",
            Stage::NotChecked => "not-checked",
            Stage::Released => "accepted",
            Stage::Delivered => "delivered",
            Stage::Denied => "refused",
            Stage::Withdrawn => "withdrawn",
            Stage::Expired => "expired",
            Stage::Superseded => "replaced",
        }
    }
}

/// The stage after this fact; every other pair is refused. This function is the whole graph: `apply` uses it too.
///
/// # Errors
/// [`Refusal::WrongState`] for a pair that is not an edge.
pub fn next_stage(stage: Option<Stage>, fact: &Event) -> Result<Stage, Refusal> {
    use Stage::{
        Cleared, Delivered, Denied, Expired, Held, Inspected, NotChecked, Quarantined, Released, Superseded, Withdrawn,
    };
    Ok(match (fact, stage) {
        (Event::TransferArrived(_), None) => Quarantined,
        (Event::TransferInspected(_), Some(Quarantined)) => Inspected,
        (Event::TransferRuled(ruled), Some(Inspected | Held | NotChecked | Cleared)) => match ruled.outcome {
            Outcome::Release => Cleared,
            Outcome::Deny => Denied,
            Outcome::Hold if ruled.not_checked => NotChecked,
            Outcome::Hold => Held,
        },
        (Event::TransferReleased(_), Some(Cleared)) => Released,
        (Event::TransferWithheld(_), Some(Released)) => Held,
        (Event::TransferReopened(_), Some(Held | NotChecked | Inspected | Cleared)) => Quarantined,
        (Event::Approved(_), Some(stage @ (Held | NotChecked))) => stage,
        (Event::Rejected(_), Some(Held | NotChecked)) => Denied,
        (Event::TransferWithdrawn(_), Some(Quarantined | Inspected | Held | NotChecked | Cleared)) => Withdrawn,
        (Event::TransferExpired(_), Some(Held | NotChecked)) => Expired,
        (Event::TransferSuperseded(_), Some(Quarantined | Inspected | Held | NotChecked | Cleared)) => Superseded,
        (Event::DeliveryBegun(_) | Event::DeliveryAborted(_), Some(stage @ (Released | Delivered))) => stage,
        (Event::TransferDelivered(_), Some(Released | Delivered)) => Delivered,
        _ => return Err(Refusal::WrongState),
    })
}

/// The stage in which a whole story, told from the arrival on, leaves its transfer; none where it is empty, or no gate would
/// have recorded it so.
pub fn stage_after<'e>(story: impl IntoIterator<Item = &'e Event>) -> Option<Stage> {
    story.into_iter().try_fold(None, |stage, fact| next_stage(stage, fact).map(Some)).ok().flatten()
}

/// A transfer as the registers have it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferView {
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// Its sealed object.
    pub object: Id<Object>,
    /// Where it stands.
    pub stage: Stage,
    /// Which way it crosses.
    pub direction: Direction,
    /// Its lane.
    pub lane: Id<Lane>,
    /// The party on the other side.
    pub party: Id<Party>,
    /// Who asked for it.
    pub requester: Id<crate::id::Actor>,
    /// What arrived.
    pub content: Commitment,
    /// What inspectors found, if they have answered.
    pub evidence: Option<Digest>,
    /// When they answered.
    pub inspected_at: Option<Timestamp>,
    /// The delivery opened at release.
    pub delivery: Option<Id<Delivery>>,
    /// Since when it stands in its stage.
    pub since: Timestamp,
    /// When it arrived.
    pub arrived_at: Timestamp,
}

impl TransferView {
    /// Whether the party on the other side may know of it: of what it sent at once, of what is sent to it from the release on.
    pub const fn shows_to_party(&self) -> bool {
        matches!(self.direction, Direction::In) || matches!(self.stage, Stage::Released | Stage::Delivered)
    }

    /// Whether inspectors looked so long ago that they look again before a byte leaves.
    pub fn verdict_is_aged(&self, at: Timestamp) -> bool {
        self.inspected_at.is_none_or(|when| at.millis_since(when) > VERDICT_AGE_MS_MAX)
    }
}

/// What the station found, in the words of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Digest of the plaintext that was inspected, under the object's key.
    pub content: Commitment,
    /// Digest of the ordered findings.
    pub evidence: Digest,
    /// Every inspector's answer.
    pub reports: Vec<InspectorReport>,
    /// What the bytes are.
    pub content_kind: ContentKind,
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
    /// Digest of the inspection rules.
    pub rules: Digest,
}

/// The station answered.
///
/// # Errors
/// The transfer is not in quarantine any more, or other bytes were inspected than arrived.
pub fn inspect(view: &TransferView, findings: &Findings) -> Result<Event, Refusal> {
    if findings.content != view.content {
        return Err(Refusal::DigestMismatch);
    }
    let rows = findings.reports.iter().map(|report| VerdictRow {
        inspector: report.inspector,
        verdict: report.verdict,
        why: report.why,
    });
    let fact = TransferInspected {
        transfer: view.transfer,
        content: findings.content,
        evidence: findings.evidence,
        verdicts: rows.collect(),
        content_kind: findings.content_kind,
        phi: findings.phi,
        is_code: findings.is_code,
        signature: findings.signature,
        other_bad: findings.other_bad,
        integrity_ok: findings.integrity_ok,
        rules: findings.rules,
    };
    edge(view.stage, fact)
}

/// Policy decided on this dossier. `request` is the id to use if people can help.
///
/// # Errors
/// The stage takes no ruling, or the ruling would say again what already holds.
pub fn rule(dossier: &Dossier, decision: &Decision, request: Id<Request>) -> Result<Event, Refusal> {
    let ruled = TransferRuled {
        transfer: dossier.transfer.transfer,
        outcome: decision.outcome,
        rules: decision
            .reasons
            .iter()
            .map(|fired| FiredRule { rule: fired.rule, requirement: fired.requirement_code() })
            .collect(),
        policy: decision.policy,
        dossier: dossier.digest(),
        binding: decision.binding,
        request: decision.approvals_help().then_some(dossier.request.as_ref().map_or(request, |open| open.request)),
        not_checked: decision.outcome == Outcome::Hold && dossier.unchecked(),
    };
    let stage = next_stage(Some(dossier.transfer.stage), &Event::TransferRuled(ruled.clone()))?;
    let same_ruling = dossier
        .last_ruling
        .as_ref()
        .is_some_and(|last| last.binding == decision.binding && last.rules == ruled.rules && last.stage == stage);
    if stage == dossier.transfer.stage && same_ruling {
        return Err(Refusal::Unchanged);
    }
    Ok(ruled.into())
}

/// Two levels of proof before a key is rewrapped: the ruling said release, and what is true now still says so.
///
/// # Errors
/// Not cleared, the decision on today's dossier is not release, or its verdict has aged.
pub fn release(
    dossier: &Dossier,
    decision: &Decision,
    delivery: Id<Delivery>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    let view = &dossier.transfer;
    if decision.outcome != Outcome::Release || view.verdict_is_aged(at) {
        return Err(Refusal::NoLongerCleared);
    }
    let fact = TransferReleased {
        transfer: view.transfer,
        object: view.object,
        content: view.content,
        policy: decision.policy,
        dossier: dossier.digest(),
        delivery,
        request: decision.granted_by,
    };
    edge(view.stage, fact)
}

/// A released, undelivered transfer goes back under quarantine.
///
/// # Errors
/// It is not released, or already delivered.
pub fn withhold(view: &TransferView, cause: WithholdCause) -> Result<Event, Refusal> {
    edge(view.stage, TransferWithheld { transfer: view.transfer, cause })
}

/// Whether this caller may have a transfer inspected again, which discards its votes and lets its hold begin anew: whoever
/// answers for what is released, and the gate itself.
pub fn may_reopen(caller: &Caller) -> bool {
    let answers = caller.is_hospital_person() && Group::ALL.iter().any(|group| caller.has_role(group.role()));
    answers || matches!(caller.who(), Who::Gate { .. })
}

/// Inspection starts again.
///
/// # Errors
/// Neither an approver nor an administrator asks; the stage does not allow it.
pub fn reopen(view: &TransferView, caller: &Caller, cause: ReopenCause) -> Result<Event, Refusal> {
    if !may_reopen(caller) {
        return Err(Refusal::NotAllowed);
    }
    edge(view.stage, TransferReopened { transfer: view.transfer, cause })
}

/// Whether this caller may take it back: who sent it, or any of the party that it comes from. To a recipient it does not belong.
pub fn may_withdraw(view: &TransferView, caller: &Caller) -> bool {
    let of_sender = view.direction == Direction::In && caller.party() == Some(view.party);
    caller.actor() == view.requester || of_sender
}

/// The sender takes it back.
///
/// # Errors
/// Somebody else asks, or it was released.
pub fn withdraw(view: &TransferView, caller: &Caller) -> Result<Event, Refusal> {
    if !may_withdraw(view, caller) {
        return Err(Refusal::NotAllowed);
    }
    edge(view.stage, TransferWithdrawn { transfer: view.transfer })
}

/// A newer version that begins with the same bytes takes its place: it was an upload that its client took for unfinished.
///
/// # Errors
/// Another party's; released already, or at its end.
pub fn supersede(view: &TransferView, by: &TransferView) -> Result<Event, Refusal> {
    if view.party != by.party || view.lane != by.lane || view.transfer == by.transfer {
        return Err(Refusal::NotAllowed);
    }
    edge(view.stage, TransferSuperseded { transfer: view.transfer, by: by.transfer })
}

/// What somebody says to a release, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ballot {
    /// What they saw.
    pub seen: Digest,
    /// Yes or no.
    pub choice: Choice,
    /// Their words, committed to.
    pub reason: Option<Commitment>,
}

/// A vote counts while the transfer waits for votes, and binds what is true now: not what the registers were told last. While
/// inspectors look at it again there is nothing that a voter saw, and a yes that is not asked for cures nothing.
///
/// # Errors
/// Who may not vote, by the rules that no set lifts or by the set's own; something else than what is true now; no request, or a
/// stage that takes no vote.
pub fn vote(
    dossier: &Dossier,
    bundle: &Bundle,
    caller: &Caller,
    voter: &Voter,
    ballot: Ballot,
    at: Timestamp,
) -> Result<Event, Refusal> {
    let decision = bundle.decide(dossier);
    let helps = ballot.choice == Choice::Reject || decision.approvals_help();
    let request = decision.request.as_ref().filter(|_| helps).ok_or(Refusal::WrongState)?;
    let group = request.may_vote(voter, ballot.seen, at)?;
    bundle.may_approve(voter, dossier)?;
    let vote = party::vote(request, caller, group, ballot.seen, ballot.reason, ballot.choice)?;
    edge(dossier.transfer.stage, vote)
}

/// The hold outlived its time.
///
/// # Errors
/// Not held, or not yet 14 days.
pub fn expire(view: &TransferView, at: Timestamp) -> Result<Event, Refusal> {
    if at.millis_since(view.since) < HOLD_MS_MAX {
        return Err(Refusal::WrongState);
    }
    edge(view.stage, TransferExpired { transfer: view.transfer })
}

/// A recipient asks for the bytes: recorded before the first one leaves.
///
/// # Errors
/// Not released, or today's dossier no longer allows it: its verdict has aged, for one.
pub fn begin_delivery(
    dossier: &Dossier,
    decision: &Decision,
    caller: &Caller,
    (attempt, channel): (u32, Channel),
    at: Timestamp,
) -> Result<DeliveryBegun, Refusal> {
    let view = &dossier.transfer;
    if decision.outcome != Outcome::Release || view.verdict_is_aged(at) {
        return Err(Refusal::NoLongerCleared);
    }
    let delivery = view.delivery.ok_or(Refusal::WrongState)?;
    let begun = DeliveryBegun { transfer: view.transfer, delivery, recipient: caller.actor(), attempt, channel };
    edge(view.stage, begun.clone())?;
    Ok(begun)
}

/// The recipient has every byte. What left must be what arrived and was inspected.
///
/// # Errors
/// Not released, or other bytes left.
pub fn deliver(view: &TransferView, caller: &Caller, content: Commitment) -> Result<Event, Refusal> {
    if content != view.content {
        return Err(Refusal::DigestMismatch);
    }
    let delivery = view.delivery.ok_or(Refusal::WrongState)?;
    edge(view.stage, TransferDelivered { transfer: view.transfer, delivery, recipient: caller.actor(), content })
}

/// The attempt ended early.
///
/// # Errors
/// Not released.
pub fn abort_delivery(view: &TransferView, attempt: u32, fault: DeliveryFault) -> Result<Event, Refusal> {
    let delivery = view.delivery.ok_or(Refusal::WrongState)?;
    edge(view.stage, DeliveryAborted { transfer: view.transfer, delivery, attempt, fault })
}

/// What one required inspector says; no answer is not inspected.
pub fn verdict_of(rows: &[VerdictRow], inspector: Inspector) -> Verdict {
    rows.iter().filter(|row| row.inspector == inspector).map(|row| row.verdict).max().unwrap_or(Verdict::NotInspected)
}

fn edge(stage: Stage, fact: impl Into<Event>) -> Result<Event, Refusal> {
    let event = fact.into();
    next_stage(Some(stage), &event)?;
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Who;
    use crate::event::{Approved, Rejected, TransferArrived, TransferSuperseded};
    use crate::id::Credential;
    use crate::register::{LaneTerms, Role};
    use crate::request::Means;

    const ID: [u8; 16] = [1; 16];
    const CONTENT: Commitment = Commitment::from_bytes([2; 32]);
    const NOTHING: Digest = Digest::from_bytes([0; 32]);

    fn ruled(outcome: Outcome, not_checked: bool) -> Event {
        TransferRuled {
            transfer: Id::from_bytes(ID),
            outcome,
            rules: Vec::new(),
            policy: NOTHING,
            dossier: NOTHING,
            binding: NOTHING,
            request: None,
            not_checked,
        }
        .into()
    }

    fn approved() -> Event {
        Approved {
            request: Id::from_bytes(ID),
            person: Id::from_bytes(ID),
            group: Group::Security,
            binding: NOTHING,
            means: Means::Passkey,
            credential: Id::<Credential>::from_bytes(ID),
            reason: None,
        }
        .into()
    }

    fn rejected() -> Event {
        Rejected {
            request: Id::from_bytes(ID),
            person: Id::from_bytes(ID),
            group: Group::Security,
            binding: NOTHING,
            means: Means::Passkey,
            credential: Id::<Credential>::from_bytes(ID),
            reason: None,
        }
        .into()
    }

    fn arrived() -> Event {
        TransferArrived {
            transfer: Id::from_bytes(ID),
            object: Id::from_bytes(ID),
            direction: Direction::In,
            lane: Id::from_bytes(ID),
            party: Id::from_bytes(ID),
            requester: Id::from_bytes(ID),
            channel: Channel::Https,
            kind: TransferKind::File,
            content: CONTENT,
            manifest: CONTENT,
            version: 1,
            credential: None,
        }
        .into()
    }

    fn inspected() -> Event {
        TransferInspected {
            transfer: Id::from_bytes(ID),
            content: CONTENT,
            evidence: NOTHING,
            verdicts: Vec::new(),
            content_kind: ContentKind::Text,
            phi: PhiPresence::No,
            is_code: false,
            signature: SignatureState::Unsigned,
            other_bad: false,
            integrity_ok: true,
            rules: NOTHING,
        }
        .into()
    }

    /// The table of the life of a transfer: each fact, the stages that it is legal in, and where it leads.
    fn table() -> Vec<(Event, Vec<(Stage, Stage)>)> {
        use Stage::{
            Cleared, Delivered, Denied, Expired, Held, Inspected, NotChecked, Quarantined, Released, Superseded,
            Withdrawn,
        };
        let (transfer, delivery, recipient) = (Id::from_bytes(ID), Id::from_bytes(ID), Id::from_bytes(ID));
        let to = |stage: Stage, from: &[Stage]| from.iter().map(|from| (*from, stage)).collect::<Vec<_>>();
        let stay = |from: &[Stage]| from.iter().map(|from| (*from, *from)).collect::<Vec<_>>();
        let ruling = [Inspected, Held, NotChecked, Cleared];
        let open = [Quarantined, Inspected, Held, NotChecked, Cleared];
        let released = TransferReleased {
            transfer,
            object: Id::from_bytes(ID),
            content: CONTENT,
            policy: NOTHING,
            dossier: NOTHING,
            delivery,
            request: None,
        };
        vec![
            (arrived(), vec![]),
            (inspected(), to(Inspected, &[Quarantined])),
            (ruled(Outcome::Release, false), to(Cleared, &ruling)),
            (ruled(Outcome::Hold, false), to(Held, &ruling)),
            (ruled(Outcome::Hold, true), to(NotChecked, &ruling)),
            (ruled(Outcome::Deny, false), to(Denied, &ruling)),
            (released.into(), to(Released, &[Cleared])),
            (TransferWithheld { transfer, cause: WithholdCause::Isolated }.into(), to(Held, &[Released])),
            (
                TransferReopened { transfer, cause: ReopenCause::Asked }.into(),
                to(Quarantined, &[Inspected, Held, NotChecked, Cleared]),
            ),
            (approved(), stay(&[Held, NotChecked])),
            (rejected(), to(Denied, &[Held, NotChecked])),
            (TransferWithdrawn { transfer }.into(), to(Withdrawn, &open)),
            (TransferExpired { transfer }.into(), to(Expired, &[Held, NotChecked])),
            (TransferSuperseded { transfer, by: Id::from_bytes([9; 16]) }.into(), to(Superseded, &open)),
            (
                DeliveryBegun { transfer, delivery, recipient, attempt: 1, channel: Channel::Https }.into(),
                stay(&[Released, Delivered]),
            ),
            (
                DeliveryAborted { transfer, delivery, attempt: 1, fault: DeliveryFault::PeerLeft }.into(),
                stay(&[Released, Delivered]),
            ),
            (
                TransferDelivered { transfer, delivery, recipient, content: CONTENT }.into(),
                to(Delivered, &[Released, Delivered]),
            ),
        ]
    }

    // EVIDENCE-OF: R-008
    // EVIDENCE-OF: R-110
    #[test]
    fn every_pair_of_stage_and_fact_outside_the_table_is_refused() {
        for (fact, legal) in table() {
            for stage in Stage::ALL {
                let expected = legal.iter().find(|(from, _)| from == stage).map(|(_, to)| *to);
                assert_eq!(next_stage(Some(*stage), &fact).ok(), expected, "{} in {}", fact.kind(), stage.word());
            }
            let first = matches!(fact, Event::TransferArrived(_)).then_some(Stage::Quarantined);
            assert_eq!(next_stage(None, &fact).ok(), first, "{} before it arrived", fact.kind());
        }
    }

    #[test]
    fn a_story_is_told_from_its_arrival_on_and_in_its_order() {
        let (hold, release) = (ruled(Outcome::Hold, false), ruled(Outcome::Release, false));
        let (arrived, inspected, approved, rejected) = (arrived(), inspected(), approved(), rejected());
        let check = |story: &[&Event], expected| assert_eq!(stage_after(story.iter().copied()), expected, "{story:?}");
        check(&[], None);
        check(&[&arrived], Some(Stage::Quarantined));
        check(&[&arrived, &inspected, &hold], Some(Stage::Held));
        check(&[&arrived, &inspected, &hold, &approved], Some(Stage::Held));
        check(&[&arrived, &inspected, &hold, &approved, &release], Some(Stage::Cleared));
        check(&[&arrived, &inspected, &hold, &rejected], Some(Stage::Denied));
        check(&[&inspected, &hold], None);
        check(&[&arrived, &hold], None);
        check(&[&arrived, &inspected, &hold, &rejected, &approved], None);
    }

    fn dossier(stage: Stage, inspected_at: Option<Timestamp>) -> Dossier {
        Dossier {
            transfer: TransferView {
                transfer: Id::from_bytes(ID),
                object: Id::from_bytes(ID),
                stage,
                direction: Direction::In,
                lane: Id::from_bytes(ID),
                party: Id::from_bytes(ID),
                requester: Id::from_bytes(ID),
                content: CONTENT,
                evidence: None,
                inspected_at,
                delivery: Some(Id::from_bytes(ID)),
                since: Timestamp::from_millis(0),
                arrived_at: Timestamp::from_millis(0),
            },
            kind: TransferKind::File,
            lane: LaneTerms {
                lane: Id::from_bytes(ID),
                name: crate::code::Code::new("acme-in").unwrap(),
                direction: Direction::In,
                kinds: Vec::new(),
                inspectors: Vec::new(),
                recipients: Vec::new(),
                object_bytes_max: 0,
                open: true,
            },
            party: crate::dossier::PartyFacts {
                state: crate::register::PartyState::Active,
                isolated: false,
                vetting_current: true,
                agreement_current: true,
                phi_cover: true,
            },
            inspected: None,
            request: None,
            last_ruling: None,
        }
    }

    fn decided(outcome: Outcome) -> Decision {
        Decision {
            outcome,
            reasons: Vec::new(),
            policy: NOTHING,
            binding: NOTHING,
            approvals: None,
            granted_by: None,
            request: None,
        }
    }

    #[test]
    fn nothing_is_released_or_leaves_on_a_verdict_over_seven_days_old() {
        let seen = Timestamp::from_millis(5 * DAY_MS);
        let last = seen.plus_millis(VERDICT_AGE_MS_MAX);
        let caller = Caller::assertion(Who::Gate { gate: Id::from_bytes(ID) }, None, Means::Token, 0);
        let check = |stage, inspected_at, outcome, at| {
            let (dossier, decision) = (dossier(stage, inspected_at), decided(outcome));
            if stage == Stage::Cleared {
                release(&dossier, &decision, Id::from_bytes(ID), at).map(drop)
            } else {
                begin_delivery(&dossier, &decision, &caller, (1, Channel::Https), at).map(drop)
            }
        };
        for stage in [Stage::Cleared, Stage::Released, Stage::Delivered] {
            assert_eq!(check(stage, Some(seen), Outcome::Release, last), Ok(()), "{}", stage.word());
            let refused = Err(Refusal::NoLongerCleared);
            assert_eq!(check(stage, Some(seen), Outcome::Release, last.plus_millis(1)), refused, "{}", stage.word());
            assert_eq!(check(stage, Some(seen), Outcome::Hold, last), refused, "{}", stage.word());
            assert_eq!(check(stage, None, Outcome::Release, last), refused, "{}", stage.word());
        }
    }

    #[test]
    fn nothing_moves_what_is_denied_withdrawn_expired_or_replaced() {
        for stage in [Stage::Denied, Stage::Withdrawn, Stage::Expired, Stage::Superseded] {
            assert!(stage.is_final());
            assert!(table().iter().all(|(fact, _)| next_stage(Some(stage), fact).is_err()), "{}", stage.word());
        }
    }

    fn person(party: Option<u8>, roles: &[Role]) -> Caller {
        let party = party.map(|byte| Id::from_bytes([byte; 16]));
        caller(Who::Person { person: Id::from_bytes([3; 16]), party, roles: roles.to_vec() })
    }

    fn machine(party: u8) -> Caller {
        caller(Who::Party { party: Id::from_bytes([party; 16]) })
    }

    fn caller(who: Who) -> Caller {
        Caller::assertion(who, None, Means::Token, 0)
    }

    fn view(direction: Direction, stage: Stage) -> TransferView {
        TransferView {
            transfer: Id::from_bytes(ID),
            object: Id::from_bytes(ID),
            stage,
            direction,
            lane: Id::from_bytes(ID),
            party: Id::from_bytes(ID),
            requester: Id::from_bytes([9; 16]),
            content: CONTENT,
            evidence: None,
            inspected_at: None,
            delivery: None,
            since: Timestamp::from_millis(0),
            arrived_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn a_recipient_knows_of_nothing_before_its_release_and_takes_nothing_back() {
        for stage in Stage::ALL {
            let known = matches!(stage, Stage::Released | Stage::Delivered);
            assert_eq!(view(Direction::Out, *stage).shows_to_party(), known, "{}", stage.word());
            assert!(view(Direction::In, *stage).shows_to_party(), "{}", stage.word());
        }
        let withdrawn = |direction, caller: &Caller| withdraw(&view(direction, Stage::Held), caller).map(drop);
        assert_eq!(withdrawn(Direction::In, &machine(1)), Ok(()));
        assert_eq!(withdrawn(Direction::In, &person(Some(1), &[])), Ok(()), "a colleague of who sent it");
        assert_eq!(withdrawn(Direction::In, &machine(2)), Err(Refusal::NotAllowed));
        assert_eq!(withdrawn(Direction::Out, &machine(1)), Err(Refusal::NotAllowed));
        assert_eq!(withdrawn(Direction::Out, &person(Some(1), &[])), Err(Refusal::NotAllowed));
        assert_eq!(withdrawn(Direction::Out, &machine(9)), Ok(()), "who sent it, whoever that is");
    }

    #[test]
    fn who_only_reads_has_nothing_inspected_again() {
        let reopened =
            |caller: &Caller| reopen(&view(Direction::In, Stage::Held), caller, ReopenCause::Asked).map(drop);
        for role in [Role::Security, Role::Biomed, Role::Privacy, Role::Admin] {
            assert_eq!(reopened(&person(None, &[role])), Ok(()), "{}", role.word());
            assert_eq!(reopened(&person(Some(1), &[role])), Err(Refusal::NotAllowed), "a party's own");
        }
        for role in [Role::Auditor, Role::Clinician, Role::Integration, Role::Receiver] {
            assert_eq!(reopened(&person(None, &[role])), Err(Refusal::NotAllowed), "{}", role.word());
        }
        assert_eq!(reopened(&machine(1)), Err(Refusal::NotAllowed));
        assert_eq!(reopened(&caller(Who::Gate { gate: Id::from_bytes(ID) })), Ok(()));
    }
}
