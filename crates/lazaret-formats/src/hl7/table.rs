//! The fields of HL7 v2 that tell of someone, as data: `inspection.md` section 7.1, with the staff and contacts that real
//! messages also hold. Fields are numbered as in version 2.9.

use crate::role::Class::{self, Business, Patient, Related, Staff};
use crate::role::Letter::{
    self, Account, Date, Device, Email, Geography, HealthPlan, Licence, MedicalRecord, Name, Other, SocialSecurity,
    Telephone,
};
use crate::role::Level;

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

pub(super) const fn direct(field: u32, shape: Shape, class: Class, letter: Letter) -> Field {
    Field { field, shape, class, level: Level::Direct, letter }
}

pub(super) const fn person(field: u32, class: Class) -> Field {
    direct(field, Shape::Person, class, Name)
}

pub(super) const fn address(field: u32, class: Class) -> Field {
    direct(field, Shape::Address, class, Geography)
}

pub(super) const fn contact(field: u32, class: Class) -> Field {
    direct(field, Shape::Contact, class, Telephone)
}

pub(super) const fn number(field: u32, class: Class, letter: Letter) -> Field {
    direct(field, Shape::Number, class, letter)
}

/// Birth or death.
pub(super) const fn life(field: u32, class: Class) -> Field {
    direct(field, Shape::Time, class, Date)
}

pub(super) const fn worker(field: u32) -> Field {
    direct(field, Shape::Worker, Staff, Licence)
}

pub(super) const fn organisation(field: u32) -> Field {
    direct(field, Shape::Organisation, Business, Name)
}

pub(super) const fn prose(field: u32) -> Field {
    Field { field, shape: Shape::Prose, class: Patient, level: Level::Indirect, letter: Other }
}

pub(super) const fn event(field: u32) -> Field {
    Field { field, shape: Shape::Time, class: Patient, level: Level::Indirect, letter: Date }
}

/// A number of an order, a visit, a specimen.
pub(super) const fn order(field: u32) -> Field {
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
