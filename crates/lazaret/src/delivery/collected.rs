//! Which bytes of an object its recipient was given, over several handles or requests: a client that lost its connection, or
//! fetches by several at once, has all of it in the end, and that counts as collected.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lazaret_core::id::{Actor, Id, Transfer};

/// Pieces of one object that are remembered; who jumps about more than this acknowledges.
const RANGES_MAX: usize = 1_024;
/// Objects whose collected pieces are remembered beyond their handle; of more, those that were left alone the longest are
/// forgotten.
const REMEMBERED_MAX: usize = 4_096;

/// Which bytes of an object were served: ranges that neither overlap nor touch, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Every byte of so many.
    pub fn whole(bytes: u64) -> Ranges {
        let mut whole = Ranges::default();
        whole.add(0, bytes);
        whole
    }

    /// Adds a range.
    pub fn add(&mut self, from: u64, to: u64) {
        let first = self.0.partition_point(|&(_, end)| end < from);
        let after = self.0.partition_point(|&(start, _)| start <= to);
        let joined = self.0.get(first..after).unwrap_or_default();
        let from = joined.first().map_or(from, |&(start, _)| start.min(from));
        let to = joined.last().map_or(to, |&(_, end)| end.max(to));
        self.0.splice(first..after.max(first), [(from, to)]);
        self.0.truncate(RANGES_MAX);
    }

    fn is_all(&self, bytes: u64) -> bool {
        bytes == 0 || self.0.as_slice() == [(0, bytes)]
    }
}

/// Pieces that were collected by handles and requests that are over.
#[derive(Debug, Default)]
pub struct Collected {
    remembered: Mutex<Remembered>,
}

/// Who collects what.
type Collecting = (Id<Actor>, Id<Transfer>);

#[derive(Debug, Default)]
struct Remembered {
    /// With the number of the change that was the last.
    pieces: HashMap<Collecting, (u64, Ranges)>,
    changes: u64,
}

impl Collected {
    /// Adds what one handle or request served; whether it is everything now. Then it is known here no more: whoever cannot
    /// record the delivery puts it back with [`Collected::keep`].
    pub fn add(&self, actor: Id<Actor>, transfer: Id<Transfer>, served: &Ranges, bytes: u64) -> bool {
        let mut remembered = self.lock();
        let all = remembered.joined((actor, transfer), served);
        let complete = all.is_all(bytes);
        if !complete {
            remembered.keep((actor, transfer), all);
        }
        complete
    }

    /// Adds what one handle served and its peer may not have got: another one's end is waited for.
    pub fn keep(&self, actor: Id<Actor>, transfer: Id<Transfer>, served: &Ranges) {
        let mut remembered = self.lock();
        let all = remembered.joined((actor, transfer), served);
        remembered.keep((actor, transfer), all);
    }

    /// This recipient has it: nothing is missing any more.
    pub fn forget(&self, actor: Id<Actor>, transfer: Id<Transfer>) {
        self.lock().pieces.remove(&(actor, transfer));
    }

    /// It was taken back: what was given of it belongs to a release that is over, whoever got it.
    pub fn forget_all_of(&self, transfer: Id<Transfer>) {
        self.lock().pieces.retain(|(_, known), _| *known != transfer);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // A panic under the lock can only come from running out of memory.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn joined(&mut self, key: Collecting, served: &Ranges) -> Ranges {
        let mut all = self.pieces.remove(&key).map(|(_, known)| known).unwrap_or_default();
        served.0.iter().for_each(|&(from, to)| all.add(from, to));
        all
    }

    fn keep(&mut self, key: Collecting, all: Ranges) {
        if self.pieces.len() >= REMEMBERED_MAX {
            let oldest = self.pieces.iter().min_by_key(|(_, (change, _))| *change).map(|(key, _)| *key);
            oldest.map(|key| self.pieces.remove(&key));
        }
        self.changes += 1;
        self.pieces.insert(key, (self.changes, all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[(u64, u64)]) -> Ranges {
        let mut ranges = Ranges::default();
        of.iter().for_each(|&(from, to)| ranges.add(from, to));
        ranges
    }

    #[test]
    fn ranges_join_where_they_touch_and_only_there() {
        assert_eq!(ranges(&[(0, 5), (5, 9)]).0, [(0, 9)]);
        assert_eq!(ranges(&[(6, 9), (0, 5)]).0, [(0, 5), (6, 9)]);
        assert_eq!(ranges(&[(6, 9), (0, 5), (5, 6)]).0, [(0, 9)]);
        assert_eq!(ranges(&[(2, 3), (4, 5), (6, 7), (0, 10)]).0, [(0, 10)]);
        assert_eq!(ranges(&[(0, 10), (2, 3)]).0, [(0, 10)]);
        assert_eq!(ranges(&[(10, 20), (0, 1), (15, 30), (1, 2)]).0, [(0, 2), (10, 30)]);
    }

    #[test]
    fn all_means_every_byte_and_one_less_is_not_all() {
        assert!(ranges(&[(0, 10)]).is_all(10));
        assert!(!ranges(&[(0, 9)]).is_all(10) && !ranges(&[(1, 10)]).is_all(10));
        assert!(!ranges(&[(0, 4), (5, 10)]).is_all(10));
        assert!(Ranges::default().is_all(0));
    }

    #[test]
    fn two_handles_of_one_principal_make_a_whole_and_two_principals_do_not() {
        let collected = Collected::default();
        let (one, other, transfer) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]), Id::from_bytes([3; 16]));
        assert!(!collected.add(one, transfer, &ranges(&[(0, 5)]), 10));
        assert!(!collected.add(other, transfer, &ranges(&[(5, 10)]), 10));
        assert!(collected.add(one, transfer, &ranges(&[(5, 10)]), 10));
    }

    #[test]
    fn whoever_leaves_many_objects_unfinished_keeps_no_new_one_from_being_remembered() {
        let (collected, one) = (Collected::default(), Id::from_bytes([1; 16]));
        let transfer = |number: u64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            Id::from_bytes(bytes)
        };
        let most = REMEMBERED_MAX as u64;
        (0..most).for_each(|number| collected.keep(one, transfer(number), &ranges(&[(0, 5)])));
        // The first is gone on with; the second is then the one that was left alone the longest.
        assert!(!collected.add(one, transfer(0), &ranges(&[(5, 6)]), 10));
        collected.keep(one, transfer(most), &ranges(&[(0, 5)]));
        let completes = |number| collected.add(one, transfer(number), &ranges(&[(5, 10)]), 10);
        assert!(completes(most) && completes(0) && !completes(1) && completes(2));
        assert!(collected.lock().pieces.len() <= REMEMBERED_MAX);
    }

    #[test]
    fn what_was_delivered_or_taken_back_is_forgotten() {
        let collected = Collected::default();
        let (one, other) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let (first, second) = (Id::from_bytes([3; 16]), Id::from_bytes([4; 16]));
        let begin = || {
            for (actor, transfer) in [(one, first), (other, first), (one, second)] {
                collected.keep(actor, transfer, &ranges(&[(0, 5)]));
            }
        };
        let goes_on = |actor, transfer| collected.add(actor, transfer, &ranges(&[(5, 10)]), 10);
        begin();
        collected.forget(one, first);
        assert!(!goes_on(one, first) && goes_on(other, first) && goes_on(one, second));
        begin();
        collected.forget_all_of(first);
        assert!(!goes_on(other, first) && goes_on(one, second));
    }

    #[test]
    fn what_may_not_have_arrived_waits_for_a_handle_that_ends_well() {
        let collected = Collected::default();
        let (one, transfer) = (Id::from_bytes([1; 16]), Id::from_bytes([3; 16]));
        collected.keep(one, transfer, &ranges(&[(0, 10)]));
        assert!(collected.add(one, transfer, &ranges(&[(8, 10)]), 10));
        assert!(!collected.add(one, transfer, &ranges(&[(8, 10)]), 10), "what was delivered is forgotten");
    }
}
