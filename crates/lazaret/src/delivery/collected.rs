//! Which bytes of an object its recipient was given, over several handles or requests: a client that lost its connection, or
//! fetches by several at once, has all of it in the end, and that counts as collected.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lazaret_core::id::{Actor, Id, Transfer};

/// Pieces of one object that are remembered; who jumps about more than this acknowledges.
const RANGES_MAX: usize = 1_024;
/// Objects whose collected pieces are remembered beyond their handle.
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
    pieces: Mutex<HashMap<Collecting, Ranges>>,
}

/// Who collects what.
type Collecting = (Id<Actor>, Id<Transfer>);

impl Collected {
    /// Adds what one handle or request served; whether it is everything now. Then it is known here no more: whoever cannot
    /// record the delivery puts it back with [`Collected::keep`].
    pub fn add(&self, actor: Id<Actor>, transfer: Id<Transfer>, served: &Ranges, bytes: u64) -> bool {
        let mut pieces = self.lock();
        let all = joined(&mut pieces, (actor, transfer), served);
        let complete = all.is_all(bytes);
        if !complete {
            keep(&mut pieces, (actor, transfer), all);
        }
        complete
    }

    /// Adds what one handle served and its peer may not have got: another one's end is waited for.
    pub fn keep(&self, actor: Id<Actor>, transfer: Id<Transfer>, served: &Ranges) {
        let mut pieces = self.lock();
        let all = joined(&mut pieces, (actor, transfer), served);
        keep(&mut pieces, (actor, transfer), all);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Collecting, Ranges>> {
        // A panic under the lock can only come from running out of memory.
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined(pieces: &mut HashMap<Collecting, Ranges>, key: Collecting, served: &Ranges) -> Ranges {
    let mut all = pieces.remove(&key).unwrap_or_default();
    served.0.iter().for_each(|&(from, to)| all.add(from, to));
    all
}

fn keep(pieces: &mut HashMap<Collecting, Ranges>, key: Collecting, all: Ranges) {
    if pieces.len() < REMEMBERED_MAX {
        pieces.insert(key, all);
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
    fn what_may_not_have_arrived_waits_for_a_handle_that_ends_well() {
        let collected = Collected::default();
        let (one, transfer) = (Id::from_bytes([1; 16]), Id::from_bytes([3; 16]));
        collected.keep(one, transfer, &ranges(&[(0, 10)]));
        assert!(collected.add(one, transfer, &ranges(&[(8, 10)]), 10));
        assert!(!collected.add(one, transfer, &ranges(&[(8, 10)]), 10), "what was delivered is forgotten");
    }
}
