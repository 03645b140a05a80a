//! One Rust file as the rules see it: code apart from text, tests apart from product, functions with their lengths.

use crate::lexer::{Piece, is_ident, lex};

/// A function's name and its extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The name as written.
    pub name: String,
    /// Line of the word `fn`, counted from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub lines: usize,
    /// Byte offset of the word `fn`.
    pub at: usize,
}

/// A file, taken apart once.
#[derive(Debug)]
pub struct Source {
    /// Path from the project's root, with forward slashes.
    pub path: String,
    /// The text as it stands on disk.
    pub text: String,
    /// The text with comments and literal contents blanked; same offsets.
    pub code: String,
    /// String literals.
    pub literals: Vec<Piece>,
    /// Comments, documentation included.
    pub comments: Vec<Piece>,
    /// Functions that have a body, in order.
    pub functions: Vec<Function>,
    /// Whether the whole file is test code.
    pub is_test: bool,
    line_starts: Vec<usize>,
    test_spans: Vec<(usize, usize)>,
}

impl Source {
    /// Takes a file apart.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Source {
        let lexed = lex(text);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code: lexed.code,
            literals: lexed.literals,
            comments: lexed.comments,
            functions: Vec::new(),
            is_test: path.split('/').any(|part| ["tests", "benches", "examples"].contains(&part)),
            line_starts,
            test_spans: Vec::new(),
        };
        source.functions = source.find_functions();
        source.test_spans = source.test_items().filter_map(|(_, span)| span).collect();
        source
    }

    /// Line of a byte offset, counted from 1.
    #[must_use]
    pub fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= at)
    }

    /// Number of lines in the file.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Whether test code stands at this offset.
    #[must_use]
    pub fn in_test(&self, at: usize) -> bool {
        self.is_test || self.test_spans.iter().any(|&(from, to)| (from..to).contains(&at))
    }

    /// Offsets at which one of these words stands as code, not as a part of a longer word.
    #[must_use]
    pub fn words(&self, wanted: &[&str]) -> Vec<usize> {
        let mut found: Vec<usize> = wanted.iter().flat_map(|word| find_word(&self.code, word)).collect();
        found.sort_unstable();
        found
    }

    /// The code before a literal is `before`, white space aside: `format!(` before a format string, for one.
    #[must_use]
    pub fn follows(&self, at: usize, before: &str) -> bool {
        self.code.get(..at).unwrap_or_default().trim_end().ends_with(before)
    }

    /// Names of the modules that this file declares as tests: `#[cfg(test)] mod name;`.
    #[must_use]
    pub fn test_modules(&self) -> Vec<String> {
        let named = self.test_items().filter(|(_, span)| span.is_none());
        named.filter_map(|(item, _)| word_after(item, "mod")).collect()
    }

    /// Items under `#[cfg(test)]`: their code and, when they have a body here, their span.
    fn test_items(&self) -> impl Iterator<Item = (&str, Option<(usize, usize)>)> {
        self.code.match_indices("#[cfg(").filter_map(|(at, _)| {
            let close = matching(&self.code, at + 1, b'[', b']')?;
            let condition = self.code.get(at..close)?;
            let only_tests = !find_word(condition, "test").is_empty()
                && find_word(condition, "not").is_empty()
                && find_word(condition, "any").is_empty();
            if !only_tests {
                return None;
            }
            let item = self.code.get(close..)?;
            match body_of(item) {
                Some((_, end)) => Some((item.get(..end)?, Some((at, close + end)))),
                None => Some((item.split_inclusive(';').next()?, None)),
            }
        })
    }

    fn find_functions(&self) -> Vec<Function> {
        find_word(&self.code, "fn").into_iter().filter_map(|at| self.function_at(at)).collect()
    }

    fn function_at(&self, at: usize) -> Option<Function> {
        let rest = self.code.get(at..)?;
        let name = word_after(rest, "fn")?;
        let (_, end) = body_of(rest)?;
        let line = self.line_of(at);
        let last = self.line_of(at + end - 1);
        Some(Function { name, line, lines: last - line + 1, at })
    }
}

/// Offsets of a word in code. A word's end that is no identifier character, such as `(` or `!`, is taken as it is.
#[must_use]
pub fn find_word(code: &str, word: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let starts_word = word.as_bytes().first().copied().is_some_and(is_ident);
    let ends_word = word.as_bytes().last().copied().is_some_and(is_ident);
    let free = |at: Option<usize>| !at.and_then(|at| bytes.get(at)).copied().is_some_and(is_ident);
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| !starts_word || free(at.checked_sub(1)))
        .filter(|&at| !ends_word || free(Some(at + word.len())))
        .collect()
}

/// The identifier after a leading word; `None` when something else stands there, as in the type `fn(u8)`.
fn word_after(code: &str, word: &str) -> Option<String> {
    let at = *find_word(code, word).first()?;
    let rest = code.get(at + word.len()..)?;
    let name: String = rest.trim_start().chars().take_while(|&c| c.is_ascii_alphanumeric() || c == '_').collect();
    (rest.starts_with(char::is_whitespace) && !name.is_empty()).then_some(name)
}

/// Span of the first body in braces, closing brace included; `None` when a semicolon ends the item before.
fn body_of(item: &str) -> Option<(usize, usize)> {
    let mut depth = 0_i32;
    for (at, byte) in item.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some((at, matching(item, at, b'{', b'}')?)),
            _ => {}
        }
    }
    None
}

/// Offset just after the bracket that closes the one at `open`.
#[must_use]
pub fn matching(code: &str, open: usize, opens: u8, closes: u8) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        if byte == opens {
            depth += 1;
        } else if byte == closes {
            depth -= 1;
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let text = "fn a() {}\n\npub async fn b<T>(x: [u8; 2]) -> [u8; 3]\nwhere\n    T: Copy,\n{\n    \"}\";\n}\n";
        let found: Vec<(String, usize, usize)> =
            Source::new("x.rs", text).functions.into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("a".to_owned(), 1, 1), ("b".to_owned(), 3, 6)]);
    }

    #[test]
    fn declarations_and_function_types_are_not_functions() {
        assert!(Source::new("x.rs", "trait A { fn a(&self); }\ntype B = fn(u8) -> u8;\n").functions.is_empty());
    }

    #[test]
    fn code_under_cfg_test_is_test_code_and_the_rest_is_not() {
        let source = Source::new("x.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n");
        let in_test: Vec<bool> = source.functions.iter().map(|f| source.in_test(f.at)).collect();
        assert_eq!(in_test, [false, true, false]);
        let other = Source::new("x.rs", "#[cfg(not(test))]\nfn a() {}\n#[cfg(any(test, unix))]\nfn b() {}\n");
        assert!(other.functions.iter().all(|f| !other.in_test(f.at)));
        assert!(Source::new("crates/a/tests/it/b.rs", "fn a() {}").in_test(0));
    }

    #[test]
    fn a_test_module_in_its_own_file_is_named() {
        let source = Source::new("x.rs", "#[cfg(test)]\nmod cases;\nmod other;\n");
        assert_eq!(source.test_modules(), ["cases"]);
    }

    #[test]
    fn a_word_is_not_found_inside_a_longer_one() {
        assert_eq!(find_word("todo!() my_todo!() todo", "todo!"), [0]);
        assert_eq!(find_word("Cleared::assertion( UnCleared::assertion(", "Cleared::assertion("), [0]);
    }
}
