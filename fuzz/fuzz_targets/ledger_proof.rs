//! Log proofs, tile names and entry bundles from any bytes: each has one spelling.
#![no_main]

use lazaret_ledger::proof::Proof;
use lazaret_ledger::tile::{Resource, read_bundle, write_bundle};
use lazaret_ledger::tree::{verify_consistency, verify_inclusion};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(proof) = Proof::parse(bytes) {
        assert_eq!(proof.to_bytes(), bytes);
        let size = proof.hashes.len() as u64;
        let _ = verify_inclusion(&[1; 32], proof.index, u64::MAX, &[2; 32], &proof.hashes);
        let _ = verify_consistency(size, proof.index, &[1; 32], &[2; 32], &proof.hashes);
    }
    if let Some(entries) = read_bundle(bytes) {
        assert_eq!(write_bundle(&entries).as_deref(), Some(bytes));
    }
    if let Ok(path) = std::str::from_utf8(bytes)
        && let Some(resource) = Resource::from_path(path)
    {
        assert_eq!(resource.path(), path);
    }
});
