//! The seam to the disk: every file that this crate reads or writes goes through [`Disk`].

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lazaret_core::time::Timestamp;
use rustix::fs::{CWD, RenameFlags};

use crate::fault::Fault;

/// An open file, read and written at positions. Dropping it closes it and promises nothing about durability.
pub trait DiskFile: Send + Sync {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// [`Fault::Full`] or [`Fault::Disk`]; a part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Fault>;

    /// Reads up to `out.len()` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// [`Fault::Unreadable`].
    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<usize, Fault>;

    /// Bytes in the file.
    ///
    /// # Errors
    /// [`Fault::Unreadable`].
    fn size(&self) -> Result<u64, Fault>;

    /// The permission bits, such as 0o600.
    ///
    /// # Errors
    /// [`Fault::Unreadable`].
    fn mode(&self) -> Result<u32, Fault>;

    /// Makes the bytes and the length durable (fdatasync). The name is the directory's matter.
    ///
    /// # Errors
    /// [`Fault::Disk`]: a full disk too.
    fn sync(&self) -> Result<(), Fault>;
}

/// A whole file system, held open so that write-back errors that happen meanwhile are reported.
pub trait FileSystem: Send + Sync {
    /// Makes everything written to the file system so far durable, names included (syncfs).
    ///
    /// # Errors
    /// [`Fault::Disk`]: a full disk too.
    fn sync(&self) -> Result<(), Fault>;
}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What an unprivileged process may still write.
    pub free_bytes: u64,
    /// The size of the file system.
    pub total_bytes: u64,
}

/// One file of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name; names that are not UTF-8 are none of ours and are left out.
    pub name: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// When it last changed.
    pub modified: Timestamp,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To read and write.
    ReadWrite,
}

/// What the vault asks of a disk. [`Fault::Unopened`] may come of any call that opens something; [`Fault::Disk`] is fatal.
pub trait Disk: Send + Sync {
    /// Makes a file of mode 0600 that must not exist yet.
    ///
    /// # Errors
    /// [`Fault::Exists`], [`Fault::Full`] or [`Fault::Disk`].
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, Fault>;

    /// Opens a file that exists. A symbolic link is not followed.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Disk`].
    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn DiskFile>, Fault>;

    /// Gives a file another name in the same file system; an existing file is never replaced.
    ///
    /// # Errors
    /// [`Fault::Exists`], [`Fault::Missing`], [`Fault::Full`] or [`Fault::Disk`].
    fn rename(&self, from: &Path, to: &Path) -> Result<(), Fault>;

    /// Gives a file another name in the same file system, in place of whatever had it.
    ///
    /// # Errors
    /// [`Fault::Missing`], [`Fault::Full`] or [`Fault::Disk`].
    fn replace(&self, from: &Path, to: &Path) -> Result<(), Fault>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// [`Fault::Disk`]: a full disk too.
    fn sync_directory(&self, path: &Path) -> Result<(), Fault>;

    /// Holds the file system of `path` for [`FileSystem::sync`].
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Disk`].
    fn file_system(&self, path: &Path) -> Result<Box<dyn FileSystem>, Fault>;

    /// Removes a file; one that is not there counts as removed.
    ///
    /// # Errors
    /// [`Fault::Disk`].
    fn remove(&self, path: &Path) -> Result<(), Fault>;

    /// Makes a directory of mode 0700 with its parents; one that is there stays.
    ///
    /// # Errors
    /// [`Fault::Full`] or [`Fault::Disk`].
    fn make_directory(&self, path: &Path) -> Result<(), Fault>;

    /// Room on the file system of `path`.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Disk`].
    fn space(&self, path: &Path) -> Result<Space, Fault>;

    /// The plain files of a directory, in no order.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Disk`].
    fn list(&self, path: &Path) -> Result<Vec<Listed>, Fault>;

    /// An id that changes whenever the machine lost what was not synced: the kernel's boot id.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Disk`].
    fn boot_id(&self) -> Result<[u8; 16], Fault>;
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

impl Disk for RealDisk {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, Fault> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| Fault::of_open("create", &error))?;
        Ok(Box::new(RealFile(file)))
    }

    fn open(&self, path: &Path, access: Access) -> Result<Box<dyn DiskFile>, Fault> {
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::ReadWrite)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(|error| Fault::of_open("open", &error))?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Fault> {
        rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).or_else(|errno| {
            // Some file systems (NFS, older FUSE ones) have no rename that refuses to replace; a hard link refuses too.
            if errno != rustix::io::Errno::INVAL && errno != rustix::io::Errno::NOSYS {
                return Err(of_errno("rename", errno));
            }
            std::fs::hard_link(from, to).map_err(|error| Fault::of_io("link", &error))?;
            self.remove(from)
        })
    }

    fn replace(&self, from: &Path, to: &Path) -> Result<(), Fault> {
        rustix::fs::rename(from, to).map_err(|errno| of_errno("rename", errno))
    }

    fn sync_directory(&self, path: &Path) -> Result<(), Fault> {
        let directory = File::open(path).map_err(|error| Fault::of_open("open directory", &error))?;
        directory.sync_all().map_err(|error| Fault::of_sync("fsync directory", &error))
    }

    fn file_system(&self, path: &Path) -> Result<Box<dyn FileSystem>, Fault> {
        let directory = File::open(path).map_err(|error| Fault::of_open("open directory", &error))?;
        Ok(Box::new(RealFileSystem(directory)))
    }

    fn remove(&self, path: &Path) -> Result<(), Fault> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::of_io("remove", &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn make_directory(&self, path: &Path) -> Result<(), Fault> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| Fault::of_open("make directory", &error))
    }

    fn space(&self, path: &Path) -> Result<Space, Fault> {
        let found = rustix::fs::statvfs(path).map_err(|errno| Fault::of_open("statvfs", &errno.into()))?;
        Ok(Space {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    fn list(&self, path: &Path) -> Result<Vec<Listed>, Fault> {
        let of = |error: io::Error| Fault::of_open("list", &error);
        let mut out = Vec::new();
        for entry in std::fs::read_dir(path).map_err(of)? {
            let entry = entry.map_err(of)?;
            let found = match entry.metadata() {
                Ok(found) => found,
                // Finished or removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(of(error)),
            };
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !found.is_file() {
                continue;
            }
            let seconds = u64::try_from(found.mtime()).unwrap_or(0);
            let millis = u64::try_from(found.mtime_nsec() / 1_000_000).unwrap_or(0);
            let modified = Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(millis));
            out.push(Listed { name, size_bytes: found.size(), modified });
        }
        Ok(out)
    }

    fn boot_id(&self) -> Result<[u8; 16], Fault> {
        let text = std::fs::read_to_string(BOOT_ID).map_err(|error| Fault::of_open("read boot id", &error))?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let value = u128::from_str_radix(&digits, 16);
        value
            .map(u128::to_be_bytes)
            .map_err(|_| Fault::Unopened { doing: "read boot id", kind: io::ErrorKind::InvalidData })
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.0.write_all_at(bytes, offset).map_err(|error| Fault::of_io("write", &error))
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<usize, Fault> {
        let mut done = 0;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::of_read("read", &error)),
            }
        }
        Ok(done)
    }

    fn size(&self) -> Result<u64, Fault> {
        self.0.metadata().map(|found| found.len()).map_err(|error| Fault::of_read("stat", &error))
    }

    fn mode(&self) -> Result<u32, Fault> {
        self.0
            .metadata()
            .map(|found| found.permissions().mode() & 0o7777)
            .map_err(|error| Fault::of_read("stat", &error))
    }

    fn sync(&self) -> Result<(), Fault> {
        self.0.sync_data().map_err(|error| Fault::of_sync("fdatasync", &error))
    }
}

struct RealFileSystem(File);

impl FileSystem for RealFileSystem {
    fn sync(&self) -> Result<(), Fault> {
        rustix::fs::syncfs(&self.0).map_err(|errno| Fault::of_sync("syncfs", &errno.into()))
    }
}

fn of_errno(doing: &'static str, errno: rustix::io::Errno) -> Fault {
    Fault::of_io(doing, &errno.into())
}

/// Writes a new file of mode 0600 and makes it durable under its final name, or not at all.
///
/// # Errors
/// [`Fault::Exists`] if the name is taken, else a fault of the disk.
pub fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let partial = write_partial(disk, path, bytes)?;
    disk.rename(&partial, path)?;
    disk.sync_directory(directory_of(path))
}

/// Writes a file of mode 0600 durably in place of whatever has its name: a reader sees the old bytes or the new ones.
///
/// # Errors
/// A fault of the disk.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let partial = write_partial(disk, path, bytes)?;
    disk.replace(&partial, path)?;
    disk.sync_directory(directory_of(path))
}

fn write_partial(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<PathBuf, Fault> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    // What an interrupted attempt left behind was never in use.
    disk.remove(&partial)?;
    let file = disk.create_new(&partial)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    Ok(partial)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
