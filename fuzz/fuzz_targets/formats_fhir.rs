//! FHIR: a document that is accepted is walked to its end, each value inside it and in order.
#![no_main]

use lazaret_formats::fhir::{Document, Value, documents, is_fhir};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for document in documents(data).flatten() {
        assert!(!document.resource_type().is_empty());
        let (mut seen, mut end) = (0_usize, 0);
        document.walk(|leaf| {
            seen += 1;
            assert!(!leaf.path.is_empty() && !leaf.resource.is_empty());
            let _ = leaf.path_text();
            if let Value::Text(text) = leaf.value {
                let span = leaf.span();
                assert!(span.start >= end && span.end <= data.len());
                assert_eq!(&data[span.clone()], text.raw.as_bytes());
                end = span.end;
            }
        });
        assert!(seen > 0, "the resourceType at least");
    }
    if let Ok(one) = Document::parse(data) {
        assert!(documents(data).flatten().any(|document| document.resource_type() == one.resource_type()));
    }
    let _ = is_fhir(data);
});
