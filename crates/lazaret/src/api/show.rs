//! From registers to JSON, per audience: what a transfer looks like to the reader who asks.

use std::sync::Arc;

use lazaret_core::caller::Caller;
use lazaret_core::explanation::{Able, Explanation, Lever};
use lazaret_core::id::{Id, Reference, Transfer};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::Role;
use lazaret_core::request::RequestView;
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Stage, TransferView};
use lazaret_store::{Entry, Side, View};

use super::types::{Because, HistoryJson, LeverJson, TallyJson, TransferJson, VerdictJson, WhoJson};
use crate::auth::caller::Audience;
use crate::crossing;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// RFC 3339 in UTC, always to the millisecond: sorted as text, times are sorted.
pub fn time_text(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A transfer that is known to be there.
///
/// # Errors
/// `NotFound`, or a fault of the store.
pub fn view(gate: &Gate, transfer: Id<Transfer>) -> Result<TransferView> {
    gate.read(|view, _| view.transfer(transfer))?.ok_or(Error::Refused(Refusal::NotFound))
}

/// Finds a transfer by id or reference, if this caller may see it. Unknown and forbidden look alike to outsiders.
///
/// # Errors
/// `NotFound`, or a fault of the store.
pub fn find(gate: &Gate, caller: &Caller, text: &str) -> Result<TransferView> {
    let found = gate.read(|view, _| {
        if let Ok(id) = text.parse::<Id<Transfer>>() {
            return view.transfer(id);
        }
        text.parse::<Reference>().map_or(Ok(None), |reference| view.by_reference(reference))
    })?;
    let found = found.ok_or(Error::Refused(Refusal::NotFound))?;
    if may_see(gate, caller, &found)? { Ok(found) } else { Err(Error::Refused(Refusal::NotFound)) }
}

/// Whether a caller sees every transfer, with rule, fact and remedy.
pub fn sees_all(caller: &Caller) -> bool {
    Audience::of(caller).is_operator()
}

/// Operators see every transfer, and clinicians each that they have the reference of; recipients their lanes'; parties their own,
/// and what is sent to them from its release on.
///
/// # Errors
/// A fault of the store.
pub fn may_see(gate: &Gate, caller: &Caller, transfer: &TransferView) -> Result<bool> {
    if !caller.is_hospital_person() {
        return Ok(caller.party() == Some(transfer.party) && transfer.shows_to_party());
    }
    if sees_all(caller) || caller.has_role(Role::Clinician) || caller.actor() == transfer.requester {
        return Ok(true);
    }
    let lane = gate.read(|view, _| view.lane(transfer.lane))?;
    let person = caller.person();
    Ok(lane.is_some_and(|lane| person.is_some_and(|person| lane.terms.recipients.contains(&person))))
}

/// A transfer as this caller may see it.
///
/// # Errors
/// A fault of the store or the vault.
pub fn transfer(gate: &Arc<Gate>, caller: &Caller, view: &TransferView) -> Result<TransferJson> {
    let mut json = gate.read(|read, side| outline(gate, read, side, view))?;
    if gate.log.is_signed(gate, view.transfer)? {
        json.receipt = Some(receipt_path(view.transfer));
    }
    // Only what waits or was denied has reasons. For the rest no policy is asked, least of all in the answer to an upload.
    let explained = match view.stage {
        Stage::Held | Stage::NotChecked | Stage::Denied => Some(crossing::explanation(gate, view.transfer)?),
        Stage::Quarantined
        | Stage::Inspected
        | Stage::Cleared
        | Stage::Released
        | Stage::Delivered
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Superseded => None,
    };
    tell(&mut json, explained.as_ref().and_then(|(_, _, explanation)| explanation.code));
    json.state = state_for(caller, view.stage);
    if !sees_all(caller) {
        return Ok(json);
    }
    add_operator(gate, view, &mut json)?;
    let Some((_, decision, explanation)) = explained else { return Ok(json) };
    add_ways_out(gate, &explanation, &mut json)?;
    if matches!(view.stage, Stage::Held | Stage::NotChecked) && decision.approvals.is_some() {
        json.binding = Some(decision.binding.to_string());
        let tally = |request: RequestView| TallyJson { counted: request.counted().len(), required: request.required };
        json.approvals = decision.request.map(tally);
    }
    Ok(json)
}

/// A stage in the reader's words: the stage itself for operators, what a sender hears of it for everybody else.
pub fn state_for(caller: &Caller, stage: Stage) -> String {
    if sees_all(caller) { stage.word().to_owned() } else { stage.sender_word().to_owned() }
}

/// Where a transfer's receipt is.
pub fn receipt_path(transfer: Id<Transfer>) -> String {
    format!("/api/v1/transfers/{}/receipt", transfer.reference())
}

fn tell(json: &mut TransferJson, code: Option<PartyCode>) {
    let Some(code) = code else { return };
    json.code = Some(code.word().to_owned());
    json.text = Some(code.sentence().to_owned());
    json.fix = code.fix().map(str::to_owned);
}

/// What everybody who may see a transfer sees of it; also the row of a list.
///
/// # Errors
/// A fault of the store. A manifest whose key was erased shows as empty.
pub fn outline(
    gate: &Gate,
    read: &View<'_>,
    side: &Side<'_>,
    view: &TransferView,
) -> lazaret_store::Result<TransferJson> {
    let lane = read.lane(view.lane)?;
    let kept = gate.particulars.kept(side, view.transfer).unwrap_or_default();
    let manifest = kept.manifest().unwrap_or_default();
    Ok(TransferJson {
        reference: view.transfer.reference().to_string(),
        id: view.transfer.to_string(),
        state: view.stage.word().to_owned(),
        direction: view.direction.word().to_owned(),
        lane: lane.map(|lane| lane.terms.name.to_string()).unwrap_or_default(),
        party: side.slug_of(view.party.cast())?.unwrap_or_default(),
        name: kept.path,
        bytes: manifest.size_bytes,
        sha256: hex(&manifest.sha256),
        kind: read.content_kind(view.transfer)?.map(|kind| kind.word().to_owned()),
        received: time_text(view.arrived_at),
        since: time_text(view.since),
        ..TransferJson::default()
    })
}

/// Why, what would release it, and who can.
fn add_ways_out(gate: &Gate, explanation: &Explanation, json: &mut TransferJson) -> Result<()> {
    gate.read(|_, side| {
        json.because = explanation
            .because
            .iter()
            .map(|fired| Because { rule: fired.rule.to_string(), reason: fired.reason.clone() })
            .collect();
        json.would_release = explanation.would_release.iter().map(|set| set.iter().map(lever).collect()).collect();
        json.who = explanation.who.iter().map(|able| who(gate, side, able)).collect();
        Ok(())
    })
}

fn add_operator(gate: &Gate, view: &TransferView, json: &mut TransferJson) -> Result<()> {
    gate.read(|read, side| {
        if let Some(found) = read.inspected(view.transfer)? {
            json.phi = Some(found.phi.word().to_owned());
            let verdicts = found.verdicts.iter().map(|row| VerdictJson {
                inspector: row.inspector.word().to_owned(),
                verdict: row.verdict.word().to_owned(),
                reason: row.why.map(|why| why.word().to_owned()),
            });
            json.verdicts = verdicts.collect();
        }
        let entries = read.entries_about(view.transfer.cast())?;
        json.history = entries.iter().map(|entry| history(gate, read, side, entry)).collect::<Result<_, _>>()?;
        Ok(())
    })
}

fn history(gate: &Gate, read: &View<'_>, side: &Side<'_>, entry: &Entry) -> lazaret_store::Result<HistoryJson> {
    Ok(HistoryJson {
        position: position_text(entry),
        at: time_text(entry.at),
        kind: entry.event.kind().to_owned(),
        by: actor_name(gate, read, side, entry.actor)?,
    })
}

/// An entry's index; with its epoch from the second epoch on.
pub fn position_text(entry: &Entry) -> String {
    match entry.position.epoch {
        1 => entry.position.index.to_string(),
        epoch => format!("{epoch}.{}", entry.position.index),
    }
}

/// Who acted, by name where the name is not erased.
///
/// # Errors
/// A fault of the store.
pub fn actor_name(gate: &Gate, read: &View<'_>, side: &Side<'_>, actor: [u8; 16]) -> lazaret_store::Result<String> {
    if actor == *gate.id.as_bytes() {
        return Ok("the gate".to_owned());
    }
    if read.party(Id::from_bytes(actor))?.is_some() {
        return Ok(gate.particulars.party_name(side, Id::from_bytes(actor)));
    }
    Ok(gate.particulars.person_name(side, Id::from_bytes(actor)))
}

fn lever(lever: &Lever) -> LeverJson {
    LeverJson { lever: lever.kind.word().to_owned(), role: lever.group.map(|group| group.word().to_owned()) }
}

fn who(gate: &Gate, side: &Side<'_>, able: &Able) -> WhoJson {
    WhoJson {
        lever: able.lever.kind.word().to_owned(),
        role: able.lever.group.map(|group| group.word().to_owned()),
        people: able.people.iter().map(|person| gate.particulars.person_name(side, *person)).collect(),
    }
}
