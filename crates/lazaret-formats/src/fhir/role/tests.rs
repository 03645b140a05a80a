//! `inspection.md` section 7.1, row FHIR, value by value.

use super::super::{Document, Value};
use super::*;

/// The roles of all strings and numbers of a document, by their values.
fn roles(text: &str) -> Vec<(String, Role)> {
    let mut out = Vec::new();
    Document::parse(text.as_bytes()).unwrap().walk(|leaf| match leaf.value {
        Value::Text(text) => out.push((text.to_str().into_owned(), leaf.role)),
        Value::Number { text, .. } => out.push((text.to_owned(), leaf.role)),
        Value::Bool(_) => {}
    });
    out
}

fn check(text: &str, expected: &[(&str, Role)]) {
    let found = roles(text);
    for (value, role) in expected {
        let of_value = found.iter().find(|(other, _)| other == value).map(|(_, role)| *role);
        assert_eq!(of_value, Some(*role), "{value}");
    }
}

const fn patient(letter: Letter) -> Role {
    Role::direct(Class::Patient, letter)
}

#[test]
fn a_patient_is_told_by_every_field_of_the_design() {
    check(
        r#"{"resourceType":"Patient","id":"p1","meta":{"lastUpdated":"2026-01-01"},
          "identifier":[{"system":"http://hospital/mrn","value":"MRN1","period":{"start":"2001"}},
                        {"system":"http://ns.electronichealth.net.au/id/hi/ihi/1.0","value":"IHI1"},
                        {"system":"http://hl7.org/fhir/sid/us-ssn","value":"SSN1","assigner":{"display":"SSA"}}],
          "name":[{"use":"official","family":"Roe","given":["Jane"],"prefix":["Ms"],"text":"Jane Roe"}],
          "telecom":[{"system":"phone","value":"555"},{"system":"email","value":"a@b"},{"value":"556"}],
          "address":[{"line":["1 St"],"city":"Town","state":"WA","postalCode":"6000","country":"AU"}],
          "gender":"female","birthDate":"1980-01-02","deceasedDateTime":"2020-01-01",
          "photo":[{"contentType":"image/png","data":"iVBO"}],
          "contact":[{"name":{"family":"Kin"},"telecom":[{"value":"557"}]}],
          "generalPractitioner":[{"reference":"Practitioner/9","display":"Dr Who"}],
          "link":[{"other":{"reference":"Patient/2","display":"Jane Doe"}}]}"#,
        &[
            ("p1", Role::indirect(Letter::Other)),
            ("2026-01-01", Role::indirect(Letter::Date)),
            ("MRN1", patient(Letter::MedicalRecord)),
            ("2001", Role::indirect(Letter::Date)),
            ("IHI1", patient(Letter::HealthPlan)),
            ("SSN1", patient(Letter::SocialSecurity)),
            ("SSA", Role::direct(Class::Business, Letter::Name)),
            ("official", Role::Plain),
            ("Roe", patient(Letter::Name)),
            ("Jane", patient(Letter::Name)),
            ("Jane Roe", patient(Letter::Name)),
            ("555", patient(Letter::Telephone)),
            ("a@b", patient(Letter::Email)),
            ("556", patient(Letter::Telephone)),
            ("1 St", patient(Letter::Geography)),
            ("Town", patient(Letter::Geography)),
            ("WA", Role::Plain),
            ("6000", patient(Letter::Geography)),
            ("AU", Role::Plain),
            ("female", Role::Plain),
            ("1980-01-02", patient(Letter::Date)),
            ("2020-01-01", patient(Letter::Date)),
            ("image/png", Role::Plain),
            ("iVBO", patient(Letter::Photograph)),
            ("Kin", Role::direct(Class::Related, Letter::Name)),
            ("557", Role::direct(Class::Related, Letter::Telephone)),
            ("Dr Who", Role::direct(Class::Staff, Letter::Name)),
            ("Jane Doe", patient(Letter::Name)),
        ],
    );
}

#[test]
fn extensions_tell_what_the_patient_does_not() {
    check(
        r#"{"resourceType":"Patient","_birthDate":{"extension":[{"url":"birthTime","valueDateTime":"1980-01-02T03:04"}]},
          "name":[{"_family":{"extension":[{"url":"humanname-own-name","valueString":"Own"}]}}],
          "address":[{"extension":[{"url":"geo","extension":[{"url":"latitude","valueDecimal":42.3}]}]}],
          "extension":[{"url":"http://x/patient-mothersMaidenName","valueString":"Maiden"},
            {"url":"http://x/patient-birthPlace","valueAddress":{"city":"Dedham","country":"US"}},
            {"url":"text","valueString":"White"},{"url":"x","valueCode":"M"},
            {"url":"y","valueIdentifier":{"value":"ID7"}},{"url":"z","valueHumanName":{"text":"Alias"}}]}"#,
        &[
            ("1980-01-02T03:04", patient(Letter::Date)),
            ("Own", patient(Letter::Name)),
            ("42.3", patient(Letter::Geography)),
            ("Maiden", patient(Letter::Name)),
            ("Dedham", patient(Letter::Geography)),
            ("US", Role::Plain),
            ("White", Role::FreeText),
            ("M", Role::Plain),
            ("ID7", patient(Letter::MedicalRecord)),
            ("Alias", patient(Letter::Name)),
        ],
    );
}

#[test]
fn staff_and_organisations_are_no_patients() {
    check(
        r#"{"resourceType":"Practitioner","name":[{"family":"Stark"}],"telecom":[{"system":"fax","value":"9"}],
           "identifier":[{"value":"60"}],"birthDate":"1970-01-01","qualification":[{"issuer":{"display":"Uni"}}]}"#,
        &[
            ("Stark", Role::direct(Class::Staff, Letter::Name)),
            ("9", Role::direct(Class::Staff, Letter::Fax)),
            ("60", Role::direct(Class::Staff, Letter::Licence)),
            ("1970-01-01", Role::direct(Class::Staff, Letter::Date)),
        ],
    );
    check(
        r#"{"resourceType":"Organization","name":"Clinic","alias":["C"],"address":[{"city":"Garran"}],
           "contact":[{"name":{"family":"Office"}}],"identifier":[{"value":"8003624900041689"}]}"#,
        &[
            ("Clinic", Role::direct(Class::Business, Letter::Name)),
            ("Garran", Role::direct(Class::Business, Letter::Geography)),
            ("Office", Role::direct(Class::Business, Letter::Name)),
            ("8003624900041689", Role::direct(Class::Business, Letter::Other)),
        ],
    );
}

#[test]
fn events_orders_and_devices_are_indirect() {
    check(
        r#"{"resourceType":"Observation","identifier":[{"value":"O1"}],"effectiveDateTime":"2026-01-01",
          "issued":"2026-01-02","status":"final","code":{"coding":[{"system":"s","code":"c","display":"Height"}],"text":"T"},
          "subject":{"reference":"urn:uuid:1","display":"Jane Roe"},"performer":[{"display":"Dr X"}],
          "encounter":{"display":"Visit of Jane"},"valueString":"prose","note":[{"text":"more","authorString":"Dr Y"}],
          "valueQuantity":{"value":185.8,"unit":"cm"}}"#,
        &[
            ("O1", Role::indirect(Letter::Other)),
            ("2026-01-01", Role::indirect(Letter::Date)),
            ("2026-01-02", Role::indirect(Letter::Date)),
            ("final", Role::Plain),
            ("Height", Role::Other),
            ("T", Role::FreeText),
            ("Jane Roe", patient(Letter::Name)),
            ("Dr X", Role::direct(Class::Staff, Letter::Name)),
            ("Visit of Jane", Role::FreeText),
            ("prose", Role::FreeText),
            ("more", Role::FreeText),
            ("Dr Y", Role::direct(Class::Staff, Letter::Name)),
            ("185.8", Role::Other),
            ("cm", Role::Plain),
        ],
    );
    check(
        r#"{"resourceType":"Device","serialNumber":"SN1","udiCarrier":[{"deviceIdentifier":"DI1","carrierHRF":"(01)"}]}"#,
        &[("SN1", device()), ("DI1", device()), ("(01)", device())],
    );
}

#[test]
fn what_is_encoded_is_to_be_opened_and_narrative_to_be_read() {
    check(
        r#"{"resourceType":"DocumentReference","text":{"status":"generated","div":"<div>Jane</div>"},
           "content":[{"attachment":{"contentType":"application/pdf","data":"JVBE","title":"Letter"}}]}"#,
        &[("<div>Jane</div>", Role::FreeText), ("JVBE", Role::Encoded), ("Letter", Role::FreeText)],
    );
    check(r#"{"resourceType":"Binary","contentType":"text/plain","data":"SmFuZQ=="}"#, &[("SmFuZQ==", Role::Encoded)]);
    check(
        r#"{"resourceType":"Parameters","parameter":[{"name":"n","valueString":"v","resource":{"resourceType":"Coverage",
           "subscriberId":"S1","payor":[{"display":"Fund"}],"beneficiary":{"reference":"Patient/1"}}},
           {"valueBase64Binary":"AAEC"}]}"#,
        &[
            ("v", Role::FreeText),
            ("S1", patient(Letter::HealthPlan)),
            ("Fund", Role::direct(Class::Business, Letter::Name)),
            ("Patient/1", Role::indirect(Letter::Other)),
            ("AAEC", Role::Encoded),
        ],
    );
    let sampled = r#"{"resourceType":"Observation","valueSampledData":{"data":"1 2 3"}}"#;
    check(sampled, &[("1 2 3", Role::Other)]);
}

#[test]
fn every_level_is_one_of_two() {
    for (value, role) in roles(r#"{"resourceType":"Encounter","period":{"start":"2026"},"identifier":[{"value":"V"}]}"#)
    {
        if let Role::Identifies { level, .. } = role {
            assert_eq!(level, Level::Indirect, "{value}");
        }
    }
}
