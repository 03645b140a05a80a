//! Which JSON it is, by what its root says of itself: `resourceType` (FHIR R4), `bomFormat` (CycloneDX), `spdxVersion`.

use lazaret_core::inspection::ContentKind as Kind;

use super::Probe;
use crate::content::{Content, ReadFault, Reader};
use crate::json::{NotJson, Sink, scan};

/// Reads to the end of the last value.
///
/// # Errors
/// The bytes cannot be read.
pub(super) fn probe(content: &dyn Content) -> Result<(Kind, Probe), ReadFault> {
    let mut root = Root { depth: 0, key: String::new(), kind: None };
    let kind = |root: &Root, values| match (root.kind, values) {
        (Some(Kind::Fhir), _) => Kind::Fhir,
        (Some(kind), 1) => kind,
        (_, 1) => Kind::Json,
        _ => Kind::Ndjson,
    };
    match scan(&mut Reader::new(content), &mut root) {
        Ok(values) => Ok((kind(&root, values), Probe::Sound)),
        Err(NotJson::Malformed | NotJson::Limit(_)) => Ok((kind(&root, 1), Probe::Fails)),
        Err(NotJson::Read(fault)) => Err(fault),
    }
}

struct Root {
    depth: u32,
    key: String,
    kind: Option<Kind>,
}

impl Sink for Root {
    fn open(&mut self, array: bool) {
        // An array at the root has no members that would say what it is.
        self.depth = self.depth.saturating_add(if array && self.depth == 0 { 2 } else { 1 });
        self.key.clear();
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn key(&mut self, name: &str) {
        if self.depth == 1 {
            self.key.clear();
            self.key.push_str(name.get(..32).unwrap_or(name));
        }
    }

    fn text(&mut self, value: &str) {
        if self.depth != 1 {
            return;
        }
        let says = match self.key.as_str() {
            "resourceType" => Some(Kind::Fhir),
            "bomFormat" if value == "CycloneDX" => Some(Kind::CycloneDx),
            "spdxVersion" => Some(Kind::Spdx),
            _ => None,
        };
        self.kind = self.kind.or(says);
    }

    fn bare(&mut self, _: &str) {}
}
