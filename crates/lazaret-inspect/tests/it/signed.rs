//! Signed updates: what a signature covers, and what contradicts it.

use base64::Engine as _;
use lazaret_core::inspection::{SignatureState, Verdict};
use lazaret_inspect::protocol::Job;
use lazaret_inspect::report::Report;

use crate::corpus::{found, look_job, tar, zip};

/// The published vector of minisign: the four bytes `test`.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
";

/// The same key under another number: one that nobody registered.
fn other_key() -> String {
    let coder = base64::engine::general_purpose::STANDARD;
    let mut bytes = coder.decode(KEY).unwrap();
    bytes[5] ^= 1;
    coder.encode(bytes)
}

fn look(name: &str, bytes: &[u8], key: &str, signatures: &[&str]) -> Report {
    let mut job = Job::new(name, bytes.len() as u64);
    job.keys = vec![key.to_owned()];
    job.signatures = signatures.iter().map(|text| (*text).to_owned()).collect();
    look_job(&job, bytes)
}

fn check(report: &Report, state: SignatureState, integrity_ok: bool) {
    assert_eq!((report.signature, report.integrity_ok), (state, integrity_ok), "{report:#?}");
}

#[test]
fn a_detached_signature_covers_the_object() {
    check(&look("update.txt", b"test", KEY, &[SIGNATURE]), SignatureState::Registered, true);
    check(&look("update.txt", b"test", &other_key(), &[SIGNATURE]), SignatureState::UnknownKey, true);
    check(&look("update.txt", b"test", KEY, &[]), SignatureState::Unsigned, true);
    let altered = look("update.txt", b"Test", KEY, &[SIGNATURE]);
    check(&altered, SignatureState::Bad, false);
    assert!(found(&altered, "signature.bad"));
    // The verdict of the signature inspector is bad; that of the object is for the lane's required inspectors.
    assert_eq!(altered.row(lazaret_core::inspection::Inspector::Signature).unwrap().verdict, Verdict::Bad);
}

#[test]
fn a_signature_beside_a_member_covers_that_member() {
    let minisig = SIGNATURE.as_bytes();
    for archive in [
        zip(&[("fw/pump.fw", b"test"), ("fw/pump.fw.minisig", minisig)]),
        tar(&[("fw/pump.fw.minisig", minisig), ("fw/pump.fw", b"test")]),
    ] {
        check(&look("update.pkg", &archive, KEY, &[]), SignatureState::Registered, true);
        check(&look("update.pkg", &archive, &other_key(), &[]), SignatureState::UnknownKey, true);
    }
    let swapped = zip(&[("pump.fw", b"evil"), ("pump.fw.minisig", minisig)]);
    check(&look("update.zip", &swapped, KEY, &[]), SignatureState::Bad, false);
    let beside = zip(&[("pump.fw", b"test"), ("pump.fw.minisig", minisig), ("hook.sh", b"#!/bin/sh\necho\n")]);
    check(&look("update.zip", &beside, KEY, &[]), SignatureState::Unsigned, true);
}

/// Bytes without form are code because somebody says so; that nobody looked into them stays said.
#[test]
fn a_name_or_a_declaration_makes_no_blob_firmware_that_was_looked_at() {
    use lazaret_core::inspection::{Inspector, PhiPresence};
    let blob = [3, 0, 0xfe, 0x9a, 1, 0].repeat(100);
    for name in ["pump.bin", "pump.img", "pump.rom"] {
        let report = look(name, &blob, KEY, &[]);
        for inspector in [Inspector::Kind, Inspector::Phi] {
            assert_eq!(report.row(inspector).unwrap().verdict, Verdict::NotInspected, "{name}: {inspector:?}");
        }
        assert!(report.is_code && report.phi.present == PhiPresence::Unknown, "{name}");
    }
    let mut job = Job::new("pump", blob.len() as u64);
    job.declared_software = true;
    let declared = look_job(&job, &blob);
    assert!(declared.is_code && declared.verdict == Verdict::NotInspected, "{declared:#?}");
}

#[test]
fn programs_make_an_object_code_and_texts_do_not() {
    let code = |name: &str, bytes: &[u8]| look(name, bytes, KEY, &[]).is_code;
    assert!(code("tool", &crate::corpus::elf()));
    assert!(code("run.sh", b"#!/bin/sh\necho\n"));
    assert!(code("a.zip", &zip(&[("readme", b"text"), ("bin/tool", &crate::corpus::elf())])));
    assert!(code("a.jar", &zip(&[("META-INF/MANIFEST.MF", b"x"), ("A.class", b"\xca\xfe\xba\xbe\0\0\0\x34")])));
    assert!(!code("a.txt", b"text"));
    assert!(!code("a.zip", &zip(&[("readme", b"text")])));
}
