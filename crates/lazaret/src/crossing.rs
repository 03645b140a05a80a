//! The life of one transfer, top to bottom. READ SECOND: each function is one stage; nothing here decides, core decides.

use std::sync::Arc;

use lazaret_core::arrival::{self, Arrival, Landing};
use lazaret_core::caller::Caller;
use lazaret_core::decision::{Cleared, Decision, Outcome};
use lazaret_core::digest::{Commitment, Digest};
use lazaret_core::dossier::Dossier;
use lazaret_core::event::{DeliveryBegun, Event};
use lazaret_core::explanation::{Explanation, explain};
use lazaret_core::id::{Id, Party, Request, Transfer, Upload};
use lazaret_core::party::{self, Choice};
use lazaret_core::person;
use lazaret_core::policy::Bundle;
use lazaret_core::refusal::Refusal;
use lazaret_core::register::AgreementKind;
use lazaret_core::request::{Act, Means, RequestState, Voter};
use lazaret_core::time::{DAY_MS, MINUTE_MS, Timestamp};
use lazaret_core::transfer::{
    self, Ballot, Channel, DeliveryFault, ReopenCause, Stage, TransferKind, TransferView, WithholdCause,
};
use lazaret_store::side::ManifestRow;
use lazaret_store::{Side, View};
use lazaret_vault::broker::Holder;
use lazaret_vault::{Sealed, SubjectKey};

use crate::clock::{self, new_id};
use crate::error::{Error, Fault, Result};
use crate::gate::Gate;
use crate::particulars::{Assertion, Kept, MANIFEST_LABEL, Manifest, Note, Particulars, REASON_LABEL, to_cbor};
use crate::station::Inspected;
use crate::{people, rules};

/// The label under which the station's full answer is sealed.
pub const FINDINGS_LABEL: &str = "findings";
/// A name is the natural key for this long: a client's retry loop collapses, an hourly identical report does not.
const NAME_WINDOW_MS: u64 = 10 * MINUTE_MS;
/// An `Idempotency-Key` is remembered this long.
const KEY_WINDOW_MS: u64 = DAY_MS;

/// What a door knows before the first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The lane's name.
    pub lane: String,
    /// The path on the lane, already parsed.
    pub path: String,
    /// The door.
    pub channel: Channel,
    /// What it is declared to be.
    pub kind: TransferKind,
    /// The peer's own key for this act, if it has one.
    pub key: Option<String>,
    /// Refuse if something of this name is there.
    pub only_if_new: bool,
}

/// The answer to a sealed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// The transfer that it is.
    pub transfer: Id<Transfer>,
    /// Whether the same key and bytes had made it before.
    pub replayed: bool,
}

/// May this caller send this here? Asked before the first byte, and again in [`arrive`].
///
/// # Errors
/// What core refuses.
pub fn may_send(gate: &Gate, caller: &Caller, announcement: &Announcement) -> Result<Landing> {
    let (lane, path, key) = (&announcement.lane, &announcement.path, announcement.key.as_deref());
    let at = gate.clock.now();
    gate.read(|view, side| {
        let party = view.lane_by_name(lane)?.ok_or(Refusal::LaneClosed)?.party;
        let name_key = gate.particulars.name_key(party, lane, path);
        let landing = view.landing(lane, &natural_key(gate, party, lane, path, key), &name_key, at)?;
        arrival::may_send(caller, &landing, announcement.kind)?;
        // Last: which names are there is for those whose lane it is. What may come again under its key has its name there by
        // its own first arrival: which it is, its bytes say when they are here.
        let comes_again = key.is_some() && landing.repeat_of.is_some();
        if announcement.only_if_new && !comes_again && side.newest_named(&name_key)?.is_some() {
            return Err(Refusal::NameExists.into());
        }
        Ok(landing)
    })
}

/// What a door has in hand when the last byte is there.
pub struct Incoming {
    /// The sealed object.
    pub sealed: Sealed,
    /// What the sender says it is, and what arrived.
    pub manifest: Manifest,
    /// Modification time that the sender set, in seconds since 1970.
    pub mtime_s: Option<u64>,
    /// Permission bits that the sender set.
    pub mode: Option<u32>,
    /// The kept upload that ends with this.
    pub upload: Option<Id<Upload>>,
    /// Kept uploads that it was joined from, which end with this too.
    pub parts: Vec<Id<Upload>>,
}

/// A sealed object becomes a transfer. The peer's acknowledgement waits for the commit behind this.
///
/// # Errors
/// What core refuses, or a fault of the store.
pub async fn arrive(
    gate: &Arc<Gate>,
    caller: &Caller,
    announcement: &Announcement,
    key: &SubjectKey,
    incoming: Incoming,
) -> Result<Arrived> {
    let landing = may_send(gate, caller, &Announcement { only_if_new: false, ..announcement.clone() })?;
    let party = landing.party;
    let name_key = gate.particulars.name_key(party, &announcement.lane, &announcement.path);
    let natural = natural_key(gate, party, &announcement.lane, &announcement.path, announcement.key.as_deref());
    let Incoming { sealed, manifest, mtime_s, mode, upload, parts } = incoming;
    let nonce = clock::random::<16>();
    let manifest = to_cbor(&Manifest { nonce: nonce.to_vec(), ..manifest });
    let arrival = Arrival {
        transfer: sealed.transfer,
        object: sealed.object,
        channel: announcement.channel,
        kind: announcement.kind,
        content: sealed.content.commitment,
        manifest: key.commit(MANIFEST_LABEL, &nonce, &manifest).commitment,
        size_bytes: sealed.size_bytes,
        key_is_exact: announcement.key.is_some(),
        mark: gate.particulars.mark(&sealed.sha256),
    };
    let kept =
        Kept { manifest, content_key: sealed.content.key.to_vec(), path: announcement.path.clone(), mtime_s, mode };
    let row = ManifestRow {
        transfer: sealed.transfer,
        party,
        lane: landing.lane.lane,
        name_key,
        sealed: Particulars::seal_kept(key, &kept)?,
    };
    let (lane, caller, at) = (announcement.lane.clone(), caller.clone(), gate.clock.now());
    let only_if_new = announcement.only_if_new;
    let window = if announcement.key.is_some() { KEY_WINDOW_MS } else { NAME_WINDOW_MS };
    let (transfer, size_bytes) = (sealed.transfer, sealed.size_bytes);
    let parts_again = parts.clone();
    let outcome = gate
        .write(move |tx| {
            let recorded = tx.record(&caller, |view| {
                let landing = view.landing(&lane, &natural, &name_key, at)?;
                let arrived = arrival::arrive(&caller, &landing, &arrival)?;
                // Behind the decision: what came again under its key is the first again, whatever its name has become.
                // Another may have come under the name since the first byte.
                if only_if_new && tx.side().newest_named(&name_key)?.is_some() {
                    return Err(Refusal::NameExists.into());
                }
                Ok(arrived)
            })?;
            let side = tx.side();
            side.put_manifest(&row, recorded.entry().at)?;
            side.put_natural_key(&natural, arrival.transfer, arrival.mark, at.plus_millis(window))?;
            end_parts(&side, &parts)?;
            upload.map_or(Ok(()), |upload| side.upload_arrived(upload, size_bytes))
        })
        .await;
    match outcome {
        Ok(()) => Ok(Arrived { transfer, replayed: false }),
        Err(Error::Refused(Refusal::Already(first))) => {
            gate.write(move |tx| arrived_before(&tx.side(), first, upload, &parts_again, size_bytes)).await?;
            Ok(Arrived { transfer: first, replayed: true })
        }
        Err(error) => Err(error),
    }
}

/// The same bytes came again, and what came is the first again.
fn arrived_before(
    side: &Side<'_>,
    first: Id<Transfer>,
    upload: Option<Id<Upload>>,
    parts: &[Id<Upload>],
    size_bytes: u64,
) -> lazaret_store::Result<()> {
    side.count_repeat(first)?;
    // Its sender may have taken it out of sight; what was sent again is looked for again.
    side.show(first)?;
    end_parts(side, parts)?;
    let Some(upload) = upload else { return Ok(()) };
    side.upload_arrived(upload, size_bytes)?;
    side.upload_was(upload, first)
}

/// Parts whose bytes are now the whole's. One that ended meanwhile was somebody else's by then.
fn end_parts(side: &Side<'_>, parts: &[Id<Upload>]) -> lazaret_store::Result<()> {
    parts.iter().try_for_each(|part| side.end_upload(*part)?.map(drop).ok_or(Refusal::WrongState.into()))
}

/// The station looks at it, and its answer is recorded. An object that cannot be read back, or is not what arrived, is not
/// checked: that too is an answer, which people see, and which is tried again like every other error.
///
/// # Errors
/// The transfer moved on, or a fault of ours; it stays in quarantine then.
pub async fn inspect(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<()> {
    let outcome = match gate.station.inspect(gate, transfer).await {
        Ok(inspected) => put_inspected(gate, transfer, inspected).await,
        Err(error) => Err(error),
    };
    match outcome {
        Err(error @ (Error::Fault(Fault::Unreadable(_)) | Error::Refused(Refusal::DigestMismatch))) => {
            tracing::error!(%error, reference = %transfer.reference(), "an object cannot be inspected");
            put_inspected(gate, transfer, gate.station.unreadable(gate, transfer)?).await
        }
        outcome => outcome,
    }
}

async fn put_inspected(gate: &Arc<Gate>, transfer: Id<Transfer>, report: Inspected) -> Result<()> {
    let sealed = gate.particulars.seal(Holder::Transfer(transfer), FINDINGS_LABEL, &report.details)?;
    let caller = gate.caller.clone();
    gate.write(move |tx| {
        let _recorded = tx.record(&caller, |view| {
            let now = view.transfer(transfer)?.ok_or(Refusal::NotFound)?;
            Ok(transfer::inspect(&now, &report.findings)?)
        })?;
        tx.side().put_findings(transfer, &sealed)
    })
    .await
}

/// Policy decides on what is true now.
///
/// # Errors
/// The stage takes no ruling; `Unchanged` when the last ruling still holds.
pub async fn rule(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<()> {
    let (known, at, request) = (gate.policy(), gate.clock.now(), new_id());
    let caller = gate.caller.clone();
    gate.write(move |tx| {
        let bundle = rules::in_force(&known, &tx.view(), &tx.side())?;
        let _recorded = tx.record(&caller, |view| {
            let dossier = view.dossier(transfer, at)?;
            Ok(transfer::rule(&dossier, &bundle.decide(&dossier), request)?)
        })?;
        Ok(())
    })
    .await
}

/// What a voter gives beside the vote itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Why.
    pub reason: String,
    /// What their passkey signed of this vote.
    pub assertion: Option<Assertion>,
}

/// One person votes, bound to what they saw.
///
/// # Errors
/// Who may not vote, a stale binding, a stage that takes no vote.
pub async fn vote(
    gate: &Arc<Gate>,
    caller: &Caller,
    transfer: Id<Transfer>,
    seen: Digest,
    words: Words,
    choice: Choice,
) -> Result<()> {
    may_vote_by_these_means(gate, caller)?;
    let voter = voter(gate, caller)?;
    let (committed, note) = seal_words(gate, Holder::Transfer(transfer), words)?;
    let ballot = Ballot { seen, choice, reason: Some(committed) };
    let (known, at, caller) = (gate.policy(), gate.clock.now(), caller.clone());
    gate.write(move |tx| {
        let bundle = rules::in_force(&known, &tx.view(), &tx.side())?;
        let recorded = tx.record(&caller, |view| {
            let dossier = view.dossier(transfer, at)?;
            Ok(transfer::vote(&dossier, &bundle, &caller, &voter, ballot, at)?)
        })?;
        tx.side().put_note(transfer.cast(), recorded.position().index, &note)
    })
    .await
}

/// By token alone a vote counts only where the gate's setting says so; the entry says how it was cast.
fn may_vote_by_these_means(gate: &Gate, caller: &Caller) -> Result<()> {
    let by_token = caller.means() == Means::Token && !gate.config.approvals_by_token;
    if by_token { Err(Refusal::StepUpNeeded.into()) } else { Ok(()) }
}

/// The commitment to a voter's words, and the words sealed.
fn seal_words(gate: &Gate, holder: Holder, words: Words) -> Result<(Commitment, Vec<u8>)> {
    let nonce = clock::random::<16>();
    let note = Note { nonce: nonce.to_vec(), text: words.reason, assertion: words.assertion };
    let committed = gate.vault.commit(holder, REASON_LABEL, &nonce, &to_cbor(&note))?.commitment;
    Ok((committed, gate.particulars.seal(holder, REASON_LABEL, &note)?))
}

/// The release is recorded; nothing has moved yet.
///
/// # Errors
/// What is true now no longer allows it.
pub async fn release(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<()> {
    let (known, at, delivery) = (gate.policy(), gate.clock.now(), new_id());
    let caller = gate.caller.clone();
    gate.write(move |tx| {
        let bundle = rules::in_force(&known, &tx.view(), &tx.side())?;
        let _recorded = tx.record(&caller, |view| {
            let dossier = view.dossier(transfer, at)?;
            Ok(transfer::release(&dossier, &bundle.decide(&dossier), delivery, at)?)
        })?;
        Ok(())
    })
    .await
}

/// The key of a released object is rewrapped, once its release is under a signed checkpoint: no key moves without an entry
/// that the world can hold us to. Whether it is done.
///
/// # Errors
/// The vault failed; the reconciler comes back to it.
pub async fn hand_over(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<bool> {
    let Some(cleared) = gate.read(|view, _| view.cleared(transfer))? else { return Ok(true) };
    if cleared.position().index >= gate.log.size() {
        return Ok(false);
    }
    let object = cleared.object();
    gate.vault.release(cleared).await?;
    // Withheld while the key moved: it goes back. Delivery asks the registers first, so nothing could leave meanwhile.
    if gate.read(|view, _| view.cleared(transfer))?.is_none() {
        gate.vault.withhold(transfer, object).await?;
    }
    Ok(true)
}

/// A released, undelivered transfer goes back under quarantine.
///
/// # Errors
/// It is not released any more.
pub async fn withhold(gate: &Arc<Gate>, transfer: Id<Transfer>, cause: WithholdCause) -> Result<()> {
    let object = gate.read(|view, _| view.transfer(transfer))?.ok_or(Refusal::NotFound)?.object;
    let _recorded = gate
        .record(&gate.caller, move |view| {
            Ok(transfer::withhold(&view.transfer(transfer)?.ok_or(Refusal::NotFound)?, cause)?)
        })
        .await?;
    gate.collected.forget_all_of(transfer);
    gate.vault.withhold(transfer, object).await
}

/// Takes back what was released and, by what is true now, would not be: then inspectors look or policy rules again, and people
/// see why. Whether it stays released.
///
/// # Errors
/// A fault of store or vault.
pub async fn take_back_if_doubtful(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<bool> {
    let at = gate.clock.now();
    let dossier = gate.read(|view, _| view.dossier(transfer, at))?;
    if dossier.transfer.stage != Stage::Released {
        return Ok(false);
    }
    let cause = if dossier.party.isolated {
        WithholdCause::Isolated
    } else if dossier.transfer.verdict_is_aged(at) {
        WithholdCause::VerdictAged
    } else if gate.policy().decide(&dossier).outcome != Outcome::Release {
        WithholdCause::DecisionChanged
    } else {
        return Ok(true);
    };
    withhold(gate, transfer, cause).await?;
    if cause == WithholdCause::VerdictAged {
        reopen(gate, &gate.caller, transfer, ReopenCause::VerdictAged).await?;
    }
    Ok(false)
}

/// Inspection starts again.
///
/// # Errors
/// Who may not ask for it; the stage does not allow it.
pub async fn reopen(gate: &Arc<Gate>, caller: &Caller, transfer: Id<Transfer>, cause: ReopenCause) -> Result<()> {
    let asker = caller.clone();
    let _recorded = gate
        .record(caller, move |view| {
            Ok(transfer::reopen(&view.transfer(transfer)?.ok_or(Refusal::NotFound)?, &asker, cause)?)
        })
        .await?;
    Ok(())
}

/// The sender takes it back before release.
///
/// # Errors
/// Somebody else asks, or it was released.
pub async fn withdraw(gate: &Arc<Gate>, caller: &Caller, transfer: Id<Transfer>) -> Result<()> {
    let asker = caller.clone();
    let _recorded = gate
        .record(caller, move |view| {
            Ok(transfer::withdraw(&view.transfer(transfer)?.ok_or(Refusal::NotFound)?, &asker)?)
        })
        .await?;
    Ok(())
}

/// What a client took for an unfinished upload, and went on with, is replaced by the whole.
///
/// # Errors
/// It was released, or another party's.
pub async fn supersede(gate: &Arc<Gate>, caller: &Caller, old: Id<Transfer>, by: Id<Transfer>) -> Result<()> {
    let _recorded = gate
        .record(caller, move |view| {
            let (old, by) = (view.transfer(old)?, view.transfer(by)?);
            Ok(transfer::supersede(&old.ok_or(Refusal::NotFound)?, &by.ok_or(Refusal::NotFound)?)?)
        })
        .await?;
    Ok(())
}

/// The hold outlived its fourteen days.
///
/// # Errors
/// Not held, or not yet.
pub async fn expire(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<()> {
    let at = gate.clock.now();
    let _recorded = gate
        .record(&gate.caller, move |view| {
            Ok(transfer::expire(&view.transfer(transfer)?.ok_or(Refusal::NotFound)?, at)?)
        })
        .await?;
    Ok(())
}

/// A recipient asks for the bytes: the attempt is recorded before the first byte leaves, on a dossier read again.
///
/// # Errors
/// Not released, or no longer allowed: then it is taken back, and ruled again.
pub async fn begin_delivery(
    gate: &Arc<Gate>,
    caller: &Caller,
    transfer: Id<Transfer>,
    channel: Channel,
) -> Result<(Cleared, DeliveryBegun)> {
    let (known, at, asker) = (gate.policy(), gate.clock.now(), caller.clone());
    let recorded = gate
        .write(move |tx| {
            let bundle = rules::in_force(&known, &tx.view(), &tx.side())?;
            tx.record(&asker, |view| Ok(attempt(view, &bundle, transfer, (&asker, channel), at)?.into()))
        })
        .await;
    if matches!(recorded, Err(Error::Refused(Refusal::NoLongerCleared))) {
        let gate = Arc::clone(gate);
        // Whoever asked in vain does not wait for what follows from it.
        tokio::spawn(async move {
            if let Err(error) = take_back_if_doubtful(&gate, transfer).await {
                tracing::warn!(%error, reference = %transfer.reference(), "it is taken back at the next sweep");
            }
        });
    }
    let Event::DeliveryBegun(begun) = recorded?.entry().event.clone() else {
        return Err(Error::internal("another fact was recorded than was decided"));
    };
    let cleared = gate.read(|view, _| view.cleared(transfer))?.ok_or(Refusal::WrongState)?;
    Ok((cleared, begun))
}

/// What [`begin_delivery`] would record now; nothing is. Asked where bytes leave under an attempt that is recorded, or where
/// none leave.
///
/// # Errors
/// As [`begin_delivery`].
pub fn may_deliver(
    gate: &Gate,
    caller: &Caller,
    transfer: Id<Transfer>,
    channel: Channel,
) -> Result<(Cleared, DeliveryBegun)> {
    let (known, at) = (gate.policy(), gate.clock.now());
    gate.read(|view, side| {
        let bundle = rules::in_force(&known, view, side)?;
        let begun = attempt(view, &bundle, transfer, (caller, channel), at)?;
        let cleared = view.cleared(transfer)?.ok_or(Refusal::WrongState)?;
        Ok((cleared, begun))
    })
}

fn attempt(
    view: &View<'_>,
    bundle: &Bundle,
    transfer: Id<Transfer>,
    (caller, channel): (&Caller, Channel),
    at: Timestamp,
) -> lazaret_store::Result<DeliveryBegun> {
    let dossier = view.dossier(transfer, at)?;
    let delivery = dossier.transfer.delivery.ok_or(Refusal::WrongState)?;
    let number = view.delivery(delivery)?.map_or(0, |found| found.attempts).saturating_add(1);
    Ok(transfer::begin_delivery(&dossier, &bundle.decide(&dossier), caller, (number, channel), at)?)
}

/// The recipient has every byte, and what left is what was inspected.
///
/// # Errors
/// Other bytes left.
pub async fn deliver(gate: &Arc<Gate>, caller: &Caller, transfer: Id<Transfer>, content: Commitment) -> Result<()> {
    let asker = caller.clone();
    let _recorded = gate
        .record(caller, move |view| {
            let now = view.transfer(transfer)?.ok_or(Refusal::NotFound)?;
            Ok(transfer::deliver(&now, &asker, content)?)
        })
        .await?;
    Ok(())
}

/// The attempt ended before the last byte.
///
/// # Errors
/// Not released any more.
pub async fn abort_delivery(
    gate: &Arc<Gate>,
    caller: &Caller,
    transfer: Id<Transfer>,
    attempt: u32,
    fault: DeliveryFault,
) -> Result<()> {
    let _recorded = gate
        .record(caller, move |view| {
            let now = view.transfer(transfer)?.ok_or(Refusal::NotFound)?;
            Ok(transfer::abort_delivery(&now, attempt, fault)?)
        })
        .await?;
    Ok(())
}

/// No byte goes in from this party or out to it, from the commit on; what was released and not delivered is taken back, by
/// the reconciler if not here.
///
/// # Errors
/// Who may not isolate; an isolation that is open.
pub async fn isolate(gate: &Arc<Gate>, caller: &Caller, party: Id<Party>) -> Result<()> {
    let (gate, caller) = (Arc::clone(gate), caller.clone());
    // In a task of its own: what follows the commit happens though the caller hung up.
    let isolating = tokio::spawn(async move {
        let (asker, isolation) = (caller.clone(), new_id());
        let _recorded = gate
            .record(&caller, move |view| Ok(party::isolate(&asker, party, view.open_isolation(party)?, isolation)?))
            .await?;
        if let Err(error) = take_back_released(&gate, party).await {
            tracing::error!(%error, "not everything released was taken back at once; the reconciler goes on");
        }
        Ok(())
    });
    isolating.await.map_err(Error::internal)?
}

async fn take_back_released(gate: &Arc<Gate>, party: Id<Party>) -> Result<()> {
    gate.refresh_isolations()?;
    for transfer in gate.read(|view, _| view.released_of(party))? {
        match withhold(gate, transfer, WithholdCause::Isolated).await {
            // Delivered or taken back in this moment.
            Ok(()) | Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Asks two others to lift a party's isolation; the request's id.
///
/// # Errors
/// Who may not ask; no open isolation; nobody who could grant it.
pub async fn ask_to_lift(gate: &Arc<Gate>, caller: &Caller, party: Id<Party>) -> Result<Id<Request>> {
    let (asker, request, at) = (caller.clone(), new_id(), gate.clock.now());
    let _recorded = gate
        .record(caller, move |view| {
            party::may_ask_to_lift(&asker)?;
            let isolation = view.open_isolation(party)?.ok_or(Refusal::Unchanged)?;
            // One that nobody granted in its hour may be asked for again.
            if view.awaits_votes(isolation.cast(), at)? {
                return Err(Refusal::WaitsAlready.into());
            }
            Ok(party::ask_to_lift(&asker, isolation, request, &view.members(at)?, at)?)
        })
        .await?;
    Ok(request)
}

/// One person votes on a request that is about no transfer. The no of whoever asked takes it back: for that they need neither be
/// in a group that is asked nor show a factor.
///
/// # Errors
/// As [`vote`].
pub async fn vote_on_request(
    gate: &Arc<Gate>,
    caller: &Caller,
    request: Id<Request>,
    seen: Digest,
    words: Words,
    choice: Choice,
) -> Result<()> {
    let at = gate.clock.now();
    let (asked, subject) = gate.read(|view, _| Ok((view.request(request, at)?, view.subject_of_request(request)?)))?;
    let (asked, subject) = asked.zip(subject).ok_or(Refusal::NotFound)?;
    let takes_back = choice == Choice::Reject && asked.requester == caller.actor();
    if !takes_back {
        may_vote_by_these_means(gate, caller)?;
    }
    let (voter, holder) = (voter(gate, caller)?, Holder::Other(subject));
    let (committed, note) = seal_words(gate, holder, words)?;
    let caller = caller.clone();
    gate.write(move |tx| {
        let recorded = tx.record(&caller, |view| {
            let open = view.request(request, at)?.ok_or(Refusal::NotFound)?;
            if open.act == Act::ReleaseTransfer {
                // A transfer is voted on as a transfer: there the rules in force have a say about the voter.
                return Err(Refusal::WrongState.into());
            }
            if takes_back {
                return Ok(party::take_back(&open, &caller, Some(committed), at)?);
            }
            if open.act == Act::GrantRole {
                person::may_vote(subject.cast(), voter.person)?;
            }
            let group = open.may_vote(&voter, seen, at)?;
            Ok(party::vote(&open, &caller, group, seen, Some(committed), choice)?)
        })?;
        tx.side().put_note(subject, recorded.position().index, &note)
    })
    .await
}

/// Ends an isolation whose lifting two people granted; whether it did.
///
/// # Errors
/// A fault of the store.
pub async fn lift_if_granted(gate: &Arc<Gate>, request: Id<Request>) -> Result<bool> {
    let at = gate.clock.now();
    let lifted = gate
        .record(&gate.caller, move |view| {
            let open = view.request(request, at)?.ok_or(Refusal::NotFound)?;
            let subject = view.subject_of_request(request)?.ok_or(Refusal::NotFound)?;
            let granted =
                (open.act == Act::LiftIsolation && open.state == RequestState::Open).then(|| open.four_eyes());
            let eyes = granted.flatten().ok_or(Refusal::Unchanged)?;
            Ok(party::lift(subject.cast(), &eyes))
        })
        .await;
    match lifted {
        Ok(_) => gate.refresh_isolations().map(|()| true),
        Err(Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Does what a request asks for, if enough people granted it; not the release of a transfer, which is ruled. Each vote ends in
/// this, and the reconciler does it again: what was granted must not hang on the last voter's connection.
///
/// # Errors
/// A fault of the store, or a text that is missing.
pub async fn carry_out_if_granted(gate: &Arc<Gate>, request: Id<Request>) -> Result<bool> {
    let at = gate.clock.now();
    let open = gate.read(|view, _| view.request(request, at))?;
    let granted = open.filter(|open| open.state == RequestState::Open && open.four_eyes().is_some());
    match granted.map(|open| open.act) {
        Some(Act::LiftIsolation) => lift_if_granted(gate, request).await,
        Some(Act::ActivatePolicy) => rules::activate_if_granted(gate, request).await,
        Some(Act::GrantRole) => people::grant_if_granted(gate, request).await,
        Some(Act::ReleaseTransfer) | None => Ok(false),
    }
}

/// A privacy officer records an agreement that covers patient data.
///
/// # Errors
/// Who may not; a party without engagement.
pub async fn agree(gate: &Arc<Gate>, caller: &Caller, party: Id<Party>, kind: AgreementKind, days: u32) -> Result<()> {
    let (asker, agreement, at) = (caller.clone(), new_id(), gate.clock.now());
    let _recorded = gate
        .record(caller, move |view| {
            let engagement = view.engagement_of(party)?.ok_or(Refusal::NotFound)?;
            Ok(party::agree(&asker, engagement, agreement, kind, days, at)?)
        })
        .await?;
    Ok(())
}

/// State, reasons, ways out and people, for every surface.
///
/// # Errors
/// There is no such transfer.
pub fn explanation(gate: &Gate, transfer: Id<Transfer>) -> Result<(Dossier, Decision, Explanation)> {
    let at = gate.clock.now();
    let (dossier, members, bundle) = gate.read(|view, side| {
        Ok((view.dossier(transfer, at)?, view.members(at)?, rules::in_force(&gate.policy(), view, side)?))
    })?;
    let decision = bundle.decide(&dossier);
    let explanation = explain(&bundle, &dossier, &decision, &members);
    Ok((dossier, decision, explanation))
}

/// What a caller is as a voter.
///
/// # Errors
/// Not a person.
pub fn voter(gate: &Gate, caller: &Caller) -> Result<Voter> {
    let person = caller.person().ok_or(Refusal::NotInRole)?;
    let known = gate.read(|view, _| view.person(person, gate.clock.now()))?.ok_or(Refusal::NotInRole)?;
    Ok(Voter {
        person,
        side: known.side,
        standing: known.standing,
        roles: known.roles,
        stepup_age_s: caller.stepup_age_s(),
    })
}

/// Whether what stands in this stage may be ruled again on what is true now.
pub fn may_change(view: &TransferView) -> bool {
    matches!(view.stage, Stage::Held | Stage::NotChecked | Stage::Cleared)
}

fn natural_key(gate: &Gate, party: Id<Party>, lane: &str, path: &str, key: Option<&str>) -> [u8; 32] {
    match key {
        Some(key) => gate.particulars.natural_key(party, "idempotency", key),
        None => natural_key_of_name(gate, &gate.particulars.name_key(party, lane, path)),
    }
}

/// The natural key of whatever has only its name, from the digest of that name.
pub fn natural_key_of_name(gate: &Gate, name_key: &[u8; 32]) -> [u8; 32] {
    gate.vault.index(&[b"key", b"name", name_key])
}
