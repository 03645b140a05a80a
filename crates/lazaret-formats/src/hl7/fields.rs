//! Which fields of HL7 v2 tell of whom: `inspection.md` section 7.1 as data, with the staff and contacts that real messages
//! also hold.
//!
//! Fields are numbered as in version 2.9. A field that is not in the table is [`Role::Other`]; every field of a segment of
//! one's own (`Z..`) is free text.

use crate::role::Class::{Business, Patient, Related, Staff};
use crate::role::Letter::{
    Account, Date, Device, Email, Fax, Geography, HealthPlan, Licence, MedicalRecord, Name, Other, SocialSecurity,
    Telephone,
};
use crate::role::{Class, Letter, Level, Role};

/// How a field is made, as far as it matters which of its components tell of someone (chapter 2A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// XPN, PN: a person's name.
    Person,
    /// XAD, AD: an address.
    Address,
    /// XTN, TN: telephone, fax, e-mail.
    Contact,
    /// CX, EI, DLN, ST: the first component is the number.
    Number,
    /// EIP: two numbers.
    Numbers,
    /// TS, DTM, DT: an instant or a day.
    Time,
    /// XCN, CN: number and name of a person at work.
    Worker,
    /// NDL: the same, one level down.
    WorkerBelow,
    /// XON, ON: an organisation.
    Organisation,
    /// ST, TX, FT, or the texts of a CWE: prose.
    Prose,
    /// Identifying as a whole.
    Whole,
}

/// A field, how it is made, and whom it tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its number.
    pub field: u32,
    /// How it is made.
    pub shape: Shape,
    /// Whom it tells of.
    pub class: Class,
    /// How closely.
    pub level: Level,
    /// The letter of its number, where its shape does not say.
    pub letter: Letter,
}

const fn direct(field: u32, shape: Shape, class: Class, letter: Letter) -> Field {
    Field { field, shape, class, level: Level::Direct, letter }
}

const fn person(field: u32, class: Class) -> Field {
    direct(field, Shape::Person, class, Name)
}

const fn address(field: u32, class: Class) -> Field {
    direct(field, Shape::Address, class, Geography)
}

const fn contact(field: u32, class: Class) -> Field {
    direct(field, Shape::Contact, class, Telephone)
}

const fn number(field: u32, class: Class, letter: Letter) -> Field {
    direct(field, Shape::Number, class, letter)
}

/// Birth or death.
const fn life(field: u32, class: Class) -> Field {
    direct(field, Shape::Time, class, Date)
}

const fn worker(field: u32) -> Field {
    direct(field, Shape::Worker, Staff, Licence)
}

const fn organisation(field: u32) -> Field {
    direct(field, Shape::Organisation, Business, Name)
}

const fn prose(field: u32) -> Field {
    Field { field, shape: Shape::Prose, class: Patient, level: Level::Indirect, letter: Other }
}

const fn event(field: u32) -> Field {
    Field { field, shape: Shape::Time, class: Patient, level: Level::Indirect, letter: Date }
}

/// A number of an order, a visit, a specimen.
const fn order(field: u32) -> Field {
    Field { field, shape: Shape::Number, class: Patient, level: Level::Indirect, letter: Other }
}

/// The table: segments, each with its fields in order.
pub const FIELDS: &[(&str, &[Field])] = &[
    ("PID", PID),
    ("PD1", &[organisation(3), worker(4)]),
    ("NK1", NK1),
    ("GT1", GT1),
    ("IN1", IN1),
    ("IN2", IN2),
    ("MRG", MRG),
    ("DB1", &[number(3, Patient, Other), event(5), event(6)]),
    ("PV1", PV1),
    ("PV2", &[prose(3), event(8), event(9), prose(12), worker(13)]),
    ("EVN", &[event(2), event(3), worker(5), event(6)]),
    ("ORC", ORC),
    ("OBR", OBR),
    ("OBX", &[event(14), worker(16), order(18), event(19), organisation(23), address(24, Business), worker(25)]),
    ("NTE", &[prose(3), worker(5), event(6)]),
    ("SPM", &[Field { shape: Shape::Numbers, ..order(2) }, prose(14), event(17), event(18)]),
    ("DG1", &[prose(3), prose(4), event(5), worker(16), event(19), order(20)]),
    ("PR1", &[prose(3), prose(4), event(5), worker(8), worker(11), worker(12), order(19)]),
    ("AL1", &[prose(3), prose(5), event(6)]),
    ("IAM", &[prose(3), prose(5), event(11), event(13), person(14, Related), worker(18), worker(23), event(24)]),
    ("ACC", ACC),
    ("PDA", &[event(4), worker(5), event(7), worker(8)]),
    ("ROL", &[worker(4), event(5), event(6), address(11, Staff), contact(12, Staff), organisation(14)]),
    ("PRT", PRT),
    ("FT1", &[order(2), event(4), event(5), worker(20), worker(21), order(23), worker(24)]),
    ("RXA", &[event(3), event(4), prose(9), worker(10)]),
    ("RXO", &[worker(14), worker(15)]),
    ("RXE", &[worker(13), worker(14)]),
    ("RXD", &[event(3), order(7), worker(10), worker(11)]),
    ("RXG", &[worker(10)]),
    (
        "TXA",
        &[event(4), worker(5), event(6), event(7), event(8), worker(9), worker(10), worker(11), order(12), worker(22)],
    ),
    (
        "SCH",
        &[
            order(1),
            order(2),
            worker(12),
            contact(13, Staff),
            address(14, Staff),
            worker(16),
            contact(17, Staff),
            worker(20),
            contact(21, Staff),
        ],
    ),
    ("AIP", &[worker(3), event(6)]),
    ("AIG", &[event(8)]),
    ("AIL", &[event(6)]),
    ("AIS", &[event(4)]),
    ("RF1", &[order(6), event(7), event(8), event(9)]),
    ("AUT", &[organisation(3), order(6)]),
    ("CTD", &[person(2, Business), address(3, Business), contact(5, Business)]),
    ("STF", STF),
    ("PRA", &[organisation(2), number(6, Staff, Licence)]),
    ("ARV", &[prose(5), event(6)]),
    ("DSP", &[prose(3)]),
    ("ERR", &[prose(7), prose(8)]),
    ("MSA", &[prose(3)]),
    ("FHS", &[prose(10)]),
    ("BHS", &[prose(10)]),
    ("BTS", &[prose(2)]),
    ("FTS", &[prose(2)]),
];

const PID: &[Field] = &[
    number(2, Patient, MedicalRecord),
    number(3, Patient, MedicalRecord),
    number(4, Patient, MedicalRecord),
    person(5, Patient),
    person(6, Patient),
    life(7, Patient),
    person(9, Patient),
    address(11, Patient),
    direct(12, Shape::Whole, Patient, Geography),
    contact(13, Patient),
    contact(14, Patient),
    number(18, Patient, Account),
    number(19, Patient, SocialSecurity),
    number(20, Patient, Licence),
    number(21, Patient, MedicalRecord),
    direct(23, Shape::Whole, Patient, Geography),
    life(29, Patient),
    event(33),
    contact(40, Patient),
];

const NK1: &[Field] = &[
    person(2, Related),
    address(4, Related),
    contact(5, Related),
    contact(6, Related),
    number(12, Related, Other),
    organisation(13),
    life(16, Related),
    person(26, Related),
    person(30, Related),
    contact(31, Related),
    address(32, Related),
    number(33, Related, Other),
    number(37, Related, SocialSecurity),
    contact(40, Related),
    contact(41, Related),
];

const GT1: &[Field] = &[
    number(2, Related, Account),
    person(3, Related),
    person(4, Related),
    address(5, Related),
    contact(6, Related),
    contact(7, Related),
    life(8, Related),
    number(12, Related, SocialSecurity),
    person(16, Related),
    address(17, Related),
    contact(18, Related),
    number(19, Related, Other),
    number(29, Related, Other),
    person(42, Related),
    person(45, Related),
    contact(46, Related),
    organisation(51),
];

const IN1: &[Field] = &[
    number(3, Business, Other),
    organisation(4),
    address(5, Business),
    person(6, Business),
    contact(7, Business),
    number(10, Patient, Other),
    organisation(11),
    event(12),
    event(13),
    person(16, Related),
    life(18, Related),
    address(19, Related),
    worker(30),
    number(36, Patient, HealthPlan),
    address(44, Business),
    number(49, Patient, HealthPlan),
];

const IN2: &[Field] = &[
    number(1, Related, Other),
    number(2, Related, SocialSecurity),
    worker(3),
    number(6, Patient, HealthPlan),
    person(7, Patient),
    number(8, Patient, HealthPlan),
    person(9, Related),
    number(10, Patient, Other),
    person(22, Related),
    number(25, Patient, HealthPlan),
    number(26, Patient, HealthPlan),
    person(40, Related),
    person(49, Business),
    contact(50, Business),
    person(52, Related),
    contact(53, Related),
    number(61, Patient, HealthPlan),
    contact(63, Related),
    contact(64, Business),
    organisation(69),
    organisation(70),
];

const MRG: &[Field] = &[
    number(1, Patient, MedicalRecord),
    number(2, Patient, MedicalRecord),
    number(3, Patient, Account),
    number(4, Patient, MedicalRecord),
    number(5, Patient, Other),
    number(6, Patient, Other),
    person(7, Patient),
];

const PV1: &[Field] = &[
    order(5),
    worker(7),
    worker(8),
    worker(9),
    worker(17),
    order(19),
    event(25),
    event(44),
    event(45),
    order(50),
    worker(52),
    order(54),
];

const ORC: &[Field] = &[
    order(2),
    order(3),
    order(4),
    event(9),
    worker(10),
    worker(11),
    worker(12),
    contact(14, Staff),
    event(15),
    worker(19),
    organisation(21),
    address(22, Business),
    contact(23, Business),
    address(24, Staff),
];

const OBR: &[Field] = &[
    order(2),
    order(3),
    event(6),
    event(7),
    event(8),
    worker(10),
    prose(13),
    event(14),
    worker(16),
    contact(17, Staff),
    event(22),
    worker(28),
    prose(31),
    direct(32, Shape::WorkerBelow, Staff, Licence),
    direct(33, Shape::WorkerBelow, Staff, Licence),
    direct(34, Shape::WorkerBelow, Staff, Licence),
    direct(35, Shape::WorkerBelow, Staff, Licence),
    event(36),
    prose(39),
];

const ACC: &[Field] =
    &[event(1), prose(3), worker(7), prose(8), prose(9), Field { level: Level::Indirect, ..address(11, Patient) }];

const PRT: &[Field] = &[
    worker(5),
    organisation(8),
    direct(10, Shape::Number, Business, Device),
    event(11),
    event(12),
    address(14, Staff),
    contact(15, Staff),
    direct(16, Shape::Number, Business, Device),
    direct(20, Shape::Number, Business, Device),
];

const STF: &[Field] = &[
    number(2, Staff, Licence),
    person(3, Staff),
    life(6, Staff),
    contact(10, Staff),
    address(11, Staff),
    direct(15, Shape::Whole, Staff, Email),
    number(22, Staff, Licence),
    person(28, Staff),
];

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
