//! What is counted about peers that have not signed in: how many, from where, and what a network did lately. Pure: time and
//! chance are handed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub(super) use crate::listen::Network;

/// Connections of one network that may wait for their sign-in. A party's scripts that start together fit in.
const PER_SOURCE_MAX: u32 = 10;
/// From this many strangers on, new ones are turned away by chance, so that a flood does not shut out everybody else.
const DROP_FROM: u32 = 60;
/// At so many every new one is turned away.
const DROP_ALL: u32 = 200;
/// Of a hundred, how many are turned away at the beginning of that range (OpenSSH's `MaxStartups 60:30:200`).
const DROP_PERCENT_FIRST: u32 = 30;
/// A network is kept out only once so much has accrued (OpenSSH's `PerSourcePenalties min:15s`): one typing error is none.
const PENALTY_MIN: Duration = Duration::from_secs(15);
/// The longest penalty.
const PENALTY_MAX: Duration = Duration::from_secs(600);
/// Networks whose penalties are remembered; beyond it the mildest is forgotten.
const PENALTIES_MAX: usize = 4_096;

/// What a stranger did. OpenSSH's `PerSourcePenalties` has the same times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offence {
    /// Failed to sign in.
    Failed,
    /// Did not sign in within the time for it.
    Dawdled,
    /// Sent what made our side fail.
    Crashed,
}

impl Offence {
    const fn penalty(self) -> Duration {
        match self {
            Offence::Failed => Duration::from_secs(5),
            Offence::Dawdled => Duration::from_secs(10),
            Offence::Crashed => Duration::from_secs(90),
        }
    }
}

/// Everybody who is connected and has not signed in.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: u32,
    by_network: HashMap<Network, u32>,
    penalties: HashMap<Network, Instant>,
}

/// A stranger's place. It is free again when this is dropped: at sign-in, or at the end.
#[derive(Debug)]
pub(super) struct Place {
    strangers: Arc<Strangers>,
    network: Network,
}

impl Strangers {
    /// Lets a peer wait for its sign-in, or turns it away. `chance` is a fresh random number.
    pub(super) fn admit(self: &Arc<Strangers>, network: Network, now: Instant, chance: u32) -> Option<Place> {
        let mut state = self.lock();
        let penalty = state.penalties.get(&network).map(|until| until.saturating_duration_since(now));
        let waiting = state.by_network.get(&network).copied().unwrap_or(0);
        let turned_away = penalty.is_some_and(|left| left >= PENALTY_MIN)
            || waiting >= PER_SOURCE_MAX
            || chance % 100 < drop_percent(state.total);
        if turned_away {
            return None;
        }
        state.total += 1;
        *state.by_network.entry(network).or_default() += 1;
        Some(Place { strangers: Arc::clone(self), network })
    }

    /// Adds to a network's penalty.
    pub(super) fn punish(&self, network: Network, offence: Offence, now: Instant) {
        let mut state = self.lock();
        state.penalties.retain(|_, until| *until > now);
        let until = state.penalties.get(&network).copied().unwrap_or(now).max(now) + offence.penalty();
        state.penalties.insert(network, until.min(now + PENALTY_MAX));
        if state.penalties.len() > PENALTIES_MAX {
            let mildest = state.penalties.iter().min_by_key(|(_, until)| **until).map(|(network, _)| *network);
            mildest.map(|network| state.penalties.remove(&network));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is a few additions; a panic between them cannot happen.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a hundred new strangers, how many are turned away while so many wait.
fn drop_percent(total: u32) -> u32 {
    match total {
        0..DROP_FROM => 0,
        DROP_FROM..DROP_ALL => {
            DROP_PERCENT_FIRST + (100 - DROP_PERCENT_FIRST) * (total - DROP_FROM) / (DROP_ALL - DROP_FROM)
        }
        DROP_ALL.. => 100,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.strangers.lock();
        state.total = state.total.saturating_sub(1);
        let left = state.by_network.get_mut(&self.network).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            state.by_network.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn a_network_is_counted_and_not_an_address() {
        assert_eq!(network("192.0.2.1"), network("192.0.2.254"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("::ffff:192.0.2.9"), network("192.0.2.1"));
        assert_eq!(network("2001:db8:0:ff::1"), network("2001:db8:0:1:ffff::2"));
        assert_ne!(network("2001:db8:0:ff::1"), network("2001:db8:0:100::1"));
    }

    #[test]
    fn ten_of_one_network_wait_and_the_eleventh_does_not() {
        let (strangers, now) = (Arc::new(Strangers::default()), Instant::now());
        let mut places: Vec<_> = (0..10).map(|_| strangers.admit(network("192.0.2.1"), now, 99).unwrap()).collect();
        assert!(strangers.admit(network("192.0.2.7"), now, 99).is_none());
        assert!(strangers.admit(network("198.51.100.1"), now, 99).is_some());
        places.pop();
        assert!(strangers.admit(network("192.0.2.7"), now, 99).is_some());
    }

    #[test]
    fn between_sixty_and_two_hundred_ever_more_are_turned_away() {
        assert_eq!([59, 60, 130, 199, 200, 5_000].map(drop_percent), [0, 30, 65, 99, 100, 100]);
        let (strangers, now) = (Arc::new(Strangers::default()), Instant::now());
        let mut places = Vec::new();
        for network in 0..200_u32 {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + (network << 8));
            places.extend(strangers.admit(Network::of(address.into()), now, 99));
        }
        assert_eq!(places.len(), 200);
        assert!(strangers.admit(network("192.0.2.1"), now, 99).is_none());
        places.truncate(60);
        assert!(strangers.admit(network("192.0.2.1"), now, 29).is_none());
        assert!(strangers.admit(network("192.0.2.1"), now, 30).is_some());
    }

    #[test]
    fn failures_add_up_to_a_penalty_that_passes() {
        let (strangers, now) = (Arc::new(Strangers::default()), Instant::now());
        let admitted =
            |after_s| strangers.admit(network("192.0.2.1"), now + Duration::from_secs(after_s), 99).is_some();
        strangers.punish(network("192.0.2.9"), Offence::Failed, now);
        strangers.punish(network("192.0.2.9"), Offence::Failed, now);
        assert!(admitted(0), "ten seconds are below what is enforced");
        strangers.punish(network("192.0.2.9"), Offence::Dawdled, now);
        assert!(!admitted(0));
        assert!(!admitted(5));
        assert!(admitted(6));
        for _ in 0..20 {
            strangers.punish(network("192.0.2.9"), Offence::Crashed, now);
        }
        assert!(!admitted(585));
        assert!(admitted(586), "no penalty is longer than ten minutes");
    }

    #[test]
    fn penalties_are_remembered_for_a_bounded_number_of_networks() {
        let (strangers, now) = (Strangers::default(), Instant::now());
        for network in 0..5_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(network << 8);
            strangers.punish(Network::of(address.into()), Offence::Failed, now);
        }
        assert_eq!(strangers.lock().penalties.len(), PENALTIES_MAX);
    }
}
