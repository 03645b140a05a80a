//! Names of members as data: what is wrong with one, and whether a link leads out of its archive.
//!
//! A name is looked at as each program may read it: as it is, with percent escapes taken out, and with characters that
//! look like dots and slashes turned into them. What any of them would take for a way out is one.

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::NAME_BYTES_MAX;
use crate::path::{is_bidi_control, percent_decode_once};

/// What is wrong with a member's name: each is `bad archive.name`, but [`NameFault::TooLong`], which is a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NameFault {
    /// More than [`NAME_BYTES_MAX`] bytes.
    TooLong,
    /// Nothing, or only slashes. The root itself, `.` or `./`, is a folder that many archives have.
    Empty,
    /// It begins at a root.
    Absolute,
    /// It has a component `..`.
    Parent,
    /// It begins with a drive letter.
    Drive,
    /// It has a colon: a stream of another file, on NTFS.
    Stream,
    /// A NUL, before which some programs stop reading.
    Nul,
    /// Another control character.
    Control,
    /// A character that turns the direction of text.
    Bidi,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameFault::TooLong => "a name of more than 4096 bytes",
            NameFault::Empty => "an empty name",
            NameFault::Absolute => "a name that begins at a root",
            NameFault::Parent => "a name that leads upwards",
            NameFault::Drive => "a name with a drive letter",
            NameFault::Stream => "a name with a colon",
            NameFault::Nul => "a name with a NUL character",
            NameFault::Control => "a name with a control character",
            NameFault::Bidi => "a name with a character that changes the direction of text",
        })
    }
}

/// Everything that is wrong with a member's name, each once; nothing for a good one. Names that are not UTF-8 are read as
/// far as they are.
pub fn name_faults(name: &[u8]) -> BTreeSet<NameFault> {
    let mut faults = BTreeSet::new();
    if name.len() > NAME_BYTES_MAX {
        faults.insert(NameFault::TooLong);
        return faults;
    }
    for reading in readings(name) {
        look(&reading, &mut faults);
    }
    faults
}

/// The name as programs may read it: as it is, and with one and two rounds of percent escapes taken out.
fn readings(name: &[u8]) -> Vec<String> {
    let plain = slashed(&String::from_utf8_lossy(name));
    let mut readings = vec![plain];
    let mut bytes = name.to_vec();
    for _ in 0..2 {
        match percent_decode_leniently(&bytes) {
            Some(decoded) => bytes = decoded,
            None => break,
        }
        readings.push(slashed(&String::from_utf8_lossy(&bytes)));
    }
    readings
}

/// Percent escapes taken out where they are whole; nothing if there is none.
fn percent_decode_leniently(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let escape = rest.get(..3).filter(|_| byte == b'%');
        match escape.and_then(|escape| percent_decode_once(escape).ok()) {
            Some(decoded) => {
                out.extend(decoded);
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    (out.len() < bytes.len()).then_some(out)
}

/// What looks like a dot or a slash becomes one: compatibility forms (UAX #15, NFKC), and slashes that have none.
fn slashed(text: &str) -> String {
    let slash = |c: char| {
        if matches!(c, '\\' | '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{2216}' | '\u{29f5}') { '/' } else { c }
    };
    text.nfkc().map(slash).collect()
}

fn look(name: &str, faults: &mut BTreeSet<NameFault>) {
    let mut add = |fault: NameFault, present: bool| {
        if present {
            faults.insert(fault);
        }
    };
    let mut components = name.split('/');
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    add(NameFault::Absolute, name.starts_with('/'));
    add(NameFault::Drive, drive);
    add(NameFault::Stream, !drive && name.contains(':'));
    add(NameFault::Nul, name.contains('\0'));
    add(NameFault::Control, name.chars().any(|c| c != '\0' && c.is_control()));
    add(NameFault::Bidi, name.chars().any(is_bidi_control));
    // Windows drops dots and spaces at the end, so `.. ` is `..` to it.
    let trimmed = |part: &str| part.trim_end_matches([' ', '.']).is_empty() && part.contains("..");
    add(NameFault::Parent, components.clone().any(|part| part == ".." || trimmed(part)));
    add(NameFault::Empty, components.all(str::is_empty));
}

/// The names of an archive's members, compared as a system compares them that ignores case.
#[derive(Debug, Clone, Default)]
pub struct NameSet {
    folded: BTreeSet<String>,
}

impl NameSet {
    /// An empty set.
    pub fn new() -> NameSet {
        NameSet::default()
    }

    /// Adds a name; `false` if one was there that differs in case, form or slashes at most.
    pub fn insert(&mut self, name: &[u8]) -> bool {
        self.folded.insert(folded(name))
    }
}

fn folded(name: &[u8]) -> String {
    let slashed = String::from_utf8_lossy(name).replace('\\', "/");
    let parts: Vec<&str> = slashed.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    // Up and down again folds what has no small or no single capital letter of its own, such as ß.
    parts.join("/").to_uppercase().to_lowercase().nfc().collect()
}

/// Whether a symbolic link of this name leads out of the archive, or to a root.
pub fn symlink_escapes(name: &[u8], target: &[u8]) -> bool {
    let name = slashed(&String::from_utf8_lossy(name));
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    escapes(depth(folder), target)
}

/// Whether a hard link leads out of the archive: its target is counted from the archive's root.
pub fn hardlink_escapes(target: &[u8]) -> bool {
    escapes(Some(0), target)
}

fn escapes(depth_of_folder: Option<usize>, target: &[u8]) -> bool {
    let Some(mut depth) = depth_of_folder else { return true };
    let target = slashed(&String::from_utf8_lossy(target));
    let drive = matches!(target.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if target.starts_with('/') || drive || target.contains('\0') {
        return true;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

/// How many folders down a folder is; nothing if it is not within the archive.
fn depth(folder: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.checked_sub(1)?,
            _ => depth += 1,
        }
    }
    Some(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &[NameFault]) {
        let faults: Vec<NameFault> = name_faults(name.as_bytes()).into_iter().collect();
        assert_eq!(faults, expected, "{name:?}");
    }

    #[test]
    fn good_names_have_no_fault() {
        for name in [
            "a",
            "a/b.txt",
            "a/",
            "./a",
            "word/_rels/document.xml.rels",
            "100%.txt",
            "a%20b",
            "Ä é",
            "..a",
            "a..",
            "x/...y",
        ] {
            check(name, &[]);
        }
        assert!(name_faults(b"caf\xe9.txt").is_empty());
    }

    #[test]
    fn every_way_out_is_found_however_it_is_written() {
        for name in [
            "../a",
            "a/../../b",
            "..",
            "a\\..\\b",
            "%2e%2e/a",
            "%2e%2e%2fa",
            "%252e%252e/a",
            "a/..%5cb",
            "\u{ff0e}\u{ff0e}/a",
            "\u{2025}/a",
            "..\u{2215}a",
            "..\u{ff0f}a",
            ".. /a",
            ".../a",
        ] {
            check(name, &[NameFault::Parent]);
        }
        for name in ["/etc/passwd", "\\\\host\\share", "%2fetc", "\u{ff0f}etc", "\\a"] {
            check(name, &[NameFault::Absolute]);
        }
        check("C:\\x", &[NameFault::Drive]);
        check("c:x", &[NameFault::Drive]);
        check("C%3a/x", &[NameFault::Drive]);
        check("a.txt:evil.exe", &[NameFault::Stream]);
        check("a\0.txt", &[NameFault::Nul]);
        check("a\n", &[NameFault::Control]);
        check("a\u{9b}", &[NameFault::Control]);
        check("cod\u{202e}fdp.exe", &[NameFault::Bidi]);
        check("", &[NameFault::Empty]);
        check("/", &[NameFault::Empty, NameFault::Absolute]);
        check(&"a".repeat(NAME_BYTES_MAX), &[]);
        check(&"a".repeat(NAME_BYTES_MAX + 1), &[NameFault::TooLong]);
    }

    #[test]
    fn names_that_some_system_takes_for_one_are_one() {
        let mut names = NameSet::new();
        assert!(names.insert(b"Word/Document.xml"));
        for same in ["word/document.XML", "word\\document.xml", "./word//document.xml", "word/document.xml/"] {
            assert!(!names.insert(same.as_bytes()), "{same}");
        }
        assert!(names.insert(b"word/document2.xml"));
        assert!(names.insert("stra\u{df}e".as_bytes()) && !names.insert(b"STRASSE"));
        assert!(names.insert("caf\u{e9}".as_bytes()) && !names.insert("cafe\u{301}".as_bytes()));
    }

    #[test]
    fn links_stay_within_their_archive() {
        let symlink = |name: &str, target: &str| symlink_escapes(name.as_bytes(), target.as_bytes());
        assert!(!symlink("a/b/link", "../c") && !symlink("a/b/link", "../../c") && !symlink("link", "a/b"));
        assert!(!symlink("a/link", "b/../../c") && !symlink("link", "."));
        for (name, target) in [
            ("link", "../c"),
            ("a/link", "../../c"),
            ("a/link", "/etc/passwd"),
            ("a/link", "C:\\x"),
            ("a/link", "..\\..\\c"),
            ("a/link", "b/../../../c"),
            ("../link", "c"),
        ] {
            assert!(symlink(name, target), "{name} -> {target}");
        }
        assert!(hardlink_escapes(b"../x") && hardlink_escapes(b"/x") && !hardlink_escapes(b"a/../x"));
    }
}
