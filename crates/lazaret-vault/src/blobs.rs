//! Where blobs lie: `partial/` while they grow, `sealed/<shard>/` once closed, each under its object's random id.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use lazaret_core::id::{Id, Object};
use lazaret_core::time::Timestamp;

use crate::disk::{Access, Disk, DiskFile, Space};
use crate::fault::Fault;
use crate::flush::{Flusher, Unsynced};

const PARTIAL: &str = "partial";
const SEALED: &str = "sealed";
/// Closed blobs are spread by the last symbol of their id.
const SHARDS: &str = "0123456789abcdefghjkmnpqrstvwxyz";
/// Orphans named in one round of the reaper.
pub const ORPHANS_MAX: usize = 10_000;

/// The blobs of one gate in one directory.
pub struct Blobs {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    flusher: Flusher,
    unsynced: Arc<AtomicU64>,
}

/// A blob that nobody claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orphan {
    /// Its object.
    pub object: Id<Object>,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// When it last changed.
    pub modified: Timestamp,
}

impl Blobs {
    /// Opens the directory, making it durably where it is not there yet.
    ///
    /// # Errors
    /// A fault of the disk.
    pub fn open(disk: Arc<dyn Disk>, root: &Path) -> Result<Blobs, Fault> {
        let sealed = root.join(SEALED);
        disk.make_directory(&root.join(PARTIAL))?;
        for shard in SHARDS.chars() {
            disk.make_directory(&sealed.join(shard.to_string()))?;
        }
        disk.sync_directory(&sealed)?;
        disk.sync_directory(root)?;
        if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            disk.sync_directory(parent)?;
        }
        let unsynced = Arc::new(AtomicU64::new(0));
        let flusher = Flusher::start(Arc::clone(&disk), disk.file_system(root)?, Arc::clone(&unsynced))?;
        Ok(Blobs { disk, root: root.to_owned(), flusher, unsynced })
    }

    /// Room where the blobs lie; intake stops below `intake.free_bytes_min`.
    ///
    /// # Errors
    /// A fault of the disk.
    pub fn space(&self) -> Result<Space, Fault> {
        self.disk.space(&self.root)
    }

    /// Blobs, closed or growing, unchanged since `before`, that `is_claimed` does not know: at most [`ORPHANS_MAX`].
    ///
    /// # Errors
    /// A fault of the disk, or what `is_claimed` gives.
    pub fn orphans(
        &self,
        before: Timestamp,
        is_claimed: &mut dyn FnMut(Id<Object>) -> Result<bool, Fault>,
    ) -> Result<Vec<Orphan>, Fault> {
        let mut found = Vec::new();
        let shards = SHARDS.chars().map(|shard| self.root.join(SEALED).join(shard.to_string()));
        for directory in shards.chain([self.root.join(PARTIAL)]) {
            for listed in self.disk.list(&directory)? {
                // A file of another name is not ours to remove.
                let Ok(object) = listed.name.parse::<Id<Object>>() else { continue };
                if listed.modified >= before || is_claimed(object)? {
                    continue;
                }
                if found.len() == ORPHANS_MAX {
                    return Ok(found);
                }
                found.push(Orphan { object, size_bytes: listed.size_bytes, modified: listed.modified });
            }
        }
        Ok(found)
    }

    /// Whether a closed blob of this object is there.
    ///
    /// # Errors
    /// A fault of the disk.
    pub fn is_sealed(&self, object: Id<Object>) -> Result<bool, Fault> {
        match self.open_sealed(object) {
            Ok(_) => Ok(true),
            Err(Fault::Missing) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Removes the object's blob, closed or growing; none counts as removed.
    ///
    /// # Errors
    /// A fault of the disk.
    pub(crate) fn remove(&self, object: Id<Object>) -> Result<(), Fault> {
        self.disk.remove(&self.partial_path(object))?;
        self.disk.remove(&self.sealed_path(object))
    }

    pub(crate) fn partial_path(&self, object: Id<Object>) -> PathBuf {
        self.root.join(PARTIAL).join(object.to_string())
    }

    pub(crate) fn sealed_path(&self, object: Id<Object>) -> PathBuf {
        let name = object.to_string();
        let shard = name.chars().next_back().unwrap_or('0').to_string();
        self.root.join(SEALED).join(shard).join(name)
    }

    pub(crate) fn create_partial(&self, object: Id<Object>) -> Result<Box<dyn DiskFile>, Fault> {
        self.disk.create_new(&self.partial_path(object))
    }

    pub(crate) fn open_partial(&self, object: Id<Object>) -> Result<Box<dyn DiskFile>, Fault> {
        self.disk.open(&self.partial_path(object), Access::ReadWrite)
    }

    pub(crate) fn open_sealed(&self, object: Id<Object>) -> Result<Box<dyn DiskFile>, Fault> {
        self.disk.open(&self.sealed_path(object), Access::Read)
    }

    pub(crate) fn sync_partial_names(&self) -> Result<(), Fault> {
        self.disk.sync_directory(&self.root.join(PARTIAL))
    }

    pub(crate) fn boot_id(&self) -> Result<[u8; 16], Fault> {
        self.disk.boot_id()
    }

    pub(crate) fn flusher(&self) -> &Flusher {
        &self.flusher
    }

    pub(crate) fn unsynced(&self) -> Unsynced {
        Unsynced::new(Arc::clone(&self.unsynced))
    }

    /// Gives a synced file its final name, durably, without the flusher.
    pub(crate) fn close(&self, object: Id<Object>) -> Result<(), Fault> {
        let to = self.sealed_path(object);
        self.disk.rename(&self.partial_path(object), &to)?;
        self.disk.sync_directory(to.parent().unwrap_or(&self.root))
    }
}
