//! Integration tests: real worker processes, real archives, real messages.

mod corpus;
mod probes;
mod workers;
