//! The log on disk: tiles, entry bundles and the published checkpoint under `DIR/log/`, and the key that signs.
//!
//! A file's name and bytes are a function of committed entries, so that writing one twice is harmless and writing another
//! under its name is an alarm.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    fenced: Option<&'static str>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("dir", &self.dir).field("fenced", &self.fenced).finish_non_exhaustive()
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
        let mut log = Log {
            dir: dir.join(LOG),
            signer,
            checkpoints,
            signed: Mutex::new(latest),
            size: watch::Sender::new(size),
            fenced: None,
        };
        RealDisk.make_directory(&log.dir)?;
        log.fenced = log.doubt(store)?;
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
        self.fenced
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
                _ => Err(Error::internal(format!("{} has other bytes than the entries give", resource.path()))),
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
    /// The swap met another head: the caller must stop, and start again.
    pub(super) fn sign(&self, size: u64, root: Hash) -> Result<()> {
        let note = self.signer.sign(&Checkpoint::new(self.origin(), size, root)).map_err(Error::internal)?;
        let next = Latest { size, root, note: note.to_string() };
        let before = self.latest();
        if !self.checkpoints.swap(self.origin(), before.as_ref(), &next)? {
            return Err(Error::internal("another process signed this log; stop it, then start again"));
        }
        *self.lock() = Some(next.clone());
        self.publish(&next)?;
        self.size.send_replace(size);
        Ok(())
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
