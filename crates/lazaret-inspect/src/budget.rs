//! What one job may use: time, unpacked bytes, members. One counter for the whole walk, so that ten small bombs are one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lazaret_core::inspection::Why;
use minicbor::{Decode, Encode};

/// What an object may unpack to before the ratio counts, in bytes.
pub const FREE_BYTES: u64 = 64 * 1024 * 1024;

/// Limits of one job (inspection of nested content; all of them are ends, not targets).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Limits {
    /// Archives inside archives; base64 counts as one.
    #[n(0)]
    pub depth_max: u32,
    /// Members of all archives together.
    #[n(1)]
    pub members_max: u64,
    /// Unpacked bytes of all members together.
    #[n(2)]
    pub unpacked_bytes_max: u64,
    /// Unpacked bytes per byte of the object, after the first 64 MiB.
    #[n(3)]
    pub ratio_max: u64,
    /// Bytes of a member's name.
    #[n(4)]
    pub name_bytes_max: u64,
    /// Time in milliseconds.
    #[n(5)]
    pub time_ms_max: u64,
}

impl Limits {
    /// The limits for an object of this size: 30 s and a second for each 20 MiB.
    pub fn for_size(size: u64) -> Limits {
        Limits {
            depth_max: 6,
            members_max: 100_000,
            unpacked_bytes_max: 32 * 1024 * 1024 * 1024,
            ratio_max: 100,
            name_bytes_max: 4096,
            time_ms_max: 30_000_u64.saturating_add(size / (20 * 1024 * 1024) * 1000),
        }
    }
}

/// What is left of a job's limits.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    size: u64,
    deadline: Option<Instant>,
    unpacked: AtomicU64,
    members: AtomicU64,
}

impl Budget {
    /// Begins to count for an object of this size.
    pub fn new(limits: Limits, size: u64) -> Budget {
        let deadline = Instant::now().checked_add(Duration::from_millis(limits.time_ms_max));
        Budget { limits, size, deadline, unpacked: AtomicU64::new(0), members: AtomicU64::new(0) }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// One archive further in.
    ///
    /// # Errors
    /// It would be too deep.
    pub fn descend(&self, depth: u32) -> Result<(), Why> {
        if depth > self.limits.depth_max { Err(Why::TooDeep) } else { Ok(()) }
    }

    /// One member more.
    ///
    /// # Errors
    /// There are too many, or the time is over.
    pub fn member(&self) -> Result<(), Why> {
        if self.members.fetch_add(1, Ordering::Relaxed) >= self.limits.members_max {
            return Err(Why::TooManyMembers);
        }
        self.time()
    }

    /// So many unpacked bytes more, counted as they come and not as a header claims.
    ///
    /// # Errors
    /// Too much in all, too much for so small an object, or the time is over.
    pub fn unpacked(&self, bytes: usize) -> Result<(), Why> {
        let all = self.unpacked.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        if all > self.limits.unpacked_bytes_max {
            return Err(Why::TooLarge);
        }
        if all > FREE_BYTES.max(self.size.saturating_mul(self.limits.ratio_max)) {
            return Err(Why::Ratio);
        }
        self.time()
    }

    /// # Errors
    /// The time is over.
    pub fn time(&self) -> Result<(), Why> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Why::Time),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(size: u64) -> Budget {
        Budget::new(Limits { members_max: 2, ..Limits::for_size(size) }, size)
    }

    #[test]
    fn the_member_after_the_last_is_too_many() {
        let budget = budget(1);
        assert_eq!([budget.member(), budget.member(), budget.member()], [Ok(()), Ok(()), Err(Why::TooManyMembers)]);
    }

    #[test]
    fn the_ratio_counts_after_the_first_64_mebibytes() {
        let small = budget(1000);
        assert_eq!(small.unpacked(64 * 1024 * 1024), Ok(()));
        assert_eq!(small.unpacked(1), Err(Why::Ratio));
        let larger = budget(1024 * 1024);
        assert_eq!(larger.unpacked(100 * 1024 * 1024), Ok(()));
        assert_eq!(larger.unpacked(1), Err(Why::Ratio));
    }

    #[test]
    fn depth_six_is_read_and_depth_seven_is_not() {
        assert_eq!(budget(1).descend(6), Ok(()));
        assert_eq!(budget(1).descend(7), Err(Why::TooDeep));
    }

    #[test]
    fn time_ends() {
        let none = Budget::new(Limits { time_ms_max: 0, ..Limits::for_size(1) }, 1);
        assert_eq!(none.time(), Err(Why::Time));
    }
}
