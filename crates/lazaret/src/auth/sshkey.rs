//! SSH keys: the gate's host key, keys made for the demo, and whom an offered key belongs to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use lazaret_core::caller::Caller;
use lazaret_core::refusal::PartyCode;
use lazaret_core::request::Means;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::caller::{Shut, from_credential};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::intake::sftp::is_acceptable;

/// The name of the host key among the gate's secrets.
pub const HOST_KEY: &str = "ssh-host-ed25519";

/// The port that clients take when none is named.
const SSH_PORT: u16 = 22;

/// A key pair in OpenSSH's own forms.
pub struct Pair {
    /// The private key file.
    pub private_pem: Zeroizing<String>,
    /// The line for `authorized_keys`.
    pub public_line: String,
    /// SHA-256 of the public key: what it is found by.
    pub fingerprint: Vec<u8>,
}

/// A fresh Ed25519 pair.
///
/// # Errors
/// The library cannot encode it; ours it can.
pub fn make_pair(comment: &str) -> Result<Pair> {
    let mut key = generate()?;
    key.set_comment(comment);
    let private_pem = key.to_openssh(LineEnding::LF).map_err(Error::internal)?;
    let public_line = key.public_key().to_openssh().map_err(Error::internal)? + "\n";
    Ok(Pair { private_pem, public_line, fingerprint: fingerprint(key.public_key()) })
}

fn generate() -> Result<PrivateKey> {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).map_err(Error::internal)
}

/// A fresh host key, in OpenSSH's form.
///
/// # Errors
/// The library cannot encode it; ours it can.
pub fn make_host_key() -> Result<Zeroizing<Vec<u8>>> {
    let pem = generate()?.to_openssh(LineEnding::LF).map_err(Error::internal)?;
    Ok(Zeroizing::new(pem.as_bytes().to_vec()))
}

/// The gate's host key.
///
/// # Errors
/// It is missing, or does not read.
pub fn host_key(gate: &Gate) -> Result<PrivateKey> {
    let pem = gate.vault.secrets().open_secret(HOST_KEY)?;
    PrivateKey::from_openssh(pem.as_slice()).map_err(Error::internal)
}

/// The host key's fingerprint, as `ssh` shows it.
///
/// # Errors
/// As [`host_key`].
pub fn host_key_fingerprint(gate: &Gate) -> Result<String> {
    Ok(host_key(gate)?.public_key().fingerprint(HashAlg::Sha256).to_string())
}

/// The host key's line for `known_hosts`.
///
/// # Errors
/// As [`host_key`].
pub fn known_hosts_line(gate: &Gate, host: &str, port: u16) -> Result<String> {
    let key = host_key(gate)?.public_key().to_openssh().map_err(Error::internal)?;
    // The usual port stands for itself.
    Ok(if port == SSH_PORT { format!("{host} {key}\n") } else { format!("[{host}]:{port} {key}\n") })
}

/// A public key that somebody gave, for a door that may take it.
#[derive(Debug)]
pub(crate) struct Offered {
    /// What it is found by.
    pub(crate) lookup: Vec<u8>,
    /// Its fingerprint, as `ssh-keygen -l` shows it.
    pub(crate) fingerprint: String,
    /// Its line for `authorized_keys`, without what was written around it.
    pub(crate) line: String,
}

impl Offered {
    /// Reads a line for `authorized_keys`.
    ///
    /// # Errors
    /// No public key, or one of a kind or length that the SFTP door refuses.
    pub(crate) fn parse(line: &str) -> Result<Offered> {
        let wrong = |why: &str| Error::malformed(PartyCode::BadRequest, why);
        let key = PublicKey::from_openssh(line.trim()).map_err(|_| {
            wrong("that is no public key: give the line of a .pub file, such as `ssh-ed25519 AAAA… name`")
        })?;
        // An RSA key says nothing of the hash that it signs with; the client does, and SHA-1 is refused there.
        let is_rsa = matches!(key.algorithm(), Algorithm::Rsa { .. });
        let algorithm = if is_rsa { Algorithm::Rsa { hash: Some(HashAlg::Sha512) } } else { key.algorithm() };
        if !is_acceptable(&key, &algorithm) {
            return Err(wrong("SFTP takes Ed25519, ECDSA, their hardware-backed forms, and RSA of at least 3072 bits"));
        }
        Ok(Offered {
            lookup: fingerprint(&key),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            line: key.to_openssh().map_err(Error::internal)? + "\n",
        })
    }
}

/// What a public key is found by.
pub fn fingerprint(key: &PublicKey) -> Vec<u8> {
    key.fingerprint(HashAlg::Sha256).as_bytes().to_vec()
}

/// What a key is found by, as `ssh-keygen -l` shows it.
#[must_use]
pub(crate) fn fingerprint_text(lookup: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(lookup))
}

/// The caller that this key makes of this user, if it opens anything now. The user is the short name of the party or person
/// that the key belongs to: one key never speaks for two.
///
/// # Errors
/// Why it makes nobody.
pub fn caller(gate: &Gate, user: &str, key: &PublicKey) -> Result<Caller, Shut> {
    let lookup = fingerprint(key);
    let at = gate.clock.now();
    let found = gate.read(|view, side| {
        let Some(secret) = side.secret(&lookup)? else { return Ok(Err(Shut::Nobody)) };
        let Some(subject) = side.by_slug(user)? else { return Ok(Err(Shut::Nobody)) };
        let found = from_credential(view, secret.credential, Means::Token, 0, at);
        let owner = match &found {
            Ok(caller) => Some(caller.actor()),
            Err(Shut::Isolated(actor)) => Some(*actor),
            Err(Shut::Nobody) => None,
        };
        Ok(if owner == Some(subject.cast()) { found } else { Err(Shut::Nobody) })
    });
    found.unwrap_or(Err(Shut::Nobody))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_without_what_is_written_around_it() {
        let pair = make_pair("acme").unwrap();
        let offered = Offered::parse(&format!("  {}\n", pair.public_line)).unwrap();
        assert_eq!(fingerprint_text(&offered.lookup), offered.fingerprint);
        assert_eq!((offered.lookup, offered.line.as_str()), (pair.fingerprint, pair.public_line.as_str()));
        for wrong in ["", "ssh-ed25519", "lzt_x", pair.private_pem.as_str(), "ssh-dss AAAAB3NzaC1kc3MAAACBA"] {
            assert!(Offered::parse(wrong).is_err(), "{wrong}");
        }
    }
}
