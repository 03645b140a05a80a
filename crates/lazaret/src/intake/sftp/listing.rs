//! What STAT and READDIR say of a name, and how it looks to `ls`.

use lazaret_core::time::Timestamp;
use lazaret_formats::sftp::{Attrs, Listed, Times, longname};

/// Folders that are only looked into.
const MODE_FOLDER_READ: u32 = 0o040_500;
/// Folders that take.
const MODE_FOLDER_WRITE: u32 = 0o040_700;
/// What was put: its sender does not read it back.
const MODE_PUT: u32 = 0o100_200;
/// What is given.
const MODE_GIVEN: u32 = 0o100_400;
/// Permission bits that a sender may set and see again.
const MODE_KEPT: u32 = 0o777;

/// One name with what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The last part of its path.
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) modified_s: u64,
    /// Type and permission bits.
    pub(super) mode: u32,
}

impl Entry {
    /// A folder that is only looked into.
    pub(super) fn folder(name: &str, at: Timestamp) -> Entry {
        Entry { name: name.to_owned(), size: 0, modified_s: seconds(at), mode: MODE_FOLDER_READ }
    }

    /// A folder of an inbound lane, or the lane.
    pub(super) fn taking_folder(name: &str, at: Timestamp) -> Entry {
        Entry { mode: MODE_FOLDER_WRITE, ..Entry::folder(name, at) }
    }

    /// A file that is given out.
    pub(super) fn given(name: String, size: u64, at: Timestamp) -> Entry {
        Entry { name, size, modified_s: seconds(at), mode: MODE_GIVEN }
    }

    /// A file that its sender put here, with what it set.
    pub(super) fn put(name: &str, size: u64, at: Timestamp, mtime_s: Option<u64>, mode: Option<u32>) -> Entry {
        Entry {
            name: name.to_owned(),
            size,
            modified_s: mtime_s.unwrap_or_else(|| seconds(at)),
            mode: mode.map_or(MODE_PUT, |mode| MODE_PUT & !MODE_KEPT | mode & MODE_KEPT),
        }
    }

    /// As STAT answers.
    pub(super) fn attrs(&self) -> Attrs<'static> {
        let modified_s = u32::try_from(self.modified_s).unwrap_or(u32::MAX);
        Attrs {
            size: Some(self.size),
            permissions: Some(self.mode),
            times: Some(Times { accessed_s: modified_s, modified_s }),
            ..Attrs::default()
        }
    }

    /// As `ls -l` shows it.
    pub(super) fn line(&self, owner: &str, now: Timestamp) -> Vec<u8> {
        let listed = Listed {
            mode: self.mode,
            links: 1,
            owner,
            group: owner,
            size: self.size,
            modified_s: self.modified_s,
            now_s: seconds(now),
        };
        longname(self.name.as_bytes(), &listed)
    }
}

fn seconds(at: Timestamp) -> u64 {
    at.as_millis() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sender_set_is_what_it_sees_and_nothing_makes_a_file_a_folder() {
        let at = Timestamp::from_millis(5_000);
        let plain = Entry::put("a", 7, at, None, None);
        assert_eq!((plain.modified_s, plain.mode), (5, 0o100_200));
        let set = Entry::put("a", 7, at, Some(3), Some(0o040_644));
        assert_eq!((set.modified_s, set.mode), (3, 0o100_644));
    }
}
