//! From dossier to decision: a Cedar policy set, validated against its schema, evaluated so that any error holds.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use cedar_policy::{
    Authorizer, Context, Decision as CedarDecision, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicyId, PolicySet, Request, Response, RestrictedExpression, Schema, ValidationMode, Validator,
};

use crate::code::Code;
use crate::decision::{Decision, Fired, Outcome, Term};
use crate::digest::Digest;
use crate::dossier::{Attributes, Dossier};
use crate::event::FiredRule;
use crate::refusal::Refusal;
use crate::register::{PersonSide, Standing};
use crate::request::{Group, RequestView, Voter, binding};

/// The schema of this release's attributes.
pub const SCHEMA: &str = include_str!("../policies/schema.cedarschema");
/// The policy set that a new gate starts with.
pub const BASELINE: &str = include_str!("../policies/baseline.cedar");

/// Rules that stand in every set as they stand in [`BASELINE`], all but their words. In Cedar a `forbid` that fires wins over
/// whatever else a set says, and one that errs holds: so with these in it no set releases what they forbid.
pub const HARD_RULES: &[&str] =
    &["no-malware", "integrity", "isolated", "vetted", "phi-needs-baa", "inspect-error", "not-inspected"];

/// Why a text is not a policy set for this gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPolicySet(pub String);

impl fmt::Display for NotAPolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAPolicySet {}

/// One Cedar policy of the set, as its annotations describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `@id`
    pub id: Code,
    /// `@reason`
    pub reason: String,
    /// `@fix`: the lever that most directly cures it.
    pub fix: Code,
    /// `@hold`
    pub hold: Option<Code>,
    /// The requirement in `@hold`.
    pub requirement: Vec<Term>,
    /// The rule's text, as in force.
    pub text: String,
    /// Whether it forbids.
    pub forbids: bool,
}

/// A validated policy set, named by its digest.
pub struct Bundle {
    digest: Digest,
    schema: Schema,
    policies: PolicySet,
    rules: HashMap<PolicyId, Rule>,
    authorizer: Authorizer,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("digest", &self.digest).field("rules", &self.rules.len()).finish()
    }
}

impl Bundle {
    /// Parses and validates a set against [`SCHEMA`], strictly.
    ///
    /// # Errors
    /// The text does not parse or validate, a rule lacks an annotation, two share an id, or a hard rule is missing or says
    /// something else than the baseline's.
    pub fn parse(text: &str) -> Result<Bundle, NotAPolicySet> {
        let policies = PolicySet::from_str(text).map_err(|error| NotAPolicySet(error.to_string()))?;
        let schema = schema()?;
        let validated = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if !validated.validation_passed() {
            let first = validated.validation_errors().next().map(ToString::to_string).unwrap_or_default();
            return Err(NotAPolicySet(first));
        }
        let mut rules = HashMap::new();
        let mut ids = BTreeSet::new();
        for policy in policies.policies() {
            let rule = read_rule(policy)?;
            if !ids.insert(rule.id) {
                return Err(NotAPolicySet(format!("two rules have the id {}", rule.id)));
            }
            rules.insert(policy.id().clone(), rule);
        }
        keeps_hard_rules(&policies)?;
        let digest = Digest::of_parts([b"lazaret/policy/v1".as_slice(), SCHEMA.as_bytes(), text.as_bytes()]);
        Ok(Bundle { digest, schema: schema.clone(), policies, rules, authorizer: Authorizer::new() })
    }

    /// The name of this set in every decision.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.values().find(|rule| rule.id.as_str() == id)
    }

    /// Every rule, by id.
    pub fn rules(&self) -> Vec<&Rule> {
        let mut rules: Vec<&Rule> = self.rules.values().collect();
        rules.sort_by_key(|rule| rule.id);
        rules
    }

    /// Decides a release. Approvals count only if they bind what is true now, and only where they are needed.
    pub fn decide(&self, dossier: &Dossier) -> Decision {
        let attributes = dossier.attributes();
        let bare = self.evaluate(dossier, &attributes, &[]);
        let asked = wanted_of(terms(&bare.reasons));
        let evidence = dossier.inspected.as_ref().map_or(Digest::from_bytes([0; 32]), |found| found.evidence);
        let bound = binding(dossier.transfer.content.as_bytes(), &evidence, &self.digest, &asked_text(&bare.reasons));
        let request = dossier.request.clone().map(|request| match &asked {
            Some((people, groups)) => {
                RequestView { binding: bound, required: *people, groups: groups.clone(), ..request }
            }
            None => RequestView { binding: bound, ..request },
        });
        let eyes = request.as_ref().filter(|_| bare.outcome != Outcome::Release).and_then(RequestView::four_eyes);
        let (decided, granted_by) = match &eyes {
            Some(eyes) => (self.evaluate(dossier, &attributes, &eyes.groups()), Some(eyes.request())),
            None => (bare, None),
        };
        Decision {
            outcome: decided.outcome,
            approvals: wanted_of(terms(&decided.reasons)),
            reasons: decided.reasons,
            policy: self.digest,
            binding: bound,
            request,
            granted_by: granted_by.filter(|_| decided.outcome == Outcome::Release),
        }
    }

    /// Decides as if these attributes and approvals were true: the engine of *what would release it*.
    pub fn evaluate(&self, dossier: &Dossier, attributes: &Attributes, approvals: &[Group]) -> Ruling {
        match self.ask_release(dossier, attributes, approvals) {
            Ok(response) => self.read(&response),
            // A request that cannot even be built is a fault of the policy's world, never a permission.
            Err(NotAPolicySet(reason)) => Ruling::fault(&reason),
        }
    }

    /// May this person vote on this transfer, by the set's own rules?
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`] when a rule says no or the evaluation fails.
    pub fn may_approve(&self, voter: &Voter, dossier: &Dossier) -> Result<(), Refusal> {
        match self.ask_approve(voter, dossier) {
            Ok(response)
                if response.decision() == CedarDecision::Allow && response.diagnostics().errors().next().is_none() =>
            {
                Ok(())
            }
            Ok(_) | Err(_) => Err(Refusal::NotAllowed),
        }
    }

    fn read(&self, response: &Response) -> Ruling {
        if let Some(error) = response.diagnostics().errors().next() {
            // Cedar skips a policy that errors; an erring forbid would vanish. Any error holds.
            return Ruling::fault(&error.to_string());
        }
        let mut fired: Vec<&Rule> = response.diagnostics().reason().filter_map(|id| self.rules.get(id)).collect();
        fired.sort_by_key(|rule| rule.id);
        let outcome = match response.decision() {
            CedarDecision::Allow => Outcome::Release,
            CedarDecision::Deny if fired.iter().any(|rule| rule.forbids && rule.hold.is_none()) => Outcome::Deny,
            CedarDecision::Deny => Outcome::Hold,
        };
        if fired.is_empty() {
            return Ruling::hold("not-permitted", "No rule permits this crossing.");
        }
        // A denial is explained by what denies; the holds beside it would suggest a cure that is none.
        let kept = fired.into_iter().filter(|rule| outcome != Outcome::Deny || rule.hold.is_none());
        let reasons = kept
            .map(|rule| Fired {
                rule: rule.id,
                reason: rule.reason.clone(),
                requirement: rule.requirement.clone(),
                hold: rule.hold,
            })
            .collect();
        Ruling { outcome, reasons }
    }

    fn ask_release(
        &self,
        dossier: &Dossier,
        attributes: &Attributes,
        approvals: &[Group],
    ) -> Result<Response, NotAPolicySet> {
        let party = uid("Party", &dossier.transfer.party.to_string())?;
        let transfer = uid("Transfer", &dossier.transfer.transfer.to_string())?;
        let roles = approvals.iter().map(|group| RestrictedExpression::new_string(group.word().to_owned()));
        let context = Context::from_pairs([
            (
                "approvals".to_owned(),
                RestrictedExpression::new_long(i64::try_from(approvals.len()).unwrap_or(i64::MAX)),
            ),
            ("approver_roles".to_owned(), RestrictedExpression::new_set(roles)),
        ])
        .map_err(fault)?;
        let entities = [party_entity(dossier, &party)?, transfer_entity(dossier, attributes, &transfer)?];
        self.ask(party, "release", transfer, context, entities)
    }

    fn ask_approve(&self, voter: &Voter, dossier: &Dossier) -> Result<Response, NotAPolicySet> {
        let person = uid("Person", &voter.person.to_string())?;
        let transfer = uid("Transfer", &dossier.transfer.transfer.to_string())?;
        let in_group = Group::ALL.iter().any(|group| voter.roles.contains(&group.role()));
        let parents = if in_group { HashSet::from([uid("Role", "approver")?]) } else { HashSet::new() };
        let flags = [
            ("past", voter.standing == Standing::Past),
            ("isolated", voter.side == PersonSide::Party && dossier.party.isolated),
            ("of_party", voter.side == PersonSide::Party),
        ];
        let flags = flags.into_iter().map(|(name, flag)| (name.to_owned(), RestrictedExpression::new_bool(flag)));
        let person_entity = Entity::new(person.clone(), flags.collect(), parents).map_err(fault)?;
        let age = i64::try_from(voter.stepup_age_s).unwrap_or(i64::MAX);
        let context = Context::from_pairs([
            (
                "person".to_owned(),
                RestrictedExpression::new_string(voter.person.cast::<crate::id::Actor>().to_string()),
            ),
            ("stepup_age_s".to_owned(), RestrictedExpression::new_long(age)),
        ])
        .map_err(fault)?;
        let entities = [person_entity, transfer_entity(dossier, &dossier.attributes(), &transfer)?];
        self.ask(person, "approve", transfer, context, entities)
    }

    fn ask(
        &self,
        principal: EntityUid,
        action: &str,
        resource: EntityUid,
        context: Context,
        entities: [Entity; 2],
    ) -> Result<Response, NotAPolicySet> {
        let action = uid("Action", action)?;
        let request = Request::new(principal, action, resource, context, Some(&self.schema)).map_err(fault)?;
        let entities = Entities::from_entities(entities, Some(&self.schema)).map_err(fault)?;
        Ok(self.authorizer.is_authorized(&request, &self.policies, &entities))
    }
}

/// What one evaluation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Release, hold or deny.
    pub outcome: Outcome,
    /// The rules that fired.
    pub reasons: Vec<Fired>,
}

impl Ruling {
    fn hold(rule: &'static str, reason: &str) -> Ruling {
        let rule = Code::new(rule).unwrap_or_else(|| unreachable!("a literal code is a code"));
        Ruling {
            outcome: Outcome::Hold,
            reasons: vec![Fired { rule, reason: reason.to_owned(), requirement: Vec::new(), hold: None }],
        }
    }

    fn fault(reason: &str) -> Ruling {
        Ruling::hold("policy-fault", &format!("The rules could not be evaluated ({reason}); a person must look."))
    }
}

/// The schema, read once: it is a constant of this release, and reading it takes longer than reading any policy set.
fn schema() -> Result<&'static Schema, NotAPolicySet> {
    static READ: OnceLock<Result<Schema, NotAPolicySet>> = OnceLock::new();
    let read = READ.get_or_init(|| match Schema::from_cedarschema_str(SCHEMA) {
        // Warnings are about style; none of them changes what a policy means.
        Ok((schema, _warnings)) => Ok(schema),
        Err(error) => Err(NotAPolicySet(format!("schema: {error}"))),
    });
    read.as_ref().map_err(Clone::clone)
}

/// Whether each hard rule is there and forbids and holds by what it does in the baseline. Reasons and controls are a
/// hospital's own words, and spaces mean nothing.
fn keeps_hard_rules(policies: &PolicySet) -> Result<(), NotAPolicySet> {
    let baseline = PolicySet::from_str(BASELINE).map_err(fault)?;
    for hard in HARD_RULES {
        let Some(theirs) = policy_called(policies, hard) else {
            return Err(NotAPolicySet(format!("the hard rule {hard} is missing: copy it from the baseline")));
        };
        let ours = policy_called(&baseline, hard).map(sense).transpose()?;
        if ours != Some(sense(theirs)?) {
            return Err(NotAPolicySet(format!(
                "the hard rule {hard} is not the baseline's: copy it from there; what forbids more is a rule of its own"
            )));
        }
    }
    Ok(())
}

fn policy_called<'p>(policies: &'p PolicySet, id: &str) -> Option<&'p cedar_policy::Policy> {
    policies.policies().find(|policy| policy.annotation("id") == Some(id))
}

/// What a policy means to a decision: effect, scope and conditions, and what it asks for.
fn sense(policy: &cedar_policy::Policy) -> Result<(String, Option<String>), NotAPolicySet> {
    let mut bare = policy.to_json().map_err(fault)?;
    if let Some(parts) = bare.as_object_mut() {
        parts.remove("annotations");
    }
    Ok((bare.to_string(), policy.annotation("hold").map(str::to_owned)))
}

fn fault(error: impl fmt::Display) -> NotAPolicySet {
    NotAPolicySet(error.to_string())
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, NotAPolicySet> {
    let kind = EntityTypeName::from_str(kind).map_err(fault)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn read_rule(policy: &cedar_policy::Policy) -> Result<Rule, NotAPolicySet> {
    let annotation = |name: &str| policy.annotation(name).map(str::to_owned);
    let missing = |name: &str| NotAPolicySet(format!("rule {} lacks @{name}", policy.id()));
    let code = |name: &str| annotation(name).and_then(|text| Code::new(&text)).ok_or_else(|| missing(name));
    let id = code("id")?;
    let reason = annotation("reason").ok_or_else(|| missing("reason"))?;
    let fix = code("fix")?;
    annotation("control").ok_or_else(|| missing("control"))?;
    let hold = annotation("hold").map(|text| Code::new(&text).ok_or_else(|| missing("hold"))).transpose()?;
    let requirement = match hold {
        Some(hold) => parse_requirement(hold.as_str())
            .ok_or_else(|| NotAPolicySet(format!("rule {id}: @hold(\"{hold}\") is no requirement")))?,
        None => Vec::new(),
    };
    let forbids = policy.effect() == Effect::Forbid;
    Ok(Rule { id, reason, fix, hold, requirement, text: policy.to_string(), forbids })
}

fn parse_requirement(text: &str) -> Option<Vec<Term>> {
    text.split('+').map(parse_term).collect()
}

fn parse_term(text: &str) -> Option<Term> {
    let mut parts = text.split(':');
    let term = match (parts.next()?, parts.next()?) {
        ("approvals", people) => Term::Approvals {
            people: people.parse().ok().filter(|people| (2..=9).contains(people))?,
            groups: parts.next()?.split(',').map(Group::from_word).collect::<Option<Vec<_>>>()?,
        },
        ("evidence", kind) => Term::Evidence(Code::new(kind)?),
        ("fact", name) => Term::Fact(Code::new(name)?),
        _ => return None,
    };
    parts.next().is_none().then_some(term)
}

fn terms(reasons: &[Fired]) -> impl Iterator<Item = Term> {
    reasons.iter().flat_map(|fired| fired.requirement.iter().cloned())
}

/// What people are asked for, as votes bind it: the parts of `@hold` that approvals cure, in one order.
fn asked_text(reasons: &[Fired]) -> String {
    let parts = reasons.iter().filter_map(|fired| fired.hold.as_ref()).flat_map(|hold| hold.as_str().split('+'));
    let asked: BTreeSet<&str> = parts.filter(|part| part.starts_with("approvals:")).collect();
    asked.into_iter().collect::<Vec<_>>().join("+")
}

fn party_entity(dossier: &Dossier, party: &EntityUid) -> Result<Entity, NotAPolicySet> {
    let facts = &dossier.party;
    let attributes = HashMap::from([
        ("state".to_owned(), RestrictedExpression::new_string(facts.state.word().to_owned())),
        ("isolated".to_owned(), RestrictedExpression::new_bool(facts.isolated)),
        ("vetting_current".to_owned(), RestrictedExpression::new_bool(facts.vetting_current)),
        ("agreement_current".to_owned(), RestrictedExpression::new_bool(facts.agreement_current)),
        ("phi_cover".to_owned(), RestrictedExpression::new_bool(facts.phi_cover)),
    ]);
    Entity::new(party.clone(), attributes, HashSet::new()).map_err(fault)
}

fn transfer_entity(dossier: &Dossier, found: &Attributes, transfer: &EntityUid) -> Result<Entity, NotAPolicySet> {
    let voters = dossier.request.iter().flat_map(|request| request.counted());
    let voters = voters
        .map(|vote| RestrictedExpression::new_string(vote.person.cast::<crate::id::Actor>().to_string()))
        .collect::<Vec<_>>();
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let flag = RestrictedExpression::new_bool;
    let attributes = HashMap::from([
        ("requester".to_owned(), text(&dossier.transfer.requester.to_string())),
        ("approved_by".to_owned(), RestrictedExpression::new_set(voters)),
        ("direction".to_owned(), text(dossier.transfer.direction.word())),
        ("kind".to_owned(), text(dossier.kind.word())),
        ("malware".to_owned(), flag(found.malware)),
        ("other_bad".to_owned(), flag(found.other_bad)),
        ("error".to_owned(), flag(found.error)),
        ("not_inspected".to_owned(), flag(found.not_inspected)),
        ("integrity_ok".to_owned(), flag(found.integrity_ok)),
        ("phi".to_owned(), flag(found.phi)),
        ("is_code".to_owned(), flag(found.is_code)),
        ("signed".to_owned(), flag(found.signed)),
    ]);
    Entity::new(transfer.clone(), attributes, HashSet::new()).map_err(fault)
}

/// What people a recorded ruling asks for: how many, and of which groups; none if approvals cannot help. Read from the
/// fact alone, so that replay needs no policy.
pub fn approvals_wanted(rules: &[FiredRule]) -> Option<(u8, Vec<Group>)> {
    let terms = rules.iter().filter_map(|fired| fired.requirement).filter_map(|text| parse_requirement(text.as_str()));
    wanted_of(terms.flatten())
}

fn wanted_of(terms: impl Iterator<Item = Term>) -> Option<(u8, Vec<Group>)> {
    let mut people_max = 0;
    let mut wanted: Vec<Group> = Vec::new();
    for term in terms {
        if let Term::Approvals { people, groups } = term {
            people_max = people_max.max(people);
            wanted.extend(groups.iter().filter(|group| !wanted.contains(group)).copied().collect::<Vec<_>>());
        }
    }
    (people_max > 0).then_some((people_max, wanted))
}

#[cfg(test)]
mod tests;
