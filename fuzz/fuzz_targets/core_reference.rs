//! Ids, references and codes from any text: what is read is written and read again alike, and one letter more is not it.
#![no_main]

use lazaret_core::code::{CODE_BYTES_MAX, Code};
use lazaret_core::id::{Id, Person, Reference, Transfer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        let written = reference.to_string();
        assert_eq!(written.parse(), Ok(reference));
        assert_eq!(Reference::from_value(reference.value()), reference);
        assert!((written + "0").parse::<Reference>().is_err());
    }
    if let Ok(id) = text.parse::<Id<Transfer>>() {
        assert_eq!(id.to_string(), text);
        assert!(text.parse::<Id<Person>>().is_err());
        assert_eq!(id.reference().to_string().parse(), Ok(id.reference()));
    }
    if let Some(code) = Code::new(text) {
        assert!(code.as_str() == text && text.len() <= CODE_BYTES_MAX);
    }
});
