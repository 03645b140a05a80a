//! One value behind every answer to "why, what would release it, and who can": the console's banner, the CLI's `explain`,
//! problem+json, receipts.

use crate::code::Code;
use crate::decision::{Decision, Fired, Outcome};
use crate::dossier::{Attributes, Dossier};
use crate::event::VerdictRow;
use crate::id::{Id, Person};
use crate::inspection::{Verdict, Why, codes};
use crate::policy::Bundle;
use crate::refusal::PartyCode;
use crate::register::PartyState;
use crate::request::{Group, RequestView, Vote};
use crate::transfer::Stage;

/// Most levers that one search tries together.
pub const LEVERS_TOGETHER_MAX: usize = 3;
/// Most ways shown.
pub const WAYS_SHOWN_MAX: usize = 3;

codes! {
    /// Something a person can do that changes the dossier.
    LeverKind {
        0 Approval = "approval",
        1 Signature = "signature",
        2 Agreement = "agreement",
        3 Vetting = "vetting",
        4 Inspection = "inspection",
        5 IsolationLift = "isolation-lift",
        6 NewVersion = "new-version",
    }
}

/// A lever with whom it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lever {
    /// What would be done.
    pub kind: LeverKind,
    /// For an approval, the group that gives it.
    pub group: Option<Group>,
}

/// Who can pull a lever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Able {
    /// What they can do.
    pub lever: Lever,
    /// The hospital's people who can; the party itself where empty.
    pub people: Vec<Id<Person>>,
}

/// State, reasons, ways out, people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Where it stands.
    pub stage: Stage,
    /// Why, for operators.
    pub because: Vec<Fired>,
    /// The minimal sets of levers that release it, smallest first; empty when nothing available today would.
    pub would_release: Vec<Vec<Lever>>,
    /// Who can pull the levers shown.
    pub who: Vec<Able>,
    /// What the party is told.
    pub code: Option<PartyCode>,
}

/// Explains a dossier under this policy set. `members` lists the current members of each approver group.
pub fn explain(
    bundle: &Bundle,
    dossier: &Dossier,
    decision: &Decision,
    members: &[(Group, Id<Person>)],
) -> Explanation {
    let stage = dossier.transfer.stage;
    let waiting = matches!(stage, Stage::Held | Stage::NotChecked | Stage::Denied);
    let because = if waiting { decision.reasons.clone() } else { Vec::new() };
    let would_release =
        if matches!(stage, Stage::Held | Stage::NotChecked) { ways_out(bundle, dossier, decision) } else { Vec::new() };
    let mut levers: Vec<Lever> = would_release.iter().flatten().copied().collect();
    levers.sort_unstable();
    levers.dedup();
    let standing = decision.request.iter().flat_map(RequestView::standing);
    let voted: Vec<Id<Person>> = standing.map(|vote| vote.person).collect();
    let let_in =
        |person: &Id<Person>| dossier.request.as_ref().is_some_and(|request| request.let_in_by.contains(person));
    let may = |lever: Lever, person: &Id<Person>| {
        let is_requester = person.cast::<crate::id::Actor>() == dossier.transfer.requester;
        let is_out = lever.kind == LeverKind::Approval && (voted.contains(person) || let_in(person));
        !is_requester && !is_out
    };
    let able = |lever| Able {
        lever,
        people: members
            .iter()
            .filter(|(group, person)| Some(*group) == lever_group(lever) && may(lever, person))
            .map(|(_, person)| *person)
            .collect(),
    };
    let who = levers.into_iter().map(able).collect();
    let rules: Vec<Code> = decision.reasons.iter().map(|fired| fired.rule).collect();
    let verdicts = dossier.inspected.as_ref().map_or(&[][..], |found| &found.verdicts);
    Explanation { stage, because, would_release, who, code: told(stage, &rules, verdicts) }
}

/// The votes that count now.
fn counted(decision: &Decision) -> impl Iterator<Item = Vote> {
    decision.request.iter().flat_map(RequestView::counted)
}

/// The group that pulls a lever at the hospital; the party's own levers have none.
fn lever_group(lever: Lever) -> Option<Group> {
    match lever.kind {
        LeverKind::Approval => lever.group,
        LeverKind::Agreement => Some(Group::Privacy),
        LeverKind::Vetting | LeverKind::IsolationLift | LeverKind::Inspection => Some(Group::Security),
        LeverKind::Signature | LeverKind::NewVersion => None,
    }
}

fn ways_out(bundle: &Bundle, dossier: &Dossier, decision: &Decision) -> Vec<Vec<Lever>> {
    let levers = applicable(dossier, decision);
    let mut found: Vec<Vec<Lever>> = Vec::new();
    for size in 1..=LEVERS_TOGETHER_MAX {
        for set in combinations(&levers, size) {
            if found.iter().any(|smaller| smaller.iter().all(|lever| set.contains(lever))) {
                continue;
            }
            if releases(bundle, dossier, decision, &set) {
                found.push(set);
            }
        }
    }
    found.truncate(WAYS_SHOWN_MAX);
    found
}

fn applicable(dossier: &Dossier, decision: &Decision) -> Vec<Lever> {
    let attributes = dossier.attributes();
    let plain = |kind| Lever { kind, group: None };
    let mut levers: Vec<Lever> = wanted_people(decision)
        .into_iter()
        .map(|group| Lever { kind: LeverKind::Approval, group: Some(group) })
        .collect();
    let party = &dossier.party;
    let open = [
        (LeverKind::Signature, attributes.is_code && !attributes.signed),
        (LeverKind::Agreement, !party.agreement_current || (attributes.phi && !party.phi_cover)),
        (LeverKind::Vetting, party.state != PartyState::Active || !party.vetting_current),
        (LeverKind::Inspection, attributes.error || attributes.not_inspected),
        (LeverKind::IsolationLift, party.isolated),
        (LeverKind::NewVersion, !attributes.integrity_ok),
    ];
    levers.extend(open.into_iter().filter(|(_, open)| *open).map(|(kind, _)| plain(kind)));
    levers
}

/// One lever per person asked for; where more people than groups are asked for, the last group is asked again.
fn wanted_people(decision: &Decision) -> Vec<Group> {
    // With all votes cast nobody is asked any more, until it is inspected again.
    let of_request = || decision.request.as_ref().map(|request| (request.required, request.groups.clone()));
    let Some((people, mut asked)) = decision.approvals.clone().or_else(of_request) else { return Vec::new() };
    let again = asked.last().copied().unwrap_or(Group::Security);
    asked.resize(asked.len().max(usize::from(people)), again);
    asked
}

fn releases(bundle: &Bundle, dossier: &Dossier, decision: &Decision, levers: &[Lever]) -> bool {
    let mut changed = dossier.clone();
    let mut attributes = dossier.attributes();
    // What is inspected again is voted on again.
    let inspected_again = levers
        .iter()
        .any(|lever| matches!(lever.kind, LeverKind::Signature | LeverKind::Inspection | LeverKind::NewVersion));
    let mut approvals: Vec<Group> =
        if inspected_again { Vec::new() } else { counted(decision).map(|vote| vote.group).collect() };
    for lever in levers {
        pull(*lever, &mut changed, &mut attributes, &mut approvals);
    }
    // One vote alone changes nothing: four eyes are two people.
    let approvals = if approvals.len() >= 2 { approvals } else { Vec::new() };
    bundle.evaluate(&changed, &attributes, &approvals).outcome == Outcome::Release
}

fn pull(lever: Lever, dossier: &mut Dossier, attributes: &mut Attributes, approvals: &mut Vec<Group>) {
    match lever.kind {
        LeverKind::Approval => approvals.extend(lever.group),
        LeverKind::Signature => attributes.signed = true,
        LeverKind::Agreement => {
            dossier.party.agreement_current = true;
            dossier.party.phi_cover = true;
        }
        LeverKind::Vetting => {
            dossier.party.vetting_current = true;
            dossier.party.state = PartyState::Active;
        }
        LeverKind::Inspection => {
            attributes.error = false;
            attributes.not_inspected = false;
        }
        LeverKind::IsolationLift => dossier.party.isolated = false,
        LeverKind::NewVersion => attributes.integrity_ok = true,
    }
}

fn combinations(levers: &[Lever], size: usize) -> Vec<Vec<Lever>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for (position, first) in levers.iter().enumerate() {
        let rest = levers.get(position + 1..).unwrap_or_default();
        for mut tail in combinations(rest, size - 1) {
            tail.insert(0, *first);
            out.push(tail);
        }
    }
    out
}

/// What the party is told: the worst thing that it can do something about. Read from the rules of a ruling and the
/// verdicts before it, so that an old line of a journal says today what it said then.
pub fn told(stage: Stage, rules: &[Code], verdicts: &[VerdictRow]) -> Option<PartyCode> {
    if !matches!(stage, Stage::Held | Stage::NotChecked | Stage::Denied) {
        return None;
    }
    let fired = |id: &str| rules.iter().any(|rule| rule.as_str() == id);
    let first = TOLD.iter().find(|(id, _)| fired(id)).map(|(_, code)| *code);
    Some(match (stage, first) {
        (Stage::Denied, Some(PartyCode::Malware)) => PartyCode::Malware,
        (Stage::Denied, _) => PartyCode::NotAllowed,
        (_, Some(PartyCode::GateBusy)) => unchecked_code(verdicts),
        (_, Some(code)) => code,
        (_, None) => PartyCode::WaitingForPeople,
    })
}

/// Rules and what a party hears of them, the worst first.
const TOLD: &[(&str, PartyCode)] = &[
    ("no-malware", PartyCode::Malware),
    ("integrity", PartyCode::DigestMismatch),
    ("isolated", PartyCode::LaneClosed),
    ("vetted", PartyCode::LaneClosed),
    ("inspect-error", PartyCode::GateBusy),
    ("not-inspected", PartyCode::GateBusy),
    ("phi-needs-baa", PartyCode::PhiNotAgreed),
    ("other-bad", PartyCode::TypeMismatch),
    ("unsigned-code", PartyCode::Unsigned),
];

fn unchecked_code(verdicts: &[VerdictRow]) -> PartyCode {
    let doubtful = |row: &&VerdictRow| !matches!(row.verdict, Verdict::Clean | Verdict::Bad);
    match verdicts.iter().filter(doubtful).find_map(|row| row.why) {
        Some(Why::Encrypted) => PartyCode::Encrypted,
        Some(Why::TooLarge | Why::TooDeep | Why::TooManyMembers | Why::Ratio) => PartyCode::TooLarge,
        Some(Why::Malformed) => PartyCode::Truncated,
        Some(Why::FormatUnknown | Why::FormatUnsupported | Why::Ambiguous | Why::Pixels | Why::Charset) => {
            PartyCode::UnknownType
        }
        Some(
            Why::Time
            | Why::Memory
            | Why::EngineAbsent
            | Why::EngineLimit
            | Why::RulesNotApplicable
            | Why::WorkerDied
            | Why::WorkerOutput
            | Why::EngineProtocol
            | Why::EngineUnreachable
            | Why::ObjectUnreadable,
        )
        | None => PartyCode::GateBusy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dossier::tests::found;
    use crate::policy::BASELINE;
    use crate::request::{Act, RequestState};
    use crate::time::Timestamp;

    fn person(byte: u8) -> Id<Person> {
        Id::from_bytes([byte; 16])
    }

    /// What is explained to those two of biomed, two of security, and one who is in both.
    fn explained(dossier: &Dossier) -> Explanation {
        let bundle = Bundle::parse(BASELINE).unwrap();
        let members = [(Group::Biomed, 1), (Group::Biomed, 2), (Group::Security, 3), (Group::Security, 4)];
        let members = members.map(|(group, byte)| (group, person(byte)));
        explain(&bundle, dossier, &bundle.decide(dossier), &members)
    }

    fn with_votes(dossier: &mut Dossier, votes: &[(u8, Group)]) {
        let bundle = Bundle::parse(BASELINE).unwrap();
        let binding = bundle.decide(dossier).binding;
        let vote = |(byte, group): &(u8, Group)| Vote {
            person: person(*byte),
            group: *group,
            binding,
            groups: vec![*group],
            invited_by: Vec::new(),
        };
        dossier.request = Some(RequestView {
            request: Id::from_bytes([3; 16]),
            act: Act::ReleaseTransfer,
            state: RequestState::Open,
            requester: dossier.transfer.requester,
            let_in_by: Vec::new(),
            // What was ruled last bound something else.
            binding: crate::digest::Digest::from_bytes([9; 32]),
            required: 2,
            groups: vec![Group::Security, Group::Biomed],
            until: Timestamp::from_millis(u64::MAX),
            votes: votes.iter().map(vote).collect(),
        });
    }

    const SIGNATURE: Lever = Lever { kind: LeverKind::Signature, group: None };

    const fn approval(group: Group) -> Lever {
        Lever { kind: LeverKind::Approval, group: Some(group) }
    }

    #[test]
    fn two_holds_that_ask_different_groups_ask_for_both_together() {
        let mut dossier = found(|found| (found.is_code, found.other_bad) = (true, true));
        let explanation = explained(&dossier);
        assert_eq!(explanation.would_release, [vec![approval(Group::Security), approval(Group::Biomed)]]);
        with_votes(&mut dossier, &[(3, Group::Security)]);
        let explanation = explained(&dossier);
        assert_eq!(explanation.would_release, [vec![approval(Group::Biomed)]]);
    }

    #[test]
    fn whoever_has_voted_is_not_among_those_who_can_help() {
        let mut dossier = found(|found| found.is_code = true);
        let people = |explanation: &Explanation, lever| {
            let able = explanation.who.iter().find(|able| able.lever == lever);
            able.map(|able| able.people.clone()).unwrap_or_default()
        };
        let explanation = explained(&dossier);
        assert_eq!(people(&explanation, approval(Group::Biomed)), [person(1), person(2)]);
        with_votes(&mut dossier, &[(1, Group::Biomed)]);
        let explanation = explained(&dossier);
        assert_eq!(people(&explanation, approval(Group::Security)), [person(3), person(4)]);
        assert!(people(&explanation, approval(Group::Biomed)).is_empty(), "another of biomed cures nothing");
        assert_eq!(explanation.would_release, [vec![approval(Group::Security)], vec![SIGNATURE]]);
    }

    #[test]
    fn what_is_inspected_again_is_voted_on_again() {
        let mut dossier = found(|found| {
            (found.is_code, found.other_bad) = (true, true);
        });
        with_votes(&mut dossier, &[(1, Group::Biomed), (3, Group::Security)]);
        dossier.party.isolated = true;
        dossier.inspected.iter_mut().for_each(|found| {
            found.verdicts.iter_mut().for_each(|row| row.verdict = Verdict::Error);
        });
        let explanation = explained(&dossier);
        assert_eq!(explanation.because.len(), 2);
        assert_eq!(explanation.would_release, Vec::<Vec<Lever>>::new(), "four acts are more than are tried together");
        dossier.party.isolated = false;
        let inspection = Lever { kind: LeverKind::Inspection, group: None };
        let all = vec![approval(Group::Security), approval(Group::Biomed), inspection];
        assert_eq!(explained(&dossier).would_release, [all]);
    }
}
