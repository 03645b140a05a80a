//! Numbers and words that identify by their form: validators with check digits (`inspection.md` section 7.2).
//!
//! Each takes a candidate, the whole of what stands between two places where a word may end, and says what it is, if it is
//! one. None of them knows what stands around it: one number in ten passes a check digit by chance, so a check alone is
//! proof only where a prefix comes with it ([`Kind::sure_alone`]).

mod contact;
mod date;
mod health;
mod money;

use std::ops::{Deref, RangeInclusive};

use crate::role::{Class, Letter, Sure};

pub use contact::{email, ipv4, ipv6, phone, url};
pub use date::{age_over_89, date};
pub use health::{au_medicare, au_provider, dva, ihi, nhs, npi, us_mbi, us_ssn};
pub use money::{card, iban};

/// Characters of a candidate that are looked at; a longer one is none, a URL aside.
pub const CANDIDATE_BYTES_MAX: usize = 320;

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Australian Individual Healthcare Identifier.
    Ihi,
    /// Australian Healthcare Provider Identifier of a person.
    HpiI,
    /// The same of an organisation.
    HpiO,
    /// Australian Medicare card number, ten digits.
    AuMedicare,
    /// The same with the person's number on the card: eleven digits.
    AuMedicarePerson,
    /// Australian Medicare provider number.
    AuProvider,
    /// Australian Department of Veterans' Affairs file number.
    Dva,
    /// NHS number of England, Wales and the Isle of Man.
    Nhs,
    /// US Social Security number.
    UsSsn,
    /// US Medicare Beneficiary Identifier.
    UsMbi,
    /// US National Provider Identifier.
    UsNpi,
    /// Payment card number (ISO/IEC 7812).
    Card,
    /// International bank account number (ISO 13616).
    Iban,
    /// Telephone number with its country (ITU-T E.164).
    PhoneInternational,
    /// Telephone number as a country writes its own.
    PhoneNational,
    /// E-mail address (RFC 5321).
    Email,
    /// URL (RFC 3986), or a name that begins with `www.`.
    Url,
    /// Internet address, version 4.
    Ipv4,
    /// Internet address, version 6 (RFC 4291).
    Ipv6,
    /// A day, or a month with its year.
    Date,
    /// An age from 90 on.
    AgeOver89,
    /// Vehicle identification number (ISO 3779).
    Vin,
    /// Letters and digits as hospitals and insurers number records.
    RecordNumber,
}

impl Kind {
    /// Its place among the eighteen of the law; national numbers of health services count as health plan's.
    pub const fn letter(self) -> Letter {
        match self {
            Kind::Ihi | Kind::AuMedicare | Kind::AuMedicarePerson | Kind::Dva | Kind::Nhs | Kind::UsMbi => {
                Letter::HealthPlan
            }
            Kind::HpiI | Kind::HpiO | Kind::AuProvider | Kind::UsNpi => Letter::Licence,
            Kind::UsSsn => Letter::SocialSecurity,
            Kind::Card | Kind::Iban => Letter::Account,
            Kind::PhoneInternational | Kind::PhoneNational => Letter::Telephone,
            Kind::Email => Letter::Email,
            Kind::Url => Letter::Url,
            Kind::Ipv4 | Kind::Ipv6 => Letter::IpAddress,
            Kind::Date | Kind::AgeOver89 => Letter::Date,
            Kind::Vin => Letter::Vehicle,
            Kind::RecordNumber => Letter::MedicalRecord,
        }
    }

    /// Whom it tells of, where the number itself says so.
    pub const fn class(self) -> Option<Class> {
        match self {
            Kind::HpiO => Some(Class::Business),
            Kind::HpiI | Kind::AuProvider | Kind::UsNpi => Some(Class::Staff),
            Kind::Ihi
            | Kind::AuMedicare
            | Kind::AuMedicarePerson
            | Kind::Dva
            | Kind::Nhs
            | Kind::UsSsn
            | Kind::UsMbi => Some(Class::Patient),
            Kind::Card
            | Kind::Iban
            | Kind::PhoneInternational
            | Kind::PhoneNational
            | Kind::Email
            | Kind::Url
            | Kind::Ipv4
            | Kind::Ipv6
            | Kind::Date
            | Kind::AgeOver89
            | Kind::Vin
            | Kind::RecordNumber => None,
        }
    }

    /// How sure one may be of a candidate by its form alone: as it is written, with nothing around it that tells.
    pub fn sure_alone(self, candidate: &str) -> Sure {
        let grouped = |lengths: &[usize]| Compact::read(candidate).is_some_and(|number| number.groups() == lengths);
        let probable = match self {
            Kind::Ihi | Kind::HpiI | Kind::HpiO | Kind::Iban => return Sure::Certain,
            Kind::Email | Kind::Url | Kind::Ipv4 | Kind::Ipv6 | Kind::AgeOver89 | Kind::PhoneInternational => true,
            Kind::Nhs => grouped(&[3, 3, 4]),
            Kind::UsSsn => grouped(&[3, 2, 4]),
            Kind::UsMbi => grouped(&[4, 3, 4]),
            // As the card shows it: one number in ten of the right length passes the check, few are so grouped.
            Kind::AuMedicare => grouped(&[4, 5, 1]),
            Kind::AuMedicarePerson => grouped(&[4, 5, 1, 1]) || grouped(&[4, 5, 2]),
            Kind::Card => grouped(&[4, 4, 4, 4]) || grouped(&[4, 6, 5]) || grouped(&[4, 6, 4]),
            Kind::AuProvider
            | Kind::Dva
            | Kind::UsNpi
            | Kind::PhoneNational
            | Kind::Date
            | Kind::Vin
            | Kind::RecordNumber => false,
        };
        if probable { Sure::Probable } else { Sure::Possible }
    }
}

/// All kinds that a candidate may be, the surest first where one excludes the others. Dates and ages ask for their own
/// candidates; a date in digits is found here too.
pub fn kinds(candidate: &str) -> Vec<Kind> {
    let all: [fn(&str) -> Option<Kind>; 18] = [
        ihi,
        iban,
        au_medicare,
        nhs,
        us_mbi,
        us_ssn,
        npi,
        card,
        au_provider,
        dva,
        vin,
        email,
        url,
        ipv4,
        ipv6,
        date,
        phone,
        record_number,
    ];
    if candidate.len() > CANDIDATE_BYTES_MAX {
        return url(candidate).into_iter().collect();
    }
    all.iter().filter_map(|validator| validator(candidate)).collect()
}

/// Vehicle identification number: 17 characters without I, O and Q, of which the ninth checks the others (ISO 3779 with the
/// check digit of 49 CFR 565.15).
pub fn vin(candidate: &str) -> Option<Kind> {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let number = Compact::read(candidate)?;
    let text = Some(number.as_str()).filter(|text| text.len() == 17)?;
    let value = |byte: u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'H' => Some(u32::from(byte - b'A') + 1),
        b'J'..=b'N' => Some(u32::from(byte - b'J') + 1),
        b'P' => Some(7),
        b'R' => Some(9),
        b'S'..=b'Z' => Some(u32::from(byte - b'S') + 2),
        _ => None,
    };
    let weighted = text.bytes().zip(WEIGHTS).map(|(byte, weight)| Some(value(byte)? * weight));
    let sum: u32 = weighted.sum::<Option<u32>>()?;
    let check = if sum % 11 == 10 { 'X' } else { char::from_digit(sum % 11, 10)? };
    // A number of digits only is more often something else.
    let has_letter = text.bytes().any(|byte| byte.is_ascii_uppercase());
    (has_letter && text.chars().nth(8) == Some(check)).then_some(Kind::Vin)
}

/// Up to four letters and five to twelve digits: only with a word before it that says so.
pub fn record_number(candidate: &str) -> Option<Kind> {
    let letters = candidate.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = candidate.get(letters..)?;
    let fits = letters <= 4 && (5..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(Kind::RecordNumber)
}

/// What may stand between groups of one number.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '\u{2010}' | '\u{2011}' | '\u{2013}')
}

/// A number without its separators: at most so many letters and digits, in at most so many groups. An IBAN has 34.
const COMPACT_BYTES_MAX: usize = 40;
const GROUPS_MAX: usize = 12;

/// Letters in capitals and digits, and how they were grouped. It lies on the stack: candidates come by the million.
#[derive(Debug, Clone, Copy)]
struct Compact {
    bytes: [u8; COMPACT_BYTES_MAX],
    length: usize,
    groups: [usize; GROUPS_MAX],
    group_count: usize,
}

impl Compact {
    /// Reads letters and digits with one separator between any two groups. Nothing if anything else is in it.
    fn read(candidate: &str) -> Option<Compact> {
        let mut compact = Compact { bytes: [0; COMPACT_BYTES_MAX], length: 0, groups: [0; GROUPS_MAX], group_count: 0 };
        let mut group = 0;
        for c in candidate.chars() {
            if is_separator(c) {
                compact.end_group(&mut group)?;
                continue;
            }
            let byte = u8::try_from(c).ok().filter(u8::is_ascii_alphanumeric)?;
            *compact.bytes.get_mut(compact.length)? = byte.to_ascii_uppercase();
            compact.length += 1;
            group += 1;
        }
        compact.end_group(&mut group)?;
        Some(compact)
    }

    fn end_group(&mut self, length: &mut usize) -> Option<()> {
        let length = std::mem::take(length);
        let slot = self.groups.get_mut(self.group_count).filter(|_| length > 0)?;
        *slot = length;
        self.group_count += 1;
        Some(())
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn groups(&self) -> &[usize] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// The digits of a number that is nothing else.
    fn digits(&self) -> Option<Digits> {
        let mut values = [0; COMPACT_BYTES_MAX];
        for (value, byte) in values.iter_mut().zip(self.as_str().bytes()) {
            *value = char::from(byte).to_digit(10)?;
        }
        Some(Digits { values, length: self.length })
    }
}

/// The digits of a number.
struct Digits {
    values: [u32; COMPACT_BYTES_MAX],
    length: usize,
}

impl Deref for Digits {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        self.values.get(..self.length).unwrap_or_default()
    }
}

/// The digits of a candidate of so many digits at least and at most.
fn digits(candidate: &str, lengths: RangeInclusive<usize>) -> Option<Digits> {
    // A separator takes up to three bytes; what is much longer is not looked at.
    let digits = (candidate.len() <= COMPACT_BYTES_MAX * 2).then(|| Compact::read(candidate)).flatten()?.digits()?;
    lengths.contains(&digits.len()).then_some(digits)
}

/// ISO/IEC 7812-1 annex B: from the right, every second digit doubled.
fn luhn<'d>(digits: impl DoubleEndedIterator<Item = &'d u32>) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weighted = digits.rev().enumerate().map(|(at, &digit)| if at % 2 == 1 { doubled(digit) } else { digit });
    weighted.sum::<u32>() % 10 == 0
}

/// The sum of digits, each times its weight.
fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_stand_alone_and_inside() {
        let number = Compact::read("12 34-ab.5/6\u{a0}7").unwrap();
        assert_eq!((number.as_str(), number.groups()), ("1234AB567", &[2, 2, 2, 1, 1, 1][..]));
        for bad in ["", " 1", "1 ", "1  2", "1--2", "1_2", "1,2", "(1)", "é", &"1".repeat(41), &"1 ".repeat(13)] {
            assert!(Compact::read(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_vin_checks_itself() {
        assert_eq!(vin("1M8GDM9AXKP042788"), Some(Kind::Vin));
        assert_eq!(vin("1HGCM82633A004352"), Some(Kind::Vin));
        assert_eq!(vin("1M8GDM9A1KP042788"), None);
        assert_eq!(vin("11111111111111111"), None);
        assert_eq!(vin("1M8GDM9AXKP04278I"), None);
    }

    #[test]
    fn record_numbers_are_letters_then_digits() {
        for yes in ["12345", "MRN123456", "AB123456789012"] {
            assert_eq!(record_number(yes), Some(Kind::RecordNumber), "{yes}");
        }
        for no in ["1234", "ABCDE12345", "1234567890123", "MR-12345", "mrn12345", "12345X", ""] {
            assert_eq!(record_number(no), None, "{no}");
        }
    }

    #[test]
    fn a_long_candidate_costs_nothing() {
        let long = "1".repeat(10_000_000);
        assert_eq!(kinds(&long), []);
        assert_eq!(kinds(&format!("https://example.com/{long}")), [Kind::Url]);
    }

    #[test]
    fn what_a_number_is_says_whom_it_is_of() {
        assert_eq!((Kind::Ihi.letter().letter(), Kind::Ihi.class()), ('I', Some(Class::Patient)));
        assert_eq!((Kind::HpiO.letter().letter(), Kind::HpiO.class()), ('K', Some(Class::Business)));
        assert_eq!((Kind::UsSsn.letter().letter(), Kind::Card.letter().letter()), ('G', 'J'));
        assert_eq!((Kind::Vin.letter().letter(), Kind::Ipv4.letter().letter()), ('L', 'O'));
    }

    /// `inspection.md` section 13, 5: of numbers without context none is certain and fewer than one in a thousand probable.
    #[test]
    fn random_numbers_prove_nothing() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let (mut certain, mut probable) = (0, 0);
        for _ in 0..100_000 {
            let length = usize::try_from(6 + draw(14)).unwrap();
            let number: String = (0..length).map(|_| char::from(b'0' + u8::try_from(draw(10)).unwrap())).collect();
            for kind in kinds(&number) {
                certain += usize::from(kind.sure_alone(&number) == Sure::Certain);
                probable += usize::from(kind.sure_alone(&number) == Sure::Probable);
            }
        }
        assert!(certain == 0 && probable < 100, "{certain} certain, {probable} probable");
    }
}
