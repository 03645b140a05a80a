//! Proof tokens: a value that stands for a check that was made. Each is made at one place, or it proves nothing.

use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;

/// A token, the file of its one maker, and whether a copy would be a second proof.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// The type's name.
    pub name: &'static str,
    /// The file that holds the one call of its constructor.
    pub maker: &'static str,
    /// Whether it must not be `Clone` or `Copy`.
    pub single: bool,
}

/// The tokens and their makers.
pub const TOKENS: &[Token] = &[
    Token { name: "Inspecting", maker: "crates/lazaret-store/src/record.rs", single: true },
    Token { name: "Cleared", maker: "crates/lazaret-store/src/record.rs", single: true },
    Token { name: "Unclaimed", maker: "crates/lazaret-store/src/record.rs", single: true },
    Token { name: "Caller", maker: "crates/lazaret/src/auth/caller.rs", single: false },
    Token { name: "FourEyes", maker: "crates/lazaret-core/src/request.rs", single: true },
];

/// Counts the constructors' callers in product code.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let product: Vec<&Source> = tree.under(&["crates/"]).collect();
    let mut findings: Vec<Finding> = TOKENS.iter().flat_map(|token| check_token(&product, token)).collect();
    for source in &product {
        let hidden = source.words(&["Self::assertion("]).into_iter().filter(|&at| !source.in_test(at));
        findings.extend(hidden.map(|at| {
            Finding::new(&source.path, source.line_of(at), "name the token: `Self::assertion` hides a maker of proofs")
        }));
    }
    findings
}

fn check_token(product: &[&Source], token: &Token) -> Vec<Finding> {
    let call = format!("{}::assertion(", token.name);
    let mut calls = Vec::new();
    let mut findings = Vec::new();
    for source in product {
        let found = source.words(&[&call]).into_iter().filter(|&at| !source.in_test(at));
        calls.extend(found.map(|at| (source.path.as_str(), source.line_of(at))));
        findings.extend(copies(source, token));
    }
    if calls.is_empty() {
        findings.push(Finding::whole(token.maker, format!("`{}` is made nowhere; its maker belongs here", token.name)));
    }
    let strays = calls.iter().filter(|(path, _)| *path != token.maker);
    findings
        .extend(strays.map(|(path, line)| {
            Finding::new(path, *line, format!("`{}` is made in {} only", token.name, token.maker))
        }));
    let at_home = calls.iter().filter(|(path, _)| *path == token.maker).skip(1);
    findings.extend(
        at_home.map(|(path, line)| {
            Finding::new(path, *line, format!("a second maker of `{}`; a proof has one", token.name))
        }),
    );
    findings
}

/// A token that can be copied can be used twice.
fn copies(source: &Source, token: &Token) -> Vec<Finding> {
    let declared = source.words(&[&format!("pub struct {}", token.name)]);
    let bad = declared.into_iter().filter(|&at| {
        let before = source.code.get(..at).unwrap_or_default();
        let attributes = before.rsplit(['}', ';']).next().unwrap_or_default();
        token.single && ["Clone", "Copy"].iter().any(|name| !crate::source::find_word(attributes, name).is_empty())
    });
    bad.map(|at| Finding::new(&source.path, source.line_of(at), format!("`{}` must not be copied", token.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 3] = [
        (
            "crates/lazaret-store/src/record.rs",
            "fn a() { Cleared::assertion(t); Inspecting::assertion(t); Unclaimed::assertion(o); }",
        ),
        ("crates/lazaret/src/auth/caller.rs", "fn a() { Caller::assertion(w) }"),
        ("crates/lazaret-core/src/request.rs", "fn a() { FourEyes::assertion(r) }"),
    ];

    fn check_refused(path: &str, text: &str, why: &str) {
        let found = check(&Tree::new(GOOD.into_iter().filter(|(good, _)| *good != path).chain([(path, text)])));
        assert!(found.iter().any(|finding| finding.text.contains(why)), "{found:?}");
    }

    #[test]
    fn one_maker_each_is_well() {
        assert_eq!(check(&Tree::new(GOOD)), []);
        let tests = ("crates/lazaret-vault/tests/it.rs", "fn a() { Cleared::assertion(t) }");
        assert_eq!(check(&Tree::new(GOOD.into_iter().chain([tests]))), []);
    }

    #[test]
    fn a_second_maker_a_stray_one_a_hidden_one_and_none_are_found() {
        check_refused("crates/lazaret/src/crossing.rs", "fn a() { Cleared::assertion(t) }", "is made in");
        check_refused(
            "crates/lazaret/src/auth/caller.rs",
            "fn a() { Caller::assertion(w); Caller::assertion(w) }",
            "a second maker",
        );
        check_refused("crates/lazaret-core/src/request.rs", "fn a() {}", "made nowhere");
        check_refused("crates/lazaret-core/src/decision.rs", "fn a() { Self::assertion(t) }", "hides a maker");
    }

    #[test]
    fn a_proof_that_can_be_copied_is_found() {
        let decision = "crates/lazaret-core/src/decision.rs";
        check_refused(
            decision,
            "#[derive(Debug, Clone)]\n#[must_use]\npub struct Cleared { t: u8 }",
            "must not be copied",
        );
        let fine = (decision, "#[derive(Clone)]\nstruct A;\n#[derive(Debug)]\npub struct Cleared { t: u8 }");
        assert_eq!(check(&Tree::new(GOOD.into_iter().chain([fine]))), []);
    }
}
