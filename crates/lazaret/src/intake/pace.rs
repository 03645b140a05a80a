//! How slow a peer may be: a body that brings too little for too long is given up, so that nobody holds a connection and a
//! share of the gate for ever with a byte now and then.

use std::future::Future;
use std::time::Duration;

use lazaret_core::refusal::PartyCode;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// A peer is given up after this much waiting in which less than [`BYTES_MIN`] came: slower than 1 KiB a second.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
const BYTES_MIN: u64 = 300 * 1024;

/// The pace of one body. Only the waiting for it counts, not what the gate does with it.
#[derive(Debug, Default)]
pub struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Waits for the next piece; `length` says how long it is.
    ///
    /// # Errors
    /// The peer's time is over.
    pub async fn next<T>(&mut self, piece: impl Future<Output = T>, length: impl Fn(&T) -> usize) -> Result<T> {
        let began = Instant::now();
        let slow = |_| Error::malformed(PartyCode::Unfinished, "less than 300 KiB came in five minutes");
        let piece = tokio::time::timeout(self.left(), piece).await.map_err(slow)?;
        self.took(length(&piece), began.elapsed());
        Ok(piece)
    }

    fn left(&self) -> Duration {
        PATIENCE.saturating_sub(self.waited)
    }

    fn took(&mut self, bytes: usize, waited: Duration) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.waited = self.waited.saturating_add(waited);
        if self.bytes >= BYTES_MIN {
            *self = Pace::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a body of pieces of so many bytes, each waited for so long, is heard for an hour.
    fn is_heard(bytes: usize, wait: Duration) -> bool {
        let (mut pace, mut heard) = (Pace::default(), Duration::ZERO);
        while heard < Duration::from_secs(3_600) {
            if wait >= pace.left() {
                return false;
            }
            pace.took(bytes, wait);
            heard += wait;
        }
        true
    }

    #[test]
    fn a_kibibyte_a_second_is_heard_and_a_byte_now_and_then_is_not() {
        assert!(is_heard(1_030, Duration::from_secs(1)));
        assert!(is_heard(310 * 1024, Duration::from_secs(299)));
        assert!(!is_heard(1_000, Duration::from_secs(1)));
        assert!(!is_heard(1, Duration::from_secs(299)));
    }

    #[tokio::test]
    async fn what_comes_is_given_and_a_peer_whose_time_is_over_is_given_up() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(async { vec![1, 2] }, Vec::len).await.unwrap(), [1, 2]);
        let mut late = Pace { waited: PATIENCE, bytes: BYTES_MIN - 1 };
        assert!(late.next(std::future::pending::<Vec<u8>>(), Vec::len).await.is_err());
    }
}
