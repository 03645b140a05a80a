//! The structure of archives, without unpacking anything: which members there are, where their bytes lie, and whether all
//! who read the archive would say the same (`inspection.md` section 5).
//!
//! Reading order: [`ReadAt`] (how bytes are asked for), [`zip`], [`tar`], [`name`] (what is wrong with a member's name),
//! [`Container`] (what a file begins as). Unpacking, its limits and what is found inside are the inspector's.

mod beside;
pub mod name;
mod read;
pub mod tar;
pub mod zip;
pub mod zstd;

use std::fmt;

pub use beside::{BESIDE_BYTES_MAX, Beside};
pub use read::{Failure, ReadAt, Unreadable};

/// Members of one archive.
pub const MEMBERS_MAX: usize = 100_000;
/// Bytes of a member's name.
pub const NAME_BYTES_MAX: usize = 4_096;

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// Content.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; in a ZIP its target is the content.
    Symlink,
    /// A second name of another member.
    Hardlink,
    /// A device, FIFO or socket: never content of a transfer.
    Device,
    /// Something that belongs to one program and is not looked into.
    Special,
}

/// Where two readers of one archive may disagree: each is `bad archive.desync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Desync {
    /// ZIP: more than one end record at the end, or one where nothing should be.
    SecondEnd,
    /// ZIP: the directory does not lie where its end record says, or not directly before it.
    DirectoryPlace,
    /// ZIP: end record and ZIP64 end record differ.
    Zip64,
    /// ZIP: the directory has another number of members than the end record says.
    MemberCount,
    /// A member's names differ: in both headers, or in an extra field or extended header.
    Names,
    /// A member's sizes differ.
    Sizes,
    /// A member's checksums differ.
    Checksums,
    /// A member's methods differ.
    Methods,
    /// A member's flags differ.
    Flags,
    /// ZIP: where a member should begin there is no local header.
    NoLocalHeader,
    /// ZIP: two members share bytes, or one reaches into the directory.
    Overlap,
    /// ZIP: bytes that belong to no member, too many or with a record's signature in them.
    Gap,
    /// ZIP: the data descriptor is not there, or says something else than the directory.
    Descriptor,
    /// ZIP: a member that lies after the directory.
    AfterDirectory,
    /// A member, or an extended header, goes past the archive's end.
    PastEnd,
    /// TAR: bytes between records that are not zero.
    Padding,
    /// TAR: content after the end, or a lone block of zeros.
    AfterEnd,
    /// TAR: a link, folder or device with a size; some readers pass over so many bytes and some do not.
    SizeOfNothing,
}

impl fmt::Display for Desync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Desync::SecondEnd => "more than one end record",
            Desync::DirectoryPlace => "the directory is not where the end record says",
            Desync::Zip64 => "end record and ZIP64 end record differ",
            Desync::MemberCount => "another number of members than the end record says",
            Desync::Names => "two names for one member",
            Desync::Sizes => "two sizes for one member",
            Desync::Checksums => "two checksums for one member",
            Desync::Methods => "two methods for one member",
            Desync::Flags => "two sets of flags for one member",
            Desync::NoLocalHeader => "no local header where a member should begin",
            Desync::Overlap => "members that share bytes",
            Desync::Gap => "bytes that belong to no member",
            Desync::Descriptor => "a data descriptor that differs",
            Desync::AfterDirectory => "a member after the directory",
            Desync::PastEnd => "a member that goes past the end",
            Desync::Padding => "bytes between records",
            Desync::AfterEnd => "content after the end",
            Desync::SizeOfNothing => "a size where there is no content",
        })
    }
}

/// What a file begins as, of what holds other files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// ZIP and its family.
    Zip,
    /// TAR: ustar, pax or GNU.
    Tar,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// 7z; not opened.
    SevenZip,
    /// RAR; not opened.
    Rar,
    /// Microsoft cabinet; not opened.
    Cab,
    /// Compound file: old Office documents, MSI; not opened.
    Ole2,
}

impl Container {
    /// Bytes that [`Container::of`] looks at.
    pub const HEAD_BYTES: usize = 512;

    /// What the first bytes say.
    pub fn of(head: &[u8]) -> Option<Container> {
        match head {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => {
                Some(Container::Zip)
            }
            [0x1f, 0x8b, 8, ..] => Some(Container::Gzip),
            // A frame, or a skippable one before it (RFC 8878 section 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Container::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Container::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            // An empty stream has the mark of its end instead of a block's.
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Container::Bzip2),
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some(Container::SevenZip),
            [b'R', b'a', b'r', b'!', 0x1a, 0x07, ..] => Some(Container::Rar),
            [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => Some(Container::Cab),
            [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => Some(Container::Ole2),
            _ => head.first_chunk().is_some_and(tar::is_header).then_some(Container::Tar),
        }
    }
}

/// A gzip member's header (RFC 1952 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GzipHeader<'a> {
    /// Bytes before the compressed data.
    pub bytes: usize,
    /// The name of the file that was compressed, in ISO 8859-1 by the standard and UTF-8 in practice.
    pub name: Option<&'a [u8]>,
}

/// Reads the header at the beginning of a gzip file; nothing if it is none, or is not whole within `head`.
pub fn gzip_header(head: &[u8]) -> Option<GzipHeader<'_>> {
    const HEADER_CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let (fixed, mut rest) = head.split_first_chunk::<10>()?;
    let [0x1f, 0x8b, 8, flags, ..] = *fixed else { return None };
    let text = |rest: &mut &'_ [u8]| -> Option<usize> { rest.iter().position(|&byte| byte == 0) };
    if flags & EXTRA != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    let mut name = None;
    if flags & NAME != 0 {
        let end = text(&mut rest)?;
        name = rest.get(..end);
        rest = rest.get(end + 1..)?;
    }
    if flags & COMMENT != 0 {
        let end = text(&mut rest)?;
        rest = rest.get(end + 1..)?;
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(GzipHeader { bytes: head.len() - rest.len(), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_first_bytes() {
        let check = |head: &[u8], kind| assert_eq!(Container::of(head), kind, "{head:?}");
        check(b"PK\x03\x04", Some(Container::Zip));
        check(b"PK\x05\x06", Some(Container::Zip));
        check(b"PK\x01\x02", None);
        check(&[0x1f, 0x8b, 8, 0], Some(Container::Gzip));
        check(&[0x1f, 0x8b, 7, 0], None);
        check(&[0x28, 0xb5, 0x2f, 0xfd], Some(Container::Zstd));
        check(&[0x5f, 0x2a, 0x4d, 0x18], Some(Container::Zstd));
        check(b"\xfd7zXZ\0", Some(Container::Xz));
        check(b"BZh91AY&SY", Some(Container::Bzip2));
        check(b"BZh9 notes", None);
        check(b"7z\xbc\xaf\x27\x1c", Some(Container::SevenZip));
        check(b"Rar!\x1a\x07\x01\0", Some(Container::Rar));
        check(b"MSCF\0\0\0\0", Some(Container::Cab));
        check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Some(Container::Ole2));
        check(b"", None);
        check(&[0; 512], None);
    }

    #[test]
    fn a_gzip_header_may_name_its_file() {
        let plain = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xaa];
        assert_eq!(gzip_header(&plain), Some(GzipHeader { bytes: 10, name: None }));
        let mut full = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 2, 0, b'x', b'y'];
        full.extend_from_slice(b"a.csv\0comment\0\x01\x02data");
        assert_eq!(gzip_header(&full), Some(GzipHeader { bytes: full.len() - 4, name: Some(b"a.csv") }));
        for end in 0..full.len() - 4 {
            assert_eq!(gzip_header(&full[..end]), None, "{end}");
        }
        assert_eq!(gzip_header(b"PK\x03\x04567890"), None);
    }
}
