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
mod tests;
