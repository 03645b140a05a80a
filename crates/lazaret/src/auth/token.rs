//! Bearer tokens: `lzt_`, 32 random base62 symbols, 6 of their CRC-32. Only the SHA-256 is kept.

use lazaret_core::caller::Caller;
use lazaret_core::digest::Digest;
use lazaret_core::id::{Credential, Id};
use lazaret_core::request::Means;

use super::caller::{Shut, from_credential};
use crate::clock::random;
use crate::gate::Gate;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "lzt_";
const RANDOM_SYMBOLS: usize = 32;
const CHECK_SYMBOLS: usize = 6;

/// A fresh token. Shown once; the caller keeps only [`lookup`] of it.
pub fn make() -> String {
    let mut body = String::from(PREFIX);
    while body.len() < PREFIX.len() + RANDOM_SYMBOLS {
        // 248 is the largest multiple of 62 below 256: a plain remainder would favour the first symbols.
        let [byte] = random::<1>();
        if byte < 248 {
            body.push(symbol(u32::from(byte) % 62));
        }
    }
    let check = check_symbols(&body);
    body + &check
}

/// What a token is found by: its SHA-256; `None` if it is not well formed, so that typing errors need no look-up.
pub fn lookup(token: &str) -> Option<[u8; 32]> {
    let split = token.len().checked_sub(CHECK_SYMBOLS)?;
    let (body, check) = (token.get(..split)?, token.get(split..)?);
    let well_formed = body.strip_prefix(PREFIX).is_some_and(|rest| rest.len() == RANDOM_SYMBOLS);
    (well_formed && check_symbols(body) == check).then(|| *Digest::of(token.as_bytes()).as_bytes())
}

/// The caller that this token makes, if it opens anything now. A bearer token proves itself with each request.
///
/// # Errors
/// Why it makes nobody.
pub fn caller(gate: &Gate, token: &str) -> Result<Caller, Shut> {
    let credential = credential(gate, token).ok_or(Shut::Nobody)?;
    let at = gate.clock.now();
    let found = gate.read(|view, _| Ok(from_credential(view, credential, Means::Token, 0, at)));
    found.unwrap_or(Err(Shut::Nobody))
}

/// The credential of a token that the gate knows, whether or not it still opens anything.
#[must_use]
pub fn credential(gate: &Gate, token: &str) -> Option<Id<Credential>> {
    let lookup = lookup(token)?;
    gate.read(|_, side| side.secret(&lookup)).ok().flatten().map(|secret| secret.credential)
}

fn check_symbols(body: &str) -> String {
    let mut rest = crc32(body.as_bytes());
    let mut out = [0_u8; CHECK_SYMBOLS];
    for slot in out.iter_mut().rev() {
        *slot = symbol(rest % 62) as u8;
        rest /= 62;
    }
    out.iter().copied().map(char::from).collect()
}

#[expect(clippy::indexing_slicing, reason = "the remainder is below 62 and the alphabet has 62 symbols")]
fn symbol(value: u32) -> char {
    char::from(BASE62[(value % 62) as usize])
}

/// CRC-32 as in ISO-HDLC (reflected 0xEDB88320).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_symbols_have_the_published_vector() {
        assert!(lookup("lzt_4fT0zKq8Wm2Xc6VbN1sHd9RyLpJe3GuA2rhMgi").is_some());
        assert!(lookup("lzt_4fT0zKq8Wm2Xc6VbN1sHd9RyLpJe3GuA2rhMgj").is_none());
        assert!(lookup("lzt_4fT0zKq8Wm2Xc6VbN1sHd9RyLpJe3GuB2rhMgi").is_none());
    }

    #[test]
    fn a_made_token_is_well_formed_and_new() {
        let (one, two) = (make(), make());
        assert!(lookup(&one).is_some() && lookup(&two).is_some());
        assert_ne!(one, two);
    }
}
