//! What values need to know of their siblings: collected in one look, because JSON has them in any order.

use super::{Malformed, is_type};
use crate::json::{Event, Scanner, Text};

/// Members of an object that say something about the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ResourceType,
    /// Of a ContactPoint: phone, fax, email; of an Identifier: who gives such numbers.
    System,
    /// Of a Reference: to what.
    Reference,
    /// Of a Reference: to what kind of resource.
    Type,
    /// Of an Extension: what it means.
    Url,
}

impl Kind {
    fn of(key: &str) -> Option<Kind> {
        match key {
            "resourceType" => Some(Kind::ResourceType),
            "system" => Some(Kind::System),
            "reference" => Some(Kind::Reference),
            "type" => Some(Kind::Type),
            "url" => Some(Kind::Url),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Fact<'a> {
    object: u32,
    kind: Kind,
    text: Text<'a>,
}

/// The facts of a document, ordered by object; objects are numbered in the order of their beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts<'a> {
    facts: Vec<Fact<'a>>,
}

/// The facts of one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Siblings<'f, 'a> {
    facts: &'f [Fact<'a>],
}

impl<'a> Facts<'a> {
    pub(super) fn collect(mut scanner: Scanner<'a>) -> Result<Facts<'a>, Malformed> {
        let mut facts = Vec::new();
        // Of each open container its number, if it is an object.
        let (mut open, mut objects, mut key) = (Vec::new(), 0_u32, None);
        while let Some(event) = scanner.next_event()? {
            let of = key.take();
            match event {
                Event::BeginObject => {
                    open.push(Some(objects));
                    objects = objects.saturating_add(1);
                }
                Event::BeginArray => open.push(None),
                Event::EndObject | Event::EndArray => {
                    open.pop();
                }
                Event::Key { text, repeated: true } => return Err(Malformed::RepeatedKey { at: text.at }),
                Event::Key { text, repeated: false } => key = Kind::of(&text.to_str()),
                Event::String(text) => {
                    if let (Some(kind), Some(Some(object))) = (of, open.last()) {
                        facts.push(Fact { object: *object, kind, text });
                    }
                }
                Event::Number { .. } | Event::Bool(_) | Event::Null => {}
            }
        }
        facts.sort_by_key(|fact| (fact.object, fact.kind));
        Ok(Facts { facts })
    }

    pub(super) fn of(&self, object: u32) -> Siblings<'_, 'a> {
        let start = self.facts.partition_point(|fact| fact.object < object);
        let rest = self.facts.get(start..).unwrap_or_default();
        let length = rest.partition_point(|fact| fact.object == object);
        Siblings { facts: rest.get(..length).unwrap_or_default() }
    }

    pub(super) fn resource_type(&self, object: u32) -> Option<&'a str> {
        let text = self.of(object).get(Kind::ResourceType)?;
        is_type(text).then_some(text.raw)
    }
}

impl<'a> Siblings<'_, 'a> {
    pub(super) fn get(&self, kind: Kind) -> Option<Text<'a>> {
        self.facts.iter().find(|fact| fact.kind == kind).map(|fact| fact.text)
    }
}
