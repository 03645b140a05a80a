//! Signed notes, checkpoints and verifier keys from any bytes: each has one spelling, and nobody's signature appears.
#![no_main]

use lazaret_ledger::checkpoint::{Checkpoint, epoch_of_origin};
use lazaret_ledger::key::VerifierKey;
use lazaret_ledger::note::{Note, Signature};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        assert_eq!(Note::new(note.text(), note.signatures().to_vec()), Ok(note.clone()));
        assert_eq!(note.verify([]), Ok(Vec::new()));
        if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
            assert_eq!(checkpoint.text(), note.text());
            assert_ne!(epoch_of_origin(&checkpoint.origin), Some(0));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(key) = VerifierKey::parse(text)
    {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(lines) = std::str::from_utf8(bytes)
        && let Ok(signatures) = Signature::parse_lines(lines)
    {
        assert_eq!(signatures.iter().map(ToString::to_string).collect::<String>(), lines);
    }
});
