//! The two kinds of text inside notes, proofs and policies that have more than one spelling, each held to one: base64 and
//! decimal numbers.

use base64::Engine as _;
// RFC 4648 section 4, with padding; the decoder refuses missing padding and bits that mean nothing.
use base64::engine::general_purpose::STANDARD;

use crate::tree::Hash;

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Base64 of exactly 32 bytes.
pub(crate) fn hash_from_base64(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok()
}

/// ASCII digits without zeros in front; `0` itself is a number.
pub(crate) fn from_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Whether a character is one that no text of ours holds: a control character (Unicode's category Cc) other than the newline.
/// signed-note ("Format") forbids those below U+0020; the others, U+007F to U+009F, steer terminals alike.
pub(crate) fn is_forbidden_control(character: char) -> bool {
    character.is_control() && character != '\n'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(from_decimal("0"), Some(0));
        assert_eq!(from_decimal("18446744073709551615"), Some(u64::MAX));
        for other in ["", "00", "01", "+1", "-0", " 1", "1 ", "1.0", "0x1", "١", "18446744073709551616"] {
            assert_eq!(from_decimal(other), None, "{other:?}");
        }
    }

    #[test]
    fn bytes_have_one_spelling() {
        assert_eq!(from_base64("AA=="), Some(vec![0]));
        for other in ["AA", "AA=", "AB==", "AA==\n", " AA==", "A===", "AA== ", "_w==", "AAA=A"] {
            assert_eq!(from_base64(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_hash_has_32_bytes() {
        assert_eq!(hash_from_base64(&to_base64(&[7; 32])), Some([7; 32]));
        assert_eq!(hash_from_base64(&to_base64(&[7; 31])), None);
        assert_eq!(hash_from_base64(&to_base64(&[7; 33])), None);
    }
}
