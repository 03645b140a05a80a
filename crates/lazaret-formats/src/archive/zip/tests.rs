//! Archives of real programs are listed; each way to make two readers differ is found.

use super::super::Container;
use super::*;

const PLAIN: &[u8] = include_bytes!("../../../tests/data/archive/plain.zip");
const STREAMED: &[u8] = include_bytes!("../../../tests/data/archive/streamed.zip");
const ZIP64: &[u8] = include_bytes!("../../../tests/data/archive/zip64.zip");
const NESTED: &[u8] = include_bytes!("../../../tests/data/archive/nested.zip");
const EMPTY: &[u8] = include_bytes!("../../../tests/data/archive/empty.zip");

fn good(bytes: &[u8]) -> Zip {
    let zip = list(bytes).unwrap();
    assert_eq!((&zip.desync[..], zip.prefix_bytes, zip.suffix_bytes), (&[][..], 0, 0));
    zip
}

fn names(zip: &Zip) -> Vec<String> {
    zip.members.iter().map(|member| String::from_utf8_lossy(&member.name).into_owned()).collect()
}

fn content<'a>(bytes: &'a [u8], member: &Member) -> &'a [u8] {
    let data = member.data.clone().unwrap();
    &bytes[usize::try_from(data.start).unwrap()..usize::try_from(data.end).unwrap()]
}

/// One stored member, headers that can be set apart.
#[derive(Clone)]
struct Parts {
    name: &'static [u8],
    local_name: &'static [u8],
    flags: u16,
    local_flags: u16,
    method: u16,
    local_method: u16,
    crc32: u32,
    local_crc32: u32,
    bytes: u32,
    local_bytes: u32,
    extra: Vec<u8>,
    data: &'static [u8],
    /// Between the data and what follows.
    after: Vec<u8>,
}

impl Parts {
    fn new(name: &'static [u8], data: &'static [u8]) -> Parts {
        let bytes = u32::try_from(data.len()).unwrap();
        Parts {
            name,
            local_name: name,
            flags: 0,
            local_flags: 0,
            method: 0,
            local_method: 0,
            crc32: 7,
            local_crc32: 7,
            bytes,
            local_bytes: bytes,
            extra: Vec::new(),
            data,
            after: Vec::new(),
        }
    }

    fn local(&self) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x14\0".to_vec();
        out.extend(self.local_flags.to_le_bytes());
        out.extend(self.local_method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.local_crc32.to_le_bytes());
        out.extend(self.local_bytes.to_le_bytes());
        out.extend(self.local_bytes.to_le_bytes());
        out.extend(u16::try_from(self.local_name.len()).unwrap().to_le_bytes());
        out.extend([0; 2]);
        out.extend(self.local_name);
        out.extend(self.data);
        out.extend(&self.after);
        out
    }

    fn entry(&self, at: usize) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x03\x14\0".to_vec();
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.crc32.to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
        out.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        out.extend(u16::try_from(self.extra.len()).unwrap().to_le_bytes());
        out.extend([0; 10]);
        out.extend(u32::try_from(at).unwrap().to_le_bytes());
        out.extend(self.name);
        out.extend(&self.extra);
        out
    }
}

fn end(members: usize, directory_at: usize, directory_bytes: usize, comment: &[u8]) -> Vec<u8> {
    let count = u16::try_from(members).unwrap().to_le_bytes();
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend(count);
    out.extend(count);
    out.extend(u32::try_from(directory_bytes).unwrap().to_le_bytes());
    out.extend(u32::try_from(directory_at).unwrap().to_le_bytes());
    out.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    out.extend(comment);
    out
}

fn archive(parts: &[Parts]) -> Vec<u8> {
    let (mut out, mut places) = (Vec::new(), Vec::new());
    for part in parts {
        places.push(out.len());
        out.extend(part.local());
    }
    let directory_at = out.len();
    for (part, at) in parts.iter().zip(places) {
        out.extend(part.entry(at));
    }
    let directory_bytes = out.len() - directory_at;
    out.extend(end(parts.len(), directory_at, directory_bytes, b""));
    out
}

fn desync(bytes: &[u8]) -> Vec<Desync> {
    list(bytes).unwrap().desync
}

/// A change to one of two members makes exactly this difference.
fn check(expected: &[Desync], change: impl FnOnce(&mut Parts)) {
    let mut parts = [Parts::new(b"a.txt", b"hello"), Parts::new(b"b.txt", b"world")];
    assert_eq!(desync(&archive(&parts)), []);
    change(&mut parts[0]);
    assert_eq!(desync(&archive(&parts)), expected);
}

#[test]
fn archives_of_real_programs_are_listed() {
    let zip = good(PLAIN);
    assert_eq!(names(&zip), ["a.txt", "folder/", "folder/b.txt", "folder/café.txt", "link"]);
    let kinds: Vec<MemberKind> = zip.members.iter().map(|member| member.kind).collect();
    use MemberKind::{File, Folder, Symlink};
    assert_eq!(kinds, [File, Folder, File, File, Symlink]);
    assert_eq!(content(PLAIN, &zip.members[0]), b"hello\n");
    assert_eq!(content(PLAIN, &zip.members[4]), b"folder/b.txt");
    assert_eq!((zip.members[2].method, zip.members[2].content_bytes), (8, 600));
    assert_eq!((zip.beside.text(), zip.beside.opaque()), (b"made by hand\n".as_slice(), b"".as_slice()));
    assert_eq!(Container::of(PLAIN), Some(Container::Zip));

    assert_eq!(names(&good(STREAMED)), ["streamed.txt", "stored.txt"]);
    let zip = good(ZIP64);
    assert_eq!(
        (names(&zip), content(ZIP64, &zip.members[1])),
        (vec!["one.txt".into(), "two.txt".into()], &b"two.txt"[..])
    );
    assert_eq!(good(EMPTY).members.len(), 0);
}

#[test]
fn an_archive_within_an_archive_is_no_second_end() {
    let zip = good(NESTED);
    assert_eq!(content(NESTED, &zip.members[0]), PLAIN);
}

#[test]
fn what_headers_say_differently_is_found() {
    check(&[Desync::Names], |part| part.local_name = b"A.txt");
    check(&[Desync::Sizes], |part| part.local_bytes = 4);
    check(&[Desync::Checksums], |part| part.local_crc32 = 8);
    check(&[Desync::Methods], |part| part.local_method = 8);
    check(&[Desync::Flags], |part| part.local_flags = 0x0800);
    check(&[], |part| part.local_flags = 0x0002);
    check(&[Desync::Sizes], |part| part.extra = b"\x01\0\x08\0\x09".to_vec());
}

#[test]
fn a_second_name_in_an_extra_field_is_found() {
    let unicode = |name: &[u8]| {
        let mut extra = b"\x75\x70".to_vec();
        extra.extend(u16::try_from(name.len() + 5).unwrap().to_le_bytes());
        extra.extend([1, 0, 0, 0, 0]);
        extra.extend(name);
        extra
    };
    check(&[], |part| part.extra = unicode(b"a.txt"));
    check(&[Desync::Names], |part| part.extra = unicode(b"../a.txt"));
    let part =
        Parts { name: b"caf\x82", local_name: b"caf\x82", extra: unicode("café".as_bytes()), ..Parts::new(b"", b"x") };
    let zip = list(archive(&[part]).as_slice()).unwrap();
    assert_eq!((zip.desync, zip.members[0].other_name.as_deref()), (vec![], Some("café".as_bytes())));
}

#[test]
fn descriptors_must_say_what_the_directory_says() {
    let descriptor = |crc: u32, bytes: u32| [crc.to_le_bytes(), bytes.to_le_bytes(), bytes.to_le_bytes()].concat();
    let with = |after: Vec<u8>| {
        move |part: &mut Parts| {
            (part.flags, part.local_flags, part.local_bytes, part.local_crc32) = (8, 8, 0, 0);
            part.after = after;
        }
    };
    check(&[], with(descriptor(7, 5)));
    check(&[], with([b"PK\x07\x08".as_slice(), &descriptor(7, 5)].concat()));
    check(&[Desync::Descriptor], with(Vec::new()));
    check(&[Desync::Descriptor], with(descriptor(8, 5)));
    check(&[Desync::Descriptor], with(descriptor(7, 4)));
}

#[test]
fn bytes_between_members_are_little_and_no_record() {
    check(&[], |part| part.after = vec![0; 100]);
    check(&[], |part| part.after = vec![1; 65_536]);
    check(&[Desync::Gap], |part| part.after = vec![0; 65_537]);
    check(&[Desync::Gap], |part| part.after = b"..PK\x03\x04..".to_vec());
    check(&[Desync::Gap], |part| part.after = b"PK\x05\x06".to_vec());
    let many: Vec<Parts> = (0..20).map(|_| Parts { after: vec![0; 60_000], ..Parts::new(b"n", b"") }).collect();
    assert_eq!(desync(&archive(&many)), [Desync::Gap]);
}

#[test]
fn members_share_no_bytes() {
    let mut twice = archive(&[Parts::new(b"a", b"hello"), Parts::new(b"a", b"hello")]);
    let second = twice.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    twice[second + 42..second + 46].copy_from_slice(&0_u32.to_le_bytes());
    // The second member is now the first: both share its bytes, and the second's own belong to no one.
    assert_eq!(desync(&twice), [Desync::Overlap, Desync::Gap]);
    check(&[Desync::Sizes, Desync::Overlap, Desync::Gap], |part| part.bytes = 5_000);
}

#[test]
fn members_lie_where_the_directory_says() {
    let mut moved = archive(&[Parts::new(b"a", b"hello")]);
    let entry = moved.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let mut at = |offset: u32| {
        moved[entry + 42..entry + 46].copy_from_slice(&offset.to_le_bytes());
        desync(&moved)
    };
    assert_eq!(at(1), [Desync::NoLocalHeader, Desync::Gap]);
    assert_eq!(at(40), [Desync::Gap, Desync::AfterDirectory]);
    assert_eq!(at(u32::MAX - 1), [Desync::Gap, Desync::AfterDirectory]);
}

#[test]
fn there_is_one_end_record_and_the_directory_lies_before_it() {
    let plain = archive(&[Parts::new(b"a", b"hello")]);
    let directory_at = plain.len() - 22 - 47;
    let mut in_comment = plain[..plain.len() - 22].to_vec();
    let inner = end(1, directory_at, 47, b"");
    in_comment.extend(end(1, directory_at, 47, &inner));
    assert!(desync(&in_comment).contains(&Desync::SecondEnd));
    let mut counted = plain[..plain.len() - 22].to_vec();
    counted.extend(end(2, directory_at, 47, b""));
    assert_eq!(desync(&counted), [Desync::MemberCount]);
    let mut gap = plain[..plain.len() - 22].to_vec();
    gap.extend([0; 9]);
    gap.extend(end(1, directory_at, 47, b""));
    assert_eq!(desync(&gap), [Desync::DirectoryPlace]);
    let mut behind = plain.clone();
    behind.extend(b"trailing");
    assert_eq!(list(behind.as_slice()).unwrap().suffix_bytes, 8);
    let before = [b"#!/bin/sh\n", plain.as_slice()].concat();
    assert_eq!(list(before.as_slice()).unwrap_err(), Failure::Malformed(Malformed::DirectoryCut));
}

#[test]
fn zip64_and_plain_end_record_must_agree() {
    let at = ZIP64.windows(4).position(|four| four == b"PK\x05\x06").unwrap();
    let mut changed = ZIP64.to_vec();
    changed[at + 10] = 1;
    changed[at + 8] = 1;
    assert!(desync(&changed).contains(&Desync::Zip64));
}

#[test]
fn encryption_is_seen_however_it_is_marked() {
    let encrypted = |change: fn(&mut Parts)| {
        let mut part = Parts::new(b"a", b"hello");
        change(&mut part);
        list(archive(&[part]).as_slice()).unwrap().members[0].encrypted
    };
    assert!(!encrypted(|_| {}));
    assert!(encrypted(|part| (part.flags, part.local_flags) = (1, 1)));
    assert!(encrypted(|part| (part.flags, part.local_flags) = (0x41, 0x41)));
    assert!(encrypted(|part| (part.method, part.local_method) = (99, 99)));
    assert!(encrypted(|part| part.extra = b"\x01\x99\x07\0\x02\0AE\x03\x08\0".to_vec()));
    let masked = Parts { flags: 0x2001, local_flags: 0x2001, ..Parts::new(b"a", b"") };
    let refused = list(archive(&[masked]).as_slice()).unwrap_err();
    assert_eq!(refused, Failure::Malformed(Malformed::EncryptedDirectory));
}

#[test]
fn what_is_cut_short_is_refused() {
    for end in 0..PLAIN.len() {
        assert!(list(&PLAIN[..end]).is_err(), "{end}");
    }
    assert_eq!(list(&b"no archive"[..]).unwrap_err(), Failure::Malformed(Malformed::NoEnd));
    let far = end(1, 1 << 30, 47, b"");
    assert_eq!(list(far.as_slice()).unwrap_err(), Failure::Malformed(Malformed::DirectoryCut));
    let mut split = end(1, 0, 0, b"");
    split[4] = 1;
    assert_eq!(list(split.as_slice()).unwrap_err(), Failure::Malformed(Malformed::Split));
}

#[test]
fn devices_and_folders_are_told_apart() {
    let kind = |mode: u32, name: &'static [u8]| {
        let mut bytes = archive(&[Parts::new(name, b"")]);
        let entry = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
        bytes[entry + 38..entry + 42].copy_from_slice(&(mode << 16).to_le_bytes());
        list(bytes.as_slice()).unwrap().members[0].kind
    };
    assert_eq!(kind(0o020_666, b"tty"), MemberKind::Device);
    assert_eq!(kind(0o010_666, b"fifo"), MemberKind::Device);
    assert_eq!(kind(0o120_777, b"link"), MemberKind::Symlink);
    assert_eq!(kind(0o100_644, b"file"), MemberKind::File);
    assert_eq!(kind(0, b"folder/"), MemberKind::Folder);
}
