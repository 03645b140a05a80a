//! The vault as the gate uses it: the keyring's rows joined to the broker, blocking work moved off the runtime.
//!
//! Nothing here decides. Keys stay in lazaret-vault, SQL in lazaret-store; this is the joint (ADR 0004).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazaret_core::decision::{Cleared, Inspecting, Unclaimed};
use lazaret_core::id::{Gate as GateKind, Id, Object, Transfer};
use lazaret_store::KeyringDb;
use lazaret_vault::broker::{Counts, Holder, Intake, Parts, Resumed};
use lazaret_vault::index::IndexKey;
use lazaret_vault::random::SystemSource;
use lazaret_vault::rows::{KekRow, KeyRow, KeyRows, Purpose, RowsError};
use lazaret_vault::secrets::Secrets;
use lazaret_vault::wrap::file::FileRoot;
use lazaret_vault::wrap::{RootKey, Roots};
use lazaret_vault::{Bound, Broker, Delivery, Disk, ObjectReader, ObjectWriter, RealDisk, SubjectKey};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::error::{Error, Result};

/// The keyring's file and the blobs' directory, in the gate's.
const KEYRING: &str = "keyring.db";
const BLOBS: &str = "blobs";

/// The gate's objects and keys.
pub struct Vault {
    broker: Arc<Broker>,
    delivery: Delivery,
    secrets: Secrets,
    index: IndexKey,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

/// Whether the gate is being made or is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// Its keys and blobs may be made.
    New,
    /// They must be there.
    Existing,
}

impl Vault {
    /// Opens or makes the vault in the gate's directory.
    ///
    /// # Errors
    /// A root key that is missing, loose or wrong; a keyring that lacks keys; a fault of disk or store.
    pub fn open(config: &Config, gate: Id<GateKind>, making: Making) -> Result<Vault> {
        let rows: Arc<dyn KeyRows> = Arc::new(Rows(KeyringDb::open(&config.dir.join(KEYRING))?));
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let random = Arc::new(SystemSource::default());
        let roots = Roots::of(root(config, making)?);
        let parts = Parts { gate, roots, rows, disk, random: random.clone() };
        let blobs = config.dir.join(BLOBS);
        let broker = match making {
            Making::New => Broker::create(parts, &blobs)?,
            Making::Existing => Broker::open(parts, &blobs)?,
        };
        let secrets = broker.secrets();
        let index = match making {
            Making::New => IndexKey::create(&secrets, random.as_ref())?,
            Making::Existing => IndexKey::open(&broker)?,
        };
        Ok(Vault { delivery: broker.delivery(), broker: Arc::new(broker), secrets, index })
    }

    /// Opens the vault of an existing gate beside whatever process runs it: nothing is made or changed.
    ///
    /// # Errors
    /// A root key that is missing, loose or wrong; a keyring that lacks keys; a fault of disk or store.
    pub(crate) fn open_read_only(config: &Config, gate: Id<GateKind>) -> Result<Vault> {
        let rows: Arc<dyn KeyRows> = Arc::new(Rows(KeyringDb::open_read_only(&config.dir.join(KEYRING))?));
        let random = Arc::new(SystemSource::default());
        let roots = Roots::of(root(config, Making::Existing)?);
        let parts = Parts { gate, roots, rows, disk: Arc::new(RealDisk), random };
        let broker = Broker::open(parts, &config.dir.join(BLOBS))?;
        let (secrets, index) = (broker.secrets(), IndexKey::open(&broker)?);
        Ok(Vault { delivery: broker.delivery(), broker: Arc::new(broker), secrets, index })
    }

    /// A new object under quarantine: where its bytes go, and the key of its transfer's particulars.
    ///
    /// # Errors
    /// A fault of disk or store.
    pub async fn quarantine(
        &self,
        transfer: Id<Transfer>,
        object: Id<Object>,
        object_bytes_max: u64,
    ) -> Result<Intake> {
        self.blocking(move |broker| broker.new_object(transfer, object, object_bytes_max)).await
    }

    /// Goes on with an interrupted upload; what may not grow any more is sealed anew as the object `fresh`.
    ///
    /// # Errors
    /// The upload is gone or does not verify; a fault of disk or store.
    pub async fn resume(
        &self,
        transfer: Id<Transfer>,
        object: Id<Object>,
        state: Vec<u8>,
        fresh: Id<Object>,
        object_bytes_max: u64,
    ) -> Result<Resumed> {
        self.blocking(move |broker| broker.resume(transfer, object, &state, fresh, object_bytes_max)).await
    }

    /// Goes back in an interrupted upload: its first `bytes_max` bytes become the object `fresh`.
    ///
    /// # Errors
    /// As [`Vault::resume`].
    pub async fn cut_back(
        &self,
        transfer: Id<Transfer>,
        object: Id<Object>,
        state: Vec<u8>,
        fresh: Id<Object>,
        bytes_max: u64,
        object_bytes_max: u64,
    ) -> Result<ObjectWriter> {
        self.blocking(move |broker| broker.cut_back(transfer, object, &state, fresh, bytes_max, object_bytes_max)).await
    }

    /// A new object that begins with all bytes of a closed one which lies under quarantine still.
    ///
    /// # Errors
    /// It does not; a fault of disk or store.
    pub async fn continue_closed(
        &self,
        closed: (Id<Transfer>, Id<Object>),
        transfer: Id<Transfer>,
        object: Id<Object>,
        object_bytes_max: u64,
    ) -> Result<Intake> {
        self.blocking(move |broker| broker.continue_closed(closed, transfer, object, object_bytes_max)).await
    }

    /// Destroys an object that became no transfer, keys first.
    ///
    /// # Errors
    /// A fault of disk or store; the reaper comes back to it.
    pub async fn discard(&self, proof: Unclaimed) -> Result<()> {
        self.blocking(move |broker| broker.discard(&proof)).await
    }

    /// The object's plaintext for the station.
    ///
    /// # Errors
    /// No key, no blob, or a blob that does not authenticate.
    pub async fn open_for_inspection(&self, proof: Inspecting) -> Result<ObjectReader> {
        self.blocking(move |broker| broker.open_for_inspection(&proof)).await
    }

    /// The object's plaintext for a recipient.
    ///
    /// # Errors
    /// It is not released; no blob; a blob that does not authenticate.
    pub async fn open_for_delivery(&self, proof: Cleared) -> Result<ObjectReader> {
        let delivery = self.delivery.clone();
        joined(tokio::task::spawn_blocking(move || delivery.open_for_delivery(&proof)).await)
    }

    /// Moves the object's key from quarantine to released.
    ///
    /// # Errors
    /// A fault of the store; the reconciler comes back to it.
    pub async fn release(&self, proof: Cleared) -> Result<()> {
        self.blocking(move |broker| broker.release(&proof)).await
    }

    /// The reverse of [`Vault::release`].
    ///
    /// # Errors
    /// A fault of the store; the reconciler comes back to it.
    pub async fn withhold(&self, transfer: Id<Transfer>, object: Id<Object>) -> Result<()> {
        self.blocking(move |broker| broker.withhold(transfer, object)).await
    }

    /// Whether the object's key lies where deliveries take it.
    ///
    /// # Errors
    /// A fault of the keyring's store.
    pub async fn is_released(&self, object: Id<Object>) -> Result<bool> {
        self.blocking(move |broker| broker.is_released(object)).await
    }

    /// The key of someone's particulars, made at the first call.
    ///
    /// # Errors
    /// A fault of the keyring's store.
    pub fn subject_key(&self, holder: Holder) -> Result<SubjectKey> {
        match self.broker.subject_key(holder) {
            Err(lazaret_vault::Fault::NoKey) => Ok(self.broker.ensure_subject_key(holder)?),
            found => Ok(found?),
        }
    }

    /// Seals a particular under its holder's key.
    ///
    /// # Errors
    /// A fault of the keyring's store.
    pub fn seal(&self, holder: Holder, label: &str, value: &[u8]) -> Result<Vec<u8>> {
        Ok(self.subject_key(holder)?.seal(label, value)?)
    }

    /// Opens a particular.
    ///
    /// # Errors
    /// Its key was erased, or these are other bytes.
    pub fn open_sealed(&self, holder: Holder, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        Ok(self.broker.subject_key(holder)?.open(label, sealed)?)
    }

    /// The commitment to a particular under its holder's key.
    ///
    /// # Errors
    /// A fault of the keyring's store.
    pub fn commit(&self, holder: Holder, label: &str, nonce: &[u8; 16], value: &[u8]) -> Result<Bound> {
        Ok(self.subject_key(holder)?.commit(label, nonce, value))
    }

    /// Keyed digest for look-ups.
    pub fn index(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.index.digest(parts)
    }

    /// The gate's own secrets: signing, host and TLS keys.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Free and total bytes where the blobs lie.
    ///
    /// # Errors
    /// A fault of the disk.
    pub fn disk_bytes(&self) -> Result<(u64, u64)> {
        let space = self.broker.blobs().space()?;
        Ok((space.free_bytes, space.total_bytes))
    }

    /// The broker, for the reaper and `fsck`.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// How often object keys were opened, and for what.
    pub fn counts(&self) -> Counts {
        self.broker.counts()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Broker) -> Result<T, lazaret_vault::Fault> + Send + 'static,
    ) -> Result<T> {
        let broker = Arc::clone(&self.broker);
        joined(tokio::task::spawn_blocking(move || work(&broker)).await)
    }
}

/// What a blocking task gave. One that panicked met a bug: its caller hears of a fault, the process goes on.
pub fn joined<T>(outcome: Result<Result<T, lazaret_vault::Fault>, tokio::task::JoinError>) -> Result<T> {
    match outcome {
        Ok(done) => Ok(done?),
        Err(error) => Err(Error::internal(error)),
    }
}

fn root(config: &Config, making: Making) -> Result<Arc<dyn RootKey>> {
    let random = SystemSource::default();
    let root = match (&config.passphrase_file, making) {
        (Some(path), _) if !beside(path).exists() && making == Making::New => {
            FileRoot::create_passphrase(&RealDisk, &random, path)?
        }
        (Some(path), _) => FileRoot::open_passphrase(&RealDisk, path)?,
        (None, Making::New) if !key_path(&config.dir).exists() => {
            FileRoot::create_key_file(&RealDisk, &random, &key_path(&config.dir))?
        }
        (None, _) => FileRoot::open_key_file(&RealDisk, &key_path(&config.dir))?,
    };
    Ok(Arc::new(root))
}

fn key_path(dir: &Path) -> PathBuf {
    dir.join("root.key")
}

fn beside(passphrase: &Path) -> PathBuf {
    let mut path = passphrase.as_os_str().to_owned();
    path.push(".argon2id");
    PathBuf::from(path)
}

/// The keyring's store as the vault wants it.
struct Rows(KeyringDb);

impl KeyRows for Rows {
    fn put(&self, rows: Vec<KeyRow>) -> Result<(), RowsError> {
        let rows = rows.into_iter().map(stored).collect();
        Ok(self.0.put(rows)?)
    }

    fn get(&self, id: &[u8; 16], purpose: Purpose) -> Result<Option<Vec<u8>>, RowsError> {
        Ok(self.0.get(id, purpose.code())?)
    }

    fn replace(&self, row: KeyRow, gone: Purpose) -> Result<(), RowsError> {
        Ok(self.0.replace(stored(row), gone.code())?)
    }

    fn delete(&self, id: &[u8; 16]) -> Result<(), RowsError> {
        Ok(self.0.delete(id.to_vec())?)
    }

    fn keks(&self) -> Result<Vec<KekRow>, RowsError> {
        let rows = self.0.keks()?;
        let known = rows.into_iter().map(|(purpose, epoch, bytes)| {
            let purpose = Purpose::from_code(purpose).ok_or("a key of a purpose that this release does not know")?;
            Ok(KekRow { purpose, epoch, bytes })
        });
        known.collect()
    }

    fn put_kek(&self, row: KekRow) -> Result<(), RowsError> {
        Ok(self.0.put_kek(row.purpose.code(), row.epoch, row.bytes)?)
    }

    fn put_secret(&self, name: &str, bytes: Vec<u8>) -> Result<(), RowsError> {
        Ok(self.0.put_secret(name.to_owned(), bytes)?)
    }

    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, RowsError> {
        Ok(self.0.secret(name)?)
    }
}

fn stored(row: KeyRow) -> lazaret_store::KeyRow {
    lazaret_store::KeyRow { id: row.id.to_vec(), purpose: row.purpose.code(), row: row.bytes }
}
