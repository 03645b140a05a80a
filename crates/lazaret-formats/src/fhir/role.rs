//! Whom a place in a FHIR resource tells of: `inspection.md` section 7.1, by the names on the way to the value.
//!
//! Data types look alike wherever they stand (a HumanName has `family` and `given`), so most rules ask for the last two
//! names only. What no rule knows is prose where FHIR has prose, and [`Role::Other`] else.

use super::Step;
use super::facts::{Kind, Siblings};
use crate::role::{Class, Letter, Level, Role};

/// The names on the way to a value, without indexes.
#[derive(Clone, Copy)]
struct Names<'p, 'a> {
    path: &'p [Step<'a>],
}

impl<'p> Names<'p, '_> {
    fn back(&self, nth: usize) -> &'p str {
        self.iter().nth(nth).unwrap_or_default()
    }

    fn first(&self) -> &'p str {
        self.iter().last().unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &'p str> + use<'p> {
        self.path.iter().rev().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_ref()),
            Step::Index(_) => None,
        })
    }
}

pub(super) fn role(resource: &str, path: &[Step<'_>], siblings: &Siblings<'_, '_>) -> Role {
    let names = Names { path };
    let class = class_of(resource, &names);
    let (leaf, parent) = (names.back(0), names.back(1));
    if names.iter().count() == 1 && leaf == "id" {
        return id_role(class);
    }
    opened(resource, &names)
        .or_else(|| person_value(class, leaf, parent, siblings))
        .or_else(|| of_resource(resource, class, &names))
        .or_else(|| display(leaf, parent, siblings))
        .or_else(|| extension(&names, class, siblings))
        .or_else(|| date(leaf, parent))
        .unwrap_or_else(|| rest(leaf, parent, siblings))
}

/// Whom the resource as a whole is about.
fn class_of(resource: &str, names: &Names<'_, '_>) -> Option<Class> {
    match (resource, names.first()) {
        ("Patient" | "RelatedPerson", "contact") | ("RelatedPerson", _) | ("FamilyMemberHistory", _) => {
            Some(Class::Related)
        }
        ("Patient" | "Person", _) => Some(Class::Patient),
        ("Practitioner" | "PractitionerRole", _) => Some(Class::Staff),
        (
            "Organization" | "Location" | "HealthcareService" | "Endpoint" | "OrganizationAffiliation"
            | "InsurancePlan",
            _,
        )
        // Who publishes definitions is named in them.
        | (
            "CodeSystem" | "ValueSet" | "ConceptMap" | "StructureDefinition" | "StructureMap" | "SearchParameter"
            | "OperationDefinition" | "CapabilityStatement" | "ImplementationGuide" | "NamingSystem" | "Questionnaire"
            | "Measure" | "Library" | "PlanDefinition" | "ActivityDefinition" | "MessageDefinition",
            _,
        ) => Some(Class::Business),
        _ => None,
    }
}

/// The id under which a server knows a person leads to them.
fn id_role(class: Option<Class>) -> Role {
    match class {
        Some(class @ (Class::Patient | Class::Related | Class::Staff)) => {
            Role::Identifies { class, level: Level::Indirect, letter: Letter::Other }
        }
        Some(Class::Business) | None => Role::Plain,
    }
}

/// Base64 that is something of its own: Attachment, Binary, Signature, any value of that type.
fn opened(resource: &str, names: &Names<'_, '_>) -> Option<Role> {
    let (leaf, parent) = (names.back(0), names.back(1));
    match (leaf, parent) {
        ("data" | "url", "photo") => Some(Role::direct(class_of(resource, names)?, Letter::Photograph)),
        ("data", "valueSampledData") => None,
        ("data", _) => Some(Role::Encoded),
        ("valueBase64Binary", _) => Some(Role::Encoded),
        _ => None,
    }
}

/// HumanName, Address, ContactPoint and Identifier, wherever they stand.
fn person_value(class: Option<Class>, leaf: &str, parent: &str, siblings: &Siblings<'_, '_>) -> Option<Role> {
    let direct = |letter| Some(Role::direct(class.unwrap_or(Class::Patient), letter));
    let is = |kind: &str| names_type(parent, kind);
    match leaf {
        "family" | "given" | "prefix" | "suffix" => direct(Letter::Name),
        "text" if is("name") || parent == "valueHumanName" => direct(Letter::Name),
        "line" | "city" | "district" | "postalCode" => direct(Letter::Geography),
        "text" if is("address") => direct(Letter::Geography),
        "state" | "country" if is("address") => Some(Role::Plain),
        "value" if is("telecom") || parent == "valueContactPoint" => direct(contact_letter(siblings)),
        "value" if is("identifier") => Some(match class {
            Some(class) => Role::direct(class, identifier_letter(class, siblings)),
            None => Role::indirect(Letter::Other),
        }),
        "value" if matches!(parent, "requisition" | "accession") => Some(Role::indirect(Letter::Other)),
        _ => None,
    }
}

/// `identifier`, `valueIdentifier`, `preAdmissionIdentifier`.
fn names_type(parent: &str, kind: &str) -> bool {
    let Some(start) = parent.len().checked_sub(kind.len()) else { return false };
    parent.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(kind))
}

fn contact_letter(siblings: &Siblings<'_, '_>) -> Letter {
    match siblings.get(Kind::System).map(|system| system.raw) {
        Some("fax") => Letter::Fax,
        Some("email") => Letter::Email,
        Some("url") => Letter::Url,
        Some("other") => Letter::Other,
        Some(_) | None => Letter::Telephone,
    }
}

/// Identifier systems whose numbers are not those of a hospital: insurance, health services, social security, licences.
const SYSTEMS: [(&str, Letter); 14] = [
    ("us-ssn", Letter::SocialSecurity),
    ("us-mbi", Letter::HealthPlan),
    ("us-medicare", Letter::HealthPlan),
    ("medicare-number", Letter::HealthPlan),
    ("/hi/ihi/", Letter::HealthPlan),
    ("/id/dva", Letter::HealthPlan),
    ("nhs-number", Letter::HealthPlan),
    ("2.16.840.1.113883.4.1", Letter::SocialSecurity),
    ("2.16.840.1.113883.4.3.", Letter::Licence),
    ("2.16.840.1.113883.4.572", Letter::HealthPlan),
    ("us-npi", Letter::Licence),
    ("2.16.840.1.113883.4.6", Letter::Licence),
    ("passport", Letter::Other),
    ("pension", Letter::HealthPlan),
];

fn identifier_letter(class: Class, siblings: &Siblings<'_, '_>) -> Letter {
    let system = siblings.get(Kind::System).map(|system| system.raw).unwrap_or_default();
    let known = SYSTEMS.iter().find(|(part, _)| system.contains(part)).map(|(_, letter)| *letter);
    known.unwrap_or(match class {
        Class::Patient | Class::Related => Letter::MedicalRecord,
        Class::Staff => Letter::Licence,
        Class::Business => Letter::Other,
    })
}

/// Elements that mean something in one resource only.
fn of_resource(resource: &str, class: Option<Class>, names: &Names<'_, '_>) -> Option<Role> {
    let leaf = names.back(0);
    match (resource, leaf) {
        ("Patient" | "Person" | "RelatedPerson" | "Practitioner", "birthDate" | "deceasedDateTime")
        | ("FamilyMemberHistory", "bornDate" | "bornPeriod" | "deceasedDate") => {
            Some(Role::direct(class?, Letter::Date))
        }
        ("FamilyMemberHistory", "name") => Some(Role::direct(Class::Related, Letter::Name)),
        ("Coverage", "subscriberId") => Some(Role::direct(Class::Patient, Letter::HealthPlan)),
        ("Coverage", "dependent") => Some(Role::indirect(Letter::HealthPlan)),
        ("Account", "name") | ("AuditEvent", "name" | "altId") => Some(Role::FreeText),
        ("Organization" | "Location" | "HealthcareService", "name" | "alias") => {
            Some(Role::direct(Class::Business, Letter::Name))
        }
        ("Location", "latitude" | "longitude") => Some(Role::direct(Class::Business, Letter::Geography)),
        (_, "publisher") if class == Some(Class::Business) => Some(Role::direct(Class::Business, Letter::Name)),
        ("Device" | "DeviceUseStatement", "serialNumber" | "distinctIdentifier") => Some(device()),
        ("Device", "deviceIdentifier" | "carrierHRF" | "carrierAIDC" | "lotNumber") => Some(device()),
        (_, "authorString") => Some(Role::direct(Class::Staff, Letter::Name)),
        _ => None,
    }
}

fn device() -> Role {
    Role::indirect(Letter::Device)
}

/// `Reference.display` is the name of what it refers to.
fn display(leaf: &str, parent: &str, siblings: &Siblings<'_, '_>) -> Option<Role> {
    if leaf == "reference" {
        let to_person = matches!(target(siblings), Some("Patient" | "RelatedPerson" | "Person"));
        return Some(if to_person { Role::indirect(Letter::Other) } else { Role::Plain });
    }
    if leaf != "display" || matches!(parent, "coding" | "valueCoding") {
        return None;
    }
    let named = |class| Some(Role::direct(class, Letter::Name));
    match target(siblings) {
        Some("Patient" | "Person") => named(Class::Patient),
        Some("RelatedPerson") => named(Class::Related),
        Some("Practitioner" | "PractitionerRole") => named(Class::Staff),
        Some("Organization" | "Location" | "HealthcareService") => named(Class::Business),
        Some(_) => Some(Role::FreeText),
        None => match parent {
            "patient" | "subject" | "beneficiary" | "subscriber" | "policyHolder" => named(Class::Patient),
            "individual"
            | "practitioner"
            | "performer"
            | "requester"
            | "recorder"
            | "asserter"
            | "author"
            | "generalPractitioner"
            | "enterer"
            | "attester"
            | "interpreter"
            | "responsible" => named(Class::Staff),
            "managingOrganization"
            | "serviceProvider"
            | "organization"
            | "assigner"
            | "payor"
            | "insurer"
            | "custodian"
            | "manufacturer" => named(Class::Business),
            _ => Some(Role::FreeText),
        },
    }
}

/// The type of resource that a reference leads to: by its own word, or by the address `Type/id`.
fn target<'a>(siblings: &Siblings<'_, 'a>) -> Option<&'a str> {
    let by_address = siblings.get(Kind::Reference).and_then(|reference| {
        let mut parts = reference.raw.rsplit('/');
        let (_, kind) = (parts.next()?, parts.next()?);
        kind.starts_with(|c: char| c.is_ascii_uppercase()).then_some(kind)
    });
    by_address.or_else(|| siblings.get(Kind::Type).map(|kind| kind.raw))
}

/// Values of extensions, and of what extends a primitive (`_birthDate`, `_family`).
fn extension(names: &Names<'_, '_>, class: Option<Class>, siblings: &Siblings<'_, '_>) -> Option<Role> {
    let leaf = names.back(0);
    let value = leaf.strip_prefix("value")?;
    let direct = |letter| Some(Role::direct(class.unwrap_or(Class::Patient), letter));
    let extends = |any: &[&str]| names.iter().filter_map(|name| name.strip_prefix('_')).any(|name| any.contains(&name));
    let url = siblings.get(Kind::Url).map(|url| url.raw).unwrap_or_default();
    match value {
        "Code" | "Coding" | "Uri" | "Url" | "Canonical" | "Boolean" | "Id" | "Oid" => Some(Role::Plain),
        "DateTime" | "Date" if extends(&["birthDate", "deceasedDateTime"]) => direct(Letter::Date),
        "String" if extends(&["family", "given", "text", "prefix", "suffix"]) => direct(Letter::Name),
        "String" if url.ends_with("mothersMaidenName") => direct(Letter::Name),
        "Decimal" if matches!(url, "latitude" | "longitude") => direct(Letter::Geography),
        "String" | "Markdown" => Some(Role::FreeText),
        "DateTime" | "Date" | "Instant" | "Time" => Some(Role::indirect(Letter::Date)),
        _ => None,
    }
}

/// Dates of events: FHIR names them all in a few ways.
fn date(leaf: &str, parent: &str) -> Option<Role> {
    let named = ["DateTime", "Date", "Instant", "On"].iter().any(|end| leaf.ends_with(end));
    let known = matches!(
        leaf,
        "date"
            | "issued"
            | "created"
            | "sent"
            | "received"
            | "recorded"
            | "timestamp"
            | "lastUpdated"
            | "when"
            | "time"
    );
    let of_period = matches!(leaf, "start" | "end") && !matches!(parent, "range" | "valueRange");
    (named || known || of_period).then(|| Role::indirect(Letter::Date))
}

/// What is left: codes and addresses are plain, prose is prose.
fn rest(leaf: &str, parent: &str, siblings: &Siblings<'_, '_>) -> Role {
    match leaf {
        "resourceType" | "system" | "code" | "use" | "status" | "version" | "versionId" | "url" | "profile"
        | "language" | "contentType" | "unit" | "currency" | "type" | "mode" | "intent" | "priority" | "gender"
        | "fullUrl" | "id" | "ifNoneExist" | "method" | "hash" | "rank" | "sequence" | "source" | "tag" => Role::Plain,
        "div"
        | "text"
        | "description"
        | "comment"
        | "conclusion"
        | "contentString"
        | "title"
        | "note"
        | "narrative"
        | "patientInstruction"
        | "additionalInstruction"
        | "instruction"
        | "reasonText"
        | "summary"
        | "markdown"
        | "display"
        | "name"
        | "label"
        | "detailString"
        | "subtitle"
        | "details"
        | "diagnostics" => {
            // The display of a code is the code's.
            let of_code = leaf == "display" && (parent == "coding" || siblings.get(Kind::System).is_some());
            if of_code { Role::Other } else { Role::FreeText }
        }
        _ if leaf.ends_with("String") || leaf.ends_with("Markdown") => Role::FreeText,
        _ => Role::Other,
    }
}

#[cfg(test)]
mod tests {
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
        check(
            r#"{"resourceType":"Binary","contentType":"text/plain","data":"SmFuZQ=="}"#,
            &[("SmFuZQ==", Role::Encoded)],
        );
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
        for (value, role) in
            roles(r#"{"resourceType":"Encounter","period":{"start":"2026"},"identifier":[{"value":"V"}]}"#)
        {
            if let Role::Identifies { level, .. } = role {
                assert_eq!(level, Level::Indirect, "{value}");
            }
        }
    }
}
