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
    /// Uploads that outlive their connection, with what each has reserved.
    kept: HashMap<Id<Upload>, (Id<Party>, u64)>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Used {
    bytes: u64,
    uploads: u64,
}

impl State {
    fn free(&mut self, party: Id<Party>, bytes: u64) {
        if let Some(used) = self.used.get_mut(&party) {
            used.bytes = used.bytes.saturating_sub(bytes);
            used.uploads = used.uploads.saturating_sub(1);
        }
    }
}

/// One upload's reservation. Dropping it frees the quota, unless the upload is kept: then [`Quota::forget`] does.
#[derive(Debug)]
pub struct Reservation {
    quota: Arc<Quota>,
    party: Id<Party>,
    bytes: u64,
    kept_as: Option<Id<Upload>>,
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
        let used = state.used.entry(party).or_default();
        let more = used.bytes.saturating_add(bytes);
        if used.uploads >= self.limits.uploads_per_party_max || more > self.limits.party_bytes_max {
            return Err(Refusal::Quota);
        }
        *used = Used { bytes: more, uploads: used.uploads + 1 };
        Ok(Reservation { quota: Arc::clone(self), party, bytes, kept_as: None })
    }

    /// Makes a reservation outlive its connection.
    pub fn keep(&self, upload: Id<Upload>, reservation: &mut Reservation) {
        self.lock().kept.insert(upload, (reservation.party, reservation.bytes));
        reservation.kept_as = Some(upload);
    }

    /// The reservation of a kept upload that goes on; made anew where a restart lost it.
    ///
    /// # Errors
    /// `Quota` when it has to be made anew and the party's share is used up.
    pub fn adopt(
        self: &Arc<Quota>,
        upload: Id<Upload>,
        party: Id<Party>,
        length_bytes: Option<u64>,
        received_bytes: u64,
    ) -> Result<Reservation, Refusal> {
        let known = self.lock().kept.get(&upload).copied();
        if let Some((party, bytes)) = known {
            return Ok(Reservation { quota: Arc::clone(self), party, bytes, kept_as: Some(upload) });
        }
        let mut reservation = self.reserve(party, length_bytes)?;
        self.keep(upload, &mut reservation);
        reservation.cover(received_bytes)?;
        Ok(reservation)
    }

    /// Frees what a kept upload has reserved: it arrived, ended or expired.
    pub fn forget(&self, upload: Id<Upload>) {
        let mut state = self.lock();
        if let Some((party, bytes)) = state.kept.remove(&upload) {
            state.free(party, bytes);
        }
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
    /// Reserves more when the upload grows past what it reserved; whether it did.
    ///
    /// # Errors
    /// `Quota` when the party's share is used up; what was reserved stays reserved.
    pub fn cover(&mut self, received_bytes: u64) -> Result<bool, Refusal> {
        let mut grew = false;
        while self.bytes < received_bytes {
            let mut state = self.quota.lock();
            let used = state.used.entry(self.party).or_default();
            let more = used.bytes.saturating_add(STEP_BYTES);
            if more > self.quota.limits.party_bytes_max {
                return Err(Refusal::Quota);
            }
            used.bytes = more;
            self.bytes += STEP_BYTES;
            if let Some((_, kept)) = self.kept_as.and_then(|upload| state.kept.get_mut(&upload)) {
                *kept = self.bytes;
            }
            grew = true;
        }
        Ok(grew)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.kept_as.is_none() {
            self.quota.lock().free(self.party, self.bytes);
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
        assert_eq!(open.cover(3 * STEP_BYTES), Ok(true));
        assert_eq!(open.cover(1), Ok(false));
        assert_eq!(open.cover(3 * STEP_BYTES + 1), Err(Refusal::Quota));
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
        drop(quota.adopt(upload, party, None, STEP_BYTES + 1).unwrap());
        assert_eq!(quota.used(party), (2 * STEP_BYTES, 1));
        quota.forget(upload);
        quota.forget(upload);
        assert_eq!(quota.used(party), (0, 0));
    }

    #[test]
    fn a_restart_makes_the_reservation_of_a_kept_upload_anew() {
        let (quota, party, upload) = (quota(), Id::from_bytes([1; 16]), Id::from_bytes([7; 16]));
        let open = quota.adopt(upload, party, None, 2 * STEP_BYTES).unwrap();
        assert_eq!(quota.used(party), (2 * STEP_BYTES, 1));
        drop(open);
        assert_eq!(quota.used(party), (2 * STEP_BYTES, 1));
    }
}
