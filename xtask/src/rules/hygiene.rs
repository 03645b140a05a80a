//! What no Rust file of ours holds: unfinished work, silenced tests, lints switched off without a reason.

use crate::finding::Finding;
use crate::source::{Source, find_word, matching};
use crate::tree::Tree;

/// Code that stands for code not written, or for a look that was forgotten.
const UNFINISHED: [(&str, &str); 4] = [
    ("todo!", "write it, or leave it out"),
    ("unimplemented!", "write it, or leave it out"),
    ("dbg!", "use tracing, or take it out"),
    ("#[ignore", "a test that does not run proves nothing; repair or delete it"),
];

/// Checks every Rust file, tests and developer programs included.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Finding> {
    let at = |offset: usize, text: String| Finding::new(&source.path, source.line_of(offset), text);
    let mut findings = Vec::new();
    if !opens_with_its_subject(&source.text) {
        findings.push(Finding::new(&source.path, 1, "begin with `//!`: what is this file, in a sentence?"));
    }
    for (word, instead) in UNFINISHED {
        findings
            .extend(find_word(&source.code, word).into_iter().map(|offset| at(offset, format!("{word}: {instead}"))));
    }
    for comment in &source.comments {
        let marks = ["FIXME", "TODO", "XXX"].into_iter().filter(|mark| !find_word(&comment.text, mark).is_empty());
        findings.extend(
            marks.map(|mark| at(comment.at, format!("{mark}: do it now, or write what is missing in the documents"))),
        );
    }
    for attribute in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
        let bare = source.code.match_indices(attribute).filter(|(offset, _)| !has_reason(&source.code, *offset));
        findings.extend(
            bare.map(|(offset, _)| at(offset, format!("{attribute}…)] without a reason: say why, or obey the lint"))),
        );
    }
    findings
}

fn has_reason(code: &str, offset: usize) -> bool {
    let end = matching(code, offset, b'[', b']').unwrap_or(code.len());
    code.get(offset..end).is_some_and(|attribute| !find_word(attribute, "reason").is_empty())
}

/// Whether the first thing in the file, attributes of the file aside, is its own documentation.
fn opens_with_its_subject(text: &str) -> bool {
    let mut rest = text.trim_start();
    while rest.starts_with("#![") {
        let Some(end) = matching(rest, 1, b'[', b']') else { return false };
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    rest.strip_prefix("//!").and_then(|doc| doc.lines().next()).is_some_and(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> usize {
        check(&Tree::new([("crates/lazaret/src/a.rs", text)])).len()
    }

    #[test]
    fn every_file_says_what_it_is_first() {
        assert_eq!(findings("//! What it is.\nfn a() {}"), 0);
        assert_eq!(findings("#![allow(x, reason = \"[y]\")]\n//! What it is.\n"), 0);
        assert_eq!(findings("fn a() {}\n//! late"), 1);
        assert_eq!(findings("//!\nfn a() {}"), 1);
        assert_eq!(findings("// What it is.\nfn a() {}"), 1);
        assert_eq!(findings(""), 1);
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_not_in_text() {
        for line in [
            "todo!()",
            "unimplemented!(\"x\")",
            "dbg!(x)",
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "// FIXME",
            "// TODO: x",
        ] {
            assert_eq!(findings(&format!("//! A.\nfn a() {{}}\n{line}\n")), 1, "{line}");
        }
        assert_eq!(findings("//! A.\nlet s = \"todo!()\"; // the todo! macro\n"), 0);
    }

    #[test]
    fn a_lint_is_switched_off_with_a_reason_only() {
        assert_eq!(findings("//! A.\n#[allow(dead_code)]\nfn a() {}"), 1);
        assert_eq!(findings("//! A.\n#[expect(\n    dead_code,\n)]\nfn a() {}"), 1);
        assert_eq!(findings("//! A.\n#[expect(\n    dead_code,\n    reason = \"why\"\n)]\nfn a() {}"), 0);
    }
}
