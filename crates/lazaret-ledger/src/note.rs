//! The signed note (C2SP signed-note v1.0.0): a text and the signatures under it.
//!
//! A note is strict text: one spelling for every note, so that a changed byte is a changed note. Reading one proves nothing;
//! [`Note::verify`] says which of the keys that the caller trusts have signed.

use crate::cosignature;
use crate::key::{BadSignature, SignatureType, VerifierKey, is_name};
use crate::text::{from_base64, is_forbidden_control, to_base64};

/// The longest note, in bytes. Sixteen signatures of nearly 5 kB would not fit, sixteen of Ed25519 do a hundredfold.
pub const NOTE_BYTES_MAX: usize = 65_536;
/// The most signatures; the standard asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// What begins a signature line: em dash, space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A text and its signatures, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

/// Why bytes are not a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotANote {
    /// Longer than [`NOTE_BYTES_MAX`].
    TooLong,
    /// Not UTF-8.
    NotText,
    /// A control character (Unicode's category Cc) other than the newline.
    Control,
    /// No text that ends in a newline, then an empty line, then signature lines that end in newlines.
    Form,
    /// A line below the text that is not em dash, space, name, space, base64 of at least five bytes.
    SignatureLine,
    /// No signature.
    Unsigned,
    /// More than [`SIGNATURES_MAX`] signatures.
    TooManySignatures,
}

impl std::fmt::Display for NotANote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotANote::TooLong => write!(f, "a signed note has at most {NOTE_BYTES_MAX} bytes"),
            NotANote::NotText => f.write_str("a signed note is UTF-8 text"),
            NotANote::Control => f.write_str("a signed note holds no control characters but newlines"),
            NotANote::Form => f.write_str("a signed note is a text, an empty line and signature lines"),
            NotANote::SignatureLine => f.write_str("a line under the signed note is no signature"),
            NotANote::Unsigned => f.write_str("the note is not signed"),
            NotANote::TooManySignatures => write!(f, "a signed note has at most {SIGNATURES_MAX} signatures"),
        }
    }
}

impl std::error::Error for NotANote {}

/// A key that has signed, as was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'k> {
    /// The key.
    pub key: &'k VerifierKey,
    /// When it cosigned, in seconds since 1970, as the witness says: each time once, rising. Empty for a log's key.
    pub times: Vec<u64>,
}

/// The name on a line whose key is trusted and whose signature is not that key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forged(pub String);

impl Note {
    /// A note from its parts. `text` ends in a newline.
    ///
    /// # Errors
    /// What [`Note::parse`] would say.
    pub fn new(text: &str, signatures: Vec<Signature>) -> Result<Note, NotANote> {
        let note = Note { text: text.to_owned(), signatures };
        // One set of rules: what is made must read back as itself.
        let read = Note::parse(note.to_string().as_bytes())?;
        if read == note { Ok(note) } else { Err(NotANote::Form) }
    }

    /// Reads a note (signed-note, "Format"). What is accepted is its one spelling: `to_string` gives `bytes` again.
    ///
    /// # Errors
    /// The first way in which the bytes are not a note.
    pub fn parse(bytes: &[u8]) -> Result<Note, NotANote> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NotANote::TooLong);
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NotANote::NotText)?;
        if whole.chars().any(is_forbidden_control) {
            return Err(NotANote::Control);
        }
        // The text may hold empty lines: the last one in the note divides.
        let (text, _) = whole.rsplit_once("\n\n").ok_or(NotANote::Form)?;
        let (text, below) = whole.split_at_checked(text.len() + 1).ok_or(NotANote::Form)?;
        let lines = below.strip_prefix('\n').ok_or(NotANote::Form)?;
        Ok(Note { text: text.to_owned(), signatures: Signature::parse_lines(lines)? })
    }

    /// What is signed, the newline at its end included. To be ignored until [`Note::verify`] has found a trusted key.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// This note with further signatures under it. One that is there already is not added again.
    ///
    /// # Errors
    /// [`NotANote::TooManySignatures`] or [`NotANote::TooLong`].
    pub fn with(mut self, signatures: impl IntoIterator<Item = Signature>) -> Result<Note, NotANote> {
        for signature in signatures {
            if !self.signatures.contains(&signature) {
                self.signatures.push(signature);
            }
        }
        Note::new(&self.text, self.signatures)
    }

    /// Which of `keys` have signed: each at most once, in the order of the lines. Lines of other keys are ignored, even where
    /// name or id alone is known (signed-note, "Signatures").
    ///
    /// # Errors
    /// A line that names one of `keys` and is not its signature refuses the whole note.
    pub fn verify<'k>(&self, keys: impl IntoIterator<Item = &'k VerifierKey>) -> Result<Vec<Signed<'k>>, Forged> {
        let keys: Vec<&VerifierKey> = keys.into_iter().collect();
        let mut signed: Vec<Signed<'k>> = Vec::new();
        for signature in &self.signatures {
            for key in keys.iter().filter(|key| signature.names(key)) {
                let time = signature.verify(&self.text, key).map_err(|BadSignature| Forged(signature.name.clone()))?;
                // A key that signs twice is still one key.
                match signed.iter_mut().find(|before| before.key == *key) {
                    Some(before) => before.times.extend(time),
                    None => signed.push(Signed { key, times: time.into_iter().collect() }),
                }
            }
        }
        for Signed { times, .. } in &mut signed {
            times.sort_unstable();
            times.dedup();
        }
        Ok(signed)
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

impl Signature {
    /// A line of this key over these signature bytes.
    pub(crate) fn new(key: &VerifierKey, bytes: Vec<u8>) -> Signature {
        Signature { name: key.name().to_owned(), key_id: key.id(), bytes }
    }

    /// Reads signature lines alone, each ending in a newline: what a witness answers (tlog-witness, "add-checkpoint").
    ///
    /// # Errors
    /// [`NotANote::SignatureLine`], [`NotANote::Unsigned`] where there is none, [`NotANote::TooManySignatures`].
    pub fn parse_lines(lines: &str) -> Result<Vec<Signature>, NotANote> {
        let mut signatures = Vec::new();
        let mut rest = lines;
        while !rest.is_empty() {
            let (line, below) = rest.split_once('\n').ok_or(NotANote::SignatureLine)?;
            if signatures.len() == SIGNATURES_MAX {
                return Err(NotANote::TooManySignatures);
            }
            signatures.push(Signature::parse_line(line).ok_or(NotANote::SignatureLine)?);
            rest = below;
        }
        if signatures.is_empty() { Err(NotANote::Unsigned) } else { Ok(signatures) }
    }

    fn parse_line(line: &str) -> Option<Signature> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        let decoded = from_base64(encoded)?;
        let (key_id, bytes) = decoded.split_first_chunk::<4>()?;
        let whole = is_name(name) && !bytes.is_empty();
        whole.then(|| Signature { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
    }

    /// The key name on the line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id on the line.
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    fn names(&self, key: &VerifierKey) -> bool {
        self.key_id == key.id() && self.name == key.name()
    }

    /// Verifies against a key that the line names; a cosignature gives its time.
    fn verify(&self, text: &str, key: &VerifierKey) -> Result<Option<u64>, BadSignature> {
        match key.kind() {
            SignatureType::Ed25519 => {
                let signature = self.bytes.as_slice().try_into().map_err(|_| BadSignature)?;
                key.verify_raw(text.as_bytes(), signature).map(|()| None)
            }
            SignatureType::Cosignature => cosignature::verify(key, text, &self.bytes).map(Some),
        }
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = self.key_id.to_vec();
        bytes.extend_from_slice(&self.bytes);
        writeln!(f, "{SIGNATURE_PREFIX}{} {}", self.name, to_base64(&bytes))
    }
}
