//! Uploads that are open in some session, found by their name: so that a STAT from another connection says how far one is, and
//! so that a client which reconnects goes on with what its lost connection still holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use lazaret_core::id::{Id, Lane, Party};

use super::upload::Slot;

/// Every open upload of this process. Their number is bounded by quota and handles.
#[derive(Debug, Default)]
pub(super) struct Live {
    by_name: Mutex<HashMap<[u8; 32], Vec<Weak<Slot>>>>,
}

impl Live {
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Vec<Weak<Slot>>>> {
        // A panic under the lock can only come from running out of memory.
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists an upload under a name.
    pub(super) fn add(&self, name_key: [u8; 32], slot: &Arc<Slot>) {
        let mut by_name = self.lock();
        let slots = by_name.entry(name_key).or_default();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(slot));
    }

    /// Lists it no more.
    pub(super) fn remove(&self, name_key: &[u8; 32], slot: &Arc<Slot>) {
        let mut by_name = self.lock();
        let Some(slots) = by_name.get_mut(name_key) else { return };
        slots.retain(|other| other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(slot)));
        if slots.is_empty() {
            by_name.remove(name_key);
        }
    }

    /// The newest upload of this name that holds bytes, other than `except`.
    pub(super) fn holding(&self, name_key: &[u8; 32], except: Option<&Arc<Slot>>) -> Option<Arc<Slot>> {
        let slots: Vec<Arc<Slot>> = self.lock().get(name_key)?.iter().filter_map(Weak::upgrade).collect();
        let other = |slot: &Arc<Slot>| except.is_none_or(|except| !Arc::ptr_eq(slot, except));
        slots.into_iter().rev().find(|slot| slot.is_open() && other(slot))
    }

    /// A party's uploads on a lane that hold bytes.
    pub(super) fn on_lane(&self, party: Id<Party>, lane: Id<Lane>) -> Vec<Arc<Slot>> {
        let all: Vec<Arc<Slot>> = self.lock().values().flatten().filter_map(Weak::upgrade).collect();
        all.into_iter().filter(|slot| slot.is_open() && slot.party == party && slot.lane == lane).collect()
    }
}
