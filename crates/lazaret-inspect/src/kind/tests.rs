//! Tests of kind.

use super::*;
use ContentKind as Kind;

fn check(name: &str, bytes: &[u8], kind: Kind, rules: &[&str]) {
    let declared = Declared { name, media_type: None, software: false, vouched: false };
    let found = detect(&bytes, &declared).unwrap();
    let ids: Vec<&str> = found.rules.iter().map(|rule| rule.id).collect();
    assert_eq!((found.kind, ids.as_slice()), (kind, rules), "{name}");
}

#[test]
fn texts_are_told_apart_by_what_they_are() {
    check("a", b"", Kind::Empty, &[]);
    check("a.txt", b"Just a sentence.\n", Kind::Text, &[]);
    check("a.csv", b"a,b\n1,2\n", Kind::Csv, &[]);
    check("a", b"a;b;c\n1;2;3\n4;5;6\n", Kind::Csv, &[]);
    check("a.json", b" {\"a\": 1}", Kind::Json, &[]);
    check("a", b"{\"a\": 1}\n{\"a\": 2}\n", Kind::Ndjson, &[]);
    check("a", b"{\"name\": [], \"resourceType\": \"Patient\"}", Kind::Fhir, &[]);
    check("a", b"{\"contained\": {\"resourceType\": \"Patient\"}}", Kind::Json, &[]);
    check("a", b"{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.6\"}", Kind::CycloneDx, &[]);
    check("a", b"{\"spdxVersion\": \"SPDX-2.3\"}", Kind::Spdx, &[]);
    check("a.xml", b"<?xml version='1.0'?><a b='>'><!-- > --><c/></a>", Kind::Xml, &[]);
    check("a.html", b"<!DOCTYPE html><p>text", Kind::Html, &[]);
    check("a.hl7", b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\r", Kind::Hl7v2, &[]);
    check("a", b"\x0bMSH*$!?%*A\r\x1c\r", Kind::Hl7v2, &[]);
    check("a.edi", b"UNA:+.? 'UNB+UNOA:2+A+B+200101:1200+1'UNZ+0+1'", Kind::Edifact, &[]);
    check("a.eml", b"From: a@b.example\nTo: c@d.example\nSubject: x\n\ntext\n", Kind::Email, &[]);
    check("a.minisig", b"untrusted comment: signature from x\nabc\n", Kind::Signature, &[]);
    check("a.rtf", b"{\\rtf1 text}", Kind::Rtf, &[]);
    let wide: Vec<u8> = "\u{feff}a sentence".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("a.txt", &wide, Kind::Text, &[]);
}

#[test]
fn programs_and_firmware_are_told_by_what_they_are() {
    check("run", b"#!/bin/sh\necho\n", Kind::Script, &[]);
    check("a.ps1", b"Write-Output 1\n", Kind::Script, &[]);
    check("a.hta", b"<html><script>x</script></html>", Kind::Script, &[]);
    check("a.txt", b"\xff\xfe\x00\xd8\x01\x00\x02\x00\x03\x00", Kind::Unknown, &["kind.unknown"]);
    check("pump.hex", b":10010000214601360121470136007EFE09D2190140\n:00000001FF\n", Kind::Firmware, &[]);
    check("a", b"\x27\x05\x19\x56 and the image", Kind::Firmware, &[]);
    let blob = [0x03, 0x00, 0xfe, 0x9a, 0x01, 0x00].repeat(50);
    // What only its name or its sender calls firmware is code, and nobody has looked into it.
    check("pump.bin", &blob, Kind::Firmware, &["kind.unknown"]);
    check("pump.dat", &blob, Kind::Unknown, &["kind.unknown"]);
    let declared = Declared { name: "pump.dat", media_type: None, software: true, vouched: false };
    let found = detect(&blob.as_slice(), &declared).unwrap();
    assert_eq!((found.kind, found.reads_as, found.verdict), (Kind::Firmware, Kind::Unknown, Verdict::NotInspected));
    let signed = detect(&blob.as_slice(), &Declared { vouched: true, ..declared }).unwrap();
    assert_eq!((signed.kind, signed.reads_as, signed.verdict), (Kind::Firmware, Kind::Firmware, Verdict::Clean));
    // What declares itself as firmware and is something known is that.
    let declared = Declared { name: "pump.bin", media_type: None, software: true, vouched: false };
    assert_eq!(detect(&b"%PDF-1.4 nothing more".as_slice(), &declared).unwrap().kind, Kind::Pdf);
}

#[test]
fn a_script_by_name_is_read_as_what_its_bytes_are() {
    let cases: [(&str, &[u8], Kind); 5] = [
        ("a.js", b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\r", Kind::Hl7v2),
        ("a.py", b"{\"resourceType\": \"Patient\"}", Kind::Fhir),
        ("a.reg", b"a;b;c\n1;2;3\n4;5;6\n", Kind::Csv),
        ("a.ps1", b"[CmdletBinding()]\nparam()\n", Kind::Text),
        ("a.vbs", b"From: a@b.example\nTo: c@d.example\nSubject: x\n\ntext\n", Kind::Email),
    ];
    for (name, bytes, reads_as) in cases {
        let declared = Declared { name, media_type: None, software: false, vouched: false };
        let found = detect(&bytes, &declared).unwrap();
        assert_eq!((found.kind, found.reads_as), (Kind::Script, reads_as), "{name}");
    }
}

#[test]
fn a_known_format_without_an_inspector_is_unsupported_not_unknown() {
    let sound = b"ID3\x03\0\0\0\0\0\x21TSSE\0\0\0\x0f\0\0";
    check("a.mp3", sound, Kind::Unknown, &["kind.unsupported"]);
    check("a.bin", sound, Kind::Unknown, &["kind.unsupported"]);
    let declared = Declared { name: "a.img", media_type: None, software: true, vouched: true };
    let found = detect(&sound.as_slice(), &declared).unwrap();
    assert_eq!((found.kind, found.verdict), (Kind::Unknown, Verdict::NotInspected));
}

#[test]
fn a_media_type_is_a_promise_too() {
    let detected = |media_type: &str, bytes: &[u8]| {
        let declared = Declared { name: "upload", media_type: Some(media_type), software: false, vouched: false };
        detect(&bytes, &declared).unwrap().rules.first().map(|rule| rule.id)
    };
    assert_eq!(detected("application/pdf", b"#!/bin/sh\n"), Some("kind.disguised"));
    assert_eq!(detected("text/plain; charset=utf-8", b"a,b\n1,2\n"), None);
    assert_eq!(detected("application/octet-stream", b"#!/bin/sh\n"), None);
    assert_eq!(detected("image/png", b"a sentence"), Some("kind.declared_differs"));
}

#[test]
fn pictures_are_walked_to_their_end() {
    let gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";
    check("a.gif", gif, Kind::Gif, &[]);
    check("a.gif", &gif[..gif.len() - 2], Kind::Gif, &["kind.malformed"]);
    let jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xda\x00\x04\x00\x00\x12\xff\x00\x34\xff\xd9";
    check("a.jpg", jpeg, Kind::Jpeg, &[]);
    check("a.jpg", &jpeg[..jpeg.len() - 2], Kind::Jpeg, &["kind.malformed"]);
    check("a.jpg", &[jpeg.as_slice(), b"\0\0"].concat(), Kind::Jpeg, &["kind.trailing"]);
}
