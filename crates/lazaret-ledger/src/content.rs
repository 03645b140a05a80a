//! The SHA-256 of a file, taken piece by piece: what a receipt's `content` is compared with. Reading the file is the caller's
//! affair.

use sha2::{Digest as _, Sha256};

/// SHA-256 (FIPS 180-4) of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct ContentHash(Sha256);

impl ContentHash {
    /// Of no bytes yet.
    #[must_use]
    pub fn new() -> ContentHash {
        ContentHash::default()
    }

    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything taken.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_the_published_vector_of_their_whole() {
        // FIPS 180-4 example: SHA-256("abc").
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut hash = ContentHash::new();
        hash.take(b"a");
        hash.take(b"");
        hash.take(b"bc");
        let hex: String = hash.finish().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }
}
