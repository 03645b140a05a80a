//! The only place that asks the time or draws a random number; both are passed down as values.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use lazaret_core::id::Id;
use lazaret_core::time::Timestamp;

/// The gate's clock: the machine's, unless the demo is being made and writes its past.
#[derive(Debug, Default)]
pub struct Clock {
    /// Milliseconds since 1970 that stand in for now; 0 for the machine's own time.
    set_to: AtomicU64,
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        match self.set_to.load(Ordering::Relaxed) {
            0 => machine_time(),
            millis => Timestamp::from_millis(millis),
        }
    }

    /// Stops the clock at an instant, while the demo's past is written; `None` lets it run again.
    pub fn set(&self, at: Option<Timestamp>) {
        self.set_to.store(at.map_or(0, Timestamp::as_millis), Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the time")]
fn machine_time() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Random bytes from the operating system.
///
/// # Panics
/// When the system gives none: nothing may go on without.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let drawn = getrandom::fill(&mut bytes);
    assert!(drawn.is_ok(), "the operating system gives no random bytes");
    bytes
}

/// A new random id.
pub fn new_id<T>() -> Id<T> {
    Id::from_bytes(random())
}
