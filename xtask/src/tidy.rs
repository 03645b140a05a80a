//! Tidy: every rule of the house over the whole tree. A test of this crate runs it, so that `cargo test` does too.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::finding::Finding;
use crate::rules::{arrows, budget, fuzzed, hygiene, placement, sql, tokens};
use crate::tree::Tree;

/// All findings over the project at `root`, ordered by path and line.
///
/// # Errors
/// A file that cannot be read, or a `cargo metadata` that fails.
pub fn check(root: &Path) -> io::Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let mut findings = over(&tree);
    findings.extend(arrows::check(&metadata(root)?));
    findings.sort();
    Ok(findings)
}

/// All findings that the files alone give.
#[must_use]
pub fn over(tree: &Tree) -> Vec<Finding> {
    let mut findings = placement::check(tree, placement::PLACEMENTS, true);
    findings.extend(sql::check(tree));
    findings.extend(sql::stale(tree));
    findings.extend(tokens::check(tree));
    findings.extend(hygiene::check(tree));
    findings.extend(budget::check(tree));
    findings.extend(fuzzed::check(tree));
    findings.sort();
    findings
}

fn metadata(root: &Path) -> io::Result<arrows::Metadata> {
    #[expect(clippy::disallowed_methods, reason = "a developer command asks cargo about the workspace")]
    let output =
        Command::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
