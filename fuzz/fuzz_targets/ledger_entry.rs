//! Entries from any bytes: what is read is the one spelling of what it says.
#![no_main]

use lazaret_ledger::cbor::{bytes_at, check_fact};
use lazaret_ledger::entry::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = (check_fact(bytes), bytes_at::<32>(bytes, 1));
    if let Ok((envelope, fact)) = decode(bytes) {
        assert_eq!(check_fact(fact), Ok(()));
        assert_eq!(encode(&envelope, fact), bytes);
    }
});
