//! Trust files from any bytes: what is understood reads back as itself.
#![no_main]

use lazaret_ledger::Trust;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(trust) = Trust::parse(bytes) {
        let written = trust.to_bytes();
        let again = Trust::parse(&written);
        assert_eq!(again.as_ref(), Ok(&trust));
        assert_eq!(trust.to_bytes(), written);
    }
});
