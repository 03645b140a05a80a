//! Software bills of materials. CycloneDX in JSON is read; the other forms are recognised, so that nobody takes them for
//! something else.

pub mod cyclonedx;

use crate::json::{Event, Scanner};
use crate::text::{Charset, Decoded};

/// Bytes at the beginning of XML or plain text that are looked at.
const HEAD_BYTES: usize = 4_096;

/// A form of SBOM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// CycloneDX in JSON: [`cyclonedx::Bom`].
    CycloneDxJson,
    /// CycloneDX in XML; not read.
    CycloneDxXml,
    /// SPDX 2 in JSON; not read.
    SpdxJson,
    /// SPDX 2 as tags and values; not read.
    SpdxText,
    /// SPDX 3 (JSON-LD); not read.
    Spdx3,
}

/// What form of SBOM bytes are, if they are one.
pub fn recognise(bytes: &[u8]) -> Option<Kind> {
    let (charset, bom_bytes) = Charset::of_bom(bytes).unwrap_or((Charset::Utf8, 0));
    let content = bytes.get(bom_bytes..).unwrap_or_default();
    let content = if charset == Charset::Utf8 { content.trim_ascii_start() } else { content };
    if content.starts_with(b"{") {
        return of_json(content);
    }
    let head = Decoded::new(content.get(..content.len().min(HEAD_BYTES)).unwrap_or_default(), 0, charset);
    let text = head.text().trim_start();
    if text.starts_with('<') {
        let bom = text.contains("<bom") && text.contains("http://cyclonedx.org/schema/bom/");
        return bom.then_some(Kind::CycloneDxXml);
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.next().is_some_and(|line| line.starts_with("SPDXVersion:")).then_some(Kind::SpdxText)
}

/// The members of the root that name a form. They may stand anywhere, so the whole document may have to be read.
fn of_json(bytes: &[u8]) -> Option<Kind> {
    let mut scanner = Scanner::new(bytes);
    let Ok(Some(Event::BeginObject)) = scanner.next_event() else { return None };
    loop {
        let Ok(Some(Event::Key { text, .. })) = scanner.next_event() else { return None };
        let key = text.to_str();
        let named = matches!(key.as_ref(), "bomFormat" | "spdxVersion" | "@context");
        if !named {
            scanner.skip_value().ok()?;
            continue;
        }
        let at = scanner.position();
        scanner.skip_value().ok()?;
        let value = bytes.get(at..scanner.position()).unwrap_or_default();
        match key.as_ref() {
            "bomFormat" if is_string(value, "CycloneDX") => return Some(Kind::CycloneDxJson),
            "spdxVersion" => return Some(Kind::SpdxJson),
            "@context" if holds(value, b"spdx.org/rdf/3") => return Some(Kind::Spdx3),
            _ => {}
        }
    }
}

/// Whether a JSON value is this string, however its characters are written.
fn is_string(value: &[u8], expected: &str) -> bool {
    matches!(Scanner::new(value).next_event(), Ok(Some(Event::String(text))) if text.to_str() == expected)
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_recognised() {
        let check = |text: &str, kind| assert_eq!(recognise(text.as_bytes()), kind, "{text}");
        check(r#"{"bomFormat":"CycloneDX","specVersion":"1.5"}"#, Some(Kind::CycloneDxJson));
        check(r#"{"components":[{"bomFormat":"x"}], "bomFormat" : "CycloneDX" }"#, Some(Kind::CycloneDxJson));
        check("<?xml version=\"1.0\"?>\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\">", Some(Kind::CycloneDxXml));
        check(r#"{"spdxVersion":"SPDX-2.3","SPDXID":"x"}"#, Some(Kind::SpdxJson));
        check(r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#, Some(Kind::Spdx3));
        check("# made by\nSPDXVersion: SPDX-2.3\n", Some(Kind::SpdxText));
        for other in ["", "{}", "{", r#"{"bomFormat":"Other"}"#, r#"{"a":{"bomFormat":"CycloneDX"}}"#, "<bom/>", "x"] {
            check(other, None);
        }
    }
}
