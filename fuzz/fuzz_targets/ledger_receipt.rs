//! Receipts, and what they disclose, from any bytes: one spelling, and a verdict without a panic whatever they claim.
#![no_main]

use std::sync::LazyLock;

use lazaret_ledger::disclosed::{CONTENT, Disclosed, MANIFEST, REASON};
use lazaret_ledger::receipt::Receipt;
use lazaret_ledger::{Trust, verify};
use libfuzzer_sys::fuzz_target;

/// The log of the test vectors (seed 01 x 32), so that a corpus of genuine receipts gets past the signature.
static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let policy = b"log hospital.example/log+24f0a583+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\nquorum none\n";
    Trust::parse(policy).expect("the policy of the test vectors")
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_bytes().as_deref(), Ok(bytes));
    }
    // No value is in the form of two labels.
    let read = [CONTENT, MANIFEST, REASON].map(|label| Disclosed::parse(label, bytes).is_ok());
    assert!(read.iter().filter(|read| **read).count() <= 1 || bytes.len() == 32);
    if let Ok(verified) = verify(bytes, &TRUST, None) {
        assert!(!verified.entries.is_empty() && verified.index < verified.size);
    }
});
