//! Who is there: the hospital's people, parties of several kinds with their own people, agreements and lanes.

use lazaret_core::caller::{Caller, Who};
use lazaret_core::code::Code;
use lazaret_core::digest::Digest;
use lazaret_core::event::{
    AgreementRecorded, CredentialAdded, EngagementRecorded, EpochOpened, EpochReason, Event, KekEpochOpened,
    PartyRecorded, PersonRecorded, PolicyActivated, PreviousCheckpoint, RelianceRecorded, RoleGranted, RuleSet,
    VettingConcluded,
};
use lazaret_core::id::{Agreement, Credential, Engagement, Id, Party, Person, Transfer};
use lazaret_core::inspection::Inspector;
use lazaret_core::policy::Bundle;
use lazaret_core::refusal::Refusal;
use lazaret_core::register::{
    AgreementKind, AgreementTerms, CredentialKind, LaneTerms, PartyKind, PartyState, PersonSide, Role, Standing,
    VettingOutcome,
};
use lazaret_core::request::Means;
use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_core::transfer::{Direction, TransferKind};
use lazaret_store::{Tx, View};

use crate::Result;
use crate::random::Random;

/// When every history begins: 1 January 2026.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Largest object that a lane takes, in bytes.
pub(crate) const OBJECT_BYTES_MAX: u64 = 1 << 30;

const PEOPLE: &[&[Role]] = &[
    &[Role::Admin, Role::Security],
    &[Role::Security],
    &[Role::Security, Role::Biomed],
    &[Role::Biomed],
    &[Role::Biomed, Role::Privacy],
    &[Role::Privacy],
    &[Role::Receiver],
    &[Role::Clinician],
    &[],
];
const PARTIES: u8 = 4;

/// A party with everything that hangs on it.
#[derive(Debug, Clone)]
pub(crate) struct Partner {
    /// The party.
    pub(crate) party: Id<Party>,
    /// What it does here.
    pub(crate) engagement: Id<Engagement>,
    /// The agreement under which its lanes stand.
    pub(crate) contract: Id<Agreement>,
    /// Its lanes, as first agreed.
    pub(crate) lanes: Vec<LaneTerms>,
    /// Its own person.
    pub(crate) person: Id<Person>,
}

/// Everything that acts draw from. What is true of it stands in the registers, not here.
#[derive(Debug)]
pub(crate) struct World {
    /// The gate as an actor.
    pub(crate) gate: Caller,
    /// The policy set in force.
    pub(crate) policy: &'static Bundle,
    /// The hospital's people, then the parties' own.
    pub(crate) people: Vec<Id<Person>>,
    /// The parties.
    pub(crate) partners: Vec<Partner>,
    /// Transfers that arrived.
    pub(crate) transfers: Vec<Id<Transfer>>,
    /// Signing keys that were registered.
    pub(crate) keys: Vec<Id<Credential>>,
}

impl World {
    /// Draws a world; nothing is recorded yet.
    pub(crate) fn draw(random: &mut Random, policy: &'static Bundle) -> World {
        let gate = Caller::assertion(Who::Gate { gate: random.id() }, None, Means::Token, 0);
        let mut people: Vec<Id<Person>> = PEOPLE.iter().map(|_| random.id()).collect();
        let staff = people.clone();
        let partners: Vec<Partner> = (0..PARTIES).map(|number| partner(random, number, &staff)).collect();
        people.extend(partners.iter().map(|partner| partner.person));
        // These two may lose their passkeys; the others go on.
        let keys = people.iter().skip(1).take(2).map(|person| credential_of(*person)).collect();
        World { gate, policy, people, partners, transfers: Vec::new(), keys }
    }

    /// The facts that a new gate begins with.
    pub(crate) fn first_facts(&self, random: &mut Random) -> Vec<Event> {
        let gate = match self.gate.who() {
            Who::Gate { gate } => *gate,
            Who::Person { .. } | Who::Party { .. } => random.id(),
        };
        let previous = PreviousCheckpoint(None);
        let mut facts: Vec<Event> = vec![
            EpochOpened { epoch: 1, gate, previous, reason: EpochReason::Created }.into(),
            KekEpochOpened { purpose: 1, epoch: 1 }.into(),
            PolicyActivated { set: RuleSet::Policy, digest: self.policy.digest(), request: None }.into(),
            PolicyActivated { set: RuleSet::Inspection, digest: Digest::of(b"rules"), request: None }.into(),
        ];
        for (person, roles) in self.people.iter().zip(PEOPLE) {
            let standing = Standing::Current;
            facts.push(PersonRecorded { person: *person, side: PersonSide::Hospital, party: None, standing }.into());
            facts.push(passkey_of(*person).into());
            let granted = |role: &Role| RoleGranted { person: *person, role: *role, until: None, request: None }.into();
            facts.extend(roles.iter().map(granted));
        }
        for (number, partner) in self.partners.iter().enumerate() {
            facts.extend(partner_facts(partner, number, random));
        }
        let engagements: Vec<_> = self.partners.iter().map(|partner| partner.engagement).collect();
        for pair in engagements.windows(2) {
            if let [from, to] = *pair {
                facts.push(RelianceRecorded { from, to, share_permille: 300 }.into());
            }
        }
        facts
    }

    /// A person as whom the gate would admit them now; somebody past is nobody, and so is who comes with a revoked passkey.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) fn person(
        &self,
        view: &View<'_>,
        person: Id<Person>,
        stepup_age_s: u64,
        at: Timestamp,
    ) -> Result<Caller> {
        let known = view.person(person, at)?.filter(|known| known.standing == Standing::Current);
        let known = known.ok_or(Refusal::NotFound)?;
        if view.credential(credential_of(person))?.is_none_or(|passkey| passkey.revoked) {
            return Err(Refusal::NotFound.into());
        }
        let who = Who::Person { person, party: known.party, roles: known.roles };
        Ok(Caller::assertion(who, Some(credential_of(person)), Means::Passkey, stepup_age_s))
    }
}

/// A party's machine.
pub(crate) fn machine_of(party: Id<Party>) -> Caller {
    Caller::assertion(Who::Party { party }, Some(party.cast()), Means::Token, 0)
}

/// Everybody has one credential; it bears its owner's number.
fn credential_of(person: Id<Person>) -> Id<Credential> {
    person.cast()
}

fn passkey_of(person: Id<Person>) -> CredentialAdded {
    let (credential, kind, valid_from) = (credential_of(person), CredentialKind::Passkey, BEGINNING);
    CredentialAdded {
        credential,
        kind,
        person: Some(person),
        party: None,
        valid_from,
        valid_until: None,
        asked_by: None,
        invited_by: None,
    }
}

/// Records what a gate begins with.
///
/// # Errors
/// A fault of the store.
pub(crate) fn found(tx: &Tx<'_>, gate: &Caller, facts: &[Event]) -> Result<()> {
    for fact in facts {
        let _recorded = tx.record(gate, |_| Ok(fact.clone()))?;
    }
    Ok(())
}

fn partner(random: &mut Random, number: u8, staff: &[Id<Person>]) -> Partner {
    let mut lanes = Vec::new();
    for (direction, word) in [(Direction::In, "in"), (Direction::Out, "out")] {
        let inspectors =
            if number.is_multiple_of(2) { vec![Inspector::Phi, Inspector::Signature] } else { vec![Inspector::Phi] };
        let kinds = if number == 3 { vec![TransferKind::File, TransferKind::Message] } else { Vec::new() };
        // A made-up name is a code: lower-case letters, a digit, a hyphen.
        let name = Code::new(&format!("p{number}-{word}"));
        lanes.extend(name.map(|name| LaneTerms {
            lane: random.id(),
            name,
            direction,
            kinds,
            inspectors,
            recipients: staff.to_vec(),
            object_bytes_max: OBJECT_BYTES_MAX,
            open: true,
        }));
    }
    Partner { party: random.id(), engagement: random.id(), contract: random.id(), lanes, person: random.id() }
}

fn partner_facts(partner: &Partner, number: usize, random: &mut Random) -> Vec<Event> {
    let Partner { party, engagement, contract, lanes, person } = partner.clone();
    let kind = *random.pick(PartyKind::ALL).unwrap_or(&PartyKind::Contractor);
    let terms = AgreementTerms { effective: BEGINNING, expires: Some(BEGINNING.plus_millis(200 * DAY_MS)) };
    let valid_until = BEGINNING.plus_millis(100 * DAY_MS);
    let standing = Standing::Current;
    let mut facts: Vec<Event> = vec![
        PartyRecorded { party, kind, state: PartyState::Active }.into(),
        EngagementRecorded { engagement, party, ends: None }.into(),
        VettingConcluded { vetting: random.id(), party, outcome: VettingOutcome::Passed, valid_until }.into(),
        AgreementRecorded { agreement: contract, engagement, kind: AgreementKind::Contract, terms, lanes }.into(),
        PersonRecorded { person, side: PersonSide::Party, party: Some(party), standing }.into(),
        passkey_of(person).into(),
        RoleGranted { person, role: Role::Sender, until: None, request: None }.into(),
    ];
    if number.is_multiple_of(2) {
        let lanes = Vec::new();
        facts.push(
            AgreementRecorded { agreement: random.id(), engagement, kind: AgreementKind::Baa, terms, lanes }.into(),
        );
    }
    facts
}
