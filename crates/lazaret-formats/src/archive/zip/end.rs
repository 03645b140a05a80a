//! The end of central directory record, and its ZIP64 form (APPNOTE 4.3.14 to 4.3.16).

use std::ops::Range;

use super::super::read::{Fields, Window};
use super::super::{Desync, Failure, ReadAt};
use super::{DIRECTORY_BYTES_MAX, Found, Malformed, keep};

pub(super) const END_SIGNATURE: &[u8; 4] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR_SIGNATURE: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;
const END64_SIGNATURE: &[u8; 4] = b"PK\x06\x06";
const END64_BYTES: usize = 56;
/// The record and the longest comment behind it.
const TAIL_BYTES: usize = END_BYTES + 0xffff;

/// What the end record says.
pub(super) struct End {
    /// The record with its comment.
    pub(super) record: Range<u64>,
    /// Where the central directory lies.
    pub(super) directory: Range<u64>,
    pub(super) members: u64,
}

/// The fields of a plain end record.
struct Plain {
    disk: u16,
    directory_disk: u16,
    members_here: u16,
    members: u16,
    directory_bytes: u32,
    directory_at: u32,
    comment_bytes: u16,
}

impl Plain {
    fn read(bytes: &[u8]) -> Option<Plain> {
        let mut fields = Fields::new(bytes);
        fields.bytes(4).filter(|signature| signature == END_SIGNATURE)?;
        Some(Plain {
            disk: fields.u16()?,
            directory_disk: fields.u16()?,
            members_here: fields.u16()?,
            members: fields.u16()?,
            directory_bytes: fields.u32()?,
            directory_at: fields.u32()?,
            comment_bytes: fields.u16()?,
        })
    }
}

/// Finds the record that readers take who look from the end: the last whose comment fits into the file.
pub(super) fn find<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    seen: &mut Found,
) -> Result<End, Failure<Malformed>> {
    let size = window.size();
    let tail_bytes = usize::try_from(size).unwrap_or(usize::MAX).min(TAIL_BYTES);
    let tail_at = size.saturating_sub(u64::try_from(tail_bytes).unwrap_or(u64::MAX));
    let tail = window.bytes(tail_at, tail_bytes)?.ok_or(Malformed::NoEnd)?.to_vec();
    let mut places = tail.windows(4).enumerate().filter(|(_, bytes)| bytes == END_SIGNATURE).map(|(at, _)| at);
    let found = places.clone().rev().find_map(|at| {
        let plain = Plain::read(tail.get(at..)?)?;
        (at + END_BYTES + usize::from(plain.comment_bytes) <= tail.len()).then_some((at, plain))
    });
    let (at, plain) = found.ok_or(Malformed::NoEnd)?;
    let start = tail_at + u64::try_from(at).unwrap_or_default();
    let record = start..start + u64::try_from(END_BYTES).unwrap_or_default() + u64::from(plain.comment_bytes);
    let comment = tail.get(at + END_BYTES..).and_then(|rest| rest.get(..usize::from(plain.comment_bytes)));
    seen.beside.push(comment.unwrap_or_default());
    let end = directory(window, &plain, record, seen)?;
    // A member may hold an archive of its own, with its own end record; from the directory on there is but one.
    if places.any(|other| other != at && tail_at + u64::try_from(other).unwrap_or_default() >= end.directory.start) {
        seen.desync.push(Desync::SecondEnd);
    }
    Ok(end)
}

fn directory<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    plain: &Plain,
    record: Range<u64>,
    Found { desync, beside }: &mut Found,
) -> Result<End, Failure<Malformed>> {
    let mut end = End {
        directory: u64::from(plain.directory_at)..u64::from(plain.directory_at) + u64::from(plain.directory_bytes),
        members: u64::from(plain.members),
        record,
    };
    let mut ends_at = end.record.start;
    let locator_at = ends_at.checked_sub(LOCATOR_BYTES);
    if let Some(locator_at) = locator_at
        && let Some(end64_at) = locator(window, locator_at)?
    {
        let end64 = End64::read(window, end64_at)?.ok_or(Malformed::DirectoryCut)?;
        end64.compare(plain, desync);
        if end64.record.end != locator_at {
            desync.push(Desync::DirectoryPlace);
        }
        // Programs may keep data of their own in the record (APPNOTE 4.3.14.2).
        let sector = end64_at.saturating_add(u64::try_from(END64_BYTES).unwrap_or_default());
        keep(window, sector..locator_at.max(sector), beside)?;
        end.directory = end64.directory;
        end.members = end64.members;
        ends_at = end64_at;
    } else if plain.disk != 0 || plain.directory_disk != 0 || plain.members_here != plain.members {
        return Err(Malformed::Split.into());
    }
    if end.directory.end > end.record.start {
        return Err(Malformed::DirectoryCut.into());
    }
    if end.directory.end - end.directory.start > DIRECTORY_BYTES_MAX {
        return Err(Malformed::DirectoryTooLong.into());
    }
    // What lies between would be the directory's end to a reader that trusts offsets, and its middle to one that counts
    // back from the end record.
    if end.directory.end != ends_at {
        desync.push(Desync::DirectoryPlace);
    }
    Ok(end)
}

/// Where the ZIP64 end record lies, if there is a locator.
fn locator<R: ReadAt + ?Sized>(window: &mut Window<'_, R>, at: u64) -> Result<Option<u64>, Failure<Malformed>> {
    let bytes = window.bytes(at, usize::try_from(LOCATOR_BYTES).unwrap_or_default())?.unwrap_or_default();
    let Some(rest) = bytes.strip_prefix(LOCATOR_SIGNATURE) else { return Ok(None) };
    let mut fields = Fields::new(rest);
    let (disk, offset, disks) = (fields.u32(), fields.u64(), fields.u32());
    if disk != Some(0) || disks.is_none_or(|disks| disks > 1) {
        return Err(Malformed::Split.into());
    }
    Ok(offset)
}

struct End64 {
    record: Range<u64>,
    directory: Range<u64>,
    members: u64,
}

impl End64 {
    fn read<R: ReadAt + ?Sized>(window: &mut Window<'_, R>, at: u64) -> Result<Option<End64>, Failure<Malformed>> {
        let bytes = window.bytes(at, END64_BYTES)?.unwrap_or_default();
        let Some(rest) = bytes.strip_prefix(END64_SIGNATURE) else { return Ok(None) };
        let mut fields = Fields::new(rest);
        let mut read = || {
            let record_bytes = fields.u64()?;
            fields.bytes(4)?;
            let (disk, directory_disk) = (fields.u32()?, fields.u32()?);
            let (here, members) = (fields.u64()?, fields.u64()?);
            let (directory_bytes, directory_at) = (fields.u64()?, fields.u64()?);
            let one_disk = disk == 0 && directory_disk == 0 && here == members;
            // The length does not count itself nor the signature.
            let record = at..at.checked_add(12)?.checked_add(record_bytes)?;
            let directory = directory_at..directory_at.checked_add(directory_bytes)?;
            Some((one_disk, End64 { record, directory, members }))
        };
        match read() {
            Some((true, end64)) => Ok(Some(end64)),
            Some((false, _)) => Err(Malformed::Split.into()),
            None => Ok(None),
        }
    }

    /// A field of the plain record that is not all ones must be the same.
    fn compare(&self, plain: &Plain, desync: &mut Vec<Desync>) {
        let bytes = self.directory.end - self.directory.start;
        let differs = (plain.members != u16::MAX && u64::from(plain.members) != self.members)
            || (plain.directory_bytes != u32::MAX && u64::from(plain.directory_bytes) != bytes)
            || (plain.directory_at != u32::MAX && u64::from(plain.directory_at) != self.directory.start);
        if differs {
            desync.push(Desync::Zip64);
        }
    }
}
