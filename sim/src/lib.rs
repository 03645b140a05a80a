//! A hospital from a seed: random acts, legal and illegal, of people and machines against the real rules and the real
//! store; after each step the invariants are checked. One seed is one history, every time.
//!
//! Reading order: [`invariant`] (what must hold), `act` (what can be done, as the gate's own `crossing.rs` does it), `draw`
//! (which act comes next), [`history`] (the loop), `world` (who is there), `random`.
//!
//! What is simulated is the domain and its records, in one process, with a clock that also jumps. Not simulated yet: bytes,
//! keys, protocols, crashes, lost writes, two processes at once.

mod act;
mod draw;
pub mod history;
pub mod invariant;
mod random;
mod world;

/// What a run can end by, besides a broken invariant.
pub type Result<T, E = lazaret_store::Error> = std::result::Result<T, E>;
