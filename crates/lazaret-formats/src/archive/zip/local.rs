//! Local headers (APPNOTE 4.3.7), data descriptors (4.3.9), and what lies between members.

use std::ops::Range;

use super::super::read::{Fields, Window};
use super::super::{Beside, Desync, Failure, NAME_BYTES_MAX, ReadAt};
use super::directory::{Extra, Sizes};
use super::end::End;
use super::{Found, GAP_BYTES_MAX, GAPS_BYTES_MAX, Malformed, Member, keep};

const SIGNATURE: &[u8; 4] = b"PK\x03\x04";
const HEADER_BYTES: usize = 30;
/// Bit 3 of the flags: sizes and checksum follow the data.
const HAS_DESCRIPTOR: u16 = 0x0008;
/// Bits 1 and 2 say how hard the compressor tried; writers are careless with them.
const EFFORT: u16 = 0x0006;
const DESCRIPTOR_SIGNATURE: &[u8; 4] = b"PK\x07\x08";

struct Header {
    flags: u16,
    method: u16,
    crc32: u32,
    compressed: u64,
    content: u64,
    name_bytes: usize,
    extra_bytes: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        let mut fields = Fields::new(bytes);
        fields.bytes(4).filter(|signature| signature == SIGNATURE)?;
        fields.bytes(2)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.bytes(4)?;
        Some(Header {
            flags,
            method,
            crc32: fields.u32()?,
            compressed: u64::from(fields.u32()?),
            content: u64::from(fields.u32()?),
            name_bytes: usize::from(fields.u16()?),
            extra_bytes: usize::from(fields.u16()?),
        })
    }
}

/// Compares a member with its local header and says which bytes it takes up, descriptor included.
pub(super) fn compare<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    member: &mut Member,
    end: &End,
    Found { desync, beside }: &mut Found,
) -> Result<Option<Range<u64>>, Failure<Malformed>> {
    if member.header_at >= end.directory.start {
        desync.push(Desync::AfterDirectory);
        return Ok(None);
    }
    let Some(header) = window.bytes(member.header_at, HEADER_BYTES)?.and_then(Header::read) else {
        desync.push(Desync::NoLocalHeader);
        return Ok(None);
    };
    let length = HEADER_BYTES + header.name_bytes + header.extra_bytes;
    let Some(bytes) = window.bytes(member.header_at, length)? else {
        desync.push(Desync::PastEnd);
        return Ok(None);
    };
    let mut rest = Fields::new(bytes.get(HEADER_BYTES..).unwrap_or_default());
    let name = rest.bytes(header.name_bytes).unwrap_or_default();
    let extra = rest.bytes(header.extra_bytes).unwrap_or_default();
    fields(member, &header, (name, extra), desync, beside);
    let start = member.header_at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    let Some(data_end) = start.checked_add(member.compressed_bytes).filter(|&data_end| data_end <= end.directory.start)
    else {
        desync.push(Desync::Overlap);
        return Ok(None);
    };
    member.data = Some(start..data_end);
    let descriptor = if header.flags & HAS_DESCRIPTOR != 0 { descriptor(window, member, data_end)? } else { Some(0) };
    let descriptor = descriptor.unwrap_or_else(|| {
        desync.push(Desync::Descriptor);
        0
    });
    Ok(Some(member.header_at..data_end.saturating_add(descriptor)))
}

/// Every field that both headers have.
fn fields(
    member: &Member,
    header: &Header,
    (name, extra): (&[u8], &[u8]),
    desync: &mut Vec<Desync>,
    beside: &mut Beside,
) {
    let mut differ = |kind: Desync, differs: bool| {
        if differs {
            desync.push(kind);
        }
    };
    let kept = name.get(..NAME_BYTES_MAX + 1).unwrap_or(name);
    differ(Desync::Names, kept != member.name);
    differ(Desync::Methods, header.method != member.method);
    differ(Desync::Flags, (header.flags ^ member.flags) & !EFFORT != 0);
    // The offset is not in a local header: a value that is not all ones keeps the extra field from being asked for it.
    let plain = Sizes { content: header.content, compressed: header.compressed, offset: 0 };
    let Some(extra) = Extra::read(extra, plain, beside) else {
        differ(Desync::Sizes, true);
        return;
    };
    differ(Desync::Names, extra.other_name.is_some() && extra.other_name != member.other_name);
    // With a descriptor to follow the fields are zero; where they are not they must be right.
    let told = |value: u64| header.flags & HAS_DESCRIPTOR == 0 || value != 0;
    let sizes = extra.sizes;
    differ(Desync::Sizes, told(sizes.content) && sizes.content != member.content_bytes);
    differ(Desync::Sizes, told(sizes.compressed) && sizes.compressed != member.compressed_bytes);
    differ(Desync::Checksums, told(u64::from(header.crc32)) && header.crc32 != member.crc32);
}

/// The length of the descriptor behind a member's data: with or without signature, with sizes of 4 or 8 bytes.
fn descriptor<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    member: &Member,
    at: u64,
) -> Result<Option<u64>, Failure<Malformed>> {
    for (signed, wide, length) in [(true, false, 16), (true, true, 24), (false, false, 12), (false, true, 20)] {
        let mut expected = if signed { DESCRIPTOR_SIGNATURE.to_vec() } else { Vec::new() };
        expected.extend_from_slice(&member.crc32.to_le_bytes());
        for size in [member.compressed_bytes, member.content_bytes] {
            match u32::try_from(size) {
                Ok(size) if !wide => expected.extend_from_slice(&size.to_le_bytes()),
                Ok(_) | Err(_) => expected.extend_from_slice(&size.to_le_bytes()),
            }
        }
        if window.bytes(at, expected.len())? == Some(expected.as_slice()) && expected.len() == length {
            return Ok(u64::try_from(length).ok());
        }
    }
    Ok(None)
}

/// Members must follow each other, and what lies between them must be little and no record of its own.
pub(super) fn look_between<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    mut extents: Vec<Range<u64>>,
    end: &End,
    Found { desync, beside }: &mut Found,
) -> Result<(), Failure<Malformed>> {
    extents.sort_unstable_by_key(|extent| (extent.start, extent.end));
    extents.push(end.directory.start..end.directory.end);
    let (mut reached, mut gaps) = (0, 0_u64);
    for extent in extents {
        match extent.start.checked_sub(reached) {
            None => desync.push(Desync::Overlap),
            Some(0) => {}
            Some(gap) => {
                gaps = gaps.saturating_add(gap);
                if gap > GAP_BYTES_MAX || gaps > GAPS_BYTES_MAX || holds_record(window, reached..extent.start)? {
                    desync.push(Desync::Gap);
                }
                keep(window, reached..extent.start, beside)?;
            }
        }
        reached = reached.max(extent.end);
    }
    Ok(())
}

fn holds_record<R: ReadAt + ?Sized>(window: &mut Window<'_, R>, gap: Range<u64>) -> Result<bool, Failure<Malformed>> {
    let length = usize::try_from(gap.end - gap.start).unwrap_or(usize::MAX);
    let bytes = window.bytes(gap.start, length)?.unwrap_or_default();
    let is_record = |four: &[u8]| {
        matches!(four, [b'P', b'K', 1, 2] | [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6] | [b'P', b'K', 6, 6 | 7])
    };
    Ok(bytes.windows(4).any(is_record))
}
