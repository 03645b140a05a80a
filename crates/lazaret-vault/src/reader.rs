//! Reading an object: commitment and last chunk first, then any range, or all of it in order.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::cobblestone::{CHUNK_BYTES, Cipher, Layout, PREFIX_BYTES, SEALED_CHUNK_BYTES, chunk_offset};
use crate::disk::DiskFile;
use crate::fault::Fault;
use crate::fields::Bound;
use crate::key::TAG_BYTES;
use crate::object::ObjectKey;

/// Chunks read and opened at once.
const BATCH_CHUNKS: usize = 16;

/// An object's plaintext, opened for one purpose. Any flipped or missing byte is an error, never a shorter answer.
pub struct ObjectReader {
    key: ObjectKey,
    cipher: Cipher,
    file: Box<dyn DiskFile>,
    layout: Layout,
}

impl ObjectReader {
    /// Verifies the commitment, the length and the last chunk before a byte is given out.
    pub(crate) fn open(key: ObjectKey, file: Box<dyn DiskFile>) -> Result<ObjectReader, Fault> {
        let layout = Layout::of_blob(file.size()?)?;
        let mut prefix = [0; PREFIX_BYTES];
        if file.read_at(0, &mut prefix)? != PREFIX_BYTES {
            return Err(Fault::Corrupt);
        }
        let cipher = Cipher::check(key.dek.bytes(), &prefix, &key.context())?;
        let reader = ObjectReader { key, cipher, file, layout };
        let mut last = Zeroizing::new(vec![0; layout.last_sealed_bytes]);
        reader.read_exact(layout.full_chunks, &mut last)?;
        reader.cipher.open(layout.full_chunks, &mut last)?;
        Ok(reader)
    }

    /// Plaintext bytes.
    pub fn size_bytes(&self) -> u64 {
        self.layout.size_bytes()
    }

    /// The commitment that this object's content has if its SHA-256 is `sha256`: equal to the one of the arrival exactly
    /// when the bytes are.
    pub fn commit_content(&self, sha256: &[u8; 32]) -> Bound {
        self.key.commit_content(sha256)
    }

    /// Fills `out` with the plaintext at `offset`; gives fewer bytes only at the object's end.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] if a chunk does not verify, or a fault of the disk. `out` is then not to be used.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<usize, Fault> {
        self.read_through(offset, out, &mut Zeroizing::new(Vec::new()))
    }

    /// As [`ObjectReader::read_at`], with a buffer that is used again by the next call.
    fn read_through(&self, offset: u64, out: &mut [u8], sealed: &mut Vec<u8>) -> Result<usize, Fault> {
        let wanted = self.size_bytes().saturating_sub(offset).min(out.len() as u64);
        let wanted = usize::try_from(wanted).map_err(|_| Fault::Corrupt)?;
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let first = at / CHUNK_BYTES as u64;
            let skip = usize::try_from(at % CHUNK_BYTES as u64).map_err(|_| Fault::Corrupt)?;
            let chunks = (skip + wanted - done).div_ceil(CHUNK_BYTES).min(BATCH_CHUNKS);
            self.read_chunks(first, chunks, sealed)?;
            for (index, chunk) in (first..).zip(sealed.chunks_mut(SEALED_CHUNK_BYTES)) {
                let plain = self.cipher.open(index, chunk)?;
                let from = if index == first { skip } else { 0 };
                let fresh = plain.get(from..).ok_or(Fault::Corrupt)?;
                let slot = out.get_mut(done..wanted).unwrap_or_default();
                let count = fresh.len().min(slot.len());
                slot.split_at_mut(count).0.copy_from_slice(fresh.split_at(count).0);
                done += count;
            }
        }
        Ok(done)
    }

    /// Everything in order, hashed on the way.
    pub fn stream(self) -> ObjectStream {
        ObjectStream { reader: self, next_chunk: 0, hash: Sha256::new(), buffer: Zeroizing::new(Vec::new()) }
    }

    /// Reads up to `chunks` sealed chunks from number `first` on into `sealed`.
    fn read_chunks(&self, first: u64, chunks: usize, sealed: &mut Vec<u8>) -> Result<(), Fault> {
        let left = self.layout.full_chunks.checked_sub(first).ok_or(Fault::Corrupt)?;
        let bytes = if left >= chunks as u64 {
            chunks * SEALED_CHUNK_BYTES
        } else {
            usize::try_from(left).map_err(|_| Fault::Corrupt)? * SEALED_CHUNK_BYTES + self.layout.last_sealed_bytes
        };
        sealed.resize(bytes, 0);
        self.read_exact(first, sealed)
    }

    fn read_exact(&self, chunk: u64, out: &mut [u8]) -> Result<(), Fault> {
        let count = self.file.read_at(chunk_offset(chunk), out)?;
        if count == out.len() { Ok(()) } else { Err(Fault::Corrupt) }
    }
}

/// An object's plaintext in order.
pub struct ObjectStream {
    reader: ObjectReader,
    next_chunk: u64,
    hash: Sha256,
    buffer: Zeroizing<Vec<u8>>,
}

/// What a whole stream was. It has no `Debug`: hash and size are particulars.
pub struct Streamed {
    /// Plaintext bytes.
    pub size_bytes: u64,
    /// SHA-256 of the plaintext.
    pub sha256: [u8; 32],
    /// The commitment to it, to be compared with the arrival's.
    pub content: Bound,
}

impl ObjectStream {
    /// Plaintext bytes of the whole object.
    pub fn size_bytes(&self) -> u64 {
        self.reader.size_bytes()
    }

    /// The next piece, at most 256 KiB; nothing at the end.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] if a chunk does not verify: what was given out before must be withdrawn. Or a fault of the disk.
    #[expect(clippy::should_implement_trait, reason = "it lends from its own buffer, which Iterator cannot")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        let last = self.reader.layout.full_chunks;
        if self.next_chunk > last {
            return Ok(None);
        }
        self.reader.read_chunks(self.next_chunk, BATCH_CHUNKS, &mut self.buffer)?;
        let mut plain_bytes = 0;
        let mut sealed_at = 0;
        while sealed_at < self.buffer.len() {
            let end = self.buffer.len().min(sealed_at + SEALED_CHUNK_BYTES);
            let chunk = self.buffer.get_mut(sealed_at..end).unwrap_or_default();
            let plain = self.reader.cipher.open(self.next_chunk, chunk)?;
            self.hash.update(&*plain);
            let count = plain.len();
            self.buffer.copy_within(sealed_at..sealed_at + count, plain_bytes);
            plain_bytes += count;
            sealed_at = end;
            self.next_chunk += 1;
        }
        assert!(self.buffer.len() >= plain_bytes + TAG_BYTES, "plaintext is shorter than what it was sealed to");
        Ok(self.buffer.get(..plain_bytes).filter(|piece| !piece.is_empty()))
    }

    /// Reads what is left, and says what the whole was.
    ///
    /// # Errors
    /// As [`ObjectStream::next`].
    pub fn finish(mut self) -> Result<Streamed, Fault> {
        while self.next()?.is_some() {}
        let sha256: [u8; 32] = std::mem::take(&mut self.hash).finalize().into();
        Ok(Streamed { size_bytes: self.size_bytes(), sha256, content: self.reader.commit_content(&sha256) })
    }
}

/// A reader whose bytes are hashed as they are given out in order, so that whoever jumps about in an object and whoever
/// vouches for all of it look at the same bytes.
pub struct HashedReader {
    reader: ObjectReader,
    sealed: Zeroizing<Vec<u8>>,
    hash: Sha256,
    hashed_bytes: u64,
}

impl HashedReader {
    /// Nothing is hashed yet.
    pub fn new(reader: ObjectReader) -> HashedReader {
        HashedReader { reader, sealed: Zeroizing::new(Vec::new()), hash: Sha256::new(), hashed_bytes: 0 }
    }

    /// Plaintext bytes of the whole object.
    pub fn size_bytes(&self) -> u64 {
        self.reader.size_bytes()
    }

    /// As [`ObjectReader::read_at`].
    ///
    /// # Errors
    /// As [`ObjectReader::read_at`].
    pub fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, Fault> {
        let count = self.reader.read_through(offset, out, &mut self.sealed)?;
        let read = out.get(..count).unwrap_or_default();
        let known = self.hashed_bytes.checked_sub(offset).and_then(|known| usize::try_from(known).ok());
        if let Some(new) = known.and_then(|known| read.get(known..)) {
            self.hash.update(new);
            self.hashed_bytes += new.len() as u64;
        }
        Ok(count)
    }

    /// Hashes what nobody asked for, and says what the whole was. Nothing more is to be read.
    ///
    /// # Errors
    /// As [`ObjectReader::read_at`].
    pub fn finish(mut self) -> Result<Streamed, Fault> {
        self.vouch()
    }

    /// Hashes what nobody asked for yet, and says what the whole is. Reading may go on.
    ///
    /// # Errors
    /// As [`ObjectReader::read_at`].
    pub fn vouch(&mut self) -> Result<Streamed, Fault> {
        let mut buffer = Zeroizing::new(vec![0; BATCH_CHUNKS * CHUNK_BYTES]);
        while self.hashed_bytes < self.size_bytes() {
            let before = self.hashed_bytes;
            self.read_at(before, &mut buffer)?;
            if self.hashed_bytes == before {
                return Err(Fault::Corrupt);
            }
        }
        let size_bytes = self.size_bytes();
        let sha256: [u8; 32] = self.hash.clone().finalize().into();
        Ok(Streamed { size_bytes, sha256, content: self.reader.commit_content(&sha256) })
    }
}
