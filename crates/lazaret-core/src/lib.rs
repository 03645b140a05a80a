//! The domain of Lazaret: facts, rules and decisions. Pure: no IO, no clock, no random number.
//!
//! Reading order: [`event`] (what can happen), [`transfer`] (what may happen to a transfer), [`policy`] (who decides),
//! [`decision`] (the proofs that a decision was recorded), then the rest as needed.

pub mod decision;
pub mod digest;
pub mod id;
pub mod inspection;
pub mod time;
