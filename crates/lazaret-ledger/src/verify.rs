//! Verifying a receipt, offline: what an auditor, a supplier or a court runs. Nothing is believed but the trust file.
//!
//! In order: strict parse; the origin's key and the quorum; every entry in the tree; one subject, seq and prev without a gap,
//! times that never fall; each disclosure opens a commitment that stands in these entries, in a place that its label means, and
//! has the form and the nonce that its label wants; and, where the reader has the file itself, that its SHA-256 is the
//! disclosed one. Nothing is reported of a receipt that fails.

use std::collections::BTreeSet;

use crate::cbor::{NotDeterministic, bytes_at};
use crate::checkpoint::{Checkpoint, epoch_of_origin};
use crate::commitment::commit;
use crate::disclosed::{CONTENT, Disclosed, MANIFEST, OBJECTS, PLACES};
use crate::entry::{Envelope, NotAnEntry, decode};
use crate::receipt::{Disclosure, NotAReceipt, Placed, Receipt};
use crate::tree::{Hash, leaf_hash, verify_inclusion};
use crate::trust::{Accepted, NotAccepted, Trust, Witnessed};

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
    /// The entry at this index holds something else where a commitment, or the object's id, belongs.
    Misshapen(u64),
    /// What is disclosed under this label is not shown.
    NotOpened(String, NotOpened),
    /// The entries, or the disclosures, do not all speak of one content and one manifest.
    ContentChanged,
    /// The receipt does not disclose the content's digest, so no file can be compared with it.
    ContentNotDisclosed,
    /// The file is not the one that the receipt is about.
    OtherContent,
}

/// Why a disclosure is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// It opens no commitment of these entries at a place that is known.
    Nothing,
    /// It opens a commitment that is to something else.
    WrongLabel,
    /// It opens a commitment that another disclosure has opened.
    Again,
    /// Its value has not the form of its label.
    Form(NotDeterministic),
    /// Its nonce is not the one that its value, or the object, names.
    Nonce,
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
            Failure::Misshapen(index) => write!(
                f,
                "entry {index} holds something else where a commitment or an id belongs, which a gate never records. Tell the \
                 hospital"
            ),
            Failure::NotOpened(label, why) => write!(f, "what the receipt shows as {label:?} {why}"),
            Failure::ContentChanged => f.write_str(
                "the entries do not all speak of the same content and manifest. Do not rely on this receipt; tell the hospital",
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

impl std::fmt::Display for NotOpened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotOpened::Nothing => f.write_str(
                "is not what was recorded, as far as this program knows. Do not rely on it; fetch the receipt again, or a newer \
                 program",
            ),
            NotOpened::WrongLabel => {
                f.write_str("was recorded as something else. Do not rely on it; fetch the receipt again")
            }
            NotOpened::Again => f.write_str("is shown twice. Fetch the receipt again"),
            NotOpened::Form(error) => {
                write!(f, "has not its form: {error}. Fetch a newer program; if it stays so, tell the hospital")
            }
            NotOpened::Nonce => f.write_str("has another nonce than was recorded. Fetch the receipt again"),
        }
    }
}

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
    let disclosed = Facts::of(&entries)?.open(&receipt.disclosures)?;
    check_content(&disclosed, content_sha256)?;
    let subject = entries.last().map(|entry| entry.envelope.subject).unwrap_or_default();
    Ok(Verified {
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root,
        index: receipt.latest.index,
        subject,
        continues,
        disclosed,
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

/// What the facts of all the entries hold at the places that are known.
struct Facts {
    commitments: Vec<(&'static str, [u8; 32])>,
    objects: Vec<[u8; 16]>,
}

impl Facts {
    fn of(entries: &[Included<'_>]) -> Result<Facts, Failure> {
        let mut facts = Facts { commitments: Vec::new(), objects: Vec::new() };
        for Included { index, envelope, fact } in entries {
            let misshapen = |_| Failure::Misshapen(*index);
            for (_, key, label) in PLACES.iter().filter(|(kind, ..)| *kind == envelope.kind) {
                let found = bytes_at(fact, *key).map_err(misshapen)?;
                facts.commitments.extend(found.map(|commitment| (*label, commitment)));
            }
            for (_, key) in OBJECTS.iter().filter(|(kind, _)| *kind == envelope.kind) {
                facts.objects.extend(bytes_at::<16>(fact, *key).map_err(misshapen)?);
            }
        }
        // One object from arrival to delivery.
        for label in [CONTENT, MANIFEST] {
            let mut of_label = facts.commitments.iter().filter(|(known, _)| *known == label);
            let first = of_label.next();
            if of_label.any(|other| Some(other) != first) {
                return Err(Failure::ContentChanged);
            }
        }
        Ok(facts)
    }

    /// Opens every disclosure, and none twice.
    fn open(&self, disclosures: &[Disclosure]) -> Result<Vec<Disclosed>, Failure> {
        let mut opened = BTreeSet::new();
        let mut open = |disclosure: &Disclosure| {
            let commitment = commit(&disclosure.k_c, &disclosure.value);
            let disclosed = self.open_one(disclosure, &commitment)?;
            if opened.insert(commitment) { Ok(disclosed) } else { Err(NotOpened::Again) }
        };
        let named =
            |disclosure: &Disclosure| open(disclosure).map_err(|why| Failure::NotOpened(disclosure.label.clone(), why));
        disclosures.iter().map(named).collect()
    }

    fn open_one(&self, disclosure: &Disclosure, commitment: &[u8; 32]) -> Result<Disclosed, NotOpened> {
        let Disclosure { label, nonce, value, .. } = disclosure;
        let meant: Vec<&str> =
            self.commitments.iter().filter(|(_, found)| found == commitment).map(|(label, _)| *label).collect();
        if meant.is_empty() {
            return Err(NotOpened::Nothing);
        }
        if !meant.contains(&label.as_str()) {
            return Err(NotOpened::WrongLabel);
        }
        let disclosed = Disclosed::parse(label, value).map_err(NotOpened::Form)?;
        let is_right = match &disclosed {
            Disclosed::Content(_) => !self.objects.is_empty() && self.objects.iter().all(|object| object == nonce),
            Disclosed::Manifest(manifest) => manifest.nonce == *nonce,
            Disclosed::Reason(reason) => reason.nonce == *nonce,
        };
        if is_right { Ok(disclosed) } else { Err(NotOpened::Nonce) }
    }
}

/// The manifest speaks of the content that is shown, and so does the reader's file.
fn check_content(disclosed: &[Disclosed], content_sha256: Option<[u8; 32]>) -> Result<(), Failure> {
    let mut content = None;
    let mut of_manifest = None;
    for shown in disclosed {
        match shown {
            Disclosed::Content(sha256) => content = Some(*sha256),
            Disclosed::Manifest(manifest) => of_manifest = Some(manifest.sha256),
            Disclosed::Reason(_) => {}
        }
    }
    if let (Some(content), Some(of_manifest)) = (content, of_manifest)
        && content != of_manifest
    {
        return Err(Failure::ContentChanged);
    }
    match (content_sha256, content) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Failure::ContentNotDisclosed),
        (Some(digest), Some(content)) if content == digest => Ok(()),
        (Some(_), Some(_)) => Err(Failure::OtherContent),
    }
}
