//! Which crate may know which: the complete list of arrows, and the outside crates that have one user each.

use serde::Deserialize;

use crate::finding::Finding;

/// Our crates and what each may depend on. What is not in this table does not belong in the workspace.
pub const ARROWS: &[(&str, &[&str])] = &[
    ("lazaret-core", &[]),
    ("lazaret-formats", &[]),
    ("lazaret-ledger", &[]),
    ("lazaret-vault", &["lazaret-core"]),
    ("lazaret-inspect", &["lazaret-core", "lazaret-formats"]),
    ("lazaret-store", &["lazaret-core", "lazaret-ledger"]),
    ("lazaret", PRODUCT),
];

const PRODUCT: &[&str] =
    &["lazaret-core", "lazaret-formats", "lazaret-ledger", "lazaret-vault", "lazaret-inspect", "lazaret-store"];

/// Developer programs: they may know everything and nothing knows them.
pub const DEVELOPER: &[&str] = &["lazaret-sim", "lazaret-bench", "xtask"];

/// An outside crate and the crates of ours that may name it. Tests may name any: they play the attacker.
pub const WRAPPERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["lazaret-store"]),
    ("tokio-postgres", &["lazaret-store"]),
    ("deadpool-postgres", &["lazaret-store"]),
    ("aws-lc-rs", &["lazaret-vault"]),
    ("argon2", &["lazaret-vault"]),
    ("cryptoki", &["lazaret-vault"]),
    ("object_store", &["lazaret-vault"]),
    ("ed25519-dalek", &["lazaret-ledger"]),
    ("cedar-policy", &["lazaret-core"]),
    ("boreal", &["lazaret-inspect"]),
    ("seccompiler", &["lazaret-inspect"]),
    ("landlock", &["lazaret-inspect"]),
    ("zip", &["lazaret-inspect"]),
    ("russh", &["lazaret"]),
    ("rustls", &["lazaret"]),
    ("tokio", &["lazaret"]),
    ("axum", &["lazaret"]),
    ("hyper", &["lazaret"]),
    ("maud", &["lazaret"]),
    ("clap", &["lazaret"]),
    ("serde", &["lazaret", "lazaret-formats", "lazaret-inspect"]),
    ("serde_json", &["lazaret", "lazaret-formats", "lazaret-inspect"]),
    ("getrandom", &["lazaret", "lazaret-vault"]),
];

/// A workspace as `cargo metadata --no-deps` describes it.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    /// The workspace's own packages.
    pub packages: Vec<Package>,
}

/// One package of ours.
#[derive(Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its declared dependencies of every kind.
    pub dependencies: Vec<Dependency>,
}

/// One declared dependency.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The crate's own name, renames aside.
    pub name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    pub kind: Option<String>,
}

/// Compares a workspace with the two tables.
#[must_use]
pub fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    if DEVELOPER.contains(&name) {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![Finding::whole(name, "a crate that the list of arrows does not know; see ARCHITECTURE.md")];
    };
    package.dependencies.iter().filter_map(|dependency| refused(name, allowed, dependency)).collect()
}

fn refused(name: &str, allowed: &[&str], dependency: &Dependency) -> Option<Finding> {
    let other = dependency.name.as_str();
    let ours = DEVELOPER.contains(&other) || ARROWS.iter().any(|(known, _)| *known == other);
    if ours {
        let text = format!("must not depend on {other}; the arrows are {allowed:?}");
        return (!allowed.contains(&other) && other != name).then(|| Finding::whole(name, text));
    }
    let (_, users) = WRAPPERS.iter().find(|(wrapped, _)| *wrapped == other)?;
    let stray = dependency.kind.as_deref() != Some("dev") && !users.contains(&name);
    stray.then(|| Finding::whole(name, format!("must not depend on {other}; only {} may", users.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, dependency: &str, kind: Option<&str>) -> usize {
        let dependency = Dependency { name: dependency.into(), kind: kind.map(Into::into) };
        check(&Metadata { packages: vec![Package { name: name.into(), dependencies: vec![dependency] }] }).len()
    }

    #[test]
    fn an_arrow_that_is_not_drawn_is_found_even_for_tests() {
        assert_eq!(findings("lazaret-store", "lazaret-core", None), 0);
        assert_eq!(findings("lazaret-core", "lazaret-store", None), 1);
        assert_eq!(findings("lazaret-inspect", "lazaret-vault", None), 1);
        assert_eq!(findings("lazaret-vault", "lazaret-store", Some("dev")), 1);
        assert_eq!(findings("lazaret", "lazaret-sim", None), 1);
        assert_eq!(findings("lazaret-sim", "lazaret", None), 0);
    }

    #[test]
    fn an_unknown_crate_is_found() {
        assert_eq!(findings("lazaret-console", "maud", None), 1);
    }

    #[test]
    fn an_outside_crate_has_its_own_users() {
        assert_eq!(findings("lazaret-store", "rusqlite", None), 0);
        assert_eq!(findings("lazaret", "rusqlite", None), 1);
        assert_eq!(findings("lazaret", "rusqlite", Some("build")), 1);
        assert_eq!(findings("lazaret", "rusqlite", Some("dev")), 0);
        assert_eq!(findings("lazaret-core", "serde", None), 1);
        assert_eq!(findings("lazaret-inspect", "tokio", None), 1);
        assert_eq!(findings("lazaret-core", "minicbor", None), 0);
    }

    #[test]
    fn the_arrows_make_no_circle() {
        for (name, allowed) in ARROWS {
            for other in *allowed {
                let back = ARROWS.iter().find(|(known, _)| known == other).map(|(_, back)| *back);
                assert!(back.is_some_and(|back| !back.contains(name)), "{name} and {other} know each other");
            }
        }
    }
}
