//! Words that tell a name, an address, a mailbox or an imprint from other words.

use crate::report::Letter;

use super::people::Class;

/// Titles before a person's name, and whose they are.
const TITLES: [(&str, Class); 14] = [
    ("Mr", Class::Unknown),
    ("Mrs", Class::Unknown),
    ("Ms", Class::Unknown),
    ("Miss", Class::Unknown),
    ("Mx", Class::Unknown),
    ("Master", Class::Unknown),
    ("Baby", Class::Unknown),
    ("Dr", Class::Staff),
    ("Prof", Class::Staff),
    ("Professor", Class::Staff),
    ("Doctor", Class::Staff),
    ("Sister", Class::Staff),
    ("Nurse", Class::Staff),
    ("RN", Class::Staff),
];

/// Words between which a name must stand to count after "patient".
const NOT_NAMES: [&str; 40] = [
    "The",
    "This",
    "That",
    "With",
    "Was",
    "Has",
    "Is",
    "Will",
    "And",
    "For",
    "Data",
    "Record",
    "Records",
    "Care",
    "Safety",
    "Name",
    "Id",
    "ID",
    "Number",
    "Information",
    "Portal",
    "Monitor",
    "Monitoring",
    "Education",
    "Services",
    "Service",
    "Access",
    "Admin",
    "Administration",
    "Details",
    "Identifier",
    "Class",
    "Type",
    "Status",
    "Level",
    "Flow",
    "Rights",
    "Privacy",
    "Experience",
    "Consent",
];

/// Names by title (`Mrs Mia Banks`), by label (`Patient name: Mia Banks`) and by grammar (`my name is Mia`).
pub(super) fn names(text: &str) -> Vec<Class> {
    let mut found: Vec<Class> = Vec::new();
    let mut words = text.split_ascii_whitespace().peekable();
    while let Some(word) = words.next() {
        // Longer than "Professor", or without a capital: no title, and most words are so.
        if word.len() > 11 || !word.starts_with(|c: char| c.is_uppercase() || !c.is_alphanumeric()) {
            continue;
        }
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let title = TITLES.iter().find(|(title, _)| bare.eq_ignore_ascii_case(title) && starts_upper(bare));
        let ended = word.ends_with('.') || word.ends_with(|c: char| c.is_alphabetic());
        if let Some((_, class)) = title.filter(|_| ended && words.peek().is_some_and(|next| is_name(next))) {
            found.push(*class);
        }
    }
    found.extend(by_phrase(text));
    found.extend(by_label(text));
    found
}

/// A sentence in which someone gives a name.
fn by_phrase(text: &str) -> Option<Class> {
    let place = text.find("name is ").or_else(|| text.find("am called "))?;
    let after = text.get(place..)?.split_once(' ')?.1;
    let name = after.split_ascii_whitespace().nth(1)?;
    let before = text.get(..place).unwrap_or_default().split_ascii_whitespace().next_back().unwrap_or_default();
    let mine = ["my", "i", "her", "his"].iter().any(|word| before.eq_ignore_ascii_case(word));
    (mine && is_name(name)).then_some(Class::Unknown)
}

/// A label at the start of a line.
fn by_label(text: &str) -> Option<Class> {
    const LABELS: [(&str, Class); 11] = [
        ("patient name:", Class::Patient),
        ("patient:", Class::Patient),
        ("name of patient:", Class::Patient),
        ("full name:", Class::Unknown),
        ("first name:", Class::Unknown),
        ("last name:", Class::Unknown),
        ("surname:", Class::Unknown),
        ("given name:", Class::Unknown),
        ("next of kin:", Class::Related),
        ("emergency contact:", Class::Related),
        ("mother's name:", Class::Related),
    ];
    let start = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let (class, value) = LABELS.iter().find_map(|(label, class)| Some((*class, after_label(start, label)?)))?;
    is_name(value.split_ascii_whitespace().next()?).then_some(class)
}

/// What follows this label, in whatever case it is written.
fn after_label<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (head, rest) = (text.get(..label.len())?, text.get(label.len()..)?);
    head.eq_ignore_ascii_case(label).then_some(rest)
}

fn starts_upper(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
}

/// A word that could be a name: a capital, letters, and none of the words that follow "patient" in titles.
fn is_name(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let letters = bare.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '’' | '.'));
    bare.chars().count() >= 2 && starts_upper(bare) && letters && !NOT_NAMES.contains(&bare)
}

/// What a label at the start of a line makes of its value, whatever the value looks like.
pub(super) fn labelled(text: &str) -> Option<Letter> {
    const LABELS: [(&str, Letter); 8] = [
        ("home address:", Letter::B),
        ("residential address:", Letter::B),
        ("patient address:", Letter::B),
        ("date of birth:", Letter::C),
        ("dob:", Letter::C),
        ("date of death:", Letter::C),
        ("mrn:", Letter::H),
        ("medical record number:", Letter::H),
    ];
    let start = text.trim_start();
    let valued = |label: &str| after_label(start, label).is_some_and(|value| value.trim().len() >= 4);
    LABELS.iter().find(|(label, _)| valued(label)).map(|(_, letter)| *letter)
}

/// An address: a number, one to three words, a kind of street, and something that ends it like a locality.
pub(super) fn is_address(text: &str) -> bool {
    const STREETS: [&str; 32] = [
        "street",
        "st",
        "road",
        "rd",
        "avenue",
        "ave",
        "drive",
        "dr",
        "lane",
        "ln",
        "court",
        "ct",
        "place",
        "pl",
        "crescent",
        "cres",
        "boulevard",
        "blvd",
        "terrace",
        "tce",
        "highway",
        "hwy",
        "parade",
        "pde",
        "close",
        "grove",
        "strasse",
        "straße",
        "rue",
        "calle",
        "esplanade",
        "circuit",
    ];
    let words: Vec<&str> = text.split([' ', ',', ';', '\t']).filter(|word| !word.is_empty()).collect();
    words.iter().enumerate().any(|(at, word)| {
        let bare = word.trim_end_matches('.');
        let street = starts_upper(word) && bare.len() <= 12 && STREETS.contains(&bare.to_lowercase().as_str());
        if !street {
            return false;
        }
        let first = at.saturating_sub(4);
        let number = words.get(first..at).unwrap_or_default().iter().position(|word| is_house_number(word));
        let named = number.is_some_and(|place| {
            let between = words.get(first + place + 1..at).unwrap_or_default();
            (1..=3).contains(&between.len()) && between.iter().all(|word| starts_upper(word))
        });
        let postcode = words.get(at + 1..).unwrap_or_default().iter().take(6);
        named && postcode.into_iter().any(|word| is_postcode(word))
    })
}

fn is_house_number(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    (1..=5).contains(&digits) && word.len() <= digits + 1
}

fn is_postcode(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let head = bare.split('-').next().unwrap_or_default();
    matches!(head.len(), 4 | 5) && head.bytes().all(|b| b.is_ascii_digit())
}

/// Lines in which a person is an author, maintainer or rights holder.
pub(super) fn is_imprint(text: &str) -> bool {
    const MARKS: [&str; 14] = [
        "copyright",
        "(c)",
        "©",
        "author",
        "maintainer",
        "signed-off-by",
        "reviewed-by",
        "co-authored-by",
        "acked-by",
        "licensed",
        "license:",
        "committer",
        "spdx-",
        "all rights reserved",
    ];
    let lower = text.to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// Mailboxes of an office, not of a person.
pub(super) fn is_role_mailbox(mail: &str) -> bool {
    const ROLES: [&str; 24] = [
        "support",
        "info",
        "sales",
        "security",
        "admin",
        "help",
        "helpdesk",
        "contact",
        "noreply",
        "no-reply",
        "webmaster",
        "postmaster",
        "abuse",
        "privacy",
        "press",
        "office",
        "service",
        "feedback",
        "team",
        "git",
        "bugs",
        "hello",
        "customerservice",
        "psirt",
    ];
    let name = mail.split('@').next().unwrap_or_default().to_ascii_lowercase();
    ROLES.contains(&name.as_str())
}

/// Names of vocabularies that are written as web addresses.
pub(super) fn is_namespace(url: &str) -> bool {
    const HOSTS: [&str; 18] = [
        "hl7.org",
        "w3.org",
        "loinc.org",
        "snomed.info",
        "unitsofmeasure.org",
        "schema.org",
        "cyclonedx.org",
        "spdx.org",
        "ns.electronichealth.net.au",
        "healthterminologies.gov.au",
        "hl7.org.au",
        "nist.gov",
        "iso.org",
        "purl.org",
        "openxmlformats.org",
        "schemas.microsoft.com",
        "oasis-open.org",
        "gs1.org",
    ];
    let host = url.split("://").nth(1).unwrap_or(url).split(['/', ':', '#']).next().unwrap_or_default();
    HOSTS.iter().any(|known| host == *known || host.strip_suffix(known).is_some_and(|head| head.ends_with('.')))
}
