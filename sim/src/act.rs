#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each function decides some acts and passes the rest on; the last refuses"
)]
//! What can be done to a gate. Each act reads, decides by core and records, as the gate's own `crossing.rs` and consoles do;
//! it is refused as theirs would be. An act is a value: it says all that was drawn.

use lazaret_core::arrival::{self, Arrival};
use lazaret_core::caller::Caller;
use lazaret_core::credential::{self, Ending};
use lazaret_core::digest::{Commitment, Digest};
use lazaret_core::event::{
    AgreementRecorded, CredentialAdded, Event, PartyRecorded, PersonRecorded, RoleEnded, RoleGranted, VettingConcluded,
};
use lazaret_core::id::{Agreement, Credential, Id, Isolation, Party, Person, Transfer, Vetting};
use lazaret_core::party::{self, Choice};
use lazaret_core::refusal::Refusal;
use lazaret_core::register::{
    AgreementKind, AgreementTerms, CredentialKind, PartyKind, PartyState, Role, Standing, VettingOutcome,
};
use lazaret_core::request::{Act as Asked, RequestState, Voter};
use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_core::transfer::{self, Channel, DeliveryFault, Findings, ReopenCause, TransferView, WithholdCause};
use lazaret_store::side::ManifestRow;
use lazaret_store::{Tx, View};

use crate::Result;
use crate::world::{World, machine_of};

/// A name is the natural key for ten minutes, a key that the sender made for a day (`crossing.rs`).
const NAME_WINDOW_MS: u64 = 10 * 60 * 1_000;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The gate by itself.
    Gate,
    /// A party's machine.
    Machine(Id<Party>),
    /// A person, who showed a factor so many seconds ago.
    Person(Id<Person>, u64),
}

/// One act. What it needs of chance is in it.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Somebody sends an object on a lane.
    Arrive { who: Actor, lane: String, name: u8, arrival: Arrival },
    /// The station answers, about this object or about another.
    Inspect { transfer: Id<Transfer>, findings: Findings, of_another: bool },
    /// Policy decides.
    Rule { transfer: Id<Transfer>, request: Id<lazaret_core::id::Request> },
    /// A person votes on a transfer, on what they see or on something else.
    Vote { who: Actor, transfer: Id<Transfer>, seen: Option<Digest>, choice: Choice },
    /// A cleared transfer is released.
    Release { transfer: Id<Transfer>, delivery: Id<lazaret_core::id::Delivery> },
    /// A released one is taken back.
    Withhold { transfer: Id<Transfer>, cause: WithholdCause },
    /// Inspection starts again.
    Reopen { who: Actor, transfer: Id<Transfer>, cause: ReopenCause },
    /// Somebody takes it back.
    Withdraw { who: Actor, transfer: Id<Transfer> },
    /// The hold is over.
    Expire { transfer: Id<Transfer> },
    /// A recipient asks for the bytes.
    BeginDelivery { who: Actor, transfer: Id<Transfer> },
    /// The recipient has these bytes.
    Deliver { who: Actor, transfer: Id<Transfer>, content: Option<Commitment> },
    /// The recipient left.
    AbortDelivery { transfer: Id<Transfer>, fault: DeliveryFault },
    /// A party is cut off.
    Isolate { who: Actor, party: Id<Party>, isolation: Id<Isolation> },
    /// Somebody asks two others to lift it.
    AskToLift { who: Actor, party: Id<Party>, request: Id<lazaret_core::id::Request> },
    /// A person votes on that.
    VoteToLift { who: Actor, party: Id<Party>, choice: Choice },
    /// The gate looks whether two have.
    Lift { party: Id<Party> },
    /// A party's standing changes.
    Standing { party: Id<Party>, kind: PartyKind, state: PartyState },
    /// A vetting is concluded.
    Vet { party: Id<Party>, vetting: Id<Vetting>, outcome: VettingOutcome, days: u64 },
    /// A privacy officer, or somebody else, records an agreement.
    Agree { who: Actor, party: Id<Party>, agreement: Id<Agreement>, kind: AgreementKind, days: u64 },
    /// The contract is recorded anew, with its lanes or without them, for so many days.
    Renew { party: Id<Party>, days: u64, lanes: bool },
    /// A role is given for so many days, 0 for good.
    Grant { person: Id<Person>, role: Role, days: u64 },
    /// A role ends.
    End { person: Id<Person>, role: Role },
    /// A person leaves, or is back.
    Person { person: Id<Person>, standing: Standing },
    /// A signing key is registered.
    Register { party: Id<Party>, credential: Id<Credential> },
    /// Somebody revokes a credential.
    Revoke { who: Actor, credential: Id<Credential> },
}

impl Act {
    /// Does it, or is refused.
    ///
    /// # Errors
    /// The refusal, or a fault of the store; nothing is written then.
    pub(crate) fn perform(&self, tx: &Tx<'_>, world: &World) -> Result<()> {
        if let Act::Arrive { who, lane, name, arrival } = self {
            return arrive(tx, world, *who, lane, *name, arrival);
        }
        let at = tx.at();
        let caller = caller(world, &tx.view(), self.actor(), at)?;
        let _recorded = tx.record(&caller, |view| self.decide(view, world, &caller, at))?;
        Ok(())
    }

    fn actor(&self) -> Actor {
        match self {
            Act::Arrive { who, .. }
            | Act::Vote { who, .. }
            | Act::Reopen { who, .. }
            | Act::Withdraw { who, .. }
            | Act::BeginDelivery { who, .. }
            | Act::Deliver { who, .. }
            | Act::Isolate { who, .. }
            | Act::AskToLift { who, .. }
            | Act::VoteToLift { who, .. }
            | Act::Agree { who, .. }
            | Act::Revoke { who, .. } => *who,
            _ => Actor::Gate,
        }
    }

    fn decide(&self, view: &View<'_>, world: &World, caller: &Caller, at: Timestamp) -> Result<Event> {
        match self {
            Act::Isolate { party, isolation, .. } => {
                Ok(party::isolate(caller, *party, view.open_isolation(*party)?, *isolation)?)
            }
            Act::AskToLift { party, request, .. } => ask_to_lift(view, caller, *party, *request, at),
            Act::VoteToLift { party, choice, .. } => vote_to_lift(view, caller, *party, *choice, at),
            Act::Lift { party } => lift(view, *party, at),
            Act::Agree { party, agreement, kind, days, .. } => {
                let engagement = view.engagement_of(*party)?.ok_or(Refusal::NotFound)?;
                Ok(party::agree(caller, engagement, *agreement, *kind, u32::try_from(*days).unwrap_or(u32::MAX), at)?)
            }
            Act::Revoke { credential, .. } => {
                let known = view.credential(*credential)?.ok_or(Refusal::NotFound)?;
                let owner = known.person.map(Id::cast).or(known.party.map(Id::cast)).ok_or(Refusal::NotFound)?;
                let (credential, is_revoked) = (*credential, known.revoked);
                let administrators = view.administrators_without(credential, at)?;
                Ok(credential::revoke(caller, Ending { credential, owner, is_revoked }, &administrators)?)
            }
            Act::Standing { party, kind, state } => {
                Ok(PartyRecorded { party: *party, kind: *kind, state: *state }.into())
            }
            Act::Vet { party, vetting, outcome, days } => {
                let valid_until = at.plus_millis(days * DAY_MS);
                Ok(VettingConcluded { vetting: *vetting, party: *party, outcome: *outcome, valid_until }.into())
            }
            Act::Renew { party, days, lanes } => renew(world, *party, terms(at, *days), *lanes),
            Act::Grant { person, role, days } => {
                let until = (*days > 0).then(|| at.plus_millis(days * DAY_MS));
                Ok(RoleGranted { person: *person, role: *role, until, request: None }.into())
            }
            Act::End { person, role } => Ok(RoleEnded { person: *person, role: *role }.into()),
            Act::Person { person, standing } => {
                let known = view.person(*person, at)?.ok_or(Refusal::NotFound)?;
                let fact =
                    PersonRecorded { person: *person, side: known.side, party: known.party, standing: *standing };
                Ok(fact.into())
            }
            Act::Register { party, credential } => Ok(CredentialAdded {
                credential: *credential,
                kind: CredentialKind::SigningKey,
                person: None,
                party: Some(*party),
                valid_from: at,
                valid_until: None,
                asked_by: None,
                invited_by: None,
            }
            .into()),
            _ => self.decide_on_transfer(view, world, caller, at),
        }
    }

    fn decide_on_transfer(&self, view: &View<'_>, world: &World, caller: &Caller, at: Timestamp) -> Result<Event> {
        Ok(match self {
            Act::Inspect { transfer, findings, of_another } => {
                let now = found(view, *transfer)?;
                let content = if *of_another { findings.content } else { now.content };
                transfer::inspect(&now, &Findings { content, ..findings.clone() })?
            }
            Act::Rule { transfer, request } => {
                let dossier = view.dossier(*transfer, at)?;
                transfer::rule(&dossier, &world.policy.decide(&dossier), *request)?
            }
            Act::Vote { transfer, seen, choice, .. } => vote(view, world, caller, (*transfer, *seen, *choice), at)?,
            Act::Release { transfer, delivery } => {
                let dossier = view.dossier(*transfer, at)?;
                transfer::release(&dossier, &world.policy.decide(&dossier), *delivery, at)?
            }
            Act::Withhold { transfer, cause } => transfer::withhold(&found(view, *transfer)?, *cause)?,
            Act::Reopen { transfer, cause, .. } => transfer::reopen(&found(view, *transfer)?, caller, *cause)?,
            Act::Withdraw { transfer, .. } => transfer::withdraw(&found(view, *transfer)?, caller)?,
            Act::Expire { transfer } => transfer::expire(&found(view, *transfer)?, at)?,
            Act::BeginDelivery { transfer, .. } => {
                let dossier = view.dossier(*transfer, at)?;
                let delivery = dossier.transfer.delivery.ok_or(Refusal::WrongState)?;
                let attempt = view.delivery(delivery)?.map_or(0, |known| known.attempts).saturating_add(1);
                let decision = world.policy.decide(&dossier);
                transfer::begin_delivery(&dossier, &decision, caller, (attempt, Channel::Https), at)?.into()
            }
            Act::Deliver { transfer, content, .. } => {
                let now = found(view, *transfer)?;
                transfer::deliver(&now, caller, content.unwrap_or(now.content))?
            }
            Act::AbortDelivery { transfer, fault } => {
                let now = found(view, *transfer)?;
                let attempts = now.delivery.map(|delivery| view.delivery(delivery)).transpose()?.flatten();
                transfer::abort_delivery(&now, attempts.map_or(0, |known| known.attempts), *fault)?
            }
            _ => return Err(Refusal::NotFound.into()),
        })
    }
}

/// The caller behind an act, as the registers know them now.
fn caller(world: &World, view: &View<'_>, who: Actor, at: Timestamp) -> Result<Caller> {
    match who {
        Actor::Gate => Ok(world.gate.clone()),
        Actor::Machine(party) => Ok(machine_of(party)),
        Actor::Person(person, stepup_age_s) => world.person(view, person, stepup_age_s, at),
    }
}

fn found(view: &View<'_>, transfer: Id<Transfer>) -> Result<TransferView> {
    Ok(view.transfer(transfer)?.ok_or(Refusal::NotFound)?)
}

fn terms(at: Timestamp, days: u64) -> AgreementTerms {
    AgreementTerms { effective: at, expires: Some(at.plus_millis(days * DAY_MS)) }
}

fn arrive(tx: &Tx<'_>, world: &World, who: Actor, lane: &str, name: u8, arrival: &Arrival) -> Result<()> {
    let at = tx.at();
    let caller = caller(world, &tx.view(), who, at)?;
    let name_key = *Digest::of_parts([lane.as_bytes(), &[name]]).as_bytes();
    let natural = *Digest::of_parts([name_key.as_slice(), &[u8::from(arrival.key_is_exact)]]).as_bytes();
    let recorded = tx.record(&caller, |view| {
        let landing = view.landing(lane, &natural, &name_key, at)?;
        Ok(arrival::arrive(&caller, &landing, arrival)?)
    })?;
    let lane = tx.view().lane_by_name(lane)?.ok_or(Refusal::NotFound)?;
    let row = ManifestRow {
        transfer: arrival.transfer,
        party: lane.party,
        lane: lane.terms.lane,
        name_key,
        sealed: vec![name],
    };
    tx.side().put_manifest(&row, recorded.entry().at)?;
    tx.side().put_natural_key(&natural, arrival.transfer, arrival.mark, at.plus_millis(NAME_WINDOW_MS))
}

fn voter(view: &View<'_>, caller: &Caller, at: Timestamp) -> Result<Voter> {
    let person = caller.person().ok_or(Refusal::NotInRole)?;
    let known = view.person(person, at)?.ok_or(Refusal::NotInRole)?;
    let stepup_age_s = caller.stepup_age_s();
    Ok(Voter { person, side: known.side, standing: known.standing, roles: known.roles, stepup_age_s })
}

type Ballot = (Id<Transfer>, Option<Digest>, Choice);

fn vote(view: &View<'_>, world: &World, caller: &Caller, ballot: Ballot, at: Timestamp) -> Result<Event> {
    let (transfer, seen, choice) = ballot;
    let voter = voter(view, caller, at)?;
    let dossier = view.dossier(transfer, at)?;
    let seen = seen.unwrap_or_else(|| world.policy.decide(&dossier).binding);
    let ballot = transfer::Ballot { seen, choice, reason: None };
    Ok(transfer::vote(&dossier, world.policy, caller, &voter, ballot, at)?)
}

fn ask_to_lift(
    view: &View<'_>,
    caller: &Caller,
    party: Id<Party>,
    request: Id<lazaret_core::id::Request>,
    at: Timestamp,
) -> Result<Event> {
    let isolation = view.open_isolation(party)?.ok_or(Refusal::Unchanged)?;
    if view.awaits_votes(isolation.cast(), at)? {
        return Err(Refusal::Unchanged.into());
    }
    Ok(party::ask_to_lift(caller, isolation, request, &view.members(at)?, at)?)
}

fn vote_to_lift(view: &View<'_>, caller: &Caller, party: Id<Party>, choice: Choice, at: Timestamp) -> Result<Event> {
    let isolation = view.open_isolation(party)?.ok_or(Refusal::NotFound)?;
    let request = view.open_request(isolation.cast())?.ok_or(Refusal::NotFound)?;
    let open = view.request(request, at)?.ok_or(Refusal::NotFound)?;
    if choice == Choice::Reject && open.requester == caller.actor() {
        return Ok(party::take_back(&open, caller, None, at)?);
    }
    let group = open.may_vote(&voter(view, caller, at)?, open.binding, at)?;
    Ok(party::vote(&open, caller, group, open.binding, None, choice)?)
}

fn lift(view: &View<'_>, party: Id<Party>, at: Timestamp) -> Result<Event> {
    let isolation = view.open_isolation(party)?.ok_or(Refusal::NotFound)?;
    let request = view.open_request(isolation.cast())?.ok_or(Refusal::NotFound)?;
    let open = view.request(request, at)?.ok_or(Refusal::NotFound)?;
    let granted = (open.act == Asked::LiftIsolation && open.state == RequestState::Open).then(|| open.four_eyes());
    Ok(party::lift(isolation, &granted.flatten().ok_or(Refusal::Unchanged)?))
}

fn renew(world: &World, party: Id<Party>, terms: AgreementTerms, lanes: bool) -> Result<Event> {
    let partner = world.partners.iter().find(|partner| partner.party == party).ok_or(Refusal::NotFound)?;
    let lanes = if lanes { partner.lanes.clone() } else { Vec::new() };
    let (agreement, engagement) = (partner.contract, partner.engagement);
    Ok(AgreementRecorded { agreement, engagement, kind: AgreementKind::Contract, terms, lanes }.into())
}
