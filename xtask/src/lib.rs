//! Developer commands: the checks that keep the house as it was drawn, and the run of everything that CI runs.
//!
//! Reading order: [`tidy`] (what is checked), [`rules`] (each check with its reason), [`source`] and [`lexer`] (how a
//! Rust file is looked at without a compiler), [`floors`] (versions that may not sink), [`evidence`] (which test meets
//! which requirement), [`fuzz`] (every parser under random bytes), [`steps`] (what `./test` runs).

pub mod evidence;
pub mod finding;
pub mod floors;
pub mod fuzz;
pub mod lexer;
pub mod rules;
pub mod source;
pub mod steps;
pub mod threats;
pub mod tidy;
pub mod tree;
