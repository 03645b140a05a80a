//! Data that others made: three files of each kind here, and all of it where the shared data lies beside the checkout.

use std::path::{Path, PathBuf};

use lazaret_core::inspection::{ContentKind, PhiPresence, Verdict};
use lazaret_inspect::report::Report;

use crate::corpus::look;

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in listing.flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Ours, then the shared data's where it is there.
fn ours_and_shared(ours: &str, shared: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = files(&root.join("tests/data").join(ours));
    assert!(!all.is_empty(), "{ours}");
    all.extend(files(&root.join("../../../shared/data").join(shared)));
    all
}

fn each(ours: &str, shared: &str, check: impl Fn(&str, &Report)) {
    for path in ours_and_shared(ours, shared) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        check(&name, &look(&name, &std::fs::read(&path).unwrap()));
    }
}

#[test]
fn every_hl7_message_identifies_its_patient() {
    each("hl7v2", "hl7v2", |name, report| {
        assert_eq!((report.kind, report.verdict), (ContentKind::Hl7v2, Verdict::Clean), "{name}");
        assert_eq!(report.phi.present, PhiPresence::Yes, "{name}");
        assert!(report.phi.patient > 0, "{name}");
        // 360 object identifiers in these files were IP addresses to another tool.
        let ips = report.phi.letters.iter().find(|count| count.letter.word() == "O");
        assert_eq!(ips, None, "{name}");
    });
}

#[test]
fn patients_in_fhir_are_patients_and_organisations_are_not() {
    each("fhir", "fhir", |name, report| {
        assert_eq!((report.kind, report.verdict), (ContentKind::Fhir, Verdict::Clean), "{name}");
        let expected = if name.starts_with("Organization") { PhiPresence::No } else { PhiPresence::Yes };
        assert_eq!(report.phi.present, expected, "{name}: {:?}", report.phi);
    });
}

#[test]
fn bills_of_materials_are_clean_and_name_no_patient() {
    each("sbom", "sbom/cyclonedx", |name, report| {
        assert_eq!(report.verdict, Verdict::Clean, "{name}: {report:#?}");
        assert_eq!(report.phi.present, PhiPresence::No, "{name}: {:?}", report.phi);
        if name.ends_with(".json") {
            assert_eq!(report.kind, ContentKind::CycloneDx, "{name}");
            let sbom = report.row(lazaret_core::inspection::Inspector::Sbom).unwrap();
            assert_eq!(sbom.verdict, Verdict::Clean, "{name}");
        }
    });
}

#[test]
fn a_bill_of_materials_inside_an_update_is_looked_at_too() {
    let bill = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sbom/vex-bom.json")).unwrap();
    let update = crate::corpus::zip(&[("pump.fw", &[1, 2, 3, 0xfe].repeat(50_000)), ("bom.json", &bill)]);
    let report = crate::workers::inspect("update.zip", &update);
    let sbom = report.row(lazaret_core::inspection::Inspector::Sbom).unwrap();
    assert_eq!((sbom.verdict, sbom.members_seen, sbom.bytes_seen), (Verdict::Clean, 1, bill.len() as u64));
}

#[test]
fn a_bill_that_gives_another_digest_for_a_file_beside_it_is_bad() {
    // SHA-256 of `test` (FIPS 180-4).
    let right = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let bill = |digest: &str, name: &str| {
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{{"type":"file","name":"{name}","hashes":[{{"alg":"SHA-256","content":"{digest}"}}]}}]}}"#
        )
    };
    let check = |bill: String, integrity_ok: bool| {
        let update = crate::corpus::zip(&[("bom.json", bill.as_bytes()), ("fw/pump.fw", b"test")]);
        let report = look("update.zip", &update);
        assert_eq!(report.integrity_ok, integrity_ok, "{report:#?}");
        assert_eq!(crate::corpus::found(&report, "sbom.digest"), !integrity_ok);
    };
    check(bill(right, "pump.fw"), true);
    check(bill(&right.replace('9', "8"), "pump.fw"), false);
    check(bill(&right.replace('9', "8"), "other.fw"), true);
}

/// Trade messages are full of numbers: an SSCC holds nine-digit runs, and none of them is a social security number.
#[test]
fn trade_messages_name_no_patient() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/edi/x12");
    for path in files(&folder) {
        let report = look("message.edi", &std::fs::read(&path).unwrap());
        let letters: Vec<&str> = report.phi.letters.iter().map(|count| count.letter.word()).collect();
        assert_eq!((report.phi.direct, letters), (0, Vec::new()), "{}: {:?}", path.display(), report.phi);
        assert_ne!(report.phi.present, PhiPresence::Yes, "{}", path.display());
    }
}

/// Real files, cut and flipped: no inspector dies of them, and none says clean of what it did not see.
#[test]
fn damaged_real_files_kill_no_inspector() {
    let folders = [("hl7v2", "hl7v2"), ("fhir", "fhir/au"), ("sbom", "sbom/cyclonedx/VEX")];
    let paths = folders.into_iter().flat_map(|(ours, shared)| ours_and_shared(ours, shared)).step_by(5);
    for (round, path) in paths.enumerate() {
        let bytes = std::fs::read(&path).unwrap();
        let mut flipped = bytes.clone();
        for at in (round % 97..flipped.len()).step_by(97) {
            flipped[at] ^= 1 << (round % 8);
        }
        for damaged in [&bytes[..bytes.len() / 2], &bytes[..bytes.len() - 1], &flipped] {
            let report = look("damaged", damaged);
            assert!(!crate::corpus::found(&report, "inspector.died"), "{}", path.display());
            let honest = |row: &lazaret_core::inspection::InspectorReport| {
                row.verdict != Verdict::Clean || row.bytes_seen == row.bytes_total
            };
            assert!(report.inspectors.iter().all(honest), "{}", path.display());
        }
    }
}
