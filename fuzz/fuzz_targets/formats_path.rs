//! Names: what is accepted is accepted again as itself, in any form, and resolution never leaves its tree.
#![no_main]

use lazaret_formats::path::{
    COMPONENT_BYTES_MAX, COMPONENTS_MAX, CrossingPath, NameCharset, NamePattern, PATH_BYTES_MAX, ServerPath,
    TemporaryNames, percent_decode_once,
};
use libfuzzer_sys::fuzz_target;

fn check(path: &CrossingPath) {
    assert_eq!(CrossingPath::parse(path.as_str().as_bytes()).as_ref(), Ok(path));
    assert_eq!(CrossingPath::parse(path.nfc().as_bytes()).as_ref(), Ok(path));
    assert!(path.as_str().len() <= PATH_BYTES_MAX && path.components().count() <= COMPONENTS_MAX);
    assert!(path.components().all(|part| !part.is_empty() && part.len() <= COMPONENT_BYTES_MAX && part != ".."));
    let root = ServerPath::root();
    let resolved = ServerPath::resolve(&root, path.as_str().as_bytes()).expect("an accepted name resolves");
    assert_eq!(resolved.as_bytes().strip_prefix(b"/"), Some(path.as_str().as_bytes()));
}

fuzz_target!(|data: &[u8]| {
    for charset in [NameCharset::Utf8, NameCharset::Windows1252] {
        if let Ok(path) = CrossingPath::parse_in(data, charset) {
            check(&path);
        }
    }
    if let Ok(path) = percent_decode_once(data).map(|decoded| CrossingPath::parse(&decoded)) {
        path.iter().for_each(check);
    }
    if let Ok(resolved) = ServerPath::resolve(&ServerPath::root(), data) {
        assert!(resolved.as_bytes().starts_with(b"/"));
        assert!(resolved.components().all(|part| part != b"." && part != b".."));
        assert_eq!(ServerPath::resolve(&ServerPath::root(), resolved.as_bytes()), Ok(resolved));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        patterns(text);
    }
});

/// A pattern fits the name that puts nothing in the star's place; no pattern fits every name.
fn patterns(text: &str) {
    if let Ok(pattern) = NamePattern::parse(text) {
        assert!(pattern.matches(&text.replace('*', "")));
        assert!(!(pattern.matches("") && pattern.matches("x")));
    }
    let lines: Vec<&str> = text.lines().collect();
    if let Ok(names) = TemporaryNames::parse(&lines) {
        assert!(lines.iter().all(|line| names.is_temporary(&line.replace('*', ""))));
    }
}
