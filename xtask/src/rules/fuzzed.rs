//! Every parser has a fuzz target, and every target is built: a parser that nobody fuzzes is where the next hole is.

use crate::finding::Finding;
use crate::source::{Source, find_word, matching};
use crate::tree::Tree;

/// Where the targets lie.
pub const TARGETS: &str = "fuzz/fuzz_targets/";
/// What makes a program of each.
pub const MANIFEST: &str = "fuzz/Cargo.toml";

/// The crates that turn foreign bytes into types.
const PARSING: &[&str] = &[
    "crates/lazaret-core/src/",
    "crates/lazaret-formats/src/",
    "crates/lazaret-inspect/src/",
    "crates/lazaret-ledger/src/",
];

/// Compares sources, manifest and parsers.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = unbuilt(tree);
    let targets: Vec<&Source> = tree.under(&[TARGETS]).collect();
    for parser in tree.under(PARSING).flat_map(parsers) {
        if !targets.iter().any(|target| !find_word(&target.code, &parser.known_by).is_empty()) {
            let text = format!("`{}` reads foreign bytes and no target in {TARGETS} names it", parser.known_by);
            findings.push(Finding::new(parser.path, parser.line, text));
        }
    }
    findings
}

/// Names of the targets, in order.
pub fn names(tree: &Tree) -> impl Iterator<Item = &str> {
    tree.sources.iter().filter_map(|source| source.path.strip_prefix(TARGETS)?.strip_suffix(".rs"))
}

/// Sources that the manifest does not build, and programs without a source.
fn unbuilt(tree: &Tree) -> Vec<Finding> {
    let manifest = tree.text(MANIFEST);
    let built: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
        .collect();
    let unbuilt = names(tree).filter(|name| !built.contains(name));
    let mut findings: Vec<Finding> = unbuilt
        .map(|name| Finding::whole(&format!("{TARGETS}{name}.rs"), format!("no [[bin]] of {MANIFEST} builds it")))
        .collect();
    let gone = built.iter().filter(|name| !names(tree).any(|known| known == **name));
    findings.extend(gone.map(|name| Finding::whole(MANIFEST, format!("{TARGETS}{name}.rs does not exist"))));
    findings
}

struct Parser<'t> {
    path: &'t str,
    line: usize,
    /// The type that it makes; the function itself where it stands alone.
    known_by: String,
}

/// Public functions that are named as parsers and do not work on a value that was parsed before.
fn parsers(source: &Source) -> Vec<Parser<'_>> {
    let named = source.functions.iter().filter(|function| {
        let parses =
            ["parse", "decode"].iter().any(|verb| function.name.starts_with(verb)) && is_public(source, function.at);
        (parses || function.name == "from_str") && !takes_self(source, function.at) && !source.in_test(function.at)
    });
    named
        .map(|function| Parser {
            path: &source.path,
            line: function.line,
            known_by: implementor(source, function.at).unwrap_or_else(|| function.name.clone()),
        })
        .collect()
}

fn is_public(source: &Source, at: usize) -> bool {
    let before = source.code.get(..at).unwrap_or_default().trim_end().trim_end_matches("const").trim_end();
    before.ends_with("pub")
}

fn takes_self(source: &Source, at: usize) -> bool {
    let rest = source.code.get(at..).unwrap_or_default();
    let arguments = rest.split_once('(').map_or("", |(_, arguments)| arguments);
    let first = arguments.split([',', ')', ':']).next().unwrap_or_default();
    !find_word(first, "self").is_empty()
}

/// The type whose `impl` block holds this offset.
fn implementor(source: &Source, at: usize) -> Option<String> {
    let blocks = find_word(&source.code, "impl").into_iter().filter(|&block| block < at);
    blocks.rev().find_map(|block| {
        let head_end = block + source.code.get(block..)?.find('{')?;
        let holds = head_end < at && at < matching(&source.code, head_end, b'{', b'}')?;
        let head = source.code.get(block..head_end)?;
        let subject = find_word(head, "for").last().map_or_else(|| after_generics(head), |&at| head.get(at + 3..));
        let name: String =
            subject?.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        (holds && !name.is_empty()).then_some(name)
    })
}

/// The head of an `impl` after the word and its own parameters.
fn after_generics(head: &str) -> Option<&str> {
    let rest = head.strip_prefix("impl")?;
    if rest.starts_with('<') { rest.get(matching(rest, 0, b'<', b'>')?..) } else { Some(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: (&str, &str) = (MANIFEST, "[[bin]]\nname = \"a_b\"\npath = \"fuzz_targets/a_b.rs\"\n");

    fn findings(parser: &str, target: &str) -> Vec<String> {
        let tree =
            Tree::new([BUILT, ("crates/lazaret-formats/src/a.rs", parser), ("fuzz/fuzz_targets/a_b.rs", target)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_parser_without_a_target_is_found() {
        for parser in [
            "impl<'a> Thing<'a> {\n pub fn parse(bytes: &[u8]) -> u8 { 0 }\n}",
            "impl Thing {\n pub const fn decode_all<T>(text: &str) -> u8 { 0 }\n}",
            "impl<T: Kind> FromStr for Thing<T> {\n fn from_str(text: &str) -> u8 { 0 }\n}",
        ] {
            assert_eq!(findings(parser, "Thing::parse(data)"), Vec::<String>::new(), "{parser}");
            let found = findings(parser, "Other::parse(data)");
            assert!(
                found.len() == 1 && found[0].starts_with("crates/lazaret-formats/src/a.rs:2: `Thing`"),
                "{found:?}"
            );
        }
        assert_eq!(findings("pub fn parse_line(a: &str) {}", "parse_line(data)"), Vec::<String>::new());
        assert_eq!(findings("pub fn parse_line(a: &str) {}", "parse_lines(data)").len(), 1);
    }

    #[test]
    fn what_is_private_or_works_on_a_value_needs_none() {
        for other in [
            "fn parse(a: &str) {}",
            "pub(crate) fn parse(a: &str) {}",
            "impl A {\n pub fn decode(&self) {}\n pub fn decode_part(self, b: u8) {}\n}",
            "#[cfg(test)]\nmod tests {\n pub fn parse(a: &str) {}\n}",
        ] {
            assert_eq!(findings(other, ""), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn a_source_that_is_no_program_and_a_program_without_source_are_found() {
        let tree = Tree::new([BUILT, ("fuzz/fuzz_targets/c.rs", "")]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "fuzz/fuzz_targets/c.rs: no [[bin]] of fuzz/Cargo.toml builds it",
                "fuzz/Cargo.toml: fuzz/fuzz_targets/a_b.rs does not exist",
            ]
        );
    }
}
