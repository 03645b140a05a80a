//! sbom: is the bill of materials one that can be matched, and is it the bill of what it lies beside? CycloneDX in JSON;
//! others are not inspected yet.
//!
//! Valid with a root component, a name and a version or purl everywhere and a closed graph is clean; gaps are notes. What
//! is known to be vulnerable in it is matched elsewhere, against feeds.

use std::collections::BTreeMap;

use lazaret_core::inspection::{ContentKind, Verdict, Why};
use lazaret_formats::json;
use lazaret_formats::sbom::cyclonedx::{Bom, DOCUMENT_BYTES_MAX, Gap, Malformed};

use crate::content::{Content, whole};
use crate::inspect::{Member, of_fault};

/// Digests of members and claims about them that are kept for the comparison.
const KEPT_MAX: usize = 20_000;

/// The inspector's answer for one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) why: Option<Why>,
    pub(crate) rules: Vec<(&'static str, Verdict, Option<Why>)>,
    /// The SHA-256 that it gives for components, by their names.
    pub(crate) claims: Vec<(String, [u8; 32])>,
}

/// Looks at a document.
pub(crate) fn look(kind: ContentKind, content: &dyn Content) -> Answer {
    if kind != ContentKind::CycloneDx {
        return unseen("sbom.unsupported", Verdict::NotInspected, Why::FormatUnsupported);
    }
    if content.size() > DOCUMENT_BYTES_MAX as u64 {
        return unseen("sbom.too_large", Verdict::NotInspected, Why::TooLarge);
    }
    let bytes = match whole(content) {
        Ok(bytes) => bytes,
        Err(fault) => {
            let (verdict, why) = of_fault(fault);
            return unseen("sbom.unread", verdict, why);
        }
    };
    match Bom::parse(&bytes) {
        Ok(bom) => answer(&bom),
        Err(malformed) => unseen("sbom.malformed", Verdict::NotInspected, why(malformed)),
    }
}

fn unseen(rule: &'static str, verdict: Verdict, why: Why) -> Answer {
    Answer { verdict, why: Some(why), rules: vec![(rule, verdict, Some(why))], claims: Vec::new() }
}

fn why(malformed: Malformed) -> Why {
    match malformed {
        Malformed::TooLong | Malformed::TooMany => Why::TooLarge,
        Malformed::RepeatedKey { .. } => Why::Ambiguous,
        Malformed::Json(json::Malformed::TooDeep { .. }) => Why::TooDeep,
        Malformed::Json(_) | Malformed::NotCycloneDx | Malformed::TextTooLong { .. } | _ => Why::Malformed,
    }
}

fn answer(bom: &Bom) -> Answer {
    let rules = bom.gaps().into_iter().map(|(gap, _)| (rule(gap), Verdict::Clean, None)).collect();
    let named = bom.root.iter().chain(&bom.components);
    let claims = named.filter_map(|part| Some((part.name.clone()?, part.sha256()?))).take(KEPT_MAX).collect();
    Answer { verdict: Verdict::Clean, why: None, rules, claims }
}

fn rule(gap: Gap) -> &'static str {
    match gap {
        Gap::SpecVersion => "sbom.version",
        Gap::SerialNumber => "sbom.no_serial",
        Gap::Root => "sbom.no_root",
        Gap::Components => "sbom.empty",
        Gap::Name => "sbom.unnamed",
        Gap::Identity => "sbom.unversioned",
        Gap::ReferenceTwice => "sbom.reference_twice",
        Gap::Graph => "sbom.no_graph",
        Gap::Unknown => "sbom.open_graph",
        Gap::Outside => "sbom.outside_graph",
    }
}

/// What bills say of files, and the files: compared when all were seen.
#[derive(Default)]
pub(crate) struct Claims {
    claims: Vec<(Member, String, [u8; 32])>,
    files: BTreeMap<String, Vec<[u8; 32]>>,
    kept: usize,
}

impl Claims {
    /// A file that was seen, by the last part of its name.
    pub(crate) fn file(&mut self, name: &str, digest: [u8; 32]) {
        if self.kept < KEPT_MAX {
            self.kept += 1;
            self.files.entry(last(name).to_owned()).or_default().push(digest);
        }
    }

    /// What a bill says.
    pub(crate) fn bill(&mut self, member: &Member, claims: Vec<(String, [u8; 32])>) {
        let room = KEPT_MAX.saturating_sub(self.claims.len());
        self.claims.extend(claims.into_iter().take(room).map(|(name, digest)| (member.clone(), name, digest)));
    }

    /// Bills that give another digest for a file of the same name than every such file has.
    pub(crate) fn broken(&self) -> Vec<Member> {
        let contradicted = |name: &String, digest: &[u8; 32]| {
            self.files.get(last(name)).is_some_and(|digests| !digests.contains(digest))
        };
        let claims = self.claims.iter().filter(|(_, name, digest)| contradicted(name, digest));
        claims.map(|(member, ..)| member.clone()).collect()
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &[&str]) {
        let content: &[u8] = json.as_bytes();
        let rules: Vec<&str> = look(ContentKind::CycloneDx, &content).rules.iter().map(|rule| rule.0).collect();
        assert_eq!(rules, expected, "{json}");
    }

    #[test]
    fn a_complete_bill_is_clean_and_gaps_are_notes() {
        let head = r#""bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79""#;
        let root = r#""metadata":{"component":{"bom-ref":"r","name":"pump","version":"1"}}"#;
        let part = r#""components":[{"bom-ref":"a","name":"zlib","purl":"pkg:generic/zlib@1.3"}]"#;
        let graph = r#""dependencies":[{"ref":"r","dependsOn":["a"]}]"#;
        check(&format!("{{{head},{root},{part},{graph}}}"), &[]);
        check(&format!("{{{head},{part},{graph}}}"), &["sbom.no_root", "sbom.open_graph"]);
        check(&format!("{{{head},{root},{part}}}"), &["sbom.no_graph"]);
    }

    #[test]
    fn what_is_no_bill_is_not_inspected() {
        check(r#"{"specVersion":"1.6"}"#, &["sbom.malformed"]);
        check(r#"{"bomFormat":"CycloneDX","bomFormat":"CycloneDX"}"#, &["sbom.malformed"]);
        let content: &[u8] = b"{}";
        assert_eq!(look(ContentKind::Spdx, &content).why, Some(Why::FormatUnsupported));
    }
}
