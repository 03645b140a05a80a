//! minisign: what is accepted holds what its text says, byte for byte.
#![no_main]

use lazaret_formats::minisign::{PublicKey, Signature, TRUSTED_COMMENT_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(signature) = Signature::parse(data) {
        assert!(text.contains(&signature.trusted_comment) && text.contains(&signature.untrusted_comment));
        assert!(signature.trusted_comment.len() <= TRUSTED_COMMENT_BYTES_MAX);
        assert!(PublicKey::parse(data).is_err());
    }
    if let Ok(key) = PublicKey::parse(data) {
        assert_eq!(key.key_id.to_string().len(), 16);
    }
});
