//! The ledger's mathematics.

pub mod cbor;
pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod key;
pub mod note;
mod text;
pub mod tile;
pub mod tree;
