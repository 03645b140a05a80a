//! Cosignatures of witnesses (C2SP tlog-cosignature v1.0.1, "Ed25519 signed message"): a witness says at what time this was
//! the largest consistent tree that it had seen of the log.
//!
//! The signed message is `cosignature/v1`, `time` with the seconds since 1970 in decimal, and the checkpoint's whole text; the
//! signature line carries the time in eight bytes before the 64 of Ed25519. Verifying happens in [`Note::verify`]
//! (`crate::note`); whether a time is plausible is for the caller, who has a clock.
//!
//! [`Note::verify`]: crate::note::Note::verify

use crate::checkpoint::Checkpoint;
use crate::key::{BadKey, BadSignature, SecretKey, SignatureType, VerifierKey};
use crate::note::Signature;

/// The largest time that a cosignature may name, in seconds since 1970.
pub const TIME_MAX: u64 = (1 << 63) - 1;

/// A witness's secret key. It is wiped when dropped, and has no `Debug`.
pub struct Cosigner {
    secret: SecretKey,
}

impl Cosigner {
    /// The key of a 32-byte seed (RFC 8032 section 5.1.5), used for this witness and nothing else: the signed message does
    /// not say the witness's name.
    ///
    /// # Errors
    /// [`BadKey::Name`].
    pub fn from_seed(seed: &[u8; 32], name: &str) -> Result<Cosigner, BadKey> {
        Ok(Cosigner { secret: SecretKey::from_seed(seed, name, SignatureType::Cosignature)? })
    }

    /// What others verify with.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        self.secret.verifier_key()
    }

    /// Cosigns a checkpoint at `time`, in seconds since 1970. The witness has verified it before: log signature, consistency
    /// with what it signed last.
    #[must_use]
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> Signature {
        assert!(time <= TIME_MAX, "a time that tlog-cosignature can say");
        let mut bytes = time.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.secret.sign_raw(message(time, &checkpoint.text()).as_bytes()));
        Signature::new(self.verifier_key(), bytes)
    }
}

fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Verifies the bytes behind the key id of a signature line, and says their time.
pub(crate) fn verify(key: &VerifierKey, text: &str, bytes: &[u8]) -> Result<u64, BadSignature> {
    let (time, signature) = bytes.split_first_chunk::<8>().ok_or(BadSignature)?;
    let time = u64::from_be_bytes(*time);
    if time > TIME_MAX {
        return Err(BadSignature);
    }
    key.verify_raw(message(time, text).as_bytes(), signature.try_into().map_err(|_| BadSignature)?)?;
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_the_standard_cannot_say_is_refused_though_it_is_signed() {
        let witness = Cosigner::from_seed(&[2; 32], "witness.example").unwrap();
        let signed = |time: u64| {
            let signature = witness.secret.sign_raw(message(time, "text\n").as_bytes());
            verify(witness.verifier_key(), "text\n", &[time.to_be_bytes().as_slice(), &signature].concat())
        };
        assert_eq!(signed(TIME_MAX), Ok(TIME_MAX));
        assert_eq!(signed(TIME_MAX + 1), Err(BadSignature));
    }
}
