//! Failed sign-ins: after five from one source at one account within fifteen minutes that source waits there, and after
//! fifty at any accounts it waits everywhere. An account alone is never locked: whoever knows a name could lock its owner
//! out, and a passkey cannot be guessed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lazaret_core::digest::Digest;
use lazaret_core::time::{MINUTE_MS, Timestamp};

use super::source::Source;

/// Failures from one source at one account.
const FAILURES_MAX: usize = 5;
/// Failures from one source at all accounts.
const SOURCE_FAILURES_MAX: usize = 50;
/// They count for this long.
const WINDOW_MS: u64 = 15 * MINUTE_MS;
/// Places that are remembered; over it the oldest is forgotten.
const PLACES_MAX: usize = 20_000;

type Place = (Digest, Source);

/// What has failed lately. In memory: a restart forgets it, and an attacker cannot restart the gate.
#[derive(Debug, Default)]
pub struct Tries {
    failed: Mutex<HashMap<Place, Vec<Timestamp>>>,
}

impl Tries {
    /// Whether this source may try this account now.
    pub fn may_try(&self, account: &str, source: Source, at: Timestamp) -> bool {
        let failed = self.lock();
        let recent = |place: &Place| failed.get(place).map_or(0, |times| count(times, at));
        recent(&here(account, source)) < FAILURES_MAX && recent(&anywhere(source)) < SOURCE_FAILURES_MAX
    }

    /// Counted before the reply: a peer that hangs up must not win a free try.
    pub fn note_failure(&self, account: &str, source: Source, at: Timestamp) {
        let mut failed = self.lock();
        for (place, kept_max) in [(here(account, source), FAILURES_MAX), (anywhere(source), SOURCE_FAILURES_MAX)] {
            if failed.len() >= PLACES_MAX && !failed.contains_key(&place) {
                make_room(&mut failed, at);
            }
            let times = failed.entry(place).or_default();
            times.retain(|time| counts(*time, at));
            times.push(at);
            let surplus = times.len().saturating_sub(kept_max);
            times.drain(..surplus);
        }
    }

    /// A sign-in that succeeded clears what failed there before.
    pub fn note_success(&self, account: &str, source: Source) {
        self.lock().remove(&here(account, source));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Vec<Timestamp>>> {
        // Lists of times: a panic leaves nothing half done that matters.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn here(account: &str, source: Source) -> Place {
    (Digest::of(account.as_bytes()), source)
}

/// A digest of nothing stands for all accounts: no account has the empty name.
fn anywhere(source: Source) -> Place {
    (Digest::from_bytes([0; 32]), source)
}

fn counts(time: Timestamp, at: Timestamp) -> bool {
    at.millis_since(time) < WINDOW_MS
}

fn count(times: &[Timestamp], at: Timestamp) -> usize {
    times.iter().filter(|time| counts(**time, at)).count()
}

fn make_room(failed: &mut HashMap<Place, Vec<Timestamp>>, at: Timestamp) {
    failed.retain(|_, times| count(times, at) > 0);
    if failed.len() < PLACES_MAX {
        return;
    }
    let oldest = failed.iter().min_by_key(|(_, times)| times.last().copied()).map(|(place, _)| *place);
    if let Some(place) = oldest {
        failed.remove(&place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Source {
        Source::of(std::net::Ipv4Addr::LOCALHOST.into())
    }

    fn there() -> Source {
        Source::of(std::net::Ipv6Addr::LOCALHOST.into())
    }

    fn minute(minute: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + minute * MINUTE_MS)
    }

    #[test]
    fn the_sixth_try_waits_until_the_first_failure_is_fifteen_minutes_old() {
        let tries = Tries::default();
        for failure in 0..5 {
            assert!(tries.may_try("ana", local(), minute(failure)));
            tries.note_failure("ana", local(), minute(failure));
        }
        assert!(!tries.may_try("ana", local(), minute(5)));
        assert!(!tries.may_try("ana", local(), minute(14)));
        assert!(tries.may_try("ana", local(), minute(15)));
    }

    #[test]
    fn another_account_and_another_source_are_free() {
        let tries = Tries::default();
        (0..5).for_each(|_| tries.note_failure("ana", local(), minute(0)));
        assert!(tries.may_try("ben", local(), minute(0)));
        assert!(tries.may_try("ana", there(), minute(0)));
    }

    #[test]
    fn a_source_that_tries_every_account_waits_everywhere() {
        let tries = Tries::default();
        for account in 0..50 {
            tries.note_failure(&account.to_string(), local(), minute(0));
        }
        assert!(!tries.may_try("somebody else", local(), minute(0)));
        assert!(tries.may_try("somebody else", there(), minute(0)));
    }

    #[test]
    fn success_clears_the_account() {
        let tries = Tries::default();
        (0..4).for_each(|_| tries.note_failure("ana", local(), minute(0)));
        tries.note_success("ana", local());
        tries.note_failure("ana", local(), minute(1));
        assert!(tries.may_try("ana", local(), minute(1)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let tries = Tries::default();
        for account in 0..PLACES_MAX + 10 {
            tries.note_failure(&account.to_string(), local(), minute(0));
        }
        assert!(tries.lock().len() <= PLACES_MAX);
    }
}
