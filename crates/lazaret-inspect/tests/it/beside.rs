//! What containers carry beside their members: each place is filled by hand, and somebody looks there.

use std::io::Write as _;

use lazaret_core::inspection::{Inspector, PhiPresence, Verdict, Why};
use lazaret_inspect::report::Report;

use crate::corpus::{Raw, Stored, crc32, deflate, found, gzip, look, tar_header, tar_member, tar_sealed};

const PERSON: &[u8] = b"Patient: Mia Banks, medicare 2123 45670 1";
const TABLE: &[u8] = b"first name,last name,dob\nMia,Banks,1950-01-01\n";
/// As many bytes without form as nobody notes beside a file.
const NOISE: [u8; 300] = [0x9c; 300];

/// Whoever is in it is found, and what has no form is not called looked at.
fn check(place: &str, fill: &dyn Fn(&[u8]) -> Vec<u8>) {
    for content in [PERSON, TABLE, NOISE.as_slice()] {
        let report = look(place, &fill(content));
        let row = |inspector: Inspector| report.row(inspector).unwrap();
        if content == NOISE {
            assert_eq!(report.phi.present, PhiPresence::Unknown, "{place}: {report:#?}");
            assert!(row(Inspector::Phi).verdict == Verdict::NotInspected, "{place}: {report:#?}");
            assert!(row(Inspector::Archive).verdict >= Verdict::NotInspected, "{place}: {report:#?}");
        } else {
            assert_eq!(report.phi.present, PhiPresence::Yes, "{place}: {report:#?}");
        }
    }
    let report = look(place, &fill(b"\0"));
    assert_eq!((report.verdict, report.phi.present), (Verdict::Clean, PhiPresence::No), "{place}: {report:#?}");
}

fn text() -> Stored<'static> {
    Stored::new("a.txt", b"text that is stored")
}

fn one(member: &Stored<'_>) -> Vec<u8> {
    let mut raw = Raw::default();
    raw.add(member);
    raw.finish()
}

fn field(id: u16, content: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes(), (content.len() as u16).to_le_bytes().as_slice(), content].concat()
}

#[test]
fn every_place_in_a_zip_is_looked_at() {
    check("comment of a member.zip", &|content| one(&Stored { comment: content, ..text() }));
    check("extra field.zip", &|content| one(&Stored { extra: &field(0x4321, content), ..text() }));
    check("extra field of a local header.zip", &|content| {
        one(&Stored { local_extra: &field(0x4321, content), ..text() })
    });
    check("times too long.zip", &|content| one(&Stored { extra: &field(0x5455, content), ..text() }));
    check("times twice.zip", &|content| {
        let twice = [field(0x5455, b"\x01abcd"), field(0x5455, content)].concat();
        one(&Stored { local_extra: &twice, ..text() })
    });
    check("alignment.zip", &|content| one(&Stored { local_extra: &field(0xd935, content), ..text() }));
    check("comment in UTF-8.zip", &|content| {
        one(&Stored { extra: &field(0x6375, &[b"\x01\0\0\0\0", content].concat()), ..text() })
    });
    check("gap.zip", &|content| {
        let mut raw = Raw::default();
        raw.add(&text());
        raw.bytes.extend(content);
        raw.add(&Stored::new("b.txt", b"another text"));
        raw.finish()
    });
    check("signature of the directory.zip", &|content| {
        let mut raw = Raw::default();
        raw.add(&text());
        raw.signature(content);
        raw.finish()
    });
    check("comment.zip", &|content| {
        let mut bytes = one(&text());
        let length = bytes.len() - 2;
        bytes[length..].copy_from_slice(&(content.len() as u16).to_le_bytes());
        bytes.extend(content);
        bytes
    });
    check("after the end.zip", &|content| [one(&text()).as_slice(), content].concat());
}

#[test]
fn what_programs_write_into_a_zip_is_no_doubt() {
    let times = field(0x5455, b"\x03\x01\x02\x03\x04\x05\x06\x07\x08");
    let owner = field(0x7875, b"\x01\x04\xe8\x03\0\0\x04\xe8\x03\0\0");
    let windows = field(0x000a, &[b"\0\0\0\0\x01\0\x18\0".as_slice(), &[0x9d; 24]].concat());
    let extra = [times, owner, windows, field(0xcafe, b"")].concat();
    let mut raw = Raw::default();
    let names: Vec<String> = (0..100).map(|number| format!("{number}.txt")).collect();
    for name in &names {
        raw.add(&Stored { extra: &extra, local_extra: &extra, ..Stored::new(name, b"text") });
    }
    let report = look("usual.zip", &raw.finish());
    assert_eq!((report.verdict, report.phi.present), (Verdict::Clean, PhiPresence::No), "{report:#?}");
}

#[test]
fn names_that_hold_nothing_and_bytes_behind_a_packed_member_are_looked_at() {
    let folder = one(&Stored { mode: 0o040_755, ..Stored::new("Mrs Mia Banks/", b"") });
    assert_eq!(look("folder.zip", &folder).phi.present, PhiPresence::Yes);
    assert_eq!(look("Mrs Mia Banks.txt", b"text").phi.present, PhiPresence::Yes);
    // A folder of no bytes that has packed bytes all the same.
    let hidden = deflate(TABLE);
    let full = Stored { mode: 0o040_755, method: 8, size: 0, crc: 0, ..Stored::new("folder/", &hidden) };
    assert_eq!(look("full.zip", &one(&full)).phi.present, PhiPresence::Yes);
    let packed = [deflate(b"a note").as_slice(), TABLE].concat();
    let behind = Stored { method: 8, size: 6, crc: crc32(b"a note"), ..Stored::new("a.txt", &packed) };
    let report = look("behind.zip", &one(&behind));
    assert!(found(&report, "archive.desync") && report.phi.present == PhiPresence::Unknown, "{report:#?}");
}

/// A gzip member whose header says what it can (RFC 1952 section 2.3).
fn member(extra: &[u8], name: &[u8], comment: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x1f\x8b\x08\x1c\0\0\0\0\0\x03".to_vec();
    bytes.extend((extra.len() as u16).to_le_bytes());
    bytes.extend(extra);
    for text in [name, comment] {
        bytes.extend(text.iter().filter(|byte| **byte != 0));
        bytes.push(0);
    }
    bytes.extend(deflate(content));
    bytes.extend(crc32(content).to_le_bytes());
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes
}

#[test]
fn every_place_in_a_gzip_stream_is_looked_at() {
    let plain = gzip(b"a note");
    check("name.gz", &|content| member(b"", content, b"", b"a note"));
    check("comment.gz", &|content| member(b"", b"a.txt", content, b"a note"));
    check("extra.gz", &|content| member(&field(0x4321, content), b"", b"", b"a note"));
    check("extra without form.gz", &|content| member(content, b"", b"", b"a note"));
    check("second member.gz", &|content| [plain.clone(), member(b"", b"", content, b" and more")].concat());
    check("last member, empty.gz", &|content| [plain.clone(), member(b"", b"", content, b"")].concat());
    let block = |n: u16| member(&[b"BC\x02\0".as_slice(), &n.to_le_bytes()].concat(), b"", b"", b"ACGT");
    let blocks: Vec<u8> = (0..500).flat_map(block).collect();
    let report = look("reads.txt.gz", &blocks);
    assert_eq!((report.verdict, report.phi.present), (Verdict::Clean, PhiPresence::No), "{report:#?}");
}

/// A frame of one raw block (RFC 8878 section 3.1.1).
fn frame(content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x28\xb5\x2f\xfd\xa0".to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(&((content.len() as u32) << 3 | 1).to_le_bytes()[..3]);
    bytes.extend(content);
    bytes
}

fn skippable(content: &[u8]) -> Vec<u8> {
    [b"\x53\x2a\x4d\x18", (content.len() as u32).to_le_bytes().as_slice(), content].concat()
}

#[test]
fn what_a_zstandard_decoder_passes_over_is_looked_at() {
    check("skippable behind.zst", &|content| [frame(b"a note"), skippable(content)].concat());
    check("skippable between.zst", &|content| [frame(b"a note"), skippable(content), frame(b" and more")].concat());
    let large = [frame(b"a note"), skippable(&vec![b'x'; 2_000_000])].concat();
    assert_eq!(look("large.zst", &large).row(Inspector::Phi).unwrap().why, Some(Why::Ambiguous));
    // A member of a ZIP that is packed so has them too.
    let packed = [frame(b"a note"), skippable(PERSON)].concat();
    let stored = Stored { method: 93, size: 6, crc: crc32(b"a note"), ..Stored::new("a.txt", &packed) };
    assert_eq!(look("packed.zip", &one(&stored)).phi.present, PhiPresence::Yes);
}

#[test]
fn what_follows_a_stream_is_never_called_clean() {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packed.write_all(b"a note").unwrap();
    let packed = packed.finish().unwrap();
    for (name, bytes) in [("a.gz", gzip(b"a note")), ("a.zst", frame(b"a note")), ("a.bz2", packed)] {
        assert_eq!(look(name, &bytes).verdict, Verdict::Clean, "{name}");
        for behind in [PERSON, b"\0\0\0\0\0\0\0\0"] {
            let report: Report = look(name, &[bytes.as_slice(), behind].concat());
            assert!(report.verdict > Verdict::Clean && report.phi.present != PhiPresence::No, "{name}: {report:#?}");
        }
    }
}

/// A member behind an extended header with these records.
fn with_pax(records: &[u8]) -> Vec<u8> {
    [tar_member("PaxHeaders/a.txt", b'x', records), tar_member("a.txt", b'0', b"text"), vec![0; 1024]].concat()
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let length = (rest.len()..).find(|length| rest.len() + length.to_string().len() == *length).unwrap();
    [length.to_string().as_bytes(), rest.as_slice()].concat()
}

/// A header with these bytes at this place, and its member.
fn with_header(at: usize, length: usize, magic: &[u8], content: &[u8]) -> Vec<u8> {
    let mut header = tar_header("a.txt", b'0', 4, "");
    header[257..257 + magic.len()].copy_from_slice(magic);
    for (to, from) in header[at..at + length].iter_mut().zip(content) {
        *to = *from;
    }
    [tar_sealed(header), b"text".to_vec(), vec![0; 508 + 1024]].concat()
}

#[test]
fn every_place_in_a_tar_is_looked_at() {
    check("record.tar", &|content| with_pax(&record("comment", content)));
    check("time that is none.tar", &|content| with_pax(&record("mtime", content)));
    check("global record.tar", &|content| {
        [
            tar_member("pax_global_header", b'g', &record("comment", content)),
            tar_member("a.txt", b'0', b"text"),
            vec![0; 1024],
        ]
        .concat()
    });
    check("behind a long name.tar", &|content| {
        let name = [b"a.txt\0".as_slice(), content].concat();
        [tar_member("././@LongLink", b'L', &name), tar_member("a.txt", b'0', b"text"), vec![0; 1024]].concat()
    });
    check("target of what is no link.tar", &|content| with_pax(&record("linkpath", content)));
    // In a header there is room for a name, no more.
    let person = b"Mrs Mia Banks";
    let cases: [(&str, usize, usize, &[u8]); 7] = [
        ("owner", 265, 32, b"ustar\x0000"),
        ("group", 297, 32, b"ustar\x0000"),
        ("behind the name", 10, 80, b"ustar\x0000"),
        ("target of a file", 157, 90, b"ustar\x0000"),
        ("behind the header", 500, 12, b"ustar\x0000"),
        ("prefix of another kind", 345, 150, b"ustar  \0"),
        ("no magic", 300, 200, b"\0\0\0\0\0\0\0\0"),
    ];
    for (place, at, length, magic) in cases {
        let text: &[u8] = if length < 13 { b"Mrs Banks" } else { person };
        assert_eq!(look("a.tar", &with_header(at, length, magic, text)).phi.present, PhiPresence::Yes, "{place}");
        let report = look("a.tar", &with_header(at, length, magic, b""));
        assert_eq!((report.verdict, report.phi.present), (Verdict::Clean, PhiPresence::No), "{place}: {report:#?}");
    }
    let each = |n: u8| with_header(345, 150, b"ustar  \0", &[0xf0, n, 0xff, n, 0xfe, n, 0xfd, n])[..1024].to_vec();
    let many: Vec<u8> = (1..40).flat_map(each).collect();
    let report = look("many.tar", &[many, vec![0; 1024]].concat());
    assert_eq!(report.row(Inspector::Phi).unwrap().why, Some(Why::Ambiguous), "{report:#?}");
    let folder = [tar_header("Mrs Mia Banks/", b'5', 0, ""), vec![0; 1024]].concat();
    assert_eq!(look("folder.tar", &folder).phi.present, PhiPresence::Yes);
    let link = [tar_header("link", b'2', 0, "Mrs Mia Banks"), vec![0; 1024]].concat();
    assert_eq!(look("link.tar", &link).phi.present, PhiPresence::Yes);
}

/// An archive that was not opened has content that nobody saw.
#[test]
fn an_archive_that_was_not_opened_is_clean_to_nobody_who_looks_at_members() {
    let packed = b"\xfd7zXZ\0\0\x04 and so on YZ";
    let cut = &gzip(&TABLE.repeat(1000))[..60];
    for (name, bytes) in [("a.xz", packed.as_slice()), ("a.gz", cut), ("a.zip", b"PK\x03\x04 no more than this")] {
        let report = look(name, bytes);
        for inspector in [Inspector::Archive, Inspector::Malware, Inspector::Phi] {
            assert!(report.row(inspector).unwrap().verdict > Verdict::Clean, "{name}: {inspector:?}");
        }
        assert_ne!(report.phi.present, PhiPresence::No, "{name}");
    }
}
