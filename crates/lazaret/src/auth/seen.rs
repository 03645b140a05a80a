//! Sign-ins and failures as facts, many to an entry: a flood of failures costs a few entries a minute, not one each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lazaret_core::event::{Observation, Observed, SessionsObserved};
use lazaret_core::id::{Actor, Credential, Id};
use tokio::sync::{Notify, watch};

use crate::gate::Gate;

/// What was seen is recorded at most this often.
const REST: Duration = Duration::from_secs(5);
/// Observations of one entry. Of what is more, failures of unknown accounts are one observation anyway; the rest waits.
const OBSERVED_MAX: usize = 64;
/// Observations that wait; beyond it new ones are dropped, and the counter of failures still tells.
const WAITING_MAX: usize = 1_024;

type Key = (u8, Option<Id<Actor>>, Option<Id<Credential>>);

/// What was seen and is not recorded yet: of each kind, account and credential the last time.
#[derive(Debug, Default)]
pub struct Seen {
    waiting: Mutex<HashMap<Key, Observed>>,
    more: Notify,
    clock: crate::clock::Clock,
}

impl Seen {
    /// Somebody signed in, or failed to.
    pub fn saw(&self, what: Observation, actor: Option<Id<Actor>>, credential: Option<Id<Credential>>) {
        let at = self.clock.now();
        // A panic under the lock can only come from running out of memory.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind(what), actor, credential);
        if waiting.len() < WAITING_MAX || waiting.contains_key(&key) {
            waiting.insert(key, Observed { what, at, actor, credential });
        }
        drop(waiting);
        self.more.notify_one();
    }

    fn take(&self) -> Vec<Observed> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Observed> = waiting.drain().map(|(_, seen)| seen).collect();
        all.sort_by_key(|seen| (seen.at, seen.actor.map(|actor| *actor.as_bytes())));
        let rest = all.split_off(all.len().min(OBSERVED_MAX));
        for seen in rest {
            waiting.insert((kind(seen.what), seen.actor, seen.credential), seen);
        }
        all
    }
}

/// The kinds apart, in a form that a map takes.
fn kind(what: Observation) -> u8 {
    match what {
        Observation::Started => 0,
        Observation::Stopped => 1,
        Observation::SignedIn => 2,
        Observation::SignInFailed => 3,
    }
}

/// Records until `stop` turns true, and what is left then.
pub async fn run(gate: Arc<Gate>, seen: Arc<Seen>, mut stop: watch::Receiver<bool>) {
    loop {
        let all = seen.take();
        let is_all = all.is_empty();
        if !is_all {
            record(&gate, all).await;
        }
        let stopping = *stop.borrow();
        match (stopping, is_all) {
            (true, true) => return,
            (true, false) => continue,
            (false, _) => {}
        }
        tokio::select! {
            () = seen.more.notified() => {}
            _ = stop.wait_for(|stop| *stop) => continue,
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

async fn record(gate: &Arc<Gate>, seen: Vec<Observed>) {
    if gate.log.fenced().is_some() {
        return;
    }
    let recorded = gate.record(&gate.caller, move |_| Ok(SessionsObserved { seen: seen.clone() }.into())).await;
    if let Err(error) = recorded {
        tracing::warn!(%error, "sign-ins could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use lazaret_core::time::Timestamp;

    use super::*;

    #[test]
    fn a_flood_of_failures_is_a_few_observations() {
        let seen = Seen::default();
        let actor = |n: u32| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            Id::from_bytes(bytes)
        };
        for n in 0..10_000 {
            seen.saw(Observation::SignInFailed, None, None);
            seen.saw(Observation::SignInFailed, Some(actor(n % 3)), None);
        }
        assert_eq!(seen.take().len(), 4);
        assert!(seen.take().is_empty());
        for n in 0..10_000 {
            seen.saw(Observation::SignInFailed, Some(actor(n)), None);
        }
        let mut taken = 0;
        while let count @ 1.. = seen.take().len() {
            assert!(count <= OBSERVED_MAX);
            taken += count;
        }
        assert_eq!(taken, WAITING_MAX);
    }

    #[test]
    fn the_last_time_of_each_is_kept() {
        let seen = Seen::default();
        let (who, key) = (Some(Id::from_bytes([1; 16])), Some(Id::from_bytes([2; 16])));
        seen.clock.set(Some(Timestamp::from_millis(1)));
        seen.saw(Observation::SignedIn, who, key);
        seen.clock.set(Some(Timestamp::from_millis(9)));
        seen.saw(Observation::SignedIn, who, key);
        let all = seen.take();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].at, Timestamp::from_millis(9));
    }
}
