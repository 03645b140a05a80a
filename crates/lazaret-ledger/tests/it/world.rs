//! A small gate: a ledger with transfers among other entries, its signer, two witnesses, and receipts cut from it.

use lazaret_ledger::checkpoint::{Checkpoint, Signer};
use lazaret_ledger::commitment::commit;
use lazaret_ledger::cosignature::Cosigner;
use lazaret_ledger::entry::{Envelope, encode};
use lazaret_ledger::note::Note;
use lazaret_ledger::receipt::{Disclosure, Placed, Receipt};
use lazaret_ledger::tree::{Hash, LeafHashes, inclusion_proof, leaf_hash, root};
use minicbor::Encoder;
use sha2::{Digest as _, Sha256};

pub(crate) const ORIGIN: &str = "hospital.example/log";
pub(crate) const FILE: &[u8] = b"Lazaret test object\n";
pub(crate) const TRANSFER: [u8; 16] = [0x20; 16];
pub(crate) const OBJECT: [u8; 16] = [0x30; 16];
pub(crate) const MANIFEST_NONCE: [u8; 16] = [0x41; 16];
pub(crate) const REASON_NONCE: [u8; 16] = [0x42; 16];

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A key that belongs to one commitment; how a gate derives it is not the verifier's affair.
pub(crate) fn k_c(label: &str) -> [u8; 32] {
    sha256(label.as_bytes())
}

/// What the sender said: a name, a size, a digest that was announced, no media type.
pub(crate) fn manifest() -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.map(5).unwrap().u8(0).unwrap().str("scan.dcm").unwrap();
    e.u8(1).unwrap().u64(FILE.len().try_into().unwrap()).unwrap();
    e.u8(2).unwrap().bytes(&sha256(FILE)).unwrap();
    e.u8(4).unwrap().bytes(&sha256(FILE)).unwrap();
    e.u8(5).unwrap().bytes(&MANIFEST_NONCE).unwrap();
    e.into_writer()
}

/// A voter's words, without a passkey.
pub(crate) fn reason() -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.map(2).unwrap().u8(0).unwrap().bytes(&REASON_NONCE).unwrap();
    e.u8(1).unwrap().str("checked with the maker").unwrap();
    e.into_writer()
}

/// A fact from keys and byte strings or numbers.
pub(crate) enum Value<'v> {
    Number(u64),
    Bytes(&'v [u8]),
    Null,
    Array(&'v [&'v [u8]]),
}

pub(crate) fn fact(values: &[(u64, Value<'_>)]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.map(values.len().try_into().unwrap()).unwrap();
    for (key, value) in values {
        e.u64(*key).unwrap();
        match value {
            Value::Number(number) => e.u64(*number).unwrap(),
            Value::Bytes(bytes) => e.bytes(bytes).unwrap(),
            Value::Null => e.null().unwrap(),
            Value::Array(items) => {
                e.array(items.len().try_into().unwrap()).unwrap();
                items.iter().fold(&mut e, |e, item| e.bytes(item).unwrap())
            }
        };
    }
    e.into_writer()
}

/// The ledger of one epoch.
pub(crate) struct World {
    pub(crate) signer: Signer,
    pub(crate) witnesses: [Cosigner; 2],
    pub(crate) entries: Vec<Vec<u8>>,
    /// Positions of the entries about the transfer.
    pub(crate) transfer: Vec<u64>,
    epoch: u64,
    seq: u64,
    prev: Option<(u64, u64)>,
    t: u64,
}

impl World {
    /// An epoch's empty ledger.
    pub(crate) fn empty(origin: &str, epoch: u64) -> World {
        World {
            signer: Signer::from_seed(&[1; 32], origin).unwrap(),
            witnesses: [2, 3].map(|n| Cosigner::from_seed(&[n; 32], &format!("witness{n}.example")).unwrap()),
            entries: Vec::new(),
            transfer: Vec::new(),
            epoch,
            seq: 0,
            prev: None,
            t: 1_767_225_600_000,
        }
    }

    /// One transfer from arrival to delivery, with other entries before, between and behind.
    pub(crate) fn new() -> World {
        let mut world = World::empty(ORIGIN, 1);
        let content = commit(&k_c("content"), &sha256(FILE));
        let manifest = commit(&k_c("manifest"), &manifest());
        let reason = commit(&k_c("reason"), &reason());
        use Value::{Bytes, Number};
        world.noise(3);
        world.about_transfer(
            "transfer_arrived.v1",
            &[(0, Bytes(&TRANSFER)), (1, Bytes(&OBJECT)), (2, Number(0)), (8, Bytes(&content)), (9, Bytes(&manifest))],
        );
        world.noise(2);
        world.about_transfer("transfer_inspected.v1", &[(0, Bytes(&TRANSFER)), (1, Bytes(&content))]);
        world.about_transfer("approved.v1", &[(0, Bytes(&[0x60; 16])), (6, Bytes(&reason))]);
        world.noise(1);
        world.about_transfer(
            "transfer_released.v1",
            &[(0, Bytes(&TRANSFER)), (1, Bytes(&OBJECT)), (2, Bytes(&content))],
        );
        world.about_transfer("transfer_delivered.v1", &[(0, Bytes(&TRANSFER)), (3, Bytes(&content))]);
        world.noise(4);
        world
    }

    pub(crate) fn size(&self) -> u64 {
        self.entries.len().try_into().unwrap()
    }

    fn noise(&mut self, count: u8) {
        for number in 0..count {
            let subject = sha256(&[number, self.entries.len().try_into().unwrap()])[..16].try_into().unwrap();
            let (kind, t, actor) = ("canary_round_run.v1".to_owned(), self.t, [0x51; 16]);
            let envelope = Envelope { kind, t, actor, subject, seq: 0, prev: None };
            self.entries.push(encode(&envelope, &fact(&[(0, Value::Number(number.into()))])));
        }
    }

    pub(crate) fn about_transfer(&mut self, kind: &str, values: &[(u64, Value<'_>)]) {
        self.append(kind, TRANSFER, 1_000, &fact(values));
    }

    /// Appends an entry that follows the last one about the transfer, `later` milliseconds after it.
    pub(crate) fn append(&mut self, kind: &str, subject: [u8; 16], later: u64, fact: &[u8]) {
        self.t += later;
        let (kind, t, actor) = (kind.to_owned(), self.t, [0x50; 16]);
        let envelope = Envelope { kind, t, actor, subject, seq: self.seq, prev: self.prev };
        self.append_as(&envelope, fact);
    }

    /// Appends an entry with whatever envelope, as a gate never would.
    pub(crate) fn append_as(&mut self, envelope: &Envelope, fact: &[u8]) {
        let index = self.size();
        self.transfer.push(index);
        self.entries.push(encode(envelope, fact));
        (self.seq, self.prev) = (envelope.seq + 1, Some((self.epoch, index)));
    }

    /// Lets the ledger begin in the middle of the transfer's story.
    pub(crate) fn continue_from(&mut self, seq: u64, prev: (u64, u64)) {
        (self.seq, self.prev) = (seq, Some(prev));
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(self.signer.verifier_key().name(), self.size(), root(&self.leaves()))
    }

    /// The newest checkpoint, signed by the log and both witnesses.
    pub(crate) fn note(&self) -> Note {
        let checkpoint = self.checkpoint();
        let lines = self.witnesses.each_ref().map(|witness| witness.cosign(&checkpoint, 1_767_225_700));
        self.signer.sign(&checkpoint).unwrap().with(lines).unwrap()
    }

    pub(crate) fn placed(&self, index: u64) -> Placed {
        let proof = inclusion_proof(&mut LeafHashes(&self.leaves()), index, self.size()).unwrap();
        Placed { index, entry: self.entries[usize::try_from(index).unwrap()].clone(), proof }
    }

    /// The receipt that the hospital itself gets: everything disclosed.
    pub(crate) fn receipt(&self) -> Receipt {
        let mut placed: Vec<Placed> = self.transfer.iter().map(|index| self.placed(*index)).collect();
        let latest = placed.pop().unwrap();
        let disclosure = |label: &str, nonce, value: &[u8]| Disclosure {
            label: label.into(),
            nonce,
            k_c: k_c(label),
            value: value.into(),
        };
        let disclosures = vec![
            disclosure("content", OBJECT, &sha256(FILE)),
            disclosure("manifest", MANIFEST_NONCE, &manifest()),
            disclosure("reason", REASON_NONCE, &reason()),
        ];
        Receipt { latest, earlier: placed, disclosures, checkpoint: self.note() }
    }

    /// A receipt without disclosures, for ledgers that hold other facts.
    pub(crate) fn bare_receipt(&self) -> Receipt {
        Receipt { disclosures: Vec::new(), ..self.receipt() }
    }

    /// Trusts this log and asks for both witnesses.
    pub(crate) fn policy(&self) -> String {
        let [first, second] = self.witnesses.each_ref().map(Cosigner::verifier_key);
        let log = self.signer.verifier_key();
        format!("log {log}\nwitness w1 {first}\nwitness w2 {second}\ngroup both all w1 w2\nquorum both\n")
    }
}
