//! Other rules: what they would change, who asks for them, and when they come into force. Nothing here decides, core decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use lazaret_core::caller::Caller;
use lazaret_core::decision::Outcome;
use lazaret_core::digest::Digest;
use lazaret_core::event::RuleSet;
use lazaret_core::id::{Id, Request, Transfer};
use lazaret_core::policy::Bundle;
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::request::{Act, RequestState};
use lazaret_core::rules::{self, RULES};
use lazaret_store::view::{Filter, Page};
use lazaret_store::{Side, View};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::auth::caller::Audience;
use crate::clock::new_id;
use crate::error::{Error, Fault, Result};
use crate::gate::Gate;

/// A set of rules, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The newest transfers on which a candidate is tried.
const TRANSFERS_MAX: usize = 10_000;
/// Transfers read at a time.
const ROWS: u32 = 500;
/// Changes that are named; the rest is counted.
const NAMED_MAX: usize = 1_000;

/// Simulations at a time: each decides thousands of dossiers twice.
static SIMULATIONS: Semaphore = Semaphore::const_new(1);

/// A candidate that may be asked for: it parses, validates, and the hard rules stand in it. Reading one takes long enough
/// that no request waits for it on the threads that all requests share.
///
/// # Errors
/// What is wrong with it, in words.
async fn candidate(text: String) -> Result<Bundle> {
    spawn_blocking(move || read_candidate(&text)).await.map_err(Error::internal)?
}

fn read_candidate(text: &str) -> Result<Bundle> {
    let bad = |why: String| Error::malformed(PartyCode::BadRequest, why);
    if text.len() > TEXT_BYTES_MAX {
        return Err(bad(format!("a set of rules has at most {TEXT_BYTES_MAX} bytes")));
    }
    Bundle::parse(text).map_err(|error| bad(error.to_string()))
}

/// What another set would decide otherwise, with the digest that names it.
///
/// # Errors
/// Who may not ask; what is wrong with the set; a simulation that is under way; a fault of the store.
pub(crate) async fn simulate(gate: &Arc<Gate>, caller: &Caller, text: String) -> Result<(Digest, Simulation)> {
    if !Audience::of(caller).is_operator() {
        return Err(Refusal::NotAllowed.into());
    }
    let turn = SIMULATIONS.try_acquire().map_err(|_| Error::Fault(Fault::Busy))?;
    let gate = Arc::clone(gate);
    let deciding = spawn_blocking(move || {
        // Held by the work itself, which goes on when whoever asked for it has gone.
        let _turn = turn;
        let candidate = read_candidate(&text)?;
        Ok((candidate.digest(), decide_again(&gate, &candidate)?))
    });
    deciding.await.map_err(Error::internal)?
}

/// The set that the registers say is in force, as they stand in this transaction or snapshot, so that what is decided inside is
/// decided by that one: also in the moment between an activation's commit and its being known everywhere.
///
/// # Errors
/// A fault of the store; a set whose text is missing or is none.
pub(crate) fn in_force(known: &Arc<Bundle>, view: &View<'_>, side: &Side<'_>) -> lazaret_store::Result<Arc<Bundle>> {
    match view.rules_in_force(RuleSet::Policy)? {
        Some(digest) if digest != known.digest() => {
            let text = side
                .policy_text(digest)?
                .ok_or(lazaret_store::Fault::Corrupt("the text of the rules in force is missing"))?;
            let bundle = Bundle::parse(&text)
                .map_err(|_| lazaret_store::Fault::Corrupt("the rules in force are no set of rules"))?;
            Ok(Arc::new(bundle))
        }
        Some(_) | None => Ok(Arc::clone(known)),
    }
}

/// What another set would decide otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Simulation {
    /// Transfers that were decided again.
    pub(crate) looked_at: usize,
    /// How many would change, by what they are and what they would be.
    pub(crate) classes: BTreeMap<(&'static str, &'static str), u64>,
    /// The changes, newest transfer first.
    pub(crate) changes: Vec<Change>,
}

/// One decision that would be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The transfer.
    pub(crate) transfer: Id<Transfer>,
    /// By the rules in force.
    pub(crate) from: Outcome,
    /// By the candidate.
    pub(crate) to: Outcome,
    /// The candidate's rules that say so.
    pub(crate) rules: Vec<String>,
}

/// Decides the newest transfers by both sets, on what is true now. Nothing is recorded.
fn decide_again(gate: &Gate, candidate: &Bundle) -> Result<Simulation> {
    let (in_force, at) = (gate.policy(), gate.clock.now());
    let mut simulation = Simulation::default();
    let (mut after, mut read) = (None, 0);
    while read < TRANSFERS_MAX {
        let page = gate.read(|view, _| view.transfers(&Filter::default(), after, ROWS))?;
        let Some(last) = page.last() else { break };
        after = Some(Page { arrived: last.arrived, transfer: last.transfer });
        read += page.len();
        for row in &page {
            let dossier = gate.read(|view, _| view.dossier(row.transfer, at))?;
            if dossier.inspected.is_none() {
                continue;
            }
            simulation.looked_at += 1;
            let (from, to) = (in_force.decide(&dossier).outcome, candidate.decide(&dossier));
            if from == to.outcome {
                continue;
            }
            *simulation.classes.entry((from.word(), to.outcome.word())).or_default() += 1;
            if simulation.changes.len() < NAMED_MAX {
                let rules = to.reasons.iter().map(|fired| fired.rule.to_string()).collect();
                simulation.changes.push(Change { transfer: row.transfer, from, to: to.outcome, rules });
            }
        }
    }
    Ok(simulation)
}

/// Asks two others to put a set in force; the request's id. The text is kept beside the request, under its digest.
///
/// # Errors
/// Who may not ask; a set that is in force; another request that waits.
pub(crate) async fn ask_to_activate(gate: &Arc<Gate>, caller: &Caller, text: String) -> Result<Id<Request>> {
    rules::may_ask_to_activate(caller)?;
    let digest = candidate(text.clone()).await?.digest();
    let (asker, request, at) = (caller.clone(), new_id(), gate.clock.now());
    let caller = caller.clone();
    gate.write(move |tx| {
        let _recorded = tx.record(&caller, |view| {
            if view.awaits_votes(RULES, at)? {
                return Err(Refusal::WaitsAlready.into());
            }
            let in_force = view.rules_in_force(RuleSet::Policy)?;
            Ok(rules::ask_to_activate(&asker, digest, in_force, request, &view.members(at)?, at)?)
        })?;
        tx.side().put_policy_text(digest, &text)
    })
    .await?;
    Ok(request)
}

/// Puts a set in force that two people granted; whether it did.
///
/// # Errors
/// A fault of the store, or a text that is missing.
pub(crate) async fn activate_if_granted(gate: &Arc<Gate>, request: Id<Request>) -> Result<bool> {
    let at = gate.clock.now();
    let Some(open) = gate.read(|view, _| view.request(request, at))? else { return Ok(false) };
    if open.act != Act::ActivatePolicy {
        return Ok(false);
    }
    let digest = open.binding;
    let text = gate.read(|_, side| side.policy_text(digest))?;
    // Read again before the fact: a set that cannot be put in force must not be recorded as being so.
    candidate(text.ok_or_else(|| Error::internal("the text of the granted rules is missing"))?).await?;
    let activated = gate
        .record(&gate.caller, move |view| {
            let open = view.request(request, at)?.ok_or(Refusal::NotFound)?;
            let granted = (open.state == RequestState::Open && open.binding == digest).then(|| open.four_eyes());
            let eyes = granted.flatten().ok_or(Refusal::Unchanged)?;
            Ok(rules::activate(digest, &eyes))
        })
        .await;
    match activated {
        Ok(_) => {
            gate.refresh_policy()?;
            Ok(true)
        }
        Err(Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
