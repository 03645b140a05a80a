//! Digest fields, sidecars, Prefer and Range: what is read is written and read again alike.
#![no_main]

use lazaret_formats::digest_fields::{Digests, Wanted};
use lazaret_formats::http_fields::{Part, WAIT_S_MAX, prefer_wait, range};
use lazaret_formats::sidecar::Sidecar;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(digests) = Digests::parse(data.split(|&byte| byte == b'\n')) {
        assert_eq!(Digests::parse([digests.to_string().as_bytes()]), Ok(digests));
    }
    if let Ok(wanted) = Wanted::parse([data]) {
        assert!(wanted.sha256 <= Some(10) && wanted.sha512 <= Some(10));
    }
    if let Ok(sidecar) = Sidecar::parse(data) {
        let _ = sidecar.digest_of("a");
    }
    assert!(prefer_wait([data]) <= Some(WAIT_S_MAX));
    for size in [0, 1, 1_000, u64::MAX] {
        if let Part::Bytes(bytes) = range(data, size) {
            assert!(bytes.start < bytes.end && bytes.end <= size);
        }
    }
});
