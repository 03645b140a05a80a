//! Attempts to collect that are under way. What one recipient fetches of one object by one door within a while is one attempt,
//! in as many requests as its client likes: each attempt is two entries in a story that fits into one receipt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lazaret_core::caller::Caller;
use lazaret_core::decision::Cleared;
use lazaret_core::id::{Actor, Delivery, Id, Transfer};
use lazaret_core::transfer::{Channel, DeliveryFault};
use tokio::sync::watch;

use crate::crossing;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// For so long after it began, further requests belong to the first attempt of a delivery; to each one after it for twice as
/// long. Whoever tries again and again leaves few attempts, however long it goes on.
const WINDOW: Duration = Duration::from_secs(15);
/// The window doubles so many times: to four hours.
const DOUBLINGS_MAX: u32 = 10;

/// What is collected, by whom, by which door.
type Key = (Id<Transfer>, Id<Actor>, Channel);
/// The attempt that a request may belong to. Held while one is begun: two requests at once begin one.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Attempt>>>>;

/// All of them.
#[derive(Debug, Default)]
pub struct Attempts {
    slots: Mutex<HashMap<Key, Slot>>,
}

/// One attempt, recorded.
#[derive(Debug)]
struct Attempt {
    delivery: Id<Delivery>,
    number: u32,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Requests or handles that are open.
    open: u32,
    /// The recipient has all of it.
    delivered: bool,
    /// What went wrong on our side.
    fault: Option<DeliveryFault>,
    /// No request belongs to it any more.
    ended: bool,
}

/// One request or handle of an attempt. Once all of them are dropped, and its time is over, the attempt has ended.
#[derive(Debug)]
pub struct Share(Arc<Attempt>);

impl Attempts {
    /// Begins an attempt, or goes on with the one under way: in either case on a dossier read now.
    ///
    /// # Errors
    /// Not released, or no longer allowed.
    pub(super) async fn begin(
        gate: &Arc<Gate>,
        caller: &Caller,
        transfer: Id<Transfer>,
        channel: Channel,
    ) -> Result<(Cleared, Share)> {
        let key = (transfer, caller.actor(), channel);
        let slot = Arc::clone(gate.attempts.lock().entry(key).or_default());
        let mut current = slot.lock_owned().await;
        if let Some(attempt) = current.as_ref().filter(|attempt| !attempt.state.borrow().ended) {
            let (cleared, next) = crossing::may_deliver(gate, caller, transfer, channel)?;
            if next.delivery == attempt.delivery && attempt.join() {
                return Ok((cleared, Share(Arc::clone(attempt))));
            }
        }
        let (gate, caller) = (Arc::clone(gate), caller.clone());
        // In a task of its own: what is recorded is seen through to its end though the caller hung up.
        let beginning = tokio::spawn(async move {
            let (cleared, begun) = match crossing::begin_delivery(&gate, &caller, transfer, channel).await {
                Ok(begun) => begun,
                Err(error) => {
                    drop(current);
                    gate.attempts.forget(key);
                    return Err(error);
                }
            };
            let state = watch::Sender::new(State { open: 1, ..State::default() });
            let attempt = Arc::new(Attempt { delivery: begun.delivery, number: begun.attempt, state });
            *current = Some(Arc::clone(&attempt));
            tokio::spawn(see_through(Arc::clone(&gate), caller, key, Arc::clone(&attempt)));
            Ok((cleared, Share(attempt)))
        });
        beginning.await.map_err(Error::internal)?
    }

    /// A slot goes once its attempt has ended or was never begun, unless another one is being begun.
    fn forget(&self, key: Key) {
        let mut slots = self.lock();
        let gone = slots.get(&key).is_some_and(|slot| {
            slot.try_lock().is_ok_and(|held| held.as_ref().is_none_or(|attempt| attempt.state.borrow().ended))
        });
        if gone {
            slots.remove(&key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        // An addition or a removal under the lock.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    fn join(&self) -> bool {
        self.state.send_if_modified(|state| {
            state.open += u32::from(!state.ended);
            !state.ended
        })
    }

    /// Ends it if nothing of it is open.
    fn end(&self) -> bool {
        self.state.send_if_modified(|state| {
            state.ended = state.open == 0;
            state.ended
        })
    }
}

impl Share {
    /// Whether the recipient has all of it by this attempt already.
    pub(super) fn is_delivered(&self) -> bool {
        self.0.state.borrow().delivered
    }

    /// The recipient has all of it, and that is recorded.
    pub(super) fn delivered(&self) {
        self.0.state.send_modify(|state| state.delivered = true);
    }

    /// Something went wrong that was not the peer.
    pub(super) fn failed(&self, fault: DeliveryFault) {
        self.0.state.send_modify(|state| state.fault = Some(fault));
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.open = state.open.saturating_sub(1));
    }
}

/// Until an attempt is over; then what became of it is recorded, if it was not delivered. What went wrong on our side ends it
/// at once, and so does the end of the gate.
async fn see_through(gate: Arc<Gate>, caller: Caller, key: Key, attempt: Arc<Attempt>) {
    let (mut state, mut failed, mut draining) = (attempt.state.subscribe(), attempt.state.subscribe(), gate.draining());
    tokio::select! {
        () = tokio::time::sleep(window(attempt.number)) => {}
        _ = draining.wait_for(|draining| *draining) => {}
        _ = failed.wait_for(|state| state.fault.is_some()) => {}
    }
    loop {
        let gone = state.wait_for(|state| state.open == 0).await.is_err();
        if gone || attempt.end() {
            break;
        }
    }
    gate.attempts.forget(key);
    let ended = *attempt.state.borrow();
    if ended.delivered {
        return;
    }
    let (transfer, fault) = (key.0, ended.fault.unwrap_or(DeliveryFault::PeerLeft));
    let aborted = crossing::abort_delivery(&gate, &caller, transfer, attempt.number, fault).await;
    if let Err(error) = aborted {
        tracing::warn!(%error, reference = %transfer.reference(), "an aborted delivery was not recorded");
    }
}

/// How long requests belong to the n-th attempt of a delivery.
fn window(number: u32) -> Duration {
    WINDOW * 2_u32.pow(number.saturating_sub(1).min(DOUBLINGS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_tries_for_a_week_leaves_few_attempts() {
        assert_eq!((window(1), window(2)), (WINDOW, WINDOW * 2));
        let (mut attempts, mut tried) = (0, Duration::ZERO);
        while tried < Duration::from_secs(7 * 86_400) {
            attempts += 1;
            tried += window(attempts);
        }
        assert!(attempts <= 50, "{attempts} attempts, two entries each");
    }

    #[test]
    fn an_attempt_ends_only_when_nothing_of_it_is_open_and_nothing_joins_it_then() {
        let state = watch::Sender::new(State { open: 1, ..State::default() });
        let attempt = Arc::new(Attempt { delivery: Id::from_bytes([1; 16]), number: 1, state });
        let first = Share(Arc::clone(&attempt));
        assert!(attempt.join() && !attempt.end());
        let second = Share(Arc::clone(&attempt));
        drop(first);
        assert!(!attempt.end(), "the second is open");
        drop(second);
        assert!(attempt.end() && !attempt.join());
    }
}
