//! Archives and files that lie, explode, loop, or are two things at once.

use std::time::{Duration, Instant};

use lazaret_core::inspection::{ContentKind, Inspector, Verdict};
use lazaret_inspect::protocol::{Job, Setup};
use lazaret_inspect::report::Report;

use crate::corpus::{
    Raw, Stored, crc32, deflate, dicom, elf, found, gzip, look, pdf, png, tar, tar_header, tar_member, zip,
};
use crate::workers::Worker;

/// One case: its name, its bytes, what must be found, and the verdict that it has.
type Case = (String, Vec<u8>, &'static str, Verdict);

fn case(name: &str, bytes: Vec<u8>, rule: &'static str, verdict: Verdict) -> Case {
    (name.to_owned(), bytes, rule, verdict)
}

fn check(cases: &[Case]) {
    for (name, bytes, rule, verdict) in cases {
        let report = look(name, bytes);
        assert!(found(&report, rule), "{name}: {rule} was not found in {report:#?}");
        assert_eq!(report.verdict, *verdict, "{name}: {report:#?}");
    }
}

/// A ZIP that one change has made into two.
fn desynced() -> Vec<Case> {
    let text = b"text that is stored";
    let member = Stored::new("a.txt", text);
    let two = |change: &dyn Fn(&mut Stored<'_>)| {
        let mut raw = Raw::default();
        let at = raw.local(&member);
        let mut listed = member.clone();
        change(&mut listed);
        raw.central(&listed, at);
        raw.finish()
    };
    let desync = |name: &str, bytes| case(name, bytes, "archive.desync", Verdict::Bad);
    let mut hidden = Raw::default();
    hidden.local(&Stored::new("hidden.exe", b"MZ"));
    hidden.add(&member);
    let mut second_end = zip(&[("a.txt", b"one")]);
    second_end.extend(zip(&[("b.txt", b"two")]));
    let mut after = zip(&[("a.txt", b"one")]);
    after.extend(b"more bytes after the end record ".repeat(40));
    let mut gap = Raw::default();
    gap.add(&member);
    gap.bytes.extend(vec![0; 65 * 1024]);
    gap.add(&Stored::new("b.txt", text));
    let mut crc = Raw::default();
    crc.add(&Stored { crc: 1, ..member.clone() });
    let mut size = Raw::default();
    let packed = deflate(text);
    size.add(&Stored { method: 8, size: 5, crc: crc32(text), ..Stored::new("a.txt", &packed) });
    vec![
        desync("other name.zip", two(&|m| m.name = b"b.txt")),
        desync("other method.zip", two(&|m| m.method = 8)),
        desync("other size.zip", two(&|m| m.size = 1)),
        desync("other crc.zip", two(&|m| m.crc = 1)),
        desync("other flags.zip", two(&|m| m.flags = 0x800)),
        desync("unlisted member.zip", hidden.finish()),
        desync("two ends.zip", second_end),
        case("bytes after the end.zip", after, "archive.trailing", Verdict::NotInspected),
        desync("large gap.zip", gap.finish()),
        desync("wrong crc.zip", crc.finish()),
        desync("wrong size.zip", size.finish()),
    ]
}

/// Members that share one kernel of bytes (Fifield, "A better zip bomb").
fn overlapping() -> Vec<u8> {
    let kernel = deflate(&vec![0; 1024 * 1024]);
    let member = Stored { method: 8, size: 1024 * 1024, ..Stored::new("k", &kernel) };
    let mut raw = Raw::default();
    let at = raw.local(&member);
    for _ in 0..500 {
        raw.central(&member, at);
    }
    raw.finish()
}

fn zip_names() -> Vec<Case> {
    let names = [
        "../up",
        "a/../../up",
        "..\\up",
        "/absolute",
        "C:\\x",
        "C:x",
        "a:stream",
        "nul\0byte",
        "bidi\u{202e}gpj.exe",
        "line\nbreak",
        "%2e%2e/up",
        "\u{ff0e}\u{ff0e}/up",
        "..\u{2215}up",
    ];
    let one = |name: &str| {
        let mut raw = Raw::default();
        raw.add(&Stored::new(name, b"x"));
        case(&format!("{name:?}.zip"), raw.finish(), "archive.name", Verdict::Bad)
    };
    let mut twice = Raw::default();
    twice.add(&Stored::new("Same.txt", b"one")).add(&Stored::new("same.TXT", b"two"));
    let mut cases: Vec<Case> = names.iter().map(|name| one(name)).collect();
    cases.push(case("twice.zip", twice.finish(), "archive.name", Verdict::Bad));
    cases
}

fn links_and_devices() -> Vec<Case> {
    let zipped = |mode: u32, target: &'static [u8]| {
        let mut raw = Raw::default();
        raw.add(&Stored { mode, ..Stored::new("link", target) });
        raw.finish()
    };
    let tarred = |flag: u8, target: &str| {
        let mut bytes = tar_header("dir/link", flag, 0, target);
        bytes.extend([0; 1024]);
        bytes
    };
    let bad = |name: &str, bytes, rule| case(name, bytes, rule, Verdict::Bad);
    vec![
        bad("symlink out.zip", zipped(0o120_777, b"../../etc/passwd"), "archive.link_escapes"),
        bad("symlink to root.zip", zipped(0o120_777, b"/etc/passwd"), "archive.link_escapes"),
        case("symlink inside.zip", zipped(0o120_777, b"other"), "archive.link", Verdict::Clean),
        bad("device.zip", zipped(0o060_600, b""), "archive.device"),
        bad("symlink out.tar", tarred(b'2', "../../x"), "archive.link_escapes"),
        case("symlink inside.tar", tarred(b'2', "../x"), "archive.link", Verdict::Clean),
        bad("hard link out.tar", tarred(b'1', "../x"), "archive.link_escapes"),
        bad("character device.tar", tarred(b'3', ""), "archive.device"),
        bad("block device.tar", tarred(b'4', ""), "archive.device"),
        bad("fifo.tar", tarred(b'6', ""), "archive.device"),
        bad("parent.tar", tar(&[("../../root/.ssh/authorized_keys", b"key")]), "archive.name"),
    ]
}

fn tar_desynced() -> Vec<Case> {
    let bad = |name: &str, bytes| case(name, bytes, "archive.desync", Verdict::Bad);
    // CVE-2025-62518: the extended header gives a size, the header itself another; what lies between is hidden.
    let record = "13 size=1024\n";
    let mut pax = tar_member("pax", b'x', record.as_bytes());
    let inner = tar_member("hidden", b'0', b"found by one reader only");
    pax.extend(tar_header("outer", b'0', 0, ""));
    pax.extend(&inner);
    pax.extend([0; 1024]);
    let mut padding = tar_member("a", b'0', b"text");
    padding[600] = b'x';
    padding.extend([0; 1024]);
    let mut past = tar_header("a", b'0', 1_000_000, "");
    past.extend([0; 512]);
    let mut after = tar(&[("a", b"text")]);
    after.extend(tar_member("b", b'0', b"after the end"));
    let mut between = tar_member("a", b'0', b"text");
    between.extend([b'x'; 512]);
    between.extend(tar_member("b", b'0', b"text"));
    vec![
        bad("two sizes.tar", pax),
        bad("bytes in the padding.tar", padding),
        bad("longer than the archive.tar", past),
        bad("member after the end.tar", after),
        bad("block between members.tar", between),
    ]
}

fn polyglots() -> Vec<Case> {
    let bad = |name: &str, parts: &[&[u8]]| case(name, parts.concat(), "kind.polyglot", Verdict::Bad);
    let archive = zip(&[("a.txt", b"inside")]);
    let page = b"<html><script>alert(1)</script></html>";
    let mut commented = png();
    commented.splice(8..8, [&[0, 0, 0, 38], b"tEXt".as_slice(), page, &[0; 4]].concat());
    vec![
        bad("picture and archive.png", &[&png(), &archive]),
        bad("document and archive.pdf", &[&pdf(), &archive]),
        bad("program and archive.elf", &[&elf(), &archive]),
        bad("picture and document.png", &[&png(), &pdf()]),
        bad("picture and program.png", &[&png(), &elf()]),
        bad("text and archive.txt", &[b"a note, nothing else\n", &archive]),
        bad("program in a preamble.dcm", &[&dicom(b"MZ\x90\0")]),
        bad("script in a preamble.dcm", &[&dicom(b"#!/bin/sh\n")]),
        bad("page in a picture.png", &[&commented]),
    ]
}

fn disguised() -> Vec<Case> {
    let bad = |name: &str, bytes| case(name, bytes, "kind.disguised", Verdict::Bad);
    vec![
        bad("scan.pdf", elf()),
        bad("photo.jpg", b"#!/bin/sh\nrm -rf /\n".to_vec()),
        bad("letter.txt", zip(&[("a", b"x")])),
        bad("data.csv", gzip(b"x")),
        bad("results.json", elf()),
        bad("notes.txt", b"#!/usr/bin/env python3\nprint()\n".to_vec()),
        case("data.xml", b"{\"a\": 1}".to_vec(), "kind.declared_differs", Verdict::Clean),
    ]
}

fn bombs() -> Vec<Case> {
    let zeros = vec![0; 70 * 1024 * 1024];
    let mut many = Raw::default();
    for number in 0..300 {
        many.add(&Stored::new(&format!("{number}"), b""));
    }
    let deep = (0..9).fold(b"text".to_vec(), |inner, n| if n % 2 == 0 { gzip(&inner) } else { zip(&[("x", &inner)]) });
    vec![
        case("bomb.zip", zip(&[("zeros", &zeros)]), "archive.ratio", Verdict::NotInspected),
        case("bomb.gz", gzip(&zeros), "archive.ratio", Verdict::NotInspected),
        case("bomb in bomb.zip", zip(&[("z.zip", &zip(&[("zeros", &zeros)]))]), "archive.ratio", Verdict::NotInspected),
        case("overlapping.zip", overlapping(), "archive.desync", Verdict::Bad),
        case("deep.gz", deep, "archive.too_deep", Verdict::NotInspected),
    ]
}

fn broken() -> Vec<Case> {
    let whole = zip(&[("a.txt", &b"a sentence that is long enough to be packed ".repeat(50))]);
    let packed = gzip(&b"a sentence ".repeat(5000));
    let held = |name: &str, bytes: &[u8], rule| case(name, bytes.to_vec(), rule, Verdict::NotInspected);
    let doctype = b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>".to_vec();
    let plain = b"<?xml version='1.0'?><!DOCTYPE ClinicalDocument><ClinicalDocument/>".to_vec();
    vec![
        held("cut.zip", &whole[..whole.len() - 30], "archive.malformed"),
        held("cut.gz", &packed[..packed.len() / 2], "archive.damaged"),
        held("cut.png", &png()[..40], "kind.malformed"),
        held("cut.json", b"{\"a\": [1, 2", "kind.malformed"),
        held("cut.xml", b"<?xml version='1.0'?><a><b></a>", "kind.malformed"),
        held("cut.pdf", &pdf()[..60], "kind.malformed"),
        held("noise.dat", &[0x03, 0x00, 0xfe, 0x9a, 0x01, 0x00].repeat(50), "kind.unknown"),
        held("long tail.png", &[png(), vec![0xa7; 2000]].concat(), "kind.trailing"),
        case("entities.xml", doctype, "xml.doctype", Verdict::Bad),
        case("document type.xml", plain, "xml.doctype", Verdict::Bad),
    ]
}

fn all() -> Vec<Case> {
    [desynced(), zip_names(), links_and_devices(), tar_desynced(), polyglots(), disguised(), bombs(), broken()].concat()
}

#[test]
fn archives_with_two_readings_are_bad() {
    check(&desynced());
    check(&tar_desynced());
}

// EVIDENCE-OF: R-207
#[test]
fn names_links_and_devices_that_would_leave_are_bad() {
    check(&zip_names());
    check(&links_and_devices());
}

#[test]
fn two_formats_in_one_and_disguises_are_bad() {
    check(&polyglots());
    check(&disguised());
}

#[test]
fn bombs_end_at_a_limit_and_broken_files_are_held() {
    check(&bombs());
    check(&broken());
}

#[test]
fn too_many_members_are_not_inspected() {
    let mut many = Raw::default();
    for number in 0..300 {
        many.add(&Stored::new(&format!("{number}"), b"x"));
    }
    let bytes = many.finish();
    let mut job = Job::new("many.zip", bytes.len() as u64);
    job.limits.members_max = 299;
    assert!(found(&crate::corpus::look_job(&job, &bytes), "archive.too_many_members"));
    job.limits.members_max = 300;
    assert_eq!(crate::corpus::look_job(&job, &bytes).verdict, Verdict::Clean);
}

#[test]
fn harmless_archives_of_every_kind_are_clean() {
    let mut apple = Raw::default();
    let packed = deflate(b"text");
    // Sizes after the bytes, as streaming writers leave them.
    let later = Stored { flags: 8, method: 8, size: 4, crc: crc32(b"text"), ..Stored::new("a.txt", &packed) };
    let at = apple.local(&later);
    apple.bytes.extend(b"PK\x07\x08");
    apple.bytes.extend(crc32(b"text").to_le_bytes());
    apple.bytes.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
    apple.bytes.extend(4_u32.to_le_bytes());
    apple.central(&later, at);
    let mut long = tar_member("././@LongLink", b'L', &[b"d/".repeat(80).as_slice(), b"name.txt\0"].concat());
    long.extend(tar(&[("cut", b"text")]));
    let nested = zip(&[("x.tar", &tar(&[("y.zip", &zip(&[("z.txt", b"text")]))]))]);
    for (name, bytes) in [
        ("plain.zip", zip(&[("a/b.txt", b"text"), ("c.txt", b"other")])),
        ("descriptor.zip", apple.finish()),
        ("plain.tar", tar(&[("a.txt", b"text")])),
        ("last member is a zip.tar", tar(&[("a.zip", &zip(&[("x.txt", b"text")]))])),
        ("first member is a pdf.tar", tar(&[("a.pdf", &pdf())])),
        ("long name.tar", long),
        ("nested.zip", nested),
        ("plain.tar.gz", gzip(&tar(&[("a.txt", b"text")]))),
        ("empty.zip", zip(&[])),
        ("empty", Vec::new()),
    ] {
        let report = look(name, &bytes);
        assert_eq!(report.verdict, Verdict::Clean, "{name}: {report:#?}");
    }
}

#[test]
fn the_same_bytes_give_the_same_report_and_evidence() {
    let quick = [desynced(), zip_names(), links_and_devices(), tar_desynced(), polyglots(), disguised(), broken()];
    for (name, bytes, ..) in quick.concat() {
        let (first, second) = (look(&name, &bytes), look(&name, &bytes));
        assert_eq!(first, second, "{name}");
        assert_eq!(first.evidence(), second.evidence());
        // Names are somebody's data: the evidence is the same under another name, where the name decides nothing.
        if first.findings.is_empty() {
            assert_eq!(look(&format!("other {name}"), &bytes).evidence(), first.evidence());
        }
    }
}

/// A small generator of numbers, seeded, so that a failure can be repeated.
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn index(seed: &mut u64, length: usize) -> usize {
    usize::try_from(random(seed) % (length.max(1) as u64)).unwrap()
}

/// Files of all kinds, cut at and flipped in places that the seed chooses.
fn damaged() -> Vec<(String, Vec<u8>)> {
    let whole: Vec<(String, Vec<u8>)> = all()
        .into_iter()
        .map(|(name, bytes, ..)| (name, bytes))
        .chain([
            ("a.hl7".to_owned(), b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|1||1^^^A^MR||Banks^Mia\r".to_vec()),
            ("a.json".to_owned(), br#"{"resourceType":"Patient","name":[{"family":"Banks"}]}"#.to_vec()),
            ("a.dcm".to_owned(), dicom(b"")),
        ])
        .filter(|(_, bytes)| bytes.len() < 200_000)
        .collect();
    let mut seed = 81_204;
    let mut damaged = Vec::new();
    for round in 0..7 {
        for (name, bytes) in &whole {
            let mut bytes = bytes.clone();
            match round % 3 {
                0 => bytes.truncate(index(&mut seed, bytes.len())),
                1 => {
                    for _ in 0..4 {
                        let at = index(&mut seed, bytes.len());
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte ^= 1 << (random(&mut seed) % 8);
                        }
                    }
                }
                _ => {
                    let (from, to) = (index(&mut seed, bytes.len()), index(&mut seed, bytes.len()));
                    let piece = bytes.get(from.min(to)..from.max(to)).unwrap_or_default().to_vec();
                    let at = index(&mut seed, bytes.len());
                    bytes.splice(at..at, piece);
                }
            }
            damaged.push((format!("{round} {name}"), bytes));
        }
    }
    damaged
}

/// Resident memory of a process in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// No inspector says *clean* of something that it did not see.
fn is_honest(report: &Report) -> bool {
    report.inspectors.iter().all(|row| row.verdict != Verdict::Clean || row.bytes_seen == row.bytes_total)
}

// EVIDENCE-OF: R-301
#[test]
fn five_hundred_hostile_files_kill_no_worker_and_stay_within_memory_and_time() {
    let made: Vec<(String, Vec<u8>)> = all().into_iter().map(|(name, bytes, ..)| (name, bytes)).collect();
    let objects: Vec<(String, Vec<u8>)> = made.into_iter().chain(damaged()).collect();
    assert!(objects.len() >= 500, "{}", objects.len());
    for group in objects.chunks(128) {
        let mut worker = Worker::start(&Setup { rules: Vec::new(), jobs_max: 256 }).unwrap();
        let idle = resident(worker.child.id());
        for (name, bytes) in group {
            let start = Instant::now();
            let report = worker.inspect(&Job::new(name.clone(), bytes.len() as u64), &bytes.as_slice());
            let report = report.unwrap_or_else(|ended| panic!("{name}: {ended:?}"));
            assert!(is_honest(&report), "{name}");
            assert!(!found(&report, "inspector.died"), "{name}: {report:#?}");
            // Five seconds for the program that is shipped; the tests' own build is several times slower.
            let seconds_max = if cfg!(debug_assertions) { 25 } else { 5 };
            assert!(start.elapsed() < Duration::from_secs(seconds_max), "{name}: {:?}", start.elapsed());
        }
        let grown = resident(worker.child.id()).saturating_sub(idle);
        assert!(grown <= 64 * 1024, "grew by {grown} KiB");
    }
}

#[test]
fn a_large_unknown_blob_does_not_grow_the_worker() {
    struct Endless(u64);
    impl lazaret_inspect::content::Content for Endless {
        fn size(&self) -> u64 {
            self.0
        }
        fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, lazaret_inspect::content::ReadFault> {
            let left = usize::try_from(self.0.saturating_sub(at)).unwrap_or(usize::MAX);
            let length = buffer.len().min(left);
            for (offset, byte) in buffer[..length].iter_mut().enumerate() {
                *byte = ((at + offset as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0] & 0xfd;
            }
            Ok(length)
        }
    }
    let mut worker = Worker::start(&Setup { rules: Vec::new(), jobs_max: 2 }).unwrap();
    let idle = resident(worker.child.id());
    let size = 160 * 1024 * 1024;
    let mut job = Job::new("update.bin", size);
    job.declared_software = true;
    let report = worker.inspect(&job, &Endless(size)).unwrap();
    assert_eq!(report.kind, ContentKind::Firmware);
    assert_eq!(report.row(Inspector::Malware).unwrap().bytes_seen, size);
    // It waits for its second job, so what it used at its highest can be read.
    let grown = resident(worker.child.id()).saturating_sub(idle);
    assert!(grown <= 64 * 1024, "grew by {grown} KiB");
}
