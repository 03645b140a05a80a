//! The key broker: the only code that names the keyring, and so the one bridge between quarantine and delivery.
//!
//! * Intake gets one new key per object, wrapped under the quarantine key.
//! * The station, or a person's recorded view, gets one object's plaintext per `Inspecting`.
//! * `release` moves an object's key across, against a `Cleared`; [`Delivery`] knows only the released key, so that a
//!   wrong path or a guessed id gives an authentication failure and not a file.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lazaret_core::decision::{Cleared, Inspecting, Unclaimed};
use lazaret_core::digest::Commitment;
use lazaret_core::id::{Gate, Id, Object, Party, Person, Subject, Transfer};

use crate::blobs::Blobs;
use crate::disk::Disk;
use crate::fault::Fault;
use crate::fields::SubjectKey;
use crate::key::Key;
use crate::keyring::{Keyring, Owner, Purpose, Ring};
use crate::object::{ObjectKey, ObjectWriter};
use crate::random::Random;
use crate::reader::ObjectReader;
use crate::resume::{self, Found};
use crate::rows::{KeyRow, KeyRows};
use crate::secrets::Secrets;
use crate::wrap::Roots;

/// Locks that keep two acts on one id apart; ids are spread over them.
const STRIPES: usize = 64;

/// What a vault is made of.
pub struct Parts {
    /// The gate whose vault it is. Every wrap and blob is bound to it.
    pub gate: Id<Gate>,
    /// The root key, or two while it is rotated.
    pub roots: Roots,
    /// The keyring's store.
    pub rows: Arc<dyn KeyRows>,
    /// The disk that the blobs lie on.
    pub disk: Arc<dyn Disk>,
    /// Where keys, salts and nonces come from.
    pub random: Arc<dyn Random>,
}

/// Whose particulars a subject key seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A transfer's, under the receipts key.
    Transfer(Id<Transfer>),
    /// A party's, under the fields key.
    Party(Id<Party>),
    /// A person's, under the fields key.
    Person(Id<Person>),
    /// An incident's or another subject's, under the fields key.
    Other(Id<Subject>),
}

impl Holder {
    fn id(self) -> [u8; 16] {
        match self {
            Holder::Transfer(id) => *id.as_bytes(),
            Holder::Party(id) => *id.as_bytes(),
            Holder::Person(id) => *id.as_bytes(),
            Holder::Other(id) => *id.as_bytes(),
        }
    }

    fn purpose(self) -> Purpose {
        match self {
            Holder::Transfer(_) => Purpose::Receipts,
            Holder::Party(_) | Holder::Person(_) | Holder::Other(_) => Purpose::Fields,
        }
    }

    fn owner(self) -> Owner {
        Owner { subject: self.id(), object: None }
    }
}

/// How often object keys were opened, and for what. `unwraps` must equal the sum of the rest, else raise the alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Object keys that the keyring opened.
    pub unwraps: u64,
    /// Readers given to the station or to a recorded view.
    pub inspections: u64,
    /// Readers given to delivery.
    pub deliveries: u64,
    /// Keys moved between quarantine and released.
    pub rewraps: u64,
    /// Uploads resumed.
    pub resumptions: u64,
    /// Objects looked at for wholeness, without giving out a byte.
    pub checks: u64,
}

impl Counts {
    /// Whether every opened key had its use.
    pub fn agree(&self) -> bool {
        self.unwraps == self.inspections + self.deliveries + self.rewraps + self.resumptions + self.checks
    }
}

/// What keys were opened for. An opening and its use are counted together, so that whoever compares them never sees one
/// without the other.
#[derive(Default)]
struct Uses {
    /// Held shared while a key is opened and its use counted, alone while both are read.
    counting: RwLock<()>,
    inspections: AtomicU64,
    deliveries: AtomicU64,
    rewraps: AtomicU64,
    resumptions: AtomicU64,
    checks: AtomicU64,
}

impl Uses {
    /// Opens a key and counts what for.
    fn open<T>(&self, use_: &AtomicU64, unwrap: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let _together = self.counting.read().unwrap_or_else(PoisonError::into_inner);
        let key = unwrap()?;
        use_.fetch_add(1, Ordering::Relaxed);
        Ok(key)
    }
}

/// The key broker of one gate. Share it in an `Arc`; every method may block on disk and store.
pub struct Broker {
    gate: Id<Gate>,
    keyring: Keyring,
    rows: Arc<dyn KeyRows>,
    blobs: Arc<Blobs>,
    random: Arc<dyn Random>,
    uses: Arc<Uses>,
    stripes: [Mutex<()>; STRIPES],
}

/// A new object: where its bytes go, and the key of its transfer's particulars.
pub struct Intake {
    /// Takes the bytes.
    pub writer: ObjectWriter,
    /// Seals the particulars of the transfer: name, size, hash, notes.
    pub subject: SubjectKey,
}

/// What is known of an object that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Plaintext bytes.
    pub size_bytes: u64,
    /// The commitment that its content has if its SHA-256 is the one that was asked about.
    pub content: Commitment,
    /// Whether its key lies under the released purpose.
    pub is_released: bool,
}

/// An object that was not finished, with the state of its last checkpoint.
pub struct Unfinished {
    /// Its transfer.
    pub transfer: Id<Transfer>,
    /// The object.
    pub object: Id<Object>,
    /// The encrypted state of the checkpoint.
    pub state: Vec<u8>,
    /// Plaintext bytes that it is known to have.
    pub received_bytes: u64,
}

/// An upload that goes on.
pub struct Resumed {
    /// Takes the bytes from [`ObjectWriter::received_bytes`] on.
    pub writer: ObjectWriter,
    /// Whether the bytes so far were sealed anew as another object (see [`ObjectWriter::object`]). Store its id and a
    /// checkpoint with the upload first, then [`Broker::discard`] the old object.
    pub moved: bool,
}

impl Broker {
    /// Opens the vault of a gate that has one.
    ///
    /// # Errors
    /// [`Fault::WrongRoot`], [`Fault::KeyringIncomplete`] (a keyring is never made silently where blobs may be), or a
    /// fault of disk or store.
    pub fn open(parts: Parts, directory: &Path) -> Result<Broker, Fault> {
        let Parts { gate, roots, rows, disk, random } = parts;
        let keyring = Keyring::open(gate, roots, Arc::clone(&random), Arc::clone(&rows))?;
        Broker::new(keyring, gate, rows, disk, random, directory)
    }

    /// Makes the vault of a new gate. Call it only when the gate itself is being made; finishing an interrupted making is
    /// the same call.
    ///
    /// # Errors
    /// As [`Broker::open`].
    pub fn create(parts: Parts, directory: &Path) -> Result<Broker, Fault> {
        let Parts { gate, roots, rows, disk, random } = parts;
        let keyring = Keyring::create(gate, roots, Arc::clone(&random), Arc::clone(&rows))?;
        Broker::new(keyring, gate, rows, disk, random, directory)
    }

    fn new(
        keyring: Keyring,
        gate: Id<Gate>,
        rows: Arc<dyn KeyRows>,
        disk: Arc<dyn Disk>,
        random: Arc<dyn Random>,
        directory: &Path,
    ) -> Result<Broker, Fault> {
        let blobs = Arc::new(Blobs::open(disk, directory)?);
        let stripes = std::array::from_fn(|_| Mutex::new(()));
        Ok(Broker { gate, keyring, rows, blobs, random, uses: Arc::default(), stripes })
    }

    /// The handle for delivery code. It cannot open what is not released.
    pub fn delivery(&self) -> Delivery {
        Delivery {
            gate: self.gate,
            released: Arc::clone(self.keyring.ring(Purpose::Released)),
            rows: Arc::clone(&self.rows),
            blobs: Arc::clone(&self.blobs),
            uses: Arc::clone(&self.uses),
        }
    }

    /// The gate's own secrets: signing, host and TLS keys.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.gate, self.keyring.roots().clone(), Arc::clone(&self.random), Arc::clone(&self.rows))
    }

    /// Free space and orphans.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// How often object keys were opened, and for what.
    pub fn counts(&self) -> Counts {
        let _alone = self.uses.counting.write().unwrap_or_else(PoisonError::into_inner);
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let ring = |purpose| self.keyring.ring(purpose).unwraps();
        Counts {
            unwraps: ring(Purpose::Quarantine) + ring(Purpose::Released),
            inspections: of(&self.uses.inspections),
            deliveries: of(&self.uses.deliveries),
            rewraps: of(&self.uses.rewraps),
            resumptions: of(&self.uses.resumptions),
            checks: of(&self.uses.checks),
        }
    }

    /// Makes the next key-encryption key of a purpose and gives its epoch; record `kek_epoch_opened` with it.
    ///
    /// # Errors
    /// A fault of the root or the keyring's store.
    pub fn open_kek_epoch(&self, purpose: Purpose) -> Result<u64, Fault> {
        let _only_one = self.stripe(&[purpose.code(); 16]);
        self.keyring.open_epoch(purpose)
    }

    /// A new object of a new or known transfer. Its key is durable in the keyring, under quarantine, before the blob exists.
    ///
    /// # Errors
    /// [`Fault::Exists`] if the object's id is in use; a fault of disk or store.
    pub fn new_object(
        &self,
        transfer: Id<Transfer>,
        object: Id<Object>,
        object_size_max: u64,
    ) -> Result<Intake, Fault> {
        let holder = Holder::Transfer(transfer);
        let _only_one = self.stripe(transfer.as_bytes());
        let key = ObjectKey { dek: Key::generate(self.random.as_ref())?, gate: self.gate, transfer, object };
        if self.row(object.as_bytes(), Purpose::Quarantine)?.is_some()
            || self.row(object.as_bytes(), Purpose::Released)?.is_some()
        {
            return Err(Fault::Exists);
        }
        let wrapped = self.keyring.ring(Purpose::Quarantine).wrap(owner(transfer, object), &key.dek)?;
        let mut rows = vec![KeyRow { id: *object.as_bytes(), purpose: Purpose::Quarantine, bytes: wrapped }];
        let subject = match self.row(transfer.as_bytes(), Purpose::Receipts)? {
            Some(row) => self.keyring.ring(Purpose::Receipts).unwrap(holder.owner(), &row)?,
            None => {
                let (subject, row) = self.new_subject_key(holder)?;
                rows.push(row);
                subject
            }
        };
        self.rows.put(rows).map_err(Fault::Rows)?;
        let writer = ObjectWriter::create(Arc::clone(&self.blobs), Arc::clone(&self.random), key, object_size_max)?;
        Ok(Intake { writer, subject: SubjectKey::new(subject, Arc::clone(&self.random)) })
    }

    /// Goes on with an interrupted upload from its last checkpoint. Where the blob may not grow any more, what verifies of
    /// it is sealed anew as the object `fresh`.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::NoKey`] if the upload is gone, [`Fault::Corrupt`] if blob or state do not verify,
    /// a fault of disk or store.
    pub fn resume(
        &self,
        transfer: Id<Transfer>,
        object: Id<Object>,
        state: &[u8],
        fresh: Id<Object>,
        object_size_max: u64,
    ) -> Result<Resumed, Fault> {
        assert!(fresh != object, "the fresh object has an id of its own");
        let key = self.quarantined_key(transfer, object)?;
        match resume::inspect(&self.blobs, &key, state)? {
            Found::Whole { cipher, file, state } => {
                let (blobs, random) = (Arc::clone(&self.blobs), Arc::clone(&self.random));
                let file = Arc::from(file);
                let writer = ObjectWriter::continue_at(blobs, random, key, cipher, file, state, object_size_max);
                Ok(Resumed { writer, moved: false })
            }
            Found::Torn(prefix) => {
                let mut writer = self.new_object(transfer, fresh, object_size_max)?.writer;
                prefix.replay(|plain| writer.write(plain))?;
                Ok(Resumed { writer, moved: true })
            }
        }
    }

    /// Seals what is durable of an unfinished object anew, at the end of another that is being received. Its plaintext goes
    /// nowhere else.
    ///
    /// # Errors
    /// As [`Broker::resume`], and what writing gives. [`Fault::Corrupt`] if fewer bytes verify than it is known to have: the
    /// other holds some of them then, and must not be gone on with.
    pub fn pour(&self, from: &Unfinished, into: &mut ObjectWriter) -> Result<(), Fault> {
        let key = self.quarantined_key(from.transfer, from.object)?;
        let before = into.received_bytes();
        let prefix = resume::inspect(&self.blobs, &key, &from.state)?.into_prefix();
        prefix.replay_until(from.received_bytes, |plain| into.write(plain))?;
        if into.received_bytes() - before == from.received_bytes { Ok(()) } else { Err(Fault::Corrupt) }
    }

    /// Goes back in an interrupted upload: its first `bytes_max` bytes are sealed anew as the object `fresh`, because what
    /// was sealed is never cut. Store `fresh` and a checkpoint with the upload, then [`Broker::discard`] the old object.
    ///
    /// # Errors
    /// As [`Broker::resume`].
    pub fn cut_back(
        &self,
        transfer: Id<Transfer>,
        object: Id<Object>,
        state: &[u8],
        fresh: Id<Object>,
        bytes_max: u64,
        object_size_max: u64,
    ) -> Result<ObjectWriter, Fault> {
        assert!(fresh != object, "the fresh object has an id of its own");
        let key = self.quarantined_key(transfer, object)?;
        let prefix = resume::inspect(&self.blobs, &key, state)?.into_prefix();
        let mut writer = self.new_object(transfer, fresh, object_size_max)?.writer;
        prefix.replay_until(bytes_max, |plain| writer.write(plain))?;
        Ok(writer)
    }

    /// A new object of a new transfer that begins with all bytes of a closed one, which stays as it is: its plaintext never
    /// leaves the vault. Only what still lies under quarantine can be gone on with.
    ///
    /// # Errors
    /// [`Fault::NoKey`] if the old one is not under quarantine; [`Fault::Corrupt`]; a fault of disk or store.
    pub fn continue_closed(
        &self,
        closed: (Id<Transfer>, Id<Object>),
        transfer: Id<Transfer>,
        object: Id<Object>,
        object_size_max: u64,
    ) -> Result<Intake, Fault> {
        let key = self.quarantined_key(closed.0, closed.1)?;
        let mut stream = ObjectReader::open(key, self.blobs.open_sealed(closed.1)?)?.stream();
        let mut intake = self.new_object(transfer, object, object_size_max)?;
        while let Some(plain) = stream.next()? {
            intake.writer.write(plain)?;
        }
        Ok(intake)
    }

    fn quarantined_key(&self, transfer: Id<Transfer>, object: Id<Object>) -> Result<ObjectKey, Fault> {
        let row = self.row(object.as_bytes(), Purpose::Quarantine)?.ok_or(Fault::NoKey)?;
        let ring = self.keyring.ring(Purpose::Quarantine);
        let dek = self.uses.open(&self.uses.resumptions, || ring.unwrap(owner(transfer, object), &row))?;
        Ok(ObjectKey { dek, gate: self.gate, transfer, object })
    }

    /// The object's plaintext, for the station or a recorded view. An object already released can be looked at again.
    ///
    /// # Errors
    /// [`Fault::NoKey`], [`Fault::Missing`], [`Fault::Corrupt`]; a fault of disk or store.
    pub fn open_for_inspection(&self, proof: &Inspecting) -> Result<ObjectReader, Fault> {
        let (transfer, object) = (proof.transfer(), proof.object());
        let (dek, _) = self.key_of(transfer, object, &self.uses.inspections)?;
        ObjectReader::open(ObjectKey { dek, gate: self.gate, transfer, object }, self.blobs.open_sealed(object)?)
    }

    /// Looks whether an object is whole, without giving out a byte of it: a key opens it, its blob begins with that key's
    /// commitment and ends in a chunk that authenticates.
    ///
    /// # Errors
    /// [`Fault::NoKey`], [`Fault::BadWrap`], [`Fault::Missing`], [`Fault::Corrupt`]; a fault of disk or store.
    pub fn check(&self, transfer: Id<Transfer>, object: Id<Object>, sha256: &[u8; 32]) -> Result<Checked, Fault> {
        let (dek, is_released) = self.key_of(transfer, object, &self.uses.checks)?;
        let key = ObjectKey { dek, gate: self.gate, transfer, object };
        let reader = ObjectReader::open(key, self.blobs.open_sealed(object)?)?;
        let content = reader.commit_content(sha256).commitment;
        Ok(Checked { size_bytes: reader.size_bytes(), content, is_released })
    }

    /// The key of an object, from under whichever purpose it lies, and whether that is the released one.
    fn key_of(&self, transfer: Id<Transfer>, object: Id<Object>, use_: &AtomicU64) -> Result<(Key, bool), Fault> {
        let (purpose, row) = match self.row(object.as_bytes(), Purpose::Quarantine)? {
            Some(row) => (Purpose::Quarantine, row),
            None => (Purpose::Released, self.row(object.as_bytes(), Purpose::Released)?.ok_or(Fault::NoKey)?),
        };
        let dek = self.uses.open(use_, || self.keyring.ring(purpose).unwrap(owner(transfer, object), &row))?;
        Ok((dek, purpose == Purpose::Released))
    }

    /// Whether the object's key lies under the released purpose.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn is_released(&self, object: Id<Object>) -> Result<bool, Fault> {
        Ok(self.row(object.as_bytes(), Purpose::Released)?.is_some())
    }

    /// Moves the object's key from quarantine to released, in one transaction. Idempotent.
    ///
    /// # Errors
    /// [`Fault::NoKey`] if the object has no key under either; a fault of the store.
    pub fn release(&self, proof: &Cleared) -> Result<(), Fault> {
        self.move_key(proof.transfer(), proof.object(), Purpose::Quarantine, Purpose::Released)
    }

    /// The reverse: what was released and is withheld cannot be delivered any more. Idempotent.
    ///
    /// # Errors
    /// As [`Broker::release`].
    pub fn withhold(&self, transfer: Id<Transfer>, object: Id<Object>) -> Result<(), Fault> {
        self.move_key(transfer, object, Purpose::Released, Purpose::Quarantine)
    }

    fn move_key(&self, transfer: Id<Transfer>, object: Id<Object>, from: Purpose, to: Purpose) -> Result<(), Fault> {
        let id = *object.as_bytes();
        let owner = owner(transfer, object);
        let _only_one = self.stripe(&id);
        let Some(row) = self.row(&id, from)? else {
            // Moved before; it must be this transfer's all the same.
            let row = self.row(&id, to)?.ok_or(Fault::NoKey)?;
            self.uses.open(&self.uses.rewraps, || self.keyring.ring(to).unwrap(owner, &row))?;
            return Ok(());
        };
        let dek = self.uses.open(&self.uses.rewraps, || self.keyring.ring(from).unwrap(owner, &row))?;
        let bytes = self.keyring.ring(to).wrap(owner, &dek)?;
        self.rows.replace(KeyRow { id, purpose: to, bytes }, from).map_err(Fault::Rows)
    }

    /// Destroys an object that nobody has: first its keys, then its blob, so that a crash between the two leaves only noise.
    /// With it goes the key of the particulars of a transfer that never arrived. Idempotent.
    ///
    /// # Errors
    /// A fault of disk or store; call again.
    pub fn discard(&self, proof: &Unclaimed) -> Result<(), Fault> {
        let object = proof.object();
        {
            let _only_one = self.stripe(object.as_bytes());
            self.rows.delete(object.as_bytes()).map_err(Fault::Rows)?;
            self.blobs.remove(object)?;
        }
        proof.never_arrived().map_or(Ok(()), |transfer| self.erase_subject_key(Holder::Transfer(transfer)))
    }

    /// The key of someone's particulars, made at the first call.
    ///
    /// # Errors
    /// A fault of the store, or [`Fault::BadWrap`].
    pub fn ensure_subject_key(&self, holder: Holder) -> Result<SubjectKey, Fault> {
        let _only_one = self.stripe(&holder.id());
        match self.subject_key(holder) {
            Err(Fault::NoKey) => {
                let (key, row) = self.new_subject_key(holder)?;
                self.rows.put(vec![row]).map_err(Fault::Rows)?;
                Ok(SubjectKey::new(key, Arc::clone(&self.random)))
            }
            found => found,
        }
    }

    /// The key of someone's particulars, if it was made and not erased.
    ///
    /// # Errors
    /// [`Fault::NoKey`]; a fault of the store.
    pub fn subject_key(&self, holder: Holder) -> Result<SubjectKey, Fault> {
        let row = self.row(&holder.id(), holder.purpose())?.ok_or(Fault::NoKey)?;
        let key = self.keyring.ring(holder.purpose()).unwrap(holder.owner(), &row)?;
        Ok(SubjectKey::new(key, Arc::clone(&self.random)))
    }

    /// Erases the key of someone's particulars: the fields are noise from then on, and so are the commitments.
    ///
    /// # Errors
    /// A fault of the store; call again.
    pub fn erase_subject_key(&self, holder: Holder) -> Result<(), Fault> {
        let _only_one = self.stripe(&holder.id());
        self.rows.delete(&holder.id()).map_err(Fault::Rows)
    }

    fn new_subject_key(&self, holder: Holder) -> Result<(Key, KeyRow), Fault> {
        let key = Key::generate(self.random.as_ref())?;
        let bytes = self.keyring.ring(holder.purpose()).wrap(holder.owner(), &key)?;
        Ok((key, KeyRow { id: holder.id(), purpose: holder.purpose(), bytes }))
    }

    fn row(&self, id: &[u8; 16], purpose: Purpose) -> Result<Option<Vec<u8>>, Fault> {
        self.rows.get(id, purpose).map_err(Fault::Rows)
    }

    fn stripe(&self, id: &[u8; 16]) -> MutexGuard<'_, ()> {
        let [.., last] = id;
        let index = usize::from(*last) % STRIPES;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the array's length")]
        self.stripes[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What delivery code holds: the released keys and nothing else.
#[derive(Clone)]
pub struct Delivery {
    gate: Id<Gate>,
    released: Arc<Ring>,
    rows: Arc<dyn KeyRows>,
    blobs: Arc<Blobs>,
    uses: Arc<Uses>,
}

impl Delivery {
    /// The released object's plaintext. Commitment, length and last chunk are verified before this returns.
    ///
    /// # Errors
    /// [`Fault::NoKey`] if it is not released, [`Fault::Corrupt`], or a fault of disk or store.
    pub fn open_for_delivery(&self, proof: &Cleared) -> Result<ObjectReader, Fault> {
        assert_eq!(self.released.purpose(), Purpose::Released, "delivery holds the released keys");
        let (transfer, object) = (proof.transfer(), proof.object());
        let row = self.rows.get(object.as_bytes(), Purpose::Released).map_err(Fault::Rows)?.ok_or(Fault::NoKey)?;
        let dek = self.uses.open(&self.uses.deliveries, || self.released.unwrap(owner(transfer, object), &row))?;
        ObjectReader::open(ObjectKey { dek, gate: self.gate, transfer, object }, self.blobs.open_sealed(object)?)
    }
}

fn owner(transfer: Id<Transfer>, object: Id<Object>) -> Owner {
    Owner { subject: *transfer.as_bytes(), object: Some(*object.as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::random::SystemSource;
    use crate::rows::MemoryRows;
    use crate::wrap::file::FileRoot;

    // EVIDENCE-OF: R-210
    // EVIDENCE-OF: R-406
    #[test]
    fn every_object_has_a_key_of_its_own_though_transfer_and_bytes_are_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let root =
            FileRoot::create_key_file(&RealDisk, &SystemSource::default(), &directory.path().join("root.key")).unwrap();
        let parts = Parts {
            gate: Id::from_bytes([1; 16]),
            roots: Roots::of(Arc::new(root)),
            rows: Arc::new(MemoryRows::default()),
            disk: Arc::new(RealDisk),
            random: Arc::new(SystemSource::default()),
        };
        let broker = Broker::create(parts, &directory.path().join("vault")).unwrap();
        let mut keys = std::collections::BTreeSet::new();
        for (transfer, object) in [(2, 3), (2, 4), (5, 6)] {
            let (transfer, object) = (Id::from_bytes([transfer; 16]), Id::from_bytes([object; 16]));
            let mut writer = broker.new_object(transfer, object, u64::MAX).unwrap().writer;
            writer.write(b"the same bytes").unwrap();
            writer.finish().unwrap();
            let (key, _) = broker.key_of(transfer, object, &broker.uses.checks).unwrap();
            keys.insert(*key.bytes());
        }
        assert_eq!(keys.len(), 3);
    }
}
