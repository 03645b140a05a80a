//! Names of members are data. What would leave the tree, hide, or be two things to two readers is bad.

use std::collections::HashSet;

/// Whether a member's name is one that no reader could take for something else.
pub(super) fn is_sound(name: &str) -> bool {
    let decoded = percent_decoded(name);
    let plain: String = decoded.chars().map(folded).collect();
    let drive = plain.as_bytes().get(1) == Some(&b':');
    !name.is_empty()
        && !plain.starts_with('/')
        && !drive
        && !plain.contains(':')
        && !plain.split('/').any(|part| part.trim_end_matches([' ', '.']).is_empty() && part.starts_with(".."))
        && !decoded.chars().any(is_hidden)
}

/// What a reader that normalises would make of a character (Unicode NFKC, and the other separator).
fn folded(c: char) -> char {
    match c {
        '\\' | '\u{2044}' | '\u{2215}' | '\u{ff0f}' | '\u{ff3c}' | '\u{29f8}' => '/',
        '\u{2024}' | '\u{ff0e}' => '.',
        '\u{ff1a}' => ':',
        other => other,
    }
}

/// Control characters, and those that turn or hide text (UAX 9; Unicode general category Cf as far as names can hide by it).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}' | '\u{2025}')
}

/// Percent escapes taken out, twice: some readers do.
fn percent_decoded(name: &str) -> String {
    let once = |text: &str| {
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, more)) = rest.split_first() {
            let hex = |at: usize| more.get(at).and_then(|b| char::from(*b).to_digit(16));
            match (first, hex(0), hex(1)) {
                (b'%', Some(high), Some(low)) => {
                    out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                    rest = more.get(2..).unwrap_or_default();
                }
                _ => {
                    out.push(*first);
                    rest = more;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    if name.contains('%') { once(&once(name)) } else { name.to_owned() }
}

/// Whether a link at `name` to `target` stays in the tree.
pub(super) fn stays_inside(name: &str, target: &str) -> bool {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let target: String = target.chars().map(folded).collect();
    if target.starts_with('/') || target.as_bytes().get(1) == Some(&b':') || target.chars().any(char::is_control) {
        return false;
    }
    let mut depth = 0_i64;
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    true
}

/// Names met so far, as a file system without case would see them.
#[derive(Default)]
pub(super) struct Met(HashSet<String>);

impl Met {
    /// Whether this name was met before.
    pub(super) fn again(&mut self, name: &str) -> bool {
        let plain: String = name.trim_start_matches("./").trim_end_matches('/').chars().map(folded).collect();
        !self.0.insert(plain.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_hide_or_differ_are_not_sound() {
        for name in [
            "../x",
            "a/../../x",
            "..\\x",
            "a\\..\\x",
            "%2e%2e/x",
            "%252e%252e/x",
            "..",
            "a/..",
            "/etc/passwd",
            "\\x",
            "C:\\x",
            "c:x",
            "a:stream",
            "a\0b",
            "a\u{202e}fdp.exe",
            "a\nb",
            "\u{ff0e}\u{ff0e}/x",
            "..\u{2215}x",
            "",
            ".. /x",
            "a\u{200b}",
        ] {
            assert!(!is_sound(name), "{name:?}");
        }
        for name in ["a", "a/b.txt", "./a", "a..b", "...x", "ordner/Müller.pdf", "100%.txt", "a b", ".hidden", "a/./b"]
        {
            assert!(is_sound(name), "{name:?}");
        }
    }

    #[test]
    fn links_stay_inside_or_do_not() {
        assert!(stays_inside("a/b/link", "../c") && stays_inside("link", "x") && stays_inside("a/link", "../x"));
        assert!(!stays_inside("link", "../x") && !stays_inside("a/link", "../../x") && !stays_inside("link", "/etc"));
        assert!(!stays_inside("a/link", "b/../../../x"));
    }

    #[test]
    fn names_that_differ_by_case_are_met_again() {
        let mut met = Met::default();
        assert!(!met.again("A/b.txt"));
        assert!(met.again("a/B.TXT") && met.again("./A/b.txt"));
    }
}
