//! CycloneDX in JSON (ECMA-424; versions 1.4 to 1.6, and others as far as they are alike), read leniently.
//!
//! What is there is taken, what is missing is a [`Gap`], and what has another type than the schema says is as good as
//! missing. Only JSON that is none, or that two readers may read differently, is refused.

mod read;

use std::collections::BTreeSet;
use std::fmt;

use crate::json::{self, Event, Scanner};
use crate::sidecar::hex_digest;
use read::{array, next, number, object, skip, string, take};

/// Bytes of a document.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Components, nested ones included.
pub const COMPONENTS_MAX: usize = 200_000;
/// Edges of the dependency graph.
pub const EDGES_MAX: usize = 2_000_000;
/// Bytes of a name, a reference, a package URL.
pub const TEXT_BYTES_MAX: usize = 8_192;
/// Hashes of one component.
const HASHES_MAX: usize = 64;

/// Why a document is no CycloneDX that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// More than [`DOCUMENT_BYTES_MAX`] bytes.
    TooLong,
    /// No JSON, or too deep.
    Json(json::Malformed),
    /// A key that its object had before.
    RepeatedKey {
        /// Offset of the second one.
        at: usize,
    },
    /// No object with `bomFormat` CycloneDX.
    NotCycloneDx,
    /// More than [`COMPONENTS_MAX`] components or [`EDGES_MAX`] edges.
    TooMany,
    /// A text of more than [`TEXT_BYTES_MAX`] bytes where there is a name.
    TextTooLong {
        /// Its offset.
        at: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::TooLong => write!(f, "an SBOM of more than {DOCUMENT_BYTES_MAX} bytes"),
            Malformed::Json(why) => why.fmt(f),
            Malformed::RepeatedKey { at } => write!(f, "a key that is there twice at byte {at}"),
            Malformed::NotCycloneDx => f.write_str("no CycloneDX: the document has no bomFormat that says so"),
            Malformed::TooMany => f.write_str("more components or dependencies than are read"),
            Malformed::TextTooLong { at } => write!(f, "a name of more than {TEXT_BYTES_MAX} bytes at byte {at}"),
        }
    }
}

impl std::error::Error for Malformed {}

impl From<json::Malformed> for Malformed {
    fn from(why: json::Malformed) -> Malformed {
        Malformed::Json(why)
    }
}

/// A hash of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hash {
    /// The algorithm as CycloneDX names it: `SHA-256`.
    pub algorithm: String,
    /// Hexadecimal digits, as written.
    pub content: String,
}

/// A component: what it is called and how it can be found elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component {
    /// The component that it is part of, by its place in [`Bom::components`].
    pub parent: Option<usize>,
    /// `bom-ref`, by which the dependency graph names it.
    pub reference: Option<String>,
    /// `type`: library, application, firmware, device and others.
    pub kind: Option<String>,
    /// `group`: the namespace of the name.
    pub group: Option<String>,
    /// `name`
    pub name: Option<String>,
    /// `version`
    pub version: Option<String>,
    /// `purl`: package URL.
    pub purl: Option<String>,
    /// `cpe`
    pub cpe: Option<String>,
    /// `supplier.name`, else `publisher`.
    pub supplier: Option<String>,
    /// `hashes`
    pub hashes: Vec<Hash>,
}

impl Component {
    /// Its SHA-256, to compare with the artefact; nothing if there is none, or none that is one.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let hash = self.hashes.iter().find(|hash| hash.algorithm.eq_ignore_ascii_case("SHA-256"))?;
        hex_digest(hash.content.as_bytes())
    }

    /// Whether it can be looked up: by name and version, or by a package URL.
    pub fn is_identified(&self) -> bool {
        self.purl.is_some() || (self.name.is_some() && self.version.is_some())
    }
}

/// What depends on what, by `bom-ref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Who depends.
    pub from: String,
    /// On whom.
    pub to: Vec<String>,
}

/// What an SBOM lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// A version other than 1.4 to 1.6, or none.
    SpecVersion,
    /// No serial number, or none of the form `urn:uuid:…`.
    SerialNumber,
    /// No root component: nobody knows what it is about.
    Root,
    /// No components.
    Components,
    /// A component without a name.
    Name,
    /// A component without version and package URL.
    Identity,
    /// Two components of one reference.
    ReferenceTwice,
    /// No dependency graph though there are components.
    Graph,
    /// The graph names what is not there.
    Unknown,
    /// A component that the graph does not name.
    Outside,
}

/// An SBOM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bom {
    /// `specVersion`
    pub spec_version: Option<String>,
    /// `serialNumber`
    pub serial_number: Option<String>,
    /// `version` of this very document, counted from 1.
    pub version: Option<u64>,
    /// `metadata.timestamp`
    pub timestamp: Option<String>,
    /// `metadata.component`: what the SBOM is about. Its own nested components are among [`Bom::components`].
    pub root: Option<Component>,
    /// All other components, each before those nested in it.
    pub components: Vec<Component>,
    /// References of services, which the graph may name too.
    pub services: Vec<String>,
    /// The dependency graph.
    pub dependencies: Vec<Dependency>,
    /// Whether there are `vulnerabilities`: a VEX, or an SBOM with one in it.
    pub has_vulnerabilities: bool,
    is_cyclonedx: bool,
    edges: usize,
}

impl Bom {
    /// Reads a document.
    ///
    /// # Errors
    /// It is no CycloneDX, or cannot be read by one reading only.
    pub fn parse(bytes: &[u8]) -> Result<Bom, Malformed> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let mut scanner = Scanner::new(bytes);
        let mut bom = Bom::default();
        let first = next(&mut scanner)?;
        object(first, &mut scanner, |key, event, scanner| bom.member(key, event, scanner))?;
        // Nothing but space may follow.
        scanner.next_event()?;
        if bom.is_cyclonedx { Ok(bom) } else { Err(Malformed::NotCycloneDx) }
    }

    fn member<'a>(&mut self, key: &str, event: Event<'a>, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
        match key {
            "bomFormat" => self.is_cyclonedx = string(event, scanner)?.as_deref() == Some("CycloneDX"),
            "specVersion" => self.spec_version = string(event, scanner)?,
            "serialNumber" => self.serial_number = string(event, scanner)?,
            "version" => self.version = number(event, scanner)?,
            "metadata" => object(event, scanner, |key, event, scanner| match key {
                "timestamp" => take(&mut self.timestamp, event, scanner),
                "component" => {
                    let mut nested = Vec::new();
                    let root = component(event, scanner, None, &mut nested)?;
                    // The root comes before or after the others in the document; its own parts go with them.
                    let shift = self.components.len();
                    nested.iter_mut().for_each(|part| part.parent = part.parent.map(|parent| parent + shift));
                    self.components.append(&mut nested);
                    self.root = root;
                    Ok(())
                }
                _ => skip(event, scanner),
            })?,
            "components" => components(event, scanner, None, &mut self.components)?,
            "services" => self.read_services(event, scanner)?,
            "dependencies" => array(event, scanner, |event, scanner| self.read_dependency(event, scanner))?,
            "vulnerabilities" => array(event, scanner, |event, scanner| {
                self.has_vulnerabilities = true;
                skip(event, scanner)
            })?,
            _ => skip(event, scanner)?,
        }
        Ok(())
    }

    fn read_services<'a>(&mut self, event: Event<'a>, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
        array(event, scanner, |event, scanner| {
            object(event, scanner, |key, event, scanner| match key {
                "bom-ref" => {
                    self.services.extend(string(event, scanner)?);
                    if self.services.len() > COMPONENTS_MAX { Err(Malformed::TooMany) } else { Ok(()) }
                }
                "services" => self.read_services(event, scanner),
                _ => skip(event, scanner),
            })
        })
    }

    fn read_dependency<'a>(&mut self, event: Event<'a>, scanner: &mut Scanner<'a>) -> Result<(), Malformed> {
        let (mut from, mut to) = (None, Vec::new());
        let edges = &mut self.edges;
        object(event, scanner, |key, event, scanner| match key {
            "ref" => take(&mut from, event, scanner),
            "dependsOn" | "provides" => array(event, scanner, |event, scanner| {
                *edges += 1;
                if *edges > EDGES_MAX {
                    return Err(Malformed::TooMany);
                }
                to.extend(string(event, scanner)?);
                Ok(())
            }),
            _ => skip(event, scanner),
        })?;
        if self.dependencies.len() >= EDGES_MAX {
            return Err(Malformed::TooMany);
        }
        self.dependencies.extend(from.map(|from| Dependency { from, to }));
        Ok(())
    }

    /// What is missing, each kind with how often.
    pub fn gaps(&self) -> Vec<(Gap, usize)> {
        let all = || self.root.iter().chain(&self.components);
        let known_version = matches!(self.spec_version.as_deref(), Some("1.4" | "1.5" | "1.6"));
        let references: Vec<&str> = all().filter_map(|component| component.reference.as_deref()).collect();
        let services = self.services.iter().map(String::as_str);
        let distinct: BTreeSet<&str> = references.iter().copied().chain(services).collect();
        let named: BTreeSet<&str> = self.dependencies.iter().flat_map(Dependency::references).collect();
        let twice = references.len() - references.iter().collect::<BTreeSet<_>>().len();
        let no_graph = self.dependencies.is_empty();
        let outside = all().filter(|part| !part.reference.as_deref().is_some_and(|name| named.contains(name))).count();
        let counted = [
            (Gap::SpecVersion, usize::from(!known_version)),
            (Gap::SerialNumber, usize::from(!self.serial_number.as_deref().is_some_and(is_serial_number))),
            (Gap::Root, usize::from(self.root.is_none())),
            (Gap::Components, usize::from(self.components.is_empty())),
            (Gap::Name, all().filter(|component| component.name.is_none()).count()),
            (Gap::Identity, all().filter(|component| !component.is_identified()).count()),
            (Gap::ReferenceTwice, twice),
            (Gap::Graph, usize::from(no_graph && !self.components.is_empty())),
            (Gap::Unknown, named.difference(&distinct).count()),
            (Gap::Outside, if no_graph { 0 } else { outside }),
        ];
        counted.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

impl Dependency {
    fn references(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.from.as_str()).chain(self.to.iter().map(String::as_str))
    }
}

/// `urn:uuid:` and a UUID (RFC 9562 section 4).
fn is_serial_number(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    let groups: Vec<&str> = uuid.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn components<'a>(
    event: Event<'a>,
    scanner: &mut Scanner<'a>,
    parent: Option<usize>,
    all: &mut Vec<Component>,
) -> Result<(), Malformed> {
    array(event, scanner, |event, scanner| {
        let place = all.len();
        if place >= COMPONENTS_MAX {
            return Err(Malformed::TooMany);
        }
        // Its place is taken first, so that its parts come after it and know it.
        all.push(Component::default());
        let found = component(event, scanner, Some(place), all)?;
        match (found, all.get_mut(place)) {
            (Some(found), Some(slot)) => *slot = Component { parent, ..found },
            // Something else than an object is no component, and has no parts.
            (None, _) | (_, None) => all.truncate(place),
        }
        Ok(())
    })
}

/// One component; its parts go to `all`, with `place` as their parent.
fn component<'a>(
    event: Event<'a>,
    scanner: &mut Scanner<'a>,
    place: Option<usize>,
    all: &mut Vec<Component>,
) -> Result<Option<Component>, Malformed> {
    if event != Event::BeginObject {
        skip(event, scanner)?;
        return Ok(None);
    }
    let (mut found, mut publisher) = (Component::default(), None);
    object(event, scanner, |key, event, scanner| match key {
        "bom-ref" => take(&mut found.reference, event, scanner),
        "type" => take(&mut found.kind, event, scanner),
        "group" => take(&mut found.group, event, scanner),
        "name" => take(&mut found.name, event, scanner),
        "version" => take(&mut found.version, event, scanner),
        "purl" => take(&mut found.purl, event, scanner),
        "cpe" => take(&mut found.cpe, event, scanner),
        "publisher" => take(&mut publisher, event, scanner),
        "supplier" => object(event, scanner, |key, event, scanner| match key {
            "name" => take(&mut found.supplier, event, scanner),
            _ => skip(event, scanner),
        }),
        "hashes" => array(event, scanner, |event, scanner| hash(event, scanner, &mut found.hashes)),
        "components" => components(event, scanner, place, all),
        _ => skip(event, scanner),
    })?;
    found.supplier = found.supplier.or(publisher);
    Ok(Some(found))
}

fn hash<'a>(event: Event<'a>, scanner: &mut Scanner<'a>, hashes: &mut Vec<Hash>) -> Result<(), Malformed> {
    let (mut algorithm, mut content) = (None, None);
    object(event, scanner, |key, event, scanner| match key {
        "alg" => take(&mut algorithm, event, scanner),
        "content" => take(&mut content, event, scanner),
        _ => skip(event, scanner),
    })?;
    if hashes.len() < HASHES_MAX {
        hashes.extend(algorithm.zip(content).map(|(algorithm, content)| Hash { algorithm, content }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":3,
      "serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
      "components":[
        {"type":"library","bom-ref":"a","group":"org","name":"a","version":"1","purl":"pkg:maven/org/a@1",
         "cpe":"cpe:2.3:a:org:a:1:*:*:*:*:*:*:*","supplier":{"name":"Org","url":["https://org"]},"licenses":[{"id":{}}],
         "hashes":[{"alg":"SHA-1","content":"00"},{"alg":"SHA-256",
           "content":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}],
         "components":[{"bom-ref":"a1","name":"a1","version":"2","components":[{"bom-ref":"a11","name":"n","purl":"p"}]}]},
        {"bom-ref":"b","name":"b","version":"1","publisher":"Pub"}],
      "metadata":{"timestamp":"2026-01-01T00:00:00Z","component":{"bom-ref":"root","type":"firmware","name":"Pump","version":"9",
         "components":[{"bom-ref":"r1","name":"r1","version":"1"}]}},
      "services":[{"bom-ref":"s","services":[{"bom-ref":"s1"}]}],
      "dependencies":[{"ref":"root","dependsOn":["a","b","r1","s"]},{"ref":"a","dependsOn":["a1"]},{"ref":"a1","provides":["a11"]},
         {"ref":"s","dependsOn":["s1"]}]}"#;

    fn gaps(text: &str) -> Vec<(Gap, usize)> {
        Bom::parse(text.as_bytes()).unwrap().gaps()
    }

    #[test]
    fn a_whole_sbom_has_no_gaps() {
        let bom = Bom::parse(WHOLE.as_bytes()).unwrap();
        assert_eq!(bom.gaps(), []);
        assert_eq!((bom.version, bom.spec_version.as_deref()), (Some(3), Some("1.6")));
        let root = bom.root.as_ref().unwrap();
        assert_eq!((root.name.as_deref(), root.kind.as_deref()), (Some("Pump"), Some("firmware")));
        let shape: Vec<_> =
            bom.components.iter().map(|part| (part.reference.as_deref().unwrap(), part.parent)).collect();
        assert_eq!(shape, [("a", None), ("a1", Some(0)), ("a11", Some(1)), ("b", None), ("r1", None)]);
        let a = &bom.components[0];
        assert_eq!((a.supplier.as_deref(), a.hashes.len()), (Some("Org"), 2));
        assert_eq!(a.sha256().map(|digest| digest[0]), Some(0xe3));
        assert_eq!((a.purl.as_deref(), a.group.as_deref()), (Some("pkg:maven/org/a@1"), Some("org")));
        assert_eq!(bom.components[3].supplier.as_deref(), Some("Pub"));
        assert_eq!(bom.dependencies.len(), 4);
        assert!(!bom.has_vulnerabilities);
    }

    #[test]
    fn every_gap_is_counted() {
        let bare = r#"{"bomFormat":"CycloneDX"}"#;
        assert_eq!(gaps(bare), [(Gap::SpecVersion, 1), (Gap::SerialNumber, 1), (Gap::Root, 1), (Gap::Components, 1)]);
        let with = |change: fn(String) -> String| gaps(&change(WHOLE.to_owned()));
        assert_eq!(with(|text| text.replace("\"1.6\"", "\"1.3\"")), [(Gap::SpecVersion, 1)]);
        assert_eq!(with(|text| text.replace("urn:uuid:3e", "urn:uuid:3")), [(Gap::SerialNumber, 1)]);
        assert_eq!(with(|text| text.replace("\"name\":\"b\",", "")), [(Gap::Name, 1), (Gap::Identity, 1)]);
        assert_eq!(with(|text| text.replace("\"name\":\"a\",", "")), [(Gap::Name, 1)]);
        assert_eq!(
            with(|text| text.replace("\"name\":\"b\",\"version\":\"1\"", "\"name\":\"b\"")),
            [(Gap::Identity, 1)]
        );
        assert_eq!(with(|text| text.replace("[\"a1\"]", "[\"zz\"]")), [(Gap::Unknown, 1)]);
        assert_eq!(with(|text| text.replace("\"b\",\"r1\"", "\"r1\"")), [(Gap::Outside, 1)]);
        assert_eq!(
            with(|text| text.replace("\"bom-ref\":\"b\"", "\"bom-ref\":\"a\"")),
            [(Gap::ReferenceTwice, 1), (Gap::Unknown, 1)]
        );
        assert_eq!(with(|text| text.replace("\"dependencies\"", "\"other\"")), [(Gap::Graph, 1)]);
    }

    #[test]
    fn values_of_another_type_are_missing_ones() {
        let odd = r#"{"bomFormat":"CycloneDX","specVersion":1.6,"version":"1","components":[null,7,{"name":{"x":[1]},
          "version":["1"],"hashes":{},"supplier":"S","components":"none"},[]],"dependencies":[{"ref":1},{"dependsOn":["a"]}],
          "metadata":[],"vulnerabilities":[{}]}"#;
        let bom = Bom::parse(odd.as_bytes()).unwrap();
        assert_eq!((bom.components.len(), bom.spec_version, bom.version), (1, None, None));
        assert_eq!(bom.components[0], Component::default());
        assert!(bom.dependencies.is_empty() && bom.has_vulnerabilities);
    }

    #[test]
    fn what_is_no_cyclonedx_is_refused() {
        let refused = |text: &str| Bom::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused("{}"), Malformed::NotCycloneDx);
        assert_eq!(refused("[]"), Malformed::NotCycloneDx);
        assert_eq!(refused(r#"{"bomFormat":"SPDX"}"#), Malformed::NotCycloneDx);
        assert!(matches!(refused("{"), Malformed::Json(_)));
        assert!(matches!(refused(r#"{"bomFormat":"CycloneDX"} x"#), Malformed::Json(_)));
        let twice = r#"{"bomFormat":"CycloneDX","components":[{"name":"a","name":"b"}]}"#;
        assert_eq!(refused(twice), Malformed::RepeatedKey { at: 52 });
        let hidden = r#"{"bomFormat":"CycloneDX","other":[{"a":1,"a":2}]}"#;
        assert!(matches!(refused(hidden), Malformed::RepeatedKey { .. }));
        let long = format!(r#"{{"bomFormat":"CycloneDX","components":[{{"name":"{}"}}]}}"#, "x".repeat(8_193));
        assert!(matches!(refused(&long), Malformed::TextTooLong { .. }));
    }
}
