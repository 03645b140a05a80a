//! The rules of the house, one family a file. Each is a function from a tree to findings, so that a made-up tree can
//! show that it fails when it should.

pub mod arrows;
pub mod budget;
pub mod fuzzed;
pub mod hygiene;
pub mod placement;
pub mod sql;
pub mod tokens;
