//! One value behind every answer to "why, what would release it, and who can": the console's banner, the CLI's `explain`,
//! problem+json, receipts.

use crate::code::Code;
use crate::decision::{Decision, Fired, Outcome, Term};
use crate::dossier::{Attributes, Dossier};
use crate::event::VerdictRow;
use crate::id::{Id, Person};
use crate::inspection::{Verdict, Why, codes};
use crate::policy::Bundle;
use crate::refusal::PartyCode;
use crate::register::PartyState;
use crate::request::Group;
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
    let who = levers
        .into_iter()
        .map(|lever| Able {
            lever,
            people: members
                .iter()
                .filter(|(group, person)| {
                    Some(*group) == lever_group(lever)
                        && person.cast::<crate::id::Actor>() != dossier.transfer.requester
                })
                .map(|(_, person)| *person)
                .collect(),
        })
        .collect();
    let rules: Vec<Code> = decision.reasons.iter().map(|fired| fired.rule).collect();
    let verdicts = dossier.inspected.as_ref().map_or(&[][..], |found| &found.verdicts);
    Explanation { stage, because, would_release, who, code: told(stage, &rules, verdicts) }
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
            if releases(bundle, dossier, &set) {
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
    let mut wanted = Vec::new();
    for term in decision.reasons.iter().flat_map(|fired| &fired.requirement) {
        if let Term::Approvals { people, groups } = term {
            let mut asked = groups.clone();
            while asked.len() < usize::from(*people) {
                asked.push(groups.last().copied().unwrap_or(Group::Security));
            }
            if asked.len() > wanted.len() {
                wanted = asked;
            }
        }
    }
    wanted
}

fn releases(bundle: &Bundle, dossier: &Dossier, levers: &[Lever]) -> bool {
    let mut changed = dossier.clone();
    let mut attributes = dossier.attributes();
    let counted = dossier.request.iter().flat_map(|request| request.counted());
    let mut approvals: Vec<Group> = counted.map(|vote| vote.group).collect();
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
