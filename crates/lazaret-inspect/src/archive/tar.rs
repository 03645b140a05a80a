//! tar: ustar, pax and GNU (POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format"), read once, by one parser.
//!
//! Two size fields that disagree, a member longer than the archive, or bytes where padding should be, are two readings of
//! one archive, and bad (CVE-2025-62518).

use crate::content::{Content, ReadFault, read_vec};

const BLOCK_BYTES: u64 = 512;
/// Bytes of an extended header or long name that are read.
const EXTENDED_BYTES_MAX: u64 = 1024 * 1024;
/// Sizes from here on do not fit the octal field, so the extended one stands alone.
const OCTAL_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) sort: Sort,
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// What sort of thing it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sort {
    File,
    Folder,
    /// A symbolic link.
    Link(String),
    /// A hard link; its target counts from the root of the tree.
    Hard(String),
    /// Device, FIFO.
    Device,
    /// Sparse files, volumes, and whatever else.
    Other,
}

/// The archive's members, as far as it can be read.
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// There are two readings of it.
    pub(super) desync: bool,
    /// It ends without its end, or a header is damaged.
    pub(super) malformed: bool,
    /// There are more members than the job allows.
    pub(super) too_many: bool,
}

/// What extended headers say of the next member.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    target: Option<String>,
    bytes: Option<u64>,
    sparse: bool,
}

/// Reads all headers.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn read(content: &dyn Content, members_max: u64) -> Result<Listing, ReadFault> {
    let mut listing = Listing { entries: Vec::new(), desync: false, malformed: false, too_many: false };
    let mut extended = Extended::default();
    let mut at = 0_u64;
    loop {
        let header = read_vec(content, at, 512)?;
        if header.len() < 512 {
            // Some writers leave the two zero blocks out; a cut header is something else.
            listing.malformed = !header.is_empty();
            return Ok(listing);
        }
        if header.iter().all(|byte| *byte == 0) {
            listing.desync |= !is_zero(content, at, content.size())?;
            return Ok(listing);
        }
        if !crate::kind::is_tar_header(&header) {
            listing.desync = at > 0;
            listing.malformed = true;
            return Ok(listing);
        }
        let Some(bytes) = size(&header, &extended, &mut listing.desync) else {
            listing.malformed = true;
            return Ok(listing);
        };
        let data = at.saturating_add(BLOCK_BYTES);
        let end = data.saturating_add(bytes);
        let next = end.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES);
        let cut = end > content.size();
        listing.desync |= cut || !is_zero(content, end, next.min(content.size()))?;
        match header.get(156) {
            Some(b'x') => extend(content, data, bytes, &mut extended)?,
            // A global header speaks of all that follow; sizes in it would be a second reading of each.
            Some(b'g') => {
                let mut global = Extended::default();
                extend(content, data, bytes, &mut global)?;
                listing.desync |= global.bytes.is_some() || global.name.is_some();
            }
            Some(b'L') => extended.name = Some(long_name(content, data, bytes)?),
            Some(b'K') => extended.target = Some(long_name(content, data, bytes)?),
            flag => {
                let flag = flag.copied().unwrap_or(0);
                listing.entries.push(entry(&header, flag, data, bytes, std::mem::take(&mut extended)));
            }
        }
        if listing.entries.len() as u64 > members_max {
            listing.too_many = true;
            return Ok(listing);
        }
        if cut {
            return Ok(listing);
        }
        at = next;
    }
}

fn entry(header: &[u8], flag: u8, at: u64, bytes: u64, extended: Extended) -> Entry {
    let name = extended.name.unwrap_or_else(|| {
        let ustar = header.get(257..262) == Some(b"ustar".as_slice());
        let prefix = if ustar && header.get(262..264) != Some(b" \0") { text(header, 345, 155) } else { String::new() };
        let name = text(header, 0, 100);
        if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
    });
    let target = extended.target.unwrap_or_else(|| text(header, 157, 100));
    let sort = match flag {
        _ if extended.sparse => Sort::Other,
        b'0' | 0 | b'7' if name.ends_with('/') => Sort::Folder,
        b'0' | 0 | b'7' => Sort::File,
        b'1' => Sort::Hard(target),
        b'2' => Sort::Link(target),
        b'3' | b'4' | b'6' => Sort::Device,
        b'5' => Sort::Folder,
        _ => Sort::Other,
    };
    Entry { name, sort, at, bytes }
}

/// A field up to its NUL; bytes that are not UTF-8 one by one.
fn text(header: &[u8], at: usize, length: usize) -> String {
    let field = header.get(at..at + length).unwrap_or_default();
    plain(field.split(|byte| *byte == 0).next().unwrap_or_default())
}

fn plain(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|b| char::from(*b)).collect(), str::to_owned)
}

/// The size: octal, or base 256 where the first bit is set (GNU), or the extended header's, which must be the same one.
fn size(header: &[u8], extended: &Extended, desync: &mut bool) -> Option<u64> {
    let field = header.get(124..136)?;
    let own = if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        let mut bytes = field.iter();
        let first = u64::from(*bytes.next()? & 0x7f);
        bytes.try_fold(first, |value, byte| value.checked_mul(256)?.checked_add(u64::from(*byte)))?
    } else {
        let digits = field.iter().copied().skip_while(|b| *b == b' ').take_while(|b| !matches!(b, 0 | b' '));
        let octal = |value: u64, byte: u8| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 8)?;
            Some(value * 8 + u64::from(digit))
        };
        digits.into_iter().try_fold(0, octal)?
    };
    // Links and folders have no bytes, whatever the field says of what they point to.
    let flag = header.get(156).copied().unwrap_or(0);
    let own = if matches!(flag, b'1' | b'2' | b'3' | b'4' | b'5' | b'6') {
        *desync |= own != 0 && flag != b'5';
        0
    } else {
        own
    };
    match extended.bytes {
        None => Some(own),
        Some(bytes) => {
            *desync |= bytes != own && bytes < OCTAL_MAX;
            Some(bytes)
        }
    }
}

/// Records `LENGTH KEY=VALUE\n` (POSIX.1-2017, "pax Extended Header").
fn extend(content: &dyn Content, at: u64, bytes: u64, extended: &mut Extended) -> Result<(), ReadFault> {
    let length = usize::try_from(bytes.min(EXTENDED_BYTES_MAX)).map_err(|_| ReadFault::Gone)?;
    let records = read_vec(content, at, length)?;
    let mut rest = records.as_slice();
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let count =
            std::str::from_utf8(rest.get(..blank).unwrap_or_default()).ok().and_then(|n| n.parse::<usize>().ok());
        let Some(record) = count.and_then(|count| rest.get(blank + 1..count)) else { break };
        let pair = plain(record.strip_suffix(b"\n").unwrap_or(record));
        match pair.split_once('=') {
            Some(("path", value)) => extended.name = Some(value.to_owned()),
            Some(("linkpath", value)) => extended.target = Some(value.to_owned()),
            Some(("size", value)) => extended.bytes = value.parse().ok(),
            Some((key, _)) => extended.sparse |= key.starts_with("GNU.sparse"),
            None => {}
        }
        rest = rest.get(count.unwrap_or(rest.len())..).unwrap_or_default();
    }
    Ok(())
}

fn long_name(content: &dyn Content, at: u64, bytes: u64) -> Result<String, ReadFault> {
    let length = usize::try_from(bytes.min(EXTENDED_BYTES_MAX)).map_err(|_| ReadFault::Gone)?;
    let bytes = read_vec(content, at, length)?;
    Ok(plain(bytes.split(|byte| *byte == 0).next().unwrap_or_default()))
}

fn is_zero(content: &dyn Content, from: u64, to: u64) -> Result<bool, ReadFault> {
    let mut at = from;
    while at < to {
        let length = usize::try_from(to.saturating_sub(at)).unwrap_or(usize::MAX).min(crate::content::CHUNK_BYTES);
        let bytes = read_vec(content, at, length)?;
        if bytes.is_empty() {
            return Ok(true);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at = at.saturating_add(bytes.len() as u64);
    }
    Ok(true)
}
