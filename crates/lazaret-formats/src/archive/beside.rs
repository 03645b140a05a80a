//! What an archive carries beside its members: comments, extra fields, owners' names, gaps. It is no member's content, it
//! travels with the archive all the same, and whoever looks for something has to look here too.

use std::collections::BTreeSet;
use std::fmt;

/// Bytes that are kept of it.
pub const BESIDE_BYTES_MAX: usize = 1024 * 1024;
/// A short piece that comes again, as an owner's name does with every member, is kept once.
const REPEATED_BYTES_MAX: usize = 64;
const REPEATED_MAX: usize = 1024;

/// Pieces of bytes beside the members, text apart from what is none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Beside {
    text: Vec<u8>,
    opaque: Vec<u8>,
    more: bool,
    repeated: BTreeSet<Vec<u8>>,
}

/// It may tell of people, as names do: see [`crate::path::CrossingPath`].
impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, opaque) = (self.text.len(), self.opaque.len());
        write!(f, "Beside({text} bytes of text, {opaque} opaque, more: {})", self.more)
    }
}

impl Beside {
    /// Takes a piece. Zeros at its end, and blanks around it, say nothing.
    pub fn push(&mut self, piece: &[u8]) {
        let end = piece.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
        let piece = piece.get(..end).unwrap_or_default().trim_ascii();
        if piece.is_empty() || self.is_repeated(piece) {
            return;
        }
        if self.text.len().saturating_add(self.opaque.len()).saturating_add(piece.len()) > BESIDE_BYTES_MAX {
            self.more = true;
            return;
        }
        let kept = if is_text(piece) { &mut self.text } else { &mut self.opaque };
        kept.extend_from_slice(piece);
        kept.push(b'\n');
    }

    /// There was something that is not kept here.
    pub fn push_unread(&mut self) {
        self.more = true;
    }

    fn is_repeated(&mut self, piece: &[u8]) -> bool {
        if piece.len() > REPEATED_BYTES_MAX {
            return false;
        }
        if self.repeated.contains(piece) {
            return true;
        }
        if self.repeated.len() < REPEATED_MAX {
            self.repeated.insert(piece.to_vec());
        }
        false
    }

    /// The pieces that are UTF-8 without control characters, a line or more each, in their order.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The pieces that are anything else, one after another.
    pub fn opaque(&self) -> &[u8] {
        &self.opaque
    }

    /// Whether there was more than is kept.
    pub fn is_cut(&self) -> bool {
        self.more
    }
}

fn is_text(piece: &[u8]) -> bool {
    let sound = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    std::str::from_utf8(piece).is_ok_and(|text| text.chars().all(sound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_apart_from_what_is_none_and_repetitions_are_kept_once() {
        let mut beside = Beside::default();
        for piece in [&b"root\0\0"[..], b"root", b" ", b"\0\0", b"Mrs Roe", b"\x01\x02", b"M\xfcller", b"one\ntwo"] {
            beside.push(piece);
        }
        assert_eq!(beside.text(), b"root\nMrs Roe\none\ntwo\n");
        assert_eq!(beside.opaque(), b"\x01\x02\nM\xfcller\n");
        assert!(!beside.is_cut());
    }

    #[test]
    fn what_is_too_much_is_not_called_kept() {
        let mut beside = Beside::default();
        beside.push(&vec![b'x'; BESIDE_BYTES_MAX]);
        assert!(!beside.is_cut());
        beside.push(b"y");
        assert!(beside.is_cut());
    }
}
