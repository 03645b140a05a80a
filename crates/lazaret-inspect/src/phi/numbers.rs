//! Check digits and fixed forms of identifiers. A check digit alone is never enough: one number in ten passes by chance.

/// Digits of a text as numbers; what is no digit is left out.
pub(super) fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// Luhn (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u32]) -> bool {
    let double = |digit: u32| if digit * 2 > 9 { digit * 2 - 9 } else { digit * 2 };
    let add = |sum: u32, (at, digit): (usize, &u32)| sum + if at % 2 == 1 { double(*digit) } else { *digit };
    digits.len() > 1 && digits.iter().rev().enumerate().fold(0, add) % 10 == 0
}

/// What a 16-digit Australian healthcare identifier is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Healthcare {
    /// IHI, 800360: a person who receives care.
    Individual,
    /// HPI-I 800361 and HPI-O 800362: who gives it.
    Provider,
}

/// IHI, HPI-I or HPI-O (AU Core `inv-ihi-value`: prefix and Luhn).
pub(super) fn healthcare(digits: &[u32]) -> Option<Healthcare> {
    let kind = match digits {
        [8, 0, 0, 3, 6, 0, ..] => Healthcare::Individual,
        [8, 0, 0, 3, 6, 1 | 2, ..] => Healthcare::Provider,
        _ => return None,
    };
    (digits.len() == 16 && luhn(digits)).then_some(kind)
}

/// Medicare card number: 10 digits, or 11 with the individual reference. Eight weights; the ninth digit is the check, the
/// tenth the issue.
pub(super) fn medicare(digits: &[u32]) -> bool {
    let [first @ 2..=6, ..] = digits else { return false };
    let reference = digits.get(10).is_none_or(|digit| *digit != 0);
    let sum: u32 = digits.iter().zip([1, 3, 7, 9, 1, 3, 7, 9]).map(|(digit, weight)| digit * weight).sum();
    matches!(digits.len(), 10 | 11) && *first != 0 && reference && digits.get(8) == Some(&(sum % 10))
}

/// NHS number: modulus 11 over weights 10 to 2 (NHS Data Dictionary).
pub(super) fn nhs(digits: &[u32]) -> bool {
    let [head @ .., check] = digits else { return false };
    let sum: u32 = head.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    let expected = match 11 - sum % 11 {
        11 => 0,
        other => other,
    };
    digits.len() == 10 && expected == *check && digits.iter().any(|digit| *digit != 0)
}

/// US social security number by its three groups (SSA, "randomization" of 2011), without the numbers printed in
/// advertisements.
pub(super) fn ssn(digits: &[u32]) -> bool {
    let [a, b, c, d, e, f, g, h, i] = digits else { return false };
    let (area, group, serial) = (a * 100 + b * 10 + c, d * 10 + e, f * 1000 + g * 100 + h * 10 + i);
    let printed = matches!((area, group, serial), (78, 5, 1120) | (457, 55, 5462) | (219, 9, 9999));
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && !printed
}

/// US national provider identifier: Luhn over `80840` and the number (45 CFR 162.406).
pub(super) fn npi(digits: &[u32]) -> bool {
    let long: Vec<u32> = [8, 0, 8, 4, 0].iter().chain(digits).copied().collect();
    digits.len() == 10 && matches!(digits.first(), Some(1 | 2)) && luhn(&long)
}

/// Payment card: an issuer's range and length, and Luhn.
pub(super) fn card(digits: &[u32]) -> bool {
    let first = |count: usize| digits.iter().take(count).fold(0, |value, digit| value * 10 + digit);
    let issuer = match digits.len() {
        13 => first(1) == 4,
        14 => matches!(first(3), 300..=305) || matches!(first(2), 36 | 38),
        15 => matches!(first(2), 34 | 37),
        16 => first(1) == 4 || matches!(first(2), 51..=55 | 65) || matches!(first(4), 2221..=2720 | 6011 | 3528..=3589),
        19 => first(1) == 4 || matches!(first(4), 6011),
        _ => false,
    };
    issuer && luhn(digits)
}

/// IBAN: country, check digits, modulus 97 (ISO 13616-1), and the length that the country uses.
pub(super) fn iban(text: &str) -> bool {
    const LENGTHS: [(&str, usize); 34] = [
        ("AT", 20),
        ("BE", 16),
        ("BG", 22),
        ("CH", 21),
        ("CY", 28),
        ("CZ", 24),
        ("DE", 22),
        ("DK", 18),
        ("EE", 20),
        ("ES", 24),
        ("FI", 18),
        ("FR", 27),
        ("GB", 22),
        ("GR", 27),
        ("HR", 21),
        ("HU", 28),
        ("IE", 22),
        ("IS", 26),
        ("IT", 27),
        ("LI", 21),
        ("LT", 20),
        ("LU", 20),
        ("LV", 21),
        ("MC", 27),
        ("MT", 31),
        ("NL", 18),
        ("NO", 15),
        ("PL", 28),
        ("PT", 25),
        ("RO", 24),
        ("SE", 24),
        ("SI", 19),
        ("SK", 24),
        ("SM", 27),
    ];
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let (Some(country), Some(check), Some(account)) = (plain.get(..2), plain.get(2..4), plain.get(4..)) else {
        return false;
    };
    let fits = LENGTHS.iter().any(|(name, length)| *name == country && *length == plain.len());
    let order = account.chars().chain(country.chars()).chain(check.chars());
    let rest = order.filter_map(|c| c.to_digit(36)).fold(0_u32, |rest, value| {
        let scale = if value > 9 { 100 } else { 10 };
        (rest * scale + value) % 97
    });
    fits && check.bytes().all(|b| b.is_ascii_digit()) && rest == 1
}

/// US Medicare beneficiary identifier (CMS, "Understanding the MBI format"): 11 places, without S L O I B Z.
pub(super) fn mbi(text: &str) -> bool {
    let letter = |c: u8| c.is_ascii_uppercase() && !b"SLOIBZ".contains(&c);
    let digit = |c: u8| c.is_ascii_digit();
    let either = |c: u8| letter(c) || digit(c);
    let [a, b, c, d, e, f, g, h, i, j, k] = text.as_bytes() else { return false };
    (b'1'..=b'9').contains(a)
        && letter(*b)
        && either(*c)
        && digit(*d)
        && letter(*e)
        && either(*f)
        && digit(*g)
        && letter(*h)
        && letter(*i)
        && digit(*j)
        && digit(*k)
}

/// Australian provider number: stem, location, check (Services Australia).
pub(super) fn provider(text: &str) -> bool {
    const LOCATIONS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUVWXY";
    const CHECKS: &[u8] = b"YXWTLKJHFBA";
    let upper = text.to_ascii_uppercase();
    let [stem @ .., location, check] = upper.as_bytes() else { return false };
    if !(5..=6).contains(&stem.len()) || !stem.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let padded = std::iter::repeat_n(&b'0', 6 - stem.len()).chain(stem);
    let sum: usize = padded.zip([3, 5, 8, 4, 2, 1]).map(|(digit, weight)| usize::from(digit - b'0') * weight).sum();
    let Some(place) = LOCATIONS.iter().position(|known| known == location) else { return false };
    CHECKS.get((sum + place * 6) % 11) == Some(check)
}

/// DVA file number: a state, up to three letters of the war, digits, eight in all, and a dependant's letter. No check.
pub(super) fn veteran(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let Some(rest) = upper.strip_prefix(['N', 'V', 'Q', 'W', 'S', 'T']) else { return false };
    let letters = rest.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = rest.bytes().skip(letters).take_while(u8::is_ascii_digit).count();
    let tail = rest.get(letters + digits..).unwrap_or_default();
    letters <= 3
        && digits >= 2
        && (4..=8).contains(&(1 + letters + digits))
        && (tail.is_empty() || (tail.len() == 1 && tail.bytes().all(|b| b.is_ascii_uppercase())))
}

/// Vehicle identification number with its check digit (ISO 3779; 49 CFR 565.15).
pub(super) fn vin(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |c: char| match c.to_ascii_uppercase() {
        'A' | 'J' => Some(1),
        'B' | 'K' | 'S' => Some(2),
        'C' | 'L' | 'T' => Some(3),
        'D' | 'M' | 'U' => Some(4),
        'E' | 'N' | 'V' => Some(5),
        'F' | 'W' => Some(6),
        'G' | 'P' | 'X' => Some(7),
        'H' | 'Y' => Some(8),
        'R' | 'Z' => Some(9),
        other => other.to_digit(10),
    };
    let Some(values) = text.chars().map(value).collect::<Option<Vec<u32>>>() else { return false };
    let sum: u32 = values.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    let check =
        text.chars().nth(8).map(|c| if c.eq_ignore_ascii_case(&'x') { 10 } else { c.to_digit(10).unwrap_or(99) });
    values.len() == 17 && check == Some(sum % 11)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_digit_changed(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        for (at, c) in text.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
            let other = if c == '9' { '0' } else { char::from(c as u8 + 1) };
            all.push(format!("{}{other}{}", &text[..at], &text[at + 1..]));
        }
        all
    }

    #[test]
    fn published_vectors_pass_and_a_changed_digit_does_not() {
        type Check = fn(&str) -> bool;
        let checks: [(&str, Check); 5] = [
            ("8003608333647261", |text| healthcare(&digits(text)) == Some(Healthcare::Individual)),
            ("943 476 5919", |text| nhs(&digits(text))),
            ("1234567893", |text| npi(&digits(text))),
            ("4111 1111 1111 1111", |text| card(&digits(text))),
            ("DE89370400440532013000", iban),
        ];
        for (vector, check) in checks {
            assert!(check(vector), "{vector}");
            for changed in one_digit_changed(vector) {
                assert!(!check(&changed), "{changed}");
            }
        }
    }

    #[test]
    fn medicare_has_eight_weights_and_an_optional_reference() {
        assert!(medicare(&digits("2123456701")));
        assert!(medicare(&digits("2123 45670 1 1")));
        assert!(!medicare(&digits("6951449677")));
        assert!(!medicare(&digits("1123456701")));
        assert!(!medicare(&digits("21234567010")));
        assert!(!medicare(&digits("212345670")));
    }

    #[test]
    fn fixed_forms() {
        assert!(mbi("1EG4TE5MK73") && !mbi("1SG4TE5MK73") && !mbi("0EG4TE5MK73"));
        assert!(ssn(&digits("536-90-4399")) && !ssn(&digits("666-12-3456")) && !ssn(&digits("078-05-1120")));
        assert!(!ssn(&digits("900-12-3456")) && !ssn(&digits("123-00-3456")) && !ssn(&digits("123-45-0000")));
        assert!(provider("2426621B") && !provider("2426621A") && !provider("2426622B"));
        assert!(veteran("NX901200") && veteran("VSM12345") && !veteran("XX901200") && !veteran("N"));
        assert!(vin("1M8GDM9AXKP042788") && !vin("1M8GDM9A1KP042788"));
    }
}
