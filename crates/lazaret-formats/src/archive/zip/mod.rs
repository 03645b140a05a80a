//! ZIP by its directory (PKWARE APPNOTE 6.3.10): end record, central directory and local headers, compared with each other.
//!
//! Programs differ in which of the three they believe. So all are read, and every difference is a [`Desync`]: what was
//! inspected must be the only reading that there is. Nothing is decompressed.

mod directory;
mod end;
mod local;

use std::fmt;
use std::ops::Range;

use super::read::Window;
use super::{Beside, Desync, Failure, MemberKind, ReadAt};

/// Bytes of a central directory.
pub const DIRECTORY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes between two members that belong to neither.
pub const GAP_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of all such gaps together, since each is read.
pub const GAPS_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of a stretch that belongs to no member and is kept beside them.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Why an archive's members cannot be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// No end record: cut short, or no ZIP.
    NoEnd,
    /// Parts of it lie in other files.
    Split,
    /// The directory itself is encrypted.
    EncryptedDirectory,
    /// The directory goes past the file, or an entry past the directory.
    DirectoryCut,
    /// The directory is longer than [`DIRECTORY_BYTES_MAX`] bytes.
    DirectoryTooLong,
    /// More than [`super::MEMBERS_MAX`] members.
    TooManyMembers,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::NoEnd => "no end record: the archive is cut short",
            Malformed::Split => "an archive of several files",
            Malformed::EncryptedDirectory => "an encrypted directory",
            Malformed::DirectoryCut => "the directory is cut short",
            Malformed::DirectoryTooLong => "the directory is too long",
            Malformed::TooManyMembers => "too many members",
        })
    }
}

impl std::error::Error for Malformed {}

/// A member, as the directory has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, as bytes: UTF-8 or, by the standard, code page 437.
    pub name: Vec<u8>,
    /// Another name that an extra field gives it (Info-ZIP Unicode path, 0x7075).
    pub other_name: Option<Vec<u8>>,
    /// What it is, by the attributes of the system that wrote it.
    pub kind: MemberKind,
    /// Whether it is encrypted, in whatever way.
    pub encrypted: bool,
    /// The compression method: 0 stored, 8 deflated, 12 bzip2, 93 zstd, 95 xz.
    pub method: u16,
    /// General purpose flags.
    pub flags: u16,
    /// CRC-32 of the content.
    pub crc32: u32,
    /// Bytes compressed.
    pub compressed_bytes: u64,
    /// Bytes of content, as claimed.
    pub content_bytes: u64,
    /// Where the local header lies.
    pub header_at: u64,
    /// Where the compressed bytes lie; nothing if the local header could not be read.
    pub data: Option<Range<u64>>,
}

/// Names tell of people: see [`crate::path::CrossingPath`].
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.len();
        write!(f, "Member({name} bytes of name, {:?}, method {}, {:?})", self.kind, self.method, self.data)
    }
}

/// An archive's members and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zip {
    /// The members, in the directory's order.
    pub members: Vec<Member>,
    /// Where readers may disagree, each kind once, in order; empty for a good archive.
    pub desync: Vec<Desync>,
    /// Bytes before the first member: a program that unpacks itself, or something else in front.
    pub prefix_bytes: u64,
    /// Bytes after the end record and its comment.
    pub suffix_bytes: u64,
    /// Comments, extra fields that hold something of their own, and what lies between members and after the end.
    pub beside: Beside,
}

/// Lists an archive.
///
/// # Errors
/// The source fails, or the members cannot even be listed.
pub fn list<R: ReadAt + ?Sized>(source: &R) -> Result<Zip, Failure<Malformed>> {
    let mut window = Window::new(source);
    let mut found = Found::default();
    let end = end::find(&mut window, &mut found)?;
    let mut members = directory::read(&mut window, &end, &mut found)?;
    let mut extents = Vec::with_capacity(members.len());
    for member in &mut members {
        if let Some(extent) = local::compare(&mut window, member, &end, &mut found)? {
            extents.push(extent);
        }
    }
    let prefix_bytes = extents.iter().map(|extent| extent.start).min().unwrap_or(end.directory.start);
    local::look_between(&mut window, extents, &end, &mut found)?;
    let size = window.size();
    let suffix_bytes = size.saturating_sub(end.record.end);
    keep(&mut window, end.record.end..size, &mut found.beside)?;
    let Found { mut desync, beside } = found;
    desync.sort_unstable();
    desync.dedup();
    Ok(Zip { members, desync, prefix_bytes, suffix_bytes, beside })
}

/// What reading comes upon, beside members.
#[derive(Default)]
struct Found {
    desync: Vec<Desync>,
    beside: Beside,
}

/// Puts a stretch of the archive beside its members, if it is not too long to be kept.
fn keep<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    range: Range<u64>,
    beside: &mut Beside,
) -> Result<(), Failure<Malformed>> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    if length > KEPT_BYTES_MAX {
        beside.push_unread();
        return Ok(());
    }
    beside.push(window.bytes(range.start, length)?.unwrap_or_default());
    Ok(())
}

impl From<Malformed> for Failure<Malformed> {
    fn from(why: Malformed) -> Failure<Malformed> {
        Failure::Malformed(why)
    }
}

#[cfg(test)]
mod tests;
