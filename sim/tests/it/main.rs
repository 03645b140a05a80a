//! The simulator itself: its histories hold, they rebuild from what they stored, damage is found, and each invariant fails
//! when it should.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod damage;
mod histories;
mod oracles;
