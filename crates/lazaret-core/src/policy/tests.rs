//! What the rules of a set may and may not do.

use super::*;
use crate::caller::{Caller, Who};
use crate::dossier::tests::found;
use crate::event::Event;
use crate::id::{Id, Person};
use crate::inspection::PhiPresence;
use crate::party::Choice;
use crate::request::{Act, Means, RequestState, Vote};
use crate::time::Timestamp;
use crate::transfer::{self, Ballot};

const AT: Timestamp = Timestamp::from_millis(1);

fn baseline() -> Bundle {
    Bundle::parse(BASELINE).unwrap()
}

/// Unsigned software, about which one of biomed and one of security have said yes to what was true then.
fn approved(bundle: &Bundle) -> Dossier {
    let mut dossier = found(|found| found.is_code = true);
    let bound = bundle.decide(&dossier).binding;
    let vote = |byte, group| Vote {
        person: Id::from_bytes([byte; 16]),
        group,
        binding: bound,
        groups: vec![group],
        invited_by: Vec::new(),
    };
    dossier.request = Some(RequestView {
        request: Id::from_bytes([3; 16]),
        act: Act::ReleaseTransfer,
        state: RequestState::Open,
        requester: dossier.transfer.requester,
        let_in_by: Vec::new(),
        binding: bound,
        required: 2,
        groups: vec![Group::Security, Group::Biomed],
        until: Timestamp::from_millis(u64::MAX),
        votes: vec![vote(21, Group::Biomed), vote(22, Group::Security)],
    });
    dossier
}

fn rules_of(decision: &Decision) -> Vec<&str> {
    decision.reasons.iter().map(|fired| fired.rule.as_str()).collect()
}

// EVIDENCE-OF: R-012
#[test]
fn votes_bind_what_people_were_asked_and_not_what_else_is_cured_meanwhile() {
    let bundle = baseline();
    let mut dossier = approved(&bundle);
    dossier.inspected.as_mut().unwrap().phi = PhiPresence::Yes;
    dossier.party.phi_cover = false;
    dossier.party.isolated = true;
    let held = bundle.decide(&dossier);
    assert_eq!((rules_of(&held), held.approvals.clone()), (vec!["isolated", "phi-needs-baa"], None));
    (dossier.party.phi_cover, dossier.party.isolated) = (true, false);
    let released = bundle.decide(&dossier);
    assert_eq!((released.outcome, released.binding), (Outcome::Release, held.binding));
    // Other findings, other content, or people of another group asked: other votes.
    let mut other = dossier.clone();
    other.inspected.as_mut().unwrap().evidence = Digest::from_bytes([9; 32]);
    assert_eq!(bundle.decide(&other).outcome, Outcome::Hold);
    let mut more = dossier.clone();
    more.inspected.as_mut().unwrap().other_bad = true;
    assert_eq!(bundle.decide(&more).outcome, Outcome::Hold);
}

#[test]
fn a_release_names_the_votes_that_it_needed_and_no_others() {
    let bundle = baseline();
    let mut dossier = approved(&bundle);
    dossier.transfer.stage = transfer::Stage::Cleared;
    dossier.transfer.inspected_at = Some(dossier.transfer.arrived_at);
    let released = |dossier: &Dossier| {
        let (decision, at) = (bundle.decide(dossier), dossier.transfer.arrived_at);
        let fact = transfer::release(dossier, &decision, Id::from_bytes([9; 16]), at).unwrap();
        let Event::TransferReleased(fact) = fact else { panic!("{fact:?}") };
        fact.request
    };
    assert_eq!(released(&dossier), Some(Id::from_bytes([3; 16])));
    dossier.inspected.as_mut().unwrap().signature = crate::inspection::SignatureState::Registered;
    assert_eq!(released(&dossier), None, "a registered key signed it");
}

#[test]
fn a_vote_is_on_what_is_true_now_whatever_was_ruled_last() {
    let bundle = baseline();
    let mut dossier = approved(&bundle);
    let now = bundle.decide(&dossier).binding;
    let before = Digest::from_bytes([5; 32]);
    let request = dossier.request.as_mut().unwrap();
    (request.binding, request.votes[1].binding) = (before, before);
    let person: Id<Person> = Id::from_bytes([23; 16]);
    let roles = vec![Group::Security.role()];
    let who = Who::Person { person, party: None, roles: roles.clone() };
    let caller = Caller::assertion(who, Some(Id::from_bytes([24; 16])), Means::Passkey, 0);
    let voter = Voter { person, side: PersonSide::Hospital, standing: Standing::Current, roles, stepup_age_s: 0 };
    let vote = |dossier: &Dossier, seen, choice| {
        transfer::vote(dossier, &bundle, &caller, &voter, Ballot { seen, choice, reason: None }, AT).map(drop)
    };
    assert_eq!(vote(&dossier, before, Choice::Approve), Err(Refusal::StaleApproval));
    assert_eq!(vote(&dossier, now, Choice::Approve), Ok(()));
    // With all votes cast one more cures nothing; a no still ends it.
    dossier.request.as_mut().unwrap().votes[1].binding = now;
    dossier.party.isolated = true;
    assert_eq!(vote(&dossier, now, Choice::Approve), Err(Refusal::WrongState));
    assert_eq!(vote(&dossier, now, Choice::Reject), Ok(()));
    dossier.request = None;
    assert_eq!(vote(&dossier, now, Choice::Reject), Err(Refusal::WrongState));
}

// EVIDENCE-OF: R-009
#[test]
fn a_rule_that_cannot_be_evaluated_holds_and_so_does_a_set_that_permits_nothing() {
    let more = |text: &str| {
        let rule = "@id(\"more\") @reason(\"x\") @fix(\"approval\") @control(\"y\")";
        Bundle::parse(&format!("{BASELINE}\n{rule} {text}")).unwrap()
    };
    let clean = found(|_| {});
    assert_eq!(baseline().decide(&clean).outcome, Outcome::Release);
    // Too large a number is the one error that a validated set can still meet.
    let errs = "when { context.approvals + 9223372036854775807 + 1 > 0 }";
    for effect in ["forbid", "permit"] {
        let bundle = more(&format!("{effect}(principal, action == Action::\"release\", resource) {errs};"));
        for dossier in [&clean, &approved(&bundle)] {
            let decision = bundle.decide(dossier);
            assert_eq!((decision.outcome, rules_of(&decision)), (Outcome::Hold, vec!["policy-fault"]), "{effect}");
            assert_eq!(decision.approvals, None, "no vote lifts it");
        }
    }
    let permits = |rule: &Rule| !rule.forbids && rule.text.contains("Action::\"release\"");
    let baseline = baseline();
    let mut without: Vec<&Rule> = baseline.rules();
    let before = without.len();
    without.retain(|rule| !permits(rule));
    assert!(without.len() < before, "the baseline permits something");
    let text = without.iter().map(|rule| rule.text.as_str()).collect::<Vec<_>>().join("\n");
    let decision = Bundle::parse(&text).unwrap().decide(&clean);
    assert_eq!((decision.outcome, rules_of(&decision)), (Outcome::Hold, vec!["not-permitted"]));
}

type Lapse = fn(&mut Dossier);
/// What may lapse between two looks at one dossier.
const LAPSES: [(&str, Lapse); 4] = [
    ("isolated", |dossier| dossier.party.isolated = true),
    ("vetting", |dossier| dossier.party.vetting_current = false),
    ("contract", |dossier| dossier.party.agreement_current = false),
    ("findings", |dossier| dossier.inspected.as_mut().unwrap().integrity_ok = false),
];

// EVIDENCE-OF: R-013
#[test]
fn release_and_each_delivery_stop_at_what_lapsed_after_the_ruling() {
    let bundle = baseline();
    let receiver = Caller::assertion(
        Who::Person { person: Id::from_bytes([30; 16]), party: None, roles: vec![crate::register::Role::Receiver] },
        None,
        Means::Token,
        0,
    );
    for (stage, word) in [(transfer::Stage::Cleared, "release"), (transfer::Stage::Released, "delivery")] {
        let mut dossier = found(|_| {});
        dossier.transfer.stage = stage;
        dossier.transfer.inspected_at = Some(dossier.transfer.arrived_at);
        dossier.transfer.delivery = Some(Id::from_bytes([9; 16]));
        let at = dossier.transfer.arrived_at;
        let goes = |dossier: &Dossier| {
            let decision = bundle.decide(dossier);
            if stage == transfer::Stage::Cleared {
                transfer::release(dossier, &decision, Id::from_bytes([9; 16]), at).map(drop)
            } else {
                let attempt = (1, transfer::Channel::Https);
                transfer::begin_delivery(dossier, &decision, &receiver, attempt, at).map(drop)
            }
        };
        assert_eq!(goes(&dossier), Ok(()), "{word}");
        for (what, lapse) in LAPSES {
            let mut later = dossier.clone();
            lapse(&mut later);
            assert_eq!(goes(&later), Err(Refusal::NoLongerCleared), "{word}: {what}");
        }
    }
}

// EVIDENCE-OF: R-010
#[test]
fn a_ruling_names_the_policy_and_what_it_looked_at_by_digest() {
    let ruled = |bundle: &Bundle, dossier: &Dossier| {
        let fact = transfer::rule(dossier, &bundle.decide(dossier), Id::from_bytes([9; 16])).unwrap();
        let Event::TransferRuled(fact) = fact else { panic!("{fact:?}") };
        fact
    };
    let (bundle, dossier) = (baseline(), found(|_| {}));
    let first = ruled(&bundle, &dossier);
    assert_eq!((first.policy, first.dossier), (bundle.digest(), dossier.digest()));
    for (what, lapse) in LAPSES {
        let mut later = dossier.clone();
        lapse(&mut later);
        let then = ruled(&bundle, &later);
        assert_ne!(then.dossier, first.dossier, "{what}");
        assert_eq!(then.policy, first.policy, "{what}");
        assert!(!then.rules.is_empty(), "{what}");
    }
    let more = "@id(\"more\") @reason(\"x\") @fix(\"approval\") @control(\"y\")
        forbid(principal, action == Action::\"release\", resource) when { resource.phi };";
    let other = Bundle::parse(&format!("{BASELINE}\n{more}")).unwrap();
    let then = ruled(&other, &dossier);
    assert_eq!((then.policy, then.dossier), (other.digest(), first.dossier));
    assert_ne!(then.policy, first.policy);
}

/// The baseline with one rule written otherwise.
fn with(id: &str, change: impl Fn(&str) -> String) -> Result<Bundle, NotAPolicySet> {
    let bundle = Bundle::parse(BASELINE).unwrap();
    let text = |rule: &Rule| if rule.id.as_str() == id { change(&rule.text) } else { rule.text.clone() };
    Bundle::parse(&bundle.rules().into_iter().map(text).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_hard_rule_stands_in_every_set_and_says_what_it_says_in_the_baseline() {
    type Change = fn(&str) -> String;
    let no: [(&str, Change); 6] = [
        ("left out", |_| String::new()),
        ("never", |rule| rule.replace("when {", "when { false &&")),
        ("of files only", |rule| rule.replace("when {", "when { resource.kind == \"file\" &&")),
        ("unless approved", |rule| rule.replace("};", "} unless { context.approvals >= 2 };")),
        ("in another scope", |rule| rule.replace("resource)", "resource is Transfer)")),
        ("held for people", |rule| format!("@hold(\"approvals:2:security\")\n{}", without_hold(rule))),
    ];
    for hard in HARD_RULES {
        for (what, change) in no {
            let refused = with(hard, change).expect_err(&format!("{hard} {what}"));
            assert!(refused.0.contains(&format!("the hard rule {hard}")), "{hard} {what}: {refused}");
        }
        let reworded = |rule: &str| rule.replace("when {", "when\n{ ").replace("@reason(\"", "@reason(\"Once more: ");
        assert!(with(hard, reworded).is_ok(), "{hard} in a hospital's own words");
    }
    let more = "@id(\"more\") @reason(\"x\") @fix(\"approval\") @control(\"y\")
        forbid(principal, action == Action::\"release\", resource) when { resource.phi };";
    assert!(Bundle::parse(&format!("{BASELINE}\n{more}")).is_ok(), "what forbids more is welcome");
}

fn without_hold(rule: &str) -> String {
    rule.lines().filter(|line| !line.starts_with("@hold")).collect::<Vec<_>>().join("\n")
}
