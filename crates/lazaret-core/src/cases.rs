//! The tests that travel with policies: cases as data, run against any set.

use std::fmt;

use crate::code::Code;
use crate::decision::Outcome;
use crate::digest::{Commitment, Digest};
use crate::dossier::{Attributes, Dossier, PartyFacts};
use crate::id::{Id, Person};
use crate::policy::{Bundle, Ruling};
use crate::register::{LaneTerms, PartyState, PersonSide, Role, Standing};
use crate::request::{Act, Group, RequestState, RequestView, Vote, Voter};
use crate::time::Timestamp;
use crate::transfer::{Direction, Stage, TransferKind, TransferView};

/// The cases of the set that a new gate starts with.
pub const BASELINE_CASES: &str = include_str!("../policies/baseline.cases");

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The line of the file, from 1.
    pub line: usize,
    /// The rule that it is about.
    pub rule: Code,
    /// Whether the rule fires in it.
    pub fires: bool,
    /// What is so.
    given: Given,
    /// What must come of it.
    expected: Expected,
}

/// What is so in a case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    attributes: Attributes,
    party: PartyFacts,
    approvals: Vec<Group>,
    voter: GivenVoter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct GivenVoter {
    member: bool,
    requester: bool,
    of_party: bool,
    voted: bool,
    past: bool,
    stepup_age_s: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expected {
    Ruling { outcome: Outcome, rules: Vec<Code> },
    Vote { may: bool },
}

/// Where a text is no list of cases, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotACase {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for NotACase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the cases: {}", self.line, self.why)
    }
}

impl std::error::Error for NotACase {}

/// A case that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The line of the case.
    pub line: usize,
    /// The rule that it is about.
    pub rule: Code,
    /// What must come of it.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}): expected {}, got {}", self.rule, self.line, self.expected, self.got)
    }
}

/// Reads cases.
///
/// # Errors
/// The first line that is none.
pub fn parse(text: &str) -> Result<Vec<Case>, NotACase> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let cases = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    cases.map(|(line, text)| parse_line(line, text).map_err(|why| NotACase { line, why })).collect()
}

/// Runs cases against a set; what came out otherwise.
pub fn run(bundle: &Bundle, cases: &[Case]) -> Vec<Failed> {
    let failed = cases.iter().filter_map(|case| {
        let got = outcome_of(bundle, case);
        (got != case.expected).then(|| Failed {
            line: case.line,
            rule: case.rule,
            expected: case.expected.to_string(),
            got: got.to_string(),
        })
    });
    failed.collect()
}

/// What a set would rule on a dossier in which something else were so, in the words of the cases. `approvals` are counted as
/// cast.
///
/// # Errors
/// The first change that is nothing a transfer's dossier can say.
pub fn suppose(bundle: &Bundle, dossier: &Dossier, changes: &[(String, String)]) -> Result<Ruling, String> {
    let decision = bundle.decide(dossier);
    let counted = decision.request.iter().flat_map(RequestView::counted);
    let mut given = Given {
        attributes: dossier.attributes(),
        party: dossier.party.clone(),
        approvals: counted.map(|vote| vote.group).collect(),
        ..Given::plain()
    };
    let voter = given.voter;
    for (name, value) in changes {
        let set = given.set(name, value).filter(|()| given.voter == voter);
        set.ok_or_else(|| format!("{name}={value} is nothing that can be so of a transfer"))?;
    }
    // As everywhere: one vote alone changes nothing.
    let approvals = if given.approvals.len() >= 2 { given.approvals } else { Vec::new() };
    let supposed = Dossier { party: given.party, ..dossier.clone() };
    Ok(bundle.evaluate(&supposed, &given.attributes, &approvals))
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Ruling { outcome, rules } => {
                write!(f, "{} by", outcome.word())?;
                rules.iter().try_for_each(|rule| write!(f, " {rule}"))
            }
            Expected::Vote { may: true } => f.write_str("vote"),
            Expected::Vote { may: false } => f.write_str("refuse"),
        }
    }
}

fn outcome_of(bundle: &Bundle, case: &Case) -> Expected {
    let dossier = case.given.dossier(case.rule);
    match case.expected {
        Expected::Ruling { .. } => {
            let ruling = bundle.evaluate(&dossier, &case.given.attributes, &case.given.approvals);
            let rules = ruling.reasons.iter().map(|fired| fired.rule).collect();
            Expected::Ruling { outcome: ruling.outcome, rules }
        }
        Expected::Vote { .. } => {
            Expected::Vote { may: bundle.may_approve(&case.given.voter.as_voter(), &dossier).is_ok() }
        }
    }
}

fn parse_line(line: usize, text: &str) -> Result<Case, String> {
    let columns: Vec<&str> = text.split('|').map(str::trim).collect();
    let [fires, rule, given, outcome, rules] = columns.as_slice() else {
        return Err("five columns are expected".to_owned());
    };
    let fires = match *fires {
        "fires" => true,
        "silent" => false,
        other => return Err(format!("{other} is neither fires nor silent")),
    };
    let code = |text: &str| Code::new(text).ok_or_else(|| format!("{text} is no rule's id"));
    let expected = match *outcome {
        "vote" => Expected::Vote { may: true },
        "refuse" => Expected::Vote { may: false },
        word => {
            let outcome = Outcome::from_word(word).ok_or_else(|| format!("{word} is no outcome"))?;
            let mut rules = rules.split_whitespace().map(code).collect::<Result<Vec<Code>, String>>()?;
            rules.sort_unstable();
            Expected::Ruling { outcome, rules }
        }
    };
    Ok(Case { line, rule: code(rule)?, fires, given: Given::parse(given)?, expected })
}

impl Given {
    /// A clean, signed file of a vetted party, and a voter whom nothing stands against.
    fn plain() -> Given {
        Given {
            attributes: Attributes {
                malware: false,
                other_bad: false,
                error: false,
                not_inspected: false,
                integrity_ok: true,
                phi: false,
                is_code: false,
                signed: true,
            },
            party: PartyFacts {
                state: PartyState::Active,
                isolated: false,
                vetting_current: true,
                agreement_current: true,
                phi_cover: true,
            },
            approvals: Vec::new(),
            voter: GivenVoter {
                member: true,
                requester: false,
                of_party: false,
                voted: false,
                past: false,
                stepup_age_s: 60,
            },
        }
    }

    fn parse(text: &str) -> Result<Given, String> {
        let mut given = Given::plain();
        for word in text.split_whitespace().filter(|word| *word != "-") {
            let (name, value) = word.split_once('=').unwrap_or((word, "yes"));
            given.set(name, value).ok_or_else(|| format!("{word} is nothing that can be so"))?;
        }
        Ok(given)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "state" => self.party.state = PartyState::from_word(value)?,
            "approvals" => self.approvals = value.split(',').map(Group::from_word).collect::<Option<_>>()?,
            "stepup_age_s" => self.voter.stepup_age_s = value.parse().ok()?,
            flag => *self.flag(flag)? = truth(value)?,
        }
        Some(())
    }

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "malware" => &mut self.attributes.malware,
            "other_bad" => &mut self.attributes.other_bad,
            "error" => &mut self.attributes.error,
            "not_inspected" => &mut self.attributes.not_inspected,
            "integrity_ok" => &mut self.attributes.integrity_ok,
            "phi" => &mut self.attributes.phi,
            "is_code" => &mut self.attributes.is_code,
            "signed" => &mut self.attributes.signed,
            "isolated" => &mut self.party.isolated,
            "vetting_current" => &mut self.party.vetting_current,
            "agreement_current" => &mut self.party.agreement_current,
            "phi_cover" => &mut self.party.phi_cover,
            "member" => &mut self.voter.member,
            "requester" => &mut self.voter.requester,
            "of_party" => &mut self.voter.of_party,
            "voted" => &mut self.voter.voted,
            "past" => &mut self.voter.past,
            _ => return None,
        })
    }

    fn dossier(&self, lane: Code) -> Dossier {
        let requester = if self.voter.requester { VOTER.cast() } else { Id::from_bytes([3; 16]) };
        let binding = Digest::from_bytes([0; 32]);
        let vote = Vote {
            person: VOTER,
            group: Group::Security,
            binding,
            groups: vec![Group::Security],
            invited_by: Vec::new(),
        };
        let request = RequestView {
            request: Id::from_bytes([4; 16]),
            act: Act::ReleaseTransfer,
            state: RequestState::Open,
            requester,
            let_in_by: Vec::new(),
            binding,
            required: 2,
            groups: vec![Group::Security],
            until: Timestamp::from_millis(u64::MAX),
            votes: vec![vote],
        };
        Dossier {
            transfer: TransferView {
                transfer: Id::from_bytes([1; 16]),
                object: Id::from_bytes([1; 16]),
                stage: Stage::Held,
                direction: Direction::In,
                lane: Id::from_bytes([1; 16]),
                party: Id::from_bytes([5; 16]),
                requester,
                content: Commitment::from_bytes([0; 32]),
                evidence: None,
                inspected_at: None,
                delivery: None,
                since: Timestamp::from_millis(0),
                arrived_at: Timestamp::from_millis(0),
            },
            kind: TransferKind::File,
            lane: LaneTerms {
                lane: Id::from_bytes([1; 16]),
                name: lane,
                direction: Direction::In,
                kinds: Vec::new(),
                inspectors: Vec::new(),
                recipients: Vec::new(),
                object_bytes_max: 0,
                open: true,
            },
            party: self.party.clone(),
            inspected: None,
            request: self.voter.voted.then_some(request),
            last_ruling: None,
        }
    }
}

/// The voter of every case.
const VOTER: Id<Person> = Id::from_bytes([2; 16]);

impl GivenVoter {
    fn as_voter(self) -> Voter {
        Voter {
            person: VOTER,
            side: if self.of_party { PersonSide::Party } else { PersonSide::Hospital },
            standing: if self.past { Standing::Past } else { Standing::Current },
            roles: if self.member { vec![Role::Security] } else { vec![Role::Clinician] },
            stepup_age_s: self.stepup_age_s,
        }
    }
}

fn truth(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{BASELINE, HARD_RULES};

    fn baseline_cases() -> Vec<Case> {
        parse(BASELINE_CASES).unwrap()
    }

    /// The rules of the baseline as texts, by id.
    fn rules() -> Vec<(String, String)> {
        let bundle = Bundle::parse(BASELINE).unwrap();
        bundle.rules().into_iter().map(|rule| (rule.id.to_string(), rule.text.clone())).collect()
    }

    fn without(id: &str) -> String {
        rules().into_iter().filter(|(known, _)| known != id).map(|(_, text)| text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_baseline_does_what_its_cases_say() {
        let failed = run(&Bundle::parse(BASELINE).unwrap(), &baseline_cases());
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn each_rule_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() {
        let cases = baseline_cases();
        for (id, _) in rules() {
            for fires in [true, false] {
                let there = cases.iter().any(|case| case.rule.as_str() == id && case.fires == fires);
                assert!(there, "{id}: no case with fires = {fires}");
            }
        }
        for case in &cases {
            assert!(rules().iter().any(|(id, _)| id == case.rule.as_str()), "line {}: no such rule", case.line);
            if let Expected::Ruling { rules, .. } = &case.expected {
                assert_eq!(rules.contains(&case.rule), case.fires, "line {}", case.line);
            }
        }
    }

    #[test]
    fn without_any_one_of_the_rules_a_case_fails() {
        let cases = baseline_cases();
        for (id, _) in rules() {
            match Bundle::parse(&without(&id)) {
                // The hard ones cannot even be left out.
                Err(_) => assert!(HARD_RULES.contains(&id.as_str()), "{id}"),
                Ok(bundle) => assert!(!run(&bundle, &cases).is_empty(), "nothing misses {id}"),
            }
        }
    }

    #[test]
    fn what_would_be_ruled_is_asked_in_the_words_of_the_cases() {
        let bundle = Bundle::parse(BASELINE).unwrap();
        let given = Given::parse("is_code signed=no").unwrap();
        let dossier = given.dossier(Code::new("x").unwrap());
        let suppose = |changes: &[(&str, &str)]| {
            let changes: Vec<(String, String)> =
                changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            suppose(&bundle, &dossier, &changes)
        };
        // Nobody has looked at it yet, which is the worst of everything.
        assert_eq!(suppose(&[]).unwrap().outcome, Outcome::Hold);
        let looked_at = [("error", "no"), ("not_inspected", "no"), ("phi", "no")];
        assert_eq!(suppose(&looked_at).unwrap().outcome, Outcome::Hold);
        let signed = [&looked_at[..], &[("signed", "yes")]].concat();
        assert_eq!(suppose(&signed).unwrap().outcome, Outcome::Release);
        let one = [&looked_at[..], &[("approvals", "security")]].concat();
        assert_eq!(suppose(&one).unwrap().outcome, Outcome::Hold);
        let two = [&looked_at[..], &[("approvals", "security,biomed")]].concat();
        assert_eq!(suppose(&two).unwrap().outcome, Outcome::Release);
        for nothing in [("member", "no"), ("colour", "red"), ("signed", "perhaps"), ("stepup_age_s", "1")] {
            assert!(suppose(&[nothing]).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_case_is_named() {
        for (text, why) in [
            ("fires | no-malware | malware | deny", "five columns"),
            ("maybe | no-malware | malware | deny | no-malware", "neither fires nor silent"),
            ("fires | no-malware | plague | deny | no-malware", "plague"),
            ("fires | no-malware | malware=2 | deny | no-malware", "malware=2"),
            ("fires | No Malware | malware | deny | no-malware", "no rule's id"),
            ("fires | no-malware | malware | burn | no-malware", "burn"),
        ] {
            let refused = parse(&format!("# cases\n\n{text}\n")).unwrap_err();
            assert_eq!(refused.line, 3);
            assert!(refused.why.contains(why), "{refused}");
        }
    }
}
