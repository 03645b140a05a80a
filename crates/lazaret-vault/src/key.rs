//! 256-bit keys and what is done with them: AES-256-GCM (FIPS 197, NIST SP 800-38D), HKDF-Expand (RFC 5869), HMAC (RFC 2104).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{self, HKDF_SHA256, HKDF_SHA512, Prk};
use zeroize::{Zeroize, Zeroizing};

use crate::fault::Fault;
use crate::random::{Random, draw};

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
/// Bytes that AES-256-GCM adds.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of a GCM nonce.
pub(crate) const NONCE_BYTES: usize = NONCE_LEN;
/// `alg` of wraps, blobs and fields: AES-256-GCM (blobs: in Cobblestone-256).
pub(crate) const ALG_AES_256_GCM: u8 = 1;

/// A 256-bit key. It has no `Debug`, is wiped when dropped and is cloned only on purpose.
pub(crate) struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl Key {
    pub(crate) fn generate(random: &dyn Random) -> Result<Key, Fault> {
        let mut key = Key(Zeroizing::new([0; KEY_BYTES]));
        random.fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// Takes the bytes of an opened wrap; anything but 32 bytes is no key.
    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Key, Fault> {
        let mut key = Key(Zeroizing::new([0; KEY_BYTES]));
        if bytes.len() != KEY_BYTES {
            return Err(Fault::BadWrap);
        }
        key.0.copy_from_slice(bytes);
        Ok(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// HKDF-Expand with SHA-256, this key as the PRK, to another key.
    pub(crate) fn expand(&self, info: &[&[u8]]) -> Key {
        let mut out = Key(Zeroizing::new([0; KEY_BYTES]));
        expand_into(HKDF_SHA256, &self.0, info, out.0.as_mut_slice());
        out
    }

    pub(crate) fn aead(&self) -> Aead {
        Aead::new(&self.0)
    }

    pub(crate) fn into_bytes(self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.0
    }
}

/// HKDF-Expand with SHA-512, as chunked encryption asks.
pub(crate) fn expand_sha512(prk: &[u8; KEY_BYTES], info: &[&[u8]], out: &mut [u8]) {
    expand_into(HKDF_SHA512, prk, info, out);
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[expect(
    clippy::expect_used,
    reason = "HKDF fails only beyond 255 hash lengths; every caller asks for at most 76 bytes"
)]
fn expand_into(algorithm: hkdf::Algorithm, prk: &[u8; KEY_BYTES], info: &[&[u8]], out: &mut [u8]) {
    let prk = Prk::new_less_safe(algorithm, prk);
    let length = Length(out.len());
    prk.expand(info, length).and_then(|okm| okm.fill(out)).expect("HKDF-Expand of a few dozen bytes");
}

/// HMAC-SHA-256 of `value`.
pub(crate) fn hmac(key: &Key, value: &[u8]) -> [u8; 32] {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key as HmacKey, sign};
    let tag = sign(&HmacKey::new(HMAC_SHA256, key.bytes()), value);
    let mut out = [0; 32];
    out.copy_from_slice(tag.as_ref());
    out
}

/// An AES-256-GCM key, expanded once for many uses.
pub(crate) struct Aead(LessSafeKey);

impl Aead {
    #[expect(clippy::expect_used, reason = "the constructor fails only for another key length than 32")]
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Aead {
        Aead(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes")))
    }

    /// Seals in place and gives the tag. The caller answers for the nonce being new under this key.
    #[expect(
        clippy::expect_used,
        reason = "GCM sealing fails only beyond 64 GiB of plaintext; callers pass at most 16 KiB chunks or small fields"
    )]
    pub(crate) fn seal_in_place(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], in_out: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), in_out)
            .expect("GCM of a short message");
        let mut out = [0; TAG_BYTES];
        out.copy_from_slice(tag.as_ref());
        out
    }

    /// Opens ciphertext followed by its tag, in place; the plaintext is the front of the buffer.
    pub(crate) fn open_in_place<'a>(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        in_out: &'a mut [u8],
    ) -> Result<&'a mut [u8], Fault> {
        self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), in_out).map_err(|_| Fault::Corrupt)
    }

    /// `nonce || ciphertext || tag` under a fresh random nonce. At most 2^32 of them under one key (NIST SP 800-38D section 8.3).
    pub(crate) fn seal(&self, random: &dyn Random, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let nonce: [u8; NONCE_BYTES] = draw(random)?;
        Ok(self.seal_with(nonce, aad, plain))
    }

    pub(crate) fn seal_with(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut body = Zeroizing::new(plain.to_vec());
        let tag = self.seal_in_place(nonce, aad, &mut body);
        let mut out = Vec::with_capacity(NONCE_BYTES + body.len() + TAG_BYTES);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&body);
        out.extend_from_slice(&tag);
        out
    }

    /// Opens what [`Aead::seal`] made.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Fault::Corrupt)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self.open_in_place(*nonce, aad, &mut body)?.len();
        body.truncate(length);
        Ok(body)
    }
}

/// Wipes a buffer's live bytes.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.zeroize();
}
