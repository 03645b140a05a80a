//! File attributes (draft section 5) and the name-value pairs that extend attributes and the greeting.

use super::Malformed;
use super::wire::{Reader, length_u32, put_string, put_u32, put_u64};

const SIZE: u32 = 0x1;
const OWNER: u32 = 0x2;
const PERMISSIONS: u32 = 0x4;
const TIMES: u32 = 0x8;
const EXTENDED: u32 = 0x8000_0000;

/// Numeric owner and group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub user: u32,
    /// Group.
    pub group: u32,
}

/// When a file was used and changed, in seconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Last access.
    pub accessed_s: u32,
    /// Last change of the content.
    pub modified_s: u32,
}

/// What a client says about a file, or wants said. Each part may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attrs<'a> {
    /// Size in bytes.
    pub size: Option<u64>,
    /// Owner and group.
    pub owner: Option<Owner>,
    /// Type and permission bits as `st_mode` of POSIX has them.
    pub permissions: Option<u32>,
    /// Times.
    pub times: Option<Times>,
    /// Extensions of the client's own; absent and empty are written alike.
    pub extended: Pairs<'a>,
}

impl<'a> Attrs<'a> {
    /// Flags that version 3 does not know are passed over, as OpenSSH does: what they announce follows what we read.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Attrs<'a>, Malformed> {
        let flags = reader.u32("attribute flags")?;
        let mut attrs = Attrs::default();
        if flags & SIZE != 0 {
            attrs.size = Some(reader.u64("size")?);
        }
        if flags & OWNER != 0 {
            attrs.owner = Some(Owner { user: reader.u32("owner")?, group: reader.u32("group")? });
        }
        if flags & PERMISSIONS != 0 {
            attrs.permissions = Some(reader.u32("permissions")?);
        }
        if flags & TIMES != 0 {
            attrs.times = Some(Times { accessed_s: reader.u32("times")?, modified_s: reader.u32("times")? });
        }
        if flags & EXTENDED != 0 {
            let count = reader.u32("extended attributes")?;
            attrs.extended = Pairs::read_counted(reader, count)?;
        }
        Ok(attrs)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let flag = |present: bool, bit: u32| if present { bit } else { 0 };
        let flags = flag(self.size.is_some(), SIZE)
            | flag(self.owner.is_some(), OWNER)
            | flag(self.permissions.is_some(), PERMISSIONS)
            | flag(self.times.is_some(), TIMES)
            | flag(!self.extended.is_empty(), EXTENDED);
        put_u32(out, flags);
        if let Some(size) = self.size {
            put_u64(out, size);
        }
        if let Some(owner) = self.owner {
            put_u32(out, owner.user);
            put_u32(out, owner.group);
        }
        if let Some(permissions) = self.permissions {
            put_u32(out, permissions);
        }
        if let Some(times) = self.times {
            put_u32(out, times.accessed_s);
            put_u32(out, times.modified_s);
        }
        if !self.extended.is_empty() {
            put_u32(out, length_u32(self.extended.iter().count()));
            self.extended.write(out);
        }
    }
}

/// Pairs of byte strings, checked to be whole and left where they lie: a count of four billion allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pairs<'a> {
    bytes: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// Reads as many pairs as announced.
    fn read_counted(reader: &mut Reader<'a>, count: u32) -> Result<Pairs<'a>, Malformed> {
        let start = reader.rest();
        for _ in 0..count {
            reader.string("extension name")?;
            reader.string("extension data")?;
        }
        let bytes = start.len() - reader.rest().len();
        Ok(Pairs { bytes: start.get(..bytes).unwrap_or_default() })
    }

    /// Reads pairs to the packet's end.
    pub(super) fn read_all(reader: &mut Reader<'a>) -> Result<Pairs<'a>, Malformed> {
        let bytes = reader.rest();
        while !reader.rest().is_empty() {
            reader.string("extension name")?;
            reader.string("extension data")?;
        }
        Ok(Pairs { bytes })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Each pair: name, data.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        // Whole by construction; if it were not, the iterator would end early.
        std::iter::from_fn(move || Some((reader.string("name").ok()?, reader.string("data").ok()?)))
    }

    /// Writes pairs in the form that [`Pairs`] reads.
    pub(super) fn put(out: &mut Vec<u8>, pairs: &[(&str, &str)]) {
        for (name, data) in pairs {
            put_string(out, name.as_bytes());
            put_string(out, data.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(attrs: &Attrs<'_>, bytes: usize) {
        let mut out = Vec::new();
        attrs.write(&mut out);
        assert_eq!(out.len(), bytes);
        let mut reader = Reader::new(&out);
        assert_eq!(Attrs::read(&mut reader).as_ref(), Ok(attrs));
        assert!(reader.rest().is_empty());
        for end in 0..out.len() {
            assert!(matches!(Attrs::read(&mut Reader::new(&out[..end])), Err(Malformed::Short { .. })), "{end}");
        }
    }

    #[test]
    fn attributes_come_back_as_written() {
        round(&Attrs::default(), 4);
        round(&Attrs { size: Some(u64::MAX), ..Attrs::default() }, 12);
        round(&Attrs { owner: Some(Owner { user: 1, group: 2 }), ..Attrs::default() }, 12);
        round(&Attrs { permissions: Some(0o100_644), ..Attrs::default() }, 8);
        round(&Attrs { times: Some(Times { accessed_s: 1, modified_s: 2 }), ..Attrs::default() }, 12);
        let mut pairs = Vec::new();
        Pairs::put(&mut pairs, &[("acl@x", "data"), ("", "")]);
        let extended = Pairs { bytes: &pairs };
        assert_eq!(extended.iter().collect::<Vec<_>>(), [(b"acl@x".as_slice(), b"data".as_slice()), (b"", b"")]);
        round(&Attrs { size: Some(7), permissions: Some(0), extended, ..Attrs::default() }, 16 + 4 + pairs.len());
    }

    #[test]
    fn a_count_of_extensions_that_are_not_there_is_short() {
        let mut out = Vec::new();
        put_u32(&mut out, EXTENDED);
        put_u32(&mut out, u32::MAX);
        assert!(matches!(Attrs::read(&mut Reader::new(&out)), Err(Malformed::Short { .. })));
    }

    #[test]
    fn flags_of_later_versions_are_passed_over() {
        let mut out = Vec::new();
        put_u32(&mut out, 0x40 | SIZE);
        put_u64(&mut out, 9);
        put_u32(&mut out, 1);
        let mut reader = Reader::new(&out);
        assert_eq!(Attrs::read(&mut reader).unwrap().size, Some(9));
        assert_eq!(reader.rest().len(), 4);
    }
}
