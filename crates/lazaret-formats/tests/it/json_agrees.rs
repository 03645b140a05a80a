//! Another reader of JSON: what we accept it accepts, and the other way round, so that what was inspected is what is read.

use lazaret_formats::json::outline;
use serde::de::IgnoredAny;

use crate::any_bytes::Draw;

/// It takes more nesting, no byte-order mark, and looks into no string that it passes over.
fn accepted_by_form(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// It refuses numbers that it cannot hold and halves of surrogate pairs, which are JSON nevertheless.
fn accepted_in_full(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok()
}

#[test]
fn what_is_json_to_us_is_json_to_another_reader() {
    let seeds: [&[u8]; 4] = [
        include_bytes!("../data/fhir/patient.json"),
        include_bytes!("../data/cyclonedx/saas.json"),
        br#"{"a":[1,-0.5e+7,true,false,null,{"b":"x\u00e9\n\\\"/"}],"":[[],{}],"c":1E400}"#,
        b"[1.0e1, \"\\ud83d\\ude00\", 0, -1]",
    ];
    let (mut draw, mut both) = (Draw(0x0f1e_2d3c_4b5a_6978), 0);
    for seed in seeds {
        for _ in 0..if seed.len() > 2_000 { 300 } else { 6_000 } {
            let bytes = draw.mutate(seed);
            let ours = outline(&bytes).is_ok();
            assert!(!ours || accepted_by_form(&bytes), "{}", String::from_utf8_lossy(&bytes));
            assert!(ours || !accepted_in_full(&bytes), "{}", String::from_utf8_lossy(&bytes));
            both += usize::from(ours);
        }
    }
    assert!(both > 300, "only {both} mutations were JSON at all");
}
