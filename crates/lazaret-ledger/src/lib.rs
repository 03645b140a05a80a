//! The ledger's mathematics: entries, the Merkle tree over them, signed checkpoints, receipts, and their verification. What
//! an auditor compiles. Pure: bytes and values in, bytes and values out; no IO, no clock, no random number, none of our other
//! crates.
//!
//! Whoever only wants to check a receipt needs [`trust::Trust::parse`] and [`verify::verify`].
//!
//! Reading order:
//! 1. [`entry`]: what happened, as the bytes that are a leaf; on [`cbor`], the one encoding
//! 2. [`tree`]: roots and proofs (RFC 6962, RFC 9162); [`tile`]: the tree as files (C2SP tlog-tiles)
//! 3. [`note`] and [`key`]: signed text (C2SP signed-note); [`checkpoint`] and [`cosignature`]: what logs and witnesses sign
//! 4. [`proof`]: the file that holds it all together (C2SP tlog-proof); [`receipt`]: what our receipts put into it
//! 5. [`trust`]: whom a reader trusts (C2SP tlog-policy); [`commitment`]: how facts bind what may not stand in them;
//!    [`disclosed`]: what of that a receipt opens; [`content`]: the hash of a file that is compared with one
//! 6. [`verify`](mod@verify): every check in order
//!
//! What is not here: which facts there are and what they mean (lazaret-core), how entries are stored (lazaret-store), how
//! commitments' keys are derived (lazaret-vault), when a checkpoint is signed (lazaret).

pub mod cbor;
pub mod checkpoint;
pub mod commitment;
pub mod content;
pub mod cosignature;
pub mod disclosed;
pub mod entry;
pub mod key;
pub mod note;
pub mod proof;
pub mod receipt;
mod text;
pub mod tile;
pub mod tree;
pub mod trust;
pub mod verify;

pub use trust::Trust;
pub use verify::{Failure, Verified, verify};
