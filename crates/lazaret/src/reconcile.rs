//! The reconciler: for each transfer in stage X do Y. The stage in the register is the queue, so a crash leaves a stage and
//! never a lost job. What changed is read from the ledger; once a minute everything is looked at.

mod backoff;
mod entries;
pub mod reaper;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use lazaret_core::event::Event;
use lazaret_core::id::{Credential, Id, Transfer};
use lazaret_core::inspection::{SignatureState, Verdict};
use lazaret_core::refusal::Refusal;
use lazaret_core::register::CredentialKind;
use lazaret_core::request::Act;
use lazaret_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use lazaret_core::transfer::{HOLD_MS_MAX, ReopenCause, Stage, WithholdCause};
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time::Instant;

use crate::crossing;
use crate::error::{Error, Result};
use crate::gate::Gate;
use backoff::Backoff;
use entries::Touched;

/// Transfers taken from one stage at a time.
const BATCH_MAX: u32 = 256;
/// Entries read from the ledger at a time.
const ENTRIES_MAX: u32 = 1_024;
/// Everything is looked at again after this long, whatever the ledger says.
const SWEEP: Duration = Duration::from_secs(60);
/// After a fault of the store that may pass.
const FAULT_REST: Duration = Duration::from_secs(1);
/// An inspection that ended in error is tried again after so many milliseconds, the n-th time after the n-th; then hourly.
const RETRY_MS: [u64; 4] = [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS];
/// For how long.
const RETRY_MS_MAX: u64 = DAY_MS;

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
        let mut again = work.backoff.next(Instant::now());
        if let Err(error) = work.step().await {
            tracing::error!(%error, "the reconciler met a fault; it goes on");
            again = Some(Instant::now() + FAULT_REST);
        } else {
            again = again.into_iter().chain(work.backoff.next(Instant::now())).min();
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = commits.changed() => {}
            _ = sizes.changed() => {}
            _ = endings.changed() => {}
            Some(done) = work.inspections.join_next_with_id() => work.inspected(done),
            () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
            _ = sweep.tick() => work.sweep_due = true,
        }
    }
}

struct Reconciler {
    gate: Arc<Gate>,
    inspections: JoinSet<Result<()>>,
    inspecting: HashMap<task::Id, Id<Transfer>>,
    /// Released, and their key not yet moved: that waits for the signature.
    to_hand_over: BTreeSet<Id<Transfer>>,
    /// What entries ask for and is not done yet.
    touched: Touched,
    /// What failed lately.
    backoff: Backoff,
    /// The next entry to read; none before the first step.
    cursor: Option<u64>,
    sweep_due: bool,
    /// No sweep was made since the start.
    fresh: bool,
}

impl Reconciler {
    fn new(gate: Arc<Gate>) -> Reconciler {
        Reconciler {
            gate,
            inspections: JoinSet::new(),
            inspecting: HashMap::new(),
            to_hand_over: BTreeSet::new(),
            touched: Touched::default(),
            backoff: Backoff::default(),
            cursor: None,
            sweep_due: true,
            fresh: true,
        }
    }

    /// One round. Only a fault of the store ends it early; what goes wrong with one transfer is that one's affair.
    async fn step(&mut self) -> Result<()> {
        self.read_entries()?;
        self.follow().await?;
        self.inspect_some()?;
        for transfer in self.in_stage(Stage::Inspected)? {
            self.rule(transfer).await;
        }
        self.rule_again().await?;
        for transfer in self.in_stage(Stage::Cleared)? {
            let released = crossing::release(&self.gate, transfer).await;
            if matches!(released, Err(Error::Refused(Refusal::NoLongerCleared))) {
                self.reconsider(transfer).await?;
            } else if self.settle(transfer, "release", released) {
                self.to_hand_over.insert(transfer);
            }
        }
        self.hand_over().await;
        if std::mem::take(&mut self.sweep_due) {
            self.sweep().await?;
        }
        if self.inspections.is_empty() {
            let gate = Arc::clone(&self.gate);
            task::spawn_blocking(move || gate.station.refill());
        }
        Ok(())
    }

    /// What happened since the last step. The first step begins at the end: the sweep looks at everything anyway.
    fn read_entries(&mut self) -> Result<()> {
        let Some(head) = self.gate.read(|view, _| view.head())? else { return Ok(()) };
        let mut cursor = self.cursor.unwrap_or(head.size);
        while cursor < head.size {
            let entries = self.gate.read(|view, _| view.entries_from(head.epoch, cursor, ENTRIES_MAX))?;
            for entry in &entries {
                self.touched.hear(&entry.event, entry.subject.cast());
            }
            cursor += entries.len() as u64;
            self.cursor = Some(cursor);
        }
        self.cursor = Some(cursor);
        Ok(())
    }

    /// What the gate keeps in memory of the registers, and what people granted.
    async fn follow(&mut self) -> Result<()> {
        if self.touched.isolations {
            self.gate.refresh_isolations()?;
            self.touched.isolations = false;
        }
        if self.touched.policy {
            self.gate.refresh_policy()?;
            self.touched.policy = false;
        }
        while let Some(request) = self.touched.requests.first().copied() {
            if let Err(error) = crossing::carry_out_if_granted(&self.gate, request).await {
                tracing::error!(%error, %request, "a granted request was not carried out; it is tried at the next sweep");
            }
            self.touched.requests.remove(&request);
        }
        Ok(())
    }

    /// What stands in a stage and moves: not what belongs to an isolated party, nor what its sender is not done with, nor what
    /// failed a moment ago.
    fn in_stage(&self, stage: Stage) -> Result<Vec<Id<Transfer>>> {
        self.some_in_stage(stage, BATCH_MAX)
    }

    fn some_in_stage(&self, stage: Stage, rows_max: u32) -> Result<Vec<Id<Transfer>>> {
        let now = Instant::now();
        // As many more are read as may be left out: however many stand still, they keep nothing newer from its turn.
        let still = self.gate.resting.count().saturating_add(self.backoff.count(now));
        let read_max = rows_max.saturating_add(u32::try_from(still).unwrap_or(u32::MAX));
        let mut moving = self.gate.read(|view, _| view.moving_in_stage(stage, read_max))?;
        moving.retain(|transfer| !self.gate.resting.contains(*transfer) && self.backoff.is_due(*transfer, now));
        moving.truncate(rows_max as usize);
        Ok(moving)
    }

    fn inspect_some(&mut self) -> Result<()> {
        let room = self.gate.config.workers.saturating_sub(self.inspections.len());
        if room == 0 {
            return Ok(());
        }
        let waiting = self.in_stage(Stage::Quarantined)?;
        let under_way: BTreeSet<Id<Transfer>> = self.inspecting.values().copied().collect();
        for transfer in waiting.into_iter().filter(|transfer| !under_way.contains(transfer)).take(room) {
            let gate = Arc::clone(&self.gate);
            let task = self.inspections.spawn(async move { crossing::inspect(&gate, transfer).await });
            self.inspecting.insert(task.id(), transfer);
        }
        Ok(())
    }

    /// An inspection ended. One that recorded nothing leaves its transfer in quarantine, and that one rests before it is taken
    /// again, whatever the reason was: it is the oldest there, and would be taken for ever.
    fn inspected(&mut self, done: Result<(task::Id, Result<()>), task::JoinError>) {
        let (task, outcome) = match done {
            Ok((task, outcome)) => (task, outcome),
            Err(error) => (error.id(), Err(Error::internal(error))),
        };
        let Some(transfer) = self.inspecting.remove(&task) else { return };
        match outcome {
            Ok(()) => self.backoff.went_well(transfer),
            Err(error) => {
                tracing::error!(%error, reference = %transfer.reference(), "an inspection failed; it is tried again");
                self.backoff.failed(transfer, Instant::now());
            }
        }
    }

    async fn rule(&mut self, transfer: Id<Transfer>) {
        let ruled = crossing::rule(&self.gate, transfer).await;
        self.settle(transfer, "rule", ruled);
    }

    /// It was cleared, and may not be released: its verdict is old, or something else is true now.
    async fn reconsider(&mut self, transfer: Id<Transfer>) -> Result<()> {
        let at = self.gate.clock.now();
        let aged = self.gate.read(|view, _| view.transfer(transfer))?.is_some_and(|view| view.verdict_is_aged(at));
        if aged {
            self.reopen(transfer, ReopenCause::VerdictAged).await;
        } else {
            self.rule(transfer).await;
        }
        Ok(())
    }

    async fn reopen(&mut self, transfer: Id<Transfer>, cause: ReopenCause) {
        let reopened = crossing::reopen(&self.gate, &self.gate.caller, transfer, cause).await;
        self.settle(transfer, "reopen", reopened);
    }

    async fn rule_again(&mut self) -> Result<()> {
        for party in self.touched.keys_of.clone() {
            for transfer in self.gate.read(|view, _| view.open_of(Some(party)))? {
                self.look_at_key_again(transfer).await?;
            }
            self.touched.keys_of.remove(&party);
        }
        while let Some(credential) = self.touched.revoked.first().copied() {
            self.look_at_revoked_key(credential).await?;
            self.touched.revoked.remove(&credential);
        }
        let mut released = BTreeSet::new();
        if self.touched.everything {
            let (open, out) =
                self.gate.read(|view, _| Ok((view.open_of(None)?, view.in_stage(Stage::Released, u32::MAX)?)))?;
            self.touched.transfers.extend(open);
            released.extend(out);
            self.touched.everything = false;
        }
        while let Some(party) = self.touched.parties.first().copied() {
            let (open, out) = self.gate.read(|view, _| Ok((view.open_of(Some(party))?, view.released_of(party)?)))?;
            self.touched.transfers.extend(open);
            released.extend(out);
            self.touched.parties.remove(&party);
        }
        for transfer in released {
            self.look_at_release_again(transfer).await;
        }
        while let Some(transfer) = self.touched.transfers.first().copied() {
            let view = self.gate.read(|view, _| view.transfer(transfer))?;
            if view.is_some_and(|view| crossing::may_change(&view)) {
                self.rule(transfer).await;
            }
            self.touched.transfers.remove(&transfer);
        }
        Ok(())
    }

    /// A newly registered key may be the one that signed what is held.
    async fn look_at_key_again(&mut self, transfer: Id<Transfer>) -> Result<()> {
        let found = self.gate.read(|view, _| view.inspected(transfer))?;
        if found.is_some_and(|found| found.signature == SignatureState::UnknownKey) {
            self.reopen(transfer, ReopenCause::Asked).await;
        }
        Ok(())
    }

    /// What is released and would not be now is taken back; its entry has it ruled again. Whether it stays released.
    async fn look_at_release_again(&mut self, transfer: Id<Transfer>) -> bool {
        match crossing::take_back_if_doubtful(&self.gate, transfer).await {
            Ok(stays) => stays,
            Err(error) => {
                self.settle(transfer, "take back", Err(error));
                false
            }
        }
    }

    /// What a revoked key signed is looked at again: the signature is nobody's now. What was released by it is taken back.
    async fn look_at_revoked_key(&mut self, credential: Id<Credential>) -> Result<()> {
        let key = self.gate.read(|view, _| view.credential(credential))?;
        let key = key.filter(|key| key.kind == CredentialKind::SigningKey);
        let Some(party) = key.and_then(|key| key.party) else { return Ok(()) };
        let released = self.gate.read(|view, _| view.released_of(party))?;
        let open = self.gate.read(|view, _| view.open_of(Some(party)))?;
        for transfer in released.iter().chain(&open).copied() {
            let found = self.gate.read(|view, _| view.inspected(transfer))?;
            if found.is_none_or(|found| found.signature != SignatureState::Registered) {
                continue;
            }
            if released.contains(&transfer) {
                let withheld = crossing::withhold(&self.gate, transfer, WithholdCause::DecisionChanged).await;
                self.settle(transfer, "take back", withheld);
            }
            self.reopen(transfer, ReopenCause::Asked).await;
        }
        Ok(())
    }

    async fn hand_over(&mut self) {
        for transfer in self.to_hand_over.clone() {
            if !self.backoff.is_due(transfer, Instant::now()) {
                continue;
            }
            let (done, outcome) = match crossing::hand_over(&self.gate, transfer).await {
                Ok(done) => (done, Ok(())),
                Err(error) => (false, Err(error)),
            };
            if self.settle(transfer, "hand over", outcome) && done {
                self.to_hand_over.remove(&transfer);
            }
        }
    }

    async fn sweep(&mut self) -> Result<()> {
        let at = self.gate.clock.now();
        self.gate.refresh_isolations()?;
        self.gate.refresh_policy()?;
        let granted = self.gate.read(|view, _| view.open_requests(u32::MAX, at))?;
        self.touched
            .requests
            .extend(granted.iter().filter(|open| open.act != Act::ReleaseTransfer).map(|open| open.request));
        self.follow().await?;
        for transfer in self.gate.read(|view, _| view.open_of(None))? {
            self.sweep_one(transfer, at).await?;
        }
        for transfer in self.gate.read(|view, _| view.in_stage(Stage::Released, u32::MAX))? {
            if self.look_at_release_again(transfer).await {
                self.to_hand_over.insert(transfer);
            }
        }
        if self.fresh {
            self.take_keys_back().await?;
            self.fresh = false;
        }
        self.end_uploads(at).await
    }

    /// Keys that a crash left where deliveries take them, although their transfers were withheld.
    async fn take_keys_back(&mut self) -> Result<()> {
        for stage in [Stage::Quarantined, Stage::Inspected, Stage::Held, Stage::NotChecked] {
            for transfer in self.gate.read(|view, _| view.in_stage(stage, u32::MAX))? {
                let taken = take_key_back(&self.gate, transfer).await;
                self.settle(transfer, "take the key back", taken);
            }
        }
        Ok(())
    }

    async fn sweep_one(&mut self, transfer: Id<Transfer>, at: Timestamp) -> Result<()> {
        let Some(view) = self.gate.read(|view, _| view.transfer(transfer))? else { return Ok(()) };
        if matches!(view.stage, Stage::Held | Stage::NotChecked) && at.millis_since(view.since) >= HOLD_MS_MAX {
            let expired = crossing::expire(&self.gate, transfer).await;
            self.settle(transfer, "expire", expired);
        } else if view.stage == Stage::NotChecked && self.retry_is_due(transfer, view.arrived_at, at)? {
            self.reopen(transfer, ReopenCause::InspectorBack).await;
        } else if crossing::may_change(&view) {
            self.rule(transfer).await;
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
            crate::intake::end_expired(&self.gate, upload.id, at).await?;
        }
        Ok(())
    }

    /// Whether an act on one transfer was done. A refusal is no fault: the transfer moved on meanwhile, or nothing is to be
    /// changed. What failed rests, and the others go on.
    fn settle(&mut self, transfer: Id<Transfer>, act: &'static str, outcome: Result<()>) -> bool {
        match outcome {
            Ok(()) => {
                self.backoff.went_well(transfer);
                true
            }
            Err(Error::Refused(_)) => false,
            Err(error) => {
                tracing::error!(%error, act, reference = %transfer.reference(), "the reconciler comes back to a transfer");
                self.backoff.failed(transfer, Instant::now());
                false
            }
        }
    }
}

async fn take_key_back(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<()> {
    let Some(view) = gate.read(|view, _| view.transfer(transfer))? else { return Ok(()) };
    if gate.vault.is_released(view.object).await? {
        gate.vault.withhold(transfer, view.object).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use lazaret_core::transfer::Channel;

    use super::*;
    use crate::intake::resting::Resting;
    use crate::testing::{TestGate, announcement};

    #[tokio::test]
    async fn what_stands_still_keeps_nothing_newer_from_its_turn() {
        let gate = TestGate::new().await;
        let arrive = async |path: &str| {
            let mut receiving = gate.begin(announcement(path, Channel::Https), None).await.unwrap();
            receiving.push(Bytes::from_static(b"content")).await.unwrap();
            receiving.finish().await.unwrap().0.transfer
        };
        let (rests, failed) = (arrive("rests.txt").await, arrive("failed.txt").await);
        let _rest = Resting::begin(&gate, rests);
        let mut work = Reconciler::new(Arc::clone(&gate));
        work.backoff.failed(failed, Instant::now());
        let mut newer = [arrive("newer.txt").await, arrive("newest.txt").await];
        newer.sort_unstable();
        let of = |rows_max| {
            let mut found = work.some_in_stage(Stage::Quarantined, rows_max).unwrap();
            found.sort_unstable();
            found
        };
        assert_eq!(of(2), newer);
        assert_eq!(of(1).len(), 1, "no more than was asked for");
    }
}
