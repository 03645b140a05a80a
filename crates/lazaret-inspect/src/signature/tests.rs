//! Tests of signature, by the published vector of minisign: the four bytes `test` under a known key.

use super::*;

const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const PREHASHED: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
";
const LEGACY: &str = "untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==";

/// The same key under another number.
fn other_key() -> String {
    use base64::Engine as _;
    let coder = base64::engine::general_purpose::STANDARD;
    let mut bytes = coder.decode(KEY).unwrap();
    bytes[5] ^= 1;
    coder.encode(bytes)
}

fn check(keys: &[&str], content: &[u8], signatures: &[&str], expected: Signed) {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let signatures: Vec<String> = signatures.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(Signatures::new(&keys).verify(&content, &signatures), expected);
}

#[test]
fn a_registered_key_signs_exactly_these_bytes() {
    check(&[KEY], b"test", &[PREHASHED], Signed::Registered);
    check(&[KEY], b"test", &[LEGACY], Signed::Registered);
    check(&[&other_key(), KEY], b"test", &[PREHASHED], Signed::Registered);
    check(&[&format!("untrusted comment: key\n{KEY}\n")], b"test", &[PREHASHED], Signed::Registered);
    check(&[KEY], b"Test", &[PREHASHED], Signed::Bad);
    check(&[KEY], b"test ", &[LEGACY], Signed::Bad);
}

#[test]
fn other_keys_and_no_signature_are_states_of_their_own() {
    check(&[&other_key()], b"test", &[PREHASHED], Signed::UnknownKey);
    check(&[], b"test", &[PREHASHED], Signed::UnknownKey);
    check(&["not a key"], b"test", &[PREHASHED], Signed::UnknownKey);
    check(&[KEY], b"test", &[], Signed::Unsigned);
    check(&[KEY], b"test", &["no signature"], Signed::Unreadable);
    // One good signature is enough, and one bad one is bad.
    check(&[KEY], b"test", &["no signature", PREHASHED], Signed::Registered);
    check(&[KEY], b"Test", &["no signature", PREHASHED], Signed::Bad);
}
