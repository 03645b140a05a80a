//! HL7 v2: parts cover the file, leaves lie in order inside their message, values lead back to their bytes.
#![no_main]

use lazaret_formats::hl7::{Delimiters, File, escape};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = File::parse(data) else { return };
    let parts: Vec<_> = file.parts().collect();
    assert!(parts.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
    assert!(parts.last().is_none_or(|(_, range)| range.end <= data.len()));
    for message in file.messages() {
        let (whole, mut end) = (message.raw_range(), 0);
        let _ = (message.header(), message.notes(), message.charset());
        for leaf in message.leaves() {
            let span = message.span(&leaf);
            assert!(span.start >= end && span.start >= whole.start && span.end <= whole.end && !leaf.raw.is_empty());
            end = span.end;
            let value = message.decode(&leaf);
            let text = value.text();
            let back = message.raw_span(&value, 0..text.len());
            assert!(back.is_empty() || (back.start >= span.start && back.end <= span.end));
            let written = escape(text, message.delimiters());
            assert!(!written.contains(['\r', '\n', '\u{b}', '\u{1c}']));
            if !message.delimiters().are_odd() {
                comes_back(text, &written, message.delimiters());
            }
            let _ = leaf.role();
        }
    }
});

/// A value that was written as one field is read as that field, and as nothing else.
fn comes_back(text: &str, written: &str, delimiters: &Delimiters) {
    let mut bytes = b"MSH".to_vec();
    bytes.push(delimiters.field);
    bytes.extend(delimiters.encoding_characters());
    bytes.push(delimiters.field);
    bytes.extend(written.as_bytes());
    let file = File::parse(&bytes).expect("a header");
    let message = file.messages().next().expect("one");
    let values: Vec<_> = message.leaves().skip(1).map(|leaf| message.decode(&leaf).text().to_owned()).collect();
    let expected: &[&str] = if text.is_empty() { &[] } else { &[text] };
    assert_eq!(values, expected);
}
