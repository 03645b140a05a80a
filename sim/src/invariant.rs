#![expect(clippy::wildcard_enum_match_arm, reason = "an invariant names the facts that it is about, and no others")]
//! What must hold after every step. Each invariant is a function of the state; its number is that of the table of faults
//! (I3 entry = state, I4 append-only, I10 legal order, I11 four eyes, I16 time, I18 isolation).
//!
//! They are told again from the entries alone, in other words than the code under test: an oracle that asked core whether
//! core was right would always hear yes. Only the stage graph is core's own, for there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lazaret_core::digest::Digest;
use lazaret_core::event::{Event, TransferInspected, TransferReleased};
use lazaret_core::id::{Actor, Id, Isolation, Party, Person, Request, Subject, Transfer};
use lazaret_core::inspection::{Inspector, SignatureState, Verdict};
use lazaret_core::register::{PersonSide, Role, Standing};
use lazaret_core::request::Group;
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Stage, next_stage};
use lazaret_ledger::entry::decode;
use lazaret_store::{Entry, View, replay};

use crate::Result;

/// What is looked at.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// The registers.
    pub view: View<'a>,
    /// Every entry as it was when it was written, in order.
    pub history: &'a [Entry],
    /// How many of them were there before this step.
    pub before: usize,
    /// The gate's clock at this step. It may lie before the last entry.
    pub at: Timestamp,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its number and name.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

/// Finds what is wrong; nothing, where all is well.
pub type Check = fn(&State<'_>) -> Result<Option<String>>;

/// Checked after each step; they look at the new entries.
pub const EACH_STEP: &[(&str, Check)] = &[
    ("I4 append-only", no_gaps),
    ("I10 legal order", legal_order),
    ("I10 evidence before release", evidence_before_release),
    ("I11 four eyes before release", four_eyes_before_release),
    ("I11 four eyes before lifting", four_eyes_before_lifting),
    ("I16 times never fall", times_never_fall),
    ("I18 isolation", isolation),
];

/// Checked now and then; they look at everything.
pub const NOW_AND_THEN: &[(&str, Check)] = &[("I3 entry = state", entry_is_state), ("I4 stored bytes", stored_bytes)];

/// The first of these that does not hold.
///
/// # Errors
/// A fault of the store.
pub fn first_broken(checks: &[(&'static str, Check)], state: &State<'_>) -> Result<Option<Broken>> {
    for (invariant, check) in checks {
        if let Some(found) = check(state)? {
            return Ok(Some(Broken { invariant, found }));
        }
    }
    Ok(None)
}

impl<'a> State<'a> {
    fn new_entries(&self) -> impl Iterator<Item = (usize, &'a Entry)> + use<'a> {
        self.history.iter().enumerate().skip(self.before)
    }

    /// The entries before a place that are about a subject, the latest first.
    fn earlier(&self, place: usize, subject: Id<Subject>) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let before = self.history.get(..place).unwrap_or_default();
        before.iter().rev().filter(move |entry| entry.subject == subject)
    }
}

/// Registers rebuilt from the stored bytes are the registers, digest for digest.
///
/// # Errors
/// A fault of the store, as for every check.
pub fn entry_is_state(state: &State<'_>) -> Result<Option<String>> {
    let (stand, rebuilt) = (replay::digests(&state.view)?, replay::rebuild(&state.view)?);
    let other = stand.iter().zip(&rebuilt).find(|(stands, again)| stands != again);
    Ok(other
        .map(|(stands, again)| format!("{} has {} rows, replay gives {}", stands.register, stands.rows, again.rows)))
}

/// Positions follow one another, and each subject's entries name their forerunner.
///
/// # Errors
/// As above.
pub fn no_gaps(state: &State<'_>) -> Result<Option<String>> {
    let size = state.view.head()?.map_or(0, |head| head.size);
    if usize::try_from(size).ok() != Some(state.history.len()) {
        return Ok(Some(format!("the head says {size}, {} entries were written", state.history.len())));
    }
    for (place, entry) in state.new_entries() {
        let Ok((envelope, _)) = decode(&entry.bytes) else { return Ok(Some(format!("entry {place} does not read"))) };
        let before = state.earlier(place, entry.subject).next();
        let count = state.earlier(place, entry.subject).count();
        let linked = envelope.prev == before.map(|before| (before.position.epoch, before.position.index))
            && usize::try_from(envelope.seq).ok() == Some(count);
        if !linked || usize::try_from(entry.position.index).ok() != Some(place) {
            return Ok(Some(format!(
                "entry {place} stands at {} and is number {count} of its subject",
                entry.position.index
            )));
        }
    }
    Ok(None)
}

/// What is stored is what was written, and hashes to its leaf.
///
/// # Errors
/// As above.
pub fn stored_bytes(state: &State<'_>) -> Result<Option<String>> {
    if let Some((epoch, index)) = replay::broken_leaves(&state.view)?.first() {
        return Ok(Some(format!("the leaf at {epoch}/{index} is not its entry's")));
    }
    if let Some((epoch, index)) = replay::misplaced_entries(&state.view)?.first() {
        return Ok(Some(format!("the entry at {epoch}/{index} does not belong there")));
    }
    let (mut place, mut other) = (0, None);
    state.view.each_entry(|entry| {
        if state.history.get(place) != Some(&entry) {
            other.get_or_insert(place);
        }
        place += 1;
        Ok(())
    })?;
    Ok(other.map(|place| format!("entry {place} changed after it was written")))
}

/// A transfer moves along the edges of the stage graph, and stands where its entries lead.
///
/// # Errors
/// As above.
pub fn legal_order(state: &State<'_>) -> Result<Option<String>> {
    let touched: BTreeSet<Id<Subject>> = state.new_entries().map(|(_, entry)| entry.subject).collect();
    for subject in touched {
        let mut about = state.history.iter().filter(|entry| entry.subject == subject).peekable();
        if !about.peek().is_some_and(|first| matches!(first.event, Event::TransferArrived(_))) {
            continue;
        }
        let mut stage: Option<Stage> = None;
        for entry in about {
            match next_stage(stage, &entry.event) {
                Ok(next) if stage != Some(next) && stage.is_some_and(Stage::is_final) => {
                    return Ok(Some(format!("{subject} left its final stage at {}", entry.position.index)));
                }
                Ok(next) => stage = Some(next),
                Err(_) => {
                    return Ok(Some(format!("{} from {stage:?} at {}", entry.event.kind(), entry.position.index)));
                }
            }
        }
        let stands = state.view.transfer(subject.cast())?.map(|view| view.stage);
        if stands != stage {
            return Ok(Some(format!("{subject} stands at {stands:?}, its entries lead to {stage:?}")));
        }
    }
    Ok(None)
}

/// Nothing is released but what inspectors saw wholly and found harmless, after a ruling that said so, for a party that was
/// in order.
///
/// # Errors
/// As above.
pub fn evidence_before_release(state: &State<'_>) -> Result<Option<String>> {
    for (place, released) in releases(state) {
        let Some(inspected) = last_inspection(state, place, released.transfer) else {
            return Ok(Some(format!("{} was released uninspected", released.transfer)));
        };
        let ruled = state.earlier(place, released.transfer.cast()).find_map(|entry| match &entry.event {
            Event::TransferRuled(ruled) => Some(ruled.policy == released.policy),
            _ => None,
        });
        let lane = state.view.transfer(released.transfer)?.map(|view| state.view.lane_of(&view)).transpose()?.flatten();
        let Some(lane) = lane else { return Ok(Some(format!("{} has no lane", released.transfer))) };
        let party = state.view.party_facts(&lane, state.at)?;
        let clean = |wanted: &Inspector| {
            let mut rows = inspected.verdicts.iter().filter(|row| row.inspector == *wanted).peekable();
            rows.peek().is_some() && rows.all(|row| matches!(row.verdict, Verdict::Clean | Verdict::Bad))
        };
        let malware =
            inspected.verdicts.iter().any(|row| (row.inspector, row.verdict) == (Inspector::Malware, Verdict::Bad));
        let people = inspected.phi != lazaret_core::inspection::PhiPresence::No;
        let wrong = [
            (ruled != Some(true), "without a ruling of this policy"),
            (inspected.content != released.content, "with other bytes than were inspected"),
            (malware, "with malware"),
            (!inspected.integrity_ok, "against its digest"),
            (!lane.terms.required_inspectors().iter().all(clean), "without every required answer"),
            (people && !party.phi_cover, "with patient data and no agreement that covers it"),
            (party.isolated || !party.vetting_current || !party.agreement_current, "for a party that is not in order"),
        ];
        if let Some((_, how)) = wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            return Ok(Some(format!("{} was released {how}", released.transfer)));
        }
    }
    Ok(None)
}

/// What two people must look at was looked at by two, who saw what is true now, may still vote and did not ask for it.
///
/// # Errors
/// As above.
pub fn four_eyes_before_release(state: &State<'_>) -> Result<Option<String>> {
    for (place, released) in releases(state) {
        let Some(inspected) = last_inspection(state, place, released.transfer) else { continue };
        let mut wanted = Vec::new();
        if inspected.is_code && inspected.signature != SignatureState::Registered {
            wanted.extend([Group::Biomed, Group::Security]);
        }
        if inspected.other_bad {
            wanted.push(Group::Security);
        }
        if wanted.is_empty() {
            continue;
        }
        let bound = state.earlier(place, released.transfer.cast()).find_map(|entry| match &entry.event {
            Event::TransferRuled(ruled) => Some(ruled.binding),
            _ => None,
        });
        let requester = state.view.transfer(released.transfer)?.map(|view| view.requester);
        let votes = votes(state, place, released.transfer.cast(), bound, released.request)?;
        if let Some(lack) = lacking(&votes, &wanted, requester) {
            return Ok(Some(format!("{} was released {lack}", released.transfer)));
        }
    }
    Ok(None)
}

/// An isolation is lifted by two people of security who did not ask for it.
///
/// # Errors
/// As above.
pub fn four_eyes_before_lifting(state: &State<'_>) -> Result<Option<String>> {
    for (place, entry) in state.new_entries() {
        let Event::IsolationLifted(lifted) = &entry.event else { continue };
        let opened = state.earlier(place, entry.subject).find_map(|earlier| match &earlier.event {
            Event::RequestOpened(opened) if opened.request == lifted.request => {
                Some((Id::<Actor>::from_bytes(earlier.actor), opened.binding))
            }
            _ => None,
        });
        let Some((requester, binding)) = opened else {
            return Ok(Some(format!("{} was lifted without a request", lifted.isolation)));
        };
        let votes = votes(state, place, entry.subject, Some(binding), Some(lifted.request))?;
        if let Some(lack) = lacking(&votes, &[Group::Security], Some(requester)) {
            return Ok(Some(format!("{} was lifted {lack}", lifted.isolation)));
        }
    }
    Ok(None)
}

/// No entry is older than the one before it, whatever the clock does.
///
/// # Errors
/// None of its own.
pub fn times_never_fall(state: &State<'_>) -> Result<Option<String>> {
    let from = state.before.saturating_sub(1);
    let pairs = state.history.get(from..).unwrap_or_default().windows(2);
    let fallen = pairs.filter_map(|pair| match pair {
        [before, after] if after.at < before.at => Some(after.position.index),
        _ => None,
    });
    Ok(fallen.min().map(|index| format!("entry {index} is older than the one before it")))
}

/// Nothing arrives from an isolated party, is released for it or begins to leave to it.
///
/// # Errors
/// A fault of the store.
pub fn isolation(state: &State<'_>) -> Result<Option<String>> {
    let mut open: BTreeMap<Id<Isolation>, Id<Party>> = BTreeMap::new();
    for (place, entry) in state.history.iter().enumerate() {
        let party = match &entry.event {
            Event::Isolated(fact) => open.insert(fact.isolation, fact.party).and(None),
            Event::IsolationLifted(fact) => open.remove(&fact.isolation).and(None),
            Event::TransferArrived(fact) => Some(fact.party),
            Event::TransferReleased(fact) => state.view.transfer(fact.transfer)?.map(|view| view.party),
            Event::DeliveryBegun(fact) => state.view.transfer(fact.transfer)?.map(|view| view.party),
            _ => None,
        };
        if place >= state.before && party.is_some_and(|party| open.values().any(|isolated| *isolated == party)) {
            return Ok(Some(format!("{} at {place} for an isolated party", entry.event.kind())));
        }
    }
    Ok(None)
}

fn releases<'a>(state: &State<'a>) -> impl Iterator<Item = (usize, &'a TransferReleased)> + use<'a> {
    state.new_entries().filter_map(|(place, entry)| match &entry.event {
        Event::TransferReleased(released) => Some((place, released)),
        _ => None,
    })
}

/// The inspection that speaks for a transfer: none after it was reopened.
fn last_inspection<'a>(state: &State<'a>, place: usize, transfer: Id<Transfer>) -> Option<&'a TransferInspected> {
    let last = state.earlier(place, transfer.cast()).find_map(|entry| match &entry.event {
        Event::TransferInspected(inspected) => Some(Some(inspected)),
        Event::TransferReopened(_) => Some(None),
        _ => None,
    });
    last.flatten()
}

/// The people who approved a request under this binding and may still vote, with the groups that they are in.
fn votes(
    state: &State<'_>,
    place: usize,
    subject: Id<Subject>,
    binding: Option<Digest>,
    request: Option<Id<Request>>,
) -> Result<BTreeMap<Id<Person>, Vec<Group>>> {
    let mut votes = BTreeMap::new();
    for entry in state.earlier(place, subject) {
        let Event::Approved(vote) = &entry.event else { continue };
        if Some(vote.binding) != binding || Some(vote.request) != request {
            continue;
        }
        let shown = state.view.credential(vote.credential)?.is_some_and(|shown| !shown.revoked);
        let known = state.view.person(vote.person, state.at)?.filter(|_| shown);
        let known = known.filter(|known| known.side == PersonSide::Hospital && known.standing == Standing::Current);
        let groups = known.map_or_else(Vec::new, |known| groups_of(&known.roles));
        if groups.contains(&vote.group) {
            votes.insert(vote.person, groups);
        }
    }
    Ok(votes)
}

fn groups_of(roles: &[Role]) -> Vec<Group> {
    let pairs = [
        (Role::Security, Group::Security),
        (Role::Biomed, Group::Biomed),
        (Role::Privacy, Group::Privacy),
        (Role::Admin, Group::Admin),
    ];
    pairs.into_iter().filter(|(role, _)| roles.contains(role)).map(|(_, group)| group).collect()
}

fn lacking(votes: &BTreeMap<Id<Person>, Vec<Group>>, wanted: &[Group], requester: Option<Id<Actor>>) -> Option<String> {
    let counted: Vec<&Vec<Group>> =
        votes.iter().filter(|(person, _)| Some(person.cast()) != requester).map(|(_, groups)| groups).collect();
    if counted.len() < 2 {
        return Some(format!("by {} pairs of eyes", counted.len()));
    }
    let mut each = wanted.to_vec();
    each.sort_unstable();
    each.dedup();
    let covered = cover(&each, &counted);
    (!covered)
        .then(|| format!("without one of {}", each.iter().map(|group| group.word()).collect::<Vec<_>>().join(", ")))
}

/// Whether each of these groups has a person of its own, by trying everybody.
fn cover(wanted: &[Group], people: &[&Vec<Group>]) -> bool {
    let Some((group, rest)) = wanted.split_first() else { return true };
    (0..people.len()).any(|place| {
        let mut others = people.to_vec();
        let person = others.remove(place);
        person.contains(group) && cover(rest, &others)
    })
}
