//! The ledger's mathematics.

pub mod cbor;
pub mod entry;
pub mod tree;
