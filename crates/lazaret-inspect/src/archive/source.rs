//! Content as the structural readers ask for it, and the listing of a tar as far as it can be read.

use std::cell::Cell;
use std::ops::Range;

use lazaret_core::inspection::Why;
use lazaret_formats::archive::tar::{BLOCK_BYTES, Malformed, Member, Next, TRAILING_BYTES_MAX, Tar, padding_bytes};
use lazaret_formats::archive::{Beside, ReadAt, Unreadable};

use crate::content::{Content, ReadFault, read_vec};

/// Content for a structural reader, which only learns that reading failed; the fault itself is kept here.
pub(super) struct Source<'a> {
    content: &'a dyn Content,
    fault: Cell<Option<ReadFault>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(content: &'a dyn Content) -> Source<'a> {
        Source { content, fault: Cell::new(None) }
    }

    /// Why reading failed.
    pub(super) fn fault(&self) -> ReadFault {
        self.fault.get().unwrap_or(ReadFault::Gone)
    }
}

impl ReadAt for Source<'_> {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Unreadable> {
        self.content.read_at(offset, buf).map_err(|fault| {
            self.fault.set(Some(fault));
            Unreadable
        })
    }
}

/// A tar's members, with what is wrong. An archive that breaks off keeps the members before.
pub(super) struct Listing {
    pub(super) members: Vec<(Member, Range<u64>)>,
    /// There are two readings of it.
    pub(super) desync: bool,
    /// Why the rest was not read.
    pub(super) broken: Option<Why>,
    /// What its headers hold beside the members.
    pub(super) beside: Beside,
}

/// Lists a tar, which may be inside a compressed stream: it is read forward only.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn list_tar(content: &dyn Content, members_max: u64) -> Result<Listing, ReadFault> {
    let mut listing = Listing { members: Vec::new(), desync: false, broken: None, beside: Beside::default() };
    let (mut tar, mut at) = (Tar::new(), 0_u64);
    while let Some(next) = step(content, &mut tar, &mut at, &mut listing)? {
        let Next::Member(member) = next else { continue };
        let end = at.saturating_add(member.content_bytes);
        if end > content.size() {
            listing.desync = true;
            break;
        }
        let start = std::mem::replace(&mut at, end);
        let content_bytes = member.content_bytes;
        listing.members.push((member, start..end));
        if listing.members.len() as u64 > members_max {
            listing.broken = Some(Why::TooManyMembers);
            break;
        }
        let padding = read_vec(content, at, padding_bytes(content_bytes))?;
        tar.padding(&padding);
        at = at.saturating_add(padding.len() as u64);
    }
    listing.desync |= !tar.desync().is_empty();
    listing.beside = tar.beside().clone();
    Ok(listing)
}

/// The next thing in the archive; none at its end, or where it breaks off.
fn step(content: &dyn Content, tar: &mut Tar, at: &mut u64, listing: &mut Listing) -> Result<Option<Next>, ReadFault> {
    let block = read_vec(content, *at, BLOCK_BYTES)?;
    let Some(block) = block.first_chunk::<BLOCK_BYTES>() else {
        if let Err(malformed) = tar.finish() {
            listing.broken = Some(why(malformed));
        }
        tar.after_end(&block);
        return Ok(None);
    };
    let next = match tar.block(block) {
        Ok(next) => next,
        Err(malformed) => {
            // What stands where a header should be is read by some and passed over by others.
            listing.desync |= malformed == Malformed::NotAHeader && *at > 0;
            listing.broken = Some(why(malformed));
            return Ok(None);
        }
    };
    *at = at.saturating_add(BLOCK_BYTES as u64);
    match next {
        Next::Extended { bytes } => {
            let extended = read_vec(content, *at, bytes)?;
            let read = if extended.len() == bytes { tar.extended(&extended) } else { Err(Malformed::Cut) };
            if let Err(malformed) = read {
                listing.broken = Some(why(malformed));
                return Ok(None);
            }
            *at = at.saturating_add(bytes as u64);
            let padding = read_vec(content, *at, padding_bytes(bytes as u64))?;
            tar.padding(&padding);
            *at = at.saturating_add(padding.len() as u64);
            Ok(Some(Next::Block))
        }
        Next::End => {
            let rest = content.size().saturating_sub(*at);
            listing.desync |= rest > TRAILING_BYTES_MAX;
            let length = usize::try_from(rest.min(TRAILING_BYTES_MAX)).unwrap_or(0);
            tar.after_end(&read_vec(content, *at, length)?);
            Ok(None)
        }
        Next::Block | Next::Member(_) => Ok(Some(next)),
    }
}

fn why(malformed: Malformed) -> Why {
    match malformed {
        Malformed::Unsupported => Why::FormatUnsupported,
        Malformed::TooManyMembers => Why::TooManyMembers,
        Malformed::ExtendedTooLong => Why::TooLarge,
        Malformed::NotAHeader | Malformed::Number | Malformed::Extended | Malformed::Cut | _ => Why::Malformed,
    }
}
