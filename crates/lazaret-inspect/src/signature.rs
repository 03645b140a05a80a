//! signature: minisign, detached, by the party's registered keys.
//!
//! A signature covers the whole object, or one member of an archive that it lies beside (`X` and `X.minisig`). What lies
//! inside a covered member is covered. An unsigned object is not bad; policy decides what it means.

use std::io::BufRead as _;

use lazaret_core::inspection::{ContentKind, SignatureState, Verdict, Why};
use minisign_verify::{Error, PublicKey, Signature};

use crate::content::{Content, Reader};
use crate::inspect::Member;
use crate::kind::is_code;
use crate::malware::WHOLE_BYTES_MAX;
use crate::protocol::{KEY_BYTES_MAX, KEYS_MAX};

/// The ending of a signature's name.
pub(crate) const SUFFIX: &str = ".minisig";

/// What the signatures of one member say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// There is none.
    Unsigned,
    /// By a registered key.
    Registered,
    /// By a key that is not registered, so nothing is known.
    UnknownKey,
    /// By a registered key, and it is not this content.
    Bad,
    /// Not a signature, or one that cannot be checked here.
    Unreadable,
}

impl Signed {
    /// The finding that it is worth.
    pub(crate) fn rule(self) -> Option<(&'static str, Verdict, Option<Why>)> {
        match self {
            Signed::Unsigned => None,
            Signed::Registered => Some(("signature.registered", Verdict::Clean, None)),
            Signed::UnknownKey => Some(("signature.unknown_key", Verdict::Clean, None)),
            Signed::Bad => Some(("signature.bad", Verdict::Bad, None)),
            Signed::Unreadable => Some(("signature.unreadable", Verdict::NotInspected, Some(Why::Malformed))),
        }
    }
}

/// The registered keys, and what was signed by them so far.
pub(crate) struct Signatures {
    keys: Vec<PublicKey>,
    object: Signed,
    bad: bool,
    unknown: bool,
    /// Members of which one would ask whether they are signed, and how many are: code, and anything.
    code: Count,
    any: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    members: u64,
    covered: u64,
}

impl Signatures {
    /// Reads key lines or whole key files; what is not a key is left out, so that its signatures count as unknown.
    pub(crate) fn new(keys: &[String]) -> Signatures {
        let short = keys.iter().take(KEYS_MAX).filter(|key| key.len() <= KEY_BYTES_MAX);
        Signatures {
            keys: short.filter_map(|key| read_key(key)).collect(),
            object: Signed::Unsigned,
            bad: false,
            unknown: false,
            code: Count::default(),
            any: Count::default(),
        }
    }

    /// Checks detached signatures of this content: one good one by a registered key is enough, one bad one is bad.
    pub(crate) fn verify(&self, content: &dyn Content, detached: &[String]) -> Signed {
        let mut state = Signed::Unsigned;
        for text in detached.iter().take(KEYS_MAX) {
            let one = self.verify_one(content, text);
            state = match (state, one) {
                (Signed::Bad, _) | (_, Signed::Bad) => Signed::Bad,
                (Signed::Registered, _) | (_, Signed::Registered) => Signed::Registered,
                (Signed::UnknownKey, _) | (_, Signed::UnknownKey) => Signed::UnknownKey,
                (Signed::Unreadable | Signed::Unsigned, one) => one,
            };
        }
        state
    }

    fn verify_one(&self, content: &dyn Content, text: &str) -> Signed {
        if text.len() > KEY_BYTES_MAX {
            return Signed::Unreadable;
        }
        let Ok(signature) = Signature::decode(text.trim_end_matches(['\r', '\n'])) else { return Signed::Unreadable };
        let mut state = Signed::UnknownKey;
        for key in &self.keys {
            match verify_by(key, &signature, content) {
                Ok(()) => return Signed::Registered,
                Err(Error::UnexpectedKeyId) => {}
                Err(Error::InvalidSignature) => state = Signed::Bad,
                Err(_) => state = if state == Signed::Bad { state } else { Signed::Unreadable },
            }
        }
        state
    }

    /// Counts what is signed of an object's members.
    pub(crate) fn count(&mut self, member: &Member, kind: ContentKind, signed: Signed) {
        self.bad = self.bad || signed == Signed::Bad;
        self.unknown = self.unknown || signed == Signed::UnknownKey;
        if member.number == 0 {
            self.object = signed;
            return;
        }
        let container = is_container(kind);
        if kind == ContentKind::Signature || (container && signed != Signed::Registered && !member.covered) {
            // A signature is not signed itself; of an archive its members count.
            return;
        }
        let covered = u64::from(member.covered || signed == Signed::Registered);
        self.any.members += 1;
        self.any.covered += covered;
        if is_code(kind) {
            self.code.members += 1;
            self.code.covered += covered;
        }
    }

    /// The object's state, and whether any signature in it is bad.
    pub(crate) fn state(&self) -> (SignatureState, bool) {
        let counted = if self.code.members > 0 { self.code } else { self.any };
        let all = counted.members > 0 && counted.covered == counted.members;
        let state = if self.bad {
            SignatureState::Bad
        } else if self.object == Signed::Registered || all {
            SignatureState::Registered
        } else if self.unknown {
            SignatureState::UnknownKey
        } else {
            SignatureState::Unsigned
        };
        (state, self.bad)
    }
}

fn is_container(kind: ContentKind) -> bool {
    matches!(
        kind,
        ContentKind::Zip
            | ContentKind::Tar
            | ContentKind::Gzip
            | ContentKind::Bzip2
            | ContentKind::Xz
            | ContentKind::Zstd
    )
}

fn read_key(text: &str) -> Option<PublicKey> {
    let text = text.trim();
    PublicKey::decode(text).or_else(|_| PublicKey::from_base64(text)).ok()
}

/// Prehashed signatures are checked as the content streams by; the old kind needs it whole, and small enough.
fn verify_by(key: &PublicKey, signature: &Signature, content: &dyn Content) -> Result<(), Error> {
    let mut reader = Reader::new(content);
    let mut stream = match key.verify_stream(signature) {
        Ok(stream) => stream,
        Err(Error::UnsupportedLegacyMode) => return verify_whole(key, signature, content),
        Err(error) => return Err(error),
    };
    loop {
        let bytes = reader.fill_buf().map_err(Error::IoError)?;
        if bytes.is_empty() {
            return stream.finalize();
        }
        stream.update(bytes);
        let length = bytes.len();
        reader.consume(length);
    }
}

fn verify_whole(key: &PublicKey, signature: &Signature, content: &dyn Content) -> Result<(), Error> {
    if content.size() > WHOLE_BYTES_MAX {
        return Err(Error::UnsupportedLegacyMode);
    }
    let length = usize::try_from(content.size()).map_err(|_| Error::UnsupportedLegacyMode)?;
    let bytes =
        crate::content::read_vec(content, 0, length).map_err(|fault| Error::IoError(std::io::Error::from(fault)))?;
    key.verify(&bytes, signature, true)
}

#[cfg(test)]
mod tests;
