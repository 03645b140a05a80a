//! The transparency log proof (C2SP tlog-proof, `c2sp.org/tlog-proof@v1`): in one text file an entry's index, its inclusion
//! proof and the signed checkpoint, with room for further data that means something to one application.
//!
//! A proof does not hold the entry. Our receipts put it into the further data ([`crate::receipt`]).

use crate::note::{NotANote, Note};
use crate::text::{from_base64, from_decimal, hash_from_base64, to_base64};
use crate::tree::{Hash, PROOF_HASHES_MAX};

/// The longest proof, in bytes.
pub const PROOF_BYTES_MAX: usize = 1_048_576;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The `extra` line's bytes; empty where there is no such line. Nothing signs them.
    pub extra: Vec<u8>,
    /// Where in the log the entry stands, from 0.
    pub index: u64,
    /// The inclusion proof, from the leaf's neighbour up (RFC 6962 section 2.1.1).
    pub hashes: Vec<Hash>,
    /// The log's checkpoint with whatever signatures are under it.
    pub checkpoint: Note,
}

/// Why bytes are not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAProof {
    /// Longer than [`PROOF_BYTES_MAX`].
    TooLong,
    /// Not UTF-8.
    NotText,
    /// The first line is not `c2sp.org/tlog-proof@v1`: another format, or another version.
    FirstLine,
    /// The line `extra` is not base64 of at least one byte.
    Extra,
    /// The line `index` is missing or is no number.
    Index,
    /// A line between index and checkpoint is not base64 of 32 bytes, or there are more than any tree has levels.
    Hash,
    /// No empty line and checkpoint at the end.
    NoCheckpoint,
    /// What should be the checkpoint is no signed note.
    Checkpoint(NotANote),
}

impl std::fmt::Display for NotAProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotAProof::TooLong => write!(f, "it is longer than {PROOF_BYTES_MAX} bytes"),
            NotAProof::NotText => f.write_str("it is not UTF-8 text"),
            NotAProof::FirstLine => write!(f, "its first line is not {FIRST_LINE}"),
            NotAProof::Extra => f.write_str("its extra line is not base64"),
            NotAProof::Index => f.write_str("its index line is missing or is no number"),
            NotAProof::Hash => f.write_str("a line of its inclusion proof is no hash"),
            NotAProof::NoCheckpoint => f.write_str("it ends before its checkpoint"),
            NotAProof::Checkpoint(error) => write!(f, "its checkpoint cannot be read: {error}"),
        }
    }
}

impl std::error::Error for NotAProof {}

impl Proof {
    /// Reads a proof (tlog-proof, "Format"). What is accepted is its one spelling: [`Proof::to_bytes`] gives `bytes` again.
    ///
    /// # Errors
    /// The first way in which the bytes are not a proof.
    pub fn parse(bytes: &[u8]) -> Result<Proof, NotAProof> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(NotAProof::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NotAProof::NotText)?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(NotAProof::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(NotAProof::FirstLine);
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(encoded) => {
                lines.next();
                from_base64(encoded).filter(|extra| !extra.is_empty()).ok_or(NotAProof::Extra)?
            }
            None => Vec::new(),
        };
        let index = lines.next().and_then(|line| from_decimal(line.strip_prefix("index ")?)).ok_or(NotAProof::Index)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(NotAProof::Hash);
            }
            hashes.push(hash_from_base64(line).ok_or(NotAProof::Hash)?);
        }
        let checkpoint = Note::parse(checkpoint.as_bytes()).map_err(NotAProof::Checkpoint)?;
        Ok(Proof { extra, index, hashes, checkpoint })
    }

    /// The proof's text.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = format!("{FIRST_LINE}\n");
        if !self.extra.is_empty() {
            out.push_str(&format!("extra {}\n", to_base64(&self.extra)));
        }
        out.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            out.push_str(&to_base64(hash));
            out.push('\n');
        }
        out.push_str(&format!("\n{}", self.checkpoint));
        out.into_bytes()
    }
}
