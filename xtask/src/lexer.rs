//! Tells a Rust file's code from its comments and its literals, by the lexical rules of the Rust reference.
//!
//! It is not a parser: it answers "is this word code?", which a plain search cannot. The code it returns has the same
//! length as the text, so that an offset in one is an offset in the other.

/// A string literal or a comment, with the offset at which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Byte offset of the first character, delimiter included.
    pub at: usize,
    /// What stands between the delimiters, escapes left as written.
    pub text: String,
}

/// A file taken apart.
#[derive(Debug, Default)]
pub struct Lexed {
    /// The text with comments and literal contents blanked: ASCII, same length, same line ends.
    pub code: String,
    /// String literals of every form: plain, byte, C and raw.
    pub literals: Vec<Piece>,
    /// Comments, documentation included, without their slashes.
    pub comments: Vec<Piece>,
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    out: Lexed,
}

/// Takes a file apart. Any text is accepted: what does not end is taken to end with the file.
#[must_use]
pub fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, out: Lexed::default() };
    while lexer.at < lexer.bytes.len() {
        lexer.step();
    }
    assert_eq!(lexer.out.code.len(), text.len(), "code and text have one set of offsets");
    lexer.out
}

/// Whether this byte can stand inside an identifier.
#[must_use]
pub fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (b'/', b'/') => self.line_comment(),
            (b'/', b'*') => self.block_comment(),
            (b'"', _) => self.string(),
            (b'\'', _) => self.quote(),
            (b'r', b'"' | b'#') if !self.after_word() && self.raw_hashes().is_some() => self.raw_string(),
            (byte, _) => self.keep(byte),
        }
    }

    /// `br"` and `cr"` are raw strings, `var"` never occurs: a prefix of one letter does not make `r` part of a word.
    fn after_word(&self) -> bool {
        let before = |back: usize| self.at.checked_sub(back).and_then(|at| self.bytes.get(at)).copied().unwrap_or(0);
        let prefix = matches!(before(1), b'b' | b'c') && !is_ident(before(2));
        is_ident(before(1)) && !prefix
    }

    fn keep(&mut self, byte: u8) {
        let kept = if byte.is_ascii() { char::from(byte) } else { '_' };
        self.out.code.push(kept);
        self.at += 1;
    }

    fn blank_until(&mut self, end: usize) {
        while self.at < end.min(self.bytes.len()) {
            self.out.code.push(if self.peek(0) == b'\n' { '\n' } else { ' ' });
            self.at += 1;
        }
    }

    fn slice(&self, from: usize, to: usize) -> String {
        self.text.get(from..to.min(self.text.len())).unwrap_or_default().to_owned()
    }

    fn line_comment(&mut self) {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == b'\n').map_or(self.bytes.len(), |length| start + length);
        self.out.comments.push(Piece { at: start, text: self.slice(start + 2, end) });
        self.blank_until(end);
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0_usize;
        let mut end = start;
        while end < self.bytes.len() {
            match (self.bytes.get(end), self.bytes.get(end + 1)) {
                (Some(b'/'), Some(b'*')) => (depth, end) = (depth + 1, end + 2),
                (Some(b'*'), Some(b'/')) => (depth, end) = (depth.saturating_sub(1), end + 2),
                _ => end += 1,
            }
            if depth == 0 {
                break;
            }
        }
        self.out
            .comments
            .push(Piece { at: start, text: self.slice(start + 2, if depth == 0 { end - 2 } else { end }) });
        self.blank_until(end);
    }

    fn string(&mut self) {
        let start = self.at;
        let mut end = start + 1;
        while let Some(&byte) = self.bytes.get(end) {
            match byte {
                b'\\' => end += 2,
                b'"' => break,
                _ => end += 1,
            }
        }
        self.literal(start, start + 1, end, end + 1);
    }

    /// The number of `#` if a raw string begins here; `None` for a raw identifier such as `r#type`.
    fn raw_hashes(&self) -> Option<usize> {
        let rest = self.bytes.get(self.at + 1..)?;
        let hashes = rest.iter().take_while(|&&byte| byte == b'#').count();
        (rest.get(hashes) == Some(&b'"')).then_some(hashes)
    }

    fn raw_string(&mut self) {
        let hashes = self.raw_hashes().unwrap_or(0);
        let open = self.at + 1 + hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        let found = self.text.get(open..).and_then(|rest| rest.find(&close));
        let end = found.map_or(self.bytes.len(), |length| open + length);
        self.literal(self.at, open, end, end + close.len());
    }

    fn literal(&mut self, start: usize, open: usize, end: usize, after: usize) {
        self.out.literals.push(Piece { at: start, text: self.slice(open, end) });
        // The quotes stay, so that a rule can see that a literal stands here.
        self.blank_until(open - 1);
        if self.at < self.bytes.len() {
            self.keep(b'"');
        }
        self.blank_until(end);
        if self.at < self.bytes.len() {
            self.keep(b'"');
        }
        self.blank_until(after);
    }

    /// A character literal or a lifetime: `'a'` closes after one character, `'a` does not.
    fn quote(&mut self) {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let mut chars = rest.chars();
        let length = match chars.next() {
            Some('\\') => {
                let skip: usize = chars.next().map_or(0, char::len_utf8);
                let after = rest.get(1 + skip..).unwrap_or_default();
                after.find('\'').map(|found| 1 + skip + found)
            }
            Some(first) if chars.next() == Some('\'') => Some(first.len_utf8()),
            _ => None,
        };
        match length {
            Some(length) => self.blank_until(self.at + 1 + length + 1),
            None => self.keep(b'\''),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code_words: &[&str], literals: &[&str], comments: &[&str]) {
        let lexed = lex(text);
        assert_eq!(lexed.code.split_whitespace().collect::<Vec<_>>(), code_words, "code of {text}");
        let texts = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&lexed.literals), literals, "literals of {text}");
        assert_eq!(texts(&lexed.comments), comments, "comments of {text}");
    }

    #[test]
    fn comments_and_literals_are_never_code() {
        check("a // b\nc", &["a", "c"], &[], &[" b"]);
        check("a /* b /* c */ d */ e", &["a", "e"], &[], &[" b /* c */ d "]);
        check(r#"f("x // y")"#, &["f(\"", "\")"], &["x // y"], &[]);
        check(r#"f("a\"b", 1)"#, &["f(\"", "\",", "1)"], &[r#"a\"b"#], &[]);
        check("r#\"a\"b\"# c", &["\"", "\"", "c"], &["a\"b"], &[]);
        check("br\"a\\\" c", &["b", "\"", "\"", "c"], &["a\\"], &[]);
        check("b\"a\" c", &["b\"", "\"", "c"], &["a"], &[]);
    }

    #[test]
    fn a_lifetime_is_not_a_character_and_a_quote_in_a_character_opens_nothing() {
        check("fn f<'a>(x: &'a str)", &["fn", "f<'a>(x:", "&'a", "str)"], &[], &[]);
        check("x = '\"'; y", &["x", "=", ";", "y"], &[], &[]);
        check("x = '\\''; \"s\"", &["x", "=", ";", "\"", "\""], &["s"], &[]);
        check("x = 'é'; 'static", &["x", "=", ";", "'static"], &[], &[]);
        check("r#type + for_r", &["r#type", "+", "for_r"], &[], &[]);
    }

    #[test]
    fn what_does_not_end_ends_with_the_file() {
        check("a \"b", &["a", "\""], &["b"], &[]);
        check("a /* b", &["a"], &[], &[" b"]);
        check("a r#\"b", &["a", "\""], &["b"], &[]);
    }

    #[test]
    fn offsets_and_lines_stay() {
        let text = "let a = \"é\nb\"; // ü\nlet c = 1;";
        let lexed = lex(text);
        assert_eq!(lexed.code.len(), text.len());
        assert_eq!(lexed.code.lines().count(), text.lines().count());
    }
}
