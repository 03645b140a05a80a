//! The central directory (APPNOTE 4.3.12) and the extra fields that count (4.5.3, 4.6.9).

use std::ops::Range;

use super::super::read::{Fields, Window};
use super::super::{Beside, Desync, Failure, MEMBERS_MAX, MemberKind, NAME_BYTES_MAX, ReadAt};
use super::end::End;
use super::{Found, Malformed, Member, keep};

const SIGNATURE: &[u8; 4] = b"PK\x01\x02";
const HEADER_BYTES: usize = 46;
/// What a directory may end in (APPNOTE 4.3.13).
const DIGITAL_SIGNATURE: &[u8; 4] = b"PK\x05\x05";

/// Bit 0, 6 and 13 of the flags: encrypted, strongly, and with the directory's names masked.
pub(super) const ENCRYPTED: u16 = 0x0001;
const STRONGLY_ENCRYPTED: u16 = 0x0040;
const MASKED: u16 = 0x2000;
/// WinZip's method for what is encrypted with AES.
const METHOD_AES: u16 = 99;

/// Extra fields by their numbers.
const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;
const AES: u16 = 0x9901;
/// Times and owners (APPNOTE 4.5.5 and 4.5.7; Info-ZIP's `extrafld.txt`).
const NTFS: u16 = 0x000a;
const UNIX_TIMES: u16 = 0x5455;
const UNIX_OLD: u16 = 0x5855;
const UNIX_OWNER_OLD: u16 = 0x7855;
const UNIX_OWNER: u16 = 0x7875;
/// Zeros that align a member or leave it room, behind 2 and 4 bytes that say how (Android; APPNOTE 4.6.10).
const ALIGNMENT: u16 = 0xd935;
const GROWTH: u16 = 0xa220;
/// A comment again, in UTF-8, behind a version and a checksum (Info-ZIP Unicode comment).
const UNICODE_COMMENT: u16 = 0x6375;

/// Sizes and offset that may stand in an extra field instead.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) content: u64,
    pub(super) compressed: u64,
    pub(super) offset: u64,
}

/// What extra fields say.
pub(super) struct Extra {
    pub(super) sizes: Sizes,
    pub(super) other_name: Option<Vec<u8>>,
    pub(super) aes: bool,
}

/// A 32-bit field with all bits set says that the value is in the extra field.
const ELSEWHERE: u64 = 0xffff_ffff;

impl Extra {
    /// Reads extra fields; in ZIP64's the values are there, in order, whose plain fields are all ones. Nothing for fields
    /// that are cut short, or a ZIP64 field that is there twice. What is none of the known ones, or comes again, may hold
    /// anything: it goes beside the members.
    pub(super) fn read(bytes: &[u8], plain: Sizes, beside: &mut Beside) -> Option<Extra> {
        let mut extra = Extra { sizes: plain, other_name: None, aes: false };
        let (mut fields, mut met) = (Fields::new(bytes), Vec::new());
        while let Some((id, length)) = head(&mut fields) {
            let content = fields.bytes(usize::from(length))?;
            let mut data = Fields::new(content);
            let again = met.contains(&id);
            met.push(id);
            match id {
                ZIP64 => {
                    if again {
                        return None;
                    }
                    let mut value = |plain: u64| if plain == ELSEWHERE { data.u64() } else { Some(plain) };
                    extra.sizes.content = value(plain.content)?;
                    extra.sizes.compressed = value(plain.compressed)?;
                    extra.sizes.offset = value(plain.offset)?;
                    // A local header's has an offset of no use; what is longer has something else in it.
                    beside.push(content.get(28..).unwrap_or_default());
                }
                UNICODE_PATH if !again => {
                    // One byte of version, a CRC of the plain name, then the name.
                    let name = usize::from(length).checked_sub(5).and_then(|name| data.bytes(5).and(data.bytes(name)));
                    extra.other_name = name.map(<[u8]>::to_vec);
                }
                AES => {
                    extra.aes = true;
                    beside.push(content.get(7..).unwrap_or_default());
                }
                _ if again => beside.push(content),
                _ => beside.push(holds(id, content)),
            }
        }
        // Fewer bytes than a field has in its head.
        beside.push(fields.rest());
        Some(extra)
    }
}

/// A field's number and length.
fn head(fields: &mut Fields<'_>) -> Option<(u16, u16)> {
    let mut ahead = *fields;
    let head = ahead.u16().zip(ahead.u16())?;
    *fields = ahead;
    Some(head)
}

/// What a field holds beside the times, owners and paddings that it is for.
fn holds(id: u16, content: &[u8]) -> &[u8] {
    let (length, zeros) = (content.len(), |from: usize| content.iter().skip(from).all(|&byte| byte == 0));
    let known = match id {
        NTFS => length == 32,
        UNIX_TIMES => matches!(length, 1 | 5 | 9 | 13),
        UNIX_OLD => matches!(length, 8 | 12),
        UNIX_OWNER_OLD => matches!(length, 0 | 4),
        // A version, then a user and a group, each behind its length.
        UNIX_OWNER => length <= 11 && content.first() == Some(&1),
        ALIGNMENT => zeros(2),
        GROWTH => zeros(4),
        UNICODE_COMMENT => return content.get(5..).unwrap_or(content),
        _ => false,
    };
    if known { &[] } else { content }
}

pub(super) fn read<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    end: &End,
    found: &mut Found,
) -> Result<Vec<Member>, Failure<Malformed>> {
    // Not made as long as the end record says: a number is no member.
    let mut members = Vec::new();
    let mut at = end.directory.start;
    while at < end.directory.end {
        let Some((member, bytes)) = entry(window, at, end.directory.end, found)? else { break };
        if members.len() >= MEMBERS_MAX {
            return Err(Malformed::TooManyMembers.into());
        }
        members.push(member);
        at += bytes;
    }
    if at != end.directory.end {
        let signature = signature(window, at)?.filter(|signature| signature.end == end.directory.end);
        keep(window, signature.ok_or(Malformed::DirectoryCut)?, &mut found.beside)?;
    }
    if u64::try_from(members.len()).unwrap_or(u64::MAX) != end.members {
        found.desync.push(Desync::MemberCount);
    }
    Ok(members)
}

/// The data of a digital signature.
fn signature<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    at: u64,
) -> Result<Option<Range<u64>>, Failure<Malformed>> {
    let head = window.bytes(at, 6)?.and_then(|head| head.strip_prefix(DIGITAL_SIGNATURE));
    let length = head.and_then(|length| length.first_chunk()).map(|length| u16::from_le_bytes(*length));
    Ok(length.map(|length| at + 6..at + 6 + u64::from(length)))
}

/// The fixed part of a directory entry.
struct Header {
    made_by: u8,
    flags: u16,
    method: u16,
    crc32: u32,
    sizes: Sizes,
    name_bytes: usize,
    extra_bytes: usize,
    comment_bytes: usize,
    disk: u16,
    attributes: u32,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        let mut fields = Fields::new(bytes);
        fields.bytes(4).filter(|signature| signature == SIGNATURE)?;
        let made_by = fields.u16()?.to_le_bytes();
        fields.bytes(2)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.bytes(4)?;
        let crc32 = fields.u32()?;
        let (compressed, content) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
        let (name_bytes, extra_bytes) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
        let comment_bytes = usize::from(fields.u16()?);
        let disk = fields.u16()?;
        fields.bytes(2)?;
        let attributes = fields.u32()?;
        let sizes = Sizes { content, compressed, offset: u64::from(fields.u32()?) };
        let [_, made_by] = made_by;
        Some(Header { made_by, flags, method, crc32, sizes, name_bytes, extra_bytes, comment_bytes, disk, attributes })
    }
}

/// The entry at a place and its length; nothing where there is no entry.
fn entry<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    at: u64,
    end: u64,
    Found { desync, beside }: &mut Found,
) -> Result<Option<(Member, u64)>, Failure<Malformed>> {
    let Some(header) = window.bytes(at, HEADER_BYTES)?.and_then(Header::read) else { return Ok(None) };
    let length = HEADER_BYTES + header.name_bytes + header.extra_bytes + header.comment_bytes;
    let bytes = u64::try_from(length).unwrap_or(u64::MAX);
    if bytes > end - at {
        return Err(Malformed::DirectoryCut.into());
    }
    let entry = window.bytes(at, length)?.ok_or(Malformed::DirectoryCut)?;
    let mut rest = Fields::new(entry.get(HEADER_BYTES..).unwrap_or_default());
    let name = rest.bytes(header.name_bytes).unwrap_or_default();
    let extra = Extra::read(rest.bytes(header.extra_bytes).unwrap_or_default(), header.sizes, beside);
    beside.push(rest.rest());
    let extra = extra.unwrap_or_else(|| {
        desync.push(Desync::Sizes);
        Extra { sizes: header.sizes, other_name: None, aes: false }
    });
    if header.disk != 0 && header.disk != u16::MAX {
        return Err(Malformed::Split.into());
    }
    if header.flags & MASKED != 0 {
        return Err(Malformed::EncryptedDirectory.into());
    }
    // A name in ASCII needs no second form: if there is one and it differs, someone reads another name.
    if extra.other_name.as_deref().is_some_and(|other| name.is_ascii() && other != name) {
        desync.push(Desync::Names);
    }
    let member = Member {
        kind: kind(&header, name),
        encrypted: header.flags & (ENCRYPTED | STRONGLY_ENCRYPTED) != 0 || header.method == METHOD_AES || extra.aes,
        // One byte more than the limit shows that it is over, and no more is kept.
        name: name.get(..NAME_BYTES_MAX + 1).unwrap_or(name).to_vec(),
        other_name: extra.other_name,
        method: header.method,
        flags: header.flags,
        crc32: header.crc32,
        compressed_bytes: extra.sizes.compressed,
        content_bytes: extra.sizes.content,
        header_at: extra.sizes.offset,
        data: None,
    };
    Ok(Some((member, bytes)))
}

/// Systems with Unix modes say what a member is; others know folders only.
fn kind(header: &Header, name: &[u8]) -> MemberKind {
    const UNIX: u8 = 3;
    const MACOS: u8 = 19;
    const DOS_FOLDER: u32 = 0x10;
    let mode = header.attributes >> 16;
    let unix = matches!(header.made_by, UNIX | MACOS);
    match mode & 0o170_000 {
        0o120_000 if unix => MemberKind::Symlink,
        0o010_000 | 0o020_000 | 0o060_000 | 0o140_000 if unix => MemberKind::Device,
        0o040_000 if unix => MemberKind::Folder,
        _ if name.ends_with(b"/") || header.attributes & DOS_FOLDER != 0 => MemberKind::Folder,
        _ => MemberKind::File,
    }
}
