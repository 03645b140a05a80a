//! Writing an object: encrypted and hashed in one pass as it arrives, in constant memory.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use lazaret_core::id::{Gate, Id, Object, Transfer};
use sha2::{Digest as _, Sha256};

use crate::blobs::Blobs;
use crate::cobblestone::{CHUNK_BYTES, Cipher, SALT_BYTES, SEALED_CHUNK_BYTES, chunk_offset, context};
use crate::disk::DiskFile;
use crate::fault::Fault;
use crate::fields::{Bound, commit};
use crate::flush::{Job, Unsynced};
use crate::key::{Key, wipe};
use crate::random::{Random, draw};
use crate::resume::{self, Checkpoint, State};

/// Sealed chunks gathered for one write: 262,400 bytes.
const BATCH_CHUNKS: usize = 16;
const BATCH_BYTES: usize = BATCH_CHUNKS * SEALED_CHUNK_BYTES;
/// Objects up to this size become durable together with others; larger ones sync their own file.
const SMALL_BYTES_MAX: u64 = 1024 * 1024;

/// The label of the commitment to an object's content (`assurance.md` section 1.1).
pub(crate) const CONTENT_LABEL: &str = "content";

/// An object's key with everything it is bound to.
pub(crate) struct ObjectKey {
    pub(crate) dek: Key,
    pub(crate) gate: Id<Gate>,
    pub(crate) transfer: Id<Transfer>,
    pub(crate) object: Id<Object>,
}

impl ObjectKey {
    pub(crate) fn context(&self) -> [u8; crate::cobblestone::CONTEXT_BYTES] {
        context(self.gate, self.transfer, self.object)
    }

    /// The keyed commitment to the plaintext's SHA-256; its nonce is the object's id.
    pub(crate) fn commit_content(&self, sha256: &[u8; 32]) -> Bound {
        commit(&self.dek, CONTENT_LABEL, self.object.as_bytes(), sha256)
    }
}

/// An object that is being received. Dropping it leaves what was written for [`crate::Broker::resume`].
pub struct ObjectWriter {
    blobs: Arc<Blobs>,
    random: Arc<dyn Random>,
    key: ObjectKey,
    cipher: Cipher,
    file: Arc<dyn DiskFile>,
    /// Sealed bytes not yet written, then the plaintext of the chunk that is still open.
    pending: Vec<u8>,
    /// Where the open chunk begins in `pending`.
    open_at: usize,
    /// Where `pending` belongs in the file.
    written_bytes: u64,
    next_chunk: u64,
    received_bytes: u64,
    object_size_max: u64,
    hash: Sha256,
    unsynced: Unsynced,
    poisoned: bool,
    name_is_durable: bool,
}

/// An object that is whole and durable. It has no `Debug`: the hash and the size are particulars.
pub struct Sealed {
    /// The transfer it belongs to.
    pub transfer: Id<Transfer>,
    /// The object, and the nonce of its content commitment.
    pub object: Id<Object>,
    /// Plaintext bytes.
    pub size_bytes: u64,
    /// SHA-256 (FIPS 180-4) of the plaintext. A particular: it never enters a fact.
    pub sha256: [u8; 32],
    /// The commitment to `sha256` under the object's key.
    pub content: Bound,
}

/// An object that is written and waits to be durable together with others.
#[must_use]
pub struct Ticket {
    sealed: Sealed,
    answer: Option<Receiver<Result<(), Fault>>>,
}

impl Ticket {
    /// Blocks until the object is durable under its final name.
    ///
    /// # Errors
    /// A fault of the disk; the object must then not be used.
    pub fn wait(self) -> Result<Sealed, Fault> {
        if let Some(answer) = self.answer {
            answer.recv().unwrap_or(Err(Fault::Poisoned))?;
        }
        Ok(self.sealed)
    }
}

impl ObjectWriter {
    pub(crate) fn create(
        blobs: Arc<Blobs>,
        random: Arc<dyn Random>,
        key: ObjectKey,
        object_size_max: u64,
    ) -> Result<ObjectWriter, Fault> {
        let salt: [u8; SALT_BYTES] = draw(random.as_ref())?;
        let cipher = Cipher::derive(key.dek.bytes(), &salt, &key.context());
        let file = Arc::from(blobs.create_partial(key.object)?);
        let pending = cipher.prefix().to_vec();
        Ok(ObjectWriter {
            open_at: pending.len(),
            unsynced: blobs.unsynced(),
            blobs,
            random,
            key,
            cipher,
            file,
            pending,
            written_bytes: 0,
            next_chunk: 0,
            received_bytes: 0,
            object_size_max,
            hash: Sha256::new(),
            poisoned: false,
            name_is_durable: false,
        })
    }

    /// Goes on where a verified file ends: `state.chunks` whole chunks are in it and will not be sealed again.
    pub(crate) fn continue_at(
        blobs: Arc<Blobs>,
        random: Arc<dyn Random>,
        key: ObjectKey,
        cipher: Cipher,
        file: Arc<dyn DiskFile>,
        state: State,
        object_size_max: u64,
    ) -> ObjectWriter {
        assert!(state.tail.len() < CHUNK_BYTES, "a whole chunk is never kept as a tail");
        ObjectWriter {
            unsynced: blobs.unsynced(),
            blobs,
            random,
            key,
            cipher,
            file,
            open_at: 0,
            written_bytes: chunk_offset(state.chunks),
            next_chunk: state.chunks,
            received_bytes: state.chunks * CHUNK_BYTES as u64 + state.tail.len() as u64,
            pending: state.tail.to_vec(),
            object_size_max,
            hash: state.hash,
            poisoned: false,
            name_is_durable: true,
        }
    }

    /// The object being written.
    pub fn object(&self) -> Id<Object> {
        self.key.object
    }

    /// The transfer it belongs to.
    pub fn transfer(&self) -> Id<Transfer> {
        self.key.transfer
    }

    /// Plaintext bytes taken so far; durable are those of the last [`Checkpoint`].
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// Takes the next bytes. Slices of 16 KiB and more are fastest.
    ///
    /// # Errors
    /// [`Fault::TooLarge`], a fault of the disk, or [`Fault::Poisoned`] after one of them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.guarded(|writer| writer.take(bytes))
    }

    /// Makes what arrived so far durable, and says how to go on after a crash.
    ///
    /// # Errors
    /// A fault of the disk, or [`Fault::Poisoned`].
    pub fn checkpoint(&mut self) -> Result<Checkpoint, Fault> {
        self.guarded(|writer| {
            writer.write_sealed()?;
            writer.file.sync()?;
            writer.unsynced.clear();
            if !writer.name_is_durable {
                writer.blobs.sync_partial_names()?;
                writer.name_is_durable = true;
            }
            let tail = writer.pending.get(writer.open_at..).unwrap_or(&[]);
            let state = State::new(writer.blobs.boot_id()?, writer.next_chunk, tail, writer.hash.clone());
            let sealed = resume::seal(&writer.key, writer.random.as_ref(), &state)?;
            Ok(Checkpoint { received_bytes: writer.received_bytes, state: sealed })
        })
    }

    /// Closes the object and blocks until it is durable under its final name.
    ///
    /// # Errors
    /// As [`ObjectWriter::finish_later`] and [`Ticket::wait`].
    pub fn finish(self) -> Result<Sealed, Fault> {
        self.finish_later()?.wait()
    }

    /// Closes the object; the ticket's `wait` returns when it is durable. Small objects become durable many at a time.
    ///
    /// # Errors
    /// A fault of the disk, or [`Fault::Poisoned`].
    pub fn finish_later(mut self) -> Result<Ticket, Fault> {
        self.guarded(|writer| {
            // The last chunk is always short, and empty if the size is a multiple of 16 KiB.
            writer.seal_chunk();
            writer.write_sealed()
        })?;
        let sha256: [u8; 32] = std::mem::take(&mut self.hash).finalize().into();
        let sealed = Sealed {
            transfer: self.key.transfer,
            object: self.key.object,
            size_bytes: self.received_bytes,
            sha256,
            content: self.key.commit_content(&sha256),
        };
        if self.received_bytes > SMALL_BYTES_MAX {
            self.file.sync()?;
            self.blobs.close(self.key.object)?;
            return Ok(Ticket { sealed, answer: None });
        }
        let job = Job {
            file: Arc::clone(&self.file),
            from: self.blobs.partial_path(self.key.object),
            to: self.blobs.sealed_path(self.key.object),
            unsynced: std::mem::replace(&mut self.unsynced, self.blobs.unsynced()),
        };
        Ok(Ticket { sealed, answer: Some(self.blobs.flusher().submit(job)) })
    }

    fn guarded<T>(&mut self, act: impl FnOnce(&mut ObjectWriter) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.poisoned {
            return Err(Fault::Poisoned);
        }
        let done = act(self);
        self.poisoned = done.is_err();
        done
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        let after = self.received_bytes.saturating_add(bytes.len() as u64);
        if after > self.object_size_max {
            return Err(Fault::TooLarge { object_size_max: self.object_size_max });
        }
        while !bytes.is_empty() {
            let room = CHUNK_BYTES - (self.pending.len() - self.open_at);
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            // Hashed piece by piece, while it is in the first-level cache for the cipher anyway.
            self.hash.update(piece);
            self.pending.extend_from_slice(piece);
            bytes = rest;
            if piece.len() == room {
                self.seal_chunk();
                if self.open_at >= BATCH_BYTES {
                    self.write_sealed()?;
                }
            }
        }
        self.received_bytes = after;
        Ok(())
    }

    /// Seals the open chunk under the next number, which is thereby used up.
    fn seal_chunk(&mut self) {
        let open = self.pending.get_mut(self.open_at..).unwrap_or_default();
        let tag = self.cipher.seal(self.next_chunk, open);
        self.pending.extend_from_slice(&tag);
        self.next_chunk += 1;
        self.open_at = self.pending.len();
    }

    /// Writes all sealed bytes; the open chunk's plaintext stays in memory.
    fn write_sealed(&mut self) -> Result<(), Fault> {
        let sealed = self.pending.get(..self.open_at).unwrap_or_default();
        self.file.write_at(self.written_bytes, sealed)?;
        self.unsynced.add(sealed.len());
        self.written_bytes += sealed.len() as u64;
        let tail_bytes = self.pending.len() - self.open_at;
        self.pending.copy_within(self.open_at.., 0);
        if let Some(left) = self.pending.get_mut(tail_bytes..) {
            wipe_tail(left, tail_bytes);
        }
        self.pending.truncate(tail_bytes);
        self.open_at = 0;
        Ok(())
    }
}

/// The moved tail's old place is the only plaintext behind it; the rest is ciphertext and needs no wiping.
fn wipe_tail(left: &mut [u8], tail_bytes: usize) {
    let from = left.len().saturating_sub(tail_bytes);
    if let Some(old) = left.get_mut(from..) {
        wipe(old);
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        if let Some(plain) = self.pending.get_mut(self.open_at..) {
            wipe(plain);
        }
    }
}
