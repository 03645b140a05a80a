//! Integration tests: real worker processes, real archives, real messages.

mod corpus;
mod eicar;
mod hostile;
mod probes;
mod workers;
