//! Facts from any bytes: what is read is the one spelling of what it says, under its own kind and no other.
#![no_main]

use lazaret_core::event::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let kind = Event::KINDS[usize::from(*first) % Event::KINDS.len()];
    if let Ok(event) = Event::decode(kind, bytes) {
        assert_eq!(event.kind(), kind);
        assert_eq!(event.encode(), bytes);
    }
});
