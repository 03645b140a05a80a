//! Key-encryption keys (L1) and the wraps under them (L2). Only the broker names this module.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use lazaret_core::id::{Gate, Id};
use minicbor::{Decoder, Encoder};

use crate::fault::Fault;
use crate::key::{ALG_AES_256_GCM, Aead, KEY_BYTES, Key, NONCE_BYTES, TAG_BYTES};
use crate::random::Random;
use crate::rows::{KekRow, KeyRows};
use crate::wrap::Roots;

/// What a key-encryption key is for (`assurance.md` section 2.1). A wrap opens under its own purpose only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Objects that are not released: 1.
    Quarantine,
    /// Objects that may be delivered: 2.
    Released,
    /// Particulars of parties, persons and incidents: 3.
    Fields,
    /// Particulars of transfers: 4.
    Receipts,
    /// Backups: 5.
    Backup,
}

impl Purpose {
    /// All of them, in the order of their codes.
    pub const ALL: [Purpose; 5] =
        [Purpose::Quarantine, Purpose::Released, Purpose::Fields, Purpose::Receipts, Purpose::Backup];

    /// The number in wraps and rows.
    pub const fn code(self) -> u8 {
        match self {
            Purpose::Quarantine => 1,
            Purpose::Released => 2,
            Purpose::Fields => 3,
            Purpose::Receipts => 4,
            Purpose::Backup => 5,
        }
    }

    /// The purpose with this number.
    pub fn from_code(code: u8) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.code() == code)
    }
}

/// What a wrapped key belongs to: a subject and, for an object's key, the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) subject: [u8; 16],
    pub(crate) object: Option<[u8; 16]>,
}

/// The key-encryption keys of one purpose, all epochs: what one handle may know.
pub(crate) struct Ring {
    gate: Id<Gate>,
    purpose: Purpose,
    keks: RwLock<BTreeMap<u64, Arc<Aead>>>,
    random: Arc<dyn Random>,
    unwraps: AtomicU64,
}

const ROW_VERSION: u8 = 1;

impl Ring {
    fn new(gate: Id<Gate>, purpose: Purpose, random: Arc<dyn Random>) -> Ring {
        Ring { gate, purpose, keks: RwLock::default(), random, unwraps: AtomicU64::new(0) }
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Keys opened so far.
    pub(crate) fn unwraps(&self) -> u64 {
        self.unwraps.load(Ordering::Relaxed)
    }

    fn learn(&self, epoch: u64, kek: &Key) {
        self.keks.write().unwrap_or_else(PoisonError::into_inner).insert(epoch, Arc::new(kek.aead()));
    }

    fn newest(&self) -> Option<(u64, Arc<Aead>)> {
        let keks = self.keks.read().unwrap_or_else(PoisonError::into_inner);
        keks.last_key_value().map(|(epoch, kek)| (*epoch, Arc::clone(kek)))
    }

    fn kek(&self, epoch: u64) -> Option<Arc<Aead>> {
        self.keks.read().unwrap_or_else(PoisonError::into_inner).get(&epoch).cloned()
    }

    /// A row with this key, wrapped under the newest epoch.
    pub(crate) fn wrap(&self, owner: Owner, key: &Key) -> Result<Vec<u8>, Fault> {
        let (epoch, kek) = self.newest().ok_or(Fault::KeyringIncomplete)?;
        let aad = wrap_aad(self.gate, owner, self.purpose, epoch);
        let sealed = kek.seal(self.random.as_ref(), &aad, key.bytes())?;
        assert_eq!(sealed.len(), NONCE_BYTES + KEY_BYTES + TAG_BYTES, "a wrap has one length");
        Ok(encode_row(owner, self.purpose, epoch, &sealed))
    }

    /// The key in a row that must belong to `owner` and this purpose.
    pub(crate) fn unwrap(&self, owner: Owner, row: &[u8]) -> Result<Key, Fault> {
        let found = decode_row(row).ok_or(Fault::BadWrap)?;
        if found.owner != owner || found.purpose != self.purpose {
            return Err(Fault::BadWrap);
        }
        let kek = self.kek(found.epoch).ok_or(Fault::BadWrap)?;
        let aad = wrap_aad(self.gate, owner, self.purpose, found.epoch);
        let key = kek.open(&aad, found.sealed).map_err(|_| Fault::BadWrap)?;
        self.unwraps.fetch_add(1, Ordering::Relaxed);
        Key::from_slice(&key)
    }
}

/// The additional data of a wrap: deterministic CBOR (RFC 8949 section 4.2.1) of
/// `["lazaret/wrap/v1", alg, gate, subject, object|null, purpose, epoch]`.
#[expect(clippy::expect_used, reason = "encoding into a Vec cannot fail")]
fn wrap_aad(gate: Id<Gate>, owner: Owner, purpose: Purpose, epoch: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    let mut e = Encoder::new(&mut out);
    e.array(7)
        .and_then(|e| e.str("lazaret/wrap/v1"))
        .and_then(|e| e.u8(ALG_AES_256_GCM))
        .and_then(|e| e.bytes(gate.as_bytes()))
        .and_then(|e| e.bytes(&owner.subject))
        .and_then(|e| optional_bytes(e, owner.object.as_ref()))
        .and_then(|e| e.u8(purpose.code()))
        .and_then(|e| e.u64(epoch))
        .expect("a Vec takes all bytes");
    out
}

type Encoded<'a, 'b> = Result<&'a mut Encoder<&'b mut Vec<u8>>, minicbor::encode::Error<std::convert::Infallible>>;

fn optional_bytes<'a, 'b>(e: &'a mut Encoder<&'b mut Vec<u8>>, bytes: Option<&[u8; 16]>) -> Encoded<'a, 'b> {
    match bytes {
        Some(bytes) => e.bytes(bytes),
        None => e.null(),
    }
}

struct Row<'a> {
    owner: Owner,
    purpose: Purpose,
    epoch: u64,
    sealed: &'a [u8],
}

#[expect(clippy::expect_used, reason = "encoding into a Vec cannot fail")]
fn encode_row(owner: Owner, purpose: Purpose, epoch: u64, sealed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    let mut e = Encoder::new(&mut out);
    e.array(7)
        .and_then(|e| e.u8(ROW_VERSION))
        .and_then(|e| e.u8(ALG_AES_256_GCM))
        .and_then(|e| e.bytes(&owner.subject))
        .and_then(|e| optional_bytes(e, owner.object.as_ref()))
        .and_then(|e| e.u8(purpose.code()))
        .and_then(|e| e.u64(epoch))
        .and_then(|e| e.bytes(sealed))
        .expect("a Vec takes all bytes");
    out
}

fn decode_row(row: &[u8]) -> Option<Row<'_>> {
    let mut d = Decoder::new(row);
    let head = d.array().ok()? == Some(7) && d.u8().ok()? == ROW_VERSION && d.u8().ok()? == ALG_AES_256_GCM;
    if !head {
        return None;
    }
    let subject = d.bytes().ok()?.try_into().ok()?;
    let object = if d.datatype().ok()? == minicbor::data::Type::Null {
        d.null().ok()?;
        None
    } else {
        Some(d.bytes().ok()?.try_into().ok()?)
    };
    let purpose = Purpose::from_code(d.u8().ok()?)?;
    let epoch = d.u64().ok()?;
    let sealed = d.bytes().ok()?;
    (d.position() == row.len()).then_some(Row { owner: Owner { subject, object }, purpose, epoch, sealed })
}

/// All rings of a gate, and the root that seals their keys.
pub(crate) struct Keyring {
    gate: Id<Gate>,
    roots: Roots,
    random: Arc<dyn Random>,
    rows: Arc<dyn KeyRows>,
    rings: BTreeMap<Purpose, Arc<Ring>>,
}

impl Keyring {
    /// Opens the keyring of a gate that has one.
    pub(crate) fn open(
        gate: Id<Gate>,
        roots: Roots,
        random: Arc<dyn Random>,
        rows: Arc<dyn KeyRows>,
    ) -> Result<Keyring, Fault> {
        let keyring = Keyring::load(gate, roots, random, rows)?;
        if keyring.rings.values().any(|ring| ring.newest().is_none()) {
            return Err(Fault::KeyringIncomplete);
        }
        Ok(keyring)
    }

    /// Makes the keyring of a new gate; finishes one whose making was interrupted.
    pub(crate) fn create(
        gate: Id<Gate>,
        roots: Roots,
        random: Arc<dyn Random>,
        rows: Arc<dyn KeyRows>,
    ) -> Result<Keyring, Fault> {
        let keyring = Keyring::load(gate, roots, random, rows)?;
        for purpose in Purpose::ALL {
            if keyring.ring(purpose).newest().is_none() {
                keyring.open_epoch(purpose)?;
            }
        }
        Ok(keyring)
    }

    fn load(gate: Id<Gate>, roots: Roots, random: Arc<dyn Random>, rows: Arc<dyn KeyRows>) -> Result<Keyring, Fault> {
        let ring = |purpose| (purpose, Arc::new(Ring::new(gate, purpose, Arc::clone(&random))));
        let rings: BTreeMap<_, _> = Purpose::ALL.into_iter().map(ring).collect();
        let keyring = Keyring { gate, roots, random, rows, rings };
        for row in keyring.rows.keks().map_err(Fault::Rows)? {
            let (by, kek) = keyring.roots.open(&kek_aad(gate, row.purpose, row.epoch), &row.bytes)?;
            let kek = Key::from_slice(&kek)?;
            if !by.is_current() {
                // The root was rotated: this key moves to the new one, and the old one is needed once less.
                keyring.put_kek(row.purpose, row.epoch, &kek)?;
            }
            keyring.ring(row.purpose).learn(row.epoch, &kek);
        }
        Ok(keyring)
    }

    #[expect(clippy::expect_used, reason = "the map is made with every purpose and never changed")]
    pub(crate) fn ring(&self, purpose: Purpose) -> &Arc<Ring> {
        self.rings.get(&purpose).expect("every purpose has its ring")
    }

    /// Makes the next key of a purpose; new wraps use it from now on.
    pub(crate) fn open_epoch(&self, purpose: Purpose) -> Result<u64, Fault> {
        let ring = self.ring(purpose);
        let epoch = ring.newest().map_or(1, |(epoch, _)| epoch + 1);
        let kek = Key::generate(self.random.as_ref())?;
        self.put_kek(purpose, epoch, &kek)?;
        ring.learn(epoch, &kek);
        Ok(epoch)
    }

    fn put_kek(&self, purpose: Purpose, epoch: u64, kek: &Key) -> Result<(), Fault> {
        let bytes = self.roots.seal(self.random.as_ref(), &kek_aad(self.gate, purpose, epoch), kek.bytes())?;
        self.rows.put_kek(KekRow { purpose, epoch, bytes }).map_err(Fault::Rows)
    }

    pub(crate) fn roots(&self) -> &Roots {
        &self.roots
    }
}

#[expect(clippy::expect_used, reason = "encoding into a Vec cannot fail")]
fn kek_aad(gate: Id<Gate>, purpose: Purpose, epoch: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    Encoder::new(&mut out)
        .array(4)
        .and_then(|e| e.str("lazaret/kek/v1"))
        .and_then(|e| e.bytes(gate.as_bytes()))
        .and_then(|e| e.u8(purpose.code()))
        .and_then(|e| e.u64(epoch))
        .expect("a Vec takes all bytes");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::hex;

    #[test]
    fn the_wrap_vector_of_the_design_holds() {
        let owner = Owner { subject: [0x20; 16], object: Some([0x30; 16]) };
        let aad = wrap_aad(Id::from_bytes([0x10; 16]), owner, Purpose::Quarantine, 1);
        let kek = Aead::new(&[0x0f; 32]);
        let dek: Vec<u8> = (0..32).collect();
        let sealed = kek.seal_with([0x0e; 12], &aad, &dek);
        assert_eq!(
            hex(&sealed[12..]),
            "65e49ff6390b0586a6458e57b14fd408f66537ad940d3c41cf359e03765a335c85a5d6292e6f97883428abc091dd854f"
        );
    }

    // EVIDENCE-OF: R-017
    #[test]
    fn a_row_that_is_cut_or_lengthened_is_malformed() {
        let owner = Owner { subject: [1; 16], object: None };
        let row = encode_row(owner, Purpose::Fields, 7, &[9; 60]);
        assert!(decode_row(&row).is_some());
        for end in 0..row.len() {
            assert!(decode_row(&row[..end]).is_none(), "cut at {end}");
        }
        assert!(decode_row(&[row.as_slice(), &[0]].concat()).is_none());
    }
}
