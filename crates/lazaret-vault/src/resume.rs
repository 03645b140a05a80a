//! How an interrupted upload goes on.
//!
//! The rule: no chunk number is ever sealed twice under one key (AES-GCM gives up its secrets when a nonce repeats). After
//! a crash what is in the file and verifies counts as received, and the blob may go on growing only if all that was
//! sealed is known to be there: the same boot of the machine (so that nothing written was lost) and whole chunks only.
//! Otherwise the verified prefix is sealed anew, as another object under another key.

use std::sync::Arc;

use minicbor::{Decoder, Encoder};
use sha2::Sha256;
use sha2::digest::Update as _;
use sha2::digest::common::hazmat::{SerializableState as _, SerializedState};
use zeroize::Zeroizing;

use crate::blobs::Blobs;
use crate::cobblestone::{CHUNK_BYTES, Cipher, PREFIX_BYTES, SEALED_CHUNK_BYTES, chunk_offset};
use crate::disk::DiskFile;
use crate::fault::Fault;
use crate::fields;
use crate::key::TAG_BYTES;
use crate::object::ObjectKey;
use crate::random::Random;

const LABEL: &str = "upload-state";
const VERSION: u8 = 1;

/// What is durable of an upload, and what is needed to go on. The state opens only with the object's key.
pub struct Checkpoint {
    /// Plaintext bytes that survive a crash; the offset to tell the peer.
    pub received_bytes: u64,
    /// The encrypted state for the upload's row, at most about 17 KiB.
    pub state: Vec<u8>,
}

/// An upload's state in the clear: it holds content.
pub(crate) struct State {
    boot_id: [u8; 16],
    pub(crate) chunks: u64,
    pub(crate) tail: Zeroizing<Vec<u8>>,
    pub(crate) hash: Sha256,
}

impl State {
    pub(crate) fn new(boot_id: [u8; 16], chunks: u64, tail: &[u8], hash: Sha256) -> State {
        State { boot_id, chunks, tail: Zeroizing::new(tail.to_vec()), hash }
    }
}

/// Seals the state under a key derived from the object's, so that erasing that key erases it too.
pub(crate) fn seal(key: &ObjectKey, random: &dyn Random, state: &State) -> Result<Vec<u8>, Fault> {
    // Room for all of it at once: a growing buffer would leave copies of the tail behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(state.tail.len() + 256));
    encode(state, &mut plain);
    fields::seal(&key.dek, random, LABEL, &plain)
}

#[expect(clippy::expect_used, reason = "encoding into a Vec cannot fail")]
fn encode(state: &State, out: &mut Vec<u8>) {
    let hash = Zeroizing::new(<[u8; HASH_STATE_BYTES]>::from(state.hash.serialize()));
    Encoder::new(out)
        .array(5)
        .and_then(|e| e.u8(VERSION))
        .and_then(|e| e.bytes(&state.boot_id))
        .and_then(|e| e.u64(state.chunks))
        .and_then(|e| e.bytes(&state.tail))
        .and_then(|e| e.bytes(hash.as_slice()))
        .expect("a Vec takes all bytes");
}

/// Eight words, the count of blocks, and a 64-byte block that holds its own position.
const HASH_STATE_BYTES: usize = 104;

fn open(key: &ObjectKey, sealed: &[u8]) -> Result<State, Fault> {
    let plain = fields::open(&key.dek, LABEL, sealed)?;
    decode(&plain).ok_or(Fault::Corrupt)
}

fn decode(plain: &[u8]) -> Option<State> {
    let mut d = Decoder::new(plain);
    if d.array().ok()? != Some(5) || d.u8().ok()? != VERSION {
        return None;
    }
    let boot_id = d.bytes().ok()?.try_into().ok()?;
    let chunks = d.u64().ok()?;
    let tail = Zeroizing::new(d.bytes().ok()?.to_vec());
    let hash = SerializedState::<Sha256>::try_from(d.bytes().ok()?).ok()?;
    let hash = Sha256::deserialize(&hash).ok()?;
    (tail.len() < CHUNK_BYTES && d.position() == plain.len()).then_some(State { boot_id, chunks, tail, hash })
}

/// What an interrupted upload turned out to be.
pub(crate) enum Found {
    /// The blob goes on growing.
    Whole { cipher: Cipher, file: Box<dyn DiskFile>, state: State },
    /// The prefix must be sealed anew.
    Torn(Prefix),
}

/// The readable part of a blob that must not grow any more.
pub(crate) struct Prefix {
    cipher: Cipher,
    file: Box<dyn DiskFile>,
    state: State,
}

/// Looks at what is on disk, with the state of the last checkpoint.
pub(crate) fn inspect(blobs: &Arc<Blobs>, key: &ObjectKey, sealed_state: &[u8]) -> Result<Found, Fault> {
    let mut state = open(key, sealed_state)?;
    let (file, growing) = match blobs.open_partial(key.object) {
        Ok(file) => (file, true),
        // Closed, but the crash came before the arrival was recorded.
        Err(Fault::Missing) => (blobs.open_sealed(key.object)?, false),
        Err(fault) => return Err(fault),
    };
    let mut prefix = [0; PREFIX_BYTES];
    if file.read_at(0, &mut prefix)? != PREFIX_BYTES {
        return Err(Fault::Corrupt);
    }
    let cipher = Cipher::check(key.dek.bytes(), &prefix, &key.context())?;
    let body_bytes = file.size()?.saturating_sub(PREFIX_BYTES as u64);
    let whole_chunks = body_bytes.is_multiple_of(SEALED_CHUNK_BYTES as u64);
    let nothing_lost = state.boot_id == blobs.boot_id()? && body_bytes / SEALED_CHUNK_BYTES as u64 >= state.chunks;
    if !(growing && whole_chunks && nothing_lost) {
        return Ok(Found::Torn(Prefix { cipher, file, state }));
    }
    // Chunks sealed after the checkpoint: they count if every one verifies and continues the same bytes.
    let chunks = body_bytes / SEALED_CHUNK_BYTES as u64;
    let mut hash = state.hash.clone();
    for chunk in state.chunks..chunks {
        let tail: &[u8] = if chunk == state.chunks { &state.tail } else { &[] };
        let Some(plain) = read_chunk(&cipher, file.as_ref(), chunk, SEALED_CHUNK_BYTES)? else {
            return Ok(Found::Torn(Prefix { cipher, file, state }));
        };
        let new = plain.strip_prefix(tail).ok_or(Fault::Corrupt)?;
        hash.update(new);
    }
    if chunks > state.chunks {
        state = State::new(state.boot_id, chunks, &[], hash);
    }
    Ok(Found::Whole { cipher, file, state })
}

impl Found {
    /// What is readable, to be sealed anew whether or not the blob could go on growing.
    pub(crate) fn into_prefix(self) -> Prefix {
        match self {
            Found::Whole { cipher, file, state } => Prefix { cipher, file, state },
            Found::Torn(prefix) => prefix,
        }
    }
}

impl Prefix {
    /// Gives everything that verifies, in order, to `take`.
    pub(crate) fn replay(self, take: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        self.replay_until(u64::MAX, take)
    }

    /// Gives the first `bytes_max` bytes of what verifies, in order, to `take`; what lies behind them is not read.
    pub(crate) fn replay_until(
        self,
        bytes_max: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut left = bytes_max;
        let mut take = |plain: &[u8]| {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(plain.len());
            left -= count as u64;
            take(plain.get(..count).unwrap_or_default())
        };
        let body_bytes = self.file.size()?.saturating_sub(PREFIX_BYTES as u64);
        let full_chunks = body_bytes / SEALED_CHUNK_BYTES as u64;
        for chunk in 0..full_chunks {
            if bytes_max <= chunk * CHUNK_BYTES as u64 {
                return Ok(());
            }
            match read_chunk(&self.cipher, self.file.as_ref(), chunk, SEALED_CHUNK_BYTES)? {
                Some(plain) => take(&plain)?,
                None => return self.finish_with_tail(chunk, take),
            }
        }
        let rest = usize::try_from(body_bytes % SEALED_CHUNK_BYTES as u64).map_err(|_| Fault::Corrupt)?;
        if rest >= TAG_BYTES
            && let Some(plain) = read_chunk(&self.cipher, self.file.as_ref(), full_chunks, rest)?
        {
            return take(&plain);
        }
        self.finish_with_tail(full_chunks, take)
    }

    /// The checkpoint's tail follows on exactly its own chunks; on fewer or more it would be bytes out of place.
    fn finish_with_tail(self, verified: u64, mut take: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        if verified == self.state.chunks { take(&self.state.tail) } else { Ok(()) }
    }
}

/// The plaintext of one chunk, or nothing if it does not verify.
fn read_chunk(
    cipher: &Cipher,
    file: &dyn DiskFile,
    chunk: u64,
    sealed_bytes: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let mut buffer = Zeroizing::new(vec![0; sealed_bytes]);
    if file.read_at(chunk_offset(chunk), &mut buffer)? != sealed_bytes {
        return Ok(None);
    }
    match cipher.open(chunk, &mut buffer) {
        Ok(plain) => {
            let length = plain.len();
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(_) => Ok(None),
    }
}
