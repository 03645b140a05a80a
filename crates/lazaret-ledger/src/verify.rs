//! Verifying a receipt, offline: what an auditor, a supplier or a court runs. Nothing is believed but the trust file.
//!
//! In order: strict parse; the origin's key and the quorum; every entry in the tree; one subject, seq and prev without a gap,
//! times that never fall; each disclosure opens a commitment that stands in these entries, in the place that its label means;
//! and, where the reader has the file itself, that its SHA-256 is the disclosed one. Nothing is reported of a receipt that
//! fails.

use std::collections::BTreeSet;

use crate::cbor::{byte_string_at, visit_byte_strings};
use crate::checkpoint::{Checkpoint, epoch_of_origin};
use crate::commitment::commit;
use crate::entry::{Envelope, NotAnEntry, decode};
use crate::receipt::{Disclosure, NotAReceipt, Placed, Receipt};
use crate::tree::{Hash, leaf_hash, verify_inclusion};
use crate::trust::{Accepted, NotAccepted, Trust, Witnessed};

/// The label of the commitment to an object's bytes. Its nonce is the object's id, its value the SHA-256 of the plaintext.
pub const CONTENT: &str = "content";

/// The places in which the facts of today hold a commitment: the kind, the key of its map, and the label under which a receipt
/// opens it. The labels are not signed; this table is what keeps a manifest from being shown as the content. A commitment at
/// another place opens under any label that is not in the table.
pub const PLACES: &[(&str, u64, &str)] = &[
    ("transfer_arrived.v1", 8, CONTENT),
    ("transfer_arrived.v1", 9, "manifest"),
    ("transfer_inspected.v1", 1, CONTENT),
    ("transfer_released.v1", 2, CONTENT),
    ("transfer_delivered.v1", 3, CONTENT),
    ("approved.v1", 6, "reason"),
    ("rejected.v1", 6, "reason"),
];

/// What a receipt shows, once verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The log.
    pub origin: String,
    /// How many entries it had when the checkpoint was signed.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Where the latest of the shown entries stands.
    pub index: u64,
    /// What all of them are about.
    pub subject: [u8; 16],
    /// The entries, oldest first; the last is the latest.
    pub entries: Vec<VerifiedEntry>,
    /// Epoch and index of the entry before the first one shown, where that stands in an earlier epoch: that epoch's receipt
    /// shows it. None where the story is told from its beginning.
    pub continues: Option<(u64, u64)>,
    /// What was disclosed, in the receipt's order.
    pub disclosed: Vec<Disclosed>,
    /// The trusted witnesses that cosigned.
    pub witnesses: Vec<Witnessed>,
}

/// One entry of a verified receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// Where it stands in the log.
    pub index: u64,
    /// The fact's name and version.
    pub kind: String,
    /// When, in milliseconds since 1970, as the gate says.
    pub t: u64,
    /// How many entries about the subject came before.
    pub seq: u64,
    /// The pseudonym of who acted.
    pub actor: [u8; 16],
    /// The fact's CBOR map.
    pub fact: Vec<u8>,
}

/// One opened commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosed {
    /// What it is.
    pub label: String,
    /// The value that was committed to.
    pub value: Vec<u8>,
}

/// Why a receipt is not believed. Its text says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The bytes are not a receipt.
    NotAReceipt(NotAReceipt),
    /// The trust file does not accept the checkpoint.
    NotAccepted(NotAccepted),
    /// The log's origin ends in a number that is no epoch's.
    NoEpoch(String),
    /// The bytes at this index are not an entry.
    NotAnEntry(u64, NotAnEntry),
    /// The entry at this index is not proved to be in the signed tree.
    NotIncluded(u64),
    /// The entry at this index is about another subject than the latest.
    OtherSubject(u64),
    /// The entry at this index does not follow the one before: a gap, or another order.
    BrokenChain(u64),
    /// The entry at this index bears an earlier time than the one before.
    TimeFell(u64),
    /// The disclosure with this label opens no commitment of these entries.
    OpensNothing(String),
    /// The disclosure with this label opens a commitment that is to something else.
    WrongLabel(String),
    /// The nonce of the disclosure with this label stands neither in its value nor in an entry.
    LooseNonce(String),
    /// The same content is not recorded throughout, or is disclosed twice.
    ContentChanged,
    /// The receipt does not disclose the content's digest, so no file can be compared with it.
    ContentNotDisclosed,
    /// The file is not the one that the receipt is about.
    OtherContent,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::NotAReceipt(error) => {
                write!(f, "this is not a whole receipt: {error}. Fetch it again from the gate")
            }
            Failure::NotAccepted(NotAccepted::UnknownLog(origin)) => write!(
                f,
                "the trust file does not name the log {origin:?}. Ask the hospital for its trust file by a way that you trust"
            ),
            Failure::NotAccepted(NotAccepted::Quorum(cosigned)) => write!(
                f,
                "only {cosigned} of the witnesses that the trust file asks for have cosigned. \
                 Fetch the receipt again later; if it stays so, ask the witnesses what they have seen of this log"
            ),
            Failure::NotAccepted(error) => {
                write!(f, "the checkpoint is not genuine: {error}. Do not rely on this receipt; fetch it again")
            }
            Failure::NoEpoch(origin) => write!(
                f,
                "the log {origin:?} ends in a number that is no epoch's, so its entries cannot be put in order. \
                 Ask the hospital for its trust file by a way that you trust"
            ),
            Failure::NotAnEntry(index, error) => {
                write!(f, "entry {index} cannot be read: {error}. Do not rely on this receipt; fetch it again")
            }
            Failure::NotIncluded(index) => write!(
                f,
                "entry {index} is not in the tree that the log signed. It was changed, or never recorded: fetch the receipt \
                 again, and keep both if it stays so"
            ),
            Failure::OtherSubject(index) => {
                write!(f, "entry {index} is about something else. Do not rely on this receipt; fetch it again")
            }
            Failure::BrokenChain(index) => write!(
                f,
                "before entry {index} an entry is left out, or the order is changed. Ask the gate for the whole receipt"
            ),
            Failure::TimeFell(index) => write!(
                f,
                "entry {index} bears an earlier time than the entry before, which a gate never records. Tell the hospital"
            ),
            Failure::OpensNothing(label) => write!(
                f,
                "what the receipt shows as {label:?} is not what was recorded. Do not rely on it; fetch the receipt again"
            ),
            Failure::WrongLabel(label) => write!(
                f,
                "what the receipt shows as {label:?} was recorded as something else. Do not rely on it; fetch the receipt again"
            ),
            Failure::LooseNonce(label) => write!(
                f,
                "the nonce of {label:?} belongs neither to the value nor to the entries. Fetch the receipt again"
            ),
            Failure::ContentChanged => f.write_str(
                "the entries do not all speak of the same content. Do not rely on this receipt; tell the hospital",
            ),
            Failure::ContentNotDisclosed => f.write_str(
                "this receipt does not show the content's digest, so the file cannot be compared with it. Ask the gate for a \
                 receipt that shows it, or verify without the file",
            ),
            Failure::OtherContent => f.write_str(
                "the file is not the one that was recorded: its SHA-256 is another. Check that it is the right file and whole",
            ),
        }
    }
}

impl std::error::Error for Failure {}

/// Verifies a receipt of at most 1 MiB against a trust file and, where the reader has it, the file's SHA-256.
///
/// # Errors
/// The first check that fails; then nothing in the receipt is to be believed.
pub fn verify(receipt: &[u8], trust: &Trust, content_sha256: Option<[u8; 32]>) -> Result<Verified, Failure> {
    let receipt = Receipt::parse(receipt).map_err(Failure::NotAReceipt)?;
    let Accepted { checkpoint, witnesses } = trust.accept(&receipt.checkpoint).map_err(Failure::NotAccepted)?;
    let placed: Vec<&Placed> = receipt.earlier.iter().chain([&receipt.latest]).collect();
    let entries = placed.iter().map(|placed| check_included(placed, &checkpoint)).collect::<Result<Vec<_>, _>>()?;
    let epoch = epoch_of_origin(&checkpoint.origin).ok_or_else(|| Failure::NoEpoch(checkpoint.origin.clone()))?;
    let continues = check_chain(&entries, epoch)?;
    let facts = Facts::of(&entries);
    receipt.disclosures.iter().try_for_each(|disclosure| facts.check(disclosure))?;
    facts.check_content(&receipt.disclosures, content_sha256)?;
    let subject = entries.last().map(|entry| entry.envelope.subject).unwrap_or_default();
    let disclosed = receipt.disclosures.into_iter().map(|Disclosure { label, value, .. }| Disclosed { label, value });
    Ok(Verified {
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root,
        index: receipt.latest.index,
        subject,
        continues,
        disclosed: disclosed.collect(),
        witnesses,
        entries: entries.into_iter().map(VerifiedEntry::from).collect(),
    })
}

/// An entry that is in the tree.
struct Included<'r> {
    index: u64,
    envelope: Envelope,
    fact: &'r [u8],
}

impl From<Included<'_>> for VerifiedEntry {
    fn from(Included { index, envelope, fact }: Included<'_>) -> VerifiedEntry {
        let Envelope { kind, t, actor, seq, .. } = envelope;
        VerifiedEntry { index, kind, t, seq, actor, fact: fact.to_vec() }
    }
}

fn check_included<'r>(placed: &'r Placed, checkpoint: &Checkpoint) -> Result<Included<'r>, Failure> {
    let Placed { index, entry, proof } = placed;
    verify_inclusion(&leaf_hash(entry), *index, checkpoint.size, &checkpoint.root, proof)
        .map_err(|_| Failure::NotIncluded(*index))?;
    let (envelope, fact) = decode(entry).map_err(|error| Failure::NotAnEntry(*index, error))?;
    Ok(Included { index: *index, envelope, fact })
}

/// One subject, no gap, no entry out of order. Says where the story before the first entry is, if that is another epoch.
fn check_chain(entries: &[Included<'_>], epoch: u64) -> Result<Option<(u64, u64)>, Failure> {
    let subject = entries.last().map(|entry| entry.envelope.subject);
    for entry in entries {
        if Some(entry.envelope.subject) != subject {
            return Err(Failure::OtherSubject(entry.index));
        }
    }
    for (before, entry) in entries.iter().zip(entries.iter().skip(1)) {
        let follows = before.envelope.seq.checked_add(1) == Some(entry.envelope.seq)
            && entry.envelope.prev == Some((epoch, before.index))
            && before.index < entry.index;
        if !follows {
            return Err(Failure::BrokenChain(entry.index));
        }
        if entry.envelope.t < before.envelope.t {
            return Err(Failure::TimeFell(entry.index));
        }
    }
    let first = entries.first();
    let continues = first.and_then(|first| first.envelope.prev);
    // An entry of this epoch is in this tree, so that leaving it out is leaving it out.
    match (first, continues) {
        (Some(first), Some((earlier, _))) if earlier >= epoch => Err(Failure::BrokenChain(first.index)),
        _ => Ok(continues),
    }
}

/// The byte strings of all the entries' facts, and the commitments among them whose label is known.
struct Facts<'e> {
    strings: BTreeSet<&'e [u8]>,
    places: Vec<(&'static str, &'e [u8])>,
}

impl<'e> Facts<'e> {
    fn of(entries: &'e [Included<'_>]) -> Facts<'e> {
        let mut facts = Facts { strings: BTreeSet::new(), places: Vec::new() };
        for Included { envelope, fact, .. } in entries {
            let walked = visit_byte_strings(fact, |bytes| {
                facts.strings.insert(bytes);
            });
            assert!(walked.is_ok(), "the fact of an entry that was read can be walked");
            let of_kind = PLACES.iter().filter(|(kind, ..)| *kind == envelope.kind);
            facts.places.extend(of_kind.filter_map(|(_, key, label)| Some((*label, byte_string_at(fact, *key)?))));
        }
        facts
    }

    fn check(&self, disclosure: &Disclosure) -> Result<(), Failure> {
        let Disclosure { label, nonce, k_c, value } = disclosure;
        let commitment = commit(k_c, value);
        if !self.strings.contains(commitment.as_slice()) {
            return Err(Failure::OpensNothing(label.clone()));
        }
        let meant: Vec<&str> =
            self.places.iter().filter(|(_, found)| *found == commitment).map(|(label, _)| *label).collect();
        let rightly_named = if meant.is_empty() {
            PLACES.iter().all(|(_, _, known)| known != label)
        } else {
            meant.contains(&label.as_str())
        };
        if !rightly_named {
            return Err(Failure::WrongLabel(label.clone()));
        }
        let is_bound =
            self.strings.contains(nonce.as_slice()) || value.windows(nonce.len()).any(|window| window == nonce);
        if is_bound { Ok(()) } else { Err(Failure::LooseNonce(label.clone())) }
    }

    /// One object from arrival to delivery, and the reader's file is that object.
    fn check_content(&self, disclosures: &[Disclosure], content_sha256: Option<[u8; 32]>) -> Result<(), Failure> {
        let mut recorded = self.places.iter().filter(|(label, _)| *label == CONTENT).map(|(_, commitment)| commitment);
        let first = recorded.next();
        if recorded.any(|other| Some(other) != first) {
            return Err(Failure::ContentChanged);
        }
        let mut disclosed = disclosures.iter().filter(|disclosure| disclosure.label == CONTENT);
        let content = disclosed.next();
        if disclosed.next().is_some() {
            return Err(Failure::ContentChanged);
        }
        match (content_sha256, content) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Failure::ContentNotDisclosed),
            (Some(digest), Some(content)) if content.value == digest => Ok(()),
            (Some(_), Some(_)) => Err(Failure::OtherContent),
        }
    }
}
