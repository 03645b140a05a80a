//! Days as people and formats write them, and ages that the law counts as identifying.

use super::{CANDIDATE_BYTES_MAX, Kind};
use crate::dates::is_date;

/// Years that a date of a person may have.
const YEARS: std::ops::RangeInclusive<u16> = 1800..=2199;

/// Names of months in English, German, French and Spanish: at least their first three letters.
const MONTHS: [&[&str]; 12] = [
    &["january", "januar", "janvier", "enero", "jänner"],
    &["february", "februar", "février", "fevrier", "febrero"],
    &["march", "märz", "maerz", "mars", "marzo"],
    &["april", "avril", "abril"],
    &["may", "mai", "mayo"],
    &["june", "juni", "juin", "junio"],
    &["july", "juli", "juillet", "julio"],
    &["august", "août", "aout", "agosto"],
    &["september", "septembre", "septiembre", "setiembre"],
    &["october", "oktober", "octobre", "octubre"],
    &["november", "novembre", "noviembre"],
    &["december", "dezember", "décembre", "decembre", "diciembre"],
];

/// A day, or a month with its year: ISO 8601, day or month first, month by name, HL7 TS, DICOM DA. A bare year is none,
/// and no digits that could be anything else.
pub fn date(candidate: &str) -> Option<Kind> {
    if candidate.len() > CANDIDATE_BYTES_MAX {
        return None;
    }
    let text = candidate.trim();
    let found = digits_only(text) || separated(text) || by_name(text);
    found.then_some(Kind::Date)
}

fn day(year: &str, month: &str, day: &str) -> bool {
    let parsed = || Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?));
    // A year of two digits is some year; 2000 has every day.
    parsed().is_some_and(|(year, month, day): (u16, u8, u8)| match year {
        0..=99 => is_date(2000, month, day),
        year => YEARS.contains(&year) && is_date(year, month, day),
    })
}

/// HL7 TS and DICOM DA: `YYYYMMDD`, perhaps with the time and the zone behind it.
fn digits_only(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (Some(number), Some(rest)) = (text.get(..digits), text.get(digits..)) else { return false };
    let time = number.get(8..).unwrap_or_default();
    let in_time =
        |at: usize, max: u8| time.get(at..at + 2).is_none_or(|part| part.parse().is_ok_and(|part: u8| part <= max));
    let time_fits = matches!(digits, 8 | 10 | 12 | 14) && in_time(0, 23) && in_time(2, 59) && in_time(4, 60);
    let rest_fits = rest.is_empty() || (digits > 8 && is_fraction_and_zone(rest));
    let parts = (number.get(..4), number.get(4..6), number.get(6..8));
    time_fits && rest_fits && matches!(parts, (Some(year), Some(month), Some(of)) if day(year, month, of))
}

/// `.123`, `+1000`, or both.
fn is_fraction_and_zone(rest: &str) -> bool {
    let (fraction, zone) = rest.split_at(rest.find(['+', '-']).unwrap_or(rest.len()));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction_fits = fraction.strip_prefix('.').map_or(fraction.is_empty(), |part| !part.is_empty() && digits(part));
    let zone_fits = zone.is_empty() || (zone.len() == 5 && zone.get(1..).is_some_and(digits));
    fraction_fits && zone_fits
}

/// Three numbers with the same separator: year first, or day or month first.
fn separated(text: &str) -> bool {
    // ISO 8601 and RFC 3339: the time has its own rules, and no bearing on whether there is a day.
    let text = text.split_once(['T', ' ']).filter(|(_, time)| is_time(time)).map_or(text, |(day, _)| day);
    let Some(separator) = text.chars().find(|c| !c.is_ascii_digit()).filter(|c| "-/.".contains(*c)) else {
        return false;
    };
    let parts: Vec<&str> = text.split(separator).collect();
    let [first, second, third] = parts.as_slice() else { return false };
    if !parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    match (first.len(), second.len(), third.len()) {
        (4, 1..=2, 1..=2) => day(first, second, third),
        (1..=2, 1..=2, 4) => day(third, second, first) || day(third, first, second),
        // Versions have dots and small numbers too: `1.2.10` is no date.
        (1..=2, 1..=2, 2) if separator != '.' || (first.len() == 2 && second.len() == 2) => {
            day(third, second, first) || day(third, first, second)
        }
        _ => false,
    }
}

fn is_time(text: &str) -> bool {
    text.contains(':') && text.chars().all(|c| c.is_ascii_digit() || ":.+-Z ".contains(c))
}

/// A month by name with a day, a year, or both; `12th of March 1980`, `12-Mar-80`, `March 1980`.
fn by_name(text: &str) -> bool {
    let words = text.split([' ', '\u{a0}', '-', '.', ',', '/']).filter(|word| !word.is_empty());
    let (mut month, mut numbers) = (None, Vec::new());
    for word in words {
        let lower = word.to_lowercase();
        if matches!(lower.as_str(), "of" | "the" | "de" | "del" | "den") {
            continue;
        }
        if let Some(named) = month_number(&lower) {
            if month.replace(named).is_some() {
                return false;
            }
            continue;
        }
        let number = ["st", "nd", "rd", "th", "er"].iter().find_map(|end| lower.strip_suffix(end)).unwrap_or(&lower);
        match number.parse::<u16>() {
            Ok(number) if numbers.len() < 2 => numbers.push(number),
            Ok(_) | Err(_) => return false,
        }
    }
    let Some(month) = month else { return false };
    let is_day = |number: &u16| u8::try_from(*number).is_ok_and(|day| is_date(2000, month, day));
    let is_year = |number: &u16| YEARS.contains(number) || *number <= 99;
    match numbers.as_slice() {
        [one] => is_day(one) || YEARS.contains(one),
        [first, second] => (is_day(first) && is_year(second)) || (is_year(first) && is_day(second)),
        _ => false,
    }
}

fn month_number(word: &str) -> Option<u8> {
    if word.chars().count() < 3 {
        return None;
    }
    let place = MONTHS.iter().position(|names| names.iter().any(|name| name.starts_with(word)))?;
    u8::try_from(place + 1).ok()
}

/// An age from 90 to 125, with the word that makes a number an age: `aged 93`, `93 y/o`, `93-year-old`, DICOM `094Y`.
pub fn age_over_89(candidate: &str) -> Option<Kind> {
    if candidate.len() > CANDIDATE_BYTES_MAX {
        return None;
    }
    let lower = candidate.trim().to_ascii_lowercase();
    let of_dicom = lower.strip_suffix('y').filter(|number| number.len() == 3);
    let before = ["aged", "age:", "age"].iter().find_map(|word| lower.strip_prefix(word));
    let after =
        ["-year-old", " years old", " year old", "-years-old", " y/o", "y/o", " yo", "yo", " years", " yrs", "yrs"]
            .iter()
            .find_map(|word| lower.strip_suffix(word));
    let number = of_dicom.or(before).or(after)?.trim();
    let years: u16 = number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    (90..=125).contains(&years).then_some(Kind::AgeOver89)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        for yes in [
            "2026-11-23",
            "2026-11-23T09:50:01Z",
            "2026-11-23 09:50",
            "2026/1/2",
            "23/11/2026",
            "11/23/2026",
            "3-4-99",
            "12.03.1980",
            "12.03.80",
            "19241012",
            "198808181126+0215",
            "20210817151943.4+0200",
            "2024022912",
            "29/02/2024",
            "12 March 1980",
            "March 12, 1980",
            "12-Mar-1980",
            "12th of March 1980",
            "Mar 1980",
            "1st Jan",
            "5. Mai 1975",
            "12 de marzo de 1980",
            "3 août 2001",
            "Sept 3 1999",
            "12 mar 80",
        ] {
            assert_eq!(date(yes), Some(Kind::Date), "{yes}");
        }
    }

    #[test]
    fn a_bare_year_and_other_numbers_are_no_days() {
        for no in [
            "",
            "1980",
            "198003",
            "1980-03",
            "2023-02-29",
            "30/02/2024",
            "13/13/2024",
            "20241301",
            "19240000",
            "17001012",
            "1.2.10",
            "1.2.3",
            "192.0.2.1",
            "March",
            "12",
            "12 13",
            "ma 1980",
            "March April 1980",
            "1 2 3 March",
            "12345678901234",
            "202102172560",
            "2026-11-23T",
            "2026-11/23",
            "12th",
            "Marching 12",
        ] {
            assert_eq!(date(no), None, "{no}");
        }
    }

    #[test]
    fn ages_identify_from_90_on() {
        for yes in ["aged 90", "93 y/o", "93-year-old", "125 years old", "094Y", "Age: 99", "age 101", "95yo", "90 yrs"]
        {
            assert_eq!(age_over_89(yes), Some(Kind::AgeOver89), "{yes}");
        }
        for no in ["aged 89", "89-year-old", "126 years old", "089Y", "94", "94Y", "year-old", "aged +90", "90 mg", ""]
        {
            assert_eq!(age_over_89(no), None, "{no}");
        }
    }
}
