//! National numbers of patients and practitioners.

use super::{Compact, Kind, digits, luhn, weighted};

/// IHI, HPI-I and HPI-O: sixteen digits by AS 5017 and AS 4846, a prefix of ISO 7812 and Luhn's check.
pub fn ihi(candidate: &str) -> Option<Kind> {
    let digits = digits(candidate, 16..=16)?;
    let kind = match digits.get(..6)? {
        [8, 0, 0, 3, 6, 0] => Kind::Ihi,
        [8, 0, 0, 3, 6, 1] => Kind::HpiI,
        [8, 0, 0, 3, 6, 2] => Kind::HpiO,
        _ => return None,
    };
    luhn(digits.iter()).then_some(kind)
}

/// Australian Medicare number: eight digits that the ninth checks, the card's issue, and perhaps the person on the card.
/// The weights are eight; a public page that says seven leaves the last digit unchecked.
pub fn au_medicare(candidate: &str) -> Option<Kind> {
    const WEIGHTS: [u32; 8] = [1, 3, 7, 9, 1, 3, 7, 9];
    let digits = digits(candidate, 10..=11)?;
    let (stem, rest) = digits.split_at_checked(8)?;
    let first = stem.first().is_some_and(|first| (2..=6).contains(first));
    let check = weighted(stem, &WEIGHTS) % 10;
    match rest {
        _ if !first => None,
        [ninth, 1..=9] if *ninth == check => Some(Kind::AuMedicare),
        [ninth, 1..=9, 1..=9] if *ninth == check => Some(Kind::AuMedicarePerson),
        _ => None,
    }
}

/// Australian Medicare provider number: a stem of up to six digits, the practice location, a check letter.
pub fn au_provider(candidate: &str) -> Option<Kind> {
    const LOCATIONS: &str = "0123456789ABCDEFGHJKLMNPQRTUVWXY";
    const CHECKS: &str = "YXWTLKJHFBA";
    const WEIGHTS: [u32; 6] = [3, 5, 8, 4, 2, 1];
    let number = Compact::read(candidate)?;
    let mut characters = Some(number.as_str()).filter(|text| (7..=8).contains(&text.len()))?.chars().rev();
    let (check, location) = (characters.next()?, characters.next()?);
    let place = u32::try_from(LOCATIONS.find(location)?).ok()?;
    // From the right, so that a short stem has zeros in front.
    let stem = characters.zip(WEIGHTS.iter().rev()).map(|(c, weight)| Some(c.to_digit(10)? * weight));
    let sum = stem.sum::<Option<u32>>()? + 6 * place;
    let expected = CHECKS.chars().nth(usize::try_from(sum % 11).ok()?);
    (expected == Some(check)).then_some(Kind::AuProvider)
}

/// Australian DVA file number: the state, up to three letters of the conflict, digits to eight characters, and perhaps a
/// letter for a dependant. It has no check.
pub fn dva(candidate: &str) -> Option<Kind> {
    let text = Compact::read(candidate)?;
    let (number, dependant) = text.as_str().split_at_checked(8).filter(|(_, dependant)| dependant.len() <= 1)?;
    let state = number.starts_with(['N', 'V', 'Q', 'W', 'S', 'T']);
    let letters = number.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = number.get(letters..)?;
    let fits = (1..=4).contains(&letters) && digits.bytes().all(|byte| byte.is_ascii_digit());
    (state && fits && dependant.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(Kind::Dva)
}

/// NHS number: nine digits and a check of modulus 11; a check of 10 is never given out.
pub fn nhs(candidate: &str) -> Option<Kind> {
    const WEIGHTS: [u32; 9] = [10, 9, 8, 7, 6, 5, 4, 3, 2];
    let digits = digits(candidate, 10..=10)?;
    let (check, stem) = digits.split_last()?;
    let expected = match 11 - weighted(stem, &WEIGHTS) % 11 {
        11 => 0,
        other => other,
    };
    // Ten equal digits pass, and are what people write who have no number.
    let filler = stem.iter().all(|digit| digit == check);
    (expected == *check && !filler).then_some(Kind::Nhs)
}

/// US Social Security number, grouped 3-2-4 or not at all. It has no check, only numbers that were never given out, and
/// three that were printed on wallets and in advertisements.
pub fn us_ssn(candidate: &str) -> Option<Kind> {
    const PRINTED: [&str; 3] = ["078051120", "457555462", "219099999"];
    let number = Compact::read(candidate).filter(|number| matches!(number.groups(), [3, 2, 4] | [9]))?;
    let text = number.as_str();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) || PRINTED.contains(&text) {
        return None;
    }
    let (area, group, serial) = (text.get(..3)?, text.get(3..5)?, text.get(5..)?);
    let given = area != "000" && area != "666" && !area.starts_with('9') && group != "00" && serial != "0000";
    given.then_some(Kind::UsSsn)
}

/// US Medicare Beneficiary Identifier: eleven characters, each of its class, without the letters that look like digits.
pub fn us_mbi(candidate: &str) -> Option<Kind> {
    /// `C` is 1 to 9, `N` a digit, `A` a letter, `X` either.
    const CLASSES: &[u8; 11] = b"CAXNAXNAANN";
    let number = Compact::read(candidate)?;
    let text = Some(number.as_str()).filter(|text| text.len() == CLASSES.len())?;
    let letter = |byte: u8| byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
    let fits = |(byte, class): (u8, &u8)| match class {
        b'C' => (b'1'..=b'9').contains(&byte),
        b'N' => byte.is_ascii_digit(),
        b'A' => letter(byte),
        _ => letter(byte) || byte.is_ascii_digit(),
    };
    text.bytes().zip(CLASSES).all(fits).then_some(Kind::UsMbi)
}

/// US National Provider Identifier: ten digits, Luhn's check over them with 80840 in front (45 CFR 162.406).
pub fn npi(candidate: &str) -> Option<Kind> {
    let digits = digits(candidate, 10..=10).filter(|digits| matches!(digits.first(), Some(1 | 2)))?;
    luhn([8, 0, 8, 4, 0].iter().chain(digits.iter())).then_some(Kind::UsNpi)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Sure;

    fn lines(text: &'static str) -> Vec<&'static str> {
        text.lines().filter(|line| !line.is_empty()).collect()
    }

    /// No number of the list passes with any one digit changed.
    fn mutations(number: &str, validator: fn(&str) -> Option<Kind>, checked: std::ops::Range<usize>) {
        for at in checked {
            for digit in "0123456789".chars() {
                let mut changed = number.to_owned();
                changed.replace_range(at..=at, &digit.to_string());
                assert_eq!(validator(&changed).is_some(), changed == number, "{changed}");
            }
        }
    }

    #[test]
    fn every_ihi_of_the_australian_test_patients_passes_and_none_with_a_digit_changed() {
        let all = lines(include_str!("../../tests/data/fhir-au/ihi.txt"));
        assert!(all.len() >= 51);
        for number in all {
            assert_eq!(ihi(number), Some(Kind::Ihi), "{number}");
            mutations(number, ihi, 0..16);
            let spaced = format!("{} {} {} {}", &number[..4], &number[4..8], &number[8..12], &number[12..]);
            assert_eq!(ihi(&spaced), Some(Kind::Ihi));
        }
        for number in lines(include_str!("../../tests/data/fhir-au/hpio.txt")) {
            assert_eq!(ihi(number), Some(Kind::HpiO), "{number}");
        }
        assert_eq!(ihi("8003610833334085"), Some(Kind::HpiI));
        assert_eq!(ihi("8003630833334085"), None);
        assert_eq!(Kind::Ihi.sure_alone("8003608333647287"), Sure::Certain);
    }

    #[test]
    fn medicare_numbers_check_their_ninth_digit() {
        assert_eq!(au_medicare("2123 45670 1"), Some(Kind::AuMedicare));
        assert_eq!(au_medicare("2123456701"), Some(Kind::AuMedicare));
        assert_eq!(au_medicare("2123 45670 1 2"), Some(Kind::AuMedicarePerson));
        for bad in ["6951449677", "2123456711", "1123456701", "7123456701", "2123456700", "21234567010", "212345670"] {
            assert_eq!(au_medicare(bad), None, "{bad}");
        }
        mutations("2123456701", au_medicare, 0..9);
        let all = lines(include_str!("../../tests/data/fhir-au/medicare.txt"));
        let failing: Vec<_> = all.iter().filter(|number| au_medicare(number).is_none()).collect();
        assert_eq!((failing, all.len()), (vec![&"6951449677"], 48));
        assert_eq!(Kind::AuMedicare.sure_alone("2123 45670 1"), Sure::Probable);
        assert_eq!(Kind::AuMedicare.sure_alone("2123456701"), Sure::Possible);
    }

    #[test]
    fn provider_numbers_check_their_last_letter() {
        assert_eq!(au_provider("2426621B"), Some(Kind::AuProvider));
        assert_eq!(au_provider("242662 1B"), Some(Kind::AuProvider));
        assert_eq!(au_provider("2426621A"), None);
        assert_eq!(au_provider("2426611B"), None);
        // The location has no I, O, S or Z.
        assert_eq!(au_provider("242662IB"), None);
        // A stem of five digits is one with a zero in front.
        assert_eq!((au_provider("12345KJ"), au_provider("012345KJ")), (Some(Kind::AuProvider), Some(Kind::AuProvider)));
        assert_eq!(au_provider("2345KB"), None);
    }

    #[test]
    fn dva_numbers_have_a_state_and_eight_characters() {
        for number in lines(include_str!("../../tests/data/fhir-au/dva.txt")) {
            assert_eq!(dva(number), Some(Kind::Dva), "{number}");
        }
        for yes in ["N1234567", "VX123456", "QSS12345", "TABC1234", "NX123456A"] {
            assert_eq!(dva(yes), Some(Kind::Dva), "{yes}");
        }
        for no in ["AX123456", "NABCD123", "NX12345", "NX1234567", "NX123456AB", "12345678"] {
            assert_eq!(dva(no), None, "{no}");
        }
    }

    #[test]
    fn nhs_numbers_check_by_modulus_11() {
        assert_eq!(nhs("943 476 5919"), Some(Kind::Nhs));
        assert_eq!(nhs("9434765919"), Some(Kind::Nhs));
        mutations("9434765919", nhs, 0..10);
        assert_eq!(nhs("1111111111"), None);
        assert_eq!(nhs("943476591"), None);
        assert_eq!(Kind::Nhs.sure_alone("943 476 5919"), Sure::Probable);
        assert_eq!(Kind::Nhs.sure_alone("9434765919"), Sure::Possible);
    }

    #[test]
    fn social_security_numbers_are_those_that_were_given_out() {
        for yes in ["123-45-6789", "123 45 6789", "123456789", "425-57-9745"] {
            assert_eq!(us_ssn(yes), Some(Kind::UsSsn), "{yes}");
        }
        for no in [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "999-32-7438",
            "123-00-4567",
            "123-45-0000",
            "078-05-1120",
            "457-55-5462",
            "219-09-9999",
            "12-345-6789",
            "1234-56-789",
            "123-45-678",
            "123-45-67890",
            "123-4A-6789",
        ] {
            assert_eq!(us_ssn(no), None, "{no}");
        }
        assert_eq!(Kind::UsSsn.sure_alone("123-45-6789"), Sure::Probable);
        assert_eq!(Kind::UsSsn.sure_alone("123456789"), Sure::Possible);
    }

    #[test]
    fn beneficiary_identifiers_have_their_classes() {
        assert_eq!(us_mbi("1EG4-TE5-MK73"), Some(Kind::UsMbi));
        assert_eq!(us_mbi("1EG4TE5MK73"), Some(Kind::UsMbi));
        assert_eq!(us_mbi("1eg4-te5-mk73"), Some(Kind::UsMbi));
        for no in ["0EG4-TE5-MK73", "1SG4-TE5-MK73", "1EG4-TE5-MO73", "1EGA-TE5-MK73", "1EG4-TE5-MK7", "1EG4-TE5-MK7A"]
        {
            assert_eq!(us_mbi(no), None, "{no}");
        }
        assert_eq!(Kind::UsMbi.sure_alone("1EG4-TE5-MK73"), Sure::Probable);
    }

    #[test]
    fn provider_identifiers_check_with_their_prefix() {
        assert_eq!(npi("1234567893"), Some(Kind::UsNpi));
        mutations("1234567893", npi, 1..10);
        assert_eq!(npi("3234567893"), None);
        assert_eq!(npi("123456789"), None);
    }
}
