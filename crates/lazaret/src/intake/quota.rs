//! What open uploads have reserved, per party. Reserved when an upload is made, freed on every exit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazaret_core::id::{Id, Party, Upload};
use lazaret_core::refusal::Refusal;

use crate::config::Limits;

/// An upload of unknown length reserves this much ahead of its writes.
pub const STEP_BYTES: u64 = 64 << 20;

/// Reservations of all open uploads.
#[derive(Debug)]
pub struct Quota {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: HashMap<Id<Party>, Used>,
    shares: HashMap<u64, Share>,
    /// Uploads that outlive their connection, with the share of each.
    kept: HashMap<Id<Upload>, u64>,
    next: u64,
    /// Declared bytes, not on the disk yet, of all uploads that are being written.
    promised_bytes: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Used {
    bytes: u64,
    uploads: u64,
}

/// What one upload has.
#[derive(Debug, Clone, Copy)]
struct Share {
    party: Id<Party>,
    bytes: u64,
    received_bytes: u64,
    /// Whether `bytes` is what its sender said, and not what it was given step by step.
    is_declared: bool,
    /// Who is writing it now; nobody while it rests.
    writers: u32,
}

impl Share {
    /// What the disk must have room for. An upload at rest has none: its sender may never come back, and everybody else's bytes
    /// would wait for theirs. When it goes on, it is asked anew whether there is room.
    fn promised_bytes(&self) -> u64 {
        if self.is_declared && self.writers > 0 { self.bytes.saturating_sub(self.received_bytes) } else { 0 }
    }
}

impl State {
    /// Puts a share in place of what it was before.
    fn put(&mut self, number: u64, share: Share) {
        self.free(number);
        let used = self.used.entry(share.party).or_default();
        *used = Used { bytes: used.bytes.saturating_add(share.bytes), uploads: used.uploads + 1 };
        self.promised_bytes = self.promised_bytes.saturating_add(share.promised_bytes());
        self.shares.insert(number, share);
    }

    fn free(&mut self, number: u64) {
        let Some(share) = self.shares.remove(&number) else { return };
        self.promised_bytes = self.promised_bytes.saturating_sub(share.promised_bytes());
        if let Some(used) = self.used.get_mut(&share.party) {
            used.bytes = used.bytes.saturating_sub(share.bytes);
            used.uploads = used.uploads.saturating_sub(1);
        }
    }

    fn change(&mut self, number: u64, change: impl FnOnce(&mut Share)) {
        let Some(mut share) = self.shares.get(&number).copied() else { return };
        change(&mut share);
        self.put(number, share);
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// One upload's reservation. Dropping it frees the quota, unless the upload is kept: then [`Quota::forget`] does.
#[derive(Debug)]
pub struct Reservation {
    quota: Arc<Quota>,
    number: u64,
    is_kept: bool,
}

impl Quota {
    /// No reservations.
    pub fn new(limits: Limits) -> Quota {
        Quota { limits, state: Mutex::default() }
    }

    /// Reserves for a new upload: its length if declared, else one step.
    ///
    /// # Errors
    /// `Quota` when the party's share is used up.
    pub fn reserve(self: &Arc<Quota>, party: Id<Party>, length_bytes: Option<u64>) -> Result<Reservation, Refusal> {
        let bytes = length_bytes.unwrap_or(STEP_BYTES);
        let mut state = self.lock();
        let used = state.used.get(&party).copied().unwrap_or_default();
        let more = used.bytes.saturating_add(bytes);
        if used.uploads >= self.limits.uploads_per_party_max || more > self.limits.party_bytes_max {
            return Err(Refusal::Quota);
        }
        let number = state.number();
        state.put(number, Share { party, bytes, received_bytes: 0, is_declared: length_bytes.is_some(), writers: 1 });
        Ok(Reservation { quota: Arc::clone(self), number, is_kept: false })
    }

    /// Makes a reservation outlive its connection.
    pub fn keep(&self, upload: Id<Upload>, reservation: &mut Reservation) {
        self.lock().kept.insert(upload, reservation.number);
        reservation.is_kept = true;
    }

    /// Counts an upload that is kept, where nobody did yet. What was promised to it before the process began stands, even if
    /// less is given today.
    pub fn count(&self, upload: Id<Upload>, party: Id<Party>, length_bytes: Option<u64>, received_bytes: u64) {
        let mut state = self.lock();
        if state.kept.contains_key(&upload) {
            return;
        }
        let steps = received_bytes.div_ceil(STEP_BYTES).max(1).saturating_mul(STEP_BYTES);
        let (bytes, is_declared) = (length_bytes.unwrap_or(steps), length_bytes.is_some());
        let number = state.number();
        state.put(number, Share { party, bytes, received_bytes, is_declared, writers: 0 });
        state.kept.insert(upload, number);
    }

    /// The reservation of a kept upload that goes on.
    ///
    /// # Errors
    /// `NotFound` if it is not counted: it arrived or ended.
    pub fn adopt(self: &Arc<Quota>, upload: Id<Upload>) -> Result<Reservation, Refusal> {
        let mut state = self.lock();
        let number = state.kept.get(&upload).copied().ok_or(Refusal::NotFound)?;
        state.change(number, |share| share.writers += 1);
        Ok(Reservation { quota: Arc::clone(self), number, is_kept: true })
    }

    /// Frees what a kept upload has reserved: it arrived, ended or expired.
    pub fn forget(&self, upload: Id<Upload>) {
        let mut state = self.lock();
        if let Some(number) = state.kept.remove(&upload) {
            state.free(number);
        }
    }

    /// Declared bytes that uploads which are being written still miss: the disk must have room for them beside its floor.
    pub fn promised_bytes(&self) -> u64 {
        self.lock().promised_bytes
    }

    /// Bytes and uploads that a party has reserved.
    pub fn used(&self, party: Id<Party>) -> (u64, u64) {
        self.lock().used.get(&party).map_or((0, 0), |used| (used.bytes, used.uploads))
    }

    /// Bytes that a party may still reserve, and uploads.
    pub fn rest(&self, party: Id<Party>) -> (u64, u64) {
        let (bytes, uploads) = self.used(party);
        (self.limits.party_bytes_max.saturating_sub(bytes), self.limits.uploads_per_party_max.saturating_sub(uploads))
    }

    /// The whole share of a party: bytes and uploads.
    pub fn share(&self) -> (u64, u64) {
        (self.limits.party_bytes_max, self.limits.uploads_per_party_max)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is a few additions; a panic between them cannot happen.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// So many bytes are there; reserves more where that is past what it reserved.
    ///
    /// # Errors
    /// `Quota` when the party's share is used up; what was reserved stays reserved.
    pub fn cover(&mut self, received_bytes: u64) -> Result<(), Refusal> {
        let mut state = self.quota.lock();
        // Ended meanwhile: whoever writes hears so when it is saved.
        let Some(mut share) = state.shares.get(&self.number).copied() else { return Ok(()) };
        if received_bytes > share.bytes {
            let steps = (received_bytes - share.bytes).div_ceil(STEP_BYTES).saturating_mul(STEP_BYTES);
            let used = state.used.get(&share.party).copied().unwrap_or_default();
            if used.bytes.saturating_add(steps) > self.quota.limits.party_bytes_max {
                return Err(Refusal::Quota);
            }
            share = Share { bytes: share.bytes.saturating_add(steps), is_declared: false, ..share };
        }
        state.put(self.number, Share { received_bytes, ..share });
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.quota.lock();
        if self.is_kept {
            state.change(self.number, |share| share.writers = share.writers.saturating_sub(1));
        } else {
            state.free(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota() -> Arc<Quota> {
        Arc::new(Quota::new(Limits {
            object_bytes_max: 1 << 40,
            uploads_per_party_max: 2,
            party_bytes_max: 3 * STEP_BYTES,
            free_bytes_min: 0,
            connections_max: 1,
        }))
    }

    // EVIDENCE-OF: R-112
    #[test]
    fn a_reservation_is_freed_on_every_exit() {
        let (quota, party) = (quota(), Id::from_bytes([1; 16]));
        let first = quota.reserve(party, Some(STEP_BYTES)).unwrap();
        assert_eq!(quota.used(party), (STEP_BYTES, 1));
        drop(first);
        assert_eq!(quota.used(party), (0, 0));
    }

    #[test]
    fn one_upload_or_one_byte_too_many_is_refused() {
        let (quota, party) = (quota(), Id::from_bytes([1; 16]));
        let _first = quota.reserve(party, Some(3 * STEP_BYTES)).unwrap();
        assert_eq!(quota.reserve(party, Some(1)).err(), Some(Refusal::Quota));
        let _second = quota.reserve(party, Some(0)).unwrap();
        assert_eq!(quota.reserve(party, Some(0)).err(), Some(Refusal::Quota));
        assert!(quota.reserve(Id::from_bytes([2; 16]), Some(1)).is_ok());
    }

    #[test]
    fn growth_past_the_share_is_refused_and_keeps_what_it_has() {
        let (quota, party) = (quota(), Id::from_bytes([1; 16]));
        let mut open = quota.reserve(party, None).unwrap();
        assert_eq!(open.cover(3 * STEP_BYTES), Ok(()));
        assert_eq!(open.cover(3 * STEP_BYTES + 1), Err(Refusal::Quota));
        assert_eq!(quota.used(party), (3 * STEP_BYTES, 1));
        assert_eq!(open.cover(1), Ok(()));
        assert_eq!(quota.used(party), (3 * STEP_BYTES, 1));
    }

    #[test]
    fn a_kept_upload_holds_its_share_until_it_is_forgotten() {
        let (quota, party, upload) = (quota(), Id::from_bytes([1; 16]), Id::from_bytes([7; 16]));
        let mut open = quota.reserve(party, None).unwrap();
        quota.keep(upload, &mut open);
        open.cover(STEP_BYTES + 1).unwrap();
        drop(open);
        assert_eq!(quota.used(party), (2 * STEP_BYTES, 1));
        let mut again = quota.adopt(upload).unwrap();
        assert_eq!(quota.used(party), (2 * STEP_BYTES, 1));
        quota.forget(upload);
        quota.forget(upload);
        assert_eq!(quota.used(party), (0, 0));
        assert!(quota.adopt(upload).is_err());
        again.cover(3 * STEP_BYTES).unwrap();
        drop(again);
        assert_eq!(quota.used(party), (0, 0), "what was forgotten is not counted anew by whoever still writes");
    }

    #[test]
    fn a_restart_counts_kept_uploads_again() {
        let (quota, party, upload) = (quota(), Id::from_bytes([1; 16]), Id::from_bytes([7; 16]));
        quota.count(upload, party, None, STEP_BYTES + 1);
        assert_eq!(quota.used(party), (2 * STEP_BYTES, 1));
        drop(quota.adopt(upload).unwrap());
        assert_eq!(quota.used(party), (2 * STEP_BYTES, 1));
        quota.count(Id::from_bytes([8; 16]), party, Some(9 * STEP_BYTES), 0);
        assert_eq!(quota.used(party), (11 * STEP_BYTES, 2), "what was promised before stands");
        assert_eq!(quota.reserve(party, Some(0)).err(), Some(Refusal::Quota));
    }

    #[test]
    fn what_rests_is_promised_no_room_until_it_goes_on() {
        let (quota, party, upload) = (quota(), Id::from_bytes([1; 16]), Id::from_bytes([7; 16]));
        let mut empty = quota.reserve(party, Some(100)).unwrap();
        quota.keep(upload, &mut empty);
        empty.cover(30).unwrap();
        assert_eq!(quota.promised_bytes(), 70);
        drop(empty);
        assert_eq!((quota.promised_bytes(), quota.used(party)), (0, (100, 1)), "its share stays its own");
        let again = quota.adopt(upload).unwrap();
        assert_eq!(quota.promised_bytes(), 70);
        drop(again);
        quota.forget(upload);
        quota.count(upload, party, Some(100), 0);
        assert_eq!((quota.promised_bytes(), quota.used(party)), (0, (100, 1)), "nobody writes after a restart");
    }

    #[test]
    fn what_was_declared_is_promised_until_it_is_there() {
        let (quota, party) = (quota(), Id::from_bytes([1; 16]));
        let mut declared = quota.reserve(party, Some(100)).unwrap();
        let _unknown = quota.reserve(party, None).unwrap();
        assert_eq!(quota.promised_bytes(), 100);
        declared.cover(30).unwrap();
        assert_eq!(quota.promised_bytes(), 70);
        // Cut back, it has them still to come.
        declared.cover(10).unwrap();
        assert_eq!(quota.promised_bytes(), 90);
        declared.cover(100).unwrap();
        assert_eq!(quota.promised_bytes(), 0);
        declared.cover(20).unwrap();
        drop(declared);
        assert_eq!(quota.promised_bytes(), 0);
    }
}
