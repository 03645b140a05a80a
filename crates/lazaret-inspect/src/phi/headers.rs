//! Column headers and key names that say what stands below them, in English, German, French and Spanish. Compared in lower
//! case without anything but letters and digits.

use crate::report::Letter;

use super::people::{Class, Level, Span, Sure};

/// What a header means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Values below it identify a person directly.
    Person(Letter, Class),
    /// A word that is a person's only where others say that it is about persons: `name`, `address`.
    Perhaps(Letter),
    /// Values below it are about the event, not the person.
    Event(Letter),
}

const PERSON: &[(Letter, Class, &str)] = &[
    (
        Letter::A,
        Class::Patient,
        "firstname givenname forename middlename lastname surname familyname fullname patientname patient maidenname \
         preferredname vorname nachname familienname zuname geburtsname patientenname prenom nomdefamille nompatient \
         nomdenaissance nombrepaciente apellido apellidos primerapellido segundoapellido nombrecompleto membername \
         subscribername insuredname",
    ),
    (
        Letter::A,
        Class::Related,
        "nextofkin nextofkinname nokname mothername mothersname mothersmaidenname fathername guardianname guarantorname \
         emergencycontactname spousename kontaktperson",
    ),
    (
        Letter::B,
        Class::Patient,
        "streetaddress homeaddress addressline1 addressline2 address1 address2 patientaddress residentialaddress \
         postaladdress strasse straße hausnummer wohnort adressepatient direccion domicilio",
    ),
    (
        Letter::C,
        Class::Patient,
        "dob dateofbirth birthdate birthday born dateofdeath deathdate deceaseddate geburtsdatum geburtstag gebdat \
         sterbedatum datedenaissance datenaissance ddn fechadenacimiento fechanacimiento",
    ),
    (
        Letter::D,
        Class::Patient,
        "homephone mobilephone cellphone patientphone phonehome phonemobile handynummer telefonprivat telephonedomicile \
         telefonomovil",
    ),
    (Letter::G, Class::Patient, "ssn socialsecurity socialsecuritynumber socialsecurityno ssnumber"),
    (
        Letter::H,
        Class::Patient,
        "mrn urn medicalrecordnumber medicalrecordno recordnumber patientid patientno patientnumber patientidentifier \
         hospitalnumber urnumber chartnumber patientennummer fallnummer numeropatient ipp nhc historiaclinica",
    ),
    (
        Letter::I,
        Class::Patient,
        "medicare medicarenumber medicareno medicarecard ihi nhsnumber nhsno mbi memberid membernumber subscriberid \
         healthplanid insurancenumber policyholderid dva dvanumber beneficiaryid versichertennummer krankenkassennummer \
         kvnr numerosecuritesociale nir numsecu tarjetasanitaria cip",
    ),
    (
        Letter::R,
        Class::Patient,
        "passport passportnumber nationalid nationalidnumber steuerid dni nie nif taxfilenumber tfn",
    ),
    (Letter::L, Class::Patient, "licenseplate numberplate vin kennzeichen"),
];

const PERHAPS: &[(Letter, &str)] = &[
    (Letter::A, "name nom nombre"),
    (
        Letter::B,
        "address street suburb city town locality postcode zip zipcode plz ort adresse ville codepostal ciudad codigopostal",
    ),
    (Letter::D, "phone telephone tel mobile cell phonenumber telefon handy mobil portable telefono movil"),
    (Letter::E, "fax faxnumber"),
    (Letter::F, "email emailaddress mail courriel correo"),
    (Letter::J, "accountnumber iban cardnumber creditcard kontonummer"),
];

const EVENT: &[(Letter, &str)] = &[
    (
        Letter::C,
        "admissiondate dischargedate visitdate servicedate appointmentdate encounterdate admitted discharged aufnahmedatum entlassungsdatum",
    ),
    (Letter::R, "visitid encounterid accession accessionnumber ordernumber specimenid"),
    (Letter::M, "serialnumber deviceserial udi"),
];

/// What a header or key says.
pub(super) fn meaning(header: &str) -> Option<Meaning> {
    let plain: String = header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if plain.is_empty() || plain.len() > 40 {
        return None;
    }
    let holds = |words: &str| words.split_ascii_whitespace().any(|word| word == plain);
    let person = PERSON.iter().find(|(.., words)| holds(words)).map(|(l, c, _)| Meaning::Person(*l, *c));
    let perhaps = || PERHAPS.iter().find(|(_, words)| holds(words)).map(|(letter, _)| Meaning::Perhaps(*letter));
    let event = || EVENT.iter().find(|(_, words)| holds(words)).map(|(letter, _)| Meaning::Event(*letter));
    person.or_else(perhaps).or_else(event)
}

impl Meaning {
    /// The span of a value below this header, where others of the same record speak of persons or do not.
    pub(super) fn span(self, persons: bool) -> Option<Span> {
        Some(match self {
            Meaning::Person(letter, class) => Span::field(letter, class),
            Meaning::Perhaps(letter) if persons => {
                Span { letter, class: Class::Patient, level: Level::Direct, sure: Sure::Probable }
            }
            Meaning::Perhaps(_) => return None,
            Meaning::Event(letter) => Span::indirect(letter, Class::Patient),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_known_in_any_spelling() {
        for header in ["First Name", "first_name", "FIRSTNAME", "Vorname", "prénom".replace('é', "e").as_str()] {
            assert!(matches!(meaning(header), Some(Meaning::Person(Letter::A, _))), "{header}");
        }
        assert_eq!(meaning("name"), Some(Meaning::Perhaps(Letter::A)));
        assert_eq!(meaning("version"), None);
        assert_eq!(meaning(""), None);
        assert_eq!(Meaning::Perhaps(Letter::A).span(false), None);
    }
}
