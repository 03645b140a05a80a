//! The receipt: one file that shows what a gate recorded about one transfer, and that a stranger can check without the gate.
//!
//! It is a [`Proof`] of the transfer's latest entry. The proof's `extra` line holds what the standard leaves to the
//! application, as deterministic CBOR ([`crate::cbor`]):
//!
//! ```text
//! { 0: 1,
//!   1: entry,                                    the latest entry, as a byte string
//!   2: [[index, entry, [hash, ...]], ...],       the transfer's earlier entries, oldest first, proved in the same tree
//!   3: [[label, nonce, k_c, value], ...] }       what of the commitments in them this reader may see
//! ```
//!
//! Reading a receipt proves nothing; [`crate::verify::verify`] does. `docs/book/receipt-format.md` says all of it in words.

use crate::cbor::{NotDeterministic, Reader, Writer, length};
use crate::entry::ENTRY_BYTES_MAX;
use crate::note::Note;
use crate::proof::{NotAProof, PROOF_BYTES_MAX, Proof};
use crate::tree::{Hash, PROOF_HASHES_MAX};

/// The longest receipt, in bytes.
pub const RECEIPT_BYTES_MAX: usize = PROOF_BYTES_MAX;
/// The longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 64;
/// The version of the extra data that this module reads and writes.
pub const VERSION: u64 = 1;

/// A receipt, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The latest entry about the subject.
    pub latest: Placed,
    /// Those before it in the same epoch, oldest first.
    pub earlier: Vec<Placed>,
    /// Commitments that are opened here.
    pub disclosures: Vec<Disclosure>,
    /// The checkpoint that all the proofs lead to.
    pub checkpoint: Note,
}

/// An entry with its place in the tree and the hashes that should prove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Where in the log, from 0.
    pub index: u64,
    /// The entry's bytes; at most [`ENTRY_BYTES_MAX`].
    pub entry: Vec<u8>,
    /// The inclusion proof (RFC 6962 section 2.1.1).
    pub proof: Vec<Hash>,
}

/// What opens one commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// What the value is, `content` or `manifest`: 1 to [`LABEL_BYTES_MAX`] of lower-case letters, digits and `_-./`.
    pub label: String,
    /// What made `k_c` this commitment's own. It must be a byte string of a shown fact (as the object's id is for `content`)
    /// or stand somewhere in `value`, so that nobody can change it unseen.
    pub nonce: [u8; 16],
    /// The commitment's key.
    pub k_c: [u8; 32],
    /// What was committed to; for `content` the plaintext's SHA-256.
    pub value: Vec<u8>,
}

/// Why bytes are not a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAReceipt {
    /// Not a `c2sp.org/tlog-proof@v1`.
    Proof(NotAProof),
    /// The proof has no extra data: a proof of something else, or one that was cut.
    NoExtra,
    /// The extra data are not the deterministic CBOR of a receipt.
    Extra(NotDeterministic),
    /// The extra data have another version than [`VERSION`].
    Version(u64),
    /// An entry is longer than [`ENTRY_BYTES_MAX`].
    EntryTooLong,
    /// An inclusion proof has more hashes than any tree has levels.
    ProofTooLong,
    /// A label that is empty, too long or holds another character than it may.
    Label,
}

impl std::fmt::Display for NotAReceipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotAReceipt::Proof(error) => write!(f, "{error}"),
            NotAReceipt::NoExtra => f.write_str("it is a log proof without the entries that make it a receipt"),
            NotAReceipt::Extra(error) => write!(f, "its extra data cannot be read: {error}"),
            NotAReceipt::Version(version) => write!(f, "it has version {version}, this program reads {VERSION}"),
            NotAReceipt::EntryTooLong => write!(f, "it holds an entry of more than {ENTRY_BYTES_MAX} bytes"),
            NotAReceipt::ProofTooLong => write!(f, "it holds a proof of more than {PROOF_HASHES_MAX} hashes"),
            NotAReceipt::Label => f.write_str("it discloses something under a label that is none"),
        }
    }
}

impl std::error::Error for NotAReceipt {}

impl From<NotAProof> for NotAReceipt {
    fn from(error: NotAProof) -> NotAReceipt {
        NotAReceipt::Proof(error)
    }
}

impl From<NotDeterministic> for NotAReceipt {
    fn from(error: NotDeterministic) -> NotAReceipt {
        NotAReceipt::Extra(error)
    }
}

impl Receipt {
    /// Reads a receipt. What is accepted is its one spelling: [`Receipt::to_bytes`] gives `bytes` again.
    ///
    /// # Errors
    /// The first way in which the bytes are not a receipt.
    pub fn parse(bytes: &[u8]) -> Result<Receipt, NotAReceipt> {
        let Proof { extra, index, hashes, checkpoint } = Proof::parse(bytes)?;
        if extra.is_empty() {
            return Err(NotAReceipt::NoExtra);
        }
        let mut reader = Reader::new(&extra);
        if reader.map()? != 4 {
            return Err(NotDeterministic::Unexpected.into());
        }
        reader.exactly(0)?;
        let version = reader.uint()?;
        if version != VERSION {
            return Err(NotAReceipt::Version(version));
        }
        reader.exactly(1)?;
        let latest = Placed { index, entry: read_entry(&mut reader)?, proof: hashes };
        reader.exactly(2)?;
        let earlier = read_list(&mut reader, Placed::read)?;
        reader.exactly(3)?;
        let disclosures = read_list(&mut reader, Disclosure::read)?;
        reader.end()?;
        Ok(Receipt { latest, earlier, disclosures, checkpoint })
    }

    /// The receipt's file.
    ///
    /// # Errors
    /// A part is longer than it may be, or a label is none: what [`Receipt::parse`] would say.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NotAReceipt> {
        let mut extra = Writer::default();
        extra.map(4).uint(0).uint(VERSION);
        extra.uint(1).bytes(&self.latest.entry);
        extra.uint(2).array(length(&self.earlier));
        self.earlier.iter().for_each(|placed| placed.write(&mut extra));
        extra.uint(3).array(length(&self.disclosures));
        self.disclosures.iter().for_each(|disclosure| disclosure.write(&mut extra));
        let Placed { index, proof, .. } = &self.latest;
        let checkpoint = self.checkpoint.clone();
        let bytes = Proof { extra: extra.finish(), index: *index, hashes: proof.clone(), checkpoint }.to_bytes();
        let read = Receipt::parse(&bytes)?;
        assert!(read == *self, "a receipt that was written reads back as itself");
        Ok(bytes)
    }
}

impl Placed {
    fn read(reader: &mut Reader<'_>) -> Result<Placed, NotAReceipt> {
        expect_array(reader, 3)?;
        let (index, entry) = (reader.uint()?, read_entry(reader)?);
        let proof = read_list(reader, |reader| Ok(reader.bytes_of()?))?;
        if proof.len() > PROOF_HASHES_MAX {
            return Err(NotAReceipt::ProofTooLong);
        }
        Ok(Placed { index, entry, proof })
    }

    fn write(&self, out: &mut Writer) {
        out.array(3).uint(self.index).bytes(&self.entry).array(length(&self.proof));
        for hash in &self.proof {
            out.bytes(hash);
        }
    }
}

impl Disclosure {
    fn read(reader: &mut Reader<'_>) -> Result<Disclosure, NotAReceipt> {
        expect_array(reader, 4)?;
        let label = reader.text()?;
        if !is_label(label) {
            return Err(NotAReceipt::Label);
        }
        let (nonce, k_c) = (reader.bytes_of()?, reader.bytes_of()?);
        Ok(Disclosure { label: label.to_owned(), nonce, k_c, value: reader.bytes()?.to_vec() })
    }

    fn write(&self, out: &mut Writer) {
        out.array(4).text(&self.label).bytes(&self.nonce).bytes(&self.k_c).bytes(&self.value);
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-./".contains(&byte);
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(allowed)
}

fn read_entry(reader: &mut Reader<'_>) -> Result<Vec<u8>, NotAReceipt> {
    let entry = reader.bytes()?;
    if entry.len() > ENTRY_BYTES_MAX { Err(NotAReceipt::EntryTooLong) } else { Ok(entry.to_vec()) }
}

fn expect_array(reader: &mut Reader<'_>, values: u64) -> Result<(), NotAReceipt> {
    if reader.array()? == values { Ok(()) } else { Err(NotDeterministic::Unexpected.into()) }
}

/// Reads as many values as the array claims. Each takes at least a byte, so a false claim ends with the bytes.
fn read_list<'b, T>(
    reader: &mut Reader<'b>,
    read: impl Fn(&mut Reader<'b>) -> Result<T, NotAReceipt>,
) -> Result<Vec<T>, NotAReceipt> {
    let mut items = Vec::new();
    for _ in 0..reader.array()? {
        items.push(read(reader)?);
    }
    Ok(items)
}
