//! The log on disk: tiles, entry bundles and the published checkpoint under `DIR/log/`, and the key that signs.
//!
//! A file's name and bytes are a function of committed entries, so that writing one twice is harmless and writing another
//! under its name is an alarm.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use lazaret_core::id::{Id, Transfer};
use lazaret_ledger::checkpoint::{Checkpoint, Signer};
use lazaret_ledger::note::Note;
use lazaret_ledger::tile::{Resource, TILE_BYTES, TILE_WIDTH, Tile, TileReader, TileSource};
use lazaret_ledger::tree::{Hash, root_of};
use lazaret_store::{CheckpointDb, Latest, Store};
use lazaret_vault::disk::{Access, replace, write_new};
use lazaret_vault::{Disk, RealDisk};
use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::vault::{Making, Vault};

/// A bundle of 256 entries of the longest kind.
const RESOURCE_BYTES_MAX: u64 = 256 * (65_535 + 2);
/// The directory of tiles, in the gate's.
pub(crate) const LOG: &str = "log";
/// The checkpoint store's file, in the gate's directory.
pub(crate) const CHECKPOINTS: &str = "checkpoints.db";
/// The published checkpoint's name.
const CHECKPOINT: &str = "checkpoint";

/// The log of the epoch that takes entries.
pub struct Log {
    /// `DIR/log`
    dir: PathBuf,
    signer: Signer,
    checkpoints: CheckpointDb,
    signed: Mutex<Option<Latest>>,
    size: watch::Sender<u64>,
    fenced: OnceLock<&'static str>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("dir", &self.dir).field("fenced", &self.fenced()).finish_non_exhaustive()
    }
}

impl Log {
    /// Opens the log, and fences it if its entries are older than what was signed of them.
    ///
    /// # Errors
    /// A key or store that does not open.
    pub fn open(dir: &Path, origin: &str, vault: &Vault, store: &Store, making: Making) -> Result<Log> {
        let seed = vault.secrets().open_secret(SIGNING_KEY)?;
        let seed: [u8; 32] =
            seed.as_slice().try_into().map_err(|_| Error::internal("a signing key of another length"))?;
        let signer = Signer::from_seed(&seed, origin).map_err(Error::internal)?;
        // Made with the gate, and never silently again: without it nobody could tell an old ledger from the newest.
        let checkpoints = CheckpointDb::open(&dir.join(CHECKPOINTS), making == Making::New)?;
        let latest = checkpoints.latest(origin)?;
        let size = latest.as_ref().map_or(0, |latest| latest.size);
        let log = Log {
            dir: dir.join(LOG),
            signer,
            checkpoints,
            signed: Mutex::new(latest),
            size: watch::Sender::new(size),
            fenced: OnceLock::new(),
        };
        RealDisk.make_directory(&log.dir)?;
        if let Some(why) = log.doubt(store)? {
            log.fence(why);
        }
        Ok(log)
    }

    /// Why nothing may be recorded or signed: the ledger is older than, or not the same as, what was signed of it.
    fn doubt(&self, store: &Store) -> Result<Option<&'static str>> {
        let committed = store.read(|view, _| view.head())?.map_or(0, |head| head.size);
        let Some(latest) = self.latest() else { return Ok(None) };
        if latest.size > committed {
            return Ok(Some(
                "the ledger is older than the checkpoint that was signed of it: an old backup was put back",
            ));
        }
        // The tiles derive from the entries; where they are missing, the sealer writes them again before it signs.
        let root = root_of(&mut TileReader::new(self, latest.size), latest.size);
        match root {
            Ok(root) if root != latest.root => Ok(Some("the log's tiles do not give the root that was signed")),
            _ => Ok(None),
        }
    }

    /// Why nothing may be recorded or signed, if so.
    pub fn fenced(&self) -> Option<&'static str> {
        self.fenced.get().copied()
    }

    /// From now on nothing is recorded or signed, until a person has looked and started the gate again.
    pub(super) fn fence(&self, why: &'static str) {
        tracing::error!(why, "the ledger is fenced: nothing is recorded or signed; run lazaret fsck");
        // The first doubt is the one to look into.
        let _first = self.fenced.set(why);
    }

    /// The last signed head.
    pub fn latest(&self) -> Option<Latest> {
        self.lock().clone()
    }

    /// How many entries are signed.
    pub fn size(&self) -> u64 {
        *self.size.borrow()
    }

    /// Hears of every newly signed size.
    pub fn sizes(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }

    /// The log's name in checkpoints and its verifier key, as the trust file has them.
    pub fn verifier_key(&self) -> String {
        self.signer.verifier_key().to_string()
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        self.signer.verifier_key().name()
    }

    /// Whether the transfer's latest entry is under a signed checkpoint.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn is_signed(&self, gate: &Gate, transfer: Id<Transfer>) -> Result<bool> {
        let last = gate.read(|view, _| view.last_position(transfer.cast()))?;
        Ok(last.is_some_and(|position| position.index < self.size()))
    }

    /// A file of the log by its name below `/log/`; none where there is none, or the name is no resource of a log.
    ///
    /// # Errors
    /// A fault of the disk.
    pub fn resource(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if path == CHECKPOINT {
            return self.read(&self.dir.join(CHECKPOINT));
        }
        match Resource::from_path(path) {
            // The name is written anew from what was understood: a request never names a file by itself.
            Some(resource) => self.read(&self.dir.join(resource.path())),
            None => Ok(None),
        }
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let file = match RealDisk.open(path, Access::Read) {
            Ok(file) => file,
            Err(lazaret_vault::Fault::Missing) => return Ok(None),
            Err(fault) => return Err(fault.into()),
        };
        let size = usize::try_from(file.size()?.min(RESOURCE_BYTES_MAX)).map_err(Error::internal)?;
        let mut bytes = vec![0; size];
        let count = file.read_at(0, &mut bytes)?;
        bytes.truncate(count);
        Ok(Some(bytes))
    }

    /// Writes a file of the log durably; one that is there must have the same bytes.
    pub(super) fn write(&self, resource: Resource, bytes: &[u8]) -> Result<()> {
        let path = self.dir.join(resource.path());
        if let Some(parent) = path.parent() {
            RealDisk.make_directory(parent)?;
        }
        match write_new(&RealDisk, &path, bytes) {
            Ok(()) => Ok(()),
            Err(lazaret_vault::Fault::Exists) => match self.read(&path)? {
                Some(there) if there == bytes => Ok(()),
                _ => {
                    self.fence("a file of the log has other bytes than the entries give");
                    Err(Error::internal(format!("{} has other bytes than the entries give", resource.path())))
                }
            },
            Err(fault) => Err(fault.into()),
        }
    }

    /// The partial files that a full one replaces may go.
    pub(super) fn drop_partials(&self, full: &Resource) {
        let mut partials = self.dir.join(full.path()).into_os_string();
        partials.push(".p");
        // Where it fails, files are left that nobody needs.
        drop(std::fs::remove_dir_all(PathBuf::from(partials)));
    }

    /// Signs a head that was proved consistent with the last one, swaps it in, then publishes it: in this order, so that no
    /// two heads of one size can ever be seen.
    ///
    /// # Errors
    /// The swap met another head, and the log is fenced; it failed, or what was swapped in could not be published yet.
    pub(super) fn sign(&self, size: u64, root: Hash) -> Result<()> {
        let note = self.signer.sign(&Checkpoint::new(self.origin(), size, root)).map_err(Error::internal)?;
        let next = Latest { size, root, note: note.to_string() };
        let before = self.latest();
        self.swap(before.as_ref(), &next)?;
        *self.lock() = Some(next.clone());
        // Signed is what stands in the store: all that waits for a signature may go on, though publishing may fail.
        self.size.send_replace(size);
        self.publish(&next)
    }

    /// Swaps a head in. Of a swap that failed only the store itself can tell what came of it.
    fn swap(&self, before: Option<&Latest>, next: &Latest) -> Result<()> {
        let failed = match self.checkpoints.swap(self.origin(), before, next) {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(fault @ (lazaret_store::Fault::Full | lazaret_store::Fault::Busy)) => Some(fault),
            Err(fault) => {
                // After a failed write or fsync nothing that this process believes about the disk can be trusted.
                tracing::error!(%fault, "the checkpoint store failed; ending at once");
                std::process::abort();
            }
        };
        let there = self.checkpoints.latest(self.origin())?;
        match failed {
            _ if there.as_ref() == Some(next) => Ok(()),
            Some(fault) if there.as_ref() == before => Err(fault.into()),
            _ => {
                self.fence("another process signed this log: stop it, then start again");
                Err(Error::internal("another process signed this log"))
            }
        }
    }

    /// Publishes what was signed before a crash, if it was not.
    pub(super) fn publish_again(&self) -> Result<()> {
        let Some(latest) = self.latest() else { return Ok(()) };
        let published = self.read(&self.dir.join(CHECKPOINT))?;
        if published.as_deref() == Some(latest.note.as_bytes()) { Ok(()) } else { self.publish(&latest) }
    }

    fn publish(&self, latest: &Latest) -> Result<()> {
        Ok(replace(&RealDisk, &self.dir.join(CHECKPOINT), latest.note.as_bytes())?)
    }

    /// The last signed head as a note.
    ///
    /// # Errors
    /// What was stored is no note.
    pub fn note(&self) -> Result<Option<(Latest, Note)>> {
        let Some(latest) = self.latest() else { return Ok(None) };
        let note = Note::parse(latest.note.as_bytes()).map_err(Error::internal)?;
        Ok(Some((latest, note)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Latest>> {
        // One assignment under the lock: a panic cannot leave half of it.
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the signing key among the gate's secrets.
pub const SIGNING_KEY: &str = "ledger-1";

impl TileSource for Log {
    fn tile(&self, level: u8, index: u64, width: u16) -> Option<Vec<u8>> {
        let tile = Tile::new(level, index, width)?;
        let bytes = self.read(&self.dir.join(tile.path())).ok().flatten()?;
        let expected = TILE_BYTES / usize::from(TILE_WIDTH) * usize::from(width);
        (bytes.len() == expected).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log in a directory, which may be missing; beside it, what another process would hold of the same store.
    fn log(scratch: &Path) -> Log {
        let checkpoints = CheckpointDb::open(&scratch.join(CHECKPOINTS), true).unwrap();
        Log {
            dir: scratch.join(LOG),
            signer: Signer::from_seed(&[7; 32], "hospital.example/log").unwrap(),
            signed: Mutex::new(checkpoints.latest("hospital.example/log").unwrap()),
            checkpoints,
            size: watch::Sender::new(0),
            fenced: OnceLock::new(),
        }
    }

    #[test]
    fn what_is_signed_counts_as_signed_though_it_could_not_be_published() {
        let scratch = tempfile::tempdir().unwrap();
        let log = log(scratch.path());
        assert!(log.sign(3, [3; 32]).is_err(), "there is no directory to publish in");
        assert_eq!((log.size(), log.latest().map(|latest| latest.size)), (3, Some(3)));
        std::fs::create_dir(&log.dir).unwrap();
        log.publish_again().unwrap();
        let published = log.resource(CHECKPOINT).unwrap().unwrap();
        assert_eq!(published, log.latest().unwrap().note.as_bytes());
        log.sign(5, [5; 32]).unwrap();
        assert_eq!((log.size(), log.fenced()), (5, None));
    }

    #[test]
    fn another_signer_fences_the_log() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join(LOG)).unwrap();
        let (one, other) = (log(scratch.path()), log(scratch.path()));
        one.sign(3, [3; 32]).unwrap();
        assert!(other.sign(4, [4; 32]).is_err());
        assert!(other.fenced().is_some() && one.fenced().is_none());
        assert_eq!(one.checkpoints.latest(one.origin()).unwrap(), one.latest());
    }

    #[test]
    fn a_file_with_other_bytes_fences_the_log_and_one_with_the_same_does_not() {
        let scratch = tempfile::tempdir().unwrap();
        let log = log(scratch.path());
        let tile = || Resource::Tile(Tile::new(0, 0, 1).unwrap());
        log.write(tile(), &[1; 32]).unwrap();
        log.write(tile(), &[1; 32]).unwrap();
        assert_eq!(log.fenced(), None);
        assert!(log.write(tile(), &[2; 32]).is_err());
        assert!(log.fenced().is_some());
    }
}
