//! The checkpoint (C2SP tlog-checkpoint v1.0.0): a log's name, its size and the root of its tree, as the text of a signed note.
//!
//! One epoch has one key and one tree. The first epoch's origin is the log's name, as `hospital.example/log`; a later one
//! adds its number, `hospital.example/log/2`.

use crate::key::{BadKey, SecretKey, SignatureType, VerifierKey, is_name};
use crate::note::{Note, Signature};
use crate::text::{from_decimal, hash_from_base64, is_forbidden_control, to_base64};
use crate::tree::Hash;

/// What a log says about itself at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the first line. Equal to the name of its key.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Further lines. Ours have none; those of others are signed and mean nothing here.
    pub extension: Vec<String>,
}

/// A text that is no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACheckpoint;

impl std::fmt::Display for NotACheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a checkpoint's text is an origin, a size, a root and perhaps further lines, none of them empty")
    }
}

impl std::error::Error for NotACheckpoint {}

impl Checkpoint {
    /// A checkpoint without further lines.
    #[must_use]
    pub fn new(origin: &str, size: u64, root: Hash) -> Checkpoint {
        Checkpoint { origin: origin.to_owned(), size, root, extension: Vec::new() }
    }

    /// Reads a note's text (tlog-checkpoint, "Note text"). What is accepted is its one spelling: [`Checkpoint::text`] gives it
    /// again.
    ///
    /// # Errors
    /// It is no checkpoint.
    pub fn parse(text: &str) -> Result<Checkpoint, NotACheckpoint> {
        let mut lines = text.strip_suffix('\n').ok_or(NotACheckpoint)?.split('\n');
        let origin = lines.next().filter(|line| is_line(line)).ok_or(NotACheckpoint)?;
        let size = lines.next().and_then(from_decimal).ok_or(NotACheckpoint)?;
        let root = lines.next().and_then(hash_from_base64).ok_or(NotACheckpoint)?;
        let extension: Vec<String> = lines.map(str::to_owned).collect();
        if !extension.iter().all(|line| is_line(line)) {
            return Err(NotACheckpoint);
        }
        Ok(Checkpoint { origin: origin.to_owned(), size, root, extension })
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, to_base64(&self.root));
        for line in &self.extension {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

fn is_line(line: &str) -> bool {
    !line.is_empty() && !line.contains('\n') && !line.chars().any(is_forbidden_control)
}

/// Why a note is not a checkpoint of the log that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSigned {
    /// The text is no checkpoint.
    Text(NotACheckpoint),
    /// The checkpoint of another log.
    Origin(String),
    /// The log's key has not signed it, or not this text.
    Signature,
}

impl std::fmt::Display for NotSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotSigned::Text(error) => write!(f, "{error}"),
            NotSigned::Origin(origin) => write!(f, "the checkpoint is that of another log, {origin:?}"),
            NotSigned::Signature => f.write_str("the log's key has not signed this checkpoint"),
        }
    }
}

impl std::error::Error for NotSigned {}

/// The checkpoint in a note that must be signed by this log's key. Witnesses are not looked at; [`crate::trust::Trust`] does
/// that.
///
/// # Errors
/// It is not such a checkpoint.
pub fn open(note: &Note, log: &VerifierKey) -> Result<Checkpoint, NotSigned> {
    let checkpoint = Checkpoint::parse(note.text()).map_err(NotSigned::Text)?;
    if checkpoint.origin != log.name() {
        return Err(NotSigned::Origin(checkpoint.origin));
    }
    match note.verify([log]) {
        Ok(signed) if !signed.is_empty() => Ok(checkpoint),
        _ => Err(NotSigned::Signature),
    }
}

/// A log's secret key. It is wiped when dropped, and has no `Debug`.
pub struct Signer {
    secret: SecretKey,
}

impl Signer {
    /// The key of a 32-byte seed (RFC 8032 section 5.1.5) for the log of this origin.
    ///
    /// # Errors
    /// [`BadKey::Name`].
    pub fn from_seed(seed: &[u8; 32], name: &str) -> Result<Signer, BadKey> {
        Ok(Signer { secret: SecretKey::from_seed(seed, name, SignatureType::Ed25519)? })
    }

    /// What others verify with.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        self.secret.verifier_key()
    }

    /// Signs a checkpoint of this log. The caller has proved it consistent with every one that this key signed before: two
    /// that are not cannot be taken back.
    ///
    /// # Errors
    /// The checkpoint is another log's, or is no line of text: [`NotSigned`].
    pub fn sign(&self, checkpoint: &Checkpoint) -> Result<Note, NotSigned> {
        if checkpoint.origin != self.verifier_key().name() {
            return Err(NotSigned::Origin(checkpoint.origin.clone()));
        }
        let text = checkpoint.text();
        if Checkpoint::parse(&text).as_ref() != Ok(checkpoint) {
            return Err(NotSigned::Text(NotACheckpoint));
        }
        let signature = Signature::new(self.verifier_key(), self.secret.sign_raw(text.as_bytes()).to_vec());
        Note::new(&text, vec![signature]).map_err(|_| NotSigned::Text(NotACheckpoint))
    }
}

/// The origin of an epoch, counted from 1, of the log with this name. None where the name could not be told from an epoch's
/// origin, or is no key name.
#[must_use]
pub fn origin_of_epoch(name: &str, epoch: u64) -> Option<String> {
    if !is_name(name) || epoch == 0 || epoch_of_origin(name) != Some(1) {
        return None;
    }
    Some(if epoch == 1 { name.to_owned() } else { format!("{name}/{epoch}") })
}

/// The epoch that an origin names: its last part where that is a number from 2 on, else 1. None where the last part has digits
/// only and is no such number, as `/0`, `/1`, `/02` or one beyond 2^64 - 1: nobody could say which epoch is meant.
#[must_use]
pub fn epoch_of_origin(origin: &str) -> Option<u64> {
    let last = origin.rsplit_once('/').map_or("", |(_, last)| last);
    if last.is_empty() || last.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Some(1);
    }
    from_decimal(last).filter(|epoch| *epoch >= 2)
}
