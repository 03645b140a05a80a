//! The grammar of RFC 8259, by what is accepted and where the rest is refused.

use super::*;

fn events(text: &str) -> Result<String, Malformed> {
    let (mut scanner, mut out) = (Scanner::new(text.as_bytes()), String::new());
    while let Some(event) = scanner.next_event()? {
        match event {
            Event::BeginObject => out.push('{'),
            Event::EndObject => out.push('}'),
            Event::BeginArray => out.push('['),
            Event::EndArray => out.push(']'),
            Event::Key { text, repeated } => out += &format!("{}{}:", text.to_str(), if repeated { "!" } else { "" }),
            Event::String(text) => out += &format!("'{}' ", text.to_str()),
            Event::Number { text, .. } => out += &format!("{text} "),
            Event::Bool(value) => out += &format!("{value} "),
            Event::Null => out += "null ",
        }
    }
    Ok(out)
}

#[test]
fn documents_are_read_as_the_standard_has_them() {
    let check = |text: &str, expected: &str| assert_eq!(events(text).as_deref(), Ok(expected), "{text}");
    check("{}", "{}");
    check(" [ ] ", "[]");
    check("\u{feff}null", "null ");
    check("{\"a\": [1, -0.5e+7, true, {\"b\": \"x\"}], \"c\":null}", "{a:[1 -0.5e+7 true {b:'x' }]c:null }");
    check("\"\\u00e9\\n\\/\\ud83d\\ude00\"", "'é\n/\u{1f600}' ");
    check("0", "0 ");
}

#[test]
fn what_is_no_json_is_refused_where_it_stops_being_json() {
    let check = |text: &str, at: usize| assert_eq!(events(text), Err(Malformed::Syntax { at }), "{text}");
    for (text, at) in [
        ("", 0),
        ("{", 1),
        ("[1,]", 3),
        ("{\"a\":1,}", 7),
        ("{\"a\" 1}", 5),
        ("{a:1}", 1),
        ("{1:1}", 1),
        ("[1 2]", 3),
        ("[}", 1),
        ("{]", 1),
        ("[1}", 2),
        ("1 2", 2),
        ("{} {}", 3),
        ("01", 1),
        ("+1", 0),
        ("1.", 2),
        (".5", 0),
        ("1e", 2),
        ("-", 1),
        ("nul", 0),
        ("NaN", 0),
        ("'a'", 0),
        ("\"a", 2),
        ("\"\t\"", 1),
        ("\"\\x\"", 1),
        ("\"\\u12g4\"", 1),
        ("// a\n1", 0),
        ("]", 0),
    ] {
        check(text, at);
    }
    let mut scanner = Scanner::new(b"[\"\xff\"]");
    scanner.next_event().unwrap();
    assert_eq!(scanner.next_event(), Err(Malformed::NotUtf8 { at: 2 }));
}

#[test]
fn a_repeated_key_is_found_though_written_otherwise() {
    assert_eq!(events("{\"ab\":1,\"\\u0061b\":2}").as_deref(), Ok("{ab:1 ab!:2 }"));
    assert_eq!(events("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}").as_deref(), Ok("{a:{a:1 }b:[{a:1 }{a:2 }]}"));
    assert_eq!(outline(b"{\"a\":1,\"a\":2,\"a\":3}").unwrap().repeated_keys, 2);
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(outline(nested(DEPTH_MAX).as_bytes()).unwrap().depth, DEPTH_MAX);
    let deeper = outline(nested(DEPTH_MAX + 1).as_bytes());
    assert_eq!(deeper, Err(Malformed::TooDeep { at: DEPTH_MAX }));
    assert!(outline("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn strings_lead_back_to_their_bytes() {
    let mut scanner = Scanner::new(b"[\"Jane \\u0052oe\"]");
    scanner.next_event().unwrap();
    let Ok(Some(Event::String(text))) = scanner.next_event() else { panic!("a string") };
    assert_eq!(text.span(), 2..15);
    let decoded = text.decode();
    assert_eq!((decoded.text(), decoded.raw_span(5..8)), ("Jane Roe", 7..15));
    assert_eq!(decoded.raw_span(0..4), 2..6);
    let half = Text { raw: "\\ud83d!", at: 0 }.decode();
    assert_eq!((half.text(), half.is_faithful()), ("\u{fffd}!", false));
    let wrong = Text { raw: "\\ud83d\\u0041", at: 0 }.decode();
    assert_eq!(wrong.text(), "\u{fffd}A");
}

#[test]
fn a_value_can_be_passed_over() {
    let mut scanner = Scanner::new(b"{\"a\":{\"b\":[1,{}]},\"c\":2}");
    scanner.next_event().unwrap();
    scanner.next_event().unwrap();
    scanner.skip_value().unwrap();
    assert!(matches!(scanner.next_event(), Ok(Some(Event::Key { text, .. })) if text.raw == "c"));
    scanner.skip_value().unwrap();
    assert_eq!(scanner.next_event(), Ok(Some(Event::EndObject)));
}

#[test]
fn lines_are_documents_of_their_own() {
    let found: Vec<_> = lines(b"{}\n\n [1]\r\n2").collect();
    assert_eq!(found, [(0, b"{}".as_slice()), (4, b" [1]\r"), (10, b"2")]);
    assert_eq!(outline(b"[1]").unwrap().root, Root::Array);
    assert_eq!(outline(b"{}").unwrap().root, Root::Object);
    assert_eq!(outline(b"1").unwrap().root, Root::Scalar);
}
