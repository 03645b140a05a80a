//! sbom: is the bill of materials one that can be matched? CycloneDX 1.4 to 1.6 in JSON; others are not inspected yet.
//!
//! Valid with a root component, a name and a version or purl everywhere and a closed graph is clean; gaps are notes. What
//! is known to be vulnerable in it is matched elsewhere, against feeds.

use std::collections::BTreeSet;

use lazaret_core::inspection::{ContentKind, Verdict, Why};
use serde::Deserialize;

use crate::content::{Content, Reader};
use crate::malware::WHOLE_BYTES_MAX;

/// Components and dependencies that are read.
const ITEMS_MAX: usize = 200_000;

/// The inspector's answer for one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) why: Option<Why>,
    pub(crate) rules: Vec<(&'static str, Verdict, Option<Why>)>,
}

/// Looks at a document.
pub(crate) fn look(kind: ContentKind, content: &dyn Content) -> Answer {
    if kind != ContentKind::CycloneDx {
        return unseen("sbom.unsupported", Why::FormatUnsupported);
    }
    if content.size() > WHOLE_BYTES_MAX {
        return unseen("sbom.too_large", Why::TooLarge);
    }
    match serde_json::from_reader::<_, Bom>(Reader::new(content)) {
        Ok(bom) => answer(&bom),
        Err(_) => unseen("sbom.malformed", Why::Malformed),
    }
}

fn unseen(rule: &'static str, why: Why) -> Answer {
    Answer { verdict: Verdict::NotInspected, why: Some(why), rules: vec![(rule, Verdict::NotInspected, Some(why))] }
}

/// The part of CycloneDX that matching needs (specification 1.6, "bom-1.6.schema.json").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    spec_version: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    services: Vec<Service>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    component: Option<Component>,
}

#[derive(Debug, Deserialize)]
struct Component {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Debug, Deserialize)]
struct Service {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    #[serde(default)]
    services: Vec<Service>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    depends_on: Vec<String>,
}

fn answer(bom: &Bom) -> Answer {
    if !matches!(bom.spec_version.as_str(), "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") {
        return unseen("sbom.version", Why::FormatUnsupported);
    }
    let mut all: Vec<&Component> = bom.metadata.component.iter().chain(&bom.components).collect();
    let mut at = 0;
    while let Some(component) = all.get(at).copied() {
        all.extend(&component.components);
        at += 1;
        if all.len() > ITEMS_MAX {
            return unseen("sbom.too_large", Why::TooManyMembers);
        }
    }
    let mut services: Vec<&Service> = bom.services.iter().collect();
    let mut at = 0;
    while let Some(service) = services.get(at).copied() {
        services.extend(&service.services);
        at += 1;
    }
    let references = all.iter().filter_map(|component| component.reference.as_deref());
    let known: BTreeSet<&str> = references.chain(services.iter().filter_map(|s| s.reference.as_deref())).collect();
    let mut rules = Vec::new();
    let mut note = |missing: bool, rule| {
        if missing {
            rules.push((rule, Verdict::Clean, None));
        }
    };
    note(bom.metadata.component.is_none(), "sbom.no_root");
    note(all.iter().any(|component| component.name.trim().is_empty()), "sbom.unnamed");
    note(all.iter().any(|component| !is_identified(component)), "sbom.unversioned");
    let named = |reference: &String| known.contains(reference.as_str());
    let open = |edge: &Dependency| !named(&edge.reference) || !edge.depends_on.iter().all(named);
    note(bom.dependencies.iter().any(open), "sbom.open_graph");
    Answer { verdict: Verdict::Clean, why: None, rules }
}

fn is_identified(component: &Component) -> bool {
    let given = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.trim().is_empty());
    given(&component.version) || given(&component.purl)
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
        let root = r#""metadata":{"component":{"bom-ref":"r","name":"pump","version":"1"}}"#;
        let part = r#""components":[{"bom-ref":"a","name":"zlib","purl":"pkg:generic/zlib@1.3"}]"#;
        check(
            &format!(
                r#"{{"bomFormat":"CycloneDX","specVersion":"1.6",{root},{part},"dependencies":[{{"ref":"r","dependsOn":["a"]}}]}}"#
            ),
            &[],
        );
        check(&format!(r#"{{"specVersion":"1.5",{part}}}"#), &["sbom.no_root"]);
        check(r#"{"specVersion":"1.4","components":[{"name":"x"}]}"#, &["sbom.no_root", "sbom.unversioned"]);
        check(&format!(r#"{{"specVersion":"1.6",{root},"dependencies":[{{"ref":"z"}}]}}"#), &["sbom.open_graph"]);
    }

    #[test]
    fn what_is_no_bill_is_not_inspected() {
        check(r#"{"bomFormat":"CycloneDX"}"#, &["sbom.malformed"]);
        check(r#"{"specVersion":"9.9"}"#, &["sbom.version"]);
        check(r#"{"specVersion":"1.6","components":[{"version":"1"}]}"#, &["sbom.malformed"]);
        let content: &[u8] = b"{}";
        assert_eq!(look(ContentKind::Spdx, &content).why, Some(Why::FormatUnsupported));
    }
}
