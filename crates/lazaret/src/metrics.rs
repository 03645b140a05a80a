//! Counters of one process. Never by party or person.

use std::sync::atomic::AtomicU64;

/// What is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    /// HTTP requests.
    pub requests: AtomicU64,
    /// Sign-ins that failed, by every channel.
    pub sign_in_failures: AtomicU64,
}
