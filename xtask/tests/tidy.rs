//! The project itself keeps the rules of its house.

use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

// EVIDENCE-OF
#[test]
fn the_tree_keeps_every_rule_of_the_house() {
    let findings = xtask::tidy::check(root()).expect("the tree can be read");
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(text.is_empty(), "{}", text.join("\n"));
}

// EVIDENCE-OF: R-421
#[test]
fn no_locked_version_is_below_its_floor() {
    let findings = xtask::floors::check(root()).expect("Cargo.lock and security/advisories.toml can be read");
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(text.is_empty(), "{}", text.join("\n"));
}

#[test]
fn every_requirement_in_force_is_met_by_a_named_test() {
    let matrix = xtask::evidence::read(root()).expect("docs/requirements.toml can be read");
    let text: Vec<String> = matrix.findings().iter().map(ToString::to_string).collect();
    assert!(text.is_empty(), "{}", text.join("\n"));
}
