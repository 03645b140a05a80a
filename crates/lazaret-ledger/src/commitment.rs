//! Keyed commitments: how a fact binds what may not stand in it.
//!
//! A commitment is HMAC-SHA-256(k_c, value) (RFC 2104). The fact holds the 32 bytes; whoever is shown `k_c` and the value can
//! tell that it was this value. Without `k_c` nothing can be guessed, and once the key that `k_c` came from is destroyed
//! nobody can be shown anything any more. How `k_c` is derived is the gate's affair (`docs/book/receipt-format.md`); to open
//! one commitment it is enough.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The commitment to a value under a key.
#[must_use]
pub fn commit(k_c: &[u8; 32], value: &[u8]) -> [u8; 32] {
    // RFC 2104 section 2: a key that is shorter than the hash's block of 64 bytes is filled up with zeros.
    let mut block = [0_u8; 64];
    for (slot, byte) in block.iter_mut().zip(k_c) {
        *slot = *byte;
    }
    Hmac::<Sha256>::new(&block.into()).chain_update(value).finalize().into_bytes().into()
}

/// Whether key and value open a commitment.
#[must_use]
pub fn opens(commitment: &[u8; 32], k_c: &[u8; 32], value: &[u8]) -> bool {
    commit(k_c, value) == *commitment
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;

    /// HKDF-Expand (RFC 5869 section 2.3) for one block: what a gate does with the object's key to make `k_c`.
    fn derive(prk: &[u8; 32], label: &str, nonce: &[u8; 16]) -> [u8; 32] {
        commit(prk, &[b"lazaret/commit/v1\0", label.as_bytes(), b"\0", nonce, b"\x01"].concat())
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // EVIDENCE-OF: R-015
    #[test]
    fn the_content_commitment_of_the_test_vectors_is_met() {
        let object_key: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        let k_c = derive(&object_key, "content", &[0x30; 16]);
        assert_eq!(hex(&k_c), "efc3cd855b7fd80ed498265cc2f6b03d16318f037ca237a59bf716cab67a4718");
        let content: [u8; 32] = Sha256::digest(b"Lazaret test object\n").into();
        let commitment = commit(&k_c, &content);
        assert_eq!(hex(&commitment), "d29ae51dd25d685a0fac5f0776b3082c1eb9abdb9303d7c84b937c6498d3ceac");
        assert!(opens(&commitment, &k_c, &content));
    }

    #[test]
    fn rfc_4231_test_case_2_in_a_key_of_32_bytes() {
        // The same key as "Jefe", filled up with zeros as the standard does itself.
        let mut k_c = [0; 32];
        k_c[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&commit(&k_c, b"what do ya want for nothing?")), expected);
    }

    #[test]
    fn another_key_or_value_does_not_open() {
        let commitment = commit(&[1; 32], b"value");
        assert!(!opens(&commitment, &[2; 32], b"value"));
        assert!(!opens(&commitment, &[1; 32], b"valuf"));
        assert!(!opens(&commitment, &[1; 32], b"value\0"));
    }
}
