//! The entry: what happened, to whom, when and in which order, as the bytes that are a leaf of the tree.
//!
//! An entry is deterministic CBOR (RFC 8949 section 4.2.1), stored once and never written again to be checked:
//!
//! | key | field |
//! |---|---|
//! | 0 | version, the unsigned integer 1 |
//! | 1 | kind: text, the fact's name in snake case with its version, `transfer_arrived.v1` |
//! | 2 | t: milliseconds since 1970, never less than in the entry before |
//! | 3 | actor: a random 16-byte pseudonym |
//! | 4 | subject: a random 16-byte id |
//! | 5 | seq: how many entries about this subject came before |
//! | 6 | prev: `[epoch, index]` of the last of them, epochs counted from 1, or null for the first |
//! | 7 | fact: a map with unsigned keys, fixed for each kind |
//!
//! This module knows the envelope and that the fact is deterministic CBOR without text, floats and tags. What a fact says is
//! not known here: an auditor checks order, place and signature of facts of every kind, also of those still to be invented.

use crate::cbor::{NotDeterministic, Reader, Writer, check_fact};

/// The longest entry, in bytes: what a length in an entry bundle can say (tlog-tiles, "Log entries").
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// The longest kind, in bytes.
pub const KIND_BYTES_MAX: usize = 64;
/// The most digits of a kind's version.
pub const KIND_VERSION_DIGITS_MAX: usize = 4;
/// The version of the envelope that this module reads and writes.
pub const VERSION: u64 = 1;

/// Everything of an entry but its fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The fact's name in snake case and its version, `transfer_arrived.v1`; at most [`KIND_BYTES_MAX`] bytes.
    pub kind: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub t: u64,
    /// Pseudonym of the person, the party's credential or the system task that acted.
    pub actor: [u8; 16],
    /// Id of what the fact is about.
    pub subject: [u8; 16],
    /// How many entries about the subject came before; counted over all epochs.
    pub seq: u64,
    /// Epoch, from 1, and index of the subject's entry before; none exactly when `seq` is 0.
    pub prev: Option<(u64, u64)>,
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnEntry {
    /// Longer than [`ENTRY_BYTES_MAX`].
    TooLong,
    /// Not the deterministic CBOR of an envelope and a fact.
    Encoding(NotDeterministic),
    /// The envelope has another version than [`VERSION`]: a newer program wrote it.
    Version(u64),
    /// The kind is not lower-case snake case, a full stop and `v` with a number from 1 to 9999.
    Kind,
    /// `seq` is 0 and there is an entry before, or the reverse.
    Sequence,
    /// The entry before is said to stand in epoch 0.
    Epoch,
}

impl std::fmt::Display for NotAnEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotAnEntry::TooLong => write!(f, "the entry is longer than {ENTRY_BYTES_MAX} bytes"),
            NotAnEntry::Encoding(error) => write!(f, "the entry is not in its one encoding: {error}"),
            NotAnEntry::Version(version) => {
                write!(f, "the entry has version {version}, this program reads {VERSION}; use a newer one")
            }
            NotAnEntry::Kind => f.write_str("the entry's kind is not of the form name_of_fact.v1"),
            NotAnEntry::Sequence => f.write_str("the entry's seq and prev contradict each other"),
            NotAnEntry::Epoch => f.write_str("the entry follows one of epoch 0, and epochs count from 1"),
        }
    }
}

impl std::error::Error for NotAnEntry {}

impl From<NotDeterministic> for NotAnEntry {
    fn from(error: NotDeterministic) -> NotAnEntry {
        NotAnEntry::Encoding(error)
    }
}

/// Writes an entry. `fact` is the encoded map of key 7.
///
/// The caller asserts that [`decode`] takes what comes out: a kind, a fact or a length that is not allowed is a bug of the
/// caller, and shows there.
#[must_use]
pub fn encode(envelope: &Envelope, fact: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    out.map(8).uint(0).uint(VERSION);
    out.uint(1).text(&envelope.kind);
    out.uint(2).uint(envelope.t);
    out.uint(3).bytes(&envelope.actor);
    out.uint(4).bytes(&envelope.subject);
    out.uint(5).uint(envelope.seq).uint(6);
    match envelope.prev {
        Some((epoch, index)) => out.array(2).uint(epoch).uint(index),
        None => out.null(),
    };
    out.uint(7).raw(fact);
    out.finish()
}

/// Reads an entry: the envelope, and the fact's bytes as they stand in `bytes`.
///
/// Whatever is accepted is the one spelling of what it says: [`encode`] of the answer gives `bytes` again.
///
/// # Errors
/// The first way in which the bytes are not an entry.
pub fn decode(bytes: &[u8]) -> Result<(Envelope, &[u8]), NotAnEntry> {
    if bytes.len() > ENTRY_BYTES_MAX {
        return Err(NotAnEntry::TooLong);
    }
    let mut reader = Reader::new(bytes);
    if reader.map()? != 8 {
        return Err(NotDeterministic::Unexpected.into());
    }
    let envelope = read_envelope(&mut reader)?;
    reader.exactly(7)?;
    let fact = reader.rest();
    check_fact(fact)?;
    if (envelope.seq == 0) != envelope.prev.is_none() {
        return Err(NotAnEntry::Sequence);
    }
    // The reader refuses every other spelling; a hole in it must not become a second leaf for the same fact.
    assert!(encode(&envelope, fact) == bytes, "an entry that was read is written the same way");
    Ok((envelope, fact))
}

fn read_envelope(reader: &mut Reader<'_>) -> Result<Envelope, NotAnEntry> {
    reader.exactly(0)?;
    let version = reader.uint()?;
    if version != VERSION {
        return Err(NotAnEntry::Version(version));
    }
    reader.exactly(1)?;
    let kind = reader.text()?;
    if !is_kind(kind) {
        return Err(NotAnEntry::Kind);
    }
    reader.exactly(2)?;
    let t = reader.uint()?;
    reader.exactly(3)?;
    let actor = reader.bytes_of()?;
    reader.exactly(4)?;
    let subject = reader.bytes_of()?;
    reader.exactly(5)?;
    let seq = reader.uint()?;
    reader.exactly(6)?;
    let prev = read_prev(reader)?;
    Ok(Envelope { kind: kind.to_owned(), t, actor, subject, seq, prev })
}

fn read_prev(reader: &mut Reader<'_>) -> Result<Option<(u64, u64)>, NotAnEntry> {
    if reader.null() {
        return Ok(None);
    }
    if reader.array()? != 2 {
        return Err(NotDeterministic::Unexpected.into());
    }
    let (epoch, index) = (reader.uint()?, reader.uint()?);
    if epoch == 0 { Err(NotAnEntry::Epoch) } else { Ok(Some((epoch, index))) }
}

/// `name_of_fact.v1`: words of lower-case letters and digits, joined by single underscores, the first of them beginning with a
/// letter; then the version without zeros in front.
fn is_kind(kind: &str) -> bool {
    let Some((name, version)) = kind.split_once(".v") else { return false };
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let begins_well = name.starts_with(|first: char| first.is_ascii_lowercase());
    let counted = (1..=KIND_VERSION_DIGITS_MAX).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && !version.starts_with('0');
    kind.len() <= KIND_BYTES_MAX && begins_well && name.split('_').all(is_word) && counted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entry 0 of the design's test vectors: gate 10…, actor 50…, epoch 1 opened at the start of 2026.
    const ENTRY_0: &str = "a80001016f65706f63685f6f70656e65642e7631021b0000019b76daa800035050505050505050505050505050505050\
                           045010101010101010101010101010101010050006f607a40001015010101010101010101010101010101010\
                           02f60300";

    fn unhex(text: &str) -> Vec<u8> {
        assert!(text.len().is_multiple_of(2), "whole bytes");
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn envelope_0() -> Envelope {
        Envelope {
            kind: "epoch_opened.v1".to_owned(),
            t: 1_767_225_600_000,
            actor: [0x50; 16],
            subject: [0x10; 16],
            seq: 0,
            prev: None,
        }
    }

    fn fact_0() -> Vec<u8> {
        unhex("a4000101501010101010101010101010101010101002f60300")
    }

    // EVIDENCE-OF: R-014
    #[test]
    fn entry_0_of_the_test_vectors_is_read_and_written_byte_for_byte() {
        let bytes = unhex(ENTRY_0);
        assert_eq!(encode(&envelope_0(), &fact_0()), bytes);
        assert_eq!(decode(&bytes), Ok((envelope_0(), fact_0().as_slice())));
    }
}
