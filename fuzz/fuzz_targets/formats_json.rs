//! JSON: what is accepted is JSON to another reader too, and every string leads back to its bytes.
#![no_main]

use lazaret_formats::json::{DEPTH_MAX, Event, Scanner, lines, outline};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = outline(data) {
        assert!(found.depth <= DEPTH_MAX);
    }
    let mut scanner = Scanner::new(data);
    let mut end = 0;
    while let Ok(Some(event)) = scanner.next_event() {
        assert!(scanner.position() > end && scanner.position() <= data.len());
        end = scanner.position();
        if let Event::String(text) | Event::Key { text, .. } = event {
            let decoded = text.decode();
            assert_eq!(decoded.text(), text.to_str());
            let span = decoded.raw_span(0..decoded.text().len());
            assert!(decoded.text().is_empty() || span == text.span());
        }
    }
    assert!(lines(data).all(|(at, line)| data[at..].starts_with(line)));
});
