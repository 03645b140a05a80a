//! Floors: versions below which a dependency has a known hole, crates that never come in, and risks accepted with a
//! reason and an end. The data is `security/advisories.toml`; a green `cargo audit` is not enough, since some holes are
//! published elsewhere only.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::finding::Finding;

/// Where the data lies.
pub const DATA: &str = "security/advisories.toml";
const LOCK: &str = "Cargo.lock";

/// What is known about our dependencies' holes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisories {
    /// Least versions.
    pub floor: Vec<Floor>,
    /// Crates that never come in.
    pub banned: Vec<Banned>,
    /// Holes that we live with, and why.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
}

/// The least version of one crate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The crate's name.
    #[serde(rename = "crate")]
    pub name: String,
    /// The least version that may be locked.
    pub version: String,
    /// Advisories of RustSec.
    #[serde(default)]
    pub rustsec: Vec<String>,
    /// Advisories that RustSec does not have.
    #[serde(default)]
    pub not_in_rustsec: Vec<String>,
}

/// A crate that never comes in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Banned {
    /// The crate's name.
    #[serde(rename = "crate")]
    pub name: String,
    /// Why not.
    pub reason: String,
    /// Locked although it is never built: an optional dependency of something that we use without it.
    #[serde(default)]
    pub locked_because: Option<String>,
}

/// A hole without a fix that does not reach us.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The advisory.
    pub id: String,
    /// The crate's name.
    #[serde(rename = "crate")]
    pub name: String,
    /// Why it does not reach us.
    pub reason: String,
    /// The day of the decision.
    pub since: String,
}

#[derive(Debug, Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
}

/// Compares the lock file of the project at `root` with the floors.
///
/// # Errors
/// A file that cannot be read or is not what it should be.
pub fn check(root: &Path) -> io::Result<Vec<Finding>> {
    let lock = fs::read_to_string(root.join(LOCK))?;
    let data = fs::read_to_string(root.join(DATA))?;
    compare(&lock, &data).map_err(io::Error::other)
}

/// Compares the text of a lock file with the text of the floors.
///
/// # Errors
/// Text that is not TOML of the expected form, or a floor that is no version.
pub fn compare(lock: &str, data: &str) -> Result<Vec<Finding>, String> {
    let lock: Lock = toml::from_str(lock).map_err(|error| format!("{LOCK}: {error}"))?;
    let data: Advisories = toml::from_str(data).map_err(|error| format!("{DATA}: {error}"))?;
    let mut findings = Vec::new();
    for floor in &data.floor {
        let least = Version::parse(&floor.version).ok_or_else(|| format!("{DATA}: {} is no version", floor.version))?;
        for locked in lock.package.iter().filter(|locked| locked.name == floor.name) {
            let enough = Version::parse(&locked.version).is_some_and(|version| version >= least);
            if !enough {
                let why: Vec<&str> = floor.rustsec.iter().chain(&floor.not_in_rustsec).map(String::as_str).collect();
                let text = format!("{} {} is below {}: {}", locked.name, locked.version, floor.version, why.join(", "));
                findings.push(Finding::whole(LOCK, text));
            }
        }
    }
    for banned in &data.banned {
        let found = lock.package.iter().any(|locked| locked.name == banned.name);
        match (found, &banned.locked_because) {
            (true, None) => {
                findings.push(Finding::whole(LOCK, format!("{} is banned: {}", banned.name, banned.reason)))
            }
            (false, Some(_)) => {
                let text = format!("{} is not locked any more: delete its locked_because", banned.name);
                findings.push(Finding::whole(DATA, text));
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    for accepted in &data.accepted {
        if !lock.package.iter().any(|locked| locked.name == accepted.name) {
            let text = format!("{} is accepted for {}, which is not locked: delete it", accepted.id, accepted.name);
            findings.push(Finding::whole(DATA, text));
        }
    }
    Ok(findings)
}

/// A version of the form that crates.io gives, compared as Semantic Versioning 2.0.0 section 11 says; of two
/// pre-releases of one version neither counts as the greater.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    is_release: bool,
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let without_build = text.split('+').next()?;
        let (numbers, pre) = match without_build.split_once('-') {
            Some((numbers, _)) => (numbers, true),
            None => (without_build, false),
        };
        let mut parts = numbers.split('.').map(str::parse::<u64>);
        let parsed = [parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?];
        parts.next().is_none().then_some(Version { numbers: parsed, is_release: !pre })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.numbers.cmp(&other.numbers).then(self.is_release.cmp(&other.is_release)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = r#"
        floor = [{ crate = "russh", version = "0.63.1", not_in_rustsec = ["CVE-2024-43410"] }]
        banned = [{ crate = "sharks", reason = "biased" }, { crate = "ring", reason = "one library", locked_because = "x" }]
    "#;

    fn check(packages: &[(&str, &str)], expected: &[&str]) {
        let packages = [packages, &[("ring", "0.17.14")]].concat();
        let lock: String =
            packages.iter().map(|(n, v)| format!("[[package]]\nname = \"{n}\"\nversion = \"{v}\"\n")).collect();
        let found: Vec<String> = compare(&lock, DATA).expect("well formed").into_iter().map(|f| f.text).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_floor_itself_is_enough_and_less_is_not() {
        check(&[("russh", "0.63.1")], &[]);
        check(&[("russh", "0.100.0")], &[]);
        check(&[("russh", "0.63.0")], &["russh 0.63.0 is below 0.63.1: CVE-2024-43410"]);
        check(&[("russh", "0.63.1-rc.1")], &["russh 0.63.1-rc.1 is below 0.63.1: CVE-2024-43410"]);
        check(&[("russh", "strange")], &["russh strange is below 0.63.1: CVE-2024-43410"]);
        check(&[("russh", "0.65.1"), ("russh", "0.9.0")], &["russh 0.9.0 is below 0.63.1: CVE-2024-43410"]);
    }

    #[test]
    fn a_banned_crate_is_found_and_a_stale_excuse_too() {
        check(&[("sharks", "0.5.0")], &["sharks is banned: biased"]);
        let found = compare("", DATA).expect("well formed");
        assert_eq!(
            found.first().map(|f| f.text.as_str()),
            Some("ring is not locked any more: delete its locked_because")
        );
    }

    #[test]
    fn data_that_is_not_understood_is_an_error() {
        assert!(compare("", "floor = [{ crate = \"a\", version = \"one\" }]\nbanned = []").is_err());
        assert!(compare("", "floor = []\nbanned = []\nextra = 1").is_err());
    }
}
