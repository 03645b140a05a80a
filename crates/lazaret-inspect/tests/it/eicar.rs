//! The antivirus test file, wherever it is put.

use lazaret_core::inspection::{Inspector, Verdict};
use lazaret_inspect::protocol::Job;

use crate::corpus::{base64, deflate, eicar, found, gzip, look, tar, zip};
use crate::workers::inspect;

const MESSAGE: &str = "MSH|^~\\&|LAB|A|EHR|B|20260101||ORU^R01|1|P|2.5.1\rPID|1||123^^^A^MR||Banks^Mia\r";

fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(eicar(), |inner, _| zip(&[("inner", &inner)]))
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut packed = Vec::new();
    bzip2::read::BzEncoder::new(bytes, bzip2::Compression::best()).read_to_end(&mut packed).unwrap();
    packed
}

/// A symbolic link whose target is the test file: where links are unknown it becomes a file.
fn linked() -> Vec<u8> {
    let test = eicar();
    let mut raw = crate::corpus::Raw::default();
    raw.add(&crate::corpus::Stored { mode: 0o120_777, ..crate::corpus::Stored::new("link", &test) });
    raw.finish()
}

/// Every wrapping that must be found through.
fn wrappings() -> Vec<(&'static str, Vec<u8>)> {
    let test = eicar();
    let coded = base64(&test);
    let lines: String = coded.as_bytes().chunks(40).map(|line| String::from_utf8_lossy(line) + "\r\n").collect();
    let ed = |encoding: &str, data: &str| {
        format!("{MESSAGE}OBX|1|ED|PDF^Report||^application^pdf^{encoding}^{data}||||||F\r")
    };
    let hex: String = test.iter().map(|byte| format!("{byte:02x}")).collect();
    let binary = format!(r#"{{"resourceType":"Binary","contentType":"application/pdf","data":"{coded}"}}"#);
    let attachment =
        format!(r#"{{"resourceType":"DocumentReference","content":[{{"attachment":{{"data":"{coded}"}}}}]}}"#);
    let docx =
        zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>"), ("word/embeddings/x.bin", &test)]);
    let last = tar(&[("a/readme", b"nothing here"), ("a/b/c.zip", &zip(&[("x", &test)]))]);
    vec![
        ("plain.com", test.clone()),
        ("plain with a line end.txt", [test.as_slice(), b"\r\n"].concat()),
        ("in the middle.txt", [b"before ".as_slice(), &test, b" after"].concat()),
        ("a.zip", zip(&[("readme.txt", b"x"), ("e.com", &test)])),
        ("linked.zip", linked()),
        ("a.tar", tar(&[("e.com", &test)])),
        ("a.gz", gzip(&test)),
        ("a.bz2", bzip2(&test)),
        ("a.zst", zstd::encode_all(test.as_slice(), 3).unwrap()),
        ("a.tar.gz with a zip in it", gzip(&last)),
        ("gz in gz in gz", gzip(&gzip(&gzip(&test)))),
        ("six deep.zip", nested(6)),
        ("report.docx", docx),
        ("obx5 as ED.hl7", ed("Base64", &coded).into_bytes()),
        ("obx5 as ED with lines.hl7", ed("Base64", &lines).into_bytes()),
        ("obx5 as hex ED.hl7", ed("Hex", &hex).into_bytes()),
        ("obx5 as text.hl7", format!("{MESSAGE}OBX|1|TX|X||{coded}||||||F\r").into_bytes()),
        ("message in a zip.zip", zip(&[("m.hl7", ed("Base64", &coded).as_bytes())])),
        ("binary.json", binary.clone().into_bytes()),
        ("attachment.json", attachment.into_bytes()),
        ("binary in gz.json.gz", gzip(binary.as_bytes())),
        ("config.json", format!(r#"{{"settings":{{"icon":"{coded}"}}}}"#).into_bytes()),
        ("lines.ndjson", format!("{{\"a\":1}}\n{{\"b\":\"{coded}\"}}\n").into_bytes()),
        ("only base64.txt", coded.clone().into_bytes()),
        ("clinical.xml", format!("<doc><value mediaType='x'>{lines}</value></doc>").into_bytes()),
        ("zip in base64 in json.json", format!(r#"{{"data":"{}"}}"#, base64(&zip(&[("e", &test)]))).into_bytes()),
        ("after a megabyte.bin", [vec![b'a'; 1_000_000], test.clone()].concat()),
    ]
}

// EVIDENCE-OF: R-302
#[test]
fn the_test_file_is_bad_in_every_wrapping() {
    for (name, bytes) in wrappings() {
        let report = look(name, &bytes);
        assert_eq!(report.row(Inspector::Malware).unwrap().verdict, Verdict::Bad, "{name}: {report:#?}");
        assert!(found(&report, "malware.eicar_test_file"), "{name}");
        assert_eq!(report.verdict, Verdict::Bad, "{name}");
    }
}

#[test]
fn a_locked_worker_finds_it_in_every_wrapping_too() {
    for (name, bytes) in wrappings() {
        assert_eq!(inspect(name, &bytes).verdict, Verdict::Bad, "{name}");
    }
}

#[test]
fn what_cannot_be_opened_is_held_and_never_clean() {
    let seven = nested(7);
    let mut encrypted = crate::corpus::Raw::default();
    let sealed = crate::corpus::Stored { flags: 1, ..crate::corpus::Stored::new("e.com", b"sealed bytes") };
    encrypted.add(&sealed);
    let held = [
        ("seven deep.zip", seven, "archive.too_deep"),
        ("encrypted.zip", encrypted.finish(), "archive.encrypted"),
        ("a.xz", b"\xfd7zXZ\x00\x00\x04rest of the stream YZ".to_vec(), "archive.unsupported"),
        ("a.rar", b"Rar!\x1a\x07\x01\x00rest".to_vec(), "archive.unsupported"),
    ];
    for (name, bytes, rule) in held {
        let report = look(name, &bytes);
        assert_eq!(report.verdict, Verdict::NotInspected, "{name}: {report:#?}");
        assert!(found(&report, rule), "{name}: {report:#?}");
    }
}

#[test]
fn the_nearest_thing_to_the_test_file_is_clean() {
    let mut other = eicar();
    other[10] ^= 1;
    assert_eq!(look("a.txt", &other).row(Inspector::Malware).unwrap().verdict, Verdict::Clean);
}

// EVIDENCE-OF: R-021
#[test]
fn clean_means_that_every_byte_of_every_member_was_seen() {
    let inner = zip(&[("a.txt", b"first"), ("b.txt", b"second")]);
    let bytes = gzip(&tar(&[("x.zip", &inner), ("c.txt", b"third")]));
    let report = look("bundle.tar.gz", &bytes);
    assert_eq!(report.verdict, Verdict::Clean, "{report:#?}");
    for row in &report.inspectors {
        assert_eq!((row.bytes_seen, row.members_seen), (row.bytes_total, row.members_total), "{row:?}");
    }
    // The object, the tar, the zip, and three texts.
    assert_eq!(report.row(Inspector::Malware).unwrap().members_total, 6);
    assert!(report.row(Inspector::Malware).unwrap().bytes_total > bytes.len() as u64 + inner.len() as u64);
}

#[test]
fn a_large_blob_is_scanned_over_block_borders_and_a_large_program_is_not_inspected() {
    for place in [0, 4 * 1024 * 1024 - 30, 33 * 1024 * 1024] {
        let mut bytes = vec![b'\n'; 34 * 1024 * 1024];
        bytes[place..place + 68].copy_from_slice(&eicar());
        assert_eq!(look("log.txt", &bytes).verdict, Verdict::Bad, "{place}");
    }
    let mut program = crate::corpus::elf();
    program.resize(33 * 1024 * 1024, 0);
    let report = look("tool", &program);
    assert_eq!(report.row(Inspector::Malware).unwrap().why, Some(lazaret_core::inspection::Why::RulesNotApplicable));
    let job = Job::new("tool", 100);
    assert_eq!(crate::corpus::look_job(&job, &program[..100]).row(Inspector::Malware).unwrap().verdict, Verdict::Clean);
}

#[test]
fn a_quine_ends_because_its_bytes_were_seen() {
    // The same archive twice inside itself, as far as bytes can go: its inner copies are looked at once.
    let inner = zip(&[("a.txt", b"text")]);
    let outer = zip(&[("1.zip", &inner), ("2.zip", &inner), ("3.zip", &inner)]);
    let report = look("outer.zip", &outer);
    assert_eq!(report.verdict, Verdict::Clean);
    assert_eq!(report.row(Inspector::Malware).unwrap().members_total, 5);
    assert!(deflate(b"x").len() > 1);
}
