//! Sign-in by public key: which keys count, how often a stranger may try, and what becomes of it.

use lazaret_core::caller::Caller;
use russh::keys::{Algorithm, HashAlg, PublicKey};

use crate::auth::caller::Shut;
use crate::auth::sshkey;
use crate::gate::Gate;

/// Wrong answers before the connection ends.
const FAILURES_MAX: u32 = 3;
/// Keys that may be offered; agents hold several.
const OFFERS_MAX: u32 = 10;
/// RSA keys below this many bits are refused.
const RSA_BITS_MIN: usize = 3_072;
/// Longest user name; short names are far below.
const USER_BYTES_MAX: usize = 128;

/// What comes of an attempt.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The key opens this account: prove that you hold it.
    Prove,
    /// It does not; another may.
    Refused,
    /// Too many attempts: the connection ends.
    Over,
}

/// What a stranger has tried on one connection.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    offers: u32,
    failures: u32,
    /// A proof was asked for and has not come: another attempt says that it was wrong.
    proof_due: bool,
}

impl Attempts {
    /// A key is offered. `opens` says whether it opens the account.
    pub(super) fn offer(&mut self, opens: bool) -> Attempt {
        self.settle();
        self.offers += 1;
        if self.failures >= FAILURES_MAX || self.offers > OFFERS_MAX {
            return Attempt::Over;
        }
        self.proof_due = opens;
        if opens { Attempt::Prove } else { Attempt::Refused }
    }

    /// A password, an answer, or a proof that opens nothing.
    pub(super) fn fail(&mut self) -> Attempt {
        self.settle();
        self.failures += 1;
        if self.failures >= FAILURES_MAX { Attempt::Over } else { Attempt::Refused }
    }

    /// Whether anything was tried at all.
    pub(super) fn any(&self) -> bool {
        self.offers > 0 || self.failures > 0
    }

    fn settle(&mut self) {
        if std::mem::take(&mut self.proof_due) {
            self.failures += 1;
        }
    }
}

/// Whether a key of this kind is taken at all: Ed25519, ECDSA, their hardware-backed forms, RSA with SHA-2.
pub(crate) fn is_acceptable(key: &PublicKey, algorithm: &Algorithm) -> bool {
    match algorithm {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => true,
        Algorithm::Rsa { hash: Some(HashAlg::Sha256 | HashAlg::Sha512) } => {
            let modulus = key.key_data().rsa().and_then(|rsa| rsa.n().as_positive_bytes());
            modulus.is_some_and(|bytes| bits(bytes) >= RSA_BITS_MIN)
        }
        // SHA-1, DSA, and whatever comes later.
        Algorithm::Rsa { .. } | Algorithm::Dsa | Algorithm::Other(_) => false,
        _ => false,
    }
}

fn bits(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |first| first.leading_zeros());
    number.len() * 8 - usize::try_from(leading).unwrap_or(0)
}

/// The caller that this key makes of this user. Known and unknown users take the same way.
///
/// # Errors
/// Why it makes nobody.
pub(super) fn caller(gate: &Gate, user: &str, key: &PublicKey, algorithm: &Algorithm) -> Result<Caller, Shut> {
    let found = sshkey::caller(gate, user, key);
    if user.len() <= USER_BYTES_MAX && is_acceptable(key, algorithm) { found } else { Err(Shut::Nobody) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(attempts: &mut Attempts, opens: &[bool]) -> Vec<Attempt> {
        opens.iter().map(|&opens| attempts.offer(opens)).collect()
    }

    #[test]
    fn ten_keys_may_be_offered_and_the_eleventh_ends_the_connection() {
        let mut attempts = Attempts::default();
        assert!(outcomes(&mut attempts, &[false; 10]).iter().all(|attempt| *attempt == Attempt::Refused));
        assert_eq!(attempts.offer(true), Attempt::Over);
    }

    #[test]
    fn a_proof_that_does_not_come_is_a_failure_and_three_are_the_end() {
        let mut attempts = Attempts::default();
        let [first, second, third, fourth] = [true; 4].map(|opens| attempts.offer(opens));
        assert_eq!([first, second, third], [Attempt::Prove, Attempt::Prove, Attempt::Prove]);
        assert_eq!(fourth, Attempt::Over);
    }

    #[test]
    fn three_passwords_are_the_end() {
        let mut attempts = Attempts::default();
        assert!(!attempts.any());
        assert_eq!(
            [attempts.fail(), attempts.fail(), attempts.fail()],
            [Attempt::Refused, Attempt::Refused, Attempt::Over]
        );
        assert!(attempts.any());
    }

    #[test]
    fn old_algorithms_and_short_keys_are_refused() {
        let line = |line: &str| PublicKey::from_openssh(line).unwrap();
        let ed25519 = line("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwzj0AyXBK1uYLHrLNXqdBFYBV1hpsxqm5qAGYsNGGV");
        assert!(is_acceptable(&ed25519, &Algorithm::Ed25519));
        assert!(!is_acceptable(&ed25519, &Algorithm::Rsa { hash: None }));
        assert!(!is_acceptable(&ed25519, &Algorithm::Dsa));
        // Not an RSA key, whatever the request calls it.
        assert!(!is_acceptable(&ed25519, &Algorithm::Rsa { hash: Some(HashAlg::Sha512) }));
        assert_eq!([bits(&[0x80, 0]), bits(&[1, 0]), bits(&[])], [16, 9, 0]);
    }
}
