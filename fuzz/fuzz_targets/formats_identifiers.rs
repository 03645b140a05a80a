//! Identifiers: any text is some kinds or none; what passes a check is of its form, and kinds that exclude each other do.
#![no_main]

use lazaret_formats::identifiers::{Kind, age_over_89, kinds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let found = kinds(text);
    let has = |kind| found.contains(&kind);
    assert!(!(has(Kind::Ipv4) && has(Kind::Ipv6)) && !(has(Kind::Ihi) && has(Kind::HpiI)));
    assert!(!has(Kind::Ihi) || text.bytes().filter(u8::is_ascii_digit).count() == 16);
    assert!(!has(Kind::Ipv4) || text.matches('.').count() == 3);
    assert!(!has(Kind::Email) || text.contains('@'));
    for kind in found {
        let _ = (kind.letter().letter(), kind.class(), kind.sure_alone(text));
    }
    let _ = age_over_89(text);
});
