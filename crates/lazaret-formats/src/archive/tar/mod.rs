//! TAR: ustar (POSIX.1-2017 `pax`, ustar interchange format), pax extended headers, GNU long names.
//!
//! [`Tar`] is a machine that is fed blocks and says what comes next, so that a TAR inside a compressed stream is read as
//! it is unpacked; [`list`] drives it over bytes that lie still. Programs have been led to see different members by
//! headers that disagree (CVE-2025-62518), so disagreement is noted, not settled.

mod header;
mod pax;

use std::fmt;
use std::ops::Range;

use super::read::Window;
use super::{Beside, Desync, Failure, MEMBERS_MAX, MemberKind, NAME_BYTES_MAX, ReadAt};
use header::Header;
use pax::Extended;

pub use header::is_header;

/// Bytes of a block: headers are one, content is padded to whole ones.
pub const BLOCK_BYTES: usize = 512;
/// Bytes of an extended header or a long name.
pub const EXTENDED_BYTES_MAX: u64 = 1024 * 1024;
/// Zeros that may follow the end: one record of the longest blocking factor, with room to spare.
pub const TRAILING_BYTES_MAX: u64 = 1024 * 1024;
/// Extended headers in a row before a member.
const EXTENDED_IN_A_ROW_MAX: usize = 16;

/// Why an archive cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// A block that is no header: its checksum is wrong.
    NotAHeader,
    /// A number that is none.
    Number,
    /// An extended header that is not made of records.
    Extended,
    /// An extended header or a long name of more than [`EXTENDED_BYTES_MAX`] bytes, or too many of them.
    ExtendedTooLong,
    /// A sparse or multi-volume member: content that is not what its size says.
    Unsupported,
    /// More than [`MEMBERS_MAX`] members.
    TooManyMembers,
    /// The archive ends inside a member, or before one that was announced.
    Cut,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::NotAHeader => "a block that is no header",
            Malformed::Number => "a header with a number that is none",
            Malformed::Extended => "an extended header that cannot be read",
            Malformed::ExtendedTooLong => "an extended header that is too long",
            Malformed::Unsupported => "a sparse or multi-volume member",
            Malformed::TooManyMembers => "too many members",
            Malformed::Cut => "the archive is cut short",
        })
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for Failure<Malformed> {
    fn from(why: Malformed) -> Failure<Malformed> {
        Failure::Malformed(why)
    }
}

/// A member.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: Vec<u8>,
    /// Where a link leads.
    pub target: Option<Vec<u8>>,
    /// What it is.
    pub kind: MemberKind,
    /// Bytes of content, which follow its header.
    pub content_bytes: u64,
}

/// Names tell of people: see [`crate::path::CrossingPath`].
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({} bytes of name, {:?}, {} bytes)", self.name.len(), self.kind, self.content_bytes)
    }
}

/// What the machine wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The next block, as [`Tar::block`].
    Block,
    /// So many bytes, then padding to a whole block, as [`Tar::extended`]: an extended header or a long name.
    Extended {
        /// Without the padding; at most [`EXTENDED_BYTES_MAX`].
        bytes: usize,
    },
    /// A member: its content follows, then padding to a whole block as [`Tar::padding`], then the next block.
    Member(Member),
    /// The end. Only zeros may follow, as [`Tar::after_end`].
    End,
}

/// The machine.
#[derive(Debug, Default)]
pub struct Tar {
    members: usize,
    zero_blocks: usize,
    global: Extended,
    local: Extended,
    /// Names by GNU's extra members.
    long_name: Option<Vec<u8>>,
    long_target: Option<Vec<u8>>,
    /// What the extended header that comes next is for.
    pending: Option<Pending>,
    in_a_row: usize,
    desync: Vec<Desync>,
    beside: Beside,
    /// Names that the headers of extended headers have, for the member that comes next.
    announced: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Local,
    Global,
    LongName,
    LongTarget,
}

/// Bytes that pad content to whole blocks.
pub fn padding_bytes(content_bytes: u64) -> usize {
    let block = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
    usize::try_from(content_bytes.next_multiple_of(block) - content_bytes).unwrap_or_default()
}

impl Tar {
    /// At the beginning of an archive: wants a block.
    pub fn new() -> Tar {
        Tar::default()
    }

    /// Where readers may disagree, so far, each kind once.
    pub fn desync(&self) -> Vec<Desync> {
        let mut desync = self.desync.clone();
        desync.sort_unstable();
        desync.dedup();
        desync
    }

    /// What its headers hold beside the members, so far: owners' names, records that are neither name nor number, and
    /// whatever stands behind the end of a name.
    pub fn beside(&self) -> &Beside {
        &self.beside
    }

    /// Takes a block where a header may stand.
    ///
    /// # Errors
    /// It cannot be read on from here.
    pub fn block(&mut self, block: &[u8; BLOCK_BYTES]) -> Result<Next, Malformed> {
        if block.iter().all(|&byte| byte == 0) {
            self.zero_blocks += 1;
            // POSIX: two blocks of zeros end an archive.
            return Ok(if self.zero_blocks >= 2 { self.end() } else { Next::Block });
        }
        if self.zero_blocks > 0 {
            // One reader stops at the first block of zeros, another goes on.
            self.note(Desync::AfterEnd, true);
            self.zero_blocks = 0;
        }
        let header = Header::read(block)?;
        header::beside(block, &mut self.beside);
        match header.type_flag {
            b'x' | b'X' => self.announce(Pending::Local, header),
            b'g' => self.announce(Pending::Global, header),
            b'L' => self.announce(Pending::LongName, header),
            b'K' => self.announce(Pending::LongTarget, header),
            b'S' | b'M' | b'V' => Err(Malformed::Unsupported),
            _ => self.member(header).map(Next::Member),
        }
    }

    /// The archive ended here, without blocks of zeros: tolerated by most, and possibly cut short.
    ///
    /// # Errors
    /// A member was announced and did not come.
    pub fn finish(&self) -> Result<(), Malformed> {
        let announced = self.pending.is_some() || self.in_a_row > 0;
        if announced { Err(Malformed::Cut) } else { Ok(()) }
    }

    fn end(&mut self) -> Next {
        if self.in_a_row > 0 {
            self.note(Desync::PastEnd, true);
        }
        Next::End
    }

    fn announce(&mut self, pending: Pending, header: Header) -> Result<Next, Malformed> {
        self.in_a_row += 1;
        if header.size > EXTENDED_BYTES_MAX || self.in_a_row > EXTENDED_IN_A_ROW_MAX {
            return Err(Malformed::ExtendedTooLong);
        }
        self.pending = Some(pending);
        self.announced.push(header.name);
        Ok(Next::Extended { bytes: usize::try_from(header.size).unwrap_or(usize::MAX) })
    }

    /// Takes the content of an extended header or a long name.
    ///
    /// # Errors
    /// It cannot be read, or was not asked for.
    pub fn extended(&mut self, bytes: &[u8]) -> Result<Next, Malformed> {
        match self.pending.take() {
            Some(Pending::Local) => {
                let repeated = self.local.read(bytes, &mut self.beside)?;
                self.note(Desync::Names, repeated);
            }
            Some(Pending::Global) => {
                // A name that is every member's is none of any.
                let named = self.announced.pop();
                self.beside.push(named.as_deref().unwrap_or_default());
                self.global.read(bytes, &mut self.beside)?;
                self.beside.push(self.global.path.as_deref().unwrap_or_default());
                self.beside.push(self.global.link_path.as_deref().unwrap_or_default());
                // A global header stands by itself: no member need follow it.
                self.in_a_row = self.in_a_row.saturating_sub(1);
            }
            Some(Pending::LongName) => {
                let name = self.long(bytes);
                let before = self.long_name.replace(name);
                self.note(Desync::Names, before.is_some());
            }
            Some(Pending::LongTarget) => {
                let target = self.long(bytes);
                let before = self.long_target.replace(target);
                self.note(Desync::Names, before.is_some());
            }
            None => return Err(Malformed::Extended),
        }
        Ok(Next::Block)
    }

    /// A long name; what stands behind its end belongs to nothing.
    fn long(&mut self, bytes: &[u8]) -> Vec<u8> {
        let name = until_nul(bytes);
        self.beside.push(bytes.get(name.len() + 1..).unwrap_or_default());
        name.to_vec()
    }

    /// Takes what pads content to a whole block: zeros, or someone reads records from it.
    pub fn padding(&mut self, bytes: &[u8]) {
        self.note(Desync::Padding, bytes.iter().any(|&byte| byte != 0));
    }

    /// Takes what follows the end.
    pub fn after_end(&mut self, bytes: &[u8]) {
        self.note(Desync::AfterEnd, bytes.iter().any(|&byte| byte != 0));
    }

    fn note(&mut self, kind: Desync, present: bool) {
        if present && !self.desync.contains(&kind) {
            self.desync.push(kind);
        }
    }

    fn member(&mut self, header: Header) -> Result<Member, Malformed> {
        self.members += 1;
        if self.members > MEMBERS_MAX {
            return Err(Malformed::TooManyMembers);
        }
        self.in_a_row = 0;
        let local = std::mem::take(&mut self.local);
        let (long_name, long_target) = (self.long_name.take(), self.long_target.take());
        if local.sparse || self.global.sparse {
            return Err(Malformed::Unsupported);
        }
        let disagree = |pax: &Option<Vec<u8>>, gnu: &Option<Vec<u8>>| pax.is_some() && gnu.is_some() && pax != gnu;
        self.note(Desync::Names, disagree(&local.path, &long_name) || disagree(&local.link_path, &long_target));
        let content_bytes = self.size(&header, local.size.or(self.global.size));
        self.announced.push(header.name.clone());
        let name = local.path.or(long_name).or_else(|| self.global.path.clone()).unwrap_or(header.name);
        let long_target = local.link_path.or(long_target);
        let kind = kind(header.type_flag, &name);
        let is_link = matches!(kind, MemberKind::Symlink | MemberKind::Hardlink);
        if !is_link {
            self.beside.push(long_target.as_deref().unwrap_or_default());
        }
        let target = long_target.or_else(|| self.global.link_path.clone()).unwrap_or(header.target);
        for other in std::mem::take(&mut self.announced) {
            if !is_same_name(&other, &name) {
                self.beside.push(&other);
            }
        }
        // Some pass over as many bytes as the size says, some know that a link has none.
        self.note(Desync::SizeOfNothing, content_bytes > 0 && !matches!(kind, MemberKind::File | MemberKind::Special));
        let cut = |mut name: Vec<u8>| {
            name.truncate(NAME_BYTES_MAX + 1);
            name
        };
        Ok(Member { name: cut(name), target: is_link.then(|| cut(target)), kind, content_bytes })
    }

    /// The extended size counts; the plain one must be the same wherever it could have been written.
    fn size(&mut self, header: &Header, extended: Option<u64>) -> u64 {
        const PLAIN_SIZE_MAX: u64 = 0o777_7777_7777;
        let Some(size) = extended else { return header.size };
        self.note(Desync::Sizes, size <= PLAIN_SIZE_MAX && size != header.size);
        size
    }
}

/// Whether a header that is not the member's own, or gives way to a longer name, is called as the member is: cut short, and
/// under a folder that says what it is.
fn is_same_name(other: &[u8], name: &[u8]) -> bool {
    let parts = other.split(|&byte| byte == b'/').filter(|part| !part.starts_with(b"PaxHeaders"));
    let plain = parts.collect::<Vec<&[u8]>>().join(&b'/');
    name.starts_with(&plain) || other == b"././@LongLink"
}

fn kind(type_flag: u8, name: &[u8]) -> MemberKind {
    match type_flag {
        // Before POSIX a folder was a file whose name ends in a slash.
        0 | b'0' if name.ends_with(b"/") => MemberKind::Folder,
        0 | b'0' | b'7' => MemberKind::File,
        b'1' => MemberKind::Hardlink,
        b'2' => MemberKind::Symlink,
        b'3' | b'4' | b'6' => MemberKind::Device,
        b'5' => MemberKind::Folder,
        _ => MemberKind::Special,
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A member and where its content lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The member.
    pub member: Member,
    /// Its content.
    pub data: Range<u64>,
}

/// An archive's members and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The members, in order.
    pub members: Vec<Placed>,
    /// Where readers may disagree, each kind once, in order; empty for a good archive.
    pub desync: Vec<Desync>,
    /// Where the archive ends.
    pub end: u64,
}

/// Lists an archive that lies still.
///
/// # Errors
/// The source fails, or the archive cannot be read to its end.
pub fn list<R: ReadAt + ?Sized>(source: &R) -> Result<Listing, Failure<Malformed>> {
    let mut window = Window::new(source);
    let (mut tar, mut members, mut at) = (Tar::new(), Vec::new(), 0_u64);
    let block_bytes = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
    loop {
        let Some(block) = window.bytes(at, BLOCK_BYTES)?.and_then(<[u8]>::first_chunk) else {
            tar.finish()?;
            let rest = usize::try_from(window.size().saturating_sub(at)).unwrap_or(usize::MAX);
            tar.after_end(window.bytes(at, rest)?.unwrap_or_default());
            break;
        };
        let next = tar.block(block)?;
        at += block_bytes;
        match next {
            Next::Block => {}
            Next::Extended { bytes } => {
                let content = window.bytes(at, bytes)?.ok_or(Malformed::Cut)?;
                tar.extended(content)?;
                at = skip(&mut window, &mut tar, at, u64::try_from(bytes).unwrap_or(u64::MAX))?;
            }
            Next::Member(member) => {
                let end = at.checked_add(member.content_bytes).filter(|&end| end <= window.size());
                let Some(end) = end else {
                    tar.note(Desync::PastEnd, true);
                    break;
                };
                let content_bytes = member.content_bytes;
                members.push(Placed { member, data: at..end });
                at = skip(&mut window, &mut tar, at, content_bytes)?;
            }
            Next::End => {
                look_after_end(&mut window, &mut tar, at)?;
                break;
            }
        }
    }
    Ok(Listing { members, desync: tar.desync(), end: at })
}

/// Goes past content and its padding. An archive that ends within the padding ends there.
fn skip<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    tar: &mut Tar,
    at: u64,
    bytes: u64,
) -> Result<u64, Failure<Malformed>> {
    let end = at.saturating_add(bytes);
    let left = usize::try_from(window.size().saturating_sub(end)).unwrap_or(usize::MAX);
    let padding = padding_bytes(bytes).min(left);
    tar.padding(window.bytes(end, padding)?.unwrap_or_default());
    Ok(end.saturating_add(u64::try_from(padding).unwrap_or_default()))
}

fn look_after_end<R: ReadAt + ?Sized>(
    window: &mut Window<'_, R>,
    tar: &mut Tar,
    at: u64,
) -> Result<(), Failure<Malformed>> {
    let rest = window.size().saturating_sub(at);
    tar.note(Desync::AfterEnd, rest > TRAILING_BYTES_MAX);
    let length = usize::try_from(rest.min(TRAILING_BYTES_MAX)).unwrap_or_default();
    tar.after_end(window.bytes(at, length)?.unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests;
