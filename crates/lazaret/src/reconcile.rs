//! The reconciler: for each transfer in stage X do Y. The stage in the register is the queue, so a crash leaves a stage and
//! never a lost job. What changed is read from the ledger; once a minute everything is looked at.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use lazaret_core::event::Event;
use lazaret_core::id::{Id, Party, Transfer};
use lazaret_core::inspection::{SignatureState, Verdict};
use lazaret_core::refusal::Refusal;
use lazaret_core::register::CredentialKind;
use lazaret_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use lazaret_core::transfer::{HOLD_MS_MAX, ReopenCause, Stage, VERDICT_AGE_MS_MAX, WithholdCause};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::crossing;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// Transfers taken from one stage at a time.
const BATCH_MAX: u32 = 256;
/// Entries read from the ledger at a time.
const ENTRIES_MAX: u32 = 1_024;
/// Everything is looked at again after this long, whatever the ledger says.
const SWEEP: Duration = Duration::from_secs(60);
/// After a fault that may pass.
const FAULT_REST: Duration = Duration::from_secs(1);
/// An inspection that ended in error is tried again after so many milliseconds, the n-th time after the n-th; then hourly.
const RETRY_MS: [u64; 4] = [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS];
/// For how long.
const RETRY_MS_MAX: u64 = DAY_MS;
/// A blob that no entry and no upload names is removed after this long.
const ORPHAN_MS: u64 = DAY_MS;

/// Works until `stop` turns true; what is under way then is finished by the next start.
pub async fn run(gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    let mut work = Reconciler::new(gate);
    let mut commits = work.gate.commits();
    let mut sizes = work.gate.log.sizes();
    let mut endings = work.gate.resting.endings();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        commits.mark_unchanged();
        sizes.mark_unchanged();
        endings.mark_unchanged();
        if let Err(error) = work.step().await {
            tracing::error!(%error, "the reconciler met a fault; it goes on");
            tokio::time::sleep(FAULT_REST).await;
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = commits.changed() => {}
            _ = sizes.changed() => {}
            _ = endings.changed() => {}
            Some(done) = work.inspections.join_next() => work.inspected(done),
            _ = sweep.tick() => work.sweep_due = true,
        }
    }
}

struct Reconciler {
    gate: Arc<Gate>,
    inspections: JoinSet<(Id<Transfer>, Result<()>)>,
    inspecting: HashSet<Id<Transfer>>,
    /// Released, and their key not yet moved: that waits for the signature.
    to_hand_over: BTreeSet<Id<Transfer>>,
    /// The next entry to read; none before the first step.
    cursor: Option<u64>,
    sweep_due: bool,
    /// No sweep was made since the start.
    fresh: bool,
}

/// What new entries ask to be ruled again.
#[derive(Default)]
struct Touched {
    transfers: BTreeSet<Id<Transfer>>,
    parties: BTreeSet<Id<Party>>,
    keys_of: BTreeSet<Id<Party>>,
    everything: bool,
}

impl Reconciler {
    fn new(gate: Arc<Gate>) -> Reconciler {
        Reconciler {
            gate,
            inspections: JoinSet::new(),
            inspecting: HashSet::new(),
            to_hand_over: BTreeSet::new(),
            cursor: None,
            sweep_due: true,
            fresh: true,
        }
    }

    async fn step(&mut self) -> Result<()> {
        let touched = self.read_entries()?;
        self.inspect_some()?;
        for transfer in self.in_stage(Stage::Inspected)? {
            settle(crossing::rule(&self.gate, transfer).await)?;
        }
        self.rule_again(touched).await?;
        for transfer in self.in_stage(Stage::Cleared)? {
            let released = crossing::release(&self.gate, transfer).await;
            if matches!(released, Err(Error::Refused(Refusal::NoLongerCleared))) {
                settle(crossing::rule(&self.gate, transfer).await)?;
            } else {
                settle(released)?;
                self.to_hand_over.insert(transfer);
            }
        }
        self.hand_over().await?;
        if std::mem::take(&mut self.sweep_due) {
            self.sweep().await?;
        }
        if self.inspections.is_empty() {
            let gate = Arc::clone(&self.gate);
            tokio::task::spawn_blocking(move || gate.station.refill());
        }
        Ok(())
    }

    /// What happened since the last step. The first step begins at the end: the sweep looks at everything anyway.
    fn read_entries(&mut self) -> Result<Touched> {
        let mut touched = Touched::default();
        let Some(head) = self.gate.read(|view, _| view.head())? else { return Ok(touched) };
        let mut cursor = self.cursor.unwrap_or(head.size);
        while cursor < head.size {
            let entries = self.gate.read(|view, _| view.entries_from(head.epoch, cursor, ENTRIES_MAX))?;
            for entry in &entries {
                touch(&mut touched, &entry.event, entry.subject.cast());
            }
            cursor += entries.len() as u64;
        }
        self.cursor = Some(cursor);
        Ok(touched)
    }

    /// What stands in a stage and moves: not what belongs to an isolated party, nor what its sender is not done with.
    fn in_stage(&self, stage: Stage) -> Result<Vec<Id<Transfer>>> {
        let mut moving = self.gate.read(|view, _| view.moving_in_stage(stage, BATCH_MAX))?;
        moving.retain(|transfer| !self.gate.resting.contains(*transfer));
        Ok(moving)
    }

    fn inspect_some(&mut self) -> Result<()> {
        let room = self.gate.config.workers.saturating_sub(self.inspections.len());
        if room == 0 {
            return Ok(());
        }
        let waiting = self.in_stage(Stage::Quarantined)?;
        let fresh = waiting.into_iter().filter(|transfer| !self.inspecting.contains(transfer));
        for transfer in fresh.take(room).collect::<Vec<_>>() {
            self.inspecting.insert(transfer);
            let gate = Arc::clone(&self.gate);
            self.inspections.spawn(async move { (transfer, crossing::inspect(&gate, transfer).await) });
        }
        Ok(())
    }

    fn inspected(&mut self, done: Result<(Id<Transfer>, Result<()>), tokio::task::JoinError>) {
        match done {
            Ok((transfer, outcome)) => {
                self.inspecting.remove(&transfer);
                if let Err(error) = settle(outcome) {
                    tracing::error!(%error, reference = %transfer.reference(), "an inspection failed; it is tried again");
                    self.sweep_due = true;
                }
            }
            Err(error) => {
                // A bug in our own half: the transfer stays in quarantine and is tried again at the next sweep.
                tracing::error!(%error, "an inspection met a bug");
                self.inspecting.clear();
            }
        }
    }

    async fn rule_again(&mut self, touched: Touched) -> Result<()> {
        for party in &touched.keys_of {
            for transfer in self.gate.read(|view, _| view.open_of(Some(*party)))? {
                self.look_at_key_again(transfer).await?;
            }
        }
        let mut again = touched.transfers;
        if touched.everything {
            again.extend(self.gate.read(|view, _| view.open_of(None))?);
        }
        for party in touched.parties {
            again.extend(self.gate.read(|view, _| view.open_of(Some(party)))?);
        }
        for transfer in again {
            let held =
                self.gate.read(|view, _| view.transfer(transfer))?.is_some_and(|view| crossing::may_change(&view));
            if held {
                settle(crossing::rule(&self.gate, transfer).await)?;
            }
        }
        Ok(())
    }

    /// A newly registered key may be the one that signed what is held.
    async fn look_at_key_again(&self, transfer: Id<Transfer>) -> Result<()> {
        let found = self.gate.read(|view, _| view.inspected(transfer))?;
        if found.is_some_and(|found| found.signature == SignatureState::UnknownKey) {
            settle(crossing::reopen(&self.gate, &self.gate.caller, transfer, ReopenCause::Asked).await)?;
        }
        Ok(())
    }

    async fn hand_over(&mut self) -> Result<()> {
        for transfer in self.to_hand_over.clone() {
            if crossing::hand_over(&self.gate, transfer).await? {
                self.to_hand_over.remove(&transfer);
            }
        }
        Ok(())
    }

    async fn sweep(&mut self) -> Result<()> {
        let at = self.gate.clock.now();
        for transfer in self.gate.read(|view, _| view.open_of(None))? {
            self.sweep_one(transfer, at).await?;
        }
        for transfer in self.gate.read(|view, _| view.in_stage(Stage::Released, u32::MAX))? {
            let view = self.gate.read(|view, _| view.transfer(transfer))?;
            let aged = view
                .as_ref()
                .and_then(|view| view.inspected_at)
                .is_some_and(|when| at.millis_since(when) > VERDICT_AGE_MS_MAX);
            if view.as_ref().is_some_and(|view| self.gate.is_isolated(view.party)) {
                // An isolation whose withholding was interrupted.
                settle(crossing::withhold(&self.gate, transfer, WithholdCause::Isolated).await)?;
            } else if aged {
                settle(crossing::withhold(&self.gate, transfer, WithholdCause::VerdictAged).await)?;
                settle(crossing::reopen(&self.gate, &self.gate.caller, transfer, ReopenCause::VerdictAged).await)?;
            } else {
                self.to_hand_over.insert(transfer);
            }
        }
        self.end_uploads(at).await?;
        self.reap(at).await?;
        if self.fresh {
            self.take_keys_back().await?;
            self.fresh = false;
        }
        Ok(())
    }

    /// Keys that a crash left where deliveries take them, although their transfers were withheld.
    async fn take_keys_back(&self) -> Result<()> {
        for stage in [Stage::Quarantined, Stage::Inspected, Stage::Held, Stage::NotChecked] {
            for transfer in self.gate.read(|view, _| view.in_stage(stage, u32::MAX))? {
                let Some(view) = self.gate.read(|view, _| view.transfer(transfer))? else { continue };
                if self.gate.vault.is_released(view.object).await? {
                    self.gate.vault.withhold(transfer, view.object).await?;
                }
            }
        }
        Ok(())
    }

    async fn sweep_one(&self, transfer: Id<Transfer>, at: Timestamp) -> Result<()> {
        let Some(view) = self.gate.read(|view, _| view.transfer(transfer))? else { return Ok(()) };
        if matches!(view.stage, Stage::Held | Stage::NotChecked) && at.millis_since(view.since) >= HOLD_MS_MAX {
            return settle(crossing::expire(&self.gate, transfer).await);
        }
        if view.stage == Stage::NotChecked && self.retry_is_due(transfer, view.arrived_at, at)? {
            return settle(crossing::reopen(&self.gate, &self.gate.caller, transfer, ReopenCause::InspectorBack).await);
        }
        if crossing::may_change(&view) {
            settle(crossing::rule(&self.gate, transfer).await)?;
        }
        Ok(())
    }

    /// Whether an inspection that ended in error is to be tried again now.
    fn retry_is_due(&self, transfer: Id<Transfer>, arrived: Timestamp, at: Timestamp) -> Result<bool> {
        if at.millis_since(arrived) > RETRY_MS_MAX {
            return Ok(false);
        }
        self.gate.read(|view, _| {
            let failed = view
                .inspected(transfer)?
                .is_some_and(|found| found.verdicts.iter().any(|row| row.verdict == Verdict::Error));
            let tries: Vec<Timestamp> = view
                .entries_about(transfer.cast())?
                .into_iter()
                .filter(|entry| matches!(entry.event, Event::TransferInspected(_)))
                .map(|entry| entry.at)
                .collect();
            let wait = tries.len().checked_sub(1).and_then(|n| RETRY_MS.get(n)).copied().unwrap_or(HOUR_MS);
            Ok(failed && tries.last().is_some_and(|last| at.millis_since(*last) >= wait))
        })
    }

    /// Uploads whose day is over become no transfer; their senders read so in the journal.
    async fn end_uploads(&self, at: Timestamp) -> Result<()> {
        for upload in self.gate.read(|_, side| side.expired_uploads(at, BATCH_MAX))? {
            crate::intake::note_unfinished(&self.gate, &upload).await?;
            crate::intake::receiving::drop_kept(&self.gate, &upload).await?;
        }
        Ok(())
    }

    /// Blobs that nobody names any more.
    async fn reap(&self, at: Timestamp) -> Result<()> {
        let gate = Arc::clone(&self.gate);
        let before = Timestamp::from_millis(at.as_millis().saturating_sub(ORPHAN_MS));
        let orphans = tokio::task::spawn_blocking(move || {
            gate.vault.broker().blobs().orphans(before, &mut |object| {
                let claimed = gate.read(|view, side| Ok(view.has_object(object)? || side.has_open_object(object)?));
                // In doubt a blob stays.
                Ok(claimed.unwrap_or(true))
            })
        });
        for orphan in crate::vault::joined(orphans.await)? {
            self.gate.vault.discard(orphan.object).await?;
        }
        Ok(())
    }
}

/// A refusal in here means that the transfer moved on meanwhile: nothing is left to do.
fn settle(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::Refused(_)) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

fn touch(touched: &mut Touched, event: &Event, subject: Id<Transfer>) {
    match event {
        Event::Approved(_) | Event::Rejected(_) => {
            touched.transfers.insert(subject);
        }
        Event::PartyRecorded(fact) => {
            touched.parties.insert(fact.party);
        }
        Event::VettingConcluded(fact) => {
            touched.parties.insert(fact.party);
        }
        Event::Isolated(fact) => {
            touched.parties.insert(fact.party);
        }
        Event::CredentialAdded(fact) if fact.kind == CredentialKind::SigningKey => {
            touched.keys_of.extend(fact.party);
        }
        Event::IsolationLifted(_)
        | Event::EngagementRecorded(_)
        | Event::AgreementRecorded(_)
        | Event::PolicyActivated(_)
        | Event::PersonRecorded(_)
        | Event::RoleGranted(_)
        | Event::RoleEnded(_) => touched.everything = true,
        Event::TransferArrived(_)
        | Event::TransferInspected(_)
        | Event::TransferRuled(_)
        | Event::TransferReleased(_)
        | Event::TransferWithheld(_)
        | Event::TransferReopened(_)
        | Event::TransferWithdrawn(_)
        | Event::TransferExpired(_)
        | Event::TransferSuperseded(_)
        | Event::TransferDelivered(_)
        | Event::DeliveryBegun(_)
        | Event::DeliveryAborted(_)
        | Event::RequestOpened(_)
        | Event::RelianceRecorded(_)
        | Event::ProductRecorded(_)
        | Event::PersonInvited(_)
        | Event::CredentialAdded(_)
        | Event::CredentialRevoked(_)
        | Event::EpochOpened(_)
        | Event::KekEpochOpened(_)
        | Event::SessionsObserved(_) => {}
    }
}
