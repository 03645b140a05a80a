//! Transfers that rest a moment after their arrival: their sender may still give them another name, or turn out not to have
//! been done. Inspection waits for the end of it. Kept in memory: after a restart nothing rests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazaret_core::id::{Id, Transfer};
use tokio::sync::watch;

use crate::gate::Gate;

/// What rests now.
#[derive(Debug)]
pub struct Resting {
    /// How many let it rest.
    transfers: Mutex<HashMap<Id<Transfer>, u32>>,
    ended: watch::Sender<u64>,
}

/// A transfer's rest, until dropped: nothing that goes wrong makes it rest for ever.
#[derive(Debug)]
pub struct Rest {
    gate: Arc<Gate>,
    transfer: Id<Transfer>,
}

impl Default for Resting {
    fn default() -> Resting {
        Resting { transfers: Mutex::default(), ended: watch::Sender::new(0) }
    }
}

impl Resting {
    /// Lets a transfer rest. May be called before it arrives.
    pub fn begin(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Rest {
        *gate.resting.lock().entry(transfer).or_default() += 1;
        Rest { gate: Arc::clone(gate), transfer }
    }

    fn end(&self, transfer: Id<Transfer>) {
        let mut transfers = self.lock();
        let left = transfers.get_mut(&transfer).map_or(0, |count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == 0 {
            transfers.remove(&transfer);
            self.ended.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Whether it rests.
    pub fn contains(&self, transfer: Id<Transfer>) -> bool {
        self.lock().contains_key(&transfer)
    }

    /// How many rest.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Hears whenever something rests no more.
    pub fn endings(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id<Transfer>, u32>> {
        // An addition or a removal under the lock.
        self.transfers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.gate.resting.end(self.transfer);
    }
}
