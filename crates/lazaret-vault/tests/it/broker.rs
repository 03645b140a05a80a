//! The broker: which key opens what, against which proof, and in which order things become durable.

use std::sync::Mutex;

use lazaret_core::digest::Digest;
use lazaret_vault::broker::Holder;
use lazaret_vault::rows::{KekRow, KeyRow, Purpose, RowsError};
use lazaret_vault::{Broker, Fault, RealDisk};

use crate::*;

fn store(broker: &Broker, of_transfer: u8, of_object: u8, bytes: &[u8]) {
    let mut writer = broker.new_object(transfer(of_transfer), object(of_object), NO_LIMIT).unwrap().writer;
    writer.write(bytes).unwrap();
    writer.finish().unwrap();
}

fn fault<T>(outcome: Result<T, Fault>) -> Fault {
    match outcome {
        Ok(_) => panic!("it passes"),
        Err(fault) => fault,
    }
}

// EVIDENCE-OF: R-210
#[test]
fn delivery_opens_an_object_only_between_release_and_withholding() {
    let world = World::new();
    let broker = world.create();
    let delivery = broker.delivery();
    store(&broker, 1, 2, b"content");
    let proof = cleared(1, 2);
    assert!(matches!(fault(delivery.open_for_delivery(&proof)), Fault::NoKey));
    broker.release(&proof).unwrap();
    broker.release(&proof).unwrap();
    assert!(world.rows.get(object(2).as_bytes(), Purpose::Quarantine).unwrap().is_none());
    let streamed = delivery.open_for_delivery(&proof).unwrap().stream().finish().unwrap();
    assert_eq!(streamed.sha256, *Digest::of(b"content").as_bytes());
    broker.withhold(transfer(1), object(2)).unwrap();
    broker.withhold(transfer(1), object(2)).unwrap();
    assert!(matches!(fault(delivery.open_for_delivery(&proof)), Fault::NoKey));
    let _looked_at = broker.open_for_inspection(&inspecting(1, 2)).unwrap();
    assert!(broker.counts().agree());
}

#[test]
fn release_of_an_object_without_a_key_is_an_error() {
    let broker = World::new().create();
    assert!(matches!(fault(broker.release(&cleared(1, 2))), Fault::NoKey));
}

#[test]
fn a_released_object_can_still_be_looked_at() {
    let world = World::new();
    let broker = world.create();
    store(&broker, 1, 2, b"content");
    broker.release(&cleared(1, 2)).unwrap();
    assert_eq!(broker.open_for_inspection(&inspecting(1, 2)).unwrap().size_bytes(), 7);
}

#[test]
fn an_object_is_looked_at_for_wholeness_without_a_proof_and_without_a_byte() {
    let world = World::new();
    let broker = world.create();
    store(&broker, 1, 2, b"content");
    let sha256 = *Digest::of(b"content").as_bytes();
    let checked = broker.check(transfer(1), object(2), &sha256).unwrap();
    assert_eq!((checked.size_bytes, checked.is_released), (7, false));
    broker.release(&cleared(1, 2)).unwrap();
    let released = broker.check(transfer(1), object(2), &sha256).unwrap();
    assert_eq!((released.content, released.is_released), (checked.content, true));
    assert_ne!(broker.check(transfer(1), object(2), &[0; 32]).unwrap().content, checked.content);
    assert!(matches!(fault(broker.check(transfer(3), object(2), &sha256)), Fault::BadWrap));
    assert!(matches!(fault(broker.check(transfer(1), object(4), &sha256)), Fault::NoKey));
    assert!(broker.counts().agree());
}

/// Every mixture of blob, row, transfer, object and purpose: only the right one opens.
// EVIDENCE-OF: R-017
// EVIDENCE-OF: R-018
#[test]
fn the_swap_matrix_opens_only_on_its_diagonal() {
    let world = World::new();
    let broker = world.create();
    store(&broker, 1, 1, b"one");
    store(&broker, 2, 2, b"two");
    broker.open_kek_epoch(Purpose::Quarantine).unwrap();
    store(&broker, 3, 3, b"three");
    let blob = |id| std::fs::read(blob_path(&world.blobs(), object(id))).unwrap();
    let row = |id| world.rows.get(object(id).as_bytes(), Purpose::Quarantine).unwrap().unwrap();
    let (blobs, rows) = ([blob(1), blob(2), blob(3)], [row(1), row(2), row(3)]);
    let names = [1_u8, 2, 3];
    for (b, blob) in names.into_iter().zip(&blobs) {
        for (r, row) in names.into_iter().zip(&rows) {
            for of_transfer in names {
                for of_object in names {
                    std::fs::write(blob_path(&world.blobs(), object(of_object)), blob).unwrap();
                    for purpose in [Purpose::Quarantine, Purpose::Released] {
                        world.rows.delete(object(of_object).as_bytes()).unwrap();
                        let put = KeyRow { id: *object(of_object).as_bytes(), purpose, bytes: row.clone() };
                        world.rows.put(vec![put]).unwrap();
                        let right = b == r && r == of_transfer && r == of_object && purpose == Purpose::Quarantine;
                        let opened = broker.open_for_inspection(&inspecting(of_transfer, of_object));
                        assert_eq!(opened.is_ok(), right, "blob {b}, row {r}, {of_transfer}/{of_object} {purpose:?}");
                        let delivered = broker.delivery().open_for_delivery(&cleared(of_transfer, of_object));
                        assert!(delivered.is_err(), "a quarantine wrap opens for delivery");
                    }
                }
            }
        }
    }
}

// EVIDENCE-OF: R-017
// EVIDENCE-OF: R-018
#[test]
fn a_row_of_another_epoch_gate_or_purpose_does_not_open() {
    let world = World::new();
    let broker = world.create();
    store(&broker, 1, 1, b"one");
    let id = *object(1).as_bytes();
    let row = world.rows.get(&id, Purpose::Quarantine).unwrap().unwrap();
    for position in 0..row.len() {
        for bit in 0..8 {
            let mut changed = row.clone();
            changed[position] ^= 1 << bit;
            world.rows.delete(&id).unwrap();
            world.rows.put(vec![KeyRow { id, purpose: Purpose::Quarantine, bytes: changed }]).unwrap();
            let opened = broker.open_for_inspection(&inspecting(1, 1));
            assert!(matches!(fault(opened), Fault::BadWrap), "byte {position} bit {bit}");
        }
    }
    let mut parts = world.parts(Arc::new(RealDisk));
    parts.gate = Id::from_bytes([0x11; 16]);
    assert!(matches!(fault(Broker::open(parts, &world.blobs())), Fault::WrongRoot));
}

#[test]
fn an_object_id_is_used_once() {
    let world = World::new();
    let broker = world.create();
    store(&broker, 1, 1, b"one");
    assert!(matches!(fault(broker.new_object(transfer(2), object(1), NO_LIMIT)), Fault::Exists));
    broker.release(&cleared(1, 1)).unwrap();
    assert!(matches!(fault(broker.new_object(transfer(2), object(1), NO_LIMIT)), Fault::Exists));
}

#[test]
fn a_keyring_that_was_lost_is_never_made_silently() {
    let world = World::new();
    let opened = Broker::open(world.parts(Arc::new(RealDisk)), &world.blobs());
    assert!(matches!(fault(opened), Fault::KeyringIncomplete));
    drop(world.create());
    drop(Broker::open(world.parts(Arc::new(RealDisk)), &world.blobs()).unwrap());
}

#[test]
fn objects_outlive_the_process_and_new_key_epochs() {
    let world = World::new();
    let broker = world.create();
    store(&broker, 1, 1, b"one");
    assert_eq!(broker.open_kek_epoch(Purpose::Quarantine).unwrap(), 2);
    assert_eq!(broker.open_kek_epoch(Purpose::Released).unwrap(), 2);
    store(&broker, 2, 2, b"two");
    drop(broker);
    let broker = Broker::open(world.parts(Arc::new(RealDisk)), &world.blobs()).unwrap();
    broker.release(&cleared(1, 1)).unwrap();
    assert_eq!(broker.delivery().open_for_delivery(&cleared(1, 1)).unwrap().size_bytes(), 3);
    assert_eq!(broker.open_for_inspection(&inspecting(2, 2)).unwrap().size_bytes(), 3);
}

#[test]
fn a_rotated_root_moves_key_encryption_keys_and_secrets() {
    let mut world = World::new();
    let broker = world.create();
    store(&broker, 1, 1, b"one");
    broker.secrets().seal_secret("ledger/1", b"signing key").unwrap();
    drop(broker);
    let path = world.directory.path().join("next.key");
    let next = Arc::new(FileRoot::create_key_file(&RealDisk, &SystemSource::default(), &path).unwrap());
    let old = FileRoot::open_key_file(&RealDisk, &world.directory.path().join("root.key")).unwrap();
    world.roots = Roots::of(Arc::clone(&next) as _);
    assert!(matches!(fault(Broker::open(world.parts(Arc::new(RealDisk)), &world.blobs())), Fault::WrongRoot));
    world.roots = Roots::rotating(Arc::clone(&next) as _, Arc::new(old));
    let broker = Broker::open(world.parts(Arc::new(RealDisk)), &world.blobs()).unwrap();
    assert_eq!(broker.secrets().open_secret("ledger/1").unwrap().as_slice(), b"signing key");
    drop(broker);
    world.roots = Roots::of(next);
    let broker = Broker::open(world.parts(Arc::new(RealDisk)), &world.blobs()).unwrap();
    assert_eq!(broker.secrets().open_secret("ledger/1").unwrap().as_slice(), b"signing key");
    assert_eq!(broker.open_for_inspection(&inspecting(1, 1)).unwrap().size_bytes(), 3);
}

#[test]
fn a_secret_opens_only_under_its_own_name() {
    let world = World::new();
    let secrets = world.create().secrets();
    secrets.seal_secret("ssh/host", b"private").unwrap();
    assert!(matches!(fault(secrets.open_secret("tls/server")), Fault::NoKey));
    let sealed = world.rows.secret("ssh/host").unwrap().unwrap();
    assert!(!sealed.windows(7).any(|window| window == b"private"));
    world.rows.put_secret("tls/server", sealed).unwrap();
    assert!(matches!(fault(secrets.open_secret("tls/server")), Fault::WrongRoot));
}

#[test]
fn particulars_open_only_with_their_holders_key_and_label() {
    let world = World::new();
    let broker = world.create();
    let intake = broker.new_object(transfer(1), object(1), NO_LIMIT).unwrap();
    let sealed = intake.subject.seal("name", b"report.pdf").unwrap();
    assert_ne!(sealed, intake.subject.seal("name", b"report.pdf").unwrap(), "a nonce repeats");
    let again = broker.subject_key(Holder::Transfer(transfer(1))).unwrap();
    assert_eq!(again.open("name", &sealed).unwrap().as_slice(), b"report.pdf");
    assert!(matches!(fault(again.open("note", &sealed)), Fault::Corrupt));
    let party = broker.ensure_subject_key(Holder::Party(Id::from_bytes([1; 16]))).unwrap();
    assert!(matches!(fault(party.open("name", &sealed)), Fault::Corrupt));
    for position in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[position] ^= 1;
        assert!(matches!(fault(again.open("name", &changed)), Fault::Corrupt));
        assert!(matches!(fault(again.open("name", &sealed[..position])), Fault::Corrupt));
    }
    let nonce = [5; 16];
    let bound = again.commit("name", &nonce, b"report.pdf");
    assert_eq!(bound.commitment, intake.subject.commit("name", &nonce, b"report.pdf").commitment);
    assert_ne!(bound.commitment, again.commit("name", &nonce, b"report.pdg").commitment);
    assert_ne!(bound.commitment, again.commit("name", &[6; 16], b"report.pdf").commitment);
    assert_ne!(bound.commitment, party.commit("name", &nonce, b"report.pdf").commitment);
}

#[test]
fn a_holders_key_is_made_once_and_not_again_after_erasure() {
    let world = World::new();
    let broker = world.create();
    let holder = Holder::Person(Id::from_bytes([7; 16]));
    assert!(matches!(fault(broker.subject_key(holder)), Fault::NoKey));
    let sealed = broker.ensure_subject_key(holder).unwrap().seal("mail", b"a@example.org").unwrap();
    assert!(broker.ensure_subject_key(holder).unwrap().open("mail", &sealed).is_ok());
    broker.erase_subject_key(holder).unwrap();
    broker.erase_subject_key(holder).unwrap();
    assert!(matches!(fault(broker.subject_key(holder)), Fault::NoKey));
    assert!(matches!(fault(broker.ensure_subject_key(holder).unwrap().open("mail", &sealed)), Fault::Corrupt));
}

/// Rows that note what was on disk when they were put, or fail on demand.
struct WatchedRows {
    inner: MemoryRows,
    partial: std::path::PathBuf,
    files_at_put: Mutex<Vec<usize>>,
    broken: std::sync::atomic::AtomicBool,
}

impl KeyRows for WatchedRows {
    fn put(&self, rows: Vec<KeyRow>) -> Result<(), RowsError> {
        if self.broken.load(std::sync::atomic::Ordering::Relaxed) {
            return Err("out of order".into());
        }
        let files = std::fs::read_dir(&self.partial).map_or(0, Iterator::count);
        self.files_at_put.lock().unwrap().push(files);
        self.inner.put(rows)
    }
    fn get(&self, id: &[u8; 16], purpose: Purpose) -> Result<Option<Vec<u8>>, RowsError> {
        self.inner.get(id, purpose)
    }
    fn replace(&self, row: KeyRow, gone: Purpose) -> Result<(), RowsError> {
        self.inner.replace(row, gone)
    }
    fn delete(&self, id: &[u8; 16]) -> Result<(), RowsError> {
        self.inner.delete(id)
    }
    fn keks(&self) -> Result<Vec<KekRow>, RowsError> {
        self.inner.keks()
    }
    fn put_kek(&self, row: KekRow) -> Result<(), RowsError> {
        self.inner.put_kek(row)
    }
    fn put_secret(&self, name: &str, bytes: Vec<u8>) -> Result<(), RowsError> {
        self.inner.put_secret(name, bytes)
    }
    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, RowsError> {
        self.inner.secret(name)
    }
}

#[test]
fn the_key_is_in_the_keyring_before_the_blob_exists() {
    let mut world = World::new();
    let rows = Arc::new(WatchedRows {
        inner: MemoryRows::default(),
        partial: world.blobs().join("partial"),
        files_at_put: Mutex::default(),
        broken: false.into(),
    });
    world.rows = Arc::clone(&rows) as _;
    let broker = world.create();
    let writer = broker.new_object(transfer(1), object(1), NO_LIMIT).unwrap().writer;
    assert_eq!(*rows.files_at_put.lock().unwrap(), [0]);
    assert_eq!(rows.inner.len(), 2, "the object's key and its transfer's, in one transaction");
    drop(writer);
    rows.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(fault(broker.new_object(transfer(2), object(2), NO_LIMIT)), Fault::Rows(_)));
    assert_eq!(std::fs::read_dir(&rows.partial).unwrap().count(), 1, "no key, no blob");
}
