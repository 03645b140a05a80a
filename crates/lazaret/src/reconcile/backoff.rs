//! How long what failed is left alone. One transfer that fails again and again takes no turn from the others.

use std::collections::HashMap;
use std::time::Duration;

use lazaret_core::id::{Id, Transfer};
use tokio::time::Instant;

/// After the n-th failure in a row the n-th of these, then the last.
const REST_S: [u64; 6] = [1, 5, 30, 120, 600, 3_600];
/// Whoever rested to the end and was not heard of again for so long has moved on by another way.
const FORGOTTEN: Duration = Duration::from_secs(2 * 3_600);

/// What failed lately.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failed: HashMap<Id<Transfer>, Failed>,
}

#[derive(Debug, Clone, Copy)]
struct Failed {
    times: usize,
    until: Instant,
}

impl Backoff {
    /// It failed once more.
    pub(super) fn failed(&mut self, transfer: Id<Transfer>, now: Instant) {
        let times = self.failed.get(&transfer).map_or(0, |failed| failed.times);
        let rest_s = REST_S.get(times).or(REST_S.last()).copied().unwrap_or_default();
        let until = now + Duration::from_secs(rest_s);
        self.failed.insert(transfer, Failed { times: times.saturating_add(1), until });
        self.failed.retain(|_, failed| now.duration_since(failed.until) < FORGOTTEN);
    }

    /// It went well: the next failure is its first.
    pub(super) fn went_well(&mut self, transfer: Id<Transfer>) {
        self.failed.remove(&transfer);
    }

    /// Whether it may be tried.
    pub(super) fn is_due(&self, transfer: Id<Transfer>, now: Instant) -> bool {
        self.failed.get(&transfer).is_none_or(|failed| failed.until <= now)
    }

    /// How many may not be tried yet.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.failed.values().filter(|failed| failed.until > now).count()
    }

    /// When the next may be tried of those that may not yet.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.failed.values().map(|failed| failed.until).filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_rests_longer_each_time_and_others_do_not() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let (one, other) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let mut at = now;
        for rest_s in REST_S.iter().chain(&[3_600, 3_600]) {
            backoff.failed(one, at);
            let (before, until) = (at + Duration::from_secs(rest_s - 1), at + Duration::from_secs(*rest_s));
            assert!(!backoff.is_due(one, before) && backoff.is_due(one, until), "{rest_s} s");
            assert_eq!((backoff.next(at), backoff.next(until)), (Some(until), None));
            assert!(backoff.is_due(other, at));
            at = until;
        }
        backoff.went_well(one);
        backoff.failed(one, at);
        assert!(backoff.is_due(one, at + Duration::from_secs(1)), "it begins again");
    }

    #[test]
    fn what_moved_on_is_forgotten() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(Id::from_bytes([1; 16]), now);
        backoff.failed(Id::from_bytes([2; 16]), now + FORGOTTEN + Duration::from_secs(1));
        assert_eq!(backoff.failed.len(), 1);
    }
}
