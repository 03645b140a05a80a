//! Transfers that rest a moment after their arrival: their sender may still give them another name, or turn out not to have
//! been done. Inspection waits for the end of it. Kept in memory: after a restart nothing rests.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lazaret_core::id::{Id, Transfer};
use tokio::sync::watch;

/// What rests now.
#[derive(Debug)]
pub struct Resting {
    transfers: Mutex<HashSet<Id<Transfer>>>,
    ended: watch::Sender<u64>,
}

impl Default for Resting {
    fn default() -> Resting {
        Resting { transfers: Mutex::default(), ended: watch::Sender::new(0) }
    }
}

impl Resting {
    /// A transfer begins to rest. Whoever calls this ends it too.
    pub fn begin(&self, transfer: Id<Transfer>) {
        self.lock().insert(transfer);
    }

    /// It rests no more.
    pub fn end(&self, transfer: Id<Transfer>) {
        if self.lock().remove(&transfer) {
            self.ended.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Whether it rests.
    pub fn contains(&self, transfer: Id<Transfer>) -> bool {
        self.lock().contains(&transfer)
    }

    /// Hears whenever something rests no more.
    pub fn endings(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Id<Transfer>>> {
        // One insertion or removal under the lock.
        self.transfers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
