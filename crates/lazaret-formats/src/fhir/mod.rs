//! FHIR R4 in JSON (hl7.org/fhir/R4/json.html): every value of a resource, with its path and whom its place tells of.
//!
//! No model of the 150 resources is built. A document is walked once for what values need to know of their siblings, and
//! once for the values; it costs little more memory than it has bytes. XML is for another reader.

mod facts;
mod role;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::json::{self, Event, Scanner, Text};
use crate::role::Role;
use facts::Facts;

/// Bytes of one document; of NDJSON, of one line.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Characters of a resource's type.
const TYPE_BYTES_MAX: usize = 64;

/// Why a document is no FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// More than [`DOCUMENT_BYTES_MAX`] bytes.
    TooLong,
    /// No JSON, or too deep.
    Json(json::Malformed),
    /// A key that its object had before: two readers may take different values.
    RepeatedKey {
        /// Offset of the second one.
        at: usize,
    },
    /// No object with a `resourceType`.
    NotFhir,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::TooLong => write!(f, "a FHIR document of more than {DOCUMENT_BYTES_MAX} bytes"),
            Malformed::Json(why) => why.fmt(f),
            Malformed::RepeatedKey { at } => write!(f, "a key that is there twice at byte {at}"),
            Malformed::NotFhir => f.write_str("no FHIR: the document has no resourceType"),
        }
    }
}

impl std::error::Error for Malformed {}

impl From<json::Malformed> for Malformed {
    fn from(why: json::Malformed) -> Malformed {
        Malformed::Json(why)
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into an object.
    Key(Cow<'a, str>),
    /// Into an array, from 0 on.
    Index(usize),
}

/// A value that is neither object nor array, nor null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    Text(Text<'a>),
    /// A number, as it is written.
    Number {
        /// Its digits.
        text: &'a str,
        /// Where they begin.
        at: usize,
    },
    /// A truth value.
    Bool(bool),
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf<'a, 'p> {
    /// The type of the resource that holds it, the innermost one.
    pub resource: &'p str,
    /// The way to it from that resource.
    pub path: &'p [Step<'a>],
    /// The value.
    pub value: Value<'a>,
    /// Whom its place tells of.
    pub role: Role,
}

impl Leaf<'_, '_> {
    /// The value's bytes in the document, without quotes.
    pub fn span(&self) -> Range<usize> {
        match self.value {
            Value::Text(text) => text.span(),
            Value::Number { text, at } => at..at + text.len(),
            Value::Bool(_) => 0..0,
        }
    }

    /// The path as people write it: `contact[0].name.family`.
    pub fn path_text(&self) -> String {
        let mut out = String::new();
        for (place, step) in self.path.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => out.push_str(key),
                Step::Key(key) => out.extend([".", key]),
                Step::Index(index) => out.push_str(&format!("[{index}]")),
            }
        }
        out
    }
}

/// A resource, checked to be one document without repeated keys.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    bytes: &'a [u8],
    range: Range<usize>,
    facts: Facts<'a>,
}

/// Whether bytes are a JSON object with a `resourceType`, or lines of such objects. Reads as far as it must.
pub fn is_fhir(bytes: &[u8]) -> bool {
    resource_type(bytes).is_some() || json::lines(bytes).next().is_some_and(|(_, line)| resource_type(line).is_some())
}

/// The type of the resource that bytes begin with.
fn resource_type(bytes: &[u8]) -> Option<Text<'_>> {
    let mut scanner = Scanner::new(bytes);
    let Ok(Some(Event::BeginObject)) = scanner.next_event() else { return None };
    loop {
        let Ok(Some(Event::Key { text, .. })) = scanner.next_event() else { return None };
        if text.to_str() != "resourceType" {
            scanner.skip_value().ok()?;
            continue;
        }
        let Ok(Some(Event::String(name))) = scanner.next_event() else { return None };
        return is_type(name).then_some(name);
    }
}

fn is_type(name: Text<'_>) -> bool {
    (1..=TYPE_BYTES_MAX).contains(&name.raw.len()) && name.raw.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The documents that a file holds: itself, or its lines (NDJSON, the form of bulk exports). A line that is no resource
/// does not stop the rest.
pub fn documents(bytes: &[u8]) -> impl Iterator<Item = Result<Document<'_>, Malformed>> {
    let whole = Document::within(bytes, 0..bytes.len());
    // More than one line, and not one document: then each line is one.
    let many = json::lines(bytes).nth(1).is_some() && matches!(whole, Err(Malformed::Json(_) | Malformed::TooLong));
    let (one, lines) = if many { (None, Some(json::lines(bytes))) } else { (Some(whole), None) };
    let each = lines.into_iter().flatten().map(|(at, line)| Document::within(bytes, at..at + line.len()));
    one.into_iter().chain(each)
}

impl<'a> Document<'a> {
    /// Checks a document and looks at it once.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Document<'a>, Malformed> {
        Document::within(bytes, 0..bytes.len())
    }

    /// The same for a document within a file; positions are those of the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn within(bytes: &'a [u8], range: Range<usize>) -> Result<Document<'a>, Malformed> {
        let document = Document::read(bytes, range)?;
        if document.facts.resource_type(0).is_none() {
            return Err(Malformed::NotFhir);
        }
        Ok(document)
    }

    fn read(bytes: &'a [u8], range: Range<usize>) -> Result<Document<'a>, Malformed> {
        if range.len() > DOCUMENT_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let content = bytes.get(range.clone()).unwrap_or_default();
        let bom_bytes = if content.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let range = range.start + bom_bytes..range.end;
        let facts = Facts::collect(Scanner::within(bytes, range.clone()))?;
        Ok(Document { bytes, range, facts })
    }

    /// A document that need not be a resource itself: resources may stand anywhere in it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn around(bytes: &'a [u8]) -> Result<Document<'a>, Malformed> {
        Document::read(bytes, 0..bytes.len())
    }

    /// The type of the outermost resource.
    pub fn resource_type(&self) -> &'a str {
        self.facts.resource_type(0).unwrap_or_default()
    }

    /// Shows the name of every member of every object, in the document's order.
    pub fn keys(&self, mut see: impl FnMut(&str)) {
        let mut scanner = Scanner::within(self.bytes, self.range.clone());
        // As in walking: an error cannot come.
        while let Ok(Some(event)) = scanner.next_event() {
            if let Event::Key { text, .. } = event {
                see(&text.to_str());
            }
        }
    }

    /// Shows every value, in the document's order.
    pub fn walk(&self, mut see: impl FnMut(&Leaf<'a, '_>)) {
        let mut walk = Walk::default();
        let mut scanner = Scanner::within(self.bytes, self.range.clone());
        // The document was scanned before, so an error cannot come; if it did, the walk would end where it stands.
        while let Ok(Some(event)) = scanner.next_event() {
            if let Some(value) = walk.step(event, &self.facts) {
                see(&walk.leaf(value, &self.facts));
                walk.after_value();
            }
        }
    }
}

/// An object or array that is open.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// Its number, in the order of beginning.
    Object(u32),
    /// The index of what comes next.
    Array(usize),
}

/// A resource that is open: where its path begins.
#[derive(Debug, Clone, Copy)]
struct Resource<'a> {
    name: &'a str,
    path_at: usize,
    depth: usize,
}

#[derive(Debug, Default)]
struct Walk<'a> {
    open: Vec<Open>,
    path: Vec<Step<'a>>,
    resources: Vec<Resource<'a>>,
    objects: u32,
}

impl<'a> Walk<'a> {
    fn step(&mut self, event: Event<'a>, facts: &Facts<'a>) -> Option<Value<'a>> {
        if !matches!(event, Event::Key { .. } | Event::EndObject | Event::EndArray) {
            self.enter_element();
        }
        match event {
            Event::BeginObject => self.begin_object(facts),
            Event::BeginArray => self.open.push(Open::Array(0)),
            Event::EndObject | Event::EndArray => self.end(),
            Event::Key { text, .. } => self.path.push(Step::Key(text.to_str())),
            Event::String(text) => return Some(Value::Text(text)),
            Event::Number { text, at } => return Some(Value::Number { text, at }),
            Event::Bool(value) => return Some(Value::Bool(value)),
            Event::Null => self.after_value(),
        }
        None
    }

    /// A value in an array has its index as a step.
    fn enter_element(&mut self) {
        if let Some(Open::Array(next)) = self.open.last_mut() {
            self.path.push(Step::Index(*next));
            *next += 1;
        }
    }

    fn begin_object(&mut self, facts: &Facts<'a>) {
        let number = self.objects;
        self.objects = self.objects.saturating_add(1);
        self.open.push(Open::Object(number));
        if let Some(name) = facts.resource_type(number) {
            self.resources.push(Resource { name, path_at: self.path.len(), depth: self.open.len() });
        }
    }

    fn end(&mut self) {
        if self.resources.last().is_some_and(|resource| resource.depth == self.open.len()) {
            self.resources.pop();
        }
        self.open.pop();
        self.after_value();
    }

    /// The step that led to a value is taken back.
    fn after_value(&mut self) {
        self.path.pop();
    }

    fn leaf(&self, value: Value<'a>, facts: &Facts<'a>) -> Leaf<'a, '_> {
        let (resource, path_at) = self.resources.last().map_or(("", 0), |open| (open.name, open.path_at));
        let path = self.path.get(path_at..).unwrap_or_default();
        let object = self.open.iter().rev().find_map(|open| match open {
            Open::Object(number) => Some(*number),
            Open::Array(_) => None,
        });
        let role = match value {
            Value::Bool(_) => Role::Plain,
            Value::Text(_) | Value::Number { .. } => role::role(resource, path, &facts.of(object.unwrap_or(0))),
        };
        Leaf { resource, path, value, role }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::{Class, Letter};

    const PATIENT: &str = r#"{"name":[{"family":"Roe","given":["Jane","A\u006en"]}],"active":true,
        "contact":[{"name":{"text":"Jim Roe"}}],"contained":[{"resourceType":"Practitioner","name":[{"family":"Who"}]}],
        "multipleBirthInteger":2,"resourceType":"Patient","birthDate":"1980-01-02","x":null}"#;

    fn walk(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        Document::parse(text.as_bytes()).unwrap().walk(|leaf| {
            let value = match leaf.value {
                Value::Text(text) => text.to_str().into_owned(),
                Value::Number { text, .. } => text.to_owned(),
                Value::Bool(value) => value.to_string(),
            };
            out.push(format!("{}:{}={value}", leaf.resource, leaf.path_text()));
        });
        out
    }

    #[test]
    fn every_value_has_its_resource_and_path() {
        assert_eq!(
            walk(PATIENT),
            [
                "Patient:name[0].family=Roe",
                "Patient:name[0].given[0]=Jane",
                "Patient:name[0].given[1]=Ann",
                "Patient:active=true",
                "Patient:contact[0].name.text=Jim Roe",
                "Practitioner:resourceType=Practitioner",
                "Practitioner:name[0].family=Who",
                "Patient:multipleBirthInteger=2",
                "Patient:resourceType=Patient",
                "Patient:birthDate=1980-01-02",
            ]
        );
        let nested =
            r#"{"resourceType":"Bundle","entry":[{"fullUrl":"u"},{"resource":{"resourceType":"Basic","id":"b"}}]}"#;
        assert_eq!(walk(nested)[1..], ["Bundle:entry[0].fullUrl=u", "Basic:resourceType=Basic", "Basic:id=b"]);
    }

    #[test]
    fn values_lead_back_to_their_bytes() {
        let mut seen = 0;
        Document::parse(PATIENT.as_bytes()).unwrap().walk(|leaf| {
            if let Value::Text(text) = leaf.value {
                assert_eq!(PATIENT.get(leaf.span()), Some(text.raw));
                seen += 1;
            }
        });
        assert_eq!(seen, 8);
    }

    #[test]
    fn fhir_is_recognised_by_its_resource_type() {
        for yes in [PATIENT, "{\"resourceType\":\"Basic\"}", "\u{feff}{\"a\":[{}],\"resourceType\":\"X\"}"] {
            assert!(is_fhir(yes.as_bytes()), "{yes}");
        }
        for no in
            ["", "[]", "{}", "{\"resourceType\":1}", "{\"resourceType\":\"\"}", "{\"a\":{\"resourceType\":\"X\"}}"]
        {
            assert!(!is_fhir(no.as_bytes()), "{no}");
            assert!(Document::parse(no.as_bytes()).is_err());
        }
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        let parse = |text: &str| Document::parse(text.as_bytes()).map(|_| ());
        assert_eq!(parse(r#"{"resourceType":"Patient","id":"a","id":"b"}"#), Err(Malformed::RepeatedKey { at: 36 }));
        assert!(matches!(parse(r#"{"resourceType":"Patient"} {}"#), Err(Malformed::Json(_))));
        assert_eq!(parse("{}"), Err(Malformed::NotFhir));
    }

    #[test]
    fn bulk_exports_are_a_resource_a_line() {
        let lines = "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n\n{\"resourceType\":\"Basic\"}\nbroken\n[]\n";
        let kinds: Vec<_> =
            documents(lines.as_bytes()).map(|found| found.map(|doc| doc.resource_type().to_owned())).collect();
        assert_eq!((kinds[0].as_deref(), kinds[1].as_deref()), (Ok("Patient"), Ok("Basic")));
        assert!(matches!(kinds[2], Err(Malformed::Json(_))) && kinds[3] == Err(Malformed::NotFhir));
        assert!(is_fhir(lines.as_bytes()));
        let mut ids = Vec::new();
        let second = "{\"resourceType\":\"Basic\"}\n{\"resourceType\":\"Patient\",\"id\":\"xyz\"}";
        documents(second.as_bytes()).nth(1).unwrap().unwrap().walk(|leaf| ids.push(leaf.span()));
        assert_eq!(&second[ids[1].clone()], "xyz");
        let pretty = "{\n\"resourceType\":\n\"Basic\"}";
        assert_eq!(documents(pretty.as_bytes()).count(), 1);
    }

    #[test]
    fn the_innermost_resource_says_whom_a_value_tells_of() {
        let mut found = Vec::new();
        Document::parse(PATIENT.as_bytes()).unwrap().walk(|leaf| {
            if let Role::Identifies { class, letter: Letter::Name, .. } = leaf.role {
                found.push(class);
            }
        });
        assert_eq!(found, [Class::Patient, Class::Patient, Class::Patient, Class::Related, Class::Staff]);
    }
}
