//! ZIP (PKWARE APPNOTE.TXT 6.3.10): the directory at the end and the headers before each member, read against each other.
//! Readers trust one or the other; an archive in which they differ is two archives, and is bad.

use crate::content::{Content, ReadFault, Reader, read_vec};

use std::io::Read as _;

/// Bytes between members that other tools leave: alignment, a signing block.
const GAP_BYTES_MAX: u64 = 64 * 1024;
const END_BYTES: usize = 22;
const TAIL_BYTES: usize = 64 * 1024 + END_BYTES;

/// What an archive's structure says.
pub(super) struct Directory {
    /// The members in the order of their bytes.
    pub(super) entries: Vec<Entry>,
    /// There are two readings of it.
    pub(super) desync: bool,
    /// Members share bytes: unpacking each would unpack the same again and again.
    pub(super) overlap: bool,
}

/// Why there is no directory to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotZip {
    /// Cut off or damaged.
    Malformed,
    /// More members than the job allows.
    TooMany,
    /// A part of an archive in several volumes.
    Volumes,
    /// Reading failed.
    Fault(ReadFault),
}

impl From<ReadFault> for NotZip {
    fn from(fault: ReadFault) -> NotZip {
        NotZip::Fault(fault)
    }
}

/// A member as the directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As written; decoded by [`Entry::name`].
    raw_name: Vec<u8>,
    flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed_bytes: u64,
    pub(super) bytes: u64,
    header_at: u64,
    /// Where its bytes begin.
    pub(super) data_at: u64,
    mode: u32,
}

impl Entry {
    /// UTF-8 by bit 11 or by being it, else the bytes one by one.
    pub(super) fn name(&self) -> String {
        match std::str::from_utf8(&self.raw_name) {
            Ok(name) => name.to_owned(),
            Err(_) => self.raw_name.iter().map(|b| char::from(*b)).collect(),
        }
    }

    /// Bit 0, or the header of strong encryption, bit 6 and 13 (4.4.4).
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & 0x2041 != 0
    }

    pub(super) fn is_folder(&self) -> bool {
        self.raw_name.ends_with(b"/") && self.bytes == 0
    }

    /// The kind of file in the upper half of the external attributes, where made on a system that has it (4.4.15).
    pub(super) fn is_link(&self) -> bool {
        self.mode & 0o170_000 == 0o120_000
    }

    pub(super) fn is_device(&self) -> bool {
        matches!(self.mode & 0o170_000, 0o060_000 | 0o020_000 | 0o010_000 | 0o140_000)
    }
}

/// The end of the directory, from the end record or its 64-bit form.
struct End {
    count: u64,
    directory_at: u64,
    directory_bytes: u64,
    /// Where the end records begin, so that what lies between is known.
    at: u64,
    twice: bool,
}

/// Reads the directory and every member's own header.
///
/// # Errors
/// There is no directory, or it cannot be read.
pub(super) fn read(content: &dyn Content, members_max: u64) -> Result<Directory, NotZip> {
    let end = find_end(content)?;
    if end.count > members_max {
        return Err(NotZip::TooMany);
    }
    let mut desync = end.twice || end.directory_at.checked_add(end.directory_bytes) != Some(end.at);
    let mut entries = read_directory(content, &end, members_max)?;
    desync |= entries.len() as u64 != end.count;
    entries.sort_by_key(|entry| entry.header_at);
    let (mut at, mut overlap) = (0_u64, false);
    for entry in &mut entries {
        let local = read_local(content, entry)?;
        desync |= !local.agrees;
        overlap |= entry.header_at < at;
        desync |= !is_gap(content, at, entry.header_at)?;
        entry.data_at = local.data_at;
        at = at.max(local.end);
    }
    overlap |= at > end.directory_at;
    desync |= !is_gap(content, at, end.directory_at)? || overlap;
    Ok(Directory { entries, desync, overlap })
}

/// What lies between members is small and is no member. The signing block of Android packages may be larger.
fn is_gap(content: &dyn Content, from: u64, to: u64) -> Result<bool, ReadFault> {
    let length = to.saturating_sub(from);
    if length == 0 {
        return Ok(true);
    }
    let start = read_vec(content, from, 4)?;
    let last = read_vec(content, to.saturating_sub(16), 16)?;
    let signing = last == b"APK Sig Block 42";
    Ok(!start.starts_with(b"PK\x03\x04") && (length <= GAP_BYTES_MAX || signing))
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let field = bytes.get(at..at.saturating_add(N)).unwrap_or_default();
    field.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::try_from(number::<2>(bytes, at)).unwrap_or(0)
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(number::<4>(bytes, at)).unwrap_or(0)
}

fn find_end(content: &dyn Content) -> Result<End, NotZip> {
    let tail_at = content.size().saturating_sub(TAIL_BYTES as u64);
    let tail = read_vec(content, tail_at, TAIL_BYTES)?;
    let is_end =
        |at: &usize| tail.get(*at..).is_some_and(|rest| rest.starts_with(b"PK\x05\x06") && rest.len() >= END_BYTES);
    let candidates: Vec<usize> = (0..tail.len()).filter(is_end).collect();
    let fits = |at: &usize| at + END_BYTES + usize::from(short(&tail, at + 20)) == tail.len();
    let exact: Vec<usize> = candidates.iter().copied().filter(fits).collect();
    let chosen = exact.last().or(candidates.last()).copied().ok_or(NotZip::Malformed)?;
    // A record inside the comment, one that does not reach the end, or one before that other readers would find first.
    let twice = exact.len() != 1 || candidates.len() != 1;
    let record = tail.get(chosen..).unwrap_or_default();
    if short(record, 4) != short(record, 6) || short(record, 8) != short(record, 10) {
        return Err(NotZip::Volumes);
    }
    let at = tail_at.saturating_add(chosen as u64);
    let end = End {
        count: u64::from(short(record, 10)),
        directory_bytes: u64::from(long(record, 12)),
        directory_at: u64::from(long(record, 16)),
        at,
        twice,
    };
    wide_end(content, end)
}

/// The 64-bit end record, by its locator right before the end record (4.3.14, 4.3.15).
fn wide_end(content: &dyn Content, end: End) -> Result<End, NotZip> {
    let locator_at = end.at.saturating_sub(20);
    let locator = read_vec(content, locator_at, 20)?;
    if end.at < 20 || !locator.starts_with(b"PK\x06\x07") {
        return Ok(end);
    }
    let at = number::<8>(&locator, 8);
    let record = read_vec(content, at, 56)?;
    if !record.starts_with(b"PK\x06\x06") {
        return Err(NotZip::Malformed);
    }
    let wide = End {
        count: number::<8>(&record, 32),
        directory_bytes: number::<8>(&record, 40),
        directory_at: number::<8>(&record, 48),
        at,
        twice: end.twice,
    };
    // Each narrow field is the wide one's, or all ones (4.4.1.4).
    let same = |narrow: u64, wide: u64, ones: u64| narrow == ones || narrow == wide;
    let agrees = same(end.count, wide.count, 0xffff)
        && same(end.directory_bytes, wide.directory_bytes, 0xffff_ffff)
        && same(end.directory_at, wide.directory_at, 0xffff_ffff)
        && number::<8>(&record, 4).checked_add(12 + at) == Some(locator_at);
    Ok(End { twice: wide.twice || !agrees, ..wide })
}

fn read_directory(content: &dyn Content, end: &End, members_max: u64) -> Result<Vec<Entry>, NotZip> {
    let part = crate::content::Part::new(content, end.directory_at, end.directory_bytes);
    let mut reader = Reader::new(&part);
    let mut entries = Vec::new();
    loop {
        let mut head = [0; 46];
        match reader.read(&mut head[..1]) {
            Ok(0) => return Ok(entries),
            Ok(_) => {}
            Err(_) => return Err(NotZip::Fault(ReadFault::Gone)),
        }
        let [_, rest @ ..] = &mut head;
        reader.read_exact(rest).map_err(|_| NotZip::Malformed)?;
        if !head.starts_with(b"PK\x01\x02") {
            return Err(NotZip::Malformed);
        }
        let mut piece = |length: u16| {
            let mut bytes = vec![0; usize::from(length)];
            reader.read_exact(&mut bytes).map(|()| bytes).map_err(|_| NotZip::Malformed)
        };
        let raw_name = piece(short(&head, 28))?;
        let extra = piece(short(&head, 30))?;
        piece(short(&head, 32))?;
        entries.push(entry(&head, raw_name, &extra)?);
        if entries.len() as u64 > members_max {
            return Err(NotZip::TooMany);
        }
    }
}

fn entry(head: &[u8], raw_name: Vec<u8>, extra: &[u8]) -> Result<Entry, NotZip> {
    let made_on_unix = matches!(number::<1>(head, 5), 3 | 19);
    let mut entry = Entry {
        raw_name,
        flags: short(head, 8),
        method: short(head, 10),
        crc: long(head, 16),
        packed_bytes: u64::from(long(head, 20)),
        bytes: u64::from(long(head, 24)),
        header_at: u64::from(long(head, 42)),
        data_at: 0,
        mode: if made_on_unix { long(head, 38) >> 16 } else { 0 },
    };
    let mut wide = wide_fields(extra);
    // The wide field holds only those that are all ones, in this order (4.5.3).
    for narrow in [&mut entry.bytes, &mut entry.packed_bytes, &mut entry.header_at] {
        if *narrow == 0xffff_ffff {
            *narrow = wide.next().ok_or(NotZip::Malformed)?;
        }
    }
    Ok(entry)
}

/// The numbers of the extra field with id 1.
fn wide_fields(extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut rest = extra;
    let mut found: &[u8] = &[];
    while rest.len() >= 4 {
        let (id, length) = (short(rest, 0), usize::from(short(rest, 2)));
        let data = rest.get(4..4 + length).unwrap_or_default();
        if id == 1 {
            found = data;
        }
        rest = rest.get(4 + length..).unwrap_or_default();
    }
    found.chunks_exact(8).map(|bytes| number::<8>(bytes, 0))
}

struct Local {
    agrees: bool,
    data_at: u64,
    end: u64,
}

/// The header before the member's bytes, compared with the directory's (4.3.7). Sizes and CRC may stand after the bytes
/// instead (bit 3, 4.3.9).
fn read_local(content: &dyn Content, entry: &Entry) -> Result<Local, NotZip> {
    let head = read_vec(content, entry.header_at, 30)?;
    if !head.starts_with(b"PK\x03\x04") || head.len() < 30 {
        return Ok(Local { agrees: false, data_at: entry.header_at, end: entry.header_at });
    }
    let (name_bytes, extra_bytes) = (usize::from(short(&head, 26)), usize::from(short(&head, 28)));
    let rest = read_vec(content, entry.header_at.saturating_add(30), name_bytes + extra_bytes)?;
    let name = rest.get(..name_bytes).unwrap_or_default();
    let mut wide = wide_fields(rest.get(name_bytes..).unwrap_or_default());
    let mut number_at = |at: usize| match u64::from(long(&head, at)) {
        0xffff_ffff => wide.next().unwrap_or(0xffff_ffff),
        narrow => narrow,
    };
    let (bytes, packed_bytes, crc) = (number_at(22), number_at(18), long(&head, 14));
    let later = entry.flags & 8 != 0;
    let sizes = (bytes, packed_bytes, crc) == (entry.bytes, entry.packed_bytes, entry.crc);
    let agrees = name == entry.raw_name
        && short(&head, 6) == entry.flags
        && short(&head, 8) == entry.method
        && (sizes || (later && bytes == 0 && packed_bytes == 0 && crc == 0));
    let data_at = entry.header_at.saturating_add((30 + name_bytes + extra_bytes) as u64);
    let mut end = data_at.saturating_add(entry.packed_bytes);
    if later {
        end = end.saturating_add(descriptor_bytes(content, end, entry)?);
    }
    Ok(Local { agrees: agrees && end <= content.size(), data_at, end })
}

/// The length of the descriptor after the bytes: with or without its signature, with 4 or 8 bytes for each size.
fn descriptor_bytes(content: &dyn Content, at: u64, entry: &Entry) -> Result<u64, ReadFault> {
    let bytes = read_vec(content, at, 24)?;
    let signed = usize::from(bytes.starts_with(b"PK\x07\x08")) * 4;
    let wide = number::<8>(&bytes, signed + 4) == entry.packed_bytes && number::<8>(&bytes, signed + 12) == entry.bytes;
    let narrow =
        u64::from(long(&bytes, signed + 4)) == entry.packed_bytes && u64::from(long(&bytes, signed + 8)) == entry.bytes;
    Ok(signed as u64 + if wide && !narrow { 20 } else { 12 })
}
