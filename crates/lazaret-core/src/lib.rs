//! The domain of Lazaret: facts, rules and decisions. Pure: no IO, no clock, no random number.
//!
//! Reading order: [`event`] (what can happen), [`transfer`] (what may happen to a transfer), [`policy`] (who decides),
//! [`cases`] (what a set of rules must do), [`decision`] (the proofs that a decision was recorded), [`explanation`] (what people
//! are told), then the rest as needed.

pub mod agreement;
pub mod arrival;
pub mod caller;
pub mod cases;
pub mod code;
pub mod credential;
pub mod decision;
pub mod digest;
pub mod dossier;
pub mod event;
pub mod explanation;
pub mod id;
pub mod inspection;
pub mod party;
pub mod person;
pub mod policy;
pub mod refusal;
pub mod register;
pub mod request;
pub mod rules;
pub mod time;
pub mod transfer;
