//! Integration tests: real worker processes, real archives, real messages.

mod corpus;
mod eicar;
mod probes;
mod workers;
