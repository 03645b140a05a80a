//! Tests of phi: rules by vectors and traps, then whole members.

use lazaret_core::inspection::PhiPresence;

use super::people::{Level, Span, Sure};
use super::*;
use crate::malware::Rules;
use crate::protocol::Job;
use crate::report::{Letter, Report};

fn spans(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    text::look(&Line { label: "", text, voice: Voice::Anyone }, &mut |span| found.push(span));
    found
}

/// What is at least probable in a line: its letters.
fn check(text: &str, expected: &[Letter]) {
    let letters: Vec<Letter> =
        spans(text).iter().filter(|span| span.sure >= Sure::Probable).map(|s| s.letter).collect();
    assert_eq!(letters, expected, "{text}");
}

fn look(name: &str, bytes: &[u8]) -> Report {
    static RULES: std::sync::OnceLock<Rules> = std::sync::OnceLock::new();
    let rules = RULES.get_or_init(|| Rules::compile(&[]).unwrap());
    crate::inspect::inspect(&bytes, &Job::new(name, bytes.len() as u64), rules)
}

#[test]
fn identifiers_are_found_by_check_digit_form_and_context() {
    use Letter::{A, B, C, D, E, F, G, H, I, J, K};
    check("IHI 8003608333647261 on file", &[I]);
    check("ihi: 8003 6083 3364 7261", &[I]);
    check("Medicare 2123 45670 1", &[I]);
    check("medicare card 21234567011", &[I]);
    check("NHS 943 476 5919", &[I]);
    check("her number is 943-476-5919", &[I]);
    check("SSN 536904399", &[G]);
    check("ssn: 536-90-4399", &[G]);
    check("MBI 1EG4-TE5-MK73", &[I]);
    check("NPI 1234567893", &[K]);
    check("card 4111-1111-1111-1111", &[J]);
    check("IBAN DE89 3704 0044 0532 0130 00", &[J]);
    check("call +61 2 7010 7520", &[D]);
    check("(555) 234-5678 or 555-234-5678", &[D, D]);
    check("Fax: 02 7010 7520", &[E]);
    check("write to mia.banks@example.com", &[F]);
    check("born 3 March 1950", &[C]);
    check("DOB 03/04/1950 noted", &[C]);
    check("a 94-year-old woman", &[C]);
    check("MRN 12345678", &[H]);
    check("policy number AB123456789", &[I]);
    check("Mrs Mia Banks was seen", &[A]);
    check("Patient: Mia Banks", &[A]);
    check("hello, my name is Mia and I am ill", &[A]);
    check("She lives at 12 Smith Street, Adelaide SA 5000", &[B]);
}

#[test]
fn traps_are_no_identifiers() {
    for text in [
        "OID 2.16.840.1.113883.3.27.1776 and 1.3.6.1.4.1",
        "version 10.2.3.4",
        "GTIN 09521234543213 SSCC 106141412345678908",
        "LOINC 24317-0, SNOMED 446141000124107",
        "module+el8.6.0+7062788254+f3d3cc2d",
        "this name is Foo and that is all",
        "lot 2123456701",
        "part number 123-456-78",
        "uuid ad2e3fc5-2b5d-4cb9-8d03-9ea0f4ac8423",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "2123456701",
        "4111111111111111",
        "536904399",
        "943476591",
        "an 89-year-old man",
        "2024-05-05 12:00:00 started",
        "http://hl7.org/fhir/StructureDefinition/x",
        "Dr. is a title and Street is a word",
        "see section 12 of the St Kilda report",
    ] {
        check(text, &[]);
    }
}

#[test]
fn authors_suppliers_and_offices_are_no_patients() {
    for text in [
        "Copyright (c) 2024 Jane Roe <jane@roe.example>",
        "Author: John Doe john@doe.example",
        "Signed-off-by: A B <a.b@c.example>",
        "questions: support@vendor.example",
        "call 1800 123 456 free of charge, tel 1800 123 456",
    ] {
        let direct = spans(text).into_iter().filter(|span| span.level == Level::Direct && span.sure >= Sure::Probable);
        assert!(
            direct.clone().all(|span| span.class == people::Class::Business),
            "{text}: {:?}",
            direct.collect::<Vec<_>>()
        );
    }
}

#[test]
fn random_numbers_are_never_certain_and_hardly_ever_probable() {
    let mut state = 81_204_u64;
    let (mut certain, mut probable, rounds) = (0, 0, 200_000);
    for round in 0..rounds {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let digits = format!("{:020}", state >> 1);
        for span in spans(&digits[..8 + round % 9]) {
            certain += usize::from(span.sure == Sure::Certain);
            probable += usize::from(span.sure == Sure::Probable);
        }
    }
    assert_eq!(certain, 0);
    assert!(probable * 1000 < rounds, "{probable} of {rounds}");
}

#[test]
fn an_identifier_with_one_digit_changed_is_none() {
    for text in ["IHI 8003608333647261", "Medicare 2123 45670 1", "NHS 943 476 5919", "NPI 1234567893"] {
        let last = text.char_indices().filter(|(_, c)| c.is_ascii_digit()).nth(7).unwrap();
        let other = if last.1 == '9' { '0' } else { char::from(last.1 as u8 + 1) };
        let changed = format!("{}{other}{}", &text[..last.0], &text[last.0 + 1..]);
        let sure = spans(&changed).into_iter().filter(|span| span.sure >= Sure::Probable).count();
        assert_eq!(sure, 0, "{changed}");
    }
}

#[test]
fn texts_in_other_clothes_say_the_same() {
    let text = "Patient: Mia Banks\nMedicare 2123 45670 1\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let html = format!("<html><body><p>Mrs <b>Mia</b> Banks</p>{text}</body></html>");
    let json = r#"{"notes": "Mrs Mia Banks, medicare 2123 45670 1"}"#;
    let csv = "patient name,medicare\nMia Banks,2123456701\n";
    let cases: [(&str, &[u8]); 5] = [
        ("a.txt", text.as_bytes()),
        ("a.txt", &wide),
        ("a.html", html.as_bytes()),
        ("a.json", json.as_bytes()),
        ("a.csv", csv.as_bytes()),
    ];
    for (name, bytes) in cases {
        let report = look(name, bytes);
        assert_eq!(report.phi.present, PhiPresence::Yes, "{name}: {report:#?}");
    }
}

#[test]
fn what_is_not_looked_at_is_unknown_and_programs_are_not() {
    let picture = b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x3b";
    assert_eq!(look("a.gif", picture).phi.present, PhiPresence::Unknown);
    let pdf = b"%PDF-1.7\ntrailer\nstartxref\n9\n%%EOF\n";
    assert_eq!(look("a.pdf", pdf).phi.present, PhiPresence::Unknown);
    let blob = b"\x01\x02\xfe\xff contact info@vendor.example 555-234-5678 \x00\x01".repeat(20);
    let image = [b"\x27\x05\x19\x56".as_slice(), &blob].concat();
    assert_eq!(look("pump.img", &image).phi.present, PhiPresence::No);
    assert_eq!(look("pump.bin", &blob).phi.present, PhiPresence::Unknown);
    assert_eq!(look("pump.dat", &blob).phi.present, PhiPresence::Unknown);
    assert_eq!(look("a.sh", b"#!/bin/sh\n# by Mrs Jane Roe, jane@roe.example\n").phi.present, PhiPresence::No);
    let leak = b"\x01\x02\xfe\xff 8003608333647261 \x00\x01".repeat(2);
    assert_eq!(look("pump.bin", &leak).phi.present, PhiPresence::Yes);
}

#[test]
fn patient_data_that_the_manifest_denies_is_bad() {
    let text: &[u8] = b"Patient: Mia Banks\n";
    let rules = Rules::compile(&[]).unwrap();
    let verdict = |declared: Option<bool>| {
        let job = Job { declared_phi: declared, ..Job::new("a.txt", text.len() as u64) };
        let report = crate::inspect::inspect(&text, &job, &rules);
        (report.row(Inspector::Phi).unwrap().verdict, report.other_bad)
    };
    assert_eq!(verdict(Some(false)), (Verdict::Bad, true));
    assert_eq!(verdict(Some(true)), (Verdict::Clean, false));
    assert_eq!(verdict(None), (Verdict::Clean, false));
}

fn present(name: &str, bytes: &[u8]) -> PhiPresence {
    look(name, bytes).phi.present
}

/// Ways of writing a message that some reader takes for one about a person.
#[test]
fn messages_tell_of_their_patient_however_they_are_written() {
    const MSH: &str = "MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5";
    const PID: &str = "PID|1||1^^^A^MR||Banks^Mia";
    let yes = |text: String| assert_eq!(present("a.hl7", text.as_bytes()), PhiPresence::Yes, "{text:?}");
    let doubt = |text: String| assert_ne!(present("a.hl7", text.as_bytes()), PhiPresence::No, "{text:?}");
    yes(format!("{MSH}\n{PID}"));
    yes(format!("{MSH}\r\n{PID}\r\n"));
    yes(format!("\u{feff}\u{b}{MSH}\r{PID}\r\u{1c}\r"));
    yes("MSH*$!?%*A\rPID*1**1$$$A*Banks$Mia\r".to_owned());
    yes(format!("FHS|^~\\&|A\rBHS|^~\\&|A\r{MSH}\r{PID}\rBTS|1\rFTS|1\r"));
    // In a batch's own segments, between its messages, and without a header of their own.
    yes("FHS|^~\\&|A|||||||Patient: Mia Banks\r".to_owned());
    yes(format!("BHS|^~\\&|A\r{MSH}\rBTS|1|Patient: Mia Banks\r"));
    yes(format!("BHS|^~\\&|A\r{PID}|||||\rBTS|1\r"));
    // Where a strict reader has no segment and another one has.
    for pid in [format!(" {PID}"), format!("\t{PID}"), PID.to_lowercase(), PID.replace('|', "#"), PID.replace('|', "^")]
    {
        doubt(format!("{MSH}\r{pid}\r"));
    }
    doubt(format!("{MSH}\u{c}{PID}\r"));
    doubt(format!("{MSH}\u{2028}{PID}\r"));
    doubt("MSH|^^^^|A\rPID|1||||||||||||\r".to_owned());
    // In a place that is for something else.
    yes(format!("{MSH}\rPID|1||||^^^^^^^^Mia Banks\r"));
    yes(format!("{MSH}\rABC|Patient: Mia Banks\r"));
    yes(format!("{MSH}\rOBX|1|NM|c||Patient: Mia Banks\r"));
    yes(format!("{MSH}\rOBX|1|FT|c||\\X50617469656E743A204D69612042616E6B73\\\r"));
    yes(format!("{MSH}\rOBX|1|FT|c||nothing\\.br\\Patient: Mia Banks\r"));
    assert_eq!(
        present("a.hl7", format!("{MSH}\rOBX|1|NM|8867-4^Heart rate^LN||72|/min\r").as_bytes()),
        PhiPresence::No
    );
}

#[test]
fn resources_tell_of_their_patient_wherever_they_stand() {
    let patient = r#"{"resourceType":"Patient","name":[{"family":"Banks","given":["Mia"]}]}"#;
    let yes = |text: String| assert_eq!(present("a.json", text.as_bytes()), PhiPresence::Yes, "{text}");
    yes(patient.to_owned());
    yes(format!("[{patient}]"));
    yes(format!("{{\"hook\":\"patient-view\",\"prefetch\":{{\"patient\":{patient}}}}}"));
    yes(format!("{{\"resourceType\":\"Bundle\",\"entry\":[{{\"resource\":{patient}}}]}}"));
    yes(format!("{{\"resourceType\":\"Observation\",\"contained\":[{patient}]}}"));
    yes(format!("{{\"resourceType\":\"Basic\"}}\n{patient}\n"));
    yes(format!("{{\"text\":{patient:?}}}"));
    yes(r#"{"resourceType":"Other","patientName":"Mia Banks","dob":"1950-01-01"}"#.to_owned());
    yes(r#"{"resourceType":"Other","remark":"Patient: Mia Banks"}"#.to_owned());
    yes(r#"{"resourceType":"Other","status":"Patient: Mia Banks"}"#.to_owned());
    yes(r#"{"resourceType":"Other","Patient: Mia Banks":true}"#.to_owned());
    yes(r#"{"bomFormat":"CycloneDX","specVersion":"1.6","people":[{"surname":"Banks","dob":"1950-01-01"}]}"#.to_owned());
    let wide: Vec<u8> = format!("\u{feff}{patient}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(present("a.json", &wide), PhiPresence::Yes);
    for doubt in [
        r#"{"resourceType":"Patient","id":"a","id":"b"}"#.to_owned(),
        format!("{{\"a\":1}}\n[{patient}]"),
        format!("{{\"resourceType\":\"Basic\"}}\r{patient}"),
    ] {
        assert_ne!(present("a.json", doubt.as_bytes()), PhiPresence::No, "{doubt}");
    }
    let number = r#"{"resourceType":"Observation","status":"final","valueQuantity":{"value":1e400,"unit":"mg"}}"#;
    assert_eq!(present("a.json", number.as_bytes()), PhiPresence::No);
}

#[test]
fn markup_tells_of_people_in_attributes_and_by_number() {
    let yes = |text: &str| assert_eq!(present("a.xml", text.as_bytes()), PhiPresence::Yes, "{text}");
    yes("<?xml version='1.0'?><row surname='Banks' dob='1950-01-01'/>");
    yes("<?xml version='1.0'?><a>Mrs &#77;ia &#x42;anks</a>");
    let late = format!("<?xml version='1.0'?><!--{}--><x xmlns='http://hl7.org/fhir'/>", "padding ".repeat(1000));
    assert_eq!(present("a.xml", late.as_bytes()), PhiPresence::Unknown);
}
