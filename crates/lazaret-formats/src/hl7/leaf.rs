//! Values and their places: segments, fields, repetitions, components, subcomponents.

use std::ops::Range;

use super::delimiters::Delimiters;
use super::fields::{field_role, role_by_type};
use super::is_break;
use crate::role::Role;

/// A value that is not empty, with its place in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf<'f> {
    /// The segment's name; empty for what stands in a line that is no segment at all.
    pub segment: &'f str,
    /// Which segment of the message it is, from 0 on.
    pub segment_index: u32,
    /// Field, from 1 on, counted as HL7 counts it: MSH-2 holds the delimiters.
    pub field: u32,
    /// Repetition, from 1 on.
    pub repetition: u32,
    /// Component, from 1 on.
    pub component: u32,
    /// Subcomponent, from 1 on.
    pub subcomponent: u32,
    /// The bytes as sent, escapes and all.
    pub raw: &'f [u8],
    /// OBX-2 of the same segment: the type of OBX-5.
    pub value_type: Option<&'f [u8]>,
    /// Where `raw` begins in the message.
    pub(super) at: usize,
}

impl Leaf<'_> {
    /// Whether the value says "delete what you have" (section 2.5.3), which is not the same as saying nothing.
    pub fn is_delete(&self) -> bool {
        self.raw == b"\"\""
    }

    /// Whom the value tells of, by its place; of OBX-5 by its type.
    pub fn role(&self) -> Role {
        if self.is_delete() {
            return Role::Plain;
        }
        // Where the delimiters stand, anything else than delimiters is prose that someone put there.
        if self.field == 2 && matches!(self.segment, "MSH" | "FHS" | "BHS") {
            let delimiters = self.raw.len() <= 8 && self.raw.iter().all(u8::is_ascii_punctuation);
            return if delimiters { Role::Plain } else { Role::FreeText };
        }
        if self.segment == "OBX" && self.field == 5 {
            return role_by_type(self.value_type.unwrap_or_default(), self.component, self.subcomponent);
        }
        field_role(self.segment, self.field, self.component, self.subcomponent)
    }
}

/// A segment with the lines that continue it.
pub(super) struct Line<'f> {
    pub(super) at: usize,
    /// Without the breaks at its end.
    pub(super) bytes: &'f [u8],
    /// The breaks at its end.
    breaks: &'f [u8],
    pub(super) continued: usize,
}

impl Line<'_> {
    pub(super) fn ends_in(&self, breaks: &[u8]) -> bool {
        let first = match self.breaks {
            [b'\r', b'\n', ..] => self.breaks.get(..2),
            other => other.get(..1),
        };
        first == Some(breaks)
    }
}

/// Cuts a message into segments. A line that begins none goes on the one before: base64 with line breaks in an ED, or a
/// field with a CR in it.
pub(super) struct Lines<'f> {
    text: &'f [u8],
    at: usize,
    field: u8,
}

impl<'f> Lines<'f> {
    pub(super) fn new(text: &'f [u8], field: u8) -> Lines<'f> {
        Lines { text, at: 0, field }
    }

    /// Three characters, the first a capital letter, then a delimiter or the line's end (section 2.5.2).
    fn begins_segment(&self, at: usize) -> bool {
        let Some((name, rest)) = self.text.get(at..).and_then(|rest| rest.split_first_chunk::<3>()) else {
            return false;
        };
        let [first, second, third] = *name;
        let named = first.is_ascii_uppercase()
            && [second, third].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        named && rest.first().is_none_or(|&byte| byte == self.field || is_break(byte))
    }
}

impl<'f> Iterator for Lines<'f> {
    type Item = Line<'f>;

    fn next(&mut self) -> Option<Line<'f>> {
        let start = self.at;
        let (mut end, mut next, mut continued) = (start, start, 0);
        while next < self.text.len() {
            if next > start {
                if self.begins_segment(next) {
                    break;
                }
                continued += 1;
            }
            let rest = self.text.get(next..)?;
            let length = rest.iter().position(|&byte| is_break(byte)).unwrap_or(rest.len());
            let breaks = rest.get(length..)?.iter().take_while(|&&byte| is_break(byte)).count();
            end = next + length;
            next = end + breaks;
        }
        self.at = next;
        (next > start).then_some(Line {
            at: start,
            bytes: self.text.get(start..end)?,
            breaks: self.text.get(end..next)?,
            continued,
        })
    }
}

/// The place within a segment while it is read.
#[derive(Debug, Clone, Copy)]
struct Place {
    field: u32,
    repetition: u32,
    component: u32,
    subcomponent: u32,
}

impl Place {
    fn field(field: u32) -> Place {
        Place { field, repetition: 1, component: 1, subcomponent: 1 }
    }
}

/// Iterates over a message's values. One pass, no allocation.
pub struct Leaves<'f> {
    text: &'f [u8],
    lines: Lines<'f>,
    delimiters: Delimiters,
    /// Whether characters of two bytes are to be passed over where they may look like delimiters.
    two_byte: bool,
    segment: &'f str,
    segments: u32,
    place: Place,
    /// What is left of the segment, in the message.
    rest: Range<usize>,
    value_type: Option<&'f [u8]>,
}

impl<'f> Leaves<'f> {
    pub(super) fn new(text: &'f [u8], delimiters: Delimiters, two_byte: bool) -> Leaves<'f> {
        Leaves {
            text,
            lines: Lines::new(text, delimiters.field),
            delimiters,
            two_byte,
            segment: "",
            segments: 0,
            place: Place::field(0),
            rest: 0..0,
            value_type: None,
        }
    }

    fn next_segment(&mut self) -> Option<()> {
        let line = self.lines.next()?;
        let end = line.at + line.bytes.len();
        let named = line.bytes.split_first_chunk::<3>().filter(|(_, rest)| {
            // Only the first line of a message may be something else, and there it is MSH.
            rest.first().is_none_or(|&byte| byte == self.delimiters.field)
        });
        let name = named.and_then(|(name, _)| std::str::from_utf8(name).ok());
        self.segment = name.unwrap_or_default();
        self.segments = self.segments.saturating_add(1);
        self.value_type = None;
        // In MSH the byte after the name is itself MSH-1.
        let is_header = matches!(self.segment, "MSH" | "FHS" | "BHS");
        self.place = Place::field(if is_header { 2 } else { 1 });
        let name_bytes = if name.is_some() { 4 } else { 0 };
        self.rest = (line.at + name_bytes).min(end)..end;
        Some(())
    }

    /// Takes the next value of the segment, empty or not, and moves on to the place after the delimiter behind it.
    fn next_value(&mut self) -> Option<Leaf<'f>> {
        let bytes = self.text.get(self.rest.clone())?;
        let place = self.place;
        let encoding = place.field == 2 && matches!(self.segment, "MSH" | "FHS" | "BHS");
        let length = if encoding {
            bytes.iter().position(|&byte| byte == self.delimiters.field).unwrap_or(bytes.len())
        } else {
            self.value_length(bytes)
        };
        let leaf = Leaf {
            segment: self.segment,
            segment_index: self.segments.saturating_sub(1),
            field: place.field,
            repetition: place.repetition,
            component: place.component,
            subcomponent: place.subcomponent,
            raw: bytes.get(..length)?,
            value_type: self.value_type,
            at: self.rest.start,
        };
        match bytes.get(length) {
            Some(&delimiter) => {
                self.rest.start += length + 1;
                self.step(delimiter);
            }
            None => self.rest.start = usize::MAX,
        }
        Some(leaf)
    }

    fn step(&mut self, delimiter: u8) {
        let place = self.place;
        let next = |count: u32| count.saturating_add(1);
        self.place = if delimiter == self.delimiters.field {
            Place::field(next(place.field))
        } else if Some(delimiter) == self.delimiters.repetition {
            Place { repetition: next(place.repetition), ..Place::field(place.field) }
        } else if Some(delimiter) == self.delimiters.component {
            Place { component: next(place.component), subcomponent: 1, ..place }
        } else {
            Place { subcomponent: next(place.subcomponent), ..place }
        };
    }

    /// Bytes up to the next delimiter.
    fn value_length(&self, bytes: &[u8]) -> usize {
        let delimiters = &self.delimiters;
        let is_delimiter = |byte: u8| {
            byte == delimiters.field
                || Some(byte) == delimiters.component
                || Some(byte) == delimiters.repetition
                || Some(byte) == delimiters.subcomponent
        };
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if is_delimiter(byte) {
                return at;
            }
            at += match bytes.get(at..) {
                Some([0x1b, b'$', rest @ ..]) if self.two_byte => 2 + two_byte_run(rest),
                _ => 1,
            };
        }
        bytes.len()
    }
}

/// Bytes until the escape sequence that ends a run of characters of two bytes (ISO 2022).
fn two_byte_run(bytes: &[u8]) -> usize {
    bytes.windows(2).position(|pair| pair == [0x1b, b'(']).unwrap_or(bytes.len())
}

impl<'f> Iterator for Leaves<'f> {
    type Item = Leaf<'f>;

    fn next(&mut self) -> Option<Leaf<'f>> {
        loop {
            let Some(leaf) = self.next_value() else {
                self.next_segment()?;
                continue;
            };
            if leaf.segment == "OBX" && leaf.field == 2 && leaf.component == 1 && leaf.repetition == 1 {
                self.value_type = Some(leaf.raw);
            }
            if !leaf.raw.is_empty() {
                return Some(leaf);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    /// `PID-3[2].1.2=value` for each value.
    fn places(text: &str) -> Vec<String> {
        let file = File::parse(text.as_bytes()).unwrap();
        let message = file.messages().next().unwrap();
        let show = |leaf: Leaf<'_>| {
            assert_eq!(text.as_bytes()[message.span(&leaf)], *leaf.raw);
            let raw = String::from_utf8_lossy(leaf.raw);
            format!(
                "{}-{}[{}].{}.{}={raw}",
                leaf.segment, leaf.field, leaf.repetition, leaf.component, leaf.subcomponent
            )
        };
        message.leaves().skip(1).map(show).collect()
    }

    #[test]
    fn every_value_has_its_place() {
        assert_eq!(
            places("MSH|^~\\&|App\rPID|1||A^^B~C^D&E\rZXX|\"\"\r"),
            [
                "MSH-3[1].1.1=App",
                "PID-1[1].1.1=1",
                "PID-3[1].1.1=A",
                "PID-3[1].3.1=B",
                "PID-3[2].1.1=C",
                "PID-3[2].2.1=D",
                "PID-3[2].2.2=E",
                "ZXX-1[1].1.1=\"\"",
            ]
        );
        assert_eq!(
            places("MSH*$!?%*A\rPID*1*X$Y\r"),
            ["MSH-3[1].1.1=A", "PID-1[1].1.1=1", "PID-2[1].1.1=X", "PID-2[1].2.1=Y"]
        );
        assert_eq!(places("MSH|^~\\&|\rPID\rPV1|\r"), Vec::<String>::new());
    }

    #[test]
    fn delimiters_that_are_not_there_delimit_nothing() {
        assert_eq!(places("MSH|^|A\rPID|a^b~c&d\r")[1..], ["PID-1[1].1.1=a", "PID-1[1].2.1=b~c&d"]);
    }

    #[test]
    fn lines_that_begin_no_segment_go_on_the_one_before() {
        assert_eq!(
            places("MSH|^~\\&|A\rOBX|1|ED|c||^^^Base64^QUJD\r\nREVG\r\nR0hJ||F\rNTE|1\r")[4..],
            ["OBX-5[1].4.1=Base64", "OBX-5[1].5.1=QUJD\r\nREVG\r\nR0hJ", "OBX-7[1].1.1=F", "NTE-1[1].1.1=1"]
        );
        assert_eq!(places("MSH|^~\\&|A\rpid|1|Roe\r"), ["MSH-3[1].1.1=A\rpid", "MSH-4[1].1.1=1", "MSH-5[1].1.1=Roe"]);
    }

    #[test]
    fn the_type_of_obx_5_is_known_at_its_value() {
        let file = File::parse(b"MSH|^~\\&|A\rOBX|1|XPN|c||Roe^Jane\rNTE|1||t\r").unwrap();
        let message = file.messages().next().unwrap();
        let types: Vec<_> = message.leaves().map(|leaf| (leaf.segment, leaf.field, leaf.value_type)).collect();
        assert!(types.contains(&("OBX", 5, Some(b"XPN".as_slice()))));
        assert!(types.contains(&("NTE", 3, None)));
    }

    #[test]
    fn prose_in_the_place_of_delimiters_is_prose() {
        let roles = |text: &str| -> Vec<Role> {
            let file = File::parse(text.as_bytes()).unwrap();
            file.messages().flat_map(|message| message.leaves().map(|leaf| leaf.role()).collect::<Vec<_>>()).collect()
        };
        assert_eq!(roles("MSH|^~\\&|"), [Role::Plain]);
        assert_eq!(roles("MSH: Jane Roe"), [Role::FreeText]);
        assert_eq!(roles("MSH|^~\\& Jane Roe|"), [Role::FreeText]);
    }

    #[test]
    fn two_byte_characters_hide_no_delimiters() {
        // JIS X 0208: the bytes 0x5E 0x7C are one character, not two delimiters.
        let head = b"MSH|^~\\&|A|||||||||||||||ASCII~ISO IR87\r".as_slice();
        let text = [head, b"PID|||||\x1b$B\x5e\x7c\x7c\x5e\x1b(B^G\r"].concat();
        let file = File::parse(&text).unwrap();
        let message = file.messages().next().unwrap();
        let names: Vec<_> = message.leaves().filter(|leaf| leaf.segment == "PID").map(|leaf| leaf.raw).collect();
        assert_eq!(names, [b"\x1b$B\x5e\x7c\x7c\x5e\x1b(B".as_slice(), b"G"]);
        assert!(message.notes().unknown_charset);
    }
}
