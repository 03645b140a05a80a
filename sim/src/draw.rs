//! Which act comes next: mostly one that makes sense where things stand, sometimes any at all.

use lazaret_core::arrival::Arrival;
use lazaret_core::digest::{Commitment, Digest};
use lazaret_core::id::{Id, Party, Transfer};
use lazaret_core::inspection::{ContentKind, Inspector, InspectorReport, PhiPresence, SignatureState, Verdict, Why};
use lazaret_core::party::Choice;
use lazaret_core::register::{AgreementKind, PartyKind, PartyState, Role, Standing, VettingOutcome};
use lazaret_core::transfer::{
    Channel, DeliveryFault, Direction, Findings, ReopenCause, Stage, TransferKind, WithholdCause,
};
use lazaret_store::View;

use crate::Result;
use crate::act::{Act, Actor};
use crate::random::Random;
use crate::world::{OBJECT_BYTES_MAX, World};

/// Rows looked at to find one that fits.
const ROWS_MAX: u32 = 50;

#[derive(Debug, Clone, Copy)]
enum Topic {
    Arrive,
    Advance,
    Disturb,
    Incident,
    Register,
}

/// The next act.
///
/// # Errors
/// A fault of the store.
pub(crate) fn draw(random: &mut Random, world: &World, view: &View<'_>) -> Result<Act> {
    let topics =
        [(22, Topic::Arrive), (55, Topic::Advance), (8, Topic::Disturb), (7, Topic::Incident), (8, Topic::Register)];
    Ok(match random.weighed(&topics, Topic::Arrive) {
        Topic::Arrive => arrive(random, world),
        Topic::Advance => match target(random, world, view)? {
            Some((transfer, stage)) => advance(random, world, transfer, stage),
            None => arrive(random, world),
        },
        Topic::Disturb => match random.pick(&world.transfers).copied() {
            Some(transfer) => disturb(random, world, transfer),
            None => arrive(random, world),
        },
        Topic::Incident => incident(random, world, view)?,
        Topic::Register => register(random, world),
    })
}

/// A transfer that is not at its end, with its stage.
fn target(random: &mut Random, world: &World, view: &View<'_>) -> Result<Option<(Id<Transfer>, Stage)>> {
    let stages = [
        (30, Stage::Quarantined),
        (20, Stage::Inspected),
        (25, Stage::Held),
        (5, Stage::NotChecked),
        (15, Stage::Cleared),
        (20, Stage::Released),
    ];
    let stage = random.weighed(&stages, Stage::Held);
    let there = view.in_stage(stage, ROWS_MAX)?;
    let chosen = random.pick(&there).map(|transfer| (*transfer, stage));
    Ok(chosen.or_else(|| random.pick(&world.transfers).map(|transfer| (*transfer, stage))))
}

/// What belongs to a stage.
fn advance(random: &mut Random, world: &World, transfer: Id<Transfer>, stage: Stage) -> Act {
    match stage {
        Stage::Quarantined => inspect(random, transfer),
        Stage::Inspected => Act::Rule { transfer, request: random.id() },
        Stage::Held | Stage::NotChecked if random.chance(60) => vote(random, world, transfer),
        Stage::Held | Stage::NotChecked if random.chance(30) => Act::Expire { transfer },
        Stage::Held | Stage::NotChecked => Act::Rule { transfer, request: random.id() },
        Stage::Cleared => Act::Release { transfer, delivery: random.id() },
        Stage::Released if random.chance(40) => Act::BeginDelivery { who: anyone(random, world), transfer },
        Stage::Released if random.chance(12) => {
            Act::Withhold { transfer, cause: *random.pick(WithholdCause::ALL).unwrap_or(&WithholdCause::Isolated) }
        }
        Stage::Released if random.chance(15) => {
            Act::AbortDelivery { transfer, fault: *random.pick(DeliveryFault::ALL).unwrap_or(&DeliveryFault::PeerLeft) }
        }
        Stage::Released | Stage::Delivered | Stage::Denied | Stage::Withdrawn | Stage::Expired | Stage::Superseded => {
            deliver(random, world, transfer)
        }
    }
}

/// Anything at all to any transfer, wherever it stands.
fn disturb(random: &mut Random, world: &World, transfer: Id<Transfer>) -> Act {
    match random.below(9) {
        0 => Act::Withhold { transfer, cause: *random.pick(WithholdCause::ALL).unwrap_or(&WithholdCause::Isolated) },
        1 | 2 => {
            let cause = *random.pick(ReopenCause::ALL).unwrap_or(&ReopenCause::Asked);
            Act::Reopen { who: anyone(random, world), transfer, cause }
        }
        3 => Act::Withdraw { who: anyone(random, world), transfer },
        4 => Act::Expire { transfer },
        5 => Act::Release { transfer, delivery: random.id() },
        6 => inspect(random, transfer),
        7 => Act::Rule { transfer, request: random.id() },
        _ => deliver(random, world, transfer),
    }
}

fn arrive(random: &mut Random, world: &World) -> Act {
    let lanes: Vec<(Id<Party>, String, Direction)> = world
        .partners
        .iter()
        .flat_map(|known| known.lanes.iter().map(|lane| (known.party, lane.name.to_string(), lane.direction)))
        .collect();
    let known = random.pick(&lanes).cloned();
    let (party, lane, direction) = known.unwrap_or((random.id(), "nowhere".to_owned(), Direction::In));
    let who = match direction {
        _ if random.chance(10) => anyone(random, world),
        Direction::In => Actor::Machine(party),
        Direction::Out => person(random, world),
    };
    let size_bytes = if random.chance(3) { OBJECT_BYTES_MAX + random.below(2) } else { random.below(OBJECT_BYTES_MAX) };
    // Few marks, so that repeats with the same bytes and with others both happen.
    let mark = Commitment::from_bytes([u8::try_from(random.below(6)).unwrap_or(0); 32]);
    let arrival = Arrival {
        transfer: random.id(),
        object: random.id(),
        channel: *random.pick(Channel::ALL).unwrap_or(&Channel::Https),
        kind: *random.pick(TransferKind::ALL).unwrap_or(&TransferKind::File),
        content: Commitment::from_bytes(random.bytes()),
        manifest: Commitment::from_bytes(random.bytes()),
        size_bytes,
        key_is_exact: random.chance(20),
        mark,
    };
    Act::Arrive { who, lane, name: u8::try_from(random.below(40)).unwrap_or(0), arrival }
}

/// An answer of the station.
fn inspect(random: &mut Random, transfer: Id<Transfer>) -> Act {
    let verdicts = [(94, Verdict::Clean), (2, Verdict::NotInspected), (2, Verdict::Error), (2, Verdict::Bad)];
    let report = |inspector: Inspector, verdict: Verdict| InspectorReport {
        inspector,
        verdict,
        why: matches!(verdict, Verdict::NotInspected | Verdict::Error).then_some(Why::Encrypted),
        bytes_seen: 1,
        bytes_total: 1,
        members_seen: 1,
        members_total: 1,
    };
    // Now and then one inspector gives no answer at all.
    let silent = if random.chance(4) { random.pick(Inspector::ALL).copied() } else { None };
    let answering = Inspector::ALL.iter().filter(|inspector| Some(**inspector) != silent);
    let reports = answering.map(|inspector| report(*inspector, random.weighed(&verdicts, Verdict::Clean))).collect();
    let phi = [(70, PhiPresence::No), (20, PhiPresence::Yes), (10, PhiPresence::Unknown)];
    Act::Inspect {
        transfer,
        of_another: random.chance(3),
        findings: Findings {
            content: Commitment::from_bytes(random.bytes()),
            evidence: Digest::from_bytes(random.bytes()),
            reports,
            content_kind: *random.pick(ContentKind::ALL).unwrap_or(&ContentKind::Text),
            phi: random.weighed(&phi, PhiPresence::Unknown),
            is_code: random.chance(40),
            signature: *random.pick(SignatureState::ALL).unwrap_or(&SignatureState::Unsigned),
            other_bad: random.chance(10),
            integrity_ok: random.chance(97),
            rules: Digest::of(b"rules"),
        },
    }
}

fn vote(random: &mut Random, world: &World, transfer: Id<Transfer>) -> Act {
    let seen = random.chance(7).then(|| Digest::from_bytes(random.bytes()));
    let choice = if random.chance(95) { Choice::Approve } else { Choice::Reject };
    Act::Vote { who: person(random, world), transfer, seen, choice }
}

fn deliver(random: &mut Random, world: &World, transfer: Id<Transfer>) -> Act {
    let content = random.chance(10).then(|| Commitment::from_bytes(random.bytes()));
    Act::Deliver { who: anyone(random, world), transfer, content }
}

fn incident(random: &mut Random, world: &World, view: &View<'_>) -> Result<Act> {
    let isolated: Vec<Id<Party>> =
        view.parties(ROWS_MAX)?.into_iter().filter(|party| party.isolated).map(|party| party.party).collect();
    let any = a_party(random, world);
    let party = random.pick(&isolated).copied().unwrap_or(any);
    let choice = if random.chance(93) { Choice::Approve } else { Choice::Reject };
    let asked = match view.open_isolation(party)? {
        Some(isolation) => view.open_request(isolation.cast())?.is_some(),
        None => false,
    };
    let who = person(random, world);
    Ok(match random.below(20) {
        0..=9 if isolated.is_empty() => Act::Isolate { who, party: any, isolation: random.id() },
        0 => Act::Isolate { who, party: any, isolation: random.id() },
        1..=3 => Act::AskToLift { who, party, request: random.id() },
        4..=9 if !asked => Act::AskToLift { who, party, request: random.id() },
        4..=9 => Act::Lift { party },
        _ => Act::VoteToLift { who: guard(random, world), party, choice },
    })
}

fn register(random: &mut Random, world: &World) -> Act {
    let party = a_party(random, world);
    let person = random.pick(&world.people).copied().unwrap_or(random.id());
    let role = *random.pick(Role::ALL).unwrap_or(&Role::Auditor);
    let days = random.below(120);
    match random.below(16) {
        0 | 1 => {
            let states = [(70, PartyState::Active), (15, PartyState::Suspended), (15, PartyState::Vetting)];
            let kind = *random.pick(PartyKind::ALL).unwrap_or(&PartyKind::Agency);
            Act::Standing { party, kind, state: random.weighed(&states, PartyState::Active) }
        }
        2 | 3 => {
            let outcome = if random.chance(80) { VettingOutcome::Passed } else { VettingOutcome::Adverse };
            Act::Vet { party, vetting: random.id(), outcome, days }
        }
        4 | 5 => {
            let kind = *random.pick(AgreementKind::ALL).unwrap_or(&AgreementKind::Nda);
            Act::Agree { who: anyone(random, world), party, agreement: random.id(), kind, days }
        }
        6 | 7 => Act::Renew { party, days, lanes: random.chance(85) },
        8..=10 => Act::Grant { person, role, days },
        11 => Act::End { person, role },
        12 => Act::Person { person, standing: Standing::Past },
        13 => Act::Person { person, standing: Standing::Current },
        14 => Act::Register { party, credential: random.id() },
        _ => {
            let credential = random.pick(&world.keys).copied().unwrap_or(random.id());
            Act::Revoke { who: self::person(random, world), credential }
        }
    }
}

fn a_party(random: &mut Random, world: &World) -> Id<Party> {
    random.pick(&world.partners).map_or(random.id(), |partner| partner.party)
}

/// A person, most often one of those who may decide something.
fn person(random: &mut Random, world: &World) -> Actor {
    let ages = [(85, 0), (5, 300), (5, 301), (5, 4_000)];
    let stepup_age_s = random.weighed(&ages, 0);
    let deciders = world.people.get(..6).unwrap_or_default();
    let among = if random.chance(75) { deciders } else { world.people.as_slice() };
    random.pick(among).map_or(Actor::Gate, |person| Actor::Person(*person, stepup_age_s))
}

/// Somebody of security, most often.
fn guard(random: &mut Random, world: &World) -> Actor {
    let guards = world.people.get(..3).unwrap_or_default();
    let known = if random.chance(80) { random.pick(guards) } else { None };
    known.map_or_else(|| person(random, world), |guard| Actor::Person(*guard, 0))
}

fn anyone(random: &mut Random, world: &World) -> Actor {
    if random.chance(50) { person(random, world) } else { Actor::Machine(a_party(random, world)) }
}
