//! The Merkle tree.

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash: of a leaf, of a node, of the whole tree.
pub type Hash = [u8; 32];

/// The hash of a leaf. RFC 6962 section 2.1: 0x00 before a leaf, 0x01 before a node, so that neither passes for the other.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into()
}
