//! People in all sorts of containers.

use lazaret_core::inspection::{ContentKind, PhiPresence, Verdict};

use crate::corpus::{base64, elf, found, gzip, look, png, tar, zip};

const CSV: &[u8] = b"first name,last name,dob\nMia,Banks,1950-01-01\n";

fn check(name: &str, bytes: &[u8], expected: PhiPresence) {
    let report = look(name, bytes);
    assert_eq!(report.phi.present, expected, "{name}: {report:#?}");
}

#[test]
fn people_are_found_inside_archives_documents_and_encodings() {
    let document = b"<?xml version='1.0'?><w:document><w:p><w:r><w:t>Mrs Mi</w:t></w:r><w:r><w:t>a Banks</w:t></w:r></w:p></w:document>";
    let docx = zip(&[("[Content_Types].xml", b"<?xml version='1.0'?><Types/>"), ("word/document.xml", document)]);
    let message = b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|1||1^^^A^MR||Banks^Mia\r";
    let note = base64(b"Patient: Mia Banks\nMedicare 2123 45670 1\n");
    let binary = format!(r#"{{"resourceType":"Binary","contentType":"text/plain","data":"{note}"}}"#);
    check("letter.docx", &docx, PhiPresence::Yes);
    check("export.tar.gz", &gzip(&tar(&[("a/people.csv", CSV)])), PhiPresence::Yes);
    check("messages.zip", &zip(&[("m.hl7", message)]), PhiPresence::Yes);
    check("binary.json", binary.as_bytes(), PhiPresence::Yes);
    check("note.txt", note.as_bytes(), PhiPresence::Yes);
}

#[test]
fn firmware_and_notes_about_it_hold_no_people_and_pictures_are_unknown() {
    let firmware = [b"\x27\x05\x19\x56".to_vec(), [3, 0, 0xfe, 0x9a, 1, 0].repeat(20_000)].concat();
    let notes = b"Release 4.2\nCopyright (c) Northwind Imaging\nWrite to support@northwind.example or see https://northwind.example/\n";
    check("update.zip", &zip(&[("pump.fw", &firmware), ("notes.txt", notes)]), PhiPresence::No);
    check(
        "tool.tar",
        &tar(&[("bin/tool", &elf()), ("LICENSE", b"Copyright 2024 Jane Roe <jane@roe.example>\n")]),
        PhiPresence::No,
    );
    check("scan.png", &png(), PhiPresence::Unknown);
    check("scans.zip", &zip(&[("scan.png", &png()), ("notes.txt", notes)]), PhiPresence::Unknown);
    // What was found counts, whatever else was not looked at.
    check("mixed.zip", &zip(&[("scan.png", &png()), ("people.csv", CSV)]), PhiPresence::Yes);
}

#[test]
fn a_document_with_macros_is_noted_and_held_for_people() {
    let macros: &[(&str, &[u8])] = &[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", b"<w/>"),
        ("word/vbaProject.bin", b"\x01\x02\x03 module"),
    ];
    let report = look("letter.docm", &zip(macros));
    assert_eq!(report.kind, ContentKind::OfficeOpenXml);
    assert!(found(&report, "kind.macro") && report.other_bad, "{report:#?}");
    let plain = look("letter.docx", &zip(&macros[..2]));
    assert!(!plain.other_bad && plain.verdict == Verdict::Clean, "{plain:#?}");
}

/// Where someone would put people so that nobody looks.
#[test]
fn people_are_found_where_nobody_would_look() {
    let patient = b"Patient: Mia Banks, medicare 2123 45670 1\n";
    let twice = zip(&[("build.sh", patient), ("build.txt", patient)]);
    let mut commented = zip(&[("a.txt", b"text")]);
    let comment = b"Mrs Mia Banks";
    let length = commented.len() - 2;
    commented[length] = comment.len() as u8;
    commented.extend(comment);
    let key = br#"{"IHI 8003608333647261": {"status": "active"}}"#;
    let hidden = b"<?xml version='1.0'?><a><!-- Mrs Mia Banks <x>--></a>";
    let cdata = b"<?xml version='1.0'?><a><![CDATA[Mrs Mia Banks]]></a>";
    let signature = b"untrusted comment: signature from\nPatient: Mia Banks\n";
    let code = b"MSH|^~\\&|A|8003608333647261|C|D|2026||ADT^A01|1|P|2.5\r";
    check("twice.zip", &twice, PhiPresence::Yes);
    check("commented.zip", &commented, PhiPresence::Yes);
    check("Mrs Mia Banks.zip", &zip(&[("Mrs Mia Banks/scan.txt", b"nothing")]), PhiPresence::Yes);
    check("keys.json", key, PhiPresence::Yes);
    check("comment.xml", hidden, PhiPresence::Yes);
    check("cdata.xml", cdata, PhiPresence::Yes);
    check("a.minisig", signature, PhiPresence::Yes);
    check("script.py", b"# dob: 1950-03-01\nssn = '536-90-4399'\n", PhiPresence::Yes);
    check("facility.hl7", code, PhiPresence::Yes);
}

/// What a text says does not depend on what is around it, and on what its sender calls it.
#[test]
fn messages_and_tables_are_found_in_whatever_they_stand() {
    let message = "MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|1||1^^^A^MR||Banks^Mia\r";
    let table = "first name,last name,dob\nMia,Banks,1950-01-01\n";
    for content in [message, table] {
        let program = [elf().as_slice(), b"\0", content.as_bytes(), b"\0"].concat();
        let titled = format!("Export of today\n{content}That is all.\n");
        let wide: Vec<u8> = format!("\u{feff}{content}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wider: Vec<u8> = titled.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (name, bytes) in [
            ("a.txt", content.as_bytes()),
            ("a.js", content.as_bytes()),
            ("a.py", titled.as_bytes()),
            ("a.txt", titled.as_bytes()),
            ("a.csv", wide.as_slice()),
            ("a.txt", wider.as_slice()),
            ("tool", program.as_slice()),
        ] {
            check(name, bytes, PhiPresence::Yes);
        }
    }
    let escaped = message.replace('\\', "\\\\").replace('\r', "\\r");
    check("envelope.json", format!(r#"{{"payload":"{escaped}"}}"#).as_bytes(), PhiPresence::Yes);
    let plain = message.replace('&', "&amp;");
    check("envelope.xml", format!("<?xml version='1.0'?><a>{plain}</a>").as_bytes(), PhiPresence::Yes);
    check("segments.txt", b"PID|1||1^^^A^MR||Banks^Mia||||\n", PhiPresence::Yes);
    check("log.txt", format!("09:00 received {message}").as_bytes(), PhiPresence::Yes);
}
