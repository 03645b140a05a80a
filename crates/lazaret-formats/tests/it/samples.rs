//! Files that others made: see `tests/data/README.md`.

use lazaret_formats::fhir::{Document, Value};
use lazaret_formats::hl7::{File, PartKind};
use lazaret_formats::role::{Class, Letter, Level, Role};
use lazaret_formats::sbom::cyclonedx::{Bom, Gap};

const ADMISSION: &[u8] = include_bytes!("../data/hl7v2/ADT-A01-01.hl7");
const WITH_MARK: &[u8] = include_bytes!("../data/hl7v2/ADT04-251.hl7");
const RESULTS: &[u8] = include_bytes!("../data/hl7v2/LAB-ORU-1.hl7");

/// The values of a message that identify a patient directly by this letter.
fn direct(bytes: &[u8], wanted: Letter) -> Vec<String> {
    let file = File::parse(bytes).unwrap();
    let mut out = Vec::new();
    for message in file.messages() {
        for leaf in message.leaves() {
            let Role::Identifies { class: Class::Patient, level: Level::Direct, letter } = leaf.role() else {
                continue;
            };
            assert_eq!(bytes[message.span(&leaf)], *leaf.raw);
            if letter == wanted {
                out.push(message.decode(&leaf).text().to_owned());
            }
        }
    }
    out
}

#[test]
fn hl7_messages_of_another_project_are_read() {
    for (bytes, control_id) in [(ADMISSION, "MSG00001"), (WITH_MARK, "1270326314"), (RESULTS, "182")] {
        let file = File::parse(bytes).unwrap();
        assert!(file.parts().all(|(kind, _)| kind == PartKind::Message));
        let message = file.messages().next().unwrap();
        assert_eq!(message.header().control_id, Some(control_id.as_bytes()));
        let notes = message.notes();
        assert!(notes.lf_ends > 0 && notes.crlf_ends == 0 && notes.continued_lines == 0);
        assert!(!notes.unknown_charset && !notes.undecodable && !notes.odd_delimiters);
    }
    assert_eq!(direct(RESULTS, Letter::Name), ["DUCK", "DONALD", "D"]);
    assert_eq!(direct(RESULTS, Letter::Geography), ["111 DUCK ST", "FOWL", "999990000", "1"]);
    assert_eq!(direct(RESULTS, Letter::MedicalRecord), ["10006579"]);
    assert_eq!(direct(RESULTS, Letter::SocialSecurity), ["123121234"]);
    assert!(direct(ADMISSION, Letter::Name).iter().any(|name| name == "EVERYMAN"));
    assert_eq!(direct(ADMISSION, Letter::SocialSecurity), ["PSSN123121234"]);
}

#[test]
fn fhir_resources_of_another_project_are_read() {
    let mut found = Vec::new();
    let bytes = include_bytes!("../data/fhir/patient.json");
    Document::parse(bytes).unwrap().walk(|leaf| {
        if let (Role::Identifies { class: Class::Patient, level: Level::Direct, letter }, Value::Text(text)) =
            (leaf.role, leaf.value)
        {
            found.push((letter.letter(), text.to_str().into_owned()));
        }
    });
    let expected = [
        ('R', "IT1111111"),
        ('A', "Italia"),
        ('A', "Sofia"),
        ('A', "Ms"),
        ('C', "1989-05-07"),
        ('B', "Piazza del Colosseo"),
        ('B', "Rome"),
        ('B', "00184"),
    ];
    assert_eq!(found, expected.map(|(letter, text)| (letter, text.to_owned())));
    let organisation = include_bytes!("../data/fhir/organization.json");
    Document::parse(organisation).unwrap().walk(|leaf| {
        assert!(!matches!(
            leaf.role,
            Role::Identifies { class: Class::Patient | Class::Related, level: Level::Direct, .. }
        ));
    });
}

#[test]
fn bills_of_materials_of_another_project_are_read() {
    let board = Bom::parse(include_bytes!("../data/cyclonedx/board.json")).unwrap();
    assert_eq!(board.root.as_ref().and_then(|root| root.name.as_deref()), Some("pcie-sata-adaptor-board"));
    assert_eq!((board.components.len(), board.gaps()), (6, vec![(Gap::Identity, 5), (Gap::Graph, 1)]));
    let saas = Bom::parse(include_bytes!("../data/cyclonedx/saas.json")).unwrap();
    assert_eq!((saas.dependencies.len(), saas.gaps()), (5, vec![(Gap::Components, 1)]));
}
