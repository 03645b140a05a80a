//! What can go wrong in the vault. No variant carries a key, content or a path that tells of a person.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A failure of ours, of the disk, or of the keyring's store; never the peer's doing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The disk or the quota is full (ENOSPC, EDQUOT), as a write says it. The only disk error after which the process may go on.
    Full,
    /// Any other error of a disk that was written to. The caller must abort the process: after a failed write or fsync the pages may be gone
    /// though the next fsync succeeds, so nothing that this process believes about the disk can be trusted.
    Disk {
        /// What was being done.
        doing: &'static str,
        /// The kind of error.
        kind: io::ErrorKind,
        /// The operating system's number, where it gave one.
        errno: Option<i32>,
    },
    /// A file cannot be read (a bad sector, a path that is gone for a moment). Nothing was written, so nothing that was
    /// promised is in doubt: this one file is not readable now, and the process may go on.
    Unreadable {
        /// What was being done.
        doing: &'static str,
        /// The kind of error.
        kind: io::ErrorKind,
        /// The operating system's number, where it gave one.
        errno: Option<i32>,
    },
    /// A file or directory cannot be opened (no descriptor left, no permission). Nothing was written; the process may go on.
    Unopened {
        /// What was being done.
        doing: &'static str,
        /// The kind of error.
        kind: io::ErrorKind,
    },
    /// No such file.
    Missing,
    /// A file of this name is there already: an id was used twice.
    Exists,
    /// The blob, field or state does not authenticate, or is cut short.
    Corrupt,
    /// The keyring has no row that opens this for the caller's purpose.
    NoKey,
    /// A wrapped key does not open, or its row is malformed.
    BadWrap,
    /// The keyring belongs to another root, or the passphrase is wrong.
    WrongRoot,
    /// The keyring lacks the key-encryption keys of a gate that should have them.
    KeyringIncomplete,
    /// More bytes than the object may have.
    TooLarge {
        /// The limit that applied, in bytes.
        object_size_max: u64,
    },
    /// This writer failed before; its object can only be resumed or discarded.
    Poisoned,
    /// A secret file that others than its owner may use.
    LooseMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A secret file whose content is not what it must be.
    BadSecretFile {
        /// The file.
        path: PathBuf,
        /// What it must be.
        expected: &'static str,
    },
    /// The random source gave nothing.
    Random,
    /// The keyring's store failed.
    Rows(Box<dyn std::error::Error + Send + Sync>),
}

impl Fault {
    /// Whether the process must end rather than go on: see [`Fault::Disk`].
    pub fn is_fatal(&self) -> bool {
        matches!(self, Fault::Disk { .. })
    }

    /// The fault for an error that the operating system gave while `doing` something to a file.
    pub fn of_io(doing: &'static str, error: &io::Error) -> Fault {
        Fault::expected(error.kind()).unwrap_or(Fault::Disk { doing, kind: error.kind(), errno: error.raw_os_error() })
    }

    /// The fault for an error that came before anything could be written: see [`Fault::Unopened`].
    pub fn of_open(doing: &'static str, error: &io::Error) -> Fault {
        Fault::expected(error.kind()).unwrap_or(Fault::Unopened { doing, kind: error.kind() })
    }

    /// The fault for an error that making bytes durable gave. A full disk is no exception here: the pages may be gone, and the
    /// next call succeed all the same.
    pub fn of_sync(doing: &'static str, error: &io::Error) -> Fault {
        Fault::Disk { doing, kind: error.kind(), errno: error.raw_os_error() }
    }

    /// The fault for an error while what is on disk was only looked at: see [`Fault::Unreadable`].
    pub fn of_read(doing: &'static str, error: &io::Error) -> Fault {
        Fault::Unreadable { doing, kind: error.kind(), errno: error.raw_os_error() }
    }

    /// Whether it is about one object or key: its bytes cannot be had, or are not what was sealed. Others may be whole.
    pub fn is_of_one_object(&self) -> bool {
        matches!(self, Fault::Unreadable { .. } | Fault::Missing | Fault::Corrupt | Fault::NoKey | Fault::BadWrap)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other kind, known or not, is treated as the worse one")]
    fn expected(kind: io::ErrorKind) -> Option<Fault> {
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(Fault::Full),
            io::ErrorKind::NotFound => Some(Fault::Missing),
            io::ErrorKind::AlreadyExists => Some(Fault::Exists),
            _ => None,
        }
    }

    /// The same disk fault once more, for each caller that waited for one failed flush.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a flush that failed in any other way is fatal")]
    pub(crate) fn again(&self) -> Fault {
        match self {
            Fault::Full => Fault::Full,
            Fault::Missing => Fault::Missing,
            Fault::Exists => Fault::Exists,
            Fault::Unopened { doing, kind } => Fault::Unopened { doing, kind: *kind },
            Fault::Disk { doing, kind, errno } => Fault::Disk { doing, kind: *kind, errno: *errno },
            Fault::Unreadable { doing, kind, errno } => Fault::Unreadable { doing, kind: *kind, errno: *errno },
            _ => Fault::Disk { doing: "flush", kind: io::ErrorKind::Other, errno: None },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Full => f.write_str("the disk is full"),
            Fault::Disk { doing, kind, errno: Some(errno) } => write!(f, "disk error {errno} ({kind}) in {doing}"),
            Fault::Disk { doing, kind, errno: None } => write!(f, "disk error ({kind}) in {doing}"),
            Fault::Unreadable { doing, kind, errno: Some(errno) } => {
                write!(f, "cannot {doing}: error {errno} ({kind})")
            }
            Fault::Unreadable { doing, kind, errno: None } | Fault::Unopened { doing, kind } => {
                write!(f, "cannot {doing}: {kind}")
            }
            Fault::Missing => f.write_str("no such file in the vault"),
            Fault::Exists => f.write_str("the vault has a file of this name already"),
            Fault::Corrupt => f.write_str("the sealed bytes do not authenticate"),
            Fault::NoKey => f.write_str("the keyring has no key for this purpose"),
            Fault::BadWrap => f.write_str("a wrapped key does not open"),
            Fault::WrongRoot => {
                f.write_str("the keyring was made under another root key; give the right key file or passphrase")
            }
            Fault::KeyringIncomplete => {
                f.write_str("the keyring lacks key-encryption keys; restore keyring.db from a backup")
            }
            Fault::TooLarge { object_size_max } => write!(f, "the object is larger than {object_size_max} bytes"),
            Fault::Poisoned => f.write_str("an earlier write of this object failed"),
            Fault::LooseMode { path, mode } => {
                write!(f, "{} is open to others (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())
            }
            Fault::BadSecretFile { path, expected } => write!(f, "{} must be {expected}", path.display()),
            Fault::Random => f.write_str("the random source failed"),
            Fault::Rows(_) => f.write_str("the keyring's store failed"),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Fault::Rows(error) = self { Some(error.as_ref()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_is_answered_and_every_other_failed_write_or_sync_is_fatal_and_no_failed_read() {
        let fault = |errno| Fault::of_io("write", &io::Error::from_raw_os_error(errno));
        let (eio, enospc, edquot, erofs, efbig) = (5, 28, 122, 30, 27);
        for errno in [enospc, edquot] {
            assert!(matches!(fault(errno), Fault::Full) && !fault(errno).is_fatal(), "errno {errno}");
            assert!(matches!(fault(errno).again(), Fault::Full), "errno {errno}");
        }
        for errno in [eio, erofs, efbig] {
            assert!(fault(errno).is_fatal() && fault(errno).again().is_fatal(), "errno {errno}");
        }
        for errno in [eio, enospc] {
            assert!(Fault::of_sync("fdatasync", &io::Error::from_raw_os_error(errno)).is_fatal(), "errno {errno}");
            let unreadable = Fault::of_read("read", &io::Error::from_raw_os_error(errno));
            assert!(!unreadable.is_fatal() && unreadable.is_of_one_object(), "errno {errno}");
        }
        assert!(!fault(eio).is_of_one_object());
        let too_many_open = io::Error::from_raw_os_error(24);
        assert!(!Fault::of_open("open", &too_many_open).is_fatal());
    }
}
