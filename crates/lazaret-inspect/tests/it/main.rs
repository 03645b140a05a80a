//! Integration tests: real worker processes, real archives, real messages.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and what it makes is small"
)]

mod beside;
mod corpus;
mod data;
mod eicar;
mod hostile;
mod people;
mod probes;
mod signed;
mod workers;
