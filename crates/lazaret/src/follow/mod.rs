//! Followers: each reads the ledger from where it stood and tells the world. No handler "also does" what a follower does.

pub mod log;
pub mod receipt;
pub mod seal;
