//! Inspectors, and the sandbox that they run in: the only code that opens hostile content.
//!
//! This crate cannot name the database, the vault or a socket, and it runs in a process that can open nothing: a *worker*,
//! `lazaret inspect --worker`. The gate spawns it, talks to it over two pipes, and believes only what decodes into a closed
//! schema. What a worker did not say is never clean.
//!
//! # Reading order
//! 1. [`protocol`]: what the gate and a worker say to each other. [`protocol::session`] is the gate's half.
//! 2. [`worker`]: a worker's life, from set-up to its last job.
//! 3. [`sandbox`]: how a process gives itself up, and the list of calls that are left to it.
//! 4. [`inspect`]: the walk over an object and everything inside it; [`content`] and [`budget`] are what it reads from and
//!    may use.
//! 5. The inspectors, each answering one question: `kind` (what is it really?), `archive` (what is inside?), [`malware`],
//!    `phi` (does it identify a person?), `sbom`, `signature`.
//! 6. [`report`]: the answer.
//!
//! # What it is not
//! It does not decide: a verdict is an observation, policy rules on it. It does not start processes, keep secrets, or log.
//! It is no antivirus engine: the built-in rules are few, and a gate adds its own.

pub mod budget;
pub mod content;
pub mod inspect;
pub mod malware;
pub mod protocol;
pub mod report;
pub mod sandbox;
pub mod worker;

mod archive;
mod json;
mod kind;
mod phi;
mod sbom;
mod signature;
