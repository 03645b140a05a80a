//! Which values of HL7 v2 tell of whom: the table of fields, and what their components say.
//!
//! A field that is not in the table is [`Role::Other`]; every field of a segment of one's own (`Z..`) is free text.

use super::table::{FIELDS, Field, Shape, address, contact, number, organisation, person, prose, worker};
use crate::role::Class::{Patient, Staff};
use crate::role::Letter::{Date, Email, Fax, Geography, Licence, MedicalRecord, Name, Other, Telephone};
use crate::role::{Letter, Role};

/// Whom a value tells of, by segment, field, component and subcomponent, all counted from 1. The value of an OBX-5
/// depends on OBX-2: see [`super::Leaf::role`].
pub fn field_role(segment: &str, field: u32, component: u32, subcomponent: u32) -> Role {
    if segment.starts_with('Z') {
        return Role::FreeText;
    }
    if matches!(segment, "MSH" | "FHS" | "BHS") && field <= 2 {
        return Role::Plain;
    }
    let fields = FIELDS.iter().find(|(name, _)| *name == segment).map_or(&[][..], |(_, fields)| fields);
    match fields.iter().find(|known| known.field == field) {
        Some(known) => component_role(known, component, subcomponent),
        // All of a staff member's own segments is about them, whatever the field.
        None if matches!(segment, "STF" | "PRA") => Role::direct(Staff, Other),
        // A line that is no segment may hold anything.
        None if segment.is_empty() => Role::FreeText,
        None => Role::Other,
    }
}

/// Whom the value of an OBX-5 tells of, by its type in OBX-2 (section 7.4.2): a person's data are the patient's, prose is
/// prose, and what is encapsulated is opened.
pub(super) fn role_by_type(value_type: &[u8], component: u32, subcomponent: u32) -> Role {
    let of = |field: Field| component_role(&field, component, subcomponent);
    match value_type {
        b"XPN" | b"PN" => of(person(5, Patient)),
        b"XAD" | b"AD" | b"SAD" => of(address(5, Patient)),
        b"XTN" | b"TN" => of(contact(5, Patient)),
        b"CX" | b"CK" => of(number(5, Patient, MedicalRecord)),
        b"XCN" | b"CN" => of(worker(5)),
        b"XON" => of(organisation(5)),
        b"TS" | b"DTM" | b"DT" | b"TM" | b"DR" => Role::indirect(Date),
        b"CE" | b"CWE" | b"CNE" | b"CF" => of(prose(5)),
        b"ED" => match component {
            5 => Role::Encoded,
            _ => Role::Plain,
        },
        b"NM" | b"SN" | b"NA" | b"MO" | b"CP" => Role::Other,
        _ => Role::FreeText,
    }
}

fn component_role(field: &Field, component: u32, subcomponent: u32) -> Role {
    let letter = match field.shape {
        Shape::Person => person_letter(component),
        Shape::Address => address_letter(component),
        Shape::Contact => contact_letter(component),
        Shape::Worker => worker_letter(component),
        Shape::WorkerBelow if component == 1 => worker_letter(subcomponent),
        Shape::WorkerBelow => None,
        Shape::Number | Shape::Time => (component == 1).then_some(field.letter),
        Shape::Numbers => (component <= 2 && subcomponent == 1).then_some(field.letter),
        Shape::Organisation => (component == 1).then_some(field.letter),
        Shape::Whole => Some(field.letter),
        Shape::Prose => return prose_role(component),
    };
    match (letter, field.shape, component) {
        (Some(letter), _, _) => Role::Identifies { class: field.class, level: field.level, letter },
        // XAD-20 is a comment and XTN-9 any text.
        (None, Shape::Address, 20) | (None, Shape::Contact, 9) => Role::FreeText,
        (None, _, _) => Role::Plain,
    }
}

/// XPN: family name, given names, suffix, prefix; from version 2.7 on what the person is called.
fn person_letter(component: u32) -> Option<Letter> {
    matches!(component, 1..=5 | 15).then_some(Name)
}

/// XAD: all but state, country and codes; the addressee is a name.
fn address_letter(component: u32) -> Option<Letter> {
    match component {
        1..=3 | 5 | 8..=10 => Some(Geography),
        19 => Some(Name),
        _ => None,
    }
}

/// XTN: the number as text, in pieces, or unformatted; the e-mail address.
fn contact_letter(component: u32) -> Option<Letter> {
    match component {
        1 | 6..=8 | 12 => Some(Telephone),
        4 => Some(Email),
        _ => None,
    }
}

/// XCN, CN, CNN: number, family name, given names, suffix, prefix.
fn worker_letter(component: u32) -> Option<Letter> {
    match component {
        1 => Some(Licence),
        2..=6 => Some(Name),
        _ => None,
    }
}

/// ST, TX and FT have one component; of a CWE the texts are prose and the rest is codes.
fn prose_role(component: u32) -> Role {
    match component {
        1 | 2 | 5 | 9 => Role::FreeText,
        _ => Role::Plain,
    }
}

/// The letter of a value in a contact field whose equipment type is known: a fax machine's number is `E`.
pub fn contact_letter_of(equipment: &[u8]) -> Letter {
    match equipment {
        b"FX" => Fax,
        b"Internet" | b"X.400" => Email,
        _ => Telephone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Class::{self, Related};
    use crate::role::Level;

    fn letter(segment: &str, field: u32, component: u32) -> Option<(Class, Level, char)> {
        match field_role(segment, field, component, 1) {
            Role::Identifies { class, level, letter } => Some((class, level, letter.letter())),
            Role::FreeText | Role::Encoded | Role::Other | Role::Plain => None,
        }
    }

    /// `inspection.md` section 7.1, row HL7 v2, first column.
    #[test]
    fn every_direct_field_of_the_design_is_in_the_table() {
        let listed: &[(&str, &[u32])] = &[
            ("PID", &[2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 18, 19, 20, 21, 23, 29, 40]),
            ("NK1", &[2, 4, 5, 6, 12, 16, 26, 30, 31, 32, 33, 37, 40]),
            ("GT1", &[2, 3, 4, 5, 6, 7, 8, 12, 16, 17, 18, 19]),
            ("IN1", &[16, 18, 19, 36, 49]),
            ("IN2", &[1, 2, 6, 8, 10, 61, 63]),
            ("MRG", &[1, 2, 3, 4, 5, 6, 7]),
            ("DB1", &[3]),
        ];
        for (segment, fields) in listed {
            for field in *fields {
                let found = letter(segment, *field, 1);
                assert!(matches!(found, Some((Patient | Related, Level::Direct, _))), "{segment}-{field}: {found:?}");
            }
        }
        assert_eq!(letter("PID", 10, 1), None);
        assert_eq!(letter("PID", 8, 1), None);
    }

    /// The same row, second and third column.
    #[test]
    fn staff_events_and_prose_are_in_the_table() {
        let staff: &[(&str, &[u32])] =
            &[("PV1", &[7, 8, 9, 17, 52]), ("ROL", &[4]), ("OBR", &[10, 16, 28, 32, 33, 34, 35]), ("OBX", &[16])];
        for (segment, fields) in staff {
            for field in *fields {
                assert!(matches!(letter(segment, *field, 1), Some((Staff, _, 'K'))), "{segment}-{field}");
            }
        }
        assert!(matches!(letter("STF", 3, 1), Some((Staff, _, 'A'))));
        assert!(matches!(letter("STF", 99, 1), Some((Staff, _, 'R'))));
        assert!(matches!(letter("PRA", 1, 1), Some((Staff, _, 'R'))));
        let indirect: &[(&str, &[u32])] = &[
            ("PV1", &[19, 44, 45, 50]),
            ("OBR", &[2, 3, 7, 8, 14, 22]),
            ("ORC", &[2, 3]),
            ("SPM", &[2]),
            ("EVN", &[2, 3, 6]),
            ("OBX", &[14]),
        ];
        for (segment, fields) in indirect {
            for field in *fields {
                assert!(matches!(letter(segment, *field, 1), Some((Patient, Level::Indirect, _))), "{segment}-{field}");
            }
        }
        for (segment, field) in [("NTE", 3), ("OBR", 13), ("OBR", 39), ("DG1", 4), ("ZXY", 7), ("", 1)] {
            assert_eq!(field_role(segment, field, 1, 1), Role::FreeText, "{segment}-{field}");
        }
        assert_eq!(field_role("OBR", 39, 2, 1), Role::FreeText);
    }

    #[test]
    fn the_components_of_a_field_tell_different_things() {
        let of = |segment, field, components: &[u32]| -> Vec<Option<char>> {
            components.iter().map(|component| letter(segment, field, *component).map(|found| found.2)).collect()
        };
        assert_eq!(of("PID", 5, &[1, 2, 3, 6, 7]), [Some('A'), Some('A'), Some('A'), None, None]);
        assert_eq!(of("PID", 11, &[1, 3, 4, 5, 6, 7]), [Some('B'), Some('B'), None, Some('B'), None, None]);
        assert_eq!(of("PID", 13, &[1, 2, 3, 4, 7, 12]), [Some('D'), None, None, Some('F'), Some('D'), Some('D')]);
        assert_eq!(of("PID", 3, &[1, 2, 4, 5]), [Some('H'), None, None, None]);
        assert_eq!(of("PID", 19, &[1]), [Some('G')]);
        assert_eq!(of("PV1", 7, &[1, 2, 3, 9]), [Some('K'), Some('A'), Some('A'), None]);
        assert_eq!(field_role("PID", 13, 9, 1), Role::FreeText);
        assert!(matches!(field_role("OBR", 32, 1, 2), Role::Identifies { class: Staff, letter: Name, .. }));
        assert_eq!(field_role("OBR", 32, 4, 1), Role::Plain);
    }

    #[test]
    fn the_type_of_an_observation_says_what_its_value_is() {
        assert_eq!(role_by_type(b"TX", 1, 1), Role::FreeText);
        assert_eq!(role_by_type(b"FT", 1, 1), Role::FreeText);
        assert_eq!(role_by_type(b"", 1, 1), Role::FreeText);
        assert_eq!(role_by_type(b"ED", 5, 1), Role::Encoded);
        assert_eq!(role_by_type(b"ED", 2, 1), Role::Plain);
        assert_eq!(role_by_type(b"XPN", 1, 1), Role::direct(Patient, Name));
        assert_eq!(role_by_type(b"CX", 1, 1), Role::direct(Patient, MedicalRecord));
        assert_eq!(role_by_type(b"NM", 1, 1), Role::Other);
        assert_eq!((role_by_type(b"CWE", 2, 1), role_by_type(b"CWE", 1, 1)), (Role::FreeText, Role::FreeText));
    }

    #[test]
    fn the_table_is_in_order_and_has_each_field_once() {
        for (index, (segment, fields)) in FIELDS.iter().enumerate() {
            assert!(fields.windows(2).all(|pair| pair[0].field < pair[1].field), "{segment}");
            assert!(!FIELDS[..index].iter().any(|(other, _)| other == segment), "{segment}");
        }
    }

    #[test]
    fn the_equipment_of_a_contact_says_its_letter() {
        assert_eq!(contact_letter_of(b"FX").letter(), 'E');
        assert_eq!(contact_letter_of(b"PH").letter(), 'D');
        assert_eq!(contact_letter_of(b"Internet").letter(), 'F');
    }
}
