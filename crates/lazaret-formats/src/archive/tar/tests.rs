//! Archives of real programs are listed; each way to make two readers differ is found.

use super::super::Container;
use super::*;

const GNU: &[u8] = include_bytes!("../../../tests/data/archive/gnu.tar");
const PAX: &[u8] = include_bytes!("../../../tests/data/archive/pax.tar");

/// A header of our own; the checksum comes last.
fn header(name: &[u8], type_flag: u8, size: u64) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = type_flag;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sealed(block)
}

fn sealed(mut block: [u8; BLOCK_BYTES]) -> [u8; BLOCK_BYTES] {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut out = content.to_vec();
    out.resize(out.len().next_multiple_of(BLOCK_BYTES), 0);
    out
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while format!("{length}{rest}").len() != length {
        length += 1;
    }
    format!("{length}{rest}").into_bytes()
}

fn with_pax(records: &[u8], member: [u8; BLOCK_BYTES], content: &[u8]) -> Vec<u8> {
    let pax = header(b"PaxHeaders/x", b'x', u64::try_from(records.len()).unwrap());
    [pax.as_slice(), &padded(records), &member, &padded(content), &[0; 1024]].concat()
}

fn desync(bytes: &[u8]) -> Vec<Desync> {
    list(bytes).unwrap().desync
}

fn refused(bytes: &[u8], why: Malformed) {
    assert_eq!(list(bytes).unwrap_err(), Failure::Malformed(why));
}

#[test]
fn archives_of_real_programs_are_listed() {
    for (bytes, last) in [(GNU, "hard"), (PAX, "café.txt")] {
        let listing = list(bytes).unwrap();
        assert_eq!(listing.desync, []);
        let member = |index: usize| &listing.members[index].member;
        assert_eq!(member(0).name, b"a.txt");
        let data = listing.members[0].data.clone();
        assert_eq!(bytes[usize::try_from(data.start).unwrap()..usize::try_from(data.end).unwrap()], *b"hello\n");
        assert_eq!(member(1).kind, MemberKind::Folder);
        assert_eq!(member(2).name, format!("folder/{}.txt", "long".repeat(40)).as_bytes());
        assert_eq!(member(2).content_bytes, 513);
        assert_eq!((member(3).kind, member(3).target.as_ref().map(Vec::len)), (MemberKind::Symlink, Some(127)));
        assert_eq!((member(4).kind, member(4).target.as_deref()), (MemberKind::Hardlink, Some(b"a.txt".as_slice())));
        assert_eq!(listing.members.last().unwrap().member.name, last.as_bytes());
        assert_eq!(Container::of(bytes), Some(Container::Tar));
    }
}

#[test]
fn sizes_that_disagree_are_found() {
    // CVE-2025-62518: the extended header says 1,024 bytes, the plain one none.
    let hidden = with_pax(&record("size", "1024"), header(b"a", b'0', 0), &[header(b"b", b'0', 0), [0; 512]].concat());
    assert_eq!(desync(&hidden), [Desync::Sizes]);
    let same = with_pax(&record("size", "5"), header(b"a", b'0', 5), b"hello");
    assert_eq!(desync(&same), []);
    // A size that the plain field cannot hold.
    let huge = with_pax(&record("size", "8589934592"), header(b"a", b'0', 0), b"");
    assert_eq!(desync(&huge), [Desync::PastEnd]);
}

#[test]
fn names_that_disagree_are_found() {
    let twice = [record("path", "a"), record("path", "b")].concat();
    assert_eq!(desync(&with_pax(&twice, header(b"a", b'0', 0), b"")), [Desync::Names]);
    let long = [header(b"././@LongLink", b'L', 2).as_slice(), &padded(b"x\0")].concat();
    let both = [long, with_pax(&record("path", "y"), header(b"z", b'0', 0), b"")].concat();
    assert_eq!(desync(&both), [Desync::Names]);
}

#[test]
fn a_prefix_is_part_of_a_posix_name_only() {
    let mut block = header(b"name", b'0', 0);
    block[345..351].copy_from_slice(b"folder");
    let name = |block| {
        let Next::Member(member) = Tar::new().block(&sealed(block)).unwrap() else { panic!("a member") };
        String::from_utf8(member.name).unwrap()
    };
    assert_eq!(name(block), "folder/name");
    block[257..265].copy_from_slice(b"ustar  \0");
    assert_eq!(name(block), "name");
}

#[test]
fn padding_and_what_follows_the_end_are_zeros() {
    let mut bytes = [header(b"a", b'0', 5).as_slice(), &padded(b"hello"), &[0; 1024]].concat();
    assert_eq!(desync(&bytes), []);
    bytes[512 + 5] = 1;
    assert_eq!(desync(&bytes), [Desync::Padding]);
    bytes[512 + 5] = 0;
    bytes.extend(header(b"b", b'0', 0));
    assert_eq!(desync(&bytes), [Desync::AfterEnd]);
    let zeros = [&bytes[..2_048], &vec![0; 1024 * 1024 + 1]].concat();
    assert_eq!(desync(&zeros), [Desync::AfterEnd]);
    let lone = [header(b"a", b'0', 0).as_slice(), &[0; 512], &header(b"b", b'0', 0), &[0; 1024]].concat();
    assert_eq!((desync(&lone), list(lone.as_slice()).unwrap().members.len()), (vec![Desync::AfterEnd], 2));
}

#[test]
fn a_size_where_there_is_no_content_is_found() {
    for type_flag in [b'1', b'2', b'3', b'5', b'6'] {
        let bytes = [header(b"a", type_flag, 512), [1; 512], [0; 512], [0; 512]].concat();
        assert_eq!(desync(&bytes), [Desync::SizeOfNothing], "{}", char::from(type_flag));
    }
}

#[test]
fn an_archive_without_an_end_is_read_unless_it_is_cut_in_a_member() {
    let whole = [header(b"a", b'0', 5).as_slice(), &padded(b"hello")].concat();
    assert_eq!(list(whole.as_slice()).unwrap().members.len(), 1);
    assert_eq!(desync(&whole[..517]), []);
    assert_eq!(desync(&whole[..516]), [Desync::PastEnd]);
    let announced = [header(b"x", b'x', 11).as_slice(), &padded(&record("size", "10"))].concat();
    refused(&announced, Malformed::Cut);
    refused(&announced[..520], Malformed::Cut);
    let then_end = [announced.as_slice(), &[0; 1024]].concat();
    assert_eq!(desync(&then_end), [Desync::PastEnd]);
}

#[test]
fn what_is_no_header_is_refused() {
    let mut block = header(b"a", b'0', 0);
    block[0] = b'b';
    refused(&block, Malformed::NotAHeader);
    assert!(!is_header(&block) && !is_header(&[0; BLOCK_BYTES]) && is_header(&header(b"a", b'0', 0)));
    let mut size = header(b"a", b'0', 0);
    size[124..136].copy_from_slice(b"-0000000001\0");
    refused(&sealed(size), Malformed::Number);
    for type_flag in [b'S', b'M', b'V'] {
        refused(&header(b"a", type_flag, 0), Malformed::Unsupported);
    }
    refused(&with_pax(&record("GNU.sparse.major", "1"), header(b"a", b'0', 0), b""), Malformed::Unsupported);
    refused(&header(b"x", b'x', EXTENDED_BYTES_MAX + 1), Malformed::ExtendedTooLong);
    let chain = [header(b"x", b'L', 1).as_slice(), &padded(b"a")].concat().repeat(EXTENDED_IN_A_ROW_MAX + 1);
    refused(&chain, Malformed::ExtendedTooLong);
}

#[test]
fn the_machine_reads_from_a_stream() {
    let mut tar = Tar::new();
    let bytes = with_pax(&record("path", "long/name"), header(b"a", b'0', 3), b"abc");
    let (mut at, mut names) = (0, Vec::new());
    loop {
        let next = tar.block(bytes[at..].first_chunk().unwrap()).unwrap();
        at += BLOCK_BYTES;
        let content = match next {
            Next::End => break,
            Next::Block => continue,
            Next::Extended { bytes: length } => {
                tar.extended(&bytes[at..at + length]).unwrap();
                length
            }
            Next::Member(member) => {
                names.push(member.name);
                usize::try_from(member.content_bytes).unwrap()
            }
        };
        let padding = padding_bytes(u64::try_from(content).unwrap());
        tar.padding(&bytes[at + content..at + content + padding]);
        at += content + padding;
    }
    assert_eq!((names, tar.desync()), (vec![b"long/name".to_vec()], vec![]));
}
