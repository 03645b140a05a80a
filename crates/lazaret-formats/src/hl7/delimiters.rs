//! The delimiters that a message says it uses (HL7 v2.9 sections 2.5.4 and 2.7).

/// Five characters, of which only the first is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields: the byte after `MSH`.
    pub field: u8,
    /// Between components.
    pub component: Option<u8>,
    /// Between repetitions.
    pub repetition: Option<u8>,
    /// Around escapes.
    pub escape: Option<u8>,
    /// Between subcomponents.
    pub subcomponent: Option<u8>,
    /// At the end of a value that was cut (from version 2.7 on).
    pub truncation: Option<u8>,
}

impl Default for Delimiters {
    fn default() -> Delimiters {
        Delimiters::read(b"|^~\\&")
    }
}

impl Delimiters {
    /// Reads what follows `MSH`: the field delimiter and MSH-2. What is not there is nothing, and delimits nothing.
    pub fn read(after_msh: &[u8]) -> Delimiters {
        let mut bytes = after_msh.iter().copied();
        let field = bytes.next().unwrap_or(b'|');
        let mut rest = bytes.take_while(|&byte| byte != field && !super::is_break(byte));
        Delimiters {
            field,
            component: rest.next(),
            repetition: rest.next(),
            escape: rest.next(),
            subcomponent: rest.next(),
            truncation: rest.next(),
        }
    }

    /// Whether any is missing that every message has, stands for two things, or could be part of a word.
    pub fn are_odd(&self) -> bool {
        self.subcomponent.is_none() || self.are_ambiguous()
    }

    /// Whether any stands for two things, or could be part of a word: two readers may cut the message in two ways.
    pub fn are_ambiguous(&self) -> bool {
        let all = [Some(self.field), self.component, self.repetition, self.escape, self.subcomponent, self.truncation];
        let wordlike = |byte: u8| byte.is_ascii_alphanumeric() || !(b'!'..=b'~').contains(&byte);
        let mut seen = Vec::with_capacity(all.len());
        all.into_iter().flatten().any(|byte| {
            let twice = seen.contains(&byte);
            seen.push(byte);
            twice || wordlike(byte)
        })
    }

    /// MSH-2 as it is written.
    pub fn encoding_characters(&self) -> Vec<u8> {
        let all = [self.component, self.repetition, self.escape, self.subcomponent, self.truncation];
        all.into_iter().map_while(|byte| byte).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_its_delimiters() {
        let usual = Delimiters::read(b"|^~\\&|A");
        assert_eq!(usual, Delimiters::default());
        assert_eq!((usual.truncation, usual.are_odd()), (None, false));
        let other = Delimiters::read(b"*$!?%#*A");
        assert_eq!((other.field, other.component, other.truncation), (b'*', Some(b'$'), Some(b'#')));
        assert_eq!((other.are_odd(), other.encoding_characters()), (false, b"$!?%#".to_vec()));
    }

    #[test]
    fn odd_ones_are_read_and_marked() {
        assert_eq!(Delimiters::read(b"|^~").escape, None);
        for odd in [&b""[..], b"|", b"|^~\\", b"|^^\\&", b"|a~\\&", b"|^~\\|", b"| ~\\&", b"\xa6^~\\&"] {
            assert!(Delimiters::read(odd).are_odd(), "{odd:?}");
        }
    }
}
