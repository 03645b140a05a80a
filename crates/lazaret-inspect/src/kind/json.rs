//! Which JSON it is, by what its root says of itself: `resourceType` (FHIR R4), `bomFormat` (CycloneDX), `spdxVersion`.

use lazaret_core::inspection::ContentKind as Kind;

use super::Probe;
use crate::content::{Content, ReadFault, Reader};
use crate::json::{NotJson, Sink, scan};

/// Whether a text begins as an object or an array. What goes on with a word is a remark in brackets: a line of a log, an
/// attribute of a script.
pub(super) fn begins(start: &[u8]) -> bool {
    let Some((first, rest)) = start.split_first() else { return false };
    let rest = rest.trim_ascii_start();
    let word = rest.first().is_some_and(u8::is_ascii_alphabetic);
    let literal = [b"true".as_slice(), b"false", b"null"].iter().any(|literal| rest.starts_with(literal));
    *first == b'{' || (*first == b'[' && (!word || literal))
}

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
